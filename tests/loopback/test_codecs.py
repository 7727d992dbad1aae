"""Every codec of the build carries speech, and a stream without a common codec does not come about."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot import ConfigError, ExpectationFailed, SrtpMode, expect
from bot.sip.sdp import parse_sdp
from bot.ua import build
from tests.support.starting import STARVED_MS, NewEndpoint, connect

CODECS = ["PCMU", "PCMA", "G722", "GSM", "iLBC", "speex/8000", "speex/16000"]


@pytest.mark.parametrize("codec", CODECS)
def test_codec_carries_speech_and_tells_it_from_other_speech(
    codec: str, new_endpoint: NewEndpoint, speech: Path, other_speech: Path, tmp_path: Path
) -> None:
    callee = new_endpoint(codecs=[codec])
    outgoing, answered = connect(new_endpoint(codecs=[codec], srtp=SrtpMode.MANDATORY), callee)
    for call in (outgoing, answered):
        expect(call).to_use_codec(codec)
    with answered.record(tmp_path / "heard.wav") as recording:
        outgoing.play(speech).wait()
    expect(recording).to_match(speech, max_missing_ms=STARVED_MS)
    with pytest.raises(ExpectationFailed, match="recording matches"):
        expect(recording).to_match(other_speech)


def test_order_of_codecs_is_the_callers(new_endpoint: NewEndpoint) -> None:
    caller = new_endpoint(codecs=["GSM", "PCMA", "PCMU"])
    for call in connect(caller, new_endpoint(codecs=["PCMU", "GSM"])):
        expect(call).to_use_codec("GSM")


def test_the_codecs_that_nearly_every_peer_has_are_offered_first(new_endpoint: NewEndpoint) -> None:
    outgoing, _ = connect(new_endpoint(codecs=()), new_endpoint())
    offer = next(one.message.sdp for one in outgoing.facts.messages if one.sent)
    (line,) = parse_sdp(offer or "").media
    names = [line.rtpmaps[number].partition("/")[0] for number in line.formats if number in line.rtpmaps]
    assert names[:4] == ["PCMA", "PCMU", "G722", "speex"]
    expect(outgoing).to_use_codec("PCMA")


def test_no_common_codec_is_refused(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(codecs=["PCMU"])
    outgoing = new_endpoint(codecs=["PCMA"]).make_call(callee.uri)
    expect(outgoing).to_be_disconnected(code=488, by="remote")


def test_wrong_codec_fails_at_once_and_says_which(new_endpoint: NewEndpoint) -> None:
    outgoing, _ = connect(new_endpoint(), new_endpoint())
    with pytest.raises(ExpectationFailed, match=r"expected: PCMU\nobserved: PCMA/8000"):
        expect(outgoing).to_use_codec("PCMU", timeout=3600)


def test_unknown_codec_names_the_near_one(new_endpoint: NewEndpoint) -> None:
    with pytest.raises(ConfigError, match=r"codec 'PCMX' is not in this build \(did you mean 'PCM[AU]'\?\)"):
        new_endpoint(codecs=["PCMX"])
    with pytest.raises(ConfigError, match=r"codecs of this build: (?!.*(L16/44100).*\1)"):
        new_endpoint(codecs=["PCMX"])
    with pytest.raises(ConfigError, match=r"'speex/12000'.*did you mean 'speex/(16|8|32)000'"):
        new_endpoint(codecs=["speex/12000"])


@pytest.mark.parametrize("without", ["-speex", "-SPEEX", "-speex/16000"])
def test_all_codecs_but_one(without: str, new_endpoint: NewEndpoint) -> None:
    def names(codecs: list[str]) -> list[str]:
        outgoing, _ = connect(new_endpoint(codecs=codecs), new_endpoint(codecs=[]))
        offer = next(one.message.sdp for one in outgoing.facts.messages if one.sent)
        found = re.findall(r"^a=rtpmap:\d+ (?!telephone-event)(\S+)", offer or "", re.MULTILINE)
        return [name.lower() for name in found]

    everything = names([])
    left_out = without.removeprefix("-").lower()
    assert any(one.startswith(left_out) for one in everything)
    assert names([without]) == [one for one in everything if not one.startswith(left_out)]


def test_what_cannot_be_left_out(new_endpoint: NewEndpoint) -> None:
    with pytest.raises(ConfigError, match=r"codec 'PCMX'.* is not in this build"):
        new_endpoint(codecs=["-PCMX"])
    everything = [f"-{name}" for name in dict.fromkeys(codec.name for codec in build().codecs)]
    with pytest.raises(ConfigError, match=r"leaves none of this build's"):
        new_endpoint(codecs=everything)
