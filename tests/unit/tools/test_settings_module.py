"""``Endpoint(**settings)`` is typed by what ``make reference`` makes of the settings' fields."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bot import EndpointConfig, EndpointSettings
from tools.settings_module import PATH, PREFIXED, made

PROJECT = Path(__file__).parents[3]
PROGRAM = """from bot import Endpoint, EndpointConfig, EndpointSettings, SrtpMode

settings: EndpointSettings = {"bind": "127.0.0.1", "codecs": ["PCMA"], "srtp": "mandatory"}
Endpoint(**settings)
Endpoint(EndpointConfig(), name="b", srtp=SrtpMode.OFF, tls_ca="ca.pem", accounts=[{"id": "sip:a@b"}])
Endpoint(srpt="mandatory")
Endpoint(srtp="mandatroy")
Endpoint(port="5060")
Endpoint(nat={"stunn": "stun.example.org"})
"""
FAULTS = {
    6: 'Unexpected keyword argument "srpt" for "Endpoint"',
    7: 'Argument "srtp" to "Endpoint" has incompatible type',
    8: 'Argument "port" to "Endpoint" has incompatible type "str"; expected "int | None"',
    9: 'Argument "nat" to "Endpoint" has incompatible type',
}


def test_the_module_is_current() -> None:
    assert PATH.read_text() == made(), "run `make reference`"


def test_it_has_every_setting() -> None:
    keys = set(EndpointSettings.__annotations__)
    assert keys >= set(EndpointConfig.__struct_fields__)
    assert keys >= {f"{part}_{key}" for part, cls in PREFIXED.items() for key in cls.__struct_fields__}


@pytest.mark.timeout(300)  # without mypy's cache it reads the whole package
def test_mypy_finds_a_typo(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "mypy", "--config-file", str(PROJECT / "pyproject.toml")]
    run = subprocess.run(
        [*command, str(tmp_path / "program.py")], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    found = [line for line in run.stdout.splitlines() if ": error:" in line]
    assert len(found) == len(FAULTS), run.stdout + run.stderr
    for line, (number, message) in zip(found, FAULTS.items(), strict=True):
        assert f"program.py:{number}: error: {message}" in line
