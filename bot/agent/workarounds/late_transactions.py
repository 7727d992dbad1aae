"""Transactions that start during the shutdown of the library: a response to one of them crashes the agent.

Symptom: SIGSEGV in ``libDestroy``, after a call over TCP or TLS was answered and its ACK has not arrived.
Cause: the shutdown of the transaction layer terminates every transaction with 503. The end of an INVITE
without ACK makes the library send a BYE, in a new transaction that the layer misses. Then the dialog layer
is unloaded. The shutdown of the UDP transport then reads all other sockets (``udp_destroy``), and the
response to the BYE goes to the unloaded layer. PJSIP 2.15.1 has the fault; later versions terminate
transactions until none is left.
"""

from __future__ import annotations

import ctypes

from bot.agent.native.kept import keep
from bot.agent.native.sip_module import Modules, ModuleStructure

__all__ = ["end_late_transactions"]

BELOW_TRANSACTIONS = 9
"""Below PJSIP_MOD_PRIORITY_TSX_LAYER: modules are stopped from the highest number to the lowest."""
MENDED_IN = "2.17"
ROUNDS = 8
_Stop = ctypes.CFUNCTYPE(ctypes.c_int)


def end_late_transactions(modules: Modules) -> None:
    """Stop the transaction layer again during the shutdown, until no transaction is left.

    Raises MissingSymbol without the necessary C functions.
    """
    c = modules.c
    c.require("pjsip_tsx_layer_instance", "pjsip_tsx_layer_get_tsx_count")
    stop_layer = _Stop(ModuleStructure.from_address(c.pjsip_tsx_layer_instance()).stop)

    def stop_again() -> None:
        for _ in range(ROUNDS):
            if not c.pjsip_tsx_layer_get_tsx_count():
                return
            stop_layer()

    keep(stop_layer)
    modules.register(b"mod-srtpbot-end", BELOW_TRANSACTIONS, on_stop=stop_again)
