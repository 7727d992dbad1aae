"""Wrong verdicts on recordings: ``python -m tests.bench.audio SEED COUNT [CLASS...]``.

COUNT references of each class from SEED on, through the library's own codecs without a call. The kinds of
references take turns. Needs `espeak-ng` and `flite`. One seed takes a minute or two.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys
import time
from collections import defaultdict
from dataclasses import dataclass

from media.compare.compare import Comparison, compare
from tests.bench.audio.classes import BAD, GOOD, trial
from tests.bench.audio.coders import CODECS

DAMAGED = ("speech", "music", "own", "words")
ALL = (*DAMAGED, "digits", "whisper", "signal", "repeating")
KINDS = {
    **dict.fromkeys(GOOD, ALL),
    **dict.fromkeys(BAD, DAMAGED),
    "step": (*DAMAGED, "digits", "repeating", "repeating"),
    "pause step": (*DAMAGED, "digits", "repeating", "repeating"),
    "other word": ("words", "digits"),
    "word left out": ("words", "digits"),
}


@dataclass
class Count:
    """Wrong verdicts of all."""

    wrong: int = 0
    all: int = 0

    def __str__(self) -> str:
        return f"{self.wrong}/{self.all}" if self.all else ""


def main() -> None:
    """Judge the recordings, print the table, then why good ones failed and what of bad ones was found."""
    if len(sys.argv) < 3 or not all(one.isdigit() for one in sys.argv[1:3]):
        sys.exit(__doc__)
    first, count = int(sys.argv[1]), int(sys.argv[2])
    classes = sys.argv[3:] or [*GOOD, *BAD]
    table: dict[tuple[str, str], Count] = defaultdict(Count)
    wrong, audio_s, spent_s = [], 0.0, 0.0
    for seed in range(first, first + count):
        for name in classes:
            kind = KINDS[name][seed % len(KINDS[name])]
            for codec in CODECS:
                case = trial(name, kind, codec, seed)
                if case is None:
                    continue
                begun = time.process_time()
                found = compare(case.reference, case.recording, options=case.options, sent=case.sent)
                spent_s += time.process_time() - begun
                audio_s += case.reference.duration_s
                cell = table[name, codec]
                cell.all += 1
                if found.matched != (name in GOOD):
                    cell.wrong += 1
                    wrong.append(f"{name}, {kind}, {codec}, seed {seed}: {said(found)} {case.damaged[:6]}")
    show(table, classes)
    print(f"{audio_s / spent_s:.0f} times real time")
    print("\n".join(wrong))


def said(found: Comparison) -> str:
    reasons = "; ".join(found.reasons) or "matched"
    return f"{reasons} (missing {found.missing_ms}, concealed {found.concealed_ms} ms)"


def show(table: dict[tuple[str, str], Count], classes: list[str]) -> None:
    print(f"{'':<16}" + "".join(f"{name:>12}" for name in (*CODECS, "all")))
    for name in classes:
        cells = [table[name, codec] for codec in CODECS]
        cells.append(Count(sum(one.wrong for one in cells), sum(one.all for one in cells)))
        print(f"{name:<16}" + "".join(f"{one!s:>12}" for one in cells))


if __name__ == "__main__":
    main()
