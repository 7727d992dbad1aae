"""Real captures of real calls: what ``--capture`` records and what it proves of each call."""

from __future__ import annotations

import json
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import bot.capture.recorder as sniffing
from bot.capture.recorder import CaptureFilter, PacketRecorder
from bot.deadline import Deadline
from bot.errors import NativeError
from bot.model import CryptoSuite
from media.audio.wav import read
from media.capture.reader import Capture
from media.signals.marker import find_markers
from tests.support import needs
from tests.support.baresip import Baresip
from tests.support.certificates import Authority
from tests.support.commands import NewBot, answer, call, srtpbot
from tests.support.coverage import combined
from tests.support.process import FAILED, OK, TROUBLE
from tests.support.programs import LOOPBACK, Program, free_ports
from tests.support.sipp import CAPTURES

__all__ = ["answer", "call", "srtpbot"]

SCENARIOS = Path(__file__).parent / "scenarios"
SUITE = CryptoSuite.AES_CM_128_HMAC_SHA1_80
BURST = 500
GLANCE_S = 0.02
TALK_S = 0.6
HOLD = """\
defaults: {{bind: 127.0.0.1, codecs: [PCMA], srtp: mandatory, suites: [{suite}]}}
endpoints: {{caller: , callee: {{as: parrot}}}}
steps:
  - call: {{from: caller, to: callee}}
  - expect: {{on: caller, state: confirmed, encrypted: yes}}
  - wait: {{seconds: 0.5}}
  - hold: {{on: caller}}
  - expect: {{on: caller, direction: sendonly}}
  - unhold: {{on: caller}}
  - expect: {{on: caller, direction: sendrecv, encrypted: yes}}
  - wait: {{seconds: 0.5}}
  - hangup: {{on: caller}}
  - expect: {{on: callee, state: disconnected}}
"""
KILLED = """\
import os, signal, socket, sys
from pathlib import Path
from bot.capture.recorder import CaptureFilter, PacketRecorder
with PacketRecorder(Path(sys.argv[1]), CaptureFilter.of(["127.0.0.1"])) as recorder:
    print(recorder._running.process.pid, flush=True)
    sys.stdin.readline()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module", autouse=True)
def allowed(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skip what needs to capture where that is not allowed."""
    try:
        with PacketRecorder(tmp_path_factory.mktemp("allowed") / "x.pcap", CaptureFilter.of([LOOPBACK])):
            pass
    except NativeError as error:
        pytest.skip(str(error))


