"""The style sheet, made from the tokens. Names in it: object names (#primary) and the property `tone`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict
from string import Template

from jobdesk.kit.theme.tokens import TEXTS, TONES, Tokens, Tone


def style_sheet(tokens: Tokens, mono_family: str, scaled: Callable[[int], int] = int) -> str:
    """The whole application's style sheet. Needs the search path `glyphs:` for its few pictures.

    `scaled` makes the sizes of text in force of the usual ones, in logical pixels. What holds text, and the pictures
    beside it, grow with it; they do not become smaller.
    """
    values = {name: str(value) for name, value in asdict(tokens).items()}
    values |= {"mono": mono_family.replace('"', ""), "kind": "dark" if tokens.is_dark else "light"}
    tones: tuple[Tone, ...] = (*TEXTS, *(tone for tone in TONES if tone))
    coloured = "\n".join(f'*[tone="{tone}"], #link[tone="{tone}"] {{ color: {tokens.value(tone)}; }}' for tone in tones)
    sheet = _SHEET + (_HIGH_CONTRAST if tokens.is_high_contrast else "")
    sheet = re.sub(r"(?<=font-size: )\d+", lambda size: str(scaled(int(size[0]))), sheet)
    sheet = re.sub(_GROWING, lambda size: str(max(int(size[0]), scaled(int(size[0])))), sheet)
    return Template(sheet).substitute(values) + coloured


#: Lengths that grow with the text.
_GROWING = r"(?<=-height: )\d\d+|(?<=icon-size: )\d+|(?<=[; ]width: )\d\d+|(?<=; height: )\d\d+|(?<=min-width: )\d\d+"

_SHEET = """
QMainWindow, #page { background: $background; }
QMainWindow { widget-animation-duration: 0; }
QDialog, QMessageBox { background: $panel; }
QLabel, QCheckBox, QRadioButton, QGroupBox { background: transparent; color: $text; }
QLabel:disabled, QCheckBox:disabled, QRadioButton:disabled { color: $faint; }
QToolTip { background: $panel; color: $text; border: 1px solid $field_line; padding: 4px 6px; }

#header {
    background: $header; border: none; border-bottom: 1px solid $line; min-height: 47px; max-height: 47px;
}
#deskStrip { background: $background; border: none; border-bottom: 1px solid $line; }
QTabBar#desks { background: transparent; border: none; }
QTabBar#desks::tab {
    background: transparent; color: $secondary; border: 1px solid transparent; border-bottom: none;
    min-height: 26px; padding: 0 8px; margin-right: 2px; border-top-left-radius: 6px; border-top-right-radius: 6px;
}
QTabBar#desks::tab:selected { background: $header; color: $text; border-color: $line; font-weight: 600; }
QTabBar#desks[above="true"]::tab:selected {
    background: transparent; color: $secondary; border-color: transparent; font-weight: 400;
}
QTabBar#desks::tab:hover:!selected { background: $hover; color: $text; }
QTabBar#desks:focus::tab:selected { border-color: $focus; }
#footer, QStatusBar { background: $header; border: none; border-top: 1px solid $line; color: $secondary; }
#footer { min-height: 27px; max-height: 27px; }
#footer > QPushButton { min-height: 20px; max-height: 20px; }
#footer QLabel, QStatusBar QLabel { color: $secondary; font-size: 12px; }
QStatusBar::item { border: none; }
#toolbar { background: $panel; border: none; border-bottom: 1px solid $line; min-height: 35px; max-height: 35px; }
#inspector, #inspectorContent, #panel { background: $panel; border: none; }
#dialogFooter { background: $header; border: none; border-top: 1px solid $line; }
QScrollArea { background: transparent; border: 1px solid transparent; }
QScrollArea:focus { border-color: $focus; }
QScrollArea#page, QScrollArea#page:focus { border: none; }

