"""Calls of a fake agent for the expectations: calling, refused, confirmed."""

from __future__ import annotations

import pytest

from tests.support.fakes import Line, Rig, response


@pytest.fixture
def line(rig: Rig) -> Line:
    """An outgoing call that nobody answered yet."""
    return rig.outgoing()


@pytest.fixture
def busy(rig: Rig) -> Line:
    """An outgoing call that was refused."""
    line = rig.outgoing()
    line.received(response(line.dialog, 486, "Busy Here"))
    line.ended(486, "Busy Here")
    return line


@pytest.fixture
def talk(rig: Rig) -> Line:
    """A confirmed call with SRTP."""
    return rig.confirmed()
