"""``srtpbot audio``: make, show, compare; exit status and messages."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile

from bot.cli.audio import command
from bot.errors import ConfigError, NativeError
from media.audio import wav
from media.audio.wav import Audio
from media.signals import signals, tones
from tests.support.commands import NewBot
from tests.support.process import FAILED, OK, USAGE

Run = Callable[..., int]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of all sorts."""
    at = tmp_path_factory.mktemp("files")
    sent = signals.make("babble:2:1,dtmf:15", 8000)
    late = np.concatenate([np.zeros(1600, np.float32), sent.samples * np.float32(0.5)])
    wav.write(at / "sent.wav", sent)
    wav.write(at / "heard.wav", Audio(late, 8000))
    wav.write(at / "other.wav", tones.speech_like(3, 8000, 8))
    wav.write(at / "silence.wav", tones.silence(1, 8000))
    (at / "empty.wav").touch()
    (at / "text.wav").write_text("no audio\n" * 100)
    (at / "short.wav").write_bytes((at / "sent.wav").read_bytes()[:30])
    (at / "half.wav").write_bytes((at / "sent.wav").read_bytes()[:16044])
    (at / "folder").mkdir()
    soundfile.write(at / "one.wav", [0.5], 8000)
    soundfile.write(at / "frameless.wav", [], 8000)
    soundfile.write(at / "nan.wav", [0.1, float("nan")], 8000, subtype="FLOAT")
    soundfile.write(at / "eight.wav", sent.samples, 8000, subtype="PCM_U8")
    soundfile.write(at / "fast.wav", wav.resample(sent, 96000).samples, 96000)
    soundfile.write(at / "six.wav", np.stack([sent.samples] * 6, axis=1), 8000)
    return at


