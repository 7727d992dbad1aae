"""``srtpbot interop``: its cells, its reports, its tables, its exit statuses; the peer is our own parrot."""

from __future__ import annotations

import json
import resource
import signal
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bot.audio_files import audio_file, cache_folder
from bot.model import CryptoSuite
from bot.sip.redaction import REDACTED
from media.audio.wav import playable
from tests.support.commands import NewBot
from tests.support.contract import missing
from tests.support.process import COMMAND, FAILED, INTERRUPTED, OK, TROUBLE, USAGE
from tests.support.sip_peer import SipPeer
from tests.support.starting import LOOPBACK

SUITE = CryptoSuite.AES_CM_128_HMAC_SHA1_80
SRTP = f"SRTP {SUITE}"
ONE = ("--only", f"mandatory/{SUITE}")
HERE = ("--bind", LOOPBACK, "--codec", "PCMU")
DISK_BYTES = 4096  # a quarter of a second, in which no marker is found
NOBODY = f"sip:nobody@{LOOPBACK}:9"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name the URI of the peer to call, or --listen"),
        (("sips",), "sips"),
        ((NOBODY, "--srtp", "off"), "--srtp: interop tries every mode; choose some with --modes"),
        ((NOBODY, "--modes", "of"), "--modes of: expected some of off, optional, mandatory"),
        ((NOBODY, "--only", "mandatory/al"), "did you mean 'mandatory/all'?"),
        ((NOBODY, "--trigger", "x"), "add --listen"),
        (("--listen", "--trigger", "'x"), "--trigger 'x: No closing quotation"),
        (("--listen", NOBODY), f"remove {NOBODY} or --listen"),
        ((NOBODY, "--expect", "none.yaml"), "none.yaml: no such file"),
        ((NOBODY, "--save", "no/such/folder.yaml"), "--save no/such/folder.yaml: its folder does not exist"),
        ((f"{NOBODY};transport=tcp", "--transport", "udp"), "remove ;transport"),
        ((f"{NOBODY};transport=sctp",), "sctp is not a transport of an endpoint"),
        (("--listen", "--transport", "tls"), "answering TLS needs a certificate"),
    ],
)
def test_what_cannot_be_meant(arguments: tuple[str, ...], message: str, srtpbot: NewBot) -> None:
    run = srtpbot("interop", *arguments)
    assert run.end() == USAGE
    assert message in run.stderr
    assert "Traceback" not in run.stderr


