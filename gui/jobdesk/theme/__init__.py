"""How Jobdesk looks: one place holds colours, fonts, shapes and icons; everything drawn reads them here."""

from jobdesk.theme.theme import Density, Mode, Theme, theme
from jobdesk.theme.tokens import DARK, LIGHT, Tokens

__all__ = ["DARK", "LIGHT", "Density", "Mode", "Theme", "Tokens", "theme"]