@pytest.fixture(params=["dumpcap", "tcpdump"])
def program(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Only this one is there."""
    name = str(request.param)
    if shutil.which(name, path=f"{sniffing.SERVERS}:/usr/bin:/usr/local/bin:/opt/homebrew/bin") is None:
        pytest.skip(f"{name} is not installed")
    real = sniffing.commands
    monkeypatch.setattr(
        sniffing, "commands", lambda place: [one for one in real(place) if Path(one[0]).name == name]
    )
    return name


# ---- the recording


@pytest.mark.parametrize("bind", [LOOPBACK, None], ids=["loopback", "every interface"])
def test_first_and_last_packet_are_recorded(bind: str | None, program: str, tmp_path: Path) -> None:
    """A burst right after the beginning and right before the end, the largest packet too."""
    path = tmp_path / "x.pcap"
    payloads = [b"%d " % number + bytes(9_000 if number % 50 == 0 else 160) for number in range(BURST)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.bind((LOOPBACK, 0))
        port = end.getsockname()[1]
        with PacketRecorder(path, CaptureFilter.of([bind])) as sniffer:
            for payload in payloads:
                end.sendto(payload, (LOOPBACK, port))
    assert sniffer.dropped == 0
    capture = Capture(path)
    assert [one.payload for one in capture if one.target.port == port] == payloads
    assert capture.problem is None
    assert path.stat().st_mode & 0o777 == 0o600


def test_nothing_is_left_of_it(program: str, tmp_path: Path) -> None:
    with PacketRecorder(tmp_path / "x.pcap", CaptureFilter.of([LOOPBACK])):
        assert [child.name() for child in psutil.Process().children()] == [program]
    assert psutil.Process().children() == []


def test_a_killed_program_loses_no_packet(tmp_path: Path) -> None:
    """And what captured for it ends with the next packet."""
    path = tmp_path / "x.pcap"
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end,
        subprocess.Popen(
            [sys.executable, "-c", KILLED, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as owner,
    ):
        end.bind((LOOPBACK, 0))
        assert owner.stdout is not None
        assert owner.stdin is not None
        captor = psutil.Process(int(owner.stdout.readline()))
        end.sendto(b"before the kill", end.getsockname())
        wait_for(path, b"before the kill")
        owner.stdin.write("\n")
        owner.stdin.flush()
        assert owner.wait(10) == -signal.SIGKILL
        end.sendto(b"after the kill", end.getsockname())
        captor.wait(10)
    assert b"before the kill" in [one.payload for one in Capture(path)]


def wait_for(path: Path, content: bytes) -> None:
    """Until the file has it."""
    deadline = Deadline(10)
    while content not in path.read_bytes():
        assert not deadline.passed, f"{path} never had {content!r}"
        select.select([], [], [], GLANCE_S)


# ---- the proof


def wires(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Of every call of the result."""
    return [media["wire"] for one in result["calls"] for media in one["media"]]


def proofs(result: dict[str, Any]) -> list[tuple[str, str]]:
    """The verdicts on the wire, and what was seen there."""
    found = [one for one in result["expectations"] if one["name"].endswith("on the wire")]
    return [(one["verdict"], one["observed"]) for one in found]


def assert_all_authenticated(result: dict[str, Any], suite: str, *, at_least: int = 20) -> None:
    """Both ways, each packet, and the proof says so."""
    assert wires(result)
    for wire in wires(result):
        assert wire["suite"] == suite
        assert wire["reused"] == 0
        for way in (wire["rx"], wire["tx"]):
            assert way["packets"] >= at_least
            assert way == {
                "packets": way["packets"],
                "authenticated": way["packets"],
                "plain": 0,
                "failed": 0,
                "protected": 0,
            }
    for verdict, observed in proofs(result):
        assert verdict == "pass"
        assert f"packets authenticated ({suite}), both directions" in observed
    assert len(proofs(result)) == len(result["calls"])


@pytest.fixture
def party(transport: str, tmp_path: Path) -> list[str]:
    """The options of either side."""
    options = ["--transport", transport, "--srtp", "mandatory", "--codec", "PCMA"]
    if transport == "tls":
        authority = Authority(tmp_path / "tls")
        identity = authority.issue(LOOPBACK)
        options += ["--tls-ca", str(authority.ca), "--tls-cert", str(identity.cert)]
        options += ["--tls-key", str(identity.key)]
    return options


@pytest.mark.parametrize(("suite", "transport"), combined(list(CryptoSuite), ["udp", "tls", "tcp"]))
def test_every_packet_of_a_call_is_authenticated(
    suite: CryptoSuite, transport: str, party: list[str], call: NewBot, answer: NewBot, tmp_path: Path
) -> None:
    """By either side; over TLS the keys are in no packet, and yet none is written anywhere."""
    needs.suite(suite)
    keys = tmp_path / "keys"
    parrot = answer(
        *("--as", "parrot", "--calls", 1, "--suite", suite, "--capture", "callee.pcap", "--keylog", keys),
        *("--json", "callee.json", *party),
    )
    options = ["--suite", suite, "--duration", TALK_S, "--capture", "caller.pcap", "--out", "out"]
    caller = call(parrot.uri(), *options, *party, "-vv", "--trace")
    assert caller.end() == OK, caller.said
    assert parrot.end() == OK, parrot.said
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert_all_authenticated(result, suite)
    assert_all_authenticated(json.loads((tmp_path / "callee.json").read_text()), suite)
    assert "on the wire" in caller.stdout
    assert "on the wire" in (tmp_path / "out" / "report.html").read_text()
    secrets = {line.partition("inline:")[2].partition("|")[0] for line in keys.read_text().splitlines()}
    assert len(secrets) == 2
    said = caller.said.encode()
    texts = [said, *(path.read_bytes() for path in (tmp_path / "out").iterdir())]
    assert not [secret for secret in secrets if any(secret.encode() in text for text in texts)]
    captured = (tmp_path / "caller.pcap").read_bytes()
    assert [secret.encode() in captured for secret in secrets] == [transport != "tls"] * 2


def test_every_packet_of_dtls_is_protected(
    call: NewBot, answer: NewBot, srtpbot: NewBot, tmp_path: Path
) -> None:
    """No capture has the keys, so none is authenticated; but none is plain, and the handshake is there."""
    needs.dtls()
    common = ["--srtp", "mandatory", "--codec", "PCMA", "--expect-keying", "dtls"]
    keying = ["--keying", "sdes", "--keying", "dtls"]
    parrot = answer("--as", "parrot", "--calls", 1, "--capture", "callee.pcap", *common, *keying)
    options = ["--duration", TALK_S, "--capture", "caller.pcap", "--json", "-", "--keying", "dtls"]
    caller = call(parrot.uri(), *options, *common)
    assert caller.end() == OK, caller.said
    assert parrot.end() == OK, parrot.said
    [wire] = wires(caller.json())
    assert wire["dtls"] >= 4
    for way in (wire["rx"], wire["tx"]):
        assert (way["protected"], way["plain"], way["failed"]) == (way["packets"], 0, 0)
        assert way["packets"] >= 20
    [(verdict, observed)] = proofs(caller.json())
    assert verdict == "pass"
    assert "protected by DTLS-SRTP" in observed
    assert "not decrypted without a key log" in observed
    decrypted = srtpbot("pcap", "decrypt", "caller.pcap", "--out", "plain")
    assert decrypted.end() == FAILED
    assert "keys of DTLS-SRTP, which no capture holds" in decrypted.stdout
    call_id = caller.json()["calls"][0]["sip_call_id"]
    assert not list((tmp_path / "plain").glob(f"{call_id}*.wav"))


def test_every_packet_over_ipv6_is_authenticated(call: NewBot, answer: NewBot, tmp_path: Path) -> None:
    needs.ipv6()
    common = ["--bind", "::1", "--srtp", "mandatory", "--suite", SUITE, "--codec", "PCMA"]
    parrot = answer(
        "--as", "parrot", "--calls", 1, "--capture", "callee.pcap", "--json", "callee.json", *common
    )
    assert parrot.uri().startswith("sip:parrot@[::1]:")
    caller = call(parrot.uri(), "--duration", TALK_S, "--capture", "caller.pcap", "--json", "-", *common)
    assert caller.end() == OK, caller.said
    assert parrot.end() == OK, parrot.said
    assert_all_authenticated(caller.json(), SUITE)
    assert_all_authenticated(json.loads((tmp_path / "callee.json").read_text()), SUITE)


@pytest.mark.parametrize("suite", CryptoSuite)
def test_every_packet_is_authenticated_when_keys_change(
    suite: CryptoSuite, srtpbot: NewBot, tmp_path: Path
) -> None:
    needs.suite(suite)
    (tmp_path / "hold.yaml").write_text(HOLD.format(suite=suite))
    bot = srtpbot("run", "hold.yaml", "--capture", "x.pcap", "--json", "-")
    assert bot.end() == OK, bot.said
    result = bot.json()
    assert len(result["calls"]) == 2
    assert_all_authenticated(result, suite)


@pytest.mark.parametrize("suite", [suite for suite in CryptoSuite if suite.is_aead])
def test_a_capture_of_gcm_is_decrypted(
    suite: CryptoSuite, call: NewBot, answer: NewBot, srtpbot: NewBot, tmp_path: Path
) -> None:
    needs.suite(suite)
    common = ["--srtp", "mandatory", "--suite", suite, "--codec", "PCMA"]
    parrot = answer("--as", "parrot", "--calls", 1, *common)
    options = ["--capture", "x.pcap", "--play", "marker:17", "--json", "-"]
    caller = call(parrot.uri(), *options, *common)
    assert caller.end() == OK, caller.said
    call_id = caller.json()["calls"][0]["sip_call_id"]
    decrypted = srtpbot("pcap", "decrypt", "x.pcap", "--out", "plain")
    decrypted.end()  # its exit status is that of other calls on this machine too
    assert f"offered {suite}; answered {suite}" in decrypted.stdout
    received = sorted((tmp_path / "plain").glob(f"{call_id}-*.wav"))
    assert len(received) == 2, decrypted.said
    for path in received:
        assert [marker.identity for marker in find_markers(read(path))] == [17]


def test_each_scenario_has_a_capture_of_its_own(srtpbot: NewBot, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(HOLD.format(suite=SUITE))
    bot = srtpbot("run", "one.yaml", "two.yaml", "--capture", "x.pcap", "--parallel", 2, "--json", "-")
    assert bot.end() == OK, bot.said
    for one in bot.json()["results"]:
        assert_all_authenticated(one, SUITE)
    assert sorted(path.name for path in tmp_path.glob("*.pcap")) == ["x-one.pcap", "x-two.pcap"]


def test_plain_rtp_is_said_to_be_plain(call: NewBot, answer: NewBot) -> None:
    parrot = answer("--as", "parrot", "--srtp", "off")
    caller = call(parrot.uri(), "--srtp", "off", "--duration", TALK_S, "--capture", "x.pcap", "--json", "-")
    assert caller.end() == OK, caller.said
    [wire] = wires(caller.json())
    assert wire["rx"]["plain"] == wire["rx"]["packets"] > 20
    assert wire["suite"] is None
    [(verdict, observed)] = proofs(caller.json())
    assert verdict == "pass"
    assert "packets of plain RTP, both directions" in observed


@pytest.mark.peer("baresip")
def test_plain_rtp_stays_so_when_the_answer_has_a_key_unasked(call: NewBot, baresip: Baresip) -> None:
    caller = call(
        baresip.uri("srtp"), "--srtp", "off", "--duration", TALK_S, "--capture", "x.pcap", "--json", "-"
    )
    assert caller.end() == OK, caller.said
    assert caller.json()["calls"][0]["media"][0]["srtp"]["active"] is False
    [(verdict, observed)] = proofs(caller.json())
    assert (verdict, "packets of plain RTP, both directions" in observed) == ("pass", True)


def test_without_a_capture_there_is_no_figure(call: NewBot, answer: NewBot) -> None:
    caller = call(answer("--as", "parrot").uri(), "--duration", TALK_S, "--json", "-")
    assert caller.end() == OK, caller.said
    assert wires(caller.json()) == [None]
    assert proofs(caller.json()) == []


def test_an_interrupt_ends_it_in_order(answer: NewBot, tmp_path: Path) -> None:
    bot = answer("--as", "parrot", "--capture", "x.pcap")
    bot.uri()
    [captor] = [one for one in psutil.Process(bot.pid).children() if one.name() in {"dumpcap", "tcpdump"}]
    bot.send(signal.SIGINT)
    assert bot.end() == OK, bot.said
    assert not captor.is_running()
    capture = Capture(tmp_path / "x.pcap")
    reported = [one.payload.split(b"(")[0] for one in capture if b"srtpbot:" in one.payload]
    begun = reported.index(b"srtpbot: the capture begins ")  # of captures beside this one there may be others
    assert b"srtpbot: the capture ends " in reported[begun:]
    assert capture.problem is None


# ---- plain RTP where SRTP was agreed on


class Liar:
    """SIPp with one of our scenarios, at ``port``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_ports()
        self._media = free_ports(4)
        self.program: Program | None = None

    def start(self, scenario: str, *peer: str) -> Program:
        """Perform the scenario once, against ``peer`` when it calls."""
        (self._folder / "pcap").symlink_to(CAPTURES)
        arguments = [
            *("sipp", "-sf", str(SCENARIOS / f"{scenario}.xml"), *peer, "-m", "1", "-nostdin"),
            *("-i", LOOPBACK, "-p", str(self.port), "-mi", LOOPBACK, "-mp", str(self._media)),
        ]
        self.program = Program(arguments, folder=self._folder)
        return self.program


@pytest.fixture
def liar(tmp_path: Path) -> Iterator[Liar]:
    """Ended with the test."""
    if not CAPTURES.is_dir():
        pytest.skip(f"{CAPTURES}: SIPp's captures are in Debian's sip-tester")
    liar = Liar(tmp_path)
    yield liar
    if liar.program is not None:
        liar.program.stop()


@pytest.mark.peer("sipp")
def test_an_offer_of_srtp_with_plain_rtp_is_caught(answer: NewBot, liar: Liar, tmp_path: Path) -> None:
    parrot = answer("--as", "parrot", "--calls", 1, "--capture", "x.pcap", "--json", "result.json")
    caller = liar.start("calls/srtp-sends-rtp", parrot.uri().partition("@")[2].partition(";")[0])
    assert caller.wait(20) == 0, caller.tail
    assert parrot.end() == FAILED, parrot.said
    assert "plain RTP where the description (RTP/SAVP) demands SRTP" in parrot.stdout
    assert_only_its_packets_are_plain(json.loads((tmp_path / "result.json").read_text()))


@pytest.mark.peer("sipp")
def test_an_answer_of_srtp_with_plain_rtp_is_caught(call: NewBot, liar: Liar) -> None:
    callee = liar.start("answers/srtp-sends-rtp")
    options = ["--srtp", "mandatory", "--codec", "PCMA", "--suite", SUITE, "--capture", "x.pcap"]
    caller = call(f"sip:liar@{LOOPBACK}:{liar.port}", *options, "--duration", TALK_S, "--json", "-")
    assert caller.end() == FAILED, caller.said
    assert callee.wait(20) == 0, callee.tail
    assert "plain RTP where the description (RTP/SAVP) demands SRTP" in caller.stderr
    assert_only_its_packets_are_plain(caller.json())


def assert_only_its_packets_are_plain(result: dict[str, Any]) -> None:
    """The peer's; ours are authentic, whatever it does."""
    [wire] = wires(result)
    assert wire["rx"]["plain"] == wire["rx"]["packets"] > 20
    assert wire["tx"]["authenticated"] == wire["tx"]["packets"] > 20
    [(verdict, observed)] = proofs(result)
    assert verdict == "fail"
    assert "received: " in observed
    assert "sent: " not in observed


# ---- who may not


def test_a_refusal_says_what_to_do(call: NewBot, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("dumpcap", "tcpdump"):
        (tmp_path / "bin" / name).write_text(
            f'#!/bin/sh\necho "{name}: You do not have permission to capture" >&2\nexit 1\n'
        )
        (tmp_path / "bin" / name).chmod(0o755)
    caller = call(f"sip:x@{LOOPBACK}:9", "--capture", "x.pcap", PATH=f"{tmp_path / 'bin'}:/bin:/usr/bin")
    assert caller.end() == TROUBLE, caller.said
    assert "--capture: cannot capture on lo" in caller.stderr
    assert "setcap" in caller.stderr
    assert "Traceback" not in caller.said
