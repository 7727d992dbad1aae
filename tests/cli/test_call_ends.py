"""``srtpbot call`` with peers that hang up first, that send digits and no audio, or audio one way only."""

from __future__ import annotations

import re
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from bot import Call, CallState, Controller, MediaState
from bot.sip.sdp import parse_sdp
from tests.support.commands import NewBot
from tests.support.media_sockets import rtp_header
from tests.support.process import FAILED, OK, USAGE, Bot
from tests.support.sip_peer import Dialog, SipPeer, sdp
from tests.support.starting import LOOPBACK, NewEndpoint

PCMA, EVENTS = 8, -1
"""Payload types; that of telephone-events is the one that was offered."""
AFTER_DIGIT_S = 0.25
"""What Asterisk's SendDTMF pauses after each digit, the last one too."""
FRAME = b"\x55\xd5" * 80


class Application:
    """Answers a call, sends RTP packets, and hangs up; as a PBX that runs a dialplan application does."""

    def __init__(
        self, peer: SipPeer, packets: list[tuple[int, bytes]], *, hangs_up: bool, pause: float = AFTER_DIGIT_S
    ) -> None:
        self._peer = peer
        self._packets = packets
        self._hangs_up = hangs_up
        self._pause = pause
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._thread.join(20)

    def _serve(self) -> None:
        invite = self._peer.expect("INVITE")
        offer = parse_sdp(invite.sdp or "").media[0]
        events = next(kind for kind, name in offer.rtpmaps.items() if name.startswith("telephone-event"))
        media = self._peer.media
        media.target = offer.port
        body = sdp(
            f"m=audio {media.port} RTP/AVP {PCMA} {events}\r\na=rtpmap:{PCMA} PCMA/8000\r\n"
            f"a=rtpmap:{events} telephone-event/8000\r\n"
        )
        self._peer.reply(invite, 200, body=body)
        self._peer.expect("ACK")
        self._send(int(events))
        if self._hangs_up:
            self._peer.send(self._peer.request("BYE", dialog=Dialog.of(invite)))
        else:
            self._peer.reply(self._peer.expect("BYE"), 200)

    def _send(self, events: int) -> None:
        """Send a packet each 20 ms; what arrives meanwhile stays unread."""
        deadline = time.monotonic()
        for number, (kind, payload) in enumerate(self._packets):
            header = rtp_header(number, events, 0) if kind == EVENTS else rtp_header(number, kind)
            self._peer.media.send(header + payload)
            deadline += 0.02
            threading.Event().wait(max(0.0, deadline - time.monotonic()))
        threading.Event().wait(self._pause)


def event(digit: int) -> list[tuple[int, bytes]]:
    """A digit of 100 ms as RFC 4733 sends it: updates, then the end three times."""
    updates = [struct.pack("!BBH", digit, 10, 160 * number) for number in range(1, 6)]
    ends = [struct.pack("!BBH", digit, 0x8A, 800)] * 3
    return [(EVENTS, payload) for payload in updates + ends]


Run = Callable[..., Bot]


@pytest.fixture
def run(call: NewBot) -> Iterator[Run]:
    """``call`` to an application that sends these packets and then hangs up, or waits for a BYE."""
    with ExitStack() as running:

        def start(
            packets: list[tuple[int, bytes]],
            *options: object,
            hangs_up: bool = True,
            pause: float = AFTER_DIGIT_S,
        ) -> Bot:
            peer = running.enter_context(SipPeer(timeout=20))
            application = Application(peer, packets, hangs_up=hangs_up, pause=pause)
            running.callback(application.close)
            return call(peer.uri, "--srtp", "off", "--codec", "PCMA", *options)

        yield start


DIGITS, AUDIO = event(5), [(PCMA, FRAME)] * 15


