"""bot.captured: the scenario of a side has what the capture has, and the loader accepts it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.captured import Side, calls_of, convert
from bot.errors import ConfigError
from bot.model import Codec
from bot.scenario.load import load
from tests.support.traces import Trace

BUILD = [Codec("PCMA", 8000), Codec("PCMU", 8000), Codec("G722", 16000)]


class Made:
    """A converted capture."""

    def __init__(self, trace: Trace, folder: Path, side: Side = "caller") -> None:
        capture = trace.write(folder / "trace.pcap")
        calls = calls_of(capture)
        done = convert(capture, calls[0], side, folder / f"{side}.yaml", codecs=BUILD, calls=calls)
        self.text = done.scenario.read_text()
        self.notes = done.notes
        document = yaml.load(self.text, yaml.BaseLoader)
        given = {"PASSWORD": "x"} if "PASSWORD" in document.get("vars", {}) else {}
        load(str(done.scenario), given)  # it is a valid scenario
        self.endpoint: dict[str, Any] = document["endpoints"][side]
        self.vars: dict[str, str] = document.get("vars", {})
        self.steps: list[dict[str, Any]] = document["steps"]

    @property
    def verbs(self) -> list[str]:
        return [next(iter(step)) for step in self.steps]

    def all(self, verb: str) -> list[dict[str, Any]]:
        return [step[verb] for step in self.steps if verb in step]


def renegotiated(trace: Trace, number: int, direction: str, back: str, *, by_caller: bool = True) -> Trace:
    start = f"INVITE sip:{'bob@192.0.2.2:5070' if by_caller else 'alice@192.0.2.1'}"
    ports = (4000, 4002) if by_caller else (4002, 4000)
    trace.send(start, f"{number} INVITE", by_caller=by_caller, body=Trace.sdp(ports[0], direction), after=2)
    trace.send("SIP/2.0 200 OK", f"{number} INVITE", by_caller=not by_caller, body=Trace.sdp(ports[1], back))
    return trace.send(start.replace("INVITE", "ACK"), f"{number} ACK", by_caller=by_caller, after=0.01)


def bye(trace: Trace, *, by_caller: bool = True) -> Trace:
    uri = "bob@192.0.2.2:5070" if by_caller else "alice@192.0.2.1"
    trace.send(f"BYE sip:{uri}", "90 BYE", by_caller=by_caller, after=3)
    return trace.send("SIP/2.0 200 OK", "90 BYE", by_caller=not by_caller)


def test_identity_headers_codecs_and_the_end(tmp_path: Path) -> None:
    trace = Trace().invite("Subject: hello", "X-Trunk: 7", "User-Agent: phone 1")
    trace.send("SIP/2.0 180 Ringing", "1 INVITE", by_caller=False)
    made = Made(bye(trace.answered(after=1)), tmp_path)
    assert made.endpoint == {
        "id": "sip:alice@example.com",
        "user_agent": "phone 1",
        "codecs": ["PCMA"],
        "srtp": "off",
    }
    assert made.vars == {"PEER": "sip:bob@192.0.2.2:5070"}
    (call,) = made.all("call")
    assert call["headers"] == {"Subject": "hello", "X-Trunk": "7"}
    assert {"on": "caller", "response": "180"} in made.all("expect")
    assert made.verbs[-2:] == ["wait", "hangup"]
    assert float(made.all("wait")[-1]["seconds"]) == pytest.approx(3, abs=0.1)


def test_hold_by_each_side(tmp_path: Path) -> None:
    trace = Trace().invite().answered()
    renegotiated(trace, 2, "sendonly", "recvonly")
    renegotiated(trace, 3, "sendrecv", "sendrecv")
    renegotiated(trace, 50, "inactive", "inactive", by_caller=False)
    made = Made(bye(trace, by_caller=False), tmp_path)
    assert [verb for verb in made.verbs if verb in {"hold", "unhold"}] == ["hold", "unhold"]
    assert made.all("hold") == [{"on": "caller", "direction": "sendonly"}]
    directions = [one["direction"] for one in made.all("expect") if "direction" in one]
    assert directions == ["sendrecv", "sendonly", "sendrecv", "inactive"]
    assert made.all("expect")[-1] == {"on": "caller", "state": "disconnected", "by": "remote"}


def test_early_media_by_the_callee(tmp_path: Path) -> None:
    trace = Trace().invite()
    trace.send("SIP/2.0 183 Session Progress", "1 INVITE", by_caller=False, body=Trace.sdp(4002))
    bye(trace.answered(after=2))
    caller = Made(trace, tmp_path)
    assert {"on": "caller", "response": "183", "media": "active"} in caller.all("expect")
    callee = Made(trace, tmp_path, "callee")
    assert callee.verbs[:3] == ["expect", "wait", "ring"]
    assert callee.all("ring") == [{"on": "callee", "code": "183"}]
    assert callee.all("answer") == [{"on": "callee"}]
    assert (callee.endpoint["port"], callee.vars) == ("${PORT}", {"PORT": "5070"})
    assert callee.endpoint["id"] == "sip:bob@example.com"


@pytest.mark.parametrize(("side", "expected"), [("caller", "expect"), ("callee", "reject")])
def test_a_refused_call(side: Side, expected: str, tmp_path: Path) -> None:
    trace = Trace().invite()
    trace.send("SIP/2.0 486 Busy Here", "1 INVITE", by_caller=False, after=1)
    trace.send("ACK sip:bob@192.0.2.2:5070", "1 ACK")
    made = Made(trace, tmp_path, side)
    assert made.verbs[-1] == expected
    assert made.steps[-1][expected]["code"] == "486"


@pytest.mark.parametrize(("side", "last"), [("caller", "cancel"), ("callee", "expect")])
def test_a_cancelled_call(side: Side, last: str, tmp_path: Path) -> None:
    trace = Trace().invite()
    trace.send("SIP/2.0 180 Ringing", "1 INVITE", by_caller=False)
    trace.send("CANCEL sip:bob@192.0.2.2:5070", "1 CANCEL", to_tag=False, after=1)
    trace.send("SIP/2.0 200 OK", "1 CANCEL", by_caller=False)
    trace.send("SIP/2.0 487 Request Terminated", "1 INVITE", by_caller=False)
    made = Made(trace, tmp_path, side)
    assert made.verbs[-1] == last


def test_a_challenge_becomes_a_password_to_give(tmp_path: Path) -> None:
    trace = Trace().invite()
    trace.send("SIP/2.0 407 Proxy Authentication Required", "1 INVITE", by_caller=False)
    trace.send("ACK sip:bob@192.0.2.2:5070", "1 ACK")
    trace.send(
        "INVITE sip:bob@192.0.2.2:5070",
        "2 INVITE",
        'Proxy-Authorization: Digest username="alice", response="0badc0de"',
        to_tag=False,
        body=Trace.sdp(),
    )
    trace.send("SIP/2.0 200 OK", "2 INVITE", by_caller=False, body=Trace.sdp(4002))
    made = Made(bye(trace), tmp_path)
    assert made.verbs.count("call") == 1
    assert (made.endpoint["user"], made.endpoint["password"]) == ("${USER}", "${PASSWORD}")
    assert made.vars["USER"] == "alice"
    assert "0badc0de" not in made.text


def test_transfers(tmp_path: Path) -> None:
    trace = Trace().invite().answered()
    trace.send("REFER sip:bob@192.0.2.2:5070", "2 REFER", "Refer-To: <sip:carol@example.com>", after=1)
    trace.send("SIP/2.0 202 Accepted", "2 REFER", by_caller=False)
    trace.send(
        "NOTIFY sip:alice@192.0.2.1", "1 NOTIFY", "Event: refer", "Content-Type: message/sipfrag",
        by_caller=False, body="SIP/2.0 200 OK\r\n",
    )  # fmt: skip
    bye(trace)
    made = Made(trace, tmp_path)
    assert made.all("transfer") == [{"on": "caller", "to": "${TARGET1}", "code": "200"}]
    assert made.vars["TARGET1"] == "sip:carol@example.com"
    other = Made(trace, tmp_path, "callee")
    assert other.endpoint["accept_transfers"] == "true"
    assert any(one.get("transferred") == "carol@" for one in other.all("expect"))
    assert other.notes


def test_of_two_transfers_each_has_its_target_and_its_result(tmp_path: Path) -> None:
    trace = Trace().invite().answered()
    for number, (user, result) in enumerate((("busy", "486 Busy Here"), ("free", "200 OK")), 2):
        refer = f"{number} REFER"
        trace.send("REFER sip:bob@192.0.2.2:5070", refer, f"Refer-To: <sip:{user}@example.com>", after=1)
        trace.send("SIP/2.0 202 Accepted", refer, by_caller=False)
        notify = ("NOTIFY sip:alice@192.0.2.1", f"{number} NOTIFY", "Event: refer")
        trace.send(*notify, by_caller=False, body=f"SIP/2.0 {result}\r\n")
    made = Made(bye(trace), tmp_path)
    assert [(one["to"], one["code"]) for one in made.all("transfer")] == [
        ("${TARGET1}", "486"),
        ("${TARGET2}", "200"),
    ]
    other = Made(trace, tmp_path, "callee")
    assert [one["transferred"] for one in other.all("expect") if "transferred" in one] == ["free@"]


def attended(trace: Trace, call_id: str) -> Trace:
    """A REFER with Replaces in the first call, whose result is good."""
    refer_to = f"Refer-To: <sip:carol@192.0.2.2?Replaces={call_id}%3Bto-tag%3Dd%3Bfrom-tag%3Dc>"
    trace.of("a@b").send("REFER sip:bob@192.0.2.2:5070", "3 REFER", refer_to, after=1)
    trace.send("SIP/2.0 202 Accepted", "3 REFER", by_caller=False)
    trace.send("NOTIFY sip:alice@192.0.2.1", "3 NOTIFY", by_caller=False, body="SIP/2.0 200 OK\r\n")
    return trace


def test_an_attended_transfer_has_both_calls_of_the_played_side(tmp_path: Path) -> None:
    trace = Trace().invite().answered()
    trace.of("other@b").invite().answered()
    attended(trace, "other%40b")
    bye(trace.of("other@b"), by_caller=False)
    bye(trace.of("a@b"))
    made = Made(trace, tmp_path)
    assert [(one["to"], one["as"]) for one in made.all("call")] == [
        ("${PEER}", "first"),
        ("${PEER2}", "enquiry1"),
    ]
    (transfer,) = made.all("transfer")
    assert transfer == {"on": "caller.first", "code": "200", "to_call": "caller.enquiry1"}
    assert {"on": "caller.enquiry1", "state": "disconnected", "by": "remote"} in made.all("expect")
    assert made.all("hangup") == [{"on": "caller.first"}]
    assert made.notes == ["audio and digits of the call to the target of the attended transfer"]


def test_an_attended_transfer_without_its_other_call_is_a_comment(tmp_path: Path) -> None:
    made = Made(bye(attended(Trace().invite().answered(), "gone%40b").of("a@b")), tmp_path)
    assert made.all("transfer") == []
    assert "places no call gone@b in the capture" in made.notes[0]


def test_srtp_of_the_capture(tmp_path: Path) -> None:
    key = "A" * 40
    lines = f"a=crypto:1 AES_CM_128_HMAC_SHA1_32 inline:{key}\r\na=crypto:2 NO_SUCH_SUITE_1 inline:{key}\r\n"
    sdp = Trace.sdp(lines=lines).replace("RTP/AVP", "RTP/SAVP")
    answer = Trace.sdp(4002, lines=lines.partition("a=crypto:2")[0]).replace("RTP/AVP", "RTP/SAVP")
    made = Made(bye(Trace().invite(sdp=sdp).answered(sdp=answer)), tmp_path)
    assert (made.endpoint["srtp"], made.endpoint["suites"]) == ("mandatory", ["AES_CM_128_HMAC_SHA1_32"])
    assert any(one.get("suite") == "AES_CM_128_HMAC_SHA1_32" for one in made.all("expect"))
    assert any("NO_SUCH_SUITE_1" in note for note in made.notes)
    assert key not in made.text


def test_what_cannot_be_taken_over_is_a_comment(tmp_path: Path) -> None:
    trace = Trace().invite(sdp=Trace.sdp(formats="96 8", lines="a=rtpmap:96 EVS/16000\r\n")).answered()
    trace.send("SUBSCRIBE sip:bob@192.0.2.2:5070", "5 SUBSCRIBE")
    made = Made(trace, tmp_path)
    for words in ("EVS", "SUBSCRIBE by the played side", "the capture ends before the call"):
        assert any(words in note for note in made.notes), words
        assert any(words in line for line in made.text.splitlines() if line.strip().startswith("#")), words
    assert made.verbs[-1] == "hangup"


@pytest.mark.parametrize(
    "evil",
    [
        '"}\n  - hangup: {on: caller}',
        "\u2028- x: y\u0085#",
        "${env:HOME} $${x} ${",
        "\\\" ' {} [] : # & * ! | > %",
        "\x1b[31m\x00\x07",
        "x" * 20_000,
        "!!python/object/apply:os.system ['true']",
    ],
    ids=["yaml", "lines", "variables", "quotes", "control", "long", "tags"],
)
def test_text_of_a_capture_stays_text(evil: str, tmp_path: Path) -> None:
    one_line = evil.replace("\n", " ").replace("\x00", "")
    trace = Trace(f"call {one_line[:200]}").invite(
        f"Subject: {one_line}", f"X-{one_line[:50]}: 1", f"User-Agent: {one_line}"
    )
    trace.send("INFO sip:bob@192.0.2.2:5070", "4 INFO", "Content-Type: text/plain", body=one_line[:300])
    trace.answered()
    made = Made(bye(trace), tmp_path)
    assert made.verbs.count("hangup") == 1
    subject = made.all("call")[0]["headers"]["Subject"]
    assert len(subject) < 1200
    assert made.text.isprintable() or all(one.isprintable() or one == "\n" for one in made.text)
    if "$" in evil:
        scenario = load(str(tmp_path / "caller.yaml"), {})[0].scenario
        assert dict(scenario.steps[0].action.headers)["Subject"] == one_line


def test_an_existing_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "caller.yaml").write_text("mine")
    with pytest.raises(ConfigError, match=r"caller\.yaml: exists"):
        Made(Trace().invite().answered(), tmp_path)
    assert (tmp_path / "caller.yaml").read_text() == "mine"


def test_without_a_call_there_is_nothing(tmp_path: Path) -> None:
    trace = Trace().send("OPTIONS sip:bob@192.0.2.2", "1 OPTIONS", to_tag=False)
    assert calls_of(trace.write(tmp_path / "trace.pcap")) == []
