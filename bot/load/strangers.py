"""What anybody may send to a master's port: it neither ends its listening, nor speaks for a worker.

Locust's listener survives broken text only; any other exception ends it, and the master is deaf from then on.
What is no ZeroMQ at all, the library drops itself, and a connection that says nothing after 30 s.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from locust.exception import RPCError, RPCReceiveError

if TYPE_CHECKING:
    from locust.rpc.protocol import Message
    from locust.runners import MasterRunner

__all__ = ["unharmed_by_strangers"]

INTRODUCTIONS = {"client_ready", "locustfile"}
"""What Locust is told by those that it does not know yet."""
logger = logging.getLogger(__name__)


def unharmed_by_strangers(runner: MasterRunner) -> None:
    """Let a master ignore what it does not understand."""
    of_locust: Any = runner
    of_locust.handle_message = _unharmed(runner, of_locust.handle_message)
    of_locust.server.recv_from_client = _readable(of_locust.server.recv_from_client)


def _unharmed(runner: MasterRunner, handle: Callable[[str, Message], None]) -> Callable[[str, Message], None]:
    def unharmed(client_id: str, message: Message) -> None:
        try:
            if client_id in runner.clients or message.type in INTRODUCTIONS:
                handle(client_id, message)
        except Exception as error:
            logger.debug("a message of %s is ignored: %r", client_id, error)

    return unharmed


def _readable(receive: Callable[[], tuple[str, Message]]) -> Callable[[], tuple[str, Message]]:
    """The next message of Locust that names its sender."""

    def readable() -> tuple[str, Message]:
        while True:
            try:
                client_id, message = receive()
            except RPCReceiveError as error:
                logger.debug("a message that is none is ignored: %r", error)
            except RPCError:
                raise
            except Exception as error:  # of msgpack, or of a message with other parts
                logger.debug("a message that is none is ignored: %r", error)
            else:
                if isinstance(message.type, str) and message.node_id == client_id:
                    return client_id, message

    return readable
