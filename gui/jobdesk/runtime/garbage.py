"""Python's cyclic garbage is collected in the window's thread alone.

Left to itself Python collects in whatever thread makes the next object, and a widget that is taken apart in
another thread takes the program with it.
"""

from __future__ import annotations

import gc
import linecache

from PySide6.QtCore import QObject, QTimer

#: Milliseconds between two collections of what is new, and how many of them there are to one of everything.
INTERVAL_MS, YOUNG_TO_OLD = 2_000, 30


def forget_sources() -> None:
    """PySide6 looks into the source of each module that is imported, and Python would keep the lines: some 10 MB."""
    linecache.clearcache()


def collect_here(parent: QObject) -> None:
    """Switch the automatic collection off, and collect by a timer for as long as `parent` lives."""
    gc.disable()
    gc.freeze()  # what the start has made stays: no later collection goes through it
    turns = 0

    def collect() -> None:
        nonlocal turns
        turns += 1
        if turns % YOUNG_TO_OLD:
            gc.collect(1)
        else:
            forget_sources()
            gc.collect()

    timer = QTimer(parent)
    timer.timeout.connect(collect)
    timer.start(INTERVAL_MS)