#navigation { background: $header; border: none; border-right: 1px solid $line; border-radius: 0; padding: 8px; }
#navigation::item { padding: 0; min-height: 0; }
#navigationCaption {
    background: $header; color: $secondary; border-right: 1px solid $line;
    font-size: 11px; font-weight: 600; padding: 10px 16px 0 16px;
}
#paletteFrame { background: $panel; border: 1px solid $field_line; border-radius: 0; }
#paletteEdit {
    border: none; border-bottom: 1px solid $line; border-radius: 0; min-height: 42px; padding: 0 14px; font-size: 15px;
}
#paletteEdit:focus { border-color: $line; }
#paletteList { background: $panel; border: none; border-radius: 0; padding: 4px 0; }
#summaryStrip { background: $header; border: none; border-bottom: 1px solid $line; }
#summaryCell { background: transparent; border: 1px solid transparent; border-right: 1px solid $line; }
#summaryCell:hover { background: $hover; }
#summaryCell:focus { border: 1px solid $focus; }
QListWidget#latest { background: $panel; border: none; border-radius: 0; }
QListWidget#latest::item { padding: 0; min-height: 0; }
#card { background: $panel; border: 1px solid $line; border-radius: 8px; }
#card:focus { border: 1px solid $focus; }
QTextBrowser#help, #helpContents { border: none; border-radius: 0; }
QTextBrowser#help { background: $panel; }
#helpContents::item { padding: 2px 12px; }
QTextBrowser#textBlock { background: transparent; border: none; border-radius: 0; padding: 0; }

#title { font-size: 15px; font-weight: 600; color: $text; }
#secondary { color: $secondary; }
#small, *[tone="small"] { font-size: 12px; color: $secondary; }
*[strong="true"] { font-weight: 600; }
#caption { font-size: 11px; font-weight: 600; color: $secondary; }
#jobNumber { font-family: "$mono"; font-size: 13px; font-weight: 600; }
#cardValue { font-size: 24px; font-weight: 600; }
#cardValue[quiet="true"] { font-size: 13px; font-weight: 400; }
#cardTitle { font-size: 13px; }
#mono, #code, *[mono="true"] { font-family: "$mono"; font-size: 12px; }
#profile { font-weight: 600; }

QPushButton, QToolButton {
    background: $panel; color: $text; border: 1px solid $line; border-radius: 6px;
    padding: 0 10px; min-height: 24px; font-size: 12px; icon-size: 16px;
}
QPushButton:hover, QToolButton:hover { background: $hover; }
QPushButton:pressed, QToolButton:pressed, QPushButton:checked, QToolButton:checked { background: $selection; }
QPushButton:disabled, QToolButton:disabled { color: $faint; background: transparent; }
QPushButton:focus, QToolButton:focus { border-color: $focus; }
QToolButton { padding: 0 8px; }
QToolButton[beside="true"] { padding-right: 1px; }
QLineEdit > QToolButton { min-height: 0; padding: 0; border: none; }
QToolButton[popupMode="2"] { padding-right: 22px; }
QToolButton[popupMode="2"][text=""] { padding-right: 8px; }
QToolButton::menu-indicator, QPushButton::menu-indicator {
    image: url(glyphs:down.svg); width: 10px; height: 10px; subcontrol-origin: border;
    subcontrol-position: right center; right: 7px;
}
QToolButton[text=""]::menu-indicator { image: none; width: 0; }
#primary, QPushButton:default { background: $accent; color: $on_accent; border-color: $accent; }
#primary:hover, QPushButton:default:hover { background: $accent; border-color: $text; }
#primary:focus, QPushButton:default:focus { border-color: $text; }
#primary:disabled, QPushButton:default:disabled { background: transparent; color: $faint; border-color: $line; }
#danger { color: $failed; }
#danger:disabled { color: $faint; }
#plain, #profile, #link { background: transparent; border: 1px solid transparent; padding: 0 4px; }
#plain[popupMode="2"], #profile { padding-right: 22px; }
#plain { color: $secondary; font-size: 13px; }
#plain[text=""] { icon-size: 14px; }
#profile { font-size: 13px; }
#link { color: $accent; }
#plain:hover, #profile:hover, #link:hover { background: $hover; }
#plain:focus, #profile:focus, #link:focus { border-color: $focus; }
#segment { border-radius: 0; border-right: none; padding: 0 12px; }
#segment[place="first"] { border-top-left-radius: 6px; border-bottom-left-radius: 6px; }
#segment[place="last"] {
    border-top-right-radius: 6px; border-bottom-right-radius: 6px; border-right: 1px solid $line;
}
#segment:checked { background: $selection; color: $accent; }
#segment:focus { border: 2px solid $focus; padding: 0 11px; }
#segment:checked:focus { border: 2px solid $text; padding: 0 11px; }
#clear {
    background: transparent; border: 1px solid transparent; padding: 0;
    min-height: 20px; min-width: 20px; icon-size: 14px;
}
#clear:focus { border-color: $focus; }
#pill {
    background: $accent; color: $on_accent; border: 1px solid $accent; border-radius: 12px;
    padding: 0 12px; min-height: 22px; font-weight: 600;
}

