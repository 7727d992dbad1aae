"""The failures of ``expect.soft`` in the phases of a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from srtpbot_pytest.ours import loaded

if TYPE_CHECKING:
    from bot.errors import BotError
    from bot.soft_failures import SoftFailure, SoftFailures

__all__ = ["soft_expectations"]

SOFT: pytest.StashKey[SoftFailures] = pytest.StashKey()


@contextmanager
def soft_expectations(item: pytest.Item, *, report: bool) -> Iterator[None]:
    """Collect the failures of ``expect.soft`` in a phase of a test; ``report`` them at its end.

    A phase that fails reports them too, as a note of its failure. A skip with soft failures is a failure.
    """
    room = loaded("bot.soft_failures")
    if room is None:
        yield
        return
    collector = item.stash.setdefault(SOFT, room.SoftFailures())
    try:
        with collector.collecting():
            yield
    except BaseException as error:
        failures = collector.close()
        if failures and isinstance(error, pytest.skip.Exception):
            raise soft_failure(failures) from None
        if failures and isinstance(error, pytest.fail.Exception) and not error.pytrace:
            error.msg = f"{error.msg}\n{room.listed(failures)}"  # pytest shows no notes of it
        elif failures:
            error.add_note(room.listed(failures))
        raise
    if report and (failures := collector.close()):
        raise soft_failure(failures)


def soft_failure(failures: list[SoftFailure]) -> BotError:
    """All soft failures of a test as one error with the traceback of the first failure."""
    from bot.soft_failures import SoftExpectationsFailed

    return SoftExpectationsFailed(failures).with_traceback(failures[0].traceback)
