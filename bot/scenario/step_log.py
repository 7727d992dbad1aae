"""Record of the performed steps for the reports: place, text, time and verdict of each."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from bot.config import line_of
from bot.harmless import harmless
from bot.report.steps import StepResult
from bot.scenario.case import Case, shown
from bot.scenario.model import Dtmf, Path, Step, walk
from bot.scenario.types import is_yes

__all__ = ["StepLog"]

LONGEST_VALUE, LONGEST = 60, 160
SHOWN_LAST = {"timeout", "soft"}


class StepLog:
    """Steps of one run; ``started_at`` is its start, monotonic, in seconds."""

    def __init__(self, case: Case, started_at: float) -> None:
        self._case = case
        self._started_at = started_at
        self._begun: dict[Path, float] = {}
        self._ended: dict[Path, float] = {}
        self._problems: dict[Path, str] = {}

    def begin(self, path: Path) -> None:
        """A step begins."""
        self._begun[path] = time.monotonic()

    def end(self, path: Path) -> None:
        """A step ends, for whatever reason."""
        self._ended[path] = time.monotonic()

    def fail(self, path: Path, problem: str) -> None:
        """A step has failed."""
        self._problems[path] = problem

    def results(self) -> list[StepResult]:
        """All steps in the order of the file; the branches of ``parallel`` stand for it."""
        steps = [(path, step) for path, step in walk(self._case.scenario) if step.verb != "parallel"]
        return [self._result(path, step) for path, step in steps]

    def _result(self, path: Path, step: Step) -> StepResult:
        begun = self._begun.get(path)
        ended = self._ended.get(path, begun)
        problem = self._problems.get(path, "")
        return StepResult(
            step=shown((*path, step.verb)),
            line=line_of(self._case.place, path),
            text=text_of(step),
            on=sorted(self._endpoints(step.action)),
            verdict="skip" if begun is None else "fail" if problem else "pass",
            at_s=None if begun is None else round(begun - self._started_at, 6),
            duration_s=None if begun is None or ended is None else round(ended - begun, 6),
            problem=problem,
        )

    def _endpoints(self, action: Any) -> set[str]:
        """The endpoints whose calls a step names."""
        named = [getattr(action, key, None) for key in ("on", "caller", "sender", "to")]
        texts = [text for one in named for text in (one if isinstance(one, list) else [one]) if text]
        return {name for text in texts if (name := str(text).partition(".")[0]) in self._case.endpoints}


def text_of(step: Step) -> str:
    """The verb and the keys of a step, without the values of header fields, bodies and secret digits."""
    action = step.action
    values = {
        name: value
        for name, value in msgspec.to_builtins(action).items()
        if value != default_of(action, name) and name not in SHOWN_LAST
    }
    if isinstance(action, Dtmf) and is_yes(action.secret):
        values["digits"] = "x" * len(action.digits)
    if "headers" in values:
        values["headers"] = list(values["headers"])
    values.pop("body", None)
    parts = ", ".join(f"{name}: {brief(value)}" for name, value in values.items())
    return harmless(f"{step.verb}: {parts}", LONGEST)


def default_of(action: msgspec.Struct, encoded: str) -> object:
    """The default of a key; an object of its own for a key without one."""
    field = next(one for one in msgspec.structs.fields(action) if one.encode_name == encoded)
    if field.default_factory is not msgspec.NODEFAULT:
        return msgspec.to_builtins(field.default_factory())
    return msgspec.to_builtins(field.default) if field.default is not msgspec.NODEFAULT else object()


def brief(value: object) -> str:
    """A value on one line."""
    if value is True or value is False:
        return "yes" if value else "no"
    if isinstance(value, list):
        text = "[" + ", ".join(map(brief, value)) + "]"
    elif isinstance(value, dict):
        text = "{" + ", ".join(f"{key}: {brief(one)}" for key, one in value.items()) + "}"
    else:
        text = str(value)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 3] + "..."
