"""By which connection acts are carried out: the desk's own, or for one act a connection of a read-only profile's that
may write.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from jobdesk_core.connectors.psycopg import PsycopgConnector
from jobdesk_core.profiles import Profile
from PySide6.QtCore import QObject, QTimer, Signal

#: Milliseconds after which one that nobody has used is locked again.
UNUSED_MS = 5 * 60_000


class ActAccess(QObject):
    """Locked as the profile says; `unlock` opens it for the next act alone, whatever becomes of that."""

    changed = Signal()

    def __init__(self, profile: Callable[[], Profile], connector: PsycopgConnector, parent: QObject) -> None:
        super().__init__(parent)
        self._profile, self._connector = profile, connector
        self._writing: PsycopgConnector | None = None
        self._unused = QTimer(self)
        self._unused.setSingleShot(True)
        self._unused.setInterval(UNUSED_MS)

    @property
    def is_unlocked(self) -> bool:
        """Whether a read-only profile may do one act."""
        return self._writing is not None

    @property
    def profile(self) -> Profile:
        """The profile with what it allows now."""
        profile = self._profile()
        return replace(profile, is_read_only=False, is_unlocked=True) if self.is_unlocked else profile

    async def unlock(self) -> None:
        """Open a connection that may write, for one act. Raises ConnectorException."""
        if self.is_unlocked or not self._profile().is_read_only:
            return
        writing = self._connector.writing()
        await writing.open_async()
        self._writing = writing
        self._unused.start()
        self.changed.emit()

    async def lock(self) -> None:
        """Take the permission back, if it was not used."""
        unused, self._writing = self._writing, None
        self._unused.stop()
        if unused is not None:
            self.changed.emit()
            await unused.close_async()

    def when_unused(self, lock: Callable[[], object]) -> None:
        """What is called when nobody has used the permission for long."""
        self._unused.timeout.connect(lock)

    @contextlib.asynccontextmanager
    async def for_act(self) -> AsyncIterator[tuple[PsycopgConnector, Profile]]:
        """The connector and the profile of one act. No other may begin by the same permission."""
        profile, (writing, self._writing) = self.profile, (self._writing, None)
        self._unused.stop()
        if writing is None:
            yield self._connector, profile
            return
        self.changed.emit()
        try:
            yield writing, profile
        finally:
            await writing.close_async()
