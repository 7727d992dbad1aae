"""A table of outcomes in a file, a line a cell: written, edited by hand, held against another run.

YAML or JSON, from a cell's id to its outcome. An outcome may be a pattern (``refused *``) or some of them
(``SRTP * | plain``); ``broken`` stands for any reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.document import Place, did_you_mean, line_of, read
from bot.errors import ConfigError
from bot.interop.cells import Cell, known_ids
from bot.interop.outcome import matches, short
from bot.interop.verdict import Judgement

__all__ = ["Baseline", "Changes", "saved"]

EXAMPLES = "plain, SRTP AES_CM_128_HMAC_SHA1_80, refused 488, broken"
WORDS = ("plain", "SRTP ", "refused ", "broken", "*")


@dataclass(frozen=True)
class Changes:
    """What is not as in the table."""

    changed: tuple[str, ...]
    added: tuple[str, ...]
    """Ids that were tried and are not in the table."""
    removed: tuple[str, ...]
    """Ids of the table that were not tried."""


class Baseline:
    """A table that was read; raises ConfigError, with file and line, for what is none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        data, place = read(path)
        if not isinstance(data, dict) or not data:
            raise ConfigError(f"{path}: expected a table of 'cell: outcome' lines, such as 'off: plain'")
        known = known_ids()
        self.outcomes = {
            str(name): self._outcome(str(name), value, place, known) for name, value in data.items()
        }

    def judged(self, cell: Cell, outcome: str) -> Judgement:
        """Hold one cell against the table; what is not in it is not judged."""
        expected = self.outcomes.get(cell.id)
        if expected is None:
            return Judgement("skip", "anything", f"not in {self.path.name}")
        if matches(outcome, patterns(expected)):
            return Judgement("pass", expected)
        return Judgement("fail", expected, f"changed: it was {expected}, it is {outcome}")

    def changes(self, outcomes: Mapping[str, str]) -> Changes:
        """The whole run against the whole table."""
        return Changes(
            changed=tuple(
                name
                for name, outcome in outcomes.items()
                if name in self.outcomes and not matches(outcome, patterns(self.outcomes[name]))
            ),
            added=tuple(name for name in outcomes if name not in self.outcomes),
            removed=tuple(name for name in self.outcomes if name not in outcomes),
        )

    def _outcome(self, name: str, value: object, place: Place, known: Iterable[str]) -> str:
        where = f"{self.path}:{line_of(place, [name])}"
        if name.partition("+")[0] not in known:
            hint = did_you_mean(name, known) or "; srtpbot interop --list shows them"
            raise ConfigError(f"{where}: {name}: there is no such cell{hint}")
        if not isinstance(value, str):
            raise ConfigError(f"{where}: {name}: expected an outcome, such as {EXAMPLES}")
        for pattern in patterns(value):
            if not pattern.startswith(WORDS):
                hint = did_you_mean(pattern, ["plain", "broken", "refused 488"])
                raise ConfigError(f"{where}: {name}: {pattern!r} is no outcome; expected {EXAMPLES}{hint}")
        return value


def patterns(value: str) -> tuple[str, ...]:
    """``SRTP * | plain`` as two."""
    return tuple(one.strip() for one in value.split("|"))


def saved(peer: str, outcomes: Mapping[str, str], path: Path) -> bytes:
    """The table as a file of that name has it: JSON when it ends in ``.json``, else YAML."""
    table = {name: short(outcome) for name, outcome in outcomes.items()}
    if path.suffix.lower() == ".json":
        return json.dumps(table, indent=2).encode() + b"\n"
    lines = [f"# what srtpbot interop saw of {peer}"]
    lines += [f"{name}: {outcome}" for name, outcome in table.items()]
    return "\n".join(lines).encode() + b"\n"
