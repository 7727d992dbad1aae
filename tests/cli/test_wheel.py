"""srtpbot as its users get it: a wheel in a clean environment, and the pytest file that they write first."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import PROJECT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PARTS = ("bot", "media", "srtpbot_pytest", "configs")
CACHES = shutil.ignore_patterns("__pycache__", "*.egg-info")
USERS_FILE = '''"""Does our exchange carry a call?"""

from bot import CryptoSuite, SrtpMode, expect
from media.signals.signals import make
from media.audio.wav import write

SUITE = CryptoSuite.AES_CM_128_HMAC_SHA1_80


def test_srtp_call_carries_audio_and_digits(new_endpoint, call_artifacts):
    callee = new_endpoint(name="callee", codecs=["PCMA"])
    caller = new_endpoint(name="caller", codecs=["PCMA"], srtp=SrtpMode.MANDATORY, suites=[SUITE])
    sent = call_artifacts / "sent.wav"
    write(sent, make("silence:0.3,speech:2,silence:0.5", 8000))
    with callee.expect_call(timeout=5) as incoming:
        outgoing = caller.make_call(callee.uri)
    answered = incoming.value.answer()
    expect(answered).to_be_encrypted(SUITE)
    with answered.record(call_artifacts / "heard.wav") as recording:
        outgoing.play(sent).wait()
    outgoing.send_dtmf("42#")
    expect(answered).to_have_received_dtmf("42#")
    expect(recording).to_match(sent, max_missing_ms=300)
    outgoing.hangup()
    expect(answered).to_be_disconnected(code=200, by="remote")


def test_parrot_speaks_srtp(parrot, new_endpoint):
    call = new_endpoint(name="phone", srtp="off").make_call(parrot.uri)
    expect(call).to_be_encrypted()
'''


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that no build folder comes into the project or out of it."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for part in PARTS:
        shutil.copytree(PROJECT / part, source / part, ignore=CACHES)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, source)
    pip(sys.executable, "wheel", str(source), "--no-deps", "--wheel-dir", str(target))
    (built,) = target.glob("srtpbot-*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An environment with srtpbot and pytest, and what they depend on."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, with_pip=True)
    interpreter = folder / "bin" / "python"
    pip(interpreter, "install", "--no-compile", str(wheel), "pytest")
    yield interpreter
    shutil.rmtree(folder)


def pip(interpreter: str | Path, *arguments: str) -> None:
    """Run pip; what it says is in the failure."""
    command = [str(interpreter), "-m", "pip", *arguments, "--quiet", "--disable-pip-version-check"]
    run = subprocess.run(command, capture_output=True, text=True, env=outside(), check=False)
    assert run.returncode == 0, f"{' '.join(command)}\n{run.stdout}{run.stderr}"


def outside() -> dict[str, str]:
    """An environment that does not know of this project."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}


def test_everything_is_in_the_wheel(wheel: Path) -> None:
    files = (path for part in PARTS for path in (PROJECT / part).rglob("*") if path.is_file())
    wanted = {str(path.relative_to(PROJECT)) for path in files if "__pycache__" not in path.parts}
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {
        "bot/py.typed",
        "media/py.typed",
        "configs/endpoints/parrot.yaml",
        "bot/agent/__main__.py",
    } <= wanted
    ours = {name for name in names if ".dist-info/" not in name}
    assert ours == {f"bot/{name}" if name.startswith("configs/") else name for name in wanted}
    assert {name.partition(".dist-info/")[2] for name in names - ours} >= {
        "entry_points.txt",
        "licenses/LICENSE",
    }


def test_a_new_users_first_test_file(python: Path, tmp_path: Path) -> None:
    lines = len(USERS_FILE.splitlines())
    assert 25 <= lines <= 35
    (tmp_path / "test_exchange.py").write_text(USERS_FILE)
    environment = outside() | {"XDG_CACHE_HOME": str(tmp_path / "cache"), "OPENBLAS_NUM_THREADS": "1"}
    command = [str(python), "-m", "pytest", "-W", "error"]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    text = run.stdout
    assert run.returncode == 1, text + run.stderr
    assert "1 failed, 1 passed" in text, text
    for line in (
        ">       expect(call).to_be_encrypted()",
        "E       expected: SRTP",
        "E       observed: plain RTP (offered nothing; answered nothing)",
        "test-artifacts/test_exchange.py-test_parrot_speaks_srtp (open report.html)",
    ):
        assert line in text.splitlines(), text
    assert "E       bot.errors.ExpectationFailed: phone: call 1 to sip:parrot@127.0.0.1:" in text
    assert "--> INVITE sip:parrot@127.0.0.1:" in text
    assert "site-packages" not in text
    (kept,) = (tmp_path / "test-artifacts").iterdir()
    assert {file.name for file in kept.iterdir()} >= {
        "journal.jsonl",
        "report.html",
        "result.json",
        "sip.pcap",
    }


def test_the_command_is_there(python: Path, tmp_path: Path) -> None:
    command = [str(python.with_name("srtpbot")), "schema", "endpoint"]
    run = subprocess.run(command, cwd=tmp_path, env=outside(), capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert '"srtp"' in run.stdout
