"""A private network behind a router that translates addresses, and the public one on its other side."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.namespaces import Namespace, cannot_make_namespaces, run
from tests.support.programs import installed

__all__ = ["PRIVATE", "PUBLIC", "SERVER", "WITHIN", "Router", "cannot_make_routers"]

PRIVATE, GATEWAY = "10.77.0.2", "10.77.0.1"
WITHIN = "203.0.113.254"
"""The address of the private network as the public network sees it (addresses of RFC 5737)."""
PUBLIC, SERVER = "203.0.113.2", "203.0.113.1"


class Router:
    """``inside`` has the address PRIVATE, ``outside`` has PUBLIC and SERVER; between them is a NAT.

    The NAT is a full cone (RFC 3489 5): it keeps port numbers, and whoever knows the outer address gets in.
    """

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self.inside, self.outside, router = (stack.enter_context(Namespace()) for _ in range(3))
            link(self.inside, [PRIVATE], router, [GATEWAY])
            link(self.outside, [PUBLIC, SERVER], router, [WITHIN])
            self.inside.ip("route", "add", "default", "via", GATEWAY)
            with router.entered():
                Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
            for chain, address, target, other in (
                ("POSTROUTING", ["-s", PRIVATE], "SNAT", WITHIN),
                ("PREROUTING", ["-d", WITHIN], "DNAT", PRIVATE),
            ):
                rule = ["-t", "nat", "-A", chain, *address, "-j", target, "--to", other]
                run(router.command(str(installed("iptables")), *rule))
            self._namespaces = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._namespaces.close()


def link(one: Namespace, own: list[str], other: Namespace, others: list[str]) -> None:
    """A cable between two namespaces; each end is called after the namespace at the other."""
    one.ip(
        "link", "add", "name", other.name, "type", "veth", "peer", "name", one.name, "netns", other.name
    )  # fmt: skip
    for at, device, addresses in ((one, other.name, own), (other, one.name, others)):
        for address in addresses:
            at.ip("addr", "add", f"{address}/24", "dev", device)
        at.ip("link", "set", device, "up")


def cannot_make_routers() -> str | None:
    """Why there cannot be a router here; None when there can."""
    if reason := cannot_make_namespaces():
        return reason
    if installed("iptables") is None:
        return "there is no iptables (apt-get install --no-install-recommends iptables)"
    try:
        with Router():
            return None
    except OSError as error:
        return f"addresses cannot be translated here: {error}"
