"""Runs jobs on threads; a signal ends the wait for them without an exception inside a lock.

A signal handler that raises would raise anywhere in the main thread, also while a thread starts or a lock is
taken, and whoever needs that lock would wait for ever. The thread that handles signals calls ``interrupt``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from types import TracebackType
from typing import Self, TypeVar

__all__ = ["Workers"]

Key = TypeVar("Key")
Outcome = TypeVar("Outcome")


class Workers:
    """A context manager around a number of threads; its end cancels waiting jobs and joins the threads."""

    def __init__(self, count: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._ended: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def run(self, jobs: Mapping[Key, Callable[[], Outcome]]) -> Iterator[tuple[Key, Outcome]]:
        """Run every job and yield its key and result, in the order in which the jobs end.

        Raises the exception of a job, or the exception that ``interrupt`` was given.
        """
        done: list[tuple[Key, Outcome]] = []
        for key, job in jobs.items():

            def ended(future: Future[Outcome], key: Key = key) -> None:
                self._ended.put(lambda: done.append((key, future.result())))

            self._pool.submit(job).add_done_callback(ended)
        for _ in jobs:
            self._ended.get()()
            yield done.pop()

    def cancel(self) -> None:
        """Start no further job."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def interrupt(self, error: BaseException) -> None:
        """Let ``run`` raise ``error``; from any thread."""

        def fail() -> None:
            raise error

        self._ended.put(fail)
