"""Expectations (assertions) with one vocabulary for Python, scenarios, the command line and bots."""

from bot.expectations.base import history
from bot.expectations.call import CallExpectation
from bot.expectations.definition import Companion, Definition, Judgement, definitions
from bot.expectations.endpoint import EndpointExpectation
from bot.expectations.recording import RecordingExpectation
from bot.expectations.recording_in_call import MAX_DELAY_MS, in_time, started_at
from bot.expectations.states import StateName
from bot.expectations.subjects import expect
from bot.expectations.values import AudioSource, PatternText, StatusCode, TargetUri, YesNo, is_yes
from bot.expectations.verdict import record

__all__ = [
    "MAX_DELAY_MS",
    "AudioSource",
    "CallExpectation",
    "Companion",
    "Definition",
    "EndpointExpectation",
    "Judgement",
    "PatternText",
    "RecordingExpectation",
    "StateName",
    "StatusCode",
    "TargetUri",
    "YesNo",
    "definitions",
    "expect",
    "history",
    "in_time",
    "is_yes",
    "record",
    "started_at",
]
