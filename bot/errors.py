"""What can go wrong, as one small tree; it knows nothing of calls or processes.

::

    BotError
    ├── ConfigError            what the user wrote cannot be meant           exit 2
    ├── CallFailed             a command could not be carried out on a call  exit 1
    │   └── CallEnded          ... because the call has ended
    ├── ExpectationFailed      what was observed is not what was expected    exit 1
    ├── WaitTimeout            what was waited for did not happen in time    exit 1
    ├── CallbackFailed         a controller's callback raised                exit 1
    ├── NativeError            the library or the environment refused        exit 3
    └── EndpointCrashed        the agent process died or hung                exit 3
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "BotError",
    "CallEnded",
    "CallFailed",
    "CallbackFailed",
    "ConfigError",
    "EndpointCrashed",
    "ExpectationFailed",
    "NativeError",
    "WaitTimeout",
]


class BotError(Exception):
    """The root of the tree; ``exit_status`` is what the command line ends with."""

    exit_status: ClassVar[int] = 1


class ConfigError(BotError):
    """A setting, an option, a URI or a file that the user named is not usable as written."""

    exit_status = 2


class CallFailed(BotError):
    """A command could not be carried out on a call."""


class CallEnded(CallFailed):
    """A command came too late: the call has ended."""


class ExpectationFailed(BotError, AssertionError):
    """An ``expect(...)`` did not hold; the message says what was expected and what was observed."""


class WaitTimeout(BotError, TimeoutError):
    """A wait reached its deadline."""


class CallbackFailed(BotError):
    """A controller's callback raised; its traceback is in the message and in the journal."""


class NativeError(BotError):
    """The native library or the environment refused: a port in use, no file descriptor, no module."""

    exit_status = 3


class EndpointCrashed(BotError):
    """The agent process of an endpoint died or hung.

    ``log`` holds the last lines that the native library and the process wrote.
    """

    exit_status = 3

    def __init__(self, message: str, log: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.log = log

    def __str__(self) -> str:
        return "\n".join([self.args[0], *(f"  | {line}" for line in self.log)])
