"""An rtpengine of the test's own, which changes the encryption of media as a proxy tells it."""

from __future__ import annotations

from pathlib import Path

from tests.support.programs import LOOPBACK, Server, free_ports, own_part

__all__ = ["Rtpengine"]

RELAY_PORTS = range(10000, 16384)
"""Where peers have their RTP; it takes those that are free, or that another rtpengine has."""
READY = r"Startup complete"


class Rtpengine(Server):
    """Listens for its control protocol at ``control``, the way that a Kamailio wants it written."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._control = free_ports()
        self.control = f"udp:{LOOPBACK}:{self._control}"

    def command(self) -> list[str]:
        """rtpengine in the foreground."""
        relay = own_part(RELAY_PORTS)
        return [
            *("rtpengine", "--config-file=none", "--foreground", "--log-stderr", "--table=-1"),
            *(f"--interface={LOOPBACK}", f"--listen-ng={LOOPBACK}:{self._control}"),
            *(f"--port-min={relay[0]}", f"--port-max={relay[-1]}"),
            *("--num-threads=2", "--delete-delay=0"),
        ]

    def wait_until_ready(self) -> None:
        """Wait until it serves."""
        self.program.wait_for_line(READY)
