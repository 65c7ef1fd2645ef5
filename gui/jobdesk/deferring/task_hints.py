"""What is known of the task that is being deferred: its docstring, its arguments, their types and frequent values."""

from __future__ import annotations

from jobdesk_core.operations.deferring.known_task import KnownArgument, KnownTask
from jobdesk_core.profiles.secret_keys import compiled
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QWidget

from jobdesk.deferring.known_tasks import KnownTasks
from jobdesk.kit import formats
from jobdesk.kit.layouts import STRETCH, in_column, scrolled
from jobdesk.kit.text_block import Run, TextBlock
from jobdesk.kit.theme import theme

#: Characters of a docstring, a default and an annotation that are shown.
_DOC, _DEFAULT = 600, 60


class TaskHints(QFrame):
    """Only shows; `template_asked_for` when its button is clicked."""

    template_asked_for = Signal()

    def __init__(self, tasks: KnownTasks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._tasks = tasks
        self._known: KnownTask | None = None
        self._text = TextBlock()
        self.fill = QPushButton(self.tr("Start with these arguments"))
        self.fill.setToolTip(self.tr("Replace the arguments with those that the task needs, for you to fill in"))
        self.fill.setAutoDefault(False)
        self.fill.clicked.connect(self.template_asked_for)
        title = QLabel(self.tr("ABOUT THIS TASK"))
        title.setObjectName("caption")
        inner = QWidget()
        in_column(self._text, STRETCH, within=inner, margins=(0, 0, 4, 0))
        in_column(title, (scrolled(inner), 1), self.fill, within=self, margins=(14, 12, 10, 12), spacing=8)
        self.setMinimumWidth(theme().grown(280))
        self.show_known(None)

    @property
    def text(self) -> str:
        """What is said."""
        return self._text.plain_text

    def show_known(self, known: KnownTask | None) -> None:
        """Show what is known, or that nothing is."""
        self._known = known
        self._text.set_runs(self._nothing() if known is None else [*self._head(known), *self._arguments(known)])
        self.fill.setVisible(known is not None and bool(known.template()))

    def show_problem(self) -> None:
        """Show what is known of the application by now."""
        self.show_known(self._known)

    def _nothing(self) -> list[Run]:
        said = self.tr("Type a task's name to see its usual queue and arguments.")
        return [Run(said, "secondary"), *self._of_code()]

    def _of_code(self) -> list[Run]:
        if self._tasks.problem is not None:
            return [Run("\n\n"), Run(formats.visible(self._tasks.problem), "bad")]
        return [Run("\n\n"), Run(self._about_code(), "secondary")]

    def _about_code(self) -> str:
        app = formats.cut(self._tasks.application, _DEFAULT)
        if self._tasks.has_application:
            return self.tr("Jobdesk has run the code of {app} to ask for its tasks.").format(app=app)
        if app:
            said = self.tr("Signatures come from the code of {app}, which this connection does not allow to be run.")
            return said.format(app=app)
        if self._known is not None and self._known.is_reported:
            return self.tr("Its workers have reported its signature.")
        return self.tr("Set the application in the connection to see its signature, or have its workers report.")

    def _head(self, known: KnownTask) -> list[Run]:
        runs = [Run(formats.cut(known.name, 128), is_strong=True)]
        if known.doc:
            doc = known.doc if len(known.doc) <= _DOC else f"{known.doc[:_DOC]}…"
            runs.append(Run(f"\n{formats.visible_lines(doc)}"))
        if known.queue:
            runs.append(Run("\n" + self.tr("usual queue: {queue}").format(queue=formats.visible(known.queue))))
        sources = []
        if known.jobs:
            several = self.tr("its latest {count} jobs").format(count=formats.number(known.jobs))
            sources.append(several if known.jobs > 1 else self.tr("its one job"))
        if known.is_in_code:
            sources.append(
                self.tr("what its workers report") if known.is_reported else self.tr("the application's code")
            )
        said = self.tr("From {sources}:").format(sources=self.tr(" and ").join(sources))
        none = self.tr("Its arguments are not known: none of the latest jobs has this task.")
        runs.append(Run("\n" + (said if sources else none), "secondary"))
        return [*runs, *self._of_code()]

    def _arguments(self, known: KnownTask) -> list[Run]:
        runs = []
        for argument in known.arguments:
            runs += [Run("\n"), *self._argument(argument, known.jobs)]
        if not known.arguments and (known.jobs or known.is_in_code):
            runs.append(Run("\n" + self.tr("no arguments")))
        return runs

    def _argument(self, argument: KnownArgument, jobs: int) -> list[Run]:
        runs = [Run(formats.cut(argument.key, 80), is_mono=True, is_strong=True)]
        words = [formats.cut(argument.annotation, _DEFAULT) or " | ".join(argument.types)]
        if argument.is_required:
            words.append(self.tr("required"))
        if argument.jobs is not None and argument.jobs < jobs:
            words.append(self.tr("in {percent} %").format(percent=max(1, round(100 * argument.jobs / jobs))))
        is_secret = compiled(self._tasks.secret_keys).search(argument.key) is not None
        if argument.default and not is_secret:
            words.append(self.tr("default {value}").format(value=formats.cut(argument.default, _DEFAULT)))
        runs.append(Run("  " + " · ".join(word for word in words if word), "secondary"))
        if is_secret:
            if argument.values or argument.default:
                runs.append(Run("\n    " + self.tr("hidden: the key looks secret"), "secondary"))
            return runs
        for value, count in argument.values:
            runs += [Run(f"\n    {formats.visible(value)}", is_mono=True), Run(f"  ×{count}", "secondary")]
        return runs
