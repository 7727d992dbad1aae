"""The engine of a load: Locust, whose users are the lines that place calls one after another.

How Locust and this package get along was measured on 2 cores, with 200 lines and 50 calls a second:

- Locust's greenlets and our threads share a process without patched modules (LOCUST_SKIP_MONKEY_PATCH): a
  greenlet hands its call to a thread of gevent's pool and sleeps until it has ended. So endpoints, pipes and
  journals work as they do elsewhere; patched ones would put all of them on one thread.
- Locust's model is closed: ``constant_throughput`` gives every user a period of its own, and 200 users that
  are spawned together place 200 calls within 100 ms, then none for seconds. Users are spawned in batches once
  a second, so a LoadTestShape makes bursts too. Neither is a rate of calls, nor a Poisson process.
- So the users ask a schedule of our own (``bot.load.arrivals``) for the time of their next call. Their calls
  began 0.8 ms after it (median), 32 ms in the 99th percentile, at a constant rate and as a Poisson process.

What Locust brings: statistics, its web page, CSV, distribution over machines. Every call is an event
``request`` of the type CALL, with the setup time as its response time, and with the cause of its failure.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from bot.errors import BotError, ConfigError, NativeError
from bot.load.run import Load

os.environ.setdefault("LOCUST_SKIP_MONKEY_PATCH", "1")  # Locust reads it when it is imported

try:
    import gevent
    from gevent.event import Event
    from gevent.threadpool import ThreadPool
    from locust import User, task
    from locust.env import Environment
    from locust.exception import StopUser
except ImportError as error:
    raise NativeError(
        f"load needs Locust, and there is no module {error.name}: pip install 'srtpbot[load]'"
    ) from None

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Engine", "SipUser"]

TICK_S = 1.0
SPAWNED_AT_ONCE = 100
"""Locust warns of a larger number each second; a line that has nothing to do yet costs nothing."""


class CallFault(Exception):
    """A call that failed, as Locust counts it: by its text."""


class SipUser(User):
    """A line of a load: places one call after another, when the schedule has one for it."""

    abstract = True
    load: ClassVar[Load]
    pool: ClassVar[ThreadPool]
    failed: ClassVar[Callable[[BaseException], None]]
    """Gets an exception that ends the load."""
    lines: ClassVar[Iterator[int]]
    over: ClassVar[Event]
    """Set when no further call is to begin."""

    def on_start(self) -> None:
        """Take a number."""
        self.line = next(self.lines)

    @task
    def call(self) -> None:
        """Wait for the next call that is due, and place it."""
        due = self.load.take(self.line)
        if due is None:
            raise StopUser
        if self.over.wait(max(0.0, due.at - time.monotonic())):
            raise StopUser
        try:
            detail = self.pool.apply(self.load.place, (self.line, due))
        except BaseException as error:
            type(self).failed(error)
            raise StopUser from None
        if detail is None:
            raise StopUser
        self.environment.events.request.fire(
            request_type="CALL",
            name=detail.remote_uri or "call",
            response_time=detail.setup_ms or 0.0,
            response_length=0,
            exception=CallFault(detail.cause) if detail.verdict in {"fail", "ours"} else None,
            context={},
        )


class Engine:
    """Runs a load in this thread; ``stop`` and ``abandon`` may be called from any thread.

    ``tick`` is called about once a second, and stops the load by returning False.
    """

    def __init__(self, load: Load, tick: Callable[[], bool]) -> None:
        self._load = load
        self._tick = tick
        self._error: BaseException | None = None
        self._wake = gevent.get_hub().loop.async_()
        self._asked = Event()
        """Set when somebody asked for the end, or an error did."""
        self._over = Event()
        self._wake.start(self._asked.set)
        count = load.plan.lines
        self._pool = ThreadPool(count)
        of_load = {
            "load": load,
            "pool": self._pool,
            "failed": self._fail,
            "lines": iter(range(count)),
            "over": self._over,
            "abstract": False,
        }
        self._environment = Environment(user_classes=[type("Line", (SipUser,), of_load)])

    def run(self) -> None:
        """Run until every line has placed its last call; raises what stopped it."""
        runner = self._environment.create_local_runner()
        count = self._load.plan.lines
        try:
            runner.start(count, spawn_rate=count)
            self._load.begin()
            while self._error is None:
                if self._asked.wait(TICK_S):
                    self._end()
                if not self._tick():
                    self._end()
                if runner.state != "spawning" and not runner.user_count:
                    break
        finally:
            self._end()
            self._pool.join()
            runner.quit()
            self._wake.stop()
            self._wake.close()
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Hang up all calls and end the run; from any thread."""
        self._wake.send()

    def _end(self) -> None:
        self._asked.clear()
        self._over.set()
        self._load.stop()

    def _fail(self, error: BaseException) -> None:
        known = isinstance(error, BotError | ConfigError)
        self._error = self._error or (error if known else NativeError(f"{type(error).__name__}: {error}"))
        self._asked.set()