@pytest.mark.parametrize("digits", ["5", "59"])
def test_digits_right_before_the_bye(digits: str, run: Run) -> None:
    """The last end bit and the BYE arrive together; the digit is whole all the same."""
    packets = [packet for digit in digits for packet in [*event(int(digit)), *AUDIO[:3]]]
    while packets[-1] in AUDIO:
        packets.pop()
    expected = ("--expect-end", "remote", "--expect-media", "any", "--expect-dtmf", digits)
    bot = run(packets, *expected, pause=0.0)
    assert bot.end() == OK, bot.said


@pytest.mark.parametrize(
    ("packets", "options", "status", "words"),
    [
        (DIGITS, (), FAILED, ["is disconnected expected: "]),
        (DIGITS, ("--expect-end", "remote", "--expect-media", "sendonly", "--expect-dtmf", "5"), OK, []),
        (DIGITS, ("--expect-end", "any", "--expect-media", "any", "--expect-dtmf", "5"), OK, []),
        (DIGITS, ("--expect-end", "remote", "--expect-media", "any", "--expect-dtmf", "6"), FAILED, ["'5'"]),
        (AUDIO, ("--expect-end", "remote"), OK, []),
        (AUDIO, ("--expect-end", "remote", "--play", "speech:4"), OK, []),
        (AUDIO, ("--expect-end", "remote", "--dtmf", ",,,,9"), FAILED, ["played and dialled"]),
        (AUDIO, ("--expect-end", "any"), OK, []),
        (AUDIO, ("--expect-end", "local"), FAILED, ["is disconnected expected: "]),
        (AUDIO, ("--expect-end", "remote", "--expect-media", "sendonly"), FAILED, ["no audio", "15 RTP"]),
        ([], ("--expect-end", "remote"), FAILED, ["0 packets"]),
        ([], ("--expect-end", "remote", "--expect-media", "any"), OK, []),
    ],
)
def test_a_peer_that_hangs_up_first(
    run: Run, packets: list[tuple[int, bytes]], options: tuple[str, ...], status: int, words: list[str]
) -> None:
    bot = run(packets, *options)
    assert bot.end() == status, bot.said
    assert all(word in bot.stdout.replace("\n", " ") for word in words), bot.said


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (("--expect-media", "sendonly"), OK),
        (("--expect-media", "any"), OK),
        ((), FAILED),
        (("--expect-media", "recvonly"), FAILED),
        (("--expect-media", "sendonly", "--expect-end", "remote"), FAILED),
    ],
)
def test_a_peer_that_sends_no_audio_and_never_hangs_up(
    run: Run, options: tuple[str, ...], status: int
) -> None:
    bot = run([], "--duration", 0.5, *options, hangs_up=False)
    assert bot.end() == status, bot.said
    if "remote" in options:
        assert re.search(
            r"expected: DISCONNECTED 200 by remote\nobserved: DISCONNECTED .*by local", bot.stdout
        )


class OneWay(Controller):
    """Answers with a direction of its own."""

    def __init__(self, direction: str) -> None:
        self._direction = direction

    def on_incoming_call(self, call: Call) -> None:
        call.answer(edit_sdp=[("a=sendrecv", f"a={self._direction}")])

    def on_media_state(self, call: Call, media: MediaState) -> None:
        assert call.state is not CallState.NULL


@pytest.mark.parametrize(
    ("theirs", "expected", "status"),
    [
        ("sendonly", "recvonly", OK),
        ("sendonly", "sendrecv", FAILED),
        ("sendonly", "sendonly", FAILED),
        ("sendonly", "any", OK),
        ("recvonly", "recvonly", FAILED),
        ("sendrecv", "recvonly", FAILED),
    ],
)
def test_what_was_negotiated_counts(
    theirs: str, expected: str, status: int, call: NewBot, new_endpoint: NewEndpoint
) -> None:
    callee = new_endpoint(controller=OneWay(theirs))
    bot = call(callee.uri, "--duration", 0.6, "--expect-media", expected)
    assert bot.end() == status, bot.said


