"""bot.interop.cells: the cells, their ids, and their selection."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from bot.config.endpoint import EndpointConfig
from bot.errors import ConfigError
from bot.interop.cells import Group, Plan, Role, cells_of, chosen, known_ids
from bot.model import CryptoSuite, Keying, SrtpMode, Transport

SUITE_80, SUITE_32, *_ = CryptoSuite


def test_the_default_matrix() -> None:
    cells = cells_of(Plan())
    assert Counter(cell.group for cell in cells) == {
        Group.BASE: 1 + 2 * (len(CryptoSuite) + 2), Group.RENEGOTIATION: 5, Group.NEGATIVE: 17,
    }  # fmt: skip
    base = [cell.id for cell in cells if cell.group is Group.BASE]
    assert base[:2] == ["off", f"optional/{SUITE_80}"]
    assert base[-2:] == ["mandatory/all", "mandatory/reversed"]
    assert all(cell.role is Role.CALLER and cell.transport is Transport.UDP for cell in cells)


def test_every_id_is_one_and_names_an_endpoint_and_a_file() -> None:
    plans = [
        Plan(role=role, orders=True, transports=tuple(Transport), codecs=("PCMA", None)) for role in Role
    ]
    cells = [cell for plan in plans for cell in cells_of(plan)]
    assert len({cell.id for cell in cells}) == len(cells)
    assert len({cell.name for cell in cells}) == len(cells)
    for cell in cells:
        assert EndpointConfig(name=cell.name).name == cell.name
        assert "/" not in cell.name


def test_ids_do_not_depend_on_what_else_is_chosen() -> None:
    few = {cell.id for cell in cells_of(Plan())}
    many = {
        cell.id for cell in cells_of(Plan(transports=tuple(Transport), codecs=(None, "PCMA"), orders=True))
    }
    assert few < many
    assert {"off+tcp", "off+tls+PCMA", "off+PCMA", f"mandatory/{SUITE_32}-first"} <= many


def test_suites_in_the_order_of_the_offer() -> None:
    by_id = {cell.id: cell.suites for cell in cells_of(Plan(orders=True))}
    assert by_id["mandatory/all"] == tuple(CryptoSuite)
    assert by_id["mandatory/reversed"] == tuple(CryptoSuite)[::-1]
    assert by_id[f"mandatory/{SUITE_32}-first"][:2] == (SUITE_32, SUITE_80)
    assert by_id[f"optional/{SUITE_32}"] == (SUITE_32,)


def test_no_list_of_suites_is_tried_twice() -> None:
    one = [cell.id for cell in cells_of(Plan(modes=(SrtpMode.OPTIONAL,), suites=(SUITE_80,), orders=True))]
    assert one == [f"optional/{SUITE_80}"]
    lists = Counter(
        cell.suites for cell in cells_of(Plan(modes=(SrtpMode.OPTIONAL,), orders=True, negative=False))
    )
    assert set(lists.values()) == {1}


def test_a_codec_and_a_transport_are_those_of_the_endpoint() -> None:
    plan = Plan(transports=(Transport.TCP,), codecs=("PCMA", "speex/16000"))
    assert {(cell.transport, cell.codec) for cell in cells_of(plan)} == {
        (Transport.TCP, "PCMA"), (Transport.TCP, "speex/16000"),
    }  # fmt: skip


def test_the_cases_are_about_mandatory_srtp() -> None:
    assert {cell.group for cell in cells_of(Plan(modes=(SrtpMode.OFF, SrtpMode.OPTIONAL)))} == {Group.BASE}
    assert not [cell for cell in cells_of(Plan(negative=False)) if cell.group is Group.NEGATIVE]


def test_cases_that_are_about_aes_cm_have_such_a_suite() -> None:
    gcm = CryptoSuite.AEAD_AES_128_GCM
    by_id = {cell.id: cell for cell in cells_of(Plan(suites=(gcm, SUITE_80)))}
    assert by_id["negative/lower-case-suite"].suites == (SUITE_80,)
    assert by_id[f"mandatory/{gcm}"].suites == (gcm,)
    only_gcm = {cell.id for cell in cells_of(Plan(suites=(gcm,)))}
    assert "negative/lower-case-suite" not in only_gcm
    assert "negative/tag-0" in only_gcm


@pytest.mark.parametrize("role", Role)
def test_without_edits_no_cell_needs_one(role: Role) -> None:
    plan = Plan(role=role, keying=tuple(Keying), edits=False)
    cells, every = cells_of(plan), cells_of(replace(plan, edits=True))
    assert cells
    assert [cell for cell in every if cell not in cells] == [
        cell for cell in every if cell.case is not None and cell.case.edits
    ]


def test_cells_of_dtls() -> None:
    both = Plan(keying=(Keying.SDES, Keying.DTLS))
    by_id = {cell.id: cell for cell in cells_of(both)}
    profile = CryptoSuite.AEAD_AES_128_GCM
    assert by_id[f"mandatory/DTLS-{profile}"].suites == (profile,)
    assert "mandatory/DTLS-AES_256_CM_HMAC_SHA1_80" not in by_id  # no profile of DTLS-SRTP
    for name in ("mandatory/DTLS-all", "negative/dtls-wrong-fingerprint", "negative/dtls-and-sdes"):
        assert by_id[name].keying == (Keying.DTLS,)
    assert by_id["mandatory/all"].keying == (Keying.SDES,)
    only = {cell.id for cell in cells_of(Plan(keying=(Keying.DTLS,)))}
    assert "off" in only
    assert not {"mandatory/all", "optional/all", "negative/tag-0"} & only
    listens = {cell.id for cell in cells_of(Plan(role=Role.LISTENER, keying=(Keying.DTLS,)))}
    assert "listen/negative/dtls-answer-actpass" in listens
    assert not any("DTLS" in cell.id for cell in cells_of(Plan()))


def test_who_is_called_cannot_send_a_late_offer_but_can_call_back() -> None:
    ids = [cell.id for cell in cells_of(Plan(role=Role.LISTENER))]
    assert all(one.startswith("listen/") for one in ids)
    assert "listen/renegotiation/both-directions" in ids
    assert "listen/renegotiation/late-offer" not in ids
    assert "renegotiation/both-directions" not in known_ids()
    assert "listen/negative/answer-other-profile" in ids


def test_a_pattern_is_an_id_its_beginning_or_a_glob() -> None:
    cells = cells_of(Plan())

    def ids(only: list[str], skip: list[str]) -> list[str]:
        return [cell.id for cell in chosen(cells, only, skip)]

    assert ids(["off"], []) == ["off"]
    assert set(ids(["mandatory"], ["*/A*"])) == {"mandatory/all", "mandatory/reversed"}
    assert len(ids(["negative/"], [])) == 17
    assert ids(["*tag*"], ["negative/tag-0"]) == ["negative/duplicate-tags", "negative/non-numeric-tag"]
    assert ids([], []) == [cell.id for cell in cells]
    elsewhere = cells_of(Plan(role=Role.LISTENER, transports=(Transport.TCP,)))
    for pattern in ("off", "listen/off", "listen/off+tcp", "*+tcp"):
        assert chosen(elsewhere, [pattern], [])[0].id == "listen/off+tcp"


@pytest.mark.parametrize(
    ("only", "skip", "message"),
    [
        (["negative/tag0"], [], r"--only negative/tag0: .*did you mean 'negative/tag-0'"),
        ([], ["quux"], "--skip quux: unknown cell, or not among the chosen cells; see --list"),
        (["off"], ["off"], "--skip leaves no cell"),
    ],
)
def test_a_choice_of_nothing_is_an_error(only: list[str], skip: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        chosen(cells_of(Plan()), only, skip)
