"""The configuration of Kamailio, as it is made and as it is printed; Kamailio itself checks it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from bot.config import LimitsConfig
from bot.errors import NativeError
from bot.front import installed_kamailio, printed_configuration
from bot.model import Transport
from tests.support.programs import installed


@pytest.mark.peer("kamailio")
@pytest.mark.parametrize("bind", [None, "127.0.0.1", "::1"])
@pytest.mark.parametrize("transports", [[Transport.UDP], [Transport.UDP, Transport.TCP]])
def test_kamailio_accepts_it(bind: str | None, transports: list[Transport], tmp_path: Path) -> None:
    (tmp_path / "dispatcher.list").write_text("1 sip:127.0.0.1:5070 0 0 duid=1;maxload=4\n")
    text = printed_configuration(bind, 5060, transports, LimitsConfig())
    config = tmp_path / "kamailio.cfg"
    config.write_text(text.replace("/etc/kamailio", str(tmp_path)))
    checked = subprocess.run(
        [str(installed("kamailio")), "-c", "-f", str(config)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert "config file ok" in checked.stderr


def test_limits_are_in_it() -> None:
    limits = LimitsConfig(invites_per_s=7, messages_per_s=0)
    text = printed_configuration("192.0.2.1", 5066, [Transport.UDP], limits)
    assert "#!define FRONT_INVITES 7\n#!define FRONT_MESSAGES 1000000\n" in text
    assert text.startswith("#!KAMAILIO\n#!define FRONT_HOST 192.0.2.1\n#!define FRONT_PORT 5066\n")
    assert "WITH_TCP" not in text.partition("# Spreads")[0]


def test_without_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(NativeError, match="apt install kamailio, or dnf install kamailio") as error:
        installed_kamailio()
    assert error.value.exit_status == 3
