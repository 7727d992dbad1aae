"""The thresholds of a load and its verdict; and whether the figures are the peer's or this side's.

A peer is not to blame for what this machine could not do. When the calls that were asked for were not placed,
or a time, a MOS, a loss or late audio broke a threshold while all processors were busy, the run ends with an
error that says so. A failure that lies in what the peer sent, such as a status code, stays a failure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.load.detail import is_timely
from bot.load.plan import Limits
from bot.load.tally import Cause, Figures

__all__ = ["Check", "checks", "limited_by"]

TOLERATED_MISSES = 0.01
"""Share of the calls that this side may fail to place; more of them are not the load that was asked for."""
FULL_SHARE = 0.2
"""With all processors busy for this share of the run, its times are those of this machine."""


@dataclass(frozen=True)
class Check:
    """The verdict on one threshold."""

    name: str
    held: bool
    expected: str
    observed: str
    depends_on_machine: bool = False
    """Whether a busy machine may be the reason."""


def checks(limits: Limits, figures: Figures, causes: Sequence[Cause] = ()) -> list[Check]:
    """The verdict on every threshold; what was never measured does not hold.

    ``causes`` are those of the failures.
    """
    failed = [cause for cause in causes if not cause.ours]
    told = ": " + ", ".join(f"{cause.calls} x {cause.cause}" for cause in failed) if failed else ""
    judged = figures.passed + figures.failed
    found = [
        Check(
            "failed calls",
            figures.failure_rate is not None and figures.failure_rate <= limits.max_failures,
            f"at most {limits.max_failures:.4g} of the calls ({limits.max_failures:.3%})",
            f"{figures.failed} of {judged}" + (f" ({figures.failure_rate:.3%})" if judged else "") + told,
            bool(failed) and all(is_timely(cause.cause) for cause in failed),
        )
    ]
    for name, limit, value, is_least, unit in (
        ("setup time, 95th percentile", limits.p95_setup_ms, figures.setup_p95_ms, False, " ms"),
        ("MOS, mean", limits.min_mos, figures.mos_mean, True, ""),
        ("packet loss", limits.max_loss, figures.loss, False, ""),
    ):
        if limit is None:
            continue
        held = value is not None and (value >= limit if is_least else value <= limit)
        shown = (
            "not measured"
            if value is None
            else f"{value:.3%}"
            if name == "packet loss"
            else f"{value:.4g}{unit}"
        )
        wanted = f"{limit:.3%}" if name == "packet loss" else f"{limit:.4g}{unit}"
        found.append(Check(name, held, f"at {'least' if is_least else 'most'} {wanted}", shown, True))
    return found


def limited_by(
    figures: Figures, *, missed: int, late: int, full_s: float, seconds: float, broken: list[Check]
) -> list[str]:
    """Why the figures are those of this side; empty when they are the peer's."""
    reasons = []
    due = figures.placed + missed
    if missed > TOLERATED_MISSES * due:
        reasons.append(
            f"{missed} of {due} calls were not placed: all lines were taken when they were due "
            "(raise --concurrency, or use more machines)"
        )
    if late > TOLERATED_MISSES * due:
        reasons.append(f"{late} of {due} calls began more than 250 ms late")
    if figures.ours:
        reasons.append(f"{figures.ours} calls failed on this side")
    if any(check.depends_on_machine for check in broken) and full_s >= FULL_SHARE * seconds:
        reasons.append(f"all processors of this machine were busy for {full_s:.0f} of {seconds:.0f} s")
    return reasons
