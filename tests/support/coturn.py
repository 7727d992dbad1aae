"""A coturn of the test's own: a STUN server and TURN relay in a network namespace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.namespaces import Namespace
from tests.support.programs import Server, installed

__all__ = ["PASSWORD", "USER", "Coturn"]

PORT = 3478
RELAY_PORTS = range(26600, 26700)
USER, PASSWORD = "relay-user", "relay-secret"
ENDED_S = 5.0


class Coturn(Server):
    """Listens at an address of the namespace with one user of the long-term credential mechanism."""

    def __init__(self, folder: Path, namespace: Namespace, address: str) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._namespace = namespace
        self.address = address
        self.server = f"{address}:{PORT}"

    def turn(self, **settings: Any) -> dict[str, Any]:
        """The settings of an endpoint that uses the relay."""
        return {"server": self.server, "user": USER, "password": PASSWORD, **settings}

    def is_relayed(self, address: str | None) -> bool:
        """Whether ``host:port`` is one of the relay's own."""
        host, _, port = (address or "").rpartition(":")
        return host == self.address and int(port) in RELAY_PORTS

    def passed_on(self) -> int:
        """How many packets of a relay that has ended went to its peer, the busiest one's."""
        self.program.wait_for_line(r"peer usage: .* sp=\d{2,}", ENDED_S)  # that of RTP, not of RTCP
        lines = [line for line in self.program.output.splitlines() if "peer usage:" in line]
        return max(int(line.rpartition(", sp=")[2].partition(",")[0]) for line in lines)

    def command(self) -> list[str]:
        """The server in its network namespace."""
        arguments = [
            "-n", f"--listening-ip={self.address}", f"--relay-ip={self.address}", f"--listening-port={PORT}",
            f"--min-port={RELAY_PORTS.start}", f"--max-port={RELAY_PORTS.stop - 1}",
            "--lt-cred-mech", "--realm=srtpbot", f"--user={USER}:{PASSWORD}", "--fingerprint",
            "--no-tls", "--no-dtls", "--no-cli", "--verbose", "--log-file=stdout", "--simple-log",
            f"--userdb={self._folder / 'users'}", f"--pidfile={self._folder / 'pid'}",
        ]  # fmt: skip
        return list(self._namespace.command(str(installed("turnserver")), *arguments))

    def wait_until_ready(self) -> None:
        """Wait until it listens."""
        self.program.wait_for_line(r"UDP listener opened")
