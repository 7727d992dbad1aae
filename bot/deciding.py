"""Owns how an expectation of a call waits, decides and is written down; it must not know what is expected."""

from __future__ import annotations

import time
from collections.abc import Callable

from .call import Call
from .deadline import Deadline
from .endpoint import Endpoint
from .errors import ExpectationFailed
from .events import ExpectationChecked
from .explain import history

__all__ = ["Deciding", "Impossible"]


class Impossible(Exception):
    """What was expected can no longer come true; the text is what was observed."""


class Deciding:
    """What every expectation of a call is made of; its verdicts go to the journal."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._known = call.known

    def _decide(self, name: str, passed: bool, expected: str, observed: str, *, why: str = "") -> None:
        """Write the verdict down and raise when it is a failure."""
        host = self._call.host
        checked = ExpectationChecked(
            at=time.monotonic(),
            name=f"{self._call.label} {name}",
            passed=passed,
            expected=expected,
            observed=observed,
            call=self._call.number,
        )
        assert isinstance(host, Endpoint)
        host.journal.append(host.name, checked)
        if not passed:
            lines = [f"{self._call} {name}", f"expected: {expected}", f"observed: {observed}"]
            lines += [why] if why else []
            raise ExpectationFailed("\n".join([*lines, *history(self._known)]))

    def _await(
        self,
        name: str,
        expected: str,
        observe: Callable[[], str],
        holds: Callable[[], bool],
        *,
        timeout: float,
        hopeless: Callable[[], str | None] = lambda: None,
    ) -> None:
        """Wait until ``holds``; ``hopeless`` says why that cannot happen any more."""

        def check() -> None:
            if (reason := hopeless()) is not None:
                raise Impossible(reason)

        why = ""
        try:
            passed = self._call.host.wait_until(holds, Deadline(timeout), check)
            why = "" if passed else f"waited {timeout:g} s"
        except Impossible as impossible:
            passed, why = False, f"it can no longer come true: {impossible}"
        self._decide(name, passed, expected, observe(), why=why)

    def _ended(self) -> str | None:
        end = self._known.ended
        return f"the call ended: {end.code} {end.reason}, by {self._known.ended_by}" if end else None

    def _state(self) -> str:
        end = self._known.ended
        return (
            f"{self._known.state} {end.code} {end.reason}, by {self._known.ended_by}"
            if end
            else (str(self._known.state))
        )
