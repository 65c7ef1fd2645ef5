"""Signs that cannot be seen, or that turn the direction of what stands beside them, are shown as their numbers."""

from __future__ import annotations

import pytest
from jobdesk import formats


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
