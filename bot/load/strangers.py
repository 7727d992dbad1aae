"""Messages of strangers: they neither end the listening of a master, nor pass for those of a worker.

Locust's listener survives broken text only; any other exception ends it, and the master is deaf from then on.
ZeroMQ itself drops connections of other protocols, and silent ones after 30 s.
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
"""Messages of workers that Locust does not know yet."""
MOST_WORKERS = 256
"""Of them, further ones are ignored: each one that Locust knows gets messages."""
logger = logging.getLogger(__name__)


def unharmed_by_strangers(runner: MasterRunner) -> None:
    """Let a master ignore what it does not understand."""
    of_locust: Any = runner
    of_locust.handle_message = _unharmed(runner, of_locust.handle_message)
    of_locust.server.recv_from_client = _readable(of_locust.server.recv_from_client)


def _unharmed(runner: MasterRunner, handle: Callable[[str, Message], None]) -> Callable[[str, Message], None]:
    def unharmed(client_id: str, message: Message) -> None:
        try:
            has_room = len(runner.clients) < MOST_WORKERS
            if client_id in runner.clients or (has_room and message.type in INTRODUCTIONS):
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
                logger.debug("an unreadable message is ignored: %r", error)
            except RPCError:
                raise
            except Exception as error:  # of msgpack, or of a message with other parts
                logger.debug("an unreadable message is ignored: %r", error)
            else:
                if isinstance(message.type, str) and message.node_id == client_id:
                    return client_id, message

    return readable
