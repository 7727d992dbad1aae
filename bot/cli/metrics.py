"""``answer --metrics``: counters for Prometheus at ``/metrics``, and ``/healthz`` for a supervisor.

The server answers one request at a time and waits two seconds for a slow client, so it costs one thread and a
few connections whoever connects. Without a host it listens on loopback only.
"""

from __future__ import annotations

import socket
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

from bot.errors import ConfigError, NativeError
from bot.ipc import (
    AgentCrashed,
    AgentReady,
    AgentReplaced,
    CallRefused,
    CallStarted,
    LimitReached,
    MessageRefused,
)
from bot.model import CallState
from bot.ua import Call, Entry, Journal

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

__all__ = ["Metrics", "MetricsServer", "listen_address"]

LOOPBACK = "127.0.0.1"
PATIENCE_S = 2.0
JITTER_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
SECONDS = (1, 5, 10, 30, 60, 300, 1800)


def listen_address(text: str) -> tuple[str, int]:
    """HOST and PORT of ``HOST:PORT``, ``:PORT`` or ``PORT``; raises ConfigError."""
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise ConfigError(f"--metrics {text}: expected HOST:PORT or PORT")
    return host.strip("[]") or LOOPBACK, int(port)


class Metrics:
    """The counters; raises ConfigError where prometheus-client is not installed."""

    def __init__(self, journal: Journal) -> None:
        try:
            from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
        except ImportError:
            raise ConfigError("--metrics needs prometheus-client: pip install 'srtpbot[metrics]'") from None
        self.registry: CollectorRegistry = CollectorRegistry()
        counter = partial(Counter, registry=self.registry)
        histogram = partial(Histogram, registry=self.registry)
        self._running = Gauge("srtpbot_calls_running", "Calls that have not ended.", registry=self.registry)
        self._calls = counter("srtpbot_calls", "Ended calls: answered, unanswered or broken.", ["result"])
        self._refused = counter("srtpbot_refused_calls", "INVITEs refused before a call, by code.", ["code"])
        self._messages = counter("srtpbot_refused_messages", "Messages refused, by rule.", ["rule"])
        self._limits = counter("srtpbot_limits_reached", "Limits that peers reached, by rule.", ["rule"])
        self._packets = counter("srtpbot_rtp_packets", "RTP packets of ended calls.", ["direction"])
        self._lost = counter("srtpbot_rtp_packets_lost", "Lost RTP packets of ended calls.", ["direction"])
        self._jitter = histogram("srtpbot_rtp_jitter_seconds", "Mean jitter of a call.", buckets=JITTER_S)
        self._length = histogram("srtpbot_call_seconds", "Seconds from start to end.", buckets=SECONDS)
        self._crashes = counter("srtpbot_agent_crashes", "Agent processes that crashed.")
        self._restarts = counter("srtpbot_agent_restarts", "Agent processes that replaced another.")
        self._up = Gauge("srtpbot_agents_up", "Agents that listen.", registry=self.registry)
        self.listening: set[str] = set()
        """Endpoints whose agents listen."""
        for result in ("answered", "unanswered", "broken"):
            self._calls.labels(result)
        journal.observe(self._observe)

    def take(self, call: Call) -> None:
        """Count an ended call."""
        facts = call.facts
        answered = facts.reached(CallState.CONFIRMED) is not None
        self._calls.labels("broken" if facts.broken else "answered" if answered else "unanswered").inc()
        self._running.dec()
        if facts.ended is not None:
            self._length.observe(facts.ended.at - facts.started_at)
        for line in facts.media:
            stats = facts.stats(line.index)
            for direction, one in (("received", stats.rx), ("sent", stats.tx)) if stats is not None else ():
                self._packets.labels(direction).inc(one.packets)
                self._lost.labels(direction).inc(one.lost or 0)
            if stats is not None and stats.rx.jitter_ms_mean is not None:
                self._jitter.observe(stats.rx.jitter_ms_mean / 1000)

    def _observe(self, entry: Entry) -> None:
        match entry.event:
            case CallStarted():
                self._running.inc()
            case CallRefused(code=code):
                self._refused.labels(code).inc()
            case MessageRefused(rule=rule):
                self._messages.labels(rule).inc()
            case LimitReached(rule=rule, count=count):
                self._limits.labels(rule).inc(count)
            case AgentReady():
                self.listening.add(entry.endpoint)
                self._up.set(len(self.listening))
            case AgentCrashed():
                self.listening.discard(entry.endpoint)
                self._up.set(len(self.listening))
                self._crashes.inc()
            case AgentReplaced():
                self._restarts.inc()
            case _:
                pass


class MetricsServer:
    """Context manager of the HTTP server; /healthz is 503 while no agent listens.

    Raises NativeError when the port is in use.
    """

    def __init__(self, address: tuple[str, int], metrics: Metrics) -> None:
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        class Handler(BaseHTTPRequestHandler):
            def setup(self) -> None:
                self._limit = threading.Timer(PATIENCE_S, self.request.shutdown, [socket.SHUT_RDWR])
                self._limit.start()
                super().setup()

            def finish(self) -> None:
                self._limit.cancel()
                super().finish()

            def do_GET(self) -> None:
                if self.path == "/metrics":
                    self._reply(200, generate_latest(metrics.registry), CONTENT_TYPE_LATEST)
                elif self.path == "/healthz":
                    well = bool(metrics.listening)
                    self._reply(200 if well else 503, b"ok\n" if well else b"no agent listens\n")
                else:
                    self._reply(404, b"/metrics and /healthz are here\n")

            def _reply(self, status: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        class Server(HTTPServer):
            address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET

            def handle_error(self, *_: object) -> None:
                """Say nothing of clients that go away."""

        try:
            self._server = Server(address, Handler)
        except OSError as error:
            where = f"{address[0]}:{address[1]}"
            raise NativeError(f"--metrics {where}: cannot listen: {error.strerror or error}") from None
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="srtpbot-metrics", daemon=True
        )

    @property
    def url(self) -> str:
        """The URL of the counters."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}/metrics"

    def __enter__(self) -> MetricsServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
