"""What somebody's file of connections would bring: looked at first, and only what is ticked is saved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jobdesk_core.profiles import ProfileStore, UnreadableProfiles, UnsavableProfile
from jobdesk_core.profiles.shared import Arrival, compare, read_shared
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QTreeWidget, QTreeWidgetItem, QWidget

from jobdesk.kit import formats
from jobdesk.kit.dialog_frame import DialogFrame
from jobdesk.kit.text_block import as_tooltip
from jobdesk.kit.theme import theme

ROW = 28
LONGEST = 200


class ImportDialog(DialogFrame):
    """Emits `imported` with the names that were saved. Raises UnreadableShared for a file that is none."""

    help_place = ("connections", "shared")

    imported = Signal(list)

    def __init__(self, parent: QWidget | None, *, store: ProfileStore, path: Path) -> None:
        self._arrivals = compare(read_shared(path), store.own())
        super().__init__(
            parent,
            title=self.tr("Import connections"),
            sentence=self.tr("From {file}. It holds no passwords: each person signs in with their own.").format(
                file=formats.cut(str(path), 120)
            ),
            verb=self.tr("Import"),
            width=640,
        )
        self._store = store
        self.tree = QTreeWidget()
        self.tree.setAccessibleName(self.tr("Connections in the file"))
        self.tree.setHeaderLabels([self.tr("name"), self.tr("leads to"), self.tr("here")])
        self.tree.setRootIsDecorated(False)
        self.tree.setColumnWidth(0, theme().grown(160))
        self.tree.setColumnWidth(1, theme().grown(230))
        self.tree.setMinimumHeight(theme().grown(240))
        for arrival in self._arrivals:
            self._row(arrival)
        self.tree.itemChanged.connect(lambda *_: self._count())
        self.content.addWidget(self.tree)
        self._count()

    def submit(self) -> None:
        """Save what is ticked; what could not be saved stays, with the reason."""
        names: list[str] = []
        for arrival in self.ticked():
            try:
                self._store.save(arrival.profile)
            except (OSError, UnreadableProfiles, UnsavableProfile) as error:
                self.message.show_message(
                    "bad",
                    self.tr("{name} could not be saved.").format(name=formats.cut(arrival.profile.name, 60)),
                    str(error),
                )
                self.imported.emit(names)
                return
            names.append(arrival.profile.name)
        self.imported.emit(names)
        self.accept()

    def ticked(self) -> Sequence[Arrival]:
        """What would be saved."""
        items = [self.tree.topLevelItem(row) for row in range(self.tree.topLevelItemCount())]
        pairs = zip(self._arrivals, items, strict=True)
        return [arrival for arrival, item in pairs if item is not None and item.checkState(0) is Qt.CheckState.Checked]

    def _row(self, arrival: Arrival) -> None:
        profile = arrival.profile
        states = {
            "new": self.tr("new"),
            "same": self.tr("the same is saved"),
            "differs": self.tr("replaces yours: {fields}").format(fields=", ".join(map(self._field, arrival.differs))),
        }
        texts = [profile.name[:LONGEST], profile.display_dsn[:LONGEST], states[arrival.state]]
        item = QTreeWidgetItem(self.tree, texts)
        # What would replace something of one's own is ticked by hand.
        item.setCheckState(0, Qt.CheckState.Checked if arrival.state == "new" else Qt.CheckState.Unchecked)
        item.setDisabled(arrival.state == "same")
        item.setSizeHint(0, QSize(60, theme().grown(ROW)))
        for column, text in enumerate(texts):
            item.setToolTip(column, as_tooltip(text))

    def _field(self, name: str) -> str:
        words = {
            "method": self.tr("way to connect"),
            "dsn": self.tr("connection string"),
            "arguments": self.tr("arguments"),
            "environment": self.tr("environment"),
            "colour": self.tr("colour"),
            "is_read_only": self.tr("read only"),
            "links": self.tr("links"),
            "secret_keys": self.tr("secret keys"),
            "schema": self.tr("schema"),
            "folder": self.tr("folder"),
            "tags": self.tr("tags"),
        }
        return words.get(name, name.replace("_", " "))

    def _count(self) -> None:
        ticked = self.ticked()
        replaced = sum(arrival.state == "differs" for arrival in ticked)
        verb = self.tr("Import {count}") if ticked else self.tr("Import")
        if replaced:
            verb = self.tr("Import {count}, replace {replaced}")
        self.verb.setText(verb.format(count=len(ticked), replaced=replaced))
        self.verb.setEnabled(bool(ticked))
