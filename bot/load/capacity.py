"""The search for the capacity: a verdict on each step of ``--step``, in order, until one breaks.

A step does not hold either when this side did not place its calls. Then the search ends as well, but what
broke is this side, and the result says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from bot.load.machine import FULL
from bot.load.plan import Plan
from bot.load.result import LoadResult, StepResult
from bot.load.tally import Sample, Tally
from bot.load.thresholds import checks, limited_by

__all__ = ["CapacitySearch", "capacity_of"]

COUNTED_S = 1.5
"""So long after its end a step may have new calls: they begin 0.25 s late, and workers report each second."""
SAMPLE_S = 1.0
"""About the time of a sample."""


class Stepped(Protocol):
    """What the search asks of a load."""

    @property
    def plan(self) -> Plan:
        """The plan, with its steps."""

    @property
    def tally(self) -> Tally:
        """The calls of each step."""

    @property
    def passed_s(self) -> float:
        """Seconds since the beginning."""


class CapacitySearch:
    """Judges the steps of a load; ``samples`` grows by one each second, ``say`` tells of each verdict."""

    def __init__(self, load: Stepped, samples: Sequence[Sample], say: Callable[[str], None]) -> None:
        self.steps: list[StepResult] = []
        """The steps with a verdict, in order; only the last one may be broken."""
        self._load = load
        self._samples = samples
        self._say = say

    @property
    def goes_on(self) -> bool:
        """Whether no step broke."""
        return all(step.held for step in self.steps)

    @property
    def capacity(self) -> float | None:
        """The target of the last step that held; None without one."""
        return max((step.target for step in self.steps if step.held), default=None)

    @property
    def limited_by(self) -> list[str]:
        """Why this side was the limit, where no step held; else the capacity is an answer."""
        return self.steps[0].limited_by if self.steps and not self.steps[0].held else []

    def judge(self, *, has_ended: bool = False) -> bool:
        """Judge the steps whose calls all have a verdict; whether the search goes on.

        ``has_ended`` says that the load is complete: no step has a further call.
        """
        stages, load = self._load.plan.stages, self._load
        while self.goes_on and len(self.steps) < len(stages):
            place = len(self.steps)
            has_calls_to_come = not has_ended and load.passed_s < stages[place].end_s + COUNTED_S
            if has_calls_to_come or load.tally.unfinished(place):
                break
            step = self._judged(place)
            self.steps.append(step)
            broke = "; ".join([*step.broken, *(f"this side: {reason}" for reason in step.limited_by)])
            self._say(f"step {step.target:g}: {'held' if step.held else f'broke: {broke}'}")
        return self.goes_on

    def _judged(self, place: int) -> StepResult:
        """The verdict on a step.

        The processors count from its beginning until now, when the last of its calls has ended.
        """
        load = self._load
        stage, figures = load.plan.stages[place], load.tally.figures(place)
        broken = [one for one in checks(load.plan.limits, figures, load.tally.causes(place)) if not one.held]
        since = [one for one in self._samples if one.at_s > stage.begin_s + SAMPLE_S / 2]
        limits = limited_by(
            figures,
            missed=sum(one.missed for one in since if one.at_s <= stage.end_s + SAMPLE_S)
            if load.plan.by_rate
            else 0,
            late=load.tally.late(place),
            full_s=SAMPLE_S * sum(one.cpu is not None and one.cpu >= FULL for one in since),
            seconds=load.passed_s - stage.begin_s,
            broken=broken,
        )
        return StepResult(
            target=stage.target,
            held=not (broken or limits),
            broken=[f"{one.name}: {one.observed}, expected {one.expected}" for one in broken],
            limited_by=limits,
            figures=figures,
        )


def capacity_of(result: LoadResult) -> str:
    """The last step that held, and which side ended the search."""
    found = f"{result.capacity:g}" if result.capacity is not None else "none"
    last = result.steps[-1]
    return (
        f"{found}; at {last.target:g} this side was the limit: {'; '.join(last.limited_by)}"
        if last.limited_by
        else found
    )
