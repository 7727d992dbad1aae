"""Locust's web page of a running load, to look at: what the load does, the command decides."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import flask
import gevent
from locust import argument_parser
from locust.env import Environment
from locust.runners import STATE_INIT, Runner
from locust.stats import stats_history

from bot.errors import NativeError

__all__ = ["refuse_other_sites", "show"]

OWN = ("none", "same-origin")
"""Fetch Metadata of requests by the user, or by the page itself."""
LOOPBACK = {"127.0.0.1", "localhost", "::1"}

GLANCE_S = 0.01

NOT_YET = (
    '<!DOCTYPE html><meta http-equiv="refresh" content="1"><title>srtpbot</title>The load has not begun yet.'
)
"""Locust would offer to start one."""


def show(environment: Environment, uri: str, host: str, port: int) -> tuple[str, Callable[[], None]]:
    """Show the page of an environment with a runner; its URL, and what ends it. Raises NativeError.

    Whoever reaches the port sees the figures and the URIs. Everything that would start or change a load is
    refused: pages of other sites could ask a browser for it, too.
    """
    port = _free(host, port)
    environment.host = uri
    options: Any = argument_parser
    options.ui_extra_args_dict = dict  # the page would show those of `locust` in sys.argv, which is ours
    page: Any = environment.create_web_ui(host, port, delayed_start=True)
    refuse_other_sites(page.app, host)
    page.app.before_request(lambda: _instead(environment.runner))
    page.start()
    while not page.greenlet.ready() and (page.server is None or not page.server.started):
        gevent.sleep(GLANCE_S)  # whoever reads the URL may open it at once
    history = gevent.spawn(stats_history, environment.runner)

    def end() -> None:
        history.kill()
        if page.server is not None:
            page.server.stop(timeout=0)

    return f"http://{host}:{port}/", end


def refuse_other_sites(app: flask.Flask, host: str) -> None:
    """Answer 403 to what a page of another site lets a browser ask for, on a page at ``host``.

    The browser says which site asks (Fetch Metadata; Origin, RFC 6454 section 7); a link to the page itself
    may be anywhere. On a loopback address the Host must be a loopback name; another one is DNS rebinding.
    """

    def refuse() -> Any:
        request = flask.request
        origin = request.headers.get("Origin")
        is_foreign = (
            (request.path != "/" and request.headers.get("Sec-Fetch-Site", OWN[0]) not in OWN)
            or (origin is not None and urlsplit(origin).netloc != request.host)
            or (host in LOOPBACK and urlsplit(f"//{request.host}").hostname not in LOOPBACK)
        )
        return flask.make_response("a page of another site asked for this", 403) if is_foreign else None

    app.before_request(refuse)


def _instead(runner: Runner | None) -> Any:
    """What a request gets instead of Locust's answer; None for that."""
    if flask.request.method not in {"GET", "HEAD"}:
        return flask.make_response("the command that runs this load decides; end it there", 403)
    has_begun = runner is not None and runner.state != STATE_INIT
    return None if has_begun else NOT_YET


def _free(host: str, port: int) -> int:
    """The port, or with 0 a free one; raises NativeError when it cannot be taken."""
    try:
        with socket.create_server((host, port)) as found:
            taken: int = found.getsockname()[1]
            return taken
    except OSError as error:
        raise NativeError(f"--web {host}:{port}: cannot listen there: {error.strerror or error}") from None