@pytest.mark.parametrize(
    ("options", "least", "most"),
    [
        (("--play", "speech:1"), 1.0, 4.0),
        (("--dtmf", "12"), 0.3, 4.0),
        (("--play", "silence:0.3", "--expect-audio", "tone:500:2", "--record", "rx.wav"), 2.0, 6.0),
        (("--duration", "0.5"), 0.5, 4.0),
        ((), 10.0, 14.0),
    ],
)
def test_a_call_ends_when_all_is_done(
    options: tuple[str, ...], least: float, most: float, answer: NewBot, call: NewBot
) -> None:
    bot = call(answer("--as", "parrot").uri(), *options, "--json", "-")
    bot.end()
    states = {one["state"]: one["at_s"] for one in bot.json()["calls"][0]["states"]}
    lasted = states["DISCONNECTED"] - states["CONFIRMED"]
    assert least <= lasted <= most, bot.said


def test_the_answering_side_may_expect_an_end_too(answer: NewBot, call: NewBot) -> None:
    bots = [answer("--as", "parrot", "--calls", 1, "--expect-end", end) for end in ("remote", "local")]
    for bot in bots:
        assert call(bot.uri(), "--duration", 0.4).end() == OK
    assert [bot.end() for bot in bots] == [OK, FAILED]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--expect-end", "us"], ["--expect-end", "'remote'"]),
        (["--expect-media", "both"], ["--expect-media", "'sendrecv'"]),
        (["--loop"], ["--loop", "--play FILE|SIGNAL"]),
    ],
)
def test_wrong_values_are_told(options: list[str], words: list[str], call: NewBot) -> None:
    bot = call(f"sip:nobody@{LOOPBACK}:9", *options)
    assert bot.end() == USAGE, bot.said
    assert all(word in bot.stderr for word in words), bot.said


class Target(Controller):
    """Takes calls, and remembers them."""

    def __init__(self) -> None:
        self.took: list[Call] = []

    def on_incoming_call(self, call: Call) -> None:
        self.took.append(call)
        call.answer()

    def on_media_state(self, call: Call, media: MediaState) -> None:
        if media.active:
            call.loopback()


def test_verbs_are_done_in_order(call: NewBot, new_endpoint: NewEndpoint) -> None:
    first, second = Target(), Target()
    callee = new_endpoint(name="callee", codecs=["PCMA"], accept_transfers=True, controller=first)
    third = new_endpoint(name="third", codecs=["PCMA"], controller=second)
    verbs = f"play speech:1, hold 0.2, unhold, dtmf 1,2, transfer {third.uri}"
    placed = call(callee.uri, "--do", verbs, "--linger", 0, "--expect-end", "any", "--json", "-")
    assert placed.end(100) == OK, placed.said
    (told,) = placed.json()["calls"]
    assert [digit["digit"] for digit in told["dtmf"]["sent"]] == ["1", "2"]
    sent = [one.message.method for one in first.took[0].facts.messages if not one.sent]
    assert [method for method in sent if method in {"INVITE", "REFER"}] == [*["INVITE"] * 3, "REFER"]
    assert len(second.took) == 1


def test_a_verb_that_fails_is_named_with_its_position(call: NewBot, new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(name="callee", codecs=["PCMA"], controller=Target())
    placed = call(callee.uri, "--do", f"play silence:0.2, transfer {callee.uri}", "--json", "-")
    assert placed.end(100) == FAILED, placed.said
    failed = [one for one in placed.json()["expectations"] if one["verdict"] == "fail"]
    assert [one["name"] for one in failed] == ["played and dialled"]
    assert failed[0]["observed"].startswith(f"verb 2, 'transfer {callee.uri}' at character 19: ")
    assert "603" in failed[0]["observed"]


def test_wrong_verbs_and_times_are_refused_before_the_call(call: NewBot) -> None:
    nobody = f"sip:nobody@{LOOPBACK}:9"
    wrong = call(nobody, "--do", "hold, play gone.wav")
    both = call(nobody, "--linger", 1, "--duration", 2)
    assert (wrong.end(100), both.end(100)) == (USAGE, USAGE)
    assert "srtpbot: --do: verb 2, 'play gone.wav' at character 7: " in wrong.stderr
    assert "--linger and --duration both" in both.stderr
