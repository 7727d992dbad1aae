"""The workers behind a front: endpoints that share a journal, each with an agent and some of the calls.

An agent that dies is replaced by its endpoint, on the same port; its calls alone are lost.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Self

from bot.config import EndpointConfig, of_many_calls, shares_of_rtp_ports
from bot.ipc import AgentCrashed, AgentReplaced, CallStarted, CallStateChanged
from bot.model import CallState
from bot.ua import Controller, Endpoint, Entry, Journal, calls_of_agent

__all__ = ["Worker", "WorkerPool"]

RESERVED_S = 4.0
"""How long a slot waits for the INVITE of a caller that was sent to it."""


@dataclass(eq=False)
class Worker:
    """An endpoint, and its calls as the journal tells of them."""

    endpoint: Endpoint
    slots: int
    """Calls at once."""
    calls: dict[int, str] = field(default_factory=dict)
    """The Call-ID of each call."""
    sources: dict[str, str] = field(default_factory=dict)
    """The source of each call that the front sent here, by Call-ID."""
    reserved: dict[str, tuple[float, str]] = field(default_factory=dict)
    """The Call-IDs of callers that were sent here, with the end of the reservation and the source."""
    is_up: bool = True

    @property
    def load(self) -> float:
        """Share of the slots that are taken."""
        return (len(self.calls) + len(self.reserved)) / self.slots

    @property
    def is_free(self) -> bool:
        """Whether it takes another call."""
        return self.is_up and self.load < 1


class WorkerPool:
    """Endpoints for ``calls`` calls at once; a context manager that hangs up at its end.

    ``config`` is that of every worker but for its name and its port, which is a free one; ``controller``
    makes the controller of the worker with this name. ``on_lost`` gets the Call-IDs of the calls that a dead
    agent takes along, under the journal's lock. ``arguments`` are those of each endpoint. Raises ConfigError,
    NativeError.
    """

    def __init__(
        self,
        config: EndpointConfig,
        *,
        calls: int,
        controller: Callable[[str], Controller],
        journal: Journal,
        on_lost: Callable[[list[str]], None] = lambda call_ids: None,
        **arguments: Any,
    ) -> None:
        self.on_lost = on_lost
        self._journal = journal
        config = of_many_calls(config)
        most = calls_of_agent(config, calls)
        shares = [most] * (calls // most) + ([calls % most] if calls % most else [])
        ports = shares_of_rtp_ports(config, most, len(shares))
        self.workers = []
        for number, share in enumerate(shares, start=1):
            name = f"{config.name}-{number}"
            settings = config.with_options(name=name, port=0, max_calls=share, rtp_ports=ports[number - 1])
            endpoint = Endpoint(
                settings, controller=controller(name), journal=journal, goes_on=True, **arguments
            )
            self.workers.append(Worker(endpoint, share))
        self._by_name = {worker.endpoint.name: worker for worker in self.workers}

    # ---- life

    def __enter__(self) -> Self:
        self._stop_observing = self._journal.observe(self._observe)
        with ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="srtpbot-start") as starting:
            started = [starting.submit(worker.endpoint.start) for worker in self.workers]
        failed = next((one.exception() for one in started if one.exception() is not None), None)
        if failed is not None:
            self.close()
            raise failed
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up every call and end every agent, all at the same time; raises the first failure."""
        self._stop_observing()
        with ThreadPoolExecutor(len(self.workers), thread_name_prefix="srtpbot-end") as ending:
            ended = [ending.submit(worker.endpoint.__exit__, None, None, None) for worker in self.workers]
        for one in ended:
            one.result()

    # ---- slots

    def worker(self, name: str) -> Worker | None:
        """The worker with this name."""
        return self._by_name.get(name)

    @property
    def is_idle(self) -> bool:
        """Whether there is no call."""
        return not any(worker.calls for worker in self.workers)

    def calls_of(self, source: str) -> int:
        """Calls and reservations of a source."""
        with self._journal.held():
            return sum(
                [*worker.sources.values(), *(one for _, one in worker.reserved.values())].count(source)
                for worker in self.workers
            )

    def reserve(self, call_id: str, source: str) -> Worker | None:
        """Reserve a slot, the same for the same Call-ID; None without a free one.

        It is the busiest worker's: the audio clock of a worker without calls stands still.
        """
        now = time.monotonic()
        with self._journal.held():
            for worker in self.workers:
                for late in [late for late, (until, _) in worker.reserved.items() if until < now]:
                    del worker.reserved[late]
            for worker in self.workers:
                if call_id in worker.reserved or call_id in worker.calls.values():
                    return worker
            free = [worker for worker in self.workers if worker.is_free]
            if not free:
                return None
            best = max(free, key=lambda worker: worker.load)
            best.reserved[call_id] = now + RESERVED_S, source
            return best

    def _observe(self, entry: Entry) -> None:
        """Under the journal's lock."""
        worker = self._by_name.get(entry.endpoint)
        if worker is None:
            return
        match entry.event:
            case CallStarted(call=number, sip_call_id=call_id):
                _, source = worker.reserved.pop(call_id, (0.0, ""))
                worker.calls[number] = call_id
                worker.sources[call_id] = source
            case CallStateChanged(call=number, state=CallState.DISCONNECTED) if number in worker.calls:
                worker.sources.pop(worker.calls.pop(number), None)
            case AgentCrashed():
                worker.is_up = False
                self.on_lost(list(worker.calls.values()))
            case AgentReplaced():
                worker.is_up = True
            case _:
                pass
