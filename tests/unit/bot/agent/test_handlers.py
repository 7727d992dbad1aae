"""Every command has a handler, and a handler has no other home than its subject's file."""

from __future__ import annotations

from typing import get_args

import pytest

from bot.agent.handlers import carry_out
from bot.ipc import AnyCommand, Shutdown, Start
from bot.ipc.commands import Command

NOT_OF_A_SESSION = {Start, Shutdown}
"""The agent itself takes these: one makes the session, the other ends it."""


@pytest.mark.parametrize("command", [arg for arg in get_args(AnyCommand) if arg not in NOT_OF_A_SESSION])
def test_every_command_has_a_handler(command: type[Command]) -> None:
    assert carry_out.dispatch(command) is not carry_out.dispatch(Command)


def test_every_handler_is_of_a_command() -> None:
    assert set(carry_out.registry) <= {object, *get_args(AnyCommand)}
