"""The agent's process: ``python -m bot.agent FD``, where FD is its end of the parent's socket pair."""

from __future__ import annotations

import faulthandler
import os
import signal
import socket
import sys

from bot.agent import log
from bot.agent.agent import Agent
from bot.agent.loop import Loop
from bot.garbage import set_modules_aside


def main() -> None:
    """Serve the parent until it says Shutdown, goes away, or SIGTERM comes."""
    os.umask(0o077)  # output of the library is for the user only
    os.dup2(2, 1)  # the library prints on standard output before it has a log
    log.never_wait()
    faulthandler.enable()
    set_modules_aside()
    loop = Loop(socket.socket(fileno=int(sys.argv[1])))
    agent = Agent(loop)
    for number in ("SIGINT", "SIGHUP"):  # the parent decides what an interrupt means
        if hasattr(signal, number):
            signal.signal(getattr(signal, number), signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: loop.stop())
    loop.listen(agent.handle, loop.stop)
    agent.run()
    sys.exit(loop.end())


if __name__ == "__main__":
    main()
