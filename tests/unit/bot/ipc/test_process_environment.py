from __future__ import annotations

from pathlib import Path

import pytest

from bot.ipc.process_environment import process_environment


def test_a_process_finds_this_very_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    here = str(Path(__file__).resolve().parents[4])
    assert process_environment()["PYTHONPATH"] == f"{here}:/elsewhere"
    monkeypatch.delenv("PYTHONPATH")
    assert process_environment()["PYTHONPATH"] == here


def test_secrets_stay_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRTPBOT_PASSWORD", "secret")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    passed_on = process_environment()
    assert passed_on["LC_ALL"] == "C.UTF-8"
    assert "SRTPBOT_PASSWORD" not in passed_on