QLineEdit, QPlainTextEdit, QTextEdit, QAbstractSpinBox, QComboBox {
    background: $field; color: $text; border: 1px solid $field_line; border-radius: 6px;
    selection-background-color: $accent; selection-color: $on_accent;
}
QLineEdit, QAbstractSpinBox, QComboBox { padding: 0 8px; min-height: 26px; }
QPlainTextEdit, QTextEdit { padding: 4px; }
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QAbstractSpinBox:focus, QComboBox:focus {
    border-color: $focus;
}
QLineEdit:disabled, QPlainTextEdit:disabled, QTextEdit:disabled, QAbstractSpinBox:disabled, QComboBox:disabled {
    color: $faint; background: $background; border-color: $line;
}
QLineEdit[problem="true"], QPlainTextEdit[problem="true"], QAbstractSpinBox[problem="true"] {
    border-color: $failed;
}
#chip { background: $selection; border: none; border-radius: 11px; }
#footer #chip #link { font-size: 12px; padding: 0 4px; min-height: 18px; max-height: 18px; border: none; }
#actsPanel { background: $panel; border: none; border-left: 1px solid $line; }
#actsInner { background: $panel; }
#alertsPanel { background: $panel; border: none; border-left: 1px solid $line; }
#alertsInner { background: $panel; }
#alertsHead { background: $panel; border: none; border-bottom: 1px solid $line; min-height: 47px; max-height: 47px; }
#alertsScroll, #alertsScroll:focus { background: $panel; border: none; }
#alertCard { background: transparent; border: none; border-bottom: 1px solid $line; }
#ruleValue {
    background: transparent; color: $accent; border: 1px solid transparent; border-bottom: 1px dashed $accent;
    border-radius: 0; padding: 0; min-height: 18px; max-height: 18px; min-width: 0; font-size: 13px;
}
#ruleValue:hover { background: $hover; }
#ruleValue:focus { border: 1px solid $focus; }
#ways {
    background: transparent; color: $secondary; border: 1px solid transparent; padding: 0; font-size: 12px;
    min-height: 20px; text-align: left;
}
#ways::menu-indicator, #alertCard #link::menu-indicator { image: none; width: 0; }
#ways:hover { background: $hover; }
#ways:focus { border-color: $focus; }
#bell { background: transparent; border: 1px solid transparent; padding: 0 6px; font-weight: 600; }
#bell[active="true"] { background: $selection; color: $failed; }
#bell:hover { background: $hover; }
#bell:focus { border-color: $focus; }
#segment[narrow="true"] { padding: 0 6px; }
#choiceChip { border-radius: 12px; padding: 0 10px; min-height: 22px; }
#choiceChip:checked { background: $selection; color: $accent; border-color: $selection; }
#choiceChip:focus { border-color: $focus; }
#tracebackFrame { background: $background; border: 1px solid $line; border-radius: 6px; }
#narrowHead::section { padding: 0 5px; }
#line { background: $line; border: none; }
#filterBar { background: $field; border: 1px solid $line; border-radius: 6px; }
#filterBar[elsewhere="true"] { background: transparent; border-style: dashed; }
#filterBar[focused="true"] { border-color: $focus; }
#filterBar[problem="true"] { border-color: $failed; }
#filterBar QLineEdit { border: none; background: transparent; padding: 0; }
#filterSign {
    background: transparent; color: $secondary; border: 1px solid transparent; border-radius: 4px;
    padding: 0 3px; min-height: 18px; max-height: 18px; min-width: 0; font-family: "$mono";
}
#filterSign:hover { background: $hover; }
#filterSign:focus { border-color: $focus; }
#filterProblem { background: $panel; border: 1px solid $failed; border-radius: 6px; }
#filterProblem QLabel { color: $failed; }
#filterProblem QLabel[tone="small"] { color: $secondary; }
QPushButton[suggestion="true"] {
    background: $selection; color: $text; border: 1px solid transparent; border-radius: 4px; padding: 2px 8px;
    font-family: "$mono"; min-width: 0;
}
QPushButton[suggestion="true"]:hover, QPushButton[suggestion="true"]:focus { border-color: $focus; }
QAbstractSpinBox { padding: 0; min-height: 23px; }
QAbstractSpinBox QLineEdit { border: none; background: transparent; padding: 0 6px; min-height: 0; }
QComboBox::drop-down { border: none; width: 22px; }
QComboBox::down-arrow { image: url(glyphs:down.svg); width: 12px; height: 12px; }
QComboBox QAbstractItemView, QListView#completions {
    background: $panel; color: $text; border: 1px solid $field_line; padding: 2px; outline: none;
    selection-background-color: $selection; selection-color: $text;
}
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { border: none; background: transparent; width: 18px; }
QAbstractSpinBox::up-button { subcontrol-position: top right; margin-top: 2px; }
QAbstractSpinBox::down-button { subcontrol-position: bottom right; margin-bottom: 2px; }
QAbstractSpinBox::up-arrow { image: url(glyphs:up.svg); width: 10px; height: 10px; }
QAbstractSpinBox::down-arrow { image: url(glyphs:down.svg); width: 10px; height: 10px; }