@pytest.fixture
def folder(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command runs, with copies of the files in it."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(files, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def audio(folder: Path) -> Run:
    """The command in this process: its exit status, or ConfigError."""

    def run(*arguments: str) -> int:
        status: Any = command.main(list(arguments), prog_name="audio", standalone_mode=False)
        return int(status)

    return run


def test_a_recording_that_begins_late(srtpbot: NewBot, folder: Path) -> None:
    for signal, name in (("speech:2", "on-time.wav"), ("silence:1,speech:2", "late.wav")):
        assert srtpbot("audio", "make", signal, name).end() == OK
    compare = ("audio", "compare", "on-time.wav", "late.wav", "--max-delay")
    late = srtpbot(*compare, "900")
    assert late.end() == FAILED, late.said
    assert "ms after it was due, more than 900 ms" in late.stdout
    assert srtpbot(*compare, "1100").end() == OK


def test_make_show_and_compare_from_the_shell(srtpbot: NewBot, folder: Path) -> None:
    made = srtpbot("audio", "make", "marker:17,dtmf:15#,speech", "made.wav", "--rate", "16000")
    assert made.end() == OK, made.said
    assert "dtmf:15#" in made.stdout
    assert wav.read("made.wav").rate == 16000

    shown = srtpbot("audio", "show", "made.wav", "--out", "made.png")
    assert shown.end() == OK, shown.said
    assert "15#" in shown.stdout
    assert "17 at 0.00" in shown.stdout
    assert shown.stderr == ""
    assert Path("made.png").read_bytes().startswith(b"\x89PNG")

    compared = srtpbot("audio", "compare", "sent.wav", "other.wav", "--json", "-")
    assert compared.end() == FAILED, compared.said
    assert compared.json()["matched"] is False
    assert "NOT MATCHED" in compared.stderr


def test_wrong_use_is_one_line(srtpbot: NewBot, folder: Path) -> None:
    bot = srtpbot("audio", "compare", "sent.wav", "text.wav")
    assert bot.end() == USAGE, bot.said
    assert bot.stderr.startswith("srtpbot: text.wav: ")
    assert bot.stderr.count("\n") == 1


def test_a_match(audio: Run, capsys: pytest.CaptureFixture[str]) -> None:
    status = audio("compare", "sent.wav", "heard.wav", "--json", "result.json", "--picture", "both.svg")

    result = json.loads(Path("result.json").read_text())
    output = capsys.readouterr()
    assert status == OK
    assert result["schema"] == "srtpbot.comparison/1"
    assert result["matched"] is True
    assert result["delay_ms"] == pytest.approx(200, abs=1)
    assert result["level_db"] == pytest.approx(-6, abs=0.1)
    assert "verdict: matched" in output.out
    assert "200 ms" in output.out
    assert output.err == ""
    assert "matched" in Path("both.svg").read_text()


def test_a_mismatch_has_its_reasons(audio: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert audio("compare", "sent.wav", "half.wav") == FAILED

    text = capsys.readouterr().out
    assert "NOT MATCHED" in text
    assert "of the end are missing" in text
    assert "gaps" in text


def test_what_is_asked_decides(audio: Run) -> None:
    assert audio("compare", "sent.wav", "eight.wav") == OK
    assert audio("compare", "sent.wav", "eight.wav", "--min-snr", "60") == FAILED


def test_the_pesq_score_is_beside_the_comparison(
    audio: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package = ModuleType("pesq")
    vars(package).update(pesq=lambda *_: 4.125, PesqError=RuntimeError, NoUtterancesError=KeyError)
    monkeypatch.setitem(sys.modules, "pesq", package)
    assert audio("compare", "sent.wav", "heard.wav", "--pesq", "--json", "scored.json") == OK
    assert json.loads(Path("scored.json").read_text())["pesq"] == {
        "mos_lqo": 4.125,
        "band": "narrowband",
        "pieces": [4.125],
    }
    assert re.search(r"PESQ +MOS-LQO 4\.1[23] \(narrowband, ITU-T P\.862\.1\)", capsys.readouterr().out)
    assert audio("compare", "sent.wav", "other.wav", "--pesq", "--json", "scored.json") == FAILED
    assert json.loads(Path("scored.json").read_text())["pesq"] is None
    assert "not measured: PESQ cannot score this" in capsys.readouterr().out
    assert audio("compare", "sent.wav", "heard.wav", "--json", "scored.json") == OK
    assert "pesq" not in json.loads(Path("scored.json").read_text())


def test_pesq_without_its_package_is_a_fault_of_the_environment(
    audio: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pesq", None)
    with pytest.raises(NativeError, match=r"pip install 'srtpbot\[pesq\]'"):
        audio("compare", "sent.wav", "heard.wav", "--pesq")


@pytest.mark.parametrize("name", ["silence.wav", "one.wav"])
def test_silence_does_not_match(name: str, audio: Run) -> None:
    assert audio("compare", "sent.wav", name) == FAILED


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("eight.wav", ["PCM_U8", "15 ("]),
        ("fast.wav", ["96000 Hz", "15 ("]),
        ("six.wav", ["channels: 6", "15 ("]),
        ("half.wav", ["1.000 s", "digits        none"]),
        ("one.wav", ["0.000 s"]),
        ("silence.wav", ["active level  silence", "silences      0.00-1.00 s"]),
        ("heard.wav", ["silences      0.00-0.2"]),
    ],
)
def test_facts(name: str, words: list[str], audio: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert audio("show", name) == OK

    output = capsys.readouterr()
    for word in words:
        assert word in output.out
    assert output.err == ""


def test_facts_as_json(audio: Run, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert audio("show", "heard.wav", "--json", "-") == OK

    output = capsysbinary.readouterr()
    result = json.loads(output.out)
    assert [one["digit"] for one in result["digits"]] == ["1", "5"]
    assert result["duration_s"] == pytest.approx(2.6)
    assert b"duration" in output.err


def test_a_picture_with_its_reference(audio: Run) -> None:
    assert audio("show", "heard.wav", "--reference", "sent.wav", "--out", "both.svg") == OK
    assert "delay 200.0 ms" in Path("both.svg").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "empty.wav"], ["empty.wav", "is empty"]),
        (["show", "text.wav"], ["text.wav", "is not audio"]),
        (["show", "short.wav"], ["short.wav", "is not audio"]),
        (["show", "frameless.wav"], ["frameless.wav", "no audio frame"]),
        (["show", "nan.wav"], ["nan.wav", "NaN"]),
        (["show", "missing.wav"], ["missing.wav", "no such file"]),
        (["show", "folder"], ["folder", "is a directory"]),
        (["show", "sent.wav", "--out", "a.jpg"], ["a.jpg", ".svg or .png"]),
        (["show", "sent.wav", "--out", "none/a.png"], ["--out", "none/a.png"]),
        (["show", "sent.wav", "--json", "none/a.json"], ["--json", "none/a.json"]),
        (["show", "sent.wav", "--json", "sent.wav"], ["--json", "would overwrite"]),
        (["show", "sent.wav", "--reference", "sent.wav"], ["--reference", "--out"]),
        (["show", "sent.wav", "--reference", "silence.wav", "--out", "a.svg"], ["silent"]),
        (["compare", "silence.wav", "sent.wav"], ["the reference is silent"]),
        (["compare", "missing.wav", "sent.wav"], ["missing.wav", "no such file"]),
        (["compare", "sent.wav", "empty.wav"], ["empty.wav", "is empty"]),
        (["compare", "sent.wav", "nan.wav"], ["nan.wav", "NaN"]),
        (["compare", "sent.wav", "heard.wav", "--picture", "a.gif"], ["a.gif", ".svg or .png"]),
        (["compare", "sent.wav", "heard.wav", "--picture", "folder"], ["folder"]),
        (["make", "tone:440:x", "a.wav"], ["item 1", "'x' is no length"]),
        (["make", "silence:1e9", "a.wav"], ["3600 s"]),
        (["make", "tone:440", "a.mp3"], ["a.mp3", ".wav"]),
        (["make", "tone:440", "none/a.wav"], ["none/a.wav", "folder"]),
        (["make", "tone:440", "folder"], ["folder"]),
        (["make", "file:sent.wav", "./sent.wav"], ["would overwrite sent.wav"]),
        (["make", "file:missing.wav", "a.wav"], ["missing.wav", "no such file"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_is_wrong_is_said(arguments: list[str], words: list[str], audio: Run, folder: Path) -> None:
    before = sorted(folder.iterdir())

    with pytest.raises(ConfigError) as caught:
        audio(*arguments)

    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(folder.iterdir()) == before


def test_a_linked_input_is_not_overwritten(audio: Run, folder: Path) -> None:
    (folder / "linked.wav").symlink_to("sent.wav")
    before = Path("sent.wav").read_bytes()

    with pytest.raises(NativeError, match="is a symbolic link"):
        audio("make", "file:sent.wav", "linked.wav")

    assert Path("sent.wav").read_bytes() == before


def test_help_lists_the_signals(audio: Run, capsys: pytest.CaptureFixture[str]) -> None:
    audio("make", "--help")

    text = capsys.readouterr().out
    for name in signals.SIGNALS:
        assert f"  {name}" in text


@pytest.mark.parametrize(("passes", "status"), [("1", FAILED), ("2", OK)])
def test_passes_of_the_codec_are_told(audio: Run, passes: str, status: int) -> None:
    pair = Path(__file__).parents[1] / "data" / "pairs" / "echo-through-iLBC.iLBC"
    given = ["--codec", "iLBC", "--passes", passes]

    assert audio("compare", f"{pair}.ref.wav", f"{pair}.rec.wav", *given) == status
