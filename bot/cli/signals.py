"""The signals that end a command in order."""

from __future__ import annotations

import signal

__all__ = ["INTERRUPTS"]


def hangup() -> tuple[signal.Signals, ...]:
    """SIGHUP, which a lost terminal sends; none where the caller ignores it, as nohup does, or without it."""
    number = getattr(signal, "SIGHUP", None)
    return () if number is None or signal.getsignal(number) is signal.SIG_IGN else (number,)


INTERRUPTS = (signal.SIGINT, signal.SIGTERM, *hangup())
