"""Exceptions of srtpbot, each with its exit status.

::

    BotError
    ├── ConfigError            a setting, option, URI or file is invalid     exit 2
    ├── CallFailed             a command on a call failed                    exit 1
    │   ├── CallEnded          ... because the call has ended
    │   └── RequestRefused     ... because the peer refused the request
    ├── ExpectationFailed      the observed value is not the expected value  exit 1
    │   └── SoftExpectationsFailed ... for one or more expect.soft(...)      exit 1
    ├── WaitTimeout            an event did not occur before the deadline    exit 1
    ├── CallbackFailed         a callback of the user raised an exception    exit 1
    ├── CalledFromObserver     an observer called a method that waits        exit 1
    ├── NativeError            the library or the environment failed         exit 3
    └── EndpointCrashed        the agent process died or hung                exit 3
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

from bot.harmless import harmless, harmless_lines

__all__ = [
    "BotError",
    "CallEnded",
    "CallFailed",
    "CallbackFailed",
    "CalledFromObserver",
    "ConfigError",
    "EndpointCrashed",
    "ExpectationFailed",
    "NativeError",
    "RequestRefused",
    "WaitTimeout",
    "naming",
]


class BotError(Exception):
    """Base class of all exceptions of srtpbot; ``exit_status`` is the exit status of the command line."""

    exit_status: ClassVar[int] = 1

    def __str__(self) -> str:
        """The message, without control characters from the network."""
        return harmless_lines(super().__str__())


class ConfigError(BotError):
    """A setting, an option, a URI or a file of the user is invalid."""

    exit_status = 2


class CallFailed(BotError):
    """A command on a call failed."""


class CallEnded(CallFailed):
    """A command on a call failed because the call has ended."""


class RequestRefused(CallFailed):
    """The final response to a request is not the expected one; ``code`` is its status code."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class ExpectationFailed(BotError, AssertionError):
    """An expectation failed; the message has the expected and the observed value and the call's history."""

    def __init__(self, text: str, *, name: str = "", subject: str = "", history: Sequence[str] = ()) -> None:
        super().__init__("\n".join([text, *history]))
        self.text = text
        """The message without the history."""
        self.name = name
        """The name of the expectation in the journal; empty for another failure."""
        self.subject = subject
        self.history = tuple(history)
        """The last states and SIP messages of the call."""


class WaitTimeout(BotError, TimeoutError):
    """A wait reached its deadline."""


class CallbackFailed(BotError):
    """A callback of a controller, an observer or ``on_log`` raised; the message contains the traceback."""


class CalledFromObserver(BotError, RuntimeError):
    """An observer of the journal or ``on_log`` called a method that waits; it would deadlock."""


class NativeError(BotError):
    """The native library or the environment failed: a port in use, no file descriptor, no module."""

    exit_status = 3


class EndpointCrashed(BotError):
    """The agent process of an endpoint died or hung.

    ``log`` has the last lines of output of the native library and of the process.
    """

    exit_status = 3

    def __init__(self, message: str, log: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.log = log

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *(f"  | {harmless(line)}" for line in self.log)])


@contextmanager
def naming(place: str) -> Iterator[None]:
    """Put ``place``, an option or a key, at the start of the messages of ConfigErrors in the block."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{place}: {error}") from None
