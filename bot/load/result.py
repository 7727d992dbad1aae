"""Result of a load as data: the JSON document ``srtpbot.load/1``."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from bot.load.tally import Cause, Figures, Sample
from bot.report.result import Result

__all__ = ["SCHEMA", "AskedFor", "LoadResult", "OwnLimits", "StepResult"]

SCHEMA = "srtpbot.load/1"


class AskedFor(msgspec.Struct, kw_only=True):
    """The load that was asked for; null for what was not."""

    uri: str
    rate: float | None
    """Calls per second."""
    concurrency: int | None
    """Concurrent calls."""
    calls: int | None
    """Number of calls."""
    seconds: float | None
    """Time in which calls begin, in seconds."""
    ramp_s: float
    arrivals: str
    """Pattern of the arrivals at a rate: ``constant`` or ``poisson``."""
    length_s: list[float]
    """Least and largest length of a call in seconds."""
    verify: float
    """Share of the calls whose audio is verified, 0 to 1; 0 with a scenario, whose steps decide that."""
    scenario: str | None = None
    """File with the scenario that each call performs; null without one."""


class StepResult(msgspec.Struct, kw_only=True):
    """One step of ``--step``."""

    target: float
    """Rate in calls per second, or number of concurrent calls."""
    held: bool
    """Whether all thresholds held, and this side placed the calls that were asked for."""
    broken: list[str]
    """The thresholds that broke."""
    limited_by: list[str]
    """Why this side, and not the peer, was the limit; empty otherwise."""
    figures: Figures


class OwnLimits(msgspec.Struct, kw_only=True):
    """What limited this side, and not the peer."""

    slots: int
    """Largest number of concurrent calls."""
    agents: int
    """Number of agent processes."""
    missed: int
    """Calls that were due while all lines were taken, and were not placed."""
    late: int
    """Calls that began more than 250 ms after they were due."""
    cpu: float | None
    """Mean share of the machine's processors in use, 0 to 1."""
    cpu_full_s: float
    """Time for which all processors were busy, in seconds."""
    reasons: list[str]
    """Why the figures are those of this side; empty when nothing limited it."""


class LoadResult(Result, kw_only=True):
    """Result of a load; ``calls`` has the worst calls only, ``calls.csv`` has all."""

    schema: Annotated[str, Meta(extra_json_schema={"const": SCHEMA})] = SCHEMA
    """Name and version of this format."""
    asked: AskedFor
    figures: Figures
    rate_reached: float | None
    """Calls per second that began, over the time in which calls began; null without a call."""
    up_most: int
    """Largest number of calls that were up at the end of a second."""
    causes: list[Cause]
    """Failures by cause, the most frequent first."""
    steps: list[StepResult]
    """Steps of ``--step``, in order."""
    capacity: float | None
    """Largest target of a step that held, before the first that did not; null without ``--step``."""
    own: OwnLimits
    samples: list[Sample]
    """Course of the load, second by second."""
