"""Signs that cannot be seen, or that turn the direction of what stands beside them, are shown as their numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
from jobdesk.kit import formats
from jobdesk.kit.text_block import TextBlock
from opened import Others, live
from waiting import until


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mail\u202egnp.exe", "mail⟨U+202E⟩gnp.exe"),
        ("billing\u200b", "billing⟨U+200B⟩"),
        ("billing\u3164", "billing⟨U+3164⟩"),
        ("a\u2800b", "a⟨U+2800⟩b"),
        ("caf\u00e9\u200d", "caf\u00e9⟨U+200D⟩"),
        ("a\u0000\nb", "a⟨U+0000⟩⟨U+000A⟩b"),
        ("tag\U000e0041", "tag⟨U+E0041⟩"),
    ],
)
def test_what_hides_is_shown_by_its_number(text: str, shown: str) -> None:
    assert formats.visible(text) == shown
    assert formats.visible(shown) == shown, "what is visible stays as it is"


@pytest.mark.parametrize(
    "text", ["mail.deliver", "\u05d3\u05d5\u05d0\u05e8", "\U0001f469\u200d\U0001f4bb", "caf\u00e9"]
)
def test_letters_and_emoji_of_every_script_stay(text: str) -> None:
    assert formats.visible(text) == text


async def test_what_the_window_adds_by_itself_is_never_shown_as_a_sign(dsn: str, tmp_path: Path) -> None:
    with Others(dsn) as others:
        others.defer("mail.deliver_one-by/one", "a.queue_of-mail")
        async with live(tmp_path, dsn) as window:
            for page in (window.pages.get("queues"), window.pages.get("tasks")):
                window.show_page("queues" if page is window.pages.get("queues") else "tasks")
                await until(lambda page=page: page.model.rowCount() == 1, what="the row")
                page.table.selectRow(0)
                await until(
                    lambda page=page: any(
                        page.model.index(0, 0).data() == block.toPlainText() for block in page.findChildren(TextBlock)
                    ),
                    what="the name on the side, as it is",
                )
            assert not [each.toPlainText() for each in window.findChildren(TextBlock) if "⟨U+" in each.toPlainText()]
