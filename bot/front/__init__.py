"""Answering with many agents behind one SIP port: the workers, and the front that spreads calls over them."""

from bot.front.kamailio import KamailioFront, installed_kamailio, printed_configuration
from bot.front.pool import Worker, WorkerPool
from bot.front.redirect import RedirectFront

__all__ = [
    "KamailioFront",
    "RedirectFront",
    "Worker",
    "WorkerPool",
    "installed_kamailio",
    "printed_configuration",
]
