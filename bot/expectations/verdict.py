"""The verdict on an expectation: the only place that decides, records, and raises or collects a failure."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from bot.deadline import Deadline
from bot.errors import ExpectationFailed
from bot.harmless import indented
from bot.ipc import ExpectationChecked
from bot.pattern import SlowPattern
from bot.soft_failures import SoftFailure, active_collector
from bot.ua import Endpoint, Journal

__all__ = ["Hopeless", "Subject", "record"]

Hopeless = Callable[[], str | None]
"""Returns why an expectation can no longer be met; None while it can be met."""


class Impossible(Exception):
    """The expectation can no longer be met; the text says why."""


def record(
    journal: Journal,
    source: str,
    name: str,
    *,
    passed: bool,
    expected: str,
    observed: str,
    call: int | None = None,
) -> None:
    """Write a verdict to the journal; all verdicts of a run use this function."""
    checked = ExpectationChecked(
        at=time.monotonic(), name=name, passed=passed, expected=expected, observed=observed, call=call
    )
    journal.append(source, checked)


@dataclass(frozen=True)
class Subject:
    """The subject of an expectation, and the handling of a failure."""

    endpoint: Endpoint
    label: str
    """The name in the journal: ``call 1``."""
    title: str
    """The name in the first line of a failure."""
    call: int | None = None
    soft: bool = False
    """Whether a failure is collected instead of raised."""
    history: Callable[[], list[str]] = list
    """Lines that explain a failure."""

    def decide(self, name: str, passed: bool, expected: str, observed: str, *, why: str = "") -> None:
        """Record the verdict; raises ExpectationFailed for a failure, or collects a soft failure."""
        host = self.endpoint
        record(
            host.journal,
            host.name,
            f"{self.label} {name}",
            passed=passed,
            expected=expected,
            observed=observed,
            call=self.call,
        )
        if passed:
            return
        lines = [
            f"{self.title} {name}",
            f"expected: {expected}",
            f"observed: {indented(observed)}",
            *([why] if why else []),
        ]
        history = self.history()
        if self.soft:
            failure = SoftFailure(self.title, "\n".join(lines), tuple(history))
            collectors = (active_collector(), host.soft_failures)
            if any(collector.add(failure) for collector in collectors if collector is not None):
                return
        raise ExpectationFailed(
            "\n".join(lines), name=f"{self.label} {name}", subject=self.title, history=history
        )

    def wait(
        self,
        name: str,
        expected: str,
        observe: Callable[[], str],
        holds: Callable[[], bool],
        *,
        timeout: float,
        hopeless: Hopeless = lambda: None,
    ) -> None:
        """Decide as soon as the condition holds or is hopeless, at the latest after ``timeout`` seconds."""

        def check() -> None:
            if (reason := hopeless()) is not None:
                raise Impossible(reason)

        why = ""
        try:
            passed = self.endpoint.wait_until(holds, Deadline(timeout), check)
            why = "" if passed else f"waited {timeout:g} s"
        except (Impossible, SlowPattern) as impossible:
            passed, why = False, f"it can no longer come true: {impossible}"
        self.decide(name, passed, expected, observe(), why=why)
