"""The style sheet, made from tokens. Radius 6 for controls, 8 for cards; hairlines instead of frames."""

from __future__ import annotations

from jobdesk.theme.tokens import Tokens


def style_sheet(t: Tokens, mono: str) -> str:
    """The application's style sheet in one theme."""
    pressed = t.selection
    faded = "rgba(152,162,179,110)" if t.is_dark else "rgba(92,103,121,120)"
    return f"""
* {{ font-size: 13px; }}
QMainWindow, QDialog {{ background: {t.background}; color: {t.text}; }}
QLabel {{ color: {t.text}; background: transparent; }}
QLabel[tone="secondary"] {{ color: {t.secondary}; }}
QLabel[tone="small"] {{ color: {t.secondary}; font-size: 12px; }}
QLabel[tone="bad"] {{ color: {t.failed}; }}
QLabel[tone="good"] {{ color: {t.succeeded}; }}
QLabel[tone="warning"] {{ color: {t.aborted}; }}
QLabel#caption {{ color: {t.secondary}; font-size: 11px; font-weight: 600; letter-spacing: 0.4px; }}
QLabel#title {{ font-size: 15px; font-weight: 600; }}
QLabel#big {{ font-size: 24px; font-weight: 600; }}
QLabel[mono="true"], QLineEdit[mono="true"], #code {{ font-family: "{mono}"; font-size: 12px; }}
QLabel#jobNumber {{ font-family: "{mono}"; font-size: 13px; font-weight: 600; }}
QToolTip {{ background: {t.panel}; color: {t.text}; border: 1px solid {t.line}; padding: 4px 6px; }}

#header {{ background: {t.bar}; border: none; border-bottom: 1px solid {t.line}; }}
#footer {{ background: {t.bar}; border: none; border-top: 1px solid {t.line}; }}
#footer QLabel {{ color: {t.secondary}; font-size: 12px; }}
#toolbar {{ background: {t.bar}; border: none; border-bottom: 1px solid {t.line}; }}
#navigation {{ background: {t.bar}; border: none; border-right: 1px solid {t.line}; outline: none; padding: 8px 0; }}
#page {{ background: {t.background}; }}
#inspector, #inspectorContent {{ background: {t.panel}; border: none; }}
#card {{ background: {t.panel}; border: 1px solid {t.line}; border-radius: 8px; }}
QSplitter::handle {{ background: {t.line}; }}
QScrollArea {{ background: transparent; border: none; }}

QMenuBar {{ background: {t.bar}; color: {t.text}; border: none; padding: 2px 8px; }}
QMenuBar::item {{ padding: 4px 8px; border-radius: 4px; background: transparent; }}
QMenuBar::item:selected {{ background: {t.hover}; }}
QMenu {{ background: {t.panel}; color: {t.text}; border: 1px solid {t.line}; padding: 4px; }}
QMenu::item {{ padding: 5px 28px 5px 10px; border-radius: 4px; }}
QMenu::icon {{ padding-left: 8px; }}
QMenu::item:selected {{ background: {t.selection}; }}
QMenu::item:disabled {{ color: {faded}; }}
QMenu::separator {{ height: 1px; background: {t.line}; margin: 4px 6px; }}

QPushButton, QToolButton {{
  background: {t.panel}; color: {t.text}; border: 1px solid {t.line}; border-radius: 6px;
  padding: 3px 10px; min-height: 20px;
}}
QPushButton:hover, QToolButton:hover {{ background: {t.hover}; }}
QPushButton:pressed, QToolButton:pressed {{ background: {pressed}; }}
QPushButton:disabled, QToolButton:disabled {{ color: {faded}; }}
QPushButton:focus, QToolButton:focus {{ border: 1px solid {t.accent}; }}
#primary {{ background: {t.accent}; color: {t.on_accent}; border: 1px solid {t.accent}; font-weight: 600; }}
#primary:disabled {{ background: {t.hover}; color: {faded}; border: 1px solid {t.line}; }}
#danger {{ background: {t.failed}; color: {t.on_accent}; border: 1px solid {t.failed}; font-weight: 600; }}
#danger:disabled {{ background: {t.hover}; color: {faded}; border: 1px solid {t.line}; }}
#plain, #profile {{ background: transparent; border: 1px solid transparent; }}
#plain:hover, #profile:hover {{ background: {t.hover}; }}
#profile {{ font-weight: 600; padding-right: 18px; }}
QToolButton#plain[popupMode="2"] {{ padding-right: 18px; }}
QToolButton[popupMode="2"] {{ padding-right: 20px; }}
QToolButton#more[popupMode="2"] {{ padding-right: 10px; }}
QToolButton#more::menu-indicator {{ image: none; }}
#link {{ background: transparent; border: none; color: {t.accent}; padding: 0; text-align: left; }}
#link:hover {{ text-decoration: underline; }}
#pill {{ background: {t.accent}; color: {t.on_accent}; border: none; border-radius: 12px; padding: 3px 12px;
  font-size: 12px; font-weight: 600; min-height: 18px; }}

QLineEdit, QPlainTextEdit, QTextEdit, QComboBox, QSpinBox, QDateTimeEdit {{
  background: {t.panel}; color: {t.text}; border: 1px solid {t.line}; border-radius: 6px; padding: 4px 8px;
  selection-background-color: {t.selection}; selection-color: {t.text};
}}
QLineEdit:focus, QPlainTextEdit:focus, QComboBox:focus, QSpinBox:focus, QDateTimeEdit:focus {{
  border: 1px solid {t.accent}; }}
QLineEdit[problem="true"], QPlainTextEdit[problem="true"] {{ border: 1px solid {t.failed}; }}
QLineEdit:disabled, QComboBox:disabled, QSpinBox:disabled {{ color: {t.secondary}; background: {t.background}; }}
QComboBox::drop-down {{ border: none; width: 20px; }}
QComboBox QAbstractItemView {{ background: {t.panel}; color: {t.text}; border: 1px solid {t.line};
  selection-background-color: {t.selection}; selection-color: {t.text}; outline: none; }}
QSpinBox::up-button, QSpinBox::down-button, QDateTimeEdit::up-button, QDateTimeEdit::down-button {{ width: 16px;
  border: none; background: transparent; }}
QCheckBox {{ color: {t.text}; spacing: 8px; background: transparent; }}

QTableView, QTreeView, QListView {{
  background: {t.panel}; color: {t.text}; border: none; outline: none; gridline-color: {t.line};
  selection-background-color: {t.selection}; selection-color: {t.text};
}}
QTreeView::item {{ min-height: 22px; }}
QHeaderView {{ background: {t.bar}; }}
QHeaderView::section {{
  background: {t.bar}; color: {t.secondary}; border: none; border-bottom: 1px solid {t.line};
  padding: 0 10px; font-size: 12px; height: 30px;
}}
QTableCornerButton::section {{ background: {t.bar}; border: none; }}
QScrollBar:vertical {{ background: transparent; width: 10px; margin: 0; }}
QScrollBar::handle:vertical {{ background: {t.line}; border-radius: 4px; min-height: 28px; margin: 1px; }}
QScrollBar::handle:vertical:hover {{ background: {t.secondary}; }}
QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 0; }}
QScrollBar::handle:horizontal {{ background: {t.line}; border-radius: 4px; min-width: 28px; margin: 1px; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}

#filterBar {{ background: {t.panel}; border: 1px solid {t.line}; border-radius: 6px; }}
#filterBar[focused="true"] {{ border: 1px solid {t.accent}; }}
#filterBar[problem="true"] {{ border: 1px solid {t.failed}; }}
#filterBar QLineEdit {{ border: none; background: transparent; padding: 0; }}
#chip {{ background: {t.selection}; border: none; border-radius: 4px; padding: 1px 6px; font-family: "{mono}";
  font-size: 12px; color: {t.text}; min-height: 18px; }}
#chip:hover {{ background: {t.hover}; }}
#clear {{ background: transparent; border: none; padding: 0 4px; }}
#segment {{ border-radius: 0; border-right: none; padding: 3px 12px; }}
#segment[place="first"] {{ border-top-left-radius: 6px; border-bottom-left-radius: 6px; }}
#segment[place="last"] {{ border-top-right-radius: 6px; border-bottom-right-radius: 6px;
  border-right: 1px solid {t.line}; }}
#segment:checked {{ background: {t.selection}; color: {t.accent}; font-weight: 600; }}
#message {{ border: none; border-bottom: 1px solid {t.line}; background: {t.panel}; }}
#dialogFooter {{ background: {t.bar}; border: none; border-top: 1px solid {t.line}; }}
#why {{ background: {t.background}; border: 1px solid {t.line}; border-radius: 6px; }}
"""
