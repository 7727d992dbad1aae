"""``expect(...)`` and ``expect.soft(...)``: the assertions for a call, a recording or an endpoint.

An assertion waits, fails as soon as it can no longer come true, and explains itself. Each verdict goes to the
journal, so reports show passed assertions as well.
"""

from __future__ import annotations

from typing import overload

from bot.expectations.call import CallExpectation
from bot.expectations.endpoint import EndpointExpectation
from bot.expectations.recording import RecordingExpectation
from bot.ua import Awaited, Call, Endpoint, Recording

__all__ = ["expect"]

ACCEPTED = (
    "a Call (endpoint.make_call(...), or incoming.value after expect_call()), "
    "a Recording (call.record(...)) or an Endpoint"
)


class Expect:
    """``expect(subject)``: the assertions for a call, a recording, or an endpoint outside its calls.

    A failure raises ExpectationFailed. ``expect.soft(subject)`` has the same assertions, but a failure is
    recorded and the test continues. It fails at its end with all failures.
    """

    __name__ = "expect"

    @overload
    def __call__(self, subject: Call) -> CallExpectation: ...
    @overload
    def __call__(self, subject: Recording) -> RecordingExpectation: ...
    @overload
    def __call__(self, subject: Endpoint) -> EndpointExpectation: ...
    def __call__(
        self, subject: Call | Recording | Endpoint
    ) -> CallExpectation | RecordingExpectation | EndpointExpectation:
        """The assertions for the subject; raises TypeError for an unsupported type."""
        return chosen(subject, soft=False)

    @overload
    def soft(self, subject: Call) -> CallExpectation: ...
    @overload
    def soft(self, subject: Recording) -> RecordingExpectation: ...
    @overload
    def soft(self, subject: Endpoint) -> EndpointExpectation: ...
    def soft(
        self, subject: Call | Recording | Endpoint
    ) -> CallExpectation | RecordingExpectation | EndpointExpectation:
        """The same assertions, whose failures are recorded and raised together later.

        With the pytest plugin that is at the end of the test, otherwise at the end of ``with Endpoint(...)``
        or in ``close()``. When the endpoint is closed already and no test runs, a failure is raised at once.
        Only failures of expectations are collected: an endpoint that crashed, or a wrong argument, raises.
        """
        return chosen(subject, soft=True)


def chosen(
    subject: Call | Recording | Endpoint, *, soft: bool
) -> CallExpectation | RecordingExpectation | EndpointExpectation:
    """The assertion class for the type of the subject."""
    if isinstance(subject, Call):
        return CallExpectation(subject, soft=soft)
    if isinstance(subject, Recording):
        return RecordingExpectation(subject, soft=soft)
    if isinstance(subject, Endpoint):
        return EndpointExpectation(subject, soft=soft)
    name = "expect.soft()" if soft else "expect()"
    raise TypeError(f"{name} takes {ACCEPTED}, not {described(subject)}")


def described(subject: object) -> str:
    """The type of a wrong subject, with a suggestion."""
    kind = type(subject).__name__
    return f"{kind}: use its .value after the with block" if isinstance(subject, Awaited) else kind


expect = Expect()
