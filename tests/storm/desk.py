"""A desk in the storm: act after act on the command line's own code, each of them written into this desk's journal.

    python desk.py NAME SEED FOLDER DSN...

It is killed at any moment and started again. What ends otherwise than the help says goes into a file of faults.
"""

from __future__ import annotations

import contextlib
import io
import json
import random
import sys
import tempfile
import time
import traceback
from pathlib import Path

from hand import QUEUES
from jobdesk_core import cli
from jobdesk_core.cli import exit_codes
from shifted import shifted

#: The ends that an act may have in a storm. A fault of the program, or input not understood, is none of them.
EXPECTED = {exit_codes.DONE, exit_codes.NOT_ALL, exit_codes.CONNECTION, exit_codes.INTERRUPTED}
#: Refusals that another moment does not bring: of a lock, a deadlock, a limit of ours.
PASSING = ("holds a lock", "waited for each other", "got in the way", "cancelled before it ended")
TASKS = ("storm.ok", "storm.ok", "storm.ok", "storm.fail", "storm.slow")
LOCKS = ("a", "b", "c")
#: By how many seconds a desk's clock is wrong: it is moved between one act and the next.
CLOCKS = (0, 0, 0.7, -3, 75, -5_400, 90_000)


class Desk:
    """Draws what to do next, and does it."""

    def __init__(self, name: str, seed: int, folder: Path, dsns: list[str]) -> None:
        self._name, self._folder, self._dsns = name, folder, dsns
        self._chance = random.Random(seed)

    def go_on(self) -> None:
        """One act or one look."""
        words = self._drawn()
        told, asked = (io.TextIOWrapper(io.BytesIO()) for _ in range(2))
        began = time.monotonic()
        try:
            clock = shifted(self._chance.choice(CLOCKS))
            with clock, contextlib.redirect_stdout(told), contextlib.redirect_stderr(asked):
                code = cli.main([*words, "--dsn", self._chance.choice(self._dsns)])
        except BaseException:
            self._fault(words, traceback.format_exc())
            raise
        self._note(words, code)
        asked.seek(0)
        words_told = asked.read()
        is_expected = code in EXPECTED or (code == exit_codes.REFUSED and any(each in words_told for each in PASSING))
        if not is_expected or "Traceback" in words_told:
            self._fault(words, f"code {code}: {words_told[-500:]}")
        if (took := time.monotonic() - began) > 90:
            self._fault(words, f"it took {took:.0f} s")

    def _drawn(self) -> list[str]:
        queue, draw = self._chance.choice(QUEUES), self._chance.random()
        if draw < 0.35:
            return self._one(queue)
        if draw < 0.50:
            return self._many(queue)
        if draw < 0.60:
            return ["cancel", f"queue:{queue}", "status:todo", f"args.by:{self._name}", "--yes"]
        if draw < 0.66:
            return ["cancel", "--abort", "task:storm.slow", "status:doing", "--yes"]
        if draw < 0.72:
            return ["cancel", "--delete", f"queue:{queue}", "status:todo", "--yes", "--rate", "200"]
        if draw < 0.82:
            return ["retry", "status:failed", f"queue:{queue}", "--yes"]
        if draw < 0.86:
            return ["purge", "--status", "succeeded", f"queue:{queue}", "--older-than", "5s", "--yes"]
        if draw < 0.93:
            return ["status", "--json"]
        return ["jobs", "--json", f"queue:{queue}", "--limit", "50"]

    def _one(self, queue: str) -> list[str]:
        lock = ["--lock", self._chance.choice(LOCKS)] if self._chance.random() < 0.3 else []
        return ["defer", self._chance.choice(TASKS), "--queue", queue, *lock, f"by={self._name}"]

    def _many(self, queue: str) -> list[str]:
        rows = [json.dumps({"by": self._name, "n": n}) for n in range(self._chance.randrange(5, 200))]
        path = Path(tempfile.mkstemp(suffix=".ndjson", dir=self._folder)[1])
        path.write_text("\n".join(rows))
        return ["defer", "storm.ok", "--queue", queue, "--from", str(path), "--yes"]

    def _note(self, words: list[str], code: int) -> None:
        with (self._folder / f"ends-{self._name}").open("a") as file:
            file.write(f"{words[0]} {code}\n")

    def _fault(self, words: list[str], what: str) -> None:
        with (self._folder / "faults").open("a") as file:
            file.write(f"{self._name} {' '.join(words)}\n{what}\n\n")


if __name__ == "__main__":
    name, seed, folder, *dsns = sys.argv[1:]
    desk = Desk(name, int(seed), Path(folder), dsns)
    while True:
        desk.go_on()