QCheckBox, QRadioButton { spacing: 8px; min-height: 24px; }
QCheckBox::indicator, QRadioButton::indicator {
    width: 14px; height: 14px; background: $field; border: 1px solid $faint; border-radius: 4px;
}
QRadioButton::indicator { border-radius: 8px; }
QCheckBox::indicator:checked, QRadioButton::indicator:checked { background: $accent; border-color: $accent; }
QCheckBox::indicator:checked { image: url(glyphs:check-$kind.svg); }
QRadioButton::indicator:checked { image: url(glyphs:dot-$kind.svg); }
QCheckBox::indicator:focus, QRadioButton::indicator:focus { border-color: $focus; }
QCheckBox::indicator:disabled, QRadioButton::indicator:disabled { background: $background; border-color: $line; }

QAbstractItemView { background: $background; color: $text; border: none; outline: none; }
QTableView { selection-background-color: $selection; selection-color: $text; }
QTableView[ground="panel"] { background: $panel; }
QTreeView { background: transparent; }
QTreeView::branch { background: transparent; border-image: none; image: none; }
QTreeView::indicator {
    width: 14px; height: 14px; border: 1px solid $faint; border-radius: 4px; background: $field;
}
QTreeView::indicator:checked { background: $accent; border-color: $accent; image: url(glyphs:check-$kind.svg); }
QTreeView::indicator:disabled { background: $background; border-color: $line; image: none; }
QTreeView::branch:has-children:closed { image: url(glyphs:right.svg); }
QTreeView::branch:has-children:open { image: url(glyphs:down.svg); }
QTreeView#profiles { background: $header; border: 1px solid $line; border-radius: 6px; padding: 4px 0; }
QTreeView#profiles::item { border: none; padding: 0 4px; }
QTreeView#profiles::item:selected { background: $selection; }
QPushButton#tagChoice { min-height: 20px; max-height: 20px; padding: 0 8px; border-radius: 10px; font-size: 12px; }
QPushButton#tagChoice:checked { background: $selection; }
QToolButton#dots::menu-indicator { image: none; }
QTreeView#profiles::item:hover:!selected { background: $hover; }
QTreeView#profiles:focus { border-color: $focus; }
QListView { background: $panel; border: 1px solid $line; border-radius: 6px; }
QListView::item { min-height: 28px; padding: 0 8px; color: $text; }
QListView::item:selected { background: $selection; color: $text; }
QListView::item:hover:!selected { background: $hover; }
QHeaderView { background: $header; border: none; }
QHeaderView::section {
    background: $header; color: $secondary; border: none; border-bottom: 1px solid $line;
    padding: 0 10px; font-size: 12px; font-weight: 500;
}
QTableCornerButton::section { background: $header; border: none; border-bottom: 1px solid $line; }

