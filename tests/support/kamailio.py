"""A Kamailio of the test's own: the project's configurations on free ports, waited for with OPTIONS."""

from __future__ import annotations

import re
import socket
import time
from pathlib import Path
from typing import Any

from tests.support.certificates import Identity
from tests.support.programs import LOOPBACK, Server, free_ports, installed
from tests.support.sip_peer import SipPeer

__all__ = ["Kamailio", "passwords", "tls_module"]

CONFIGS = Path(__file__).resolve().parent.parent.parent / "configs" / "kamailio"
MODULES = ("lib*/kamailio/modules", "lib/*/kamailio/modules")
START_S = 10.0
RETRY_S = 0.02


def passwords() -> dict[str, str]:
    """The users of the configurations and their passwords."""
    lines = (CONFIGS / "users.cfg").read_text()
    return dict(re.findall(r'\$sht\(password=>(\w+)\) = "(\w+)"', lines))


def tls_module() -> Path | None:
    """Kamailio's TLS, which some systems have in a package of its own."""
    return next((found for pattern in MODULES for found in Path("/usr").glob(f"{pattern}/tls.so")), None)


class Kamailio(Server):
    """Registers the users of ``configs/kamailio/users.cfg`` and stays in the path of their calls."""

    def __init__(
        self,
        folder: Path,
        *,
        rtpengine: str | None = None,
        certificate: Identity | None = None,
        forks: bool = False,
        min_expires_s: int = 60,
    ) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self.port = free_ports(2)  # UDP and TCP, and TLS
        self.tls_port = self.port + 1
        self._config = CONFIGS / ("registrar.cfg" if rtpengine is None else "rtpengine.cfg")
        self._names = [f"SIP_HOST={LOOPBACK}", f"SIP_PORT={self.port}", f"TLS_PORT={self.tls_port}"]
        self._names.append(f"MIN_EXPIRES={min_expires_s}")
        if forks:
            self._names.append('PHONES="0x00"')
        if rtpengine is not None:
            self._names.append(f'RTPENGINE="{rtpengine}"')
        if certificate is not None:
            self._names += ["WITH_TLS", f'TLS_CERT="{certificate.cert}"', f'TLS_KEY="{certificate.key}"']

    def uri(self, user: str = "", transport: str = "udp") -> str:
        """Where a user is called by that transport; without a user, the registrar."""
        port = self.tls_port if transport == "tls" else self.port
        parameter = "" if transport == "udp" else f";transport={transport}"
        return f"sip:{f'{user}@' if user else ''}{LOOPBACK}:{port}{parameter}"

    def account(self, user: str, transport: str = "udp") -> dict[str, Any]:
        """The settings of an endpoint that is this user, which registers by that transport."""
        return {
            "name": user,
            "id": f"sip:{user}@{LOOPBACK}",
            "user": user,
            "password": passwords()[user],
            "registrar": self.uri(transport=transport),
            "transports": [transport],
        }

    def command(self) -> list[str]:
        """Kamailio in the foreground."""
        defined = [part for name in self._names for part in ("-A", name)]
        memory = ["-m", "32", "-M", "8"]
        arguments = ["-DD", "-E", "-f", str(self._config), *memory, "-Y", str(self._folder), *defined]
        return [str(installed("kamailio")), *arguments]

    def wait_until_ready(self) -> None:
        """A connection waits in the queue of the port until its processes are up."""
        deadline = time.monotonic() + START_S
        while not self._listens():
            assert not self.program.ended_within(RETRY_S), f"kamailio ended:\n{self.program.tail}"
            assert time.monotonic() < deadline, f"kamailio does not listen:\n{self.program.tail}"
        with SipPeer(self.uri(transport="tcp")) as asking:
            assert asking.ask(asking.request("OPTIONS")).status == 200

    def _listens(self) -> bool:
        try:
            socket.create_connection((LOOPBACK, self.port)).close()
        except ConnectionRefusedError:
            return False
        return True
