"""Handler of the ``expect`` step: checks every expectation on every call, then reports all failures."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bot.deadline import Deadline
from bot.errors import CallFailed, ExpectationFailed
from bot.expectations import Definition, Judgement, RecordingExpectation, TargetUri, expect
from bot.scenario.context import ScenarioContext
from bot.scenario.expect_keys import DEFINED, OF_ENDPOINT
from bot.scenario.expect_model import Expect

__all__ = ["StepFailed", "check_expectations"]

Check = Callable[[], None]
NewExpectation = Callable[[ScenarioContext, str, str, Deadline], object]
"""Makes the expectations of the subject with a name, for a key, before a deadline."""
COMPLETION_S = 1.0


class StepFailed(ExpectationFailed):
    """Expectations of one step failed; ``failures`` has the text of each, ``keys`` the keys of the step."""

    def __init__(self, failures: list[str], keys: list[str]) -> None:
        super().__init__("\n".join(failures))
        self.failures = failures
        self.keys = list(dict.fromkeys(keys))


def check_expectations(context: ScenarioContext, step: Expect, deadline: Deadline) -> None:
    """Check all expectations of the step; raises StepFailed with all failures."""
    failures, keys = [], []
    for key, check in checks(context, step, deadline):
        try:
            check()
        except ExpectationFailed as failure:
            failures.append(str(failure))
            keys.append(key)
    if failures:
        raise StepFailed(failures, keys)


def checks(context: ScenarioContext, step: Expect, deadline: Deadline) -> list[tuple[str, Check]]:
    """The checks of the step on each call, in the order of ``Expect.expected_keys``, or on the recording."""
    return [
        (key, partial(judge, judgement, partial(subject, context, on, key, deadline), step, deadline))
        for subject, on in subjects(step)
        for key in step.expected_keys
        for judgement in judgements(context, DEFINED[key], step)
    ]


def subjects(step: Expect) -> list[tuple[NewExpectation, str]]:
    """How to get the expectations of each call, or of the recording, and the name of that."""
    if step.recording is not None:
        return [(of_recording, step.recording)]
    return [(of_call, on) for on in step.subjects]


def judgements(context: ScenarioContext, definition: Definition, step: Expect) -> list[Judgement]:
    """The judgements of a key of the step."""
    value = step.value(definition.key)
    if definition.value == TargetUri:
        value = context.uri(value)
    return definition.judgements(value, step.companions(definition), str(context.case.folder))


def judge(judgement: Judgement, subject: Callable[[], object], step: Expect, deadline: Deadline) -> None:
    """Judge the subject once it exists; a recording has a second at least to be completed."""
    expectation = subject()
    left = deadline.left if step.recording is None else max(deadline.left, COMPLETION_S)
    judgement(expectation, timeout=left, during=step.during)


def of_call(context: ScenarioContext, on: str, key: str, deadline: Deadline) -> object:
    """The expectations of a call, or of its endpoint."""
    if key in OF_ENDPOINT:
        return expect(context.endpoints[on.partition(".")[0]])
    return expect(context.call(on, deadline))


def of_recording(context: ScenarioContext, name: str, key: str, deadline: Deadline) -> RecordingExpectation:
    """The expectations of a recording, which is stopped, so that its file is complete."""
    recording = context.recordings.get(name)
    if recording is None:
        raise CallFailed(f"the recording {name!r} has not started")
    if not recording.complete:
        recording.stop()
    return expect(recording)