QMenuBar { background: $header; color: $text; border: none; }
QMenuBar::item { padding: 4px 8px; background: transparent; border-radius: 4px; }
QMenuBar::item:selected { background: $hover; }
QMenu { background: $panel; color: $text; border: 1px solid $field_line; padding: 4px; }
QMenu::item { padding: 5px 28px 5px 8px; border-radius: 4px; }
QMenu::item:selected { background: $selection; }
QMenu::item:disabled { color: $faint; }
QMenu::icon { padding-left: 6px; }
QMenu::separator { height: 1px; background: $line; margin: 4px 2px; }

QSplitter::handle { background: $line; }
QScrollBar { background: transparent; border: none; margin: 0; }
QScrollBar:vertical { width: 11px; }
QScrollBar:horizontal { height: 11px; }
QScrollBar::handle { background: $field_line; border-radius: 3px; margin: 2px; }
QScrollBar::handle:vertical { min-height: 28px; }
QScrollBar::handle:horizontal { min-width: 28px; }
QScrollBar::handle:hover { background: $faint; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QAbstractScrollArea::corner { background: transparent; border: none; }

QTabWidget::pane { border: none; border-top: 1px solid $line; }
QTabBar::tab { background: transparent; color: $secondary; padding: 6px 12px; border-bottom: 2px solid transparent; }
QTabBar::tab:selected { color: $text; border-bottom-color: $accent; }
QTabBar::tab:focus { color: $accent; }
QProgressBar {
    background: $line; border: none; border-radius: 3px; max-height: 6px; min-height: 6px; color: transparent;
}
QProgressBar::chunk { background: $accent; border-radius: 3px; }
QProgressBar[tone="good"]::chunk { background: $succeeded; }
"""

#: What high contrast has besides its colours: nothing is told by a ground or a hue alone. With the focus a frame grows
#: into the margin that is left for it.
_HIGH_CONTRAST = """
QPushButton, QToolButton, #plain, #profile, #link, #clear, #pill, #filterSign, QPushButton[suggestion="true"],
QLineEdit, QPlainTextEdit, QTextEdit, QAbstractSpinBox, QComboBox, #filterBar, QScrollArea, #card {
    margin: 1px; border-width: 1px;
}
QPushButton:hover, QToolButton:hover, #plain:hover, #profile:hover, #link:hover { border-color: $text; }
QPushButton:disabled, QToolButton:disabled { border: 1px dashed $line; }
QPushButton:checked, QToolButton:checked { border-color: $accent; }
#link { text-decoration: underline; }
QPushButton[suggestion="true"], #chip, #clear { border: 1px solid $line; }
#paletteEdit, #filterBar QLineEdit, QAbstractSpinBox QLineEdit, QScrollArea#page, #segment, #filterSign { margin: 0; }
#toolbar { min-height: 39px; max-height: 39px; }
#filterBar QLineEdit, QAbstractSpinBox QLineEdit, QScrollArea#page { border: none; }
QPushButton:focus, QToolButton:focus, #plain:focus, #profile:focus, #link:focus, #clear:focus, #pill:focus,
#filterSign:focus, QPushButton[suggestion="true"]:focus, #filterBar[focused="true"], #card:focus,
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QAbstractSpinBox:focus, QComboBox:focus, QScrollArea:focus {
    margin: 0; border: 2px solid $focus;
}
#primary:focus, #segment:checked:focus, #pill:focus {
    margin: 0; border: 2px solid $focus; background: $panel; color: $text;
}
#filterBar QLineEdit:focus, QAbstractSpinBox QLineEdit:focus, QScrollArea#page:focus { margin: 0; border: none; }
#paletteEdit:focus { margin: 0; border: none; border-bottom: 1px solid $line; }
QTextBrowser#textBlock { margin: 0; border: none; }
QCheckBox::indicator, QRadioButton::indicator { margin: 1px; }
QCheckBox::indicator:focus, QRadioButton::indicator:focus { margin: 0; border: 2px solid $focus; }
QMenu::item, QMenuBar::item { border: 1px solid transparent; }
QMenu::item:selected, QMenuBar::item:selected, QMenuBar::item:pressed { border-color: $focus; }
QListView::item { border: 1px solid transparent; }
QListView::item:selected { border-color: $focus; }
QTabBar::tab:focus { border: 2px solid $focus; }
QProgressBar { background: $panel; border: 1px solid $line; }
QToolTip { border-color: $text; }
"""
