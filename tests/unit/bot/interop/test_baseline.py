"""bot.interop.baseline: a table that is written, edited by hand, and held against another run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.interop.baseline import Baseline, saved
from tests.support.build import cell

OUTCOMES = {
    "off": "plain",
    "mandatory/all": "SRTP AES_CM_128_HMAC_SHA1_80",
    "mandatory/reversed+tcp+speex/16000": "broken: one-way: sent 60, received 0",
    "listen/renegotiation/both-directions": "refused BYE",
    "negative/tag-0": "refused 488",
}


def table(path: Path, text: str) -> Baseline:
    path.write_text(text)
    return Baseline(path)


@pytest.mark.parametrize("name", ["table.yaml", "table.json", "table"])
def test_what_is_saved_is_what_is_expected(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(saved("sip:peer@127.0.0.1", OUTCOMES, path))
    baseline = Baseline(path)
    assert baseline.outcomes == {**OUTCOMES, "mandatory/reversed+tcp+speex/16000": "broken"}
    assert all(baseline.changes(OUTCOMES).__dict__[one] == () for one in ("changed", "added", "removed"))


def test_it_is_a_line_a_cell(tmp_path: Path) -> None:
    lines = saved("sip:peer", OUTCOMES, tmp_path / "x.yaml").decode().splitlines()
    assert lines[0] == "# results of srtpbot interop for sip:peer"
    assert lines[1:3] == ["off: plain", "mandatory/all: SRTP AES_CM_128_HMAC_SHA1_80"]
    assert json.loads(saved("sip:peer", OUTCOMES, tmp_path / "x.json"))["off"] == "plain"


def test_what_changed(tmp_path: Path) -> None:
    baseline = table(tmp_path / "t.yaml", "off: plain\noptional/all: refused 488\nmandatory/all: SRTP *\n")
    changes = baseline.changes({"off": "refused 488", "mandatory/all": "SRTP X", "negative/tag-0": "plain"})
    assert (changes.changed, changes.added, changes.removed) == (
        ("off",), ("negative/tag-0",), ("optional/all",),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("expected", "outcome", "verdict"),
    [
        ("plain", "plain", "pass"),
        ("refused *", "refused 603", "pass"),
        ("plain | SRTP *", "SRTP X", "pass"),
        ("broken", "broken: no packets", "pass"),
        ("'*'", "broken: no packets", "pass"),
        ("plain", "SRTP X", "fail"),
        ("refused 488", "refused 406", "fail"),
    ],
)
def test_a_cell_is_held_against_it(expected: str, outcome: str, verdict: str, tmp_path: Path) -> None:
    judgement = table(tmp_path / "t.yaml", f"off: {expected}\n").judged(cell("off"), outcome)
    assert judgement.verdict == verdict
    if verdict == "fail":
        assert judgement.remark == f"changed: it was {expected}, it is {outcome}"


def test_what_is_not_in_it_is_not_judged(tmp_path: Path) -> None:
    judgement = table(tmp_path / "t.yaml", "off: plain\n").judged(cell("mandatory/all"), "plain")
    assert (judgement.verdict, judgement.remark) == ("skip", "not in t.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("off: plain\nmandatory/al: plain\n", r"t\.yaml:2: mandatory/al: .*did you mean 'mandatory/all'"),
        ("quux: plain\n", r"t\.yaml:1: quux: unknown cell; srtpbot interop --list"),
        ("off: plian\n", r"t\.yaml:1: off: 'plian' is not an outcome; .*did you mean 'plain'"),
        ("# x\noff: 488\n", r"t\.yaml:2: off: expected an outcome, such as plain"),
        ("off: [plain]\n", r"t\.yaml:1: off: expected an outcome"),
        ("- off\n", r"t\.yaml: expected a table of 'cell: outcome' lines"),
        ("", r"t\.yaml: is empty"),
        ("off: plain\noff: plain\n", r"t\.yaml:2: "),
        ("off: broken: x\n", r"t\.yaml:1"),
    ],
)
def test_a_table_that_is_none(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        table(tmp_path / "t.yaml", text)


def test_there_is_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        Baseline(tmp_path / "none.yaml")
