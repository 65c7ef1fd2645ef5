"""Links from a job to where else something is known of it, by the profile's templates. Opened by a click alone."""

from __future__ import annotations

from collections.abc import Mapping

from jobdesk_core.job.details import JobDetail
from jobdesk_core.profiles.links import filled, problem, values_of
from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget

from jobdesk.kit import formats
from jobdesk.kit.labels import caption, plain_label
from jobdesk.kit.layouts import in_column
from jobdesk.kit.text_block import Run, TextBlock


class LinksPanel(QWidget):
    """Shows a line per link. One whose values the job does not have says so."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.addresses: list[str] = []
        self.block = TextBlock()
        self.block.setAccessibleName(self.tr("Links"))
        self.block.linked.connect(self._open)
        self.hint = plain_label("small")
        in_column(caption(self.tr("LINKS")), self.block, self.hint, within=self, margins=0, spacing=4)

    def show_detail(self, detail: JobDetail, templates: Mapping[str, str]) -> None:
        """Show the links of one job."""
        values = values_of(detail.row, detail.events)
        self.addresses = []
        runs: list[Run] = []
        for name, template in templates.items():
            runs += [Run("\n")] if runs else []
            address = filled(template, values)
            if address is None:
                runs.append(Run(self._cannot(name, template), "secondary"))
                continue
            # By its number: an address is never read back from a text.
            runs.append(Run(formats.cut(name, 60), link=f"link:{len(self.addresses)}"))
            runs.append(Run(f"  {formats.cut(address, 120)}", "secondary"))
            self.addresses.append(address)
        self.block.set_runs(runs)
        self.block.setVisible(bool(runs))
        self.hint.setText(self._hint(bool(templates)))

    def _cannot(self, name: str, template: str) -> str:
        text = problem(template) or self.tr("This job lacks some of the values that the link needs.")
        return f"{formats.cut(name, 60)}: {text}"

    def _hint(self, has_links: bool) -> str:
        if has_links:
            return self.tr(
                "The database keeps no traceback and no output of a job. A link leads to where you keep them."
            )
        return self.tr(
            "The database keeps no traceback and no output of a job. Add the address of your logs in the connection's"
            " settings, such as https://logs.example/{job_id}, to have a link to them here."
        )

    def _open(self, link: str) -> None:
        number = link.removeprefix("link:")
        if number.isdecimal() and int(number) < len(self.addresses):
            url = QUrl(self.addresses[int(number)], QUrl.ParsingMode.StrictMode)
            if url.isValid() and url.scheme() in ("http", "https"):
                QDesktopServices.openUrl(url)
