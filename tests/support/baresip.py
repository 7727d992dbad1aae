"""A baresip of the test's own: some identities on one port, controlled by JSON in netstrings over TCP."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.programs import LOOPBACK, Program, free_ports

__all__ = ["ACCOUNTS", "Baresip", "modules_folder"]

ACCOUNTS = {"plain": "", "srtp": "srtp", "mand": "srtp-mand"}
"""The media encryption of each identity, as its ``mediaenc`` names it."""
TONE_HZ = 440
START_S = 10.0
ANSWER_S = 5.0
REGISTER_S = 300
RETRY_S = 0.01

CONFIG = """\
sip_listen {host}:{port}
net_interface {host}
call_max_calls {calls}
audio_player aubridge,sink
audio_source {source}
audio_alert aubridge,alert
ausrc_srate 48000
ausrc_channels 2
auplay_srate 8000
auplay_channels 1
snd_path {sounds}
rtp_ports 10000-16383
module_path {modules}
module g711.so
module ausine.so
module aufile.so
module aubridge.so
module sndfile.so
module srtp.so
{dtls}module_tmp uuid.so
module_tmp account.so
module_app ctrl_tcp.so
module_app menu.so
ctrl_tcp_listen {host}:{control}
"""
MODULES = ("lib/baresip/modules", "local/lib/baresip/modules")


def modules_folder() -> Path | None:
    """Where this system's package manager put baresip's modules."""
    roots = (Path("/usr"), Path("/opt/homebrew"), Path("/opt"))
    folders = (root / folder for root in roots for folder in MODULES)
    return next((folder for folder in folders if (folder / "ctrl_tcp.so").exists()), None)


class Baresip:
    """Answers every call at once, and plays a sine of 440 Hz in it, or the file ``says`` (48 kHz, stereo).

    What it hears it writes to ``dump-*-dec.wav`` in ``sounds``. ``accounts`` are its identities with their
    ``mediaenc``; with a ``registrar``, HOST:PORT, each registers there with its password.
    """

    def __init__(
        self,
        folder: Path,
        *,
        says: Path | None = None,
        accounts: Mapping[str, str] = ACCOUNTS,
        registrar: str | None = None,
        passwords: Mapping[str, str] | None = None,
        calls: int = 8,
    ) -> None:
        self.sounds = folder / "sounds"
        self.sounds.mkdir(parents=True)
        self.port = free_ports(3)  # SIP, SIP over TLS, which it opens one above in any case, and control
        self._control = self.port + 2
        self._accounts = accounts
        self._registrar = registrar
        self._passwords = passwords or {}
        modules = modules_folder()
        assert modules is not None
        config = CONFIG.format(
            host=LOOPBACK,
            port=self.port,
            calls=calls,
            control=self._control,
            source=f"ausine,{TONE_HZ}" if says is None else f"aufile,{says}",
            sounds=self.sounds,
            modules=modules,
            dtls="module dtls_srtp.so\n" if "dtls_srtp" in accounts.values() else "",
        )
        (folder / "config").write_text(config)
        (folder / "accounts").write_text("".join(map(self._account, accounts)))
        self._folder = folder

    def uri(self, name: str) -> str:
        """Where an identity is called."""
        return f"sip:{name}@{self._registrar or f'{LOOPBACK}:{self.port}'}"

    def command(self, command: str, params: str = "") -> str:
        """Carry out a command; what it answered, or an AssertionError."""
        request = json.dumps({"command": command, "params": params, "token": command}).encode()
        self._socket.sendall(b"%d:%s," % (len(request), request))
        while not (answer := self._next_message()).get("response"):
            pass  # an event
        assert answer["ok"], f"{command} {params}: {answer['data']}\n{self.program.tail}"
        return str(answer["data"])

    def dial(self, name: str, uri: str) -> None:
        """Call as one of the identities."""
        self.command("uafind", self.uri(name))
        self.command("dial", uri)

    def wait_registered(self) -> None:
        """Wait until every identity has its 200 from the registrar."""
        for name in self._accounts:
            self.program.wait_for_line(rf"{name}@.*200 OK", START_S)

    def heard(self) -> list[Path]:
        """The recordings of what it received, whole once the calls have ended."""
        return sorted(self.sounds.glob("dump-*-dec.wav"))

    def __enter__(self) -> Self:
        self.program = Program(["baresip", "-f", str(self._folder), "-v", "-s"], folder=self._folder)
        try:
            self._socket = self._connect()
        except BaseException:
            self.program.stop()
            raise
        self._unread = b""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()
        self.program.__exit__(kind, error, trace)

    def _account(self, name: str) -> str:
        keying = f";mediaenc={self._accounts[name]}" if self._accounts[name] else ""
        digest = f";auth_user={name};auth_pass={self._passwords[name]}" if name in self._passwords else ""
        registration = f";regint={REGISTER_S if self._registrar else 0}{digest}"
        return f"<{self.uri(name)}>{registration};answermode=auto;audio_codecs=pcmu,pcma{keying}\n"

    def _connect(self) -> socket.socket:
        deadline = time.monotonic() + START_S
        while True:
            try:
                return socket.create_connection((LOOPBACK, self._control), timeout=ANSWER_S)
            except ConnectionRefusedError:
                ended = self.program.ended_within(RETRY_S)
                assert not ended, f"baresip ended:\n{self.program.tail}"
                assert time.monotonic() < deadline, f"baresip does not listen:\n{self.program.tail}"

    def _next_message(self) -> dict[str, Any]:
        """Read one netstring, ``LENGTH:BYTES,``."""
        while True:
            length, colon, rest = self._unread.partition(b":")
            if colon and len(rest) > int(length):
                self._unread = rest[int(length) + 1 :]
                message: dict[str, Any] = json.loads(rest[: int(length)])
                return message
            chunk = self._socket.recv(65536)
            assert chunk, f"baresip closed its control connection:\n{self.program.tail}"
            self._unread += chunk
