"""bot.interop against baresip's three identities and our own parrot's three modes: outcomes, and no crash."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import Endpoint, SrtpMode
from bot.bots import bot
from bot.config.endpoint import EndpointConfig
from bot.interop.attempt import Setting
from bot.interop.cells import Plan, Role, cells_of, chosen
from bot.interop.matrix import Matrix
from bot.interop.observation import Observation
from bot.interop.outcome import short
from bot.model import CryptoSuite
from bot.ua.journal import Journal
from bot.workers import Workers
from tests.support.baresip import Baresip
from tests.support.programs import LOOPBACK

SUITE_80, SUITE_32, SUITE_256, *_ = CryptoSuite
FIRST, OTHER = f"SRTP {SUITE_80}", f"SRTP {SUITE_32}"
MODES = ("off", "optional/all", "mandatory/all")
TIMEOUT_S = 5.0

PARROT = {
    SrtpMode.OFF: ("plain", "plain", "refused 488"),
    SrtpMode.OPTIONAL: ("plain", FIRST, FIRST),
    SrtpMode.MANDATORY: ("refused 488", "refused 488", FIRST),
}
BARESIP = {
    "plain": ("plain", "plain", "refused 488"),
    "srtp": ("plain", FIRST, FIRST),
    "mand": ("refused 488", "refused 488", FIRST),
}
"""By the modes of the caller."""

NEGATIVE = {
    "unknown-suite-only": ("refused 406", "broken"),
    "unknown-suite-first": (FIRST, FIRST),
    "key-too-short": ("refused 406", FIRST),
    "key-too-long": ("refused 406", FIRST),
    "bad-base64": ("refused 406", FIRST),
    "tag-0": (FIRST, FIRST),
    "duplicate-tags": ("refused 406", FIRST),
    "non-numeric-tag": ("refused 406", "broken"),
    "lower-case-suite": (FIRST, FIRST),
    "lifetime": (FIRST, FIRST),
    "lifetime-and-mki": (FIRST, FIRST),
    "unencrypted-srtp": ("refused 406", "broken"),
    "kdr": ("refused 406", FIRST),
    "crypto-under-avp": ("refused 488", "refused 488"),
    "savp-without-crypto": ("refused 406", "broken"),
    "two-media-lines": (FIRST, FIRST),
    "afterwards": (FIRST, FIRST),
}
"""What our own parrot and baresip 1.0, which demand SRTP, make of each odd offer.

Where baresip is broken, it answers with a suite or an attribute that was not offered.
"""


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    config = EndpointConfig(name="interop", bind=LOOPBACK, codecs=("PCMU",))
    return Setting(config, tmp_path, TIMEOUT_S, {"journal": Journal()})


@pytest.fixture
def parrot() -> Iterator[Endpoint]:
    """Demands SRTP."""
    with our_parrot(SrtpMode.MANDATORY) as endpoint:
        yield endpoint


def our_parrot(mode: SrtpMode) -> Endpoint:
    config = EndpointConfig(name="parrot", bind=LOOPBACK, codecs=("PCMU",), srtp=mode)
    return Endpoint(config, controller=bot("parrot"))


def called(setting: Setting, uri: str, *only: str) -> dict[str, Observation]:
    """What came of these cells."""
    matrix = Matrix(chosen(cells_of(Plan()), only, ()), setting, lambda cell, seen: None)
    with Workers(2, "cell") as workers:
        matrix.place(uri, workers)
    assert not matrix.crashed
    return {cell.id: seen for cell, seen in matrix.seen.items()}


def outcomes(seen: dict[str, Observation]) -> dict[str, str]:
    return {name: short(one.outcome) for name, one in seen.items()}


@pytest.mark.parametrize("mode", PARROT)
def test_our_own_parrot(mode: SrtpMode, setting: Setting) -> None:
    with our_parrot(mode) as endpoint:
        seen = called(setting, endpoint.uri, *MODES)
    assert tuple(outcomes(seen).values()) == PARROT[mode]
    assert all(one.audio == "marker" for one in seen.values() if not one.outcome.startswith("refused"))


def test_our_own_parrot_renegotiates(parrot: Endpoint, setting: Setting) -> None:
    seen = called(setting, parrot.uri, "off", "renegotiation")
    del seen["off"]
    assert set(outcomes(seen).values()) == {FIRST}
    assert {one.audio for one in seen.values()} == {"marker"}
    assert seen["renegotiation/rekey"].notes == ("hold: 200", "resume with new keys: 200")
    assert seen["renegotiation/update"].notes == ("UPDATE: 200",)


def test_odd_offers_to_our_own_parrot(parrot: Endpoint, setting: Setting) -> None:
    seen = outcomes(called(setting, parrot.uri, "negative"))
    assert seen == {f"negative/{name}": ours for name, (ours, _) in NEGATIVE.items()}
    assert parrot.failure is None


@pytest.mark.peer("baresip")
@pytest.mark.parametrize("identity", BARESIP)
def test_baresip(identity: str, setting: Setting, baresip: Baresip) -> None:
    seen = called(setting, baresip.uri(identity), *MODES)
    assert tuple(outcomes(seen).values()) == BARESIP[identity]
    assert all(one.audio == "audio" for one in seen.values() if not one.outcome.startswith("refused"))


@pytest.mark.peer("baresip")
def test_baresip_does_not_know_aes_256(setting: Setting, baresip: Baresip) -> None:
    [seen] = called(setting, baresip.uri("mand"), f"mandatory/{SUITE_256}").values()
    assert seen.outcome.startswith(f"broken: the answer says {SUITE_80} for the tag 1")
    assert (seen.answered, seen.active) == (SUITE_80, None)


@pytest.mark.peer("baresip")
def test_odd_offers_to_baresip(setting: Setting, baresip: Baresip) -> None:
    seen = outcomes(called(setting, baresip.uri("mand"), "negative"))
    assert seen == {f"negative/{name}": theirs for name, (_, theirs) in NEGATIVE.items()}
    assert baresip.program.running


@pytest.mark.peer("baresip")
def test_baresip_calls(setting: Setting, baresip: Baresip) -> None:
    wanted = {
        "listen/off": "refused 488",
        "listen/mandatory/all": FIRST,
        "listen/renegotiation/rekey": FIRST,
        "listen/renegotiation/both-directions": FIRST,
        "listen/negative/answer-other-suite": "broken",
    }
    cells = chosen(cells_of(Plan(role=Role.LISTENER)), wanted, ())
    matrix = Matrix(cells, setting, lambda cell, seen: None)
    matrix.receive(0, TIMEOUT_S, None, lambda uris: None, lambda cell, uri: baresip.dial("mand", uri))
    assert {cell.id: short(seen.outcome) for cell, seen in matrix.seen.items()} == wanted
    assert matrix.seen[cells[1]].audio == "audio"
