"""Notifications on a Linux desktop: org.freedesktop.Notifications on the session's D-Bus, with a button.

What is shown is data: where the service reads markup, none of it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import html
from collections.abc import AsyncIterator, Callable
from typing import Any

from jeepney import DBusAddress, HeaderFields, MatchRule, MessageType, message_bus, new_method_call
from jeepney.io.asyncio import open_dbus_connection

from jobdesk.alerts.desktop import MOST_KNOWN, NoService

SERVICE = "org.freedesktop.Notifications"
_ADDRESS = DBusAddress("/org/freedesktop/Notifications", bus_name=SERVICE, interface=SERVICE)
#: Seconds that the bus and the service may take to answer.
ANSWER_S = 5.0
#: Milliseconds that a notification stays; -1 leaves it to the desktop.
EXPIRES_MS = -1


class DesktopBus:
    """`acted` is called with the key of a notification, and whether its button was pressed, or else itself.

    Connects anew after a lost bus.
    """

    def __init__(self, acted: Callable[[str, bool], object]) -> None:
        self._acted = acted
        self._connection: Any = None
        self._receiving: asyncio.Task[None] | None = None
        self._replies: dict[int, asyncio.Future[Any]] = {}
        self._turn = asyncio.Lock()
        self._has_markup = self._has_actions = False
        self._numbers: dict[str, int] = {}

    async def show(
        self,
        key: str,
        title: str,
        text: str,
        *,
        whole: str,
        button: str,
        is_critical: bool = False,
        has_sound: bool = False,
    ) -> None:
        """Show a notification in the place of the one of this key. Raises NoService.

        `whole` says what a click on it leads to, `button` what its button does.
        """
        hints: dict[str, tuple[str, Any]] = {
            "urgency": ("y", 2 if is_critical else 1),
            "desktop-entry": ("s", "jobdesk"),
            "suppress-sound": ("b", not has_sound),
        }
        if has_sound:
            hints["sound-name"] = ("s", "dialog-warning")
        async with self._turn, self._able():
            await self._connect()
            body = html.escape(text, quote=False) if self._has_markup else text
            buttons = ["default", whole, "show", button] if self._has_actions else []
            values = ("Jobdesk", self._numbers.get(key, 0), "jobdesk", title, body, buttons, hints, EXPIRES_MS)
            (number,) = await self._ask(new_method_call(_ADDRESS, "Notify", "susssasa{sv}i", values))
            self._numbers.pop(key, None)
            self._numbers[key] = int(number)
            while len(self._numbers) > MOST_KNOWN:
                del self._numbers[next(iter(self._numbers))]

    async def look(self) -> None:
        """Whether notifications can be shown. Raises NoService."""
        async with self._turn, self._able():
            await self._connect()

    async def close(self) -> None:
        """Leave the bus."""
        receiving, self._receiving = self._receiving, None
        connection, self._connection = self._connection, None
        if receiving is not None:
            receiving.cancel()
            await asyncio.gather(receiving, return_exceptions=True)
        if connection is not None:
            with contextlib.suppress(OSError):
                await connection.close()

    @contextlib.asynccontextmanager
    async def _able(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(ANSWER_S):
                yield
        except (OSError, KeyError, ValueError, TimeoutError, EOFError, RuntimeError) as error:
            await self.close()
            raise NoService(str(error)) from error

    async def _connect(self) -> None:
        if self._receiving is not None and not self._receiving.done():
            return
        await self.close()
        self._connection = await open_dbus_connection(bus="SESSION")
        self._receiving = asyncio.create_task(self._receive(self._connection), name="notifications")
        (known,) = await self._ask(new_method_call(_ADDRESS, "GetCapabilities"))
        self._has_markup, self._has_actions = "body-markup" in known, "actions" in known
        rule = MatchRule(type="signal", interface=SERVICE, path=_ADDRESS.object_path)
        await self._ask(message_bus.AddMatch(rule))

    async def _ask(self, message: Any) -> Any:
        """The body of the answer. Raises ValueError when it is an error."""
        serial = next(self._connection.outgoing_serial)
        reply = self._replies[serial] = asyncio.get_running_loop().create_future()
        try:
            await self._connection.send(message, serial=serial)
            answer = await reply
        finally:
            del self._replies[serial]
        if answer.header.message_type is MessageType.error:
            raise ValueError(str(answer.header.fields.get(HeaderFields.error_name)))
        return answer.body

    async def _receive(self, connection: Any) -> None:
        """Hand on the answers, and the buttons that are pressed, until the bus is gone."""
        with contextlib.suppress(OSError, EOFError):
            while True:
                message = await connection.receive()
                fields = message.header.fields
                waiting = self._replies.get(fields.get(HeaderFields.reply_serial))
                if waiting is not None and not waiting.done():
                    waiting.set_result(message)
                elif fields.get(HeaderFields.member) == "ActionInvoked" and message.body[1] in ("default", "show"):
                    for key in [key for key, number in self._numbers.items() if number == message.body[0]]:
                        self._acted(key, message.body[1] == "show")
        for waiting in self._replies.values():
            if not waiting.done():
                waiting.set_exception(ConnectionError("The bus is gone."))
