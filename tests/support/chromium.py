"""Chromium without a window, controlled by DevTools over descriptors 3 and 4 (JSON, a NUL after each)."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

START_S = 40.0
START = (
    "import os, sys; ends = [os.dup(int(end)) for end in sys.argv[1:3]];"
    "[(os.dup2(end, number), os.set_inheritable(number, True)) for number, end in enumerate(ends, 3)];"
    "os.execvp(sys.argv[3], sys.argv[3:])"
)
"""Gives the process its two descriptors, and becomes the browser."""

COMMAND = [
    "chromium",
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--hide-scrollbars",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
    "--remote-debugging-pipe",
]


class Browser:
    """One page of a browser; ``requests`` has the URL of everything that it asked for, except data URLs."""

    def __init__(self, commands: int, answers: int) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        """Messages of the console, also those of the content security policy."""
        self._commands, self._answers = commands, answers
        self._number = 0
        self._read = b""
        self._loaded = False
        self._session = ""
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self._ask(f"{domain}.enable")

    def open(
        self, url: str, *, width: int = 1400, height: int = 900, dark: bool = False, scripts: bool = True
    ) -> None:
        """Load a page."""
        self.requests.clear()
        self.complaints.clear()
        self._ask("Emulation.setScriptExecutionDisabled", value=not scripts)
        self._ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._ask("Emulation.setEmulatedMedia", features=[scheme])
        self._loaded = False
        self._ask("Page.navigate", url=url)
        deadline = time.monotonic() + START_S
        while not self._loaded and time.monotonic() < deadline:
            self._next()

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression; awaits a promise."""
        answer = self._ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, script: str, seconds: float = 10.0) -> Any:
        """The value of an expression as soon as it is true; fails after some seconds."""
        return self.run(
            f"new Promise((done, fail) => {{ const end = Date.now() + {seconds * 1000}; const look = () => {{"
            f"const value = {script}; if (value) done(value); else if (Date.now() > end) fail({script!r});"
            "else setTimeout(look, 20); }; look(); })"
        )

    def picture(self, path: Path, *, whole: bool = False) -> Path:
        """A screenshot, of the whole page or of what is in view."""
        data = self._ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        path.write_bytes(b64decode(data))
        return path

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        number = self._number
        text = {"id": number, "method": method, "params": parameters}
        if self._session:
            text["sessionId"] = self._session
        os.write(self._commands, json.dumps(text).encode() + b"\0")
        while True:
            message = self._next()
            if message.get("id") == number:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._read:
            part = os.read(self._answers, 1 << 20)
            assert part, "the browser has ended"
            self._read += part
        line, _, self._read = self._read.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        parameters = message.get("params", {})
        match message.get("method"):
            case "Network.requestWillBeSent" if not parameters["request"]["url"].startswith("data:"):
                self.requests.append(parameters["request"]["url"])
            case "Log.entryAdded":
                self.complaints.append(parameters["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(parameters["exceptionDetails"]))
            case "Page.loadEventFired":
                self._loaded = True
            case _:
                pass
        return message


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """A running browser."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        to_browser, from_browser = os.pipe(), os.pipe()
        ends = to_browser[0], from_browser[1]
        process = subprocess.Popen(
            [sys.executable, "-c", START, *map(str, ends), *COMMAND, f"--user-data-dir={profile}"],
            pass_fds=ends,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser[0])
        os.close(from_browser[1])
        try:
            yield Browser(to_browser[1], from_browser[0])
        finally:
            os.close(to_browser[1])
            os.close(from_browser[0])
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
