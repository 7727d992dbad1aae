"""File of expected outcomes (``--save``, ``--expect``): one line for each cell, comparison with a run.

YAML or JSON, from a cell's id to its outcome. An outcome may be a pattern (``refused *``) or some of them
(``SRTP * | plain``); ``broken`` stands for any reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.config import Place, did_you_mean, line_of
from bot.config.yaml_reader import read
from bot.errors import ConfigError
from bot.interop.cells import Cell, known_ids
from bot.interop.outcome import matches, short
from bot.interop.verdict import Judgement

__all__ = ["Baseline", "Changes", "saved"]

EXAMPLES = "plain, SRTP AES_CM_128_HMAC_SHA1_80, refused 488, broken"
WORDS = ("plain", "SRTP ", "refused ", "broken", "*")


@dataclass(frozen=True)
class Changes:
    """Differences between a run and the file."""

    changed: tuple[str, ...]
    added: tuple[str, ...]
    """Ids of tried cells that are not in the file."""
    removed: tuple[str, ...]
    """Ids in the file that were not tried."""


class Baseline:
    """Expected outcomes from a file; raises ConfigError with file and line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        data, place = read(path)
        if not isinstance(data, dict) or not data:
            raise ConfigError(f"{path}: expected a table of 'cell: outcome' lines, such as 'off: plain'")
        ids = known_ids()
        self.outcomes = {
            str(name): self._outcome(str(name), value, place, ids) for name, value in data.items()
        }

    def judged(self, cell: Cell, outcome: str) -> Judgement:
        """Compare one cell with the file; a cell that is not in the file has no verdict."""
        expected = self.outcomes.get(cell.id)
        if expected is None:
            return Judgement("skip", "anything", f"not in {self.path.name}")
        if matches(outcome, patterns(expected)):
            return Judgement("pass", expected)
        return Judgement("fail", expected, f"changed: it was {expected}, it is {outcome}")

    def changes(self, outcomes: Mapping[str, str]) -> Changes:
        """Compare the run with the file."""
        return Changes(
            changed=tuple(
                name
                for name, outcome in outcomes.items()
                if name in self.outcomes and not matches(outcome, patterns(self.outcomes[name]))
            ),
            added=tuple(name for name in outcomes if name not in self.outcomes),
            removed=tuple(name for name in self.outcomes if name not in outcomes),
        )

    def _outcome(self, name: str, value: object, place: Place, ids: Iterable[str]) -> str:
        where = f"{self.path}:{line_of(place, [name])}"
        if name.partition("+")[0] not in ids:
            hint = did_you_mean(name, ids) or "; srtpbot interop --list shows them"
            raise ConfigError(f"{where}: {name}: unknown cell{hint}")
        if not isinstance(value, str):
            raise ConfigError(f"{where}: {name}: expected an outcome, such as {EXAMPLES}")
        for pattern in patterns(value):
            if not pattern.startswith(WORDS):
                hint = did_you_mean(pattern, ["plain", "broken", "refused 488"])
                raise ConfigError(
                    f"{where}: {name}: {pattern!r} is not an outcome; expected {EXAMPLES}{hint}"
                )
        return value


def patterns(value: str) -> tuple[str, ...]:
    """The alternatives in ``SRTP * | plain``."""
    return tuple(one.strip() for one in value.split("|"))


def saved(peer: str, outcomes: Mapping[str, str], path: Path) -> bytes:
    """The outcomes as JSON for a name that ends with ``.json``, otherwise as YAML."""
    table = {name: short(outcome) for name, outcome in outcomes.items()}
    if path.suffix.lower() == ".json":
        return json.dumps(table, indent=2).encode() + b"\n"
    lines = [f"# results of srtpbot interop for {peer}"]
    lines += [f"{name}: {outcome}" for name, outcome in table.items()]
    return "\n".join(lines).encode() + b"\n"
