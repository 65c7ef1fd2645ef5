"""Notifications on a real session bus, to a service of the test's own."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from jobdesk.alerts.desktop import Desktop, keeps_in_tray
from jobdesk.alerts.watcher import Watcher
from jobdesk_core.alerts.alert import Alert
from jobdesk_core.alerts.rule import AlertRule
from jobdesk_core.alerts.telling import Telling
from notifications import Service, session_bus
from waiting import until

NOW = dt.datetime(2026, 5, 4, 12, 30, 20, tzinfo=dt.UTC)


def telling(subject: str, event: str = "began", *, has_sound: bool = False) -> Telling:
    alert = Alert(
        "billing", "idle_queue", subject, "idle_queue", f"{subject} stands still", "44 <b>due</b> & more.", "bad", NOW
    )
    return Telling(event, alert, AlertRule("idle_queue", has_sound=has_sound))  # type: ignore[arg-type]


async def test_a_notification_with_a_button_on_a_real_bus(tmp_path: Path) -> None:
    with session_bus(tmp_path):
        service = Service()
        watcher = Watcher(path=tmp_path / "alerts.toml", state=tmp_path / "alerts.sqlite")
        desktop = Desktop(watcher)
        asked: list[str] = []
        desktop.database_asked_for.connect(asked.append)
        desktop.start()
        watcher.told.emit([telling("mail")])
        await until(lambda: service.shown, what="the notification")
        name, replaces, icon, title, text, actions, hints, _ = service.shown[0]
        assert (name, replaces, icon, title) == ("Jobdesk", 0, "jobdesk", "mail stands still")
        # A service that reads markup gets none.
        assert text == "billing: 44 &lt;b&gt;due&lt;/b&gt; &amp; more."
        assert actions == ["default", "Show jobs", "show", "Show jobs"]
        assert (hints["urgency"], hints["suppress-sound"]) == (("y", 2), ("b", True))
        service.press(service.numbers[0] + 100)
        service.press(service.numbers[0])
        await until(lambda: asked, what="the wish")
        assert asked == ["billing"]
        # The end takes the place of the beginning, and several are one.
        watcher.told.emit([telling("mail", "over", has_sound=True)])
        watcher.told.emit([telling("mail"), telling("etl")])
        await until(lambda: len(service.shown) == 3, what="the others")
        assert service.numbers == [1, 1, 2]
        assert service.shown[1][3] == "Over: mail stands still"
        assert service.shown[1][6]["sound-name"] == ("s", "dialog-warning")
        assert service.shown[2][3] == "2 alerts"
        assert watcher.desktop_trouble == ""
        await desktop.stop()
        service.stop()


async def test_without_a_service_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watcher = Watcher(path=tmp_path / "alerts.toml", state=tmp_path / "alerts.sqlite")
    said = "Desktop notifications are not available here (no org.freedesktop.Notifications)."

    async def told() -> str:
        desktop = Desktop(watcher)
        watcher.desktop_trouble = ""
        desktop.start()
        watcher.told.emit([telling("mail")])
        await until(lambda: watcher.desktop_trouble, what="the trouble")
        await desktop.stop()
        watcher.told.disconnect()
        return watcher.desktop_trouble

    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    assert await told() == said
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/nobody")
    assert await told() == said
    with session_bus(tmp_path):
        assert await told() == said
    assert not keeps_in_tray()  # the offscreen platform has no tray
