"""Python's cyclic garbage is collected in the window's thread alone.

Left to itself Python collects in whatever thread makes the next object, and a widget that is taken apart in
another thread takes the program with it.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

#: Milliseconds between two collections of what is new, and how many of them there are to one of everything.
INTERVAL_MS, YOUNG_TO_OLD = 2_000, 30


def collect_here(parent: QObject) -> None:
    """Switch the automatic collection off, and collect by a timer for as long as `parent` lives."""
    gc.disable()
    gc.freeze()  # what the start has made stays: no later collection goes through it
    turns = 0

    def collect() -> None:
        nonlocal turns
        turns += 1
        gc.collect(2 if turns % YOUNG_TO_OLD == 0 else 1)

    timer = QTimer(parent)
    timer.timeout.connect(collect)
    timer.start(INTERVAL_MS)
