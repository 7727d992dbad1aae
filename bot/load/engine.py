"""The engine of a load: Locust, whose users are the lines that place calls one after another.

How Locust and this package get along was measured on 2 cores, with 200 lines and 50 calls a second:

- Locust's greenlets and our threads share a process without patched modules (LOCUST_SKIP_MONKEY_PATCH): a
  greenlet hands its line to a thread of gevent's pool and sleeps until it has placed its last call. So
  endpoints, pipes and journals work as they do elsewhere; patched ones would put all of them on one thread.
  A greenlet that wakes for each call takes 1.3 ms of a processor more.
- Locust's model is closed: ``constant_throughput`` gives every user a period of its own, and 200 users that
  are spawned together place 200 calls within 100 ms, then none for seconds. Users are spawned in batches once
  a second, so a LoadTestShape makes bursts too. Neither is a rate of calls, nor a Poisson process.
- So the lines ask a schedule of our own (``bot.load.arrivals``) for the time of their next call. Their calls
  began 0.8 ms after it (median), 32 ms in the 99th percentile, at a constant rate and as a Poisson process.

What Locust brings: statistics, its web page, CSV, distribution over machines. Every call is an event
``request`` of the type CALL, with the setup time as its response time, and with the cause of its failure. It
is told when the call has its verdict, which for its audio is a little after its end.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from bot.errors import BotError, ConfigError, NativeError
from bot.load.detail import CallDetail
from bot.load.run import Load

try:
    import gevent
    from gevent.event import Event
    from gevent.threadpool import ThreadPool
    from locust import User, runners, task
    from locust.env import Environment
    from locust.exception import StopUser
except ImportError as error:
    raise NativeError(
        f"load needs Locust, and there is no module {error.name}: pip install 'srtpbot[load]'"
    ) from None

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locust.runners import Runner

__all__ = ["LOST_S", "TICK_S", "Alarm", "Engine", "Requests", "aside", "user_class"]

TICK_S = 1.0
LOST_S = 10
"""A machine that was silent for so long is lost."""
runners.HEARTBEAT_LIVENESS = LOST_S  # beats of a second each; with 3, a busy machine is taken for a dead one
logging.getLogger("locust").setLevel(
    logging.ERROR
)  # it warns of many users a second, which cost nothing here
T = TypeVar("T")


def aside(function: Callable[[], T]) -> T:
    """Call a function that takes long on another thread, while Locust works on; raises what it raises."""
    return on_thread_of(gevent.get_hub().threadpool, function)


def on_thread_of(pool: ThreadPool, function: Callable[[], T]) -> T:
    """Call a function on a thread of the pool; raises what it raises, which gevent would print, too."""
    results: list[T] = []

    def caught() -> BaseException | None:
        try:
            results.append(function())
        except BaseException as error:
            return error
        return None

    error: BaseException | None = pool.apply(caught)
    if error is not None:
        raise error
    return results[0]


class Alarm:
    """An event of greenlets that any thread may set."""

    def __init__(self) -> None:
        self._event = Event()
        self._wake = gevent.get_hub().loop.async_()
        self._wake.start(self._event.set)

    def set(self) -> None:
        """Set it; from any thread."""
        self._wake.send()

    def wait(self, seconds: float) -> bool:
        """Whether it is set within some seconds; it is not set afterwards."""
        is_set = bool(self._event.wait(seconds))
        self._event.clear()
        return is_set

    def close(self) -> None:
        """Free what the loop has of it."""
        self._wake.stop()
        self._wake.close()


class CallFault(Exception):
    """A call that failed, as Locust counts it: by its text."""


class Requests:
    """The calls that have a verdict, on their way from any thread to Locust's statistics."""

    def __init__(self) -> None:
        self._decided: deque[CallDetail] = deque()

    def add(self, detail: CallDetail) -> None:
        """Note a call; from any thread."""
        self._decided.append(detail)

    def tell(self, environment: Any) -> list[CallDetail]:
        """Tell Locust of the calls so far, each once, and return them."""
        told = [self._decided.popleft() for _ in range(len(self._decided))]
        for detail in told:
            environment.events.request.fire(
                request_type="CALL",
                name=detail.remote_uri or "call",
                response_time=detail.setup_ms or 0.0,
                response_length=0,
                exception=CallFault(detail.cause) if detail.verdict in {"fail", "ours"} else None,
                context={},
            )
        return told


