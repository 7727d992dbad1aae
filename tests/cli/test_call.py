"""``srtpbot call`` against ``srtpbot answer``: the main job, and every expectation that can fail."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import soundfile

from bot import expect
from bot.audio_files import audio_of
from tests.support.commands import NewBot
from tests.support.contract import missing
from tests.support.process import FAILED, OK, USAGE
from tests.support.sip_peer import SipPeer
from tests.support.starting import LOOPBACK, NewEndpoint

SUITE = "AES_CM_128_HMAC_SHA1_80"
NOT_ACCEPTABLE_HERE = 488


@pytest.fixture
def parrot(answer: NewBot) -> str:
    """Where a parrot with mandatory SRTP is called."""
    return answer("--as", "parrot", "--srtp", "mandatory").uri()


def test_main_job(parrot: str, call: NewBot, speech: Path, tmp_path: Path) -> None:
    options = ["--srtp", "mandatory", "--suite", SUITE, "--codec", "PCMA", "--play", speech]
    options += ["--record", "rx.wav", "--dtmf", "159#", "--expect-audio", speech]
    options += ["--max-missing-ms", 300]  # a busy machine conceals packets that it reads late
    options += ["--expect-suite", SUITE, "--json", "-", "--duration", 6]
    bot = call(parrot, *options)
    assert bot.end() == OK, bot.said
    result = bot.json()
    assert missing(result) == []
    assert result["schema"] == "srtpbot.result/1"
    assert result["verdict"] == "pass"
    assert result["error"] is None
    assert result["duration_s"] > 6
    assert {one["verdict"] for one in result["expectations"]} == {"pass"}

    [one] = result["calls"]
    assert one["direction"] == "outgoing"
    assert one["transport"] == "udp"
    assert [state["state"] for state in one["states"]] == [
        "CALLING",
        "CONNECTING",
        "CONFIRMED",
        "DISCONNECTED",
    ]
    assert one["disconnect"] == {"code": 200, "reason": one["disconnect"]["reason"], "by": "local"}
    assert one["setup"]["answered_ms"] > 0
    assert one["setup"]["ringing_ms"] is None
    [media] = one["media"]
    assert (media["codec"], media["clock_rate"], media["ptime_ms"]) == ("PCMA", 8000, 20)
    assert (media["direction"], media["profile"]) == ("sendrecv", "RTP/SAVP")
    srtp = media["srtp"]
    assert (srtp["active"], srtp["keying"], srtp["suite"], srtp["tag"]) == (True, "SDES", SUITE, 1)
    assert srtp["offered"] == [SUITE]
    assert srtp["keys_in_clear"]
    assert media["rx"]["packets"] > 200
    assert media["tx"]["packets"] > 200
    assert [digit["digit"] for digit in one["dtmf"]["sent"]] == list("159#")
    assert {digit["method"] for digit in one["dtmf"]["sent"]} == {"rfc4733"}
    assert one["audio"]["matched"]
    assert one["audio"]["correlation"] > 0.9
    assert one["recording"]["sample_rate"] == 8000
    assert one["recording"]["duration_s"] == pytest.approx(6, abs=0.7)
    assert soundfile.info(tmp_path / "rx.wav").duration == pytest.approx(6, abs=0.7)
    assert "inline:" not in bot.said.replace("inline:[redacted]", "")


def test_result_obeys_the_schema(parrot: str, call: NewBot, srtpbot: NewBot) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = srtpbot("schema", "result")
    assert schema.end() == OK
    bot = call(parrot, "--srtp", "mandatory", "--json", "-", "--duration", 0.3)
    assert bot.end() == OK, bot.said
    jsonschema.validate(bot.json(), schema.json())


def test_names_of_the_contract_are_in_the_schema(srtpbot: NewBot) -> None:
    schema = srtpbot("schema", "result")
    assert schema.end() == OK
    definitions = schema.json()["$defs"]
    assert set(definitions["Result"]["required"]) >= {"verdict", "error", "calls", "expectations", "started"}


def test_plain_caller_is_refused(parrot: str, call: NewBot) -> None:
    bot = call(parrot, "--srtp", "off")
    assert bot.end() == FAILED, bot.said
    assert "488" in bot.stdout
    assert "Traceback" not in bot.said


def test_refusal_can_be_expected(parrot: str, call: NewBot) -> None:
    bot = call(parrot, "--srtp", "off", "--expect-code", NOT_ACCEPTABLE_HERE, "--json", "-")
    assert bot.end() == OK, bot.said
    [one] = bot.json()["calls"]
    assert one["disconnect"]["code"] == NOT_ACCEPTABLE_HERE
    assert one["disconnect"]["by"] == "remote"
    assert one["media"] == []


def test_other_refusal_than_expected(parrot: str, call: NewBot) -> None:
    bot = call(parrot, "--srtp", "off", "--expect-code", 486, "--json", "result.json")
    assert bot.end() == FAILED, bot.said
    assert "486" in bot.stdout
    assert "488 Not Acceptable Here" in bot.stdout


def test_answer_where_a_refusal_was_expected(parrot: str, call: NewBot) -> None:
    bot = call(parrot, "--srtp", "mandatory", "--expect-code", 486, "--ring-timeout", 1, "--duration", 1)
    assert bot.end() == FAILED, bot.said
    assert "486" in bot.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--expect-codec", "G722"], ["uses codec", "G722", "PCMA/8000"]),
        (["--expect-suite", "AES_256_CM_HMAC_SHA1_80"], ["is encrypted", "AES_256_CM_HMAC_SHA1_80", SUITE]),
        (["--expect-dtmf", "7"], ["has received DTMF", "'7'", "no digits"]),
        (["--expect-header", "X-Missing: ^yes$"], ["has header", "X-Missing", "no X-Missing"]),
        (["--expect-mos", "5"], ["has quality", "MOS of 5 or more", "4."]),
        (["--expect-answer-within", "0"], ["is answered in time", "within 0 ms", "after"]),
    ],
    ids=["codec", "suite", "dtmf", "header", "quality", "time"],
)
def test_wrong_expectation_fails_and_is_named(
    options: list[str], words: list[str], parrot: str, call: NewBot
) -> None:
    bot = call(parrot, "--srtp", "mandatory", "--codec", "PCMA", "--duration", 0.5, *options, "--junit", "-")
    assert bot.end() == FAILED, bot.said
    suite = ET.fromstring(bot.stdout).find("testsuite")  # a report of our own making
    assert suite is not None
    assert suite.get("failures") == "1"
    [failure] = suite.iter("failure")
    assert all(word in f"{bot.stderr}" for word in words), bot.said
    assert all(word in f"{bot.stderr}{failure.text}" for word in words[1:])


def test_refused_call_has_to_be_as_expected_too(parrot: str, call: NewBot, speech: Path) -> None:
    expected = ["--expect-header", "Retry-After: 5", "--expect-codec", "PCMA"]
    expected += ["--expect-audio", str(speech), "--record", "rx.wav"]
    bot = call(parrot, "--srtp", "off", "--expect-code", NOT_ACCEPTABLE_HERE, *expected)
    assert bot.end() == FAILED, bot.said
    for name in ("has header", "uses codec", "recording matches"):
        # a call that is refused before its recorder has started has no recording to name
        assert re.search(rf"^FAIL  (caller: call 1 to \S+|call 1) {name}", bot.stdout, re.MULTILINE), bot.said


def test_answer_with_another_code_than_expected(parrot: str, call: NewBot) -> None:
    bot = call(parrot, "--srtp", "mandatory", "--expect-code", 202, "--duration", 0.5)
    assert bot.end() == FAILED, bot.said
    assert "expected: 202" in bot.stdout


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--expect-dtmf", "", "--expect-dtmf is empty; expected DIGITS"),
        ("--expect-dtmf", "12y", "DTMF digits '12y': 'Y' is not one"),
        ("--expect-dtmf", "1,2", "',' is not one; a pause is not received"),
        ("--expect-loss", "101", "'--expect-loss': 101"),
        ("--expect-mos", "nan", "'--expect-mos'"),
        ("--expect-codec", "", "--expect-codec is empty"),
    ],
)
def test_expectation_that_means_nothing(option: str, value: str, words: str, call: NewBot) -> None:
    bot = call(f"sip:nobody@{LOOPBACK}", option, value)
    assert bot.end() == USAGE, bot.said
    assert words in bot.stderr


def test_other_audio_than_expected(
    parrot: str, call: NewBot, speech: Path, other_speech: Path, tmp_path: Path
) -> None:
    bot = call(
        parrot,
        "--srtp",
        "mandatory",
        "--play",
        speech,
        "--expect-audio",
        other_speech,
        "--out",
        "out",
        "--duration",
        2.6,
    )
    assert bot.end() == FAILED, bot.said
    assert "recording matches" in bot.stdout
    assert str(other_speech) in bot.stdout
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["calls"][0]["audio"]["matched"] is False
    failed = [one["name"] for one in result["expectations"] if one["verdict"] == "fail"]
    assert len(failed) == 1


def test_signals_are_played_and_expected_by_their_names(answer: NewBot, call: NewBot, tmp_path: Path) -> None:
    player = answer("--as", "player", "--codec", "PCMA", "--play", "speech:2,silence:0.5").uri()
    received = ["--expect-audio", "speech:2", "--expect-media", "any", "--out", "out"]
    bot = call(player, "--play", "speech:1", *received, "--expect-end", "remote")
    assert bot.end() == OK, bot.said
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["calls"][0]["audio"]["matched"] is True
    [matches] = [one for one in result["expectations"] if one["name"] == "call 1 recording matches"]
    assert matches["expected"] == "the audio of speech:2"


def test_a_parrot_says_that_it_echoes_and_its_echo_is_judged_as_one(
    parrot: str, call: NewBot, speech: Path, tmp_path: Path
) -> None:
    """Twice through iLBC: the parrot says that it is one."""
    options = ["--srtp", "mandatory", "--codec", "iLBC", "--play", speech, "--expect-audio", speech]
    bot = call(parrot, *options, "--out", "out", "--duration", 4)
    assert bot.end() == OK, bot.said
    assert b"\r\nServer: srtpbot (parrot)\r\n" in (tmp_path / "out" / "sip.pcap").read_bytes()


def test_limits_of_the_comparison(answer: NewBot, call: NewBot, tmp_path: Path) -> None:
    """300 ms of a tone are missing, and the rest after it is 6 dB lower."""
    tone = audio_of("tone:700:3")
    samples = tone.samples.copy()
    samples[tone.rate : round(1.3 * tone.rate)] = 0
    samples[2 * tone.rate :] *= 0.5
    soundfile.write(tmp_path / "damaged.wav", samples, tone.rate)
    player = answer("--as", "player", "--codec", "PCMA", "--play", "damaged.wav").uri()
    options = ["--expect-audio", "tone:700:3", "--expect-media", "any", "--expect-end", "remote"]
    limits = ["--max-missing-ms", 77, "--max-level-step-db", 3.3, "--record", "rx.wav"]
    bot = call(player, "--play", "silence:1", *options, *limits)
    assert bot.end() == FAILED, bot.said
    observed = " ".join(bot.stdout.split())
    assert "at most 77 ms may be" in observed
    assert "at most 3.3 dB may be" in observed


def test_silence_is_not_the_expected_audio(parrot: str, call: NewBot, speech: Path) -> None:
    bot = call(parrot, "--srtp", "mandatory", "--expect-audio", speech, "--record", "rx.wav", "--duration", 1)
    assert bot.end() == FAILED, bot.said
    assert "silent" in bot.stdout


def test_digits_and_header_of_the_peer_are_expected(call: NewBot, new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint()
    bot = call(
        callee.uri,
        *(
            "--header",
            "X-Test: 42",
            "--header",
            "Subject: hello there",
            "--dtmf",
            "1,2",
            "--dtmf-method",
            "info",
        ),
        *("--expect-dtmf", "77", "--expect-header", "X-Reply: ^4.$", "--expect-codec", "PCMA"),
        *("--duration", "1.5"),
    )
    with callee.expect_call(timeout=15) as incoming:
        pass
    one = incoming.value.answer(headers={"X-Reply": "43"})
    expect(one).to_have_header("X-Test", "42")
    expect(one).to_have_header("Subject", "hello there")
    expect(one).to_have_active_media()
    one.send_dtmf("77")
    expect(one).to_have_received_dtmf("12", method="info")
    assert bot.end() == OK, bot.said
    expect(one).to_be_disconnected(code=200, by="remote")


def test_inband_digits_are_expected(parrot: str, call: NewBot) -> None:
    options = ["--srtp", "mandatory", "--codec", "PCMA", "--dtmf", "4,2", "--dtmf-method", "inband"]
    bot = call(
        parrot,
        *options,
        "--expect-dtmf",
        "42",
        "--expect-dtmf-method",
        "inband",
        "--json",
        "-",
        "--duration",
        4,
    )
    assert bot.end() == OK, bot.said
    received = bot.json()["calls"][0]["dtmf"]["received"]
    assert [(one["digit"], one["method"]) for one in received] == [("4", "inband"), ("2", "inband")]
    durations = [one["duration_ms"] for one in received]  # of 100, on a machine that may be busy
    assert all(40 <= duration <= 300 for duration in durations), durations


def test_inband_digits_through_a_codec_that_does_not_keep_tones(parrot: str, call: NewBot) -> None:
    options = ["--srtp", "mandatory", "--codec", "GSM", "--dtmf", "4", "--dtmf-method", "inband"]
    bot = call(parrot, *options, "--expect-dtmf", "7", "--expect-dtmf-method", "inband", "--json", "-")
    assert bot.end() == FAILED, bot.said
    found = bot.json()
    (told,) = found["calls"][0]["warnings"]
    assert told.startswith("in-band DTMF through GSM is not reliable")
    (missed,) = [one for one in found["expectations"] if one["verdict"] == "fail"]
    assert told in missed["observed"]
    assert "warning" in bot.stderr


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (
            ["--detect-inband", "--expect-dtmf-method", "rfc4733"],
            FAILED,
            ["'42' by rfc4733", "'42' by inband"],
        ),
        (["--detect-inband"], OK, []),
        ([], FAILED, ["no digits"]),
    ],
    ids=["by another method", "by any method", "without detection"],
)
def test_inband_digits_are_no_other_ones(
    options: list[str], status: int, words: list[str], parrot: str, call: NewBot
) -> None:
    common = ["--srtp", "mandatory", "--codec", "PCMA", "--dtmf", "42", "--dtmf-method", "inband"]
    common += ["--expect-dtmf", "42"]
    bot = call(parrot, *common, *options, "--duration", 4)
    assert bot.end() == status, bot.said
    assert all(word in bot.stdout for word in words), bot.said


@pytest.mark.parametrize(("method", "status"), [("rfc4733", OK), ("info", FAILED), ("inband", FAILED)])
def test_method_of_signalled_digits_is_expected(
    method: str, status: int, answer: NewBot, call: NewBot
) -> None:
    bot = answer(*("--calls", 1, "--expect-dtmf", "42", "--expect-dtmf-method", method))
    caller = call(bot.uri(), "--dtmf", "42", "--duration", 4)
    assert caller.end() == OK, caller.said
    assert bot.end() == status, bot.said
    if status == FAILED:
        assert f"'42' by {method}" in bot.stdout


def test_peer_that_hangs_up_too_soon_is_a_failure(call: NewBot, new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint()
    bot = call(callee.uri, "--duration", 30)
    with callee.expect_call(timeout=15) as incoming:
        pass
    one = incoming.value.answer()
    expect(one).to_have_received_packets()
    one.hangup()
    assert bot.end(timeout=10) == FAILED, bot.said
    assert "by remote" in bot.stdout


def test_cancel_after(call: NewBot, new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint()
    bot = call(callee.uri, "--cancel-after", 0.3, "--json", "-")
    with callee.expect_call(timeout=15) as incoming:
        pass
    incoming.value.ring()
    expect(incoming.value).to_be_disconnected(code=487, by="remote")
    assert bot.end() == OK, bot.said
    [one] = bot.json()["calls"]
    assert one["disconnect"]["code"] == 487
    assert one["setup"]["ringing_ms"] > 0
    assert one["setup"]["answered_ms"] is None


def test_cancel_that_nobody_hears(call: NewBot) -> None:
    with SipPeer() as silent:
        bot = call(silent.uri, "--cancel-after", 0.3)
        assert bot.end() == FAILED, bot.said
    assert "no provisional response let the CANCEL go" in bot.stdout.replace("\n", " ")


def test_cancelled_call_has_to_be_as_expected_too(call: NewBot, new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint()
    bot = call(callee.uri, "--cancel-after", 0.3, "--expect-header", "X-Missing: 1")
    with callee.expect_call(timeout=15) as incoming:
        pass
    incoming.value.ring()
    assert bot.end() == FAILED, bot.said
    assert "no X-Missing" in bot.stdout


def test_ring_timeout(call: NewBot, new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint()
    bot = call(callee.uri, "--ring-timeout", 0.4)
    with callee.expect_call(timeout=15) as incoming:
        pass
    incoming.value.ring()
    assert bot.end(timeout=10) == FAILED, bot.said
    expect(incoming.value).to_be_disconnected(by="remote")


def test_nobody_there(call: NewBot) -> None:
    bot = call(f"sip:nobody@{LOOPBACK}:9;transport=tcp", "--transport", "tcp")
    assert bot.end() == FAILED, bot.said
    assert "(nothing was sent)" in bot.stdout
    assert "503" not in bot.stdout


@pytest.mark.parametrize("method", ["rfc4733", "info"])
def test_answering_side_expects_digits_and_audio(
    method: str, answer: NewBot, call: NewBot, speech: Path, tmp_path: Path
) -> None:
    bot = answer(
        *("--as", "parrot", "--calls", 1, "--codec", "G722", "--record", "heard.wav", "--json", "-"),
        *("--expect-audio", speech, "--expect-dtmf", "42", "--expect-codec", "G722", "--junit", "junit.xml"),
        *("--expect-header", "X-Test: ^ye", "--for", 30),
    )
    caller = call(
        bot.uri(),
        *("--play", speech, "--dtmf", "42", "--dtmf-method", method, "--header", "X-Test: yes"),
        *("--duration", 3.5),
    )
    assert caller.end() == OK, caller.said
    assert bot.end() == OK, bot.said
    ready, line = bot.stdout.splitlines()
    assert ready.startswith("ready ")
    one = json.loads(line)
    assert missing({"calls": [one]}) == [
        f"result.{name}" for name in ("schema", "verdict", "error", "started", "duration_s", "expectations")
    ]
    assert "".join(digit["digit"] for digit in one["dtmf"]["received"]) == "42"
    assert one["direction"] == "incoming"
    assert one["audio"]["matched"]
    assert 'failures="0"' in (tmp_path / "junit.xml").read_text()


def test_what_the_duration_cuts_off_is_a_failure(parrot: str, call: NewBot, speech: Path) -> None:
    bot = call(parrot, "--srtp", "mandatory", "--play", speech, "--dtmf", "159", "--duration", "1")
    assert bot.end() == 1, bot.said
    assert "played and dialled" in bot.stdout


def test_redirections_are_followed(call: NewBot, new_endpoint: NewEndpoint) -> None:
    moved, callee = new_endpoint(), new_endpoint()
    with moved.expect_call(timeout=20) as first:
        bot = call(moved.uri, "--follow-redirects", 1, "--duration", 0.5, "--json", "-")
    with callee.expect_call() as second:
        first.value.answer(302, headers={"Contact": f"<{callee.uri}>"})
    second.value.answer().loopback()
    assert bot.end() == OK, bot.said
    assert bot.json()["calls"][0]["disconnect"]["code"] == 200
