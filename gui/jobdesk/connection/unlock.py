"""Asks before a read-only connection may do one act: as for an act on production, by the connection's name."""

from __future__ import annotations

from jobdesk_core.profiles import Profile
from PySide6.QtWidgets import QLineEdit, QWidget

from jobdesk.connection.act_access import ActAccess
from jobdesk.kit.dialog_frame import DialogFrame, field


class UnlockDialog(DialogFrame):
    """Says what the permission is for and when it ends; the name has to be typed."""

    help_place = ("connections", "safety")

    def __init__(self, parent: QWidget | None, *, profile: Profile, access: ActAccess) -> None:
        super().__init__(
            parent,
            title=self.tr("Unlock for one act"),
            sentence=self.tr(
                "This connection is read-only. The next act gets a connection of its own that may write; it is closed "
                "when the act ends, or after five minutes if there is none. The journal says so of the act."
            ),
            verb=self.tr("Unlock for one act"),
        )
        self._profile, self._access = profile, access
        self.name = QLineEdit()
        self.name.setPlaceholderText(profile.name)
        asked = self.tr("Type the profile's name, {name}").format(name=profile.name)
        self.content.addLayout(field(asked, self.name))
        self.name.textChanged.connect(self._check)
        self.name.setFocus()
        self._check()

    def submit(self) -> None:
        """Unlock it."""
        self.run(self._access.unlock(), lambda _: self.accept())

    def _check(self) -> None:
        is_right = self.name.text().strip() == self._profile.name
        self.verb.setEnabled(is_right)
        self.verb.setToolTip("" if is_right else self.tr("Type the profile's name first."))
