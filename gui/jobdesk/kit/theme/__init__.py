"""How Jobdesk looks: one place holds colours, fonts, shapes and icons; everything drawn reads them here."""

from jobdesk.kit.theme.theme import Density, Mode, Theme, theme
from jobdesk.kit.theme.tokens import DARK, LIGHT, Tokens

__all__ = ["DARK", "LIGHT", "Density", "Mode", "Theme", "Tokens", "theme"]
