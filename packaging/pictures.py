"""Keeps pictures of the tour for the README and the help, with 256 colours each: a third of their size.

`python packaging/pictures.py build/tour resources/pictures overview-light jobs-dark …` takes the last of each name.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QImageWriter

COLOURS = 256
#: So many are the most frequent ones; the others are chosen for being unlike these, such as a small green dot.
_FREQUENT = 160
#: How far apart two colours are, as the sum over red, green and blue, before one cannot stand for the other.
_UNLIKE = 24


def colours_of(picture: QImage) -> list[int]:
    """The colours (0xAARRGGBB) by which the picture is kept, at most 256."""
    counted = Counter(memoryview(picture.constBits()).cast("I"))
    ordered = [colour for colour, _ in counted.most_common()]
    chosen = ordered[:_FREQUENT]
    for colour in ordered[_FREQUENT:]:
        if len(chosen) == COLOURS:
            break
        if min(_distance(colour, other) for other in chosen) >= _UNLIKE:
            chosen.append(colour)
    return chosen


def _distance(one: int, other: int) -> int:
    return sum(abs((one >> shift & 255) - (other >> shift & 255)) for shift in (0, 8, 16))


def keep(source: Path, target: Path) -> None:
    """Write one picture with few colours. Raises OSError when it cannot be read or written."""
    picture = QImage(str(source)).convertToFormat(QImage.Format.Format_RGB32)
    if picture.isNull():
        raise OSError(f"{source} is no picture.")
    flags = Qt.ImageConversionFlag.ThresholdDither | Qt.ImageConversionFlag.AvoidDither
    writer = QImageWriter(str(target), b"png")
    writer.setCompression(100)
    if not writer.write(picture.convertToFormat(QImage.Format.Format_Indexed8, colours_of(picture), flags)):
        raise OSError(f"{target} cannot be written: {writer.errorString()}.")


def main(folder: str, target: str, *names: str) -> int:
    """Keep the last picture of each name."""
    for name in names:
        found = sorted(
            path for path in Path(folder).glob(f"*-{name}.png") if path.name.split("-", 1)[1] == f"{name}.png"
        )
        if not found:
            sys.stderr.write(f"The tour has taken no picture {name}.\n")
            return 1
        keep(found[-1], Path(target) / f"{name}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
