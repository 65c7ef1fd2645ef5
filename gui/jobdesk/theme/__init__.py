"""How Jobdesk looks: one place holds colours, fonts, shapes and icons; everything drawn reads them here."""

from jobdesk.theme.theme import Mode, Theme, theme
from jobdesk.theme.tokens import DARK, LIGHT, Tokens

__all__ = ["DARK", "LIGHT", "Mode", "Theme", "Tokens", "theme"]