class Line(User):
    """A line of a load as a user of Locust: places one call after another."""

    abstract = True
    load: ClassVar[Load]
    pool: ClassVar[ThreadPool]
    failed: ClassVar[Callable[[BaseException], None]]
    """Gets an exception that ends the load."""
    lines: ClassVar[Iterator[int]] = iter(())

    def on_start(self) -> None:
        """Take a number."""
        self.line = next(self.lines, None)

    def stop(self, force: bool = False) -> bool:
        """Do nothing, also when Locust shares users out anew: the schedule ends a line."""
        return False

    @task
    def calls(self) -> None:
        """Place all calls of the line."""
        if self.line is not None:
            try:
                on_thread_of(self.pool, partial(self.load.serve, self.line))
            except BaseException as error:
                type(self).failed(error)
        raise StopUser


def user_class(**of_load: Any) -> type[Line]:
    """The class of Locust's users of a load; without one its users end at once."""
    return type("SipUser", (Line,), {"abstract": False, **of_load})


class Engine:
    """Runs a load in this thread; ``stop`` may be called from any thread.

    ``tick`` is called about once a second, and stops the load by returning False. ``show`` shows the
    environment on a page, and returns what ends that.
    """

    def __init__(
        self,
        load: Load,
        tick: Callable[[], bool],
        *,
        environment: Environment | None = None,
        asked: Alarm | None = None,
        show: Callable[[Environment], Callable[[], None]] = lambda environment: lambda: None,
    ) -> None:
        self._load = load
        self._tick = tick
        self._show = show
        self._error: BaseException | None = None
        self._asked = asked or Alarm()
        """Set when somebody asked for the end, or an error did."""
        self._ends = False
        """Whether no further call is to begin."""
        self._requests = Requests()
        load.observe(self._requests.add)
        part, count = load.plan.part, load.plan.lines
        self._pool = ThreadPool(max(1, count))
        of_load: dict[str, Any] = {
            "load": load,
            "pool": self._pool,
            "failed": self._fail,
            "lines": iter([part.place(own) for own in range(count)]),
        }
        self.environment = environment or Environment()
        self.environment.user_classes[:] = [user_class(**of_load)]

    def run(self) -> None:
        """Run until every line has placed its last call and has its verdict; raises what stopped it."""
        runner = self._runner()
        end_page = self._show(self.environment)
        try:
            self._begin(runner)
            while self._error is None:
                if self._asked.wait(TICK_S):
                    self._end()
                if not self._tick():
                    self._end()
                self._told(self._requests.tell(self.environment))
                if self._is_over(runner):
                    break
        finally:
            self._end()
            self._pool.join()
            self._finish(runner)
            end_page()
            self._asked.close()
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Hang up all calls and end the run; from any thread."""
        self._asked.set()

    # ---- what differs on several machines

    def _runner(self) -> Runner:
        return self.environment.create_local_runner()

    def _begin(self, runner: Runner) -> None:
        """Let the lines and the schedule begin."""
        count = self._load.plan.lines
        runner.start(count, spawn_rate=count)
        self._load.begin()

    def _is_over(self, runner: Runner) -> bool:
        """Whether every line has placed its last call."""
        return runner.state != "spawning" and not runner.user_count

    def _told(self, calls: list[CallDetail]) -> None:
        """Take note of calls that Locust was told of."""

    def _finish(self, runner: Runner) -> None:
        """Wait for the last verdicts, and end the runner."""
        aside(self._load.finish)
        self._requests.tell(self.environment)
        runner.quit()

    # ---- the end

    def _end(self) -> None:
        self._ends = True
        self._load.stop()

    def _fail(self, error: BaseException) -> None:
        known = isinstance(error, BotError | ConfigError)
        self._error = self._error or (error if known else NativeError(f"{type(error).__name__}: {error}"))
        self._asked.set()