def test_a_table_with_a_mistake_is_named_by_line(srtpbot: NewBot, tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text("off: plain\nmandatory/al: plain\n")
    run = srtpbot("interop", NOBODY, "--expect", "t.yaml")
    assert run.end() == USAGE
    assert "t.yaml:2: mandatory/al: unknown cell (did you mean 'mandatory/all'?)" in run.stderr
    (tmp_path / "t.yaml").write_text("off: plain\n")
    run = srtpbot("interop", NOBODY, "--expect", "t.yaml", "--modes", "mandatory")
    assert run.end() == USAGE
    assert "has none of the cells that are chosen" in run.stderr


def test_the_cells_are_shown_without_a_call(srtpbot: NewBot) -> None:
    run = srtpbot("interop", "--list", "--modes", "off,mandatory", "--skip", "renegotiation")
    assert run.end() == OK
    lines = run.stdout.splitlines()
    assert lines[0].split()[0] == "off"
    assert not any(line.startswith(("optional", "renegotiation")) for line in lines)
    assert any(line.startswith("negative/tag-0 ") for line in lines)
    assert "RFC 4568" in run.stdout


def test_every_report_tells_the_same(srtpbot: NewBot, answer: NewBot, tmp_path: Path) -> None:
    parrot = answer("--as", "parrot", "--srtp", "mandatory")
    run = srtpbot(
        "interop", parrot.uri(), *HERE, *ONE, "--only", "off", "--only", "renegotiation/hold",
        "--only", "negative/unknown-suite-only", "--only", "negative/unknown-suite-first",
        "--json", "r.json", "--junit", "j.xml", "--out", "out", "--save", "t.yaml",
    )  # fmt: skip
    assert run.end() == OK, run.said
    result = json.loads((tmp_path / "r.json").read_text())
    assert not missing(result)
    assert result["verdict"] == "pass"
    cells = {one["id"].removesuffix("+PCMU"): one for one in result["cells"]}
    assert {name: one["observed"]["outcome"].partition(" ")[0] for name, one in cells.items()} == {
        "off": "refused", f"mandatory/{SUITE}": "SRTP", "renegotiation/hold": "SRTP",
        "negative/unknown-suite-only": "refused", "negative/unknown-suite-first": "SRTP",
    }  # fmt: skip
    assert {one["verdict"] for one in cells.values()} == {"pass"}
    seen = cells["negative/unknown-suite-first"]["observed"]
    assert (seen["answered"], seen["tag"], seen["active"], seen["audio"]) == (SUITE, 1, SUITE, "marker")
    assert len(seen["offered"]) == 2
    assert cells["renegotiation/hold"]["observed"]["notes"] == ["hold: 200", "resume: 200"]
    assert min(seen["sent"], seen["received"]) > 20
    ids = {call["id"] for call in result["calls"]}
    assert {call for one in cells.values() for call in one["calls"]} == ids
    names = {case.get("name") for case in ET.parse(tmp_path / "j.xml").iter("testcase")}
    assert {f"{name}+PCMU" for name in cells} <= names
    out = tmp_path / "out"
    for name in ("result.json", "junit.xml", "journal.jsonl", "sip.pcap", "report.html", "recordings"):
        assert (out / name).exists(), name
    page = (out / "report.html").read_text()
    assert REDACTED in page
    assert "inline:" in page
    assert "SRTP" in run.stdout
    assert run.stdout.splitlines()[-2:] == ["verdict: pass", "report: out/report.html"]
    table = (tmp_path / "t.yaml").read_text().splitlines()
    assert "off+PCMU: refused 488" in table


def test_a_table_holds_a_peer_to_what_was(srtpbot: NewBot, answer: NewBot, tmp_path: Path) -> None:
    parrot = answer("--as", "parrot", "--srtp", "optional")
    (tmp_path / "t.yaml").write_text(f"off+PCMU: plain\nmandatory/{SUITE}+PCMU: refused 488\n")
    run = srtpbot("interop", parrot.uri(), *HERE, *ONE, "--only", "off", "--expect", "t.yaml", "--json", "-")
    assert run.end() == FAILED
    result = run.json()
    assert result["changes"] == {"changed": [f"mandatory/{SUITE}+PCMU"], "added": [], "removed": []}
    assert f"changed: it was refused 488, it is {SRTP}" in run.stderr
    (tmp_path / "t.yaml").write_text(
        f"off+PCMU: plain\nmandatory/{SUITE}+PCMU: SRTP *\noptional/all: plain\n"
    )
    run = srtpbot("interop", parrot.uri(), *HERE, *ONE, "--only", "off", "--expect", "t.yaml")
    assert run.end() == OK
    assert "removed optional/all" in run.stdout


def test_a_peer_without_srtp_fails_as_a_whole(srtpbot: NewBot, answer: NewBot) -> None:
    parrot = answer("--as", "parrot", "--srtp", "off")
    run = srtpbot("interop", parrot.uri(), *HERE, *ONE, "--only", "negative/tag-0")
    assert run.end() == FAILED
    assert "FAIL an encrypted call works in at least one cell: in none" in run.stdout
    assert "1 passed, 1 could not be judged" in run.stdout
    run = srtpbot("interop", parrot.uri(), *HERE, "--modes", "off")
    assert run.end() == OK
    assert "plain" in run.stdout


def test_a_port_where_nobody_is_costs_one_call(srtpbot: NewBot, tmp_path: Path) -> None:
    with SipPeer() as silent:
        run = srtpbot(
            "interop", silent.uri, *HERE, "--timeout", "0.5", "--json", "r.json", "--save", "t.yaml"
        )
        assert run.end() == FAILED
    result = json.loads((tmp_path / "r.json").read_text())
    assert (result["verdict"], result["error"], len(result["cells"])) == ("fail", None, 1)
    [silence] = [one for one in result["expectations"] if one["name"] == "the peer answers"]
    assert silence["verdict"] == "fail"
    assert "not one SIP message came" in silence["observed"]
    assert "FAIL the peer answers: not one SIP message came" in run.stdout
    assert "--save t.yaml: not written, for the peer fell silent" in run.stderr
    assert not (tmp_path / "t.yaml").exists()


def test_a_peer_that_dies_costs_three_calls(srtpbot: NewBot, tmp_path: Path) -> None:
    with SipPeer(timeout=15) as peer:
        run = srtpbot(
            "interop", peer.uri, *HERE, "--timeout", "0.5",
            "--parallel", 1, "--json", "r.json", "--junit", "j.xml", "--out", "out",
        )  # fmt: skip
        peer.reply(peer.expect("INVITE"), 488)
        assert run.end() == FAILED, run.said
    result = json.loads((tmp_path / "r.json").read_text())
    assert (result["verdict"], result["error"]) == ("fail", None)
    outcomes = [one["observed"]["outcome"].partition(":")[0] for one in result["cells"]]
    assert outcomes[0] == "refused 488"
    assert sorted(outcomes[1:4]) == ["broken"] * 3
    untried = [one for one in result["cells"] if one["observed"]["outcome"] == "not tried"]
    assert len(untried) == len(result["cells"]) - 4
    assert {(one["verdict"], one["remark"]) for one in untried} == {
        ("skip", "the peer fell silent after off+PCMU")
    }
    assert "FAIL the peer answers to the end: not a word after off+PCMU" in run.stdout
    suites = ET.parse(tmp_path / "j.xml")
    failed = {case.get("name") for case in suites.iter("testcase") if case.find("failure") is not None}
    assert "the peer answers to the end" in failed
    assert not any(name.startswith("negative/") for name in failed if name)
    assert "the peer fell silent after off+PCMU" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits another process")
def test_a_full_disk_is_not_the_peers_fault(srtpbot: NewBot, answer: NewBot) -> None:
    parrot = answer("--as", "parrot")
    uri = parrot.uri()
    for identity in range(8):
        playable(audio_file(f"marker:{identity}"), 8000, cache_folder())  # what is played is there already
    run = srtpbot("interop", uri, *HERE, "--only", "off", *ONE, "--json", "-")
    resource.prlimit(run.pid, resource.RLIMIT_FSIZE, (DISK_BYTES, DISK_BYTES))
    assert run.end() == TROUBLE, run.said
    result = run.json()
    assert result["verdict"] == "error"
    assert result["error"].endswith("the recording ends: File too large")
    assert "did not come back" not in run.said
    assert [one["observed"]["audio"] for one in result["cells"]] == [None, None]


def test_an_interrupt_reports_what_was_seen(srtpbot: NewBot, answer: NewBot, tmp_path: Path) -> None:
    parrot = answer("--as", "parrot", "--srtp", "mandatory")
    run = srtpbot("interop", parrot.uri(), *HERE, "--json", "r.json", "--save", "peer.yaml")
    run.line(r"refused 488")
    run.send(signal.SIGINT)
    assert run.end() == INTERRUPTED
    assert "--save peer.yaml: not written, for the run ended in an error" in run.stderr
    assert not (tmp_path / "peer.yaml").exists()
    assert run.leaves_nothing()
    result = json.loads((tmp_path / "r.json").read_text())
    assert result["error"] == "interrupted"
    assert 1 <= len(result["cells"]) < 34


def test_a_trigger_that_fails_is_said_to(srtpbot: NewBot) -> None:
    trigger = f'"{sys.executable}" -c "raise SystemExit(7)"'
    run = srtpbot("interop", "--listen", "--port", 0, *HERE, *ONE, "--trigger", trigger, "--wait", 1.5)
    assert run.end() == FAILED, run.said
    assert "no call came within 1.5 s; --trigger ended with status 7" in " ".join(run.stdout.split())


def test_the_peer_calls_us(srtpbot: NewBot, tmp_path: Path) -> None:
    call = f'"{sys.executable}" -c "{COMMAND[2]}" call {{uri}} --bind {LOOPBACK} --codec PCMU'
    run = srtpbot(
        "interop", "--listen", "--port", 0, *HERE, *ONE, "--only", "off", "--only", "*/answer-other-suite",
        "--trigger", f"{call} --srtp mandatory --duration 2.5", "--wait", 15, "--json", "r.json",
    )  # fmt: skip
    assert run.end() in {OK, FAILED}, run.said
    assert run.line(r"ready (sip:\S+;transport=udp)")
    assert f"waiting for a call: listen/mandatory/{SUITE}+PCMU" in run.stdout
    result = json.loads((tmp_path / "r.json").read_text())
    outcomes = {one["id"]: one["observed"]["outcome"] for one in result["cells"]}
    assert outcomes["listen/off+PCMU"] == "refused 488"
    assert outcomes[f"listen/mandatory/{SUITE}+PCMU"] == SRTP
    assert outcomes["listen/negative/answer-other-suite+PCMU"] == "refused BYE"
