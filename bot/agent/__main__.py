"""The agent's process: ``python -m bot.agent FD``, where FD is its end of the parent's socket pair."""

from __future__ import annotations

import faulthandler
import os
import signal
import socket
import sys

from bot.agent.agent import Agent
from bot.agent.loop import Loop


def main() -> None:
    """Serve the parent until it says Shutdown, goes away, or SIGTERM comes."""
    os.dup2(2, 1)  # the library prints on standard output before it has a log
    faulthandler.enable()
    loop = Loop(socket.socket(fileno=int(sys.argv[1])))
    agent = Agent(loop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    signal.signal(signal.SIGTERM, lambda *_: loop.stop())
    loop.listen(agent.handle, loop.stop)
    agent.run()


if __name__ == "__main__":
    main()
