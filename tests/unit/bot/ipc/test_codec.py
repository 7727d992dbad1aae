"""bot.ipc.codec: structs to lines and back, however the stream is cut."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import msgspec
import pytest

from bot.errors import ConfigError
from bot.ipc.codec import commands_decoder, encode, encode_request, events_decoder
from bot.ipc.commands import Answer, AnyCommand, Play, Reinvite, Request
from bot.ipc.events import AgentCrashed, AgentStopped, ExpectationChecked, Heartbeat, MessageReceived, Wired
from tests.support.samples import COMMANDS, EVENTS


def unchecked(kind: Callable[..., AnyCommand], **fields: Any) -> AnyCommand:
    """A command whose fields may have any type: msgspec checks types only when it decodes."""
    return kind(**fields)


def kinds(samples: list[Any]) -> set[type]:
    return {type(sample) for sample in samples}


def test_there_is_a_sample_of_every_struct() -> None:
    assert kinds(EVENTS) == set(get_args(Wired))
    assert kinds(COMMANDS) == set(get_args(AnyCommand))


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_event_survives(event: Wired) -> None:
    (decoded,) = events_decoder().feed(encode(event))
    assert decoded == event
    assert type(decoded) is type(event)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_command_survives(command: AnyCommand) -> None:
    (decoded,) = commands_decoder().feed(encode(Request(7, command)))
    assert decoded == Request(7, command)
    assert type(decoded.command) is type(command)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (unchecked(Reinvite, call=1, direction="sideways"), "direction: expected one of "),
        (unchecked(Answer, call=1, code=200, after_s=None), "after_s: expected "),
        (Play(call=1, playback=1, path="\udcff"), "cannot be encoded as UTF-8"),
    ],
)
def test_a_command_that_the_agent_would_not_understand_is_not_sent(command: AnyCommand, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        encode_request(Request(7, command))


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_a_struct_is_one_line(event: Wired) -> None:
    line = encode(event)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1


def test_events_cut_in_two_at_every_byte() -> None:
    stream = b"".join(encode(event) for event in EVENTS)
    for cut in range(len(stream) + 1):
        decoder = events_decoder()
        assert [*decoder.feed(stream[:cut]), *decoder.feed(stream[cut:])] == EVENTS


def test_commands_byte_by_byte() -> None:
    requests = [Request(number, command) for number, command in enumerate(COMMANDS)]
    decoder = commands_decoder()
    received: list[Request] = []
    for byte in b"".join(encode(request) for request in requests):
        received += decoder.feed(bytes([byte]))
    assert received == requests


def test_an_event_comes_with_its_last_byte_and_not_before() -> None:
    decoder = events_decoder()
    line = encode(AgentStopped(at=1.0))
    assert list(decoder.feed(line[:-1])) == []
    assert list(decoder.feed(line[-1:])) == [AgentStopped(at=1.0)]
    assert list(decoder.feed(b"")) == []


def test_defaults_may_be_left_out() -> None:
    line = b'{"number":1,"command":{"type":"MakeCall","uri":"sip:a@b","sip_call_id":"x"}}\n'
    (request,) = commands_decoder().feed(line)
    assert msgspec.structs.asdict(request.command) == {
        "uri": "sip:a@b",
        "sip_call_id": "x",
        "headers": [],
        "ring_timeout_s": 30.0,
        "resolve_s": 0.0,
        "offer": True,
        "edit_sdp": [],
        "account": "",
    }


@pytest.mark.parametrize(
    "line",
    [
        b"pjlib: assertion failed\n",
        b"\n",
        b"\xff\xfe\n",
        b"null\n",
        b'{"type":"NoSuchEvent","at":1.0}\n',
        b'{"type":"Heartbeat","at":1.0}\n',
        b'{"type":"Heartbeat","at":"now","next_s":1.0}\n',
        b'{"type":"Reinvite","call":1}\n',
    ],
)
def test_what_is_no_event_is_an_error(line: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        list(events_decoder().feed(line))


def test_events_before_garbage_are_heard() -> None:
    received = []
    stream = encode(Heartbeat(at=1.0, next_s=1.0)) + b"garbage\n"
    feed = events_decoder().feed(stream)
    received.append(next(feed))
    with pytest.raises(msgspec.DecodeError):
        next(feed)
    assert received == [Heartbeat(at=1.0, next_s=1.0)]


def test_a_command_is_no_request() -> None:
    with pytest.raises(msgspec.DecodeError):
        list(commands_decoder().feed(encode(Reinvite(call=1))))


def test_an_agent_cannot_say_what_is_the_parents_to_say() -> None:
    for event in (
        AgentCrashed(at=1.0, reason="", log=[]),
        ExpectationChecked(at=1.0, name="", passed=True, expected="", observed=""),
    ):
        with pytest.raises(msgspec.DecodeError):
            list(events_decoder().feed(encode(event)))


def test_bytes_that_are_no_text_are_written_as_such() -> None:
    event = MessageReceived(at=1.0, from_uri="a", to_uri="b", content_type="text/plain", body="caf\udce9")
    (received,) = events_decoder().feed(encode(event))
    assert isinstance(received, MessageReceived)
    assert received.body == "caf\\xe9"
