"""The language of the window: the translation for the system's locale, where `resources/translations` has one."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, QTranslator

from jobdesk.runtime.resources import resource


def install(app: QCoreApplication, locale: QLocale | None = None, folder: Path | None = None) -> list[QTranslator]:
    """Speak the language of the locale (the system's by default) from now on; what has no translation stays English.

    Qt's own words, such as those of its file dialog, come along where the installed Qt has them.
    """
    wanted = locale or QLocale()
    places = (
        ("qtbase", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)),
        ("jobdesk", str(folder or resource("translations"))),
    )
    installed = []
    for name, place in places:
        translator = QTranslator(app)
        if translator.load(wanted, name, "_", place) and app.installTranslator(translator):
            installed.append(translator)
    return installed
