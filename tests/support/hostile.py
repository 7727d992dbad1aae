"""Plays the cases of ``tests/data/hostile``: messages, one after another, that have ended an agent.

A case is a text: a comment, then messages between lines of four dashes. ``%(port)d`` and its like are
filled in; ``%(to)s`` is the tag of the last response, ``%(length)d`` the length of the body,
and ``\\xff`` a byte.

The cases of ``answers`` are responses to an agent that calls: ``%(INVITE)s`` stands for what a response
repeats of the last INVITE, ``%(BYE)s`` of the last BYE, and so on; the peer waits for such a request.
``%(INVITE untagged)s`` has no To tag, and ``%(INVITE strange)s`` a To of an unknown scheme.
"""

from __future__ import annotations

import re
import secrets
import select
import socket
import time
from pathlib import Path

__all__ = ["ANSWERS", "CASES", "DATA", "HOST", "Answerer", "Peer", "filled", "messages", "registers"]

HOST = "127.0.0.1"
DATA = Path(__file__).parent.parent / "data"
FOLDER = DATA / "hostile"
CASES = sorted(path.stem for path in FOLDER.glob("*.txt"))
ANSWERS = sorted(path.stem for path in (FOLDER / "answers").glob("*.txt"))
SEPARATOR = "\n----\n"
TAG = re.compile(rb"^To:[^\r\n]*(;tag=[^;\r\n]+)", re.MULTILINE | re.IGNORECASE)
FINAL = re.compile(rb"SIP/2\.0 [2-6][0-9][0-9]")
ANSWER_S, SILENCE_S = 2.0, 0.15
BYTE = re.compile(r"\\x([0-9a-f]{2})")
CONTACT = re.compile(r"(?mi)^Contact:[^\r\n]*")
REPEATED = re.compile(r"%\(([A-Z]+)(?: untagged| strange)?\)s")
FIELDS = re.compile(r"^(?:Via|From|To|Call-ID|CSeq):[^\r\n]*", re.MULTILINE | re.IGNORECASE)


def messages(name: str) -> list[str]:
    """The messages of a case, with what is to be filled in."""
    text = next(FOLDER.rglob(f"{name}.txt")).read_text()
    return text.partition("\n")[2].split(SEPARATOR)


class Peer:
    """A peer that sends given messages from one port."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self._socket.connect((HOST, port))
        self._facts: dict[str, object] = {
            "port": port,
            "me": self._socket.getsockname()[1],
            "tag": secrets.token_hex(4),
            "call_id": secrets.token_hex(8),
            "to": "",
        }

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def play(self, name: str) -> list[int]:
        """Send a case; the status codes of the final responses."""
        return [code for text in messages(name) if (code := self.say(text))]

    def say(self, text: str) -> int:
        """Send one message; the status code of the final response, 0 when none came in time."""
        head, _, body = text.partition("\n\n")
        content = filled(body, self._facts)
        facts = self._facts | {"branch": secrets.token_hex(8), "length": len(content)}
        try:
            self._socket.send(filled(head, facts) + b"\r\n\r\n" + content)
        except OSError:  # nobody listens any more
            return 0
        return self._final(SILENCE_S if text.startswith("ACK") else ANSWER_S)

    def _final(self, seconds: float) -> int:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self._socket], [], [], left)[0]:
                break
            try:
                data = self._socket.recv(65536)
            except OSError:  # nobody listens any more
                break
            if found := TAG.search(data) if data.startswith(b"SIP/2.0") else None:
                self._facts["to"] = found[1].decode()
            if FINAL.match(data):
                return int(data[8:11])
        return 0


def registers(name: str) -> bool:
    """Whether a case of ``answers`` responds to a REGISTER."""
    return any("REGISTER" in REPEATED.findall(text) for text in messages(name))


class Answerer:
    """Somebody who is called, and responds as a case of ``answers`` says."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self._requests: dict[str, str] = {}
        self._agent = (HOST, 0)
        self._tag = secrets.token_hex(4)

    def __enter__(self) -> Answerer:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    @property
    def uri(self) -> str:
        """Where it is called."""
        return f"sip:x@{HOST}:{self._socket.getsockname()[1]}"

    def play(self, name: str) -> None:
        """Wait for what each message answers, and send it; stop when the agent has nothing more to say."""
        for text in messages(name):
            for method in REPEATED.findall(text):
                if not self._wait_for(method):
                    return
            head, _, body = text.partition("\n\n")
            facts: dict[str, object] = {
                **self._requests,
                "me": self._socket.getsockname()[1],
                "port": self._agent[1],
                "branch": secrets.token_hex(8),
            }
            content = filled(body, facts)
            self._socket.sendto(
                filled(head, facts | {"length": len(content)}) + b"\r\n\r\n" + content, self._agent
            )
        self._wait_for("")

    def _wait_for(self, method: str) -> bool:
        """Whether a request of that method has come; none of "" ever does."""
        deadline = time.monotonic() + (ANSWER_S if method else SILENCE_S)
        while method not in self._requests and (left := deadline - time.monotonic()) > 0:
            if select.select([self._socket], [], [], left)[0]:
                data, self._agent = self._socket.recvfrom(65536)
                self._note(data.decode("latin-1"))
        return method in self._requests

    def _note(self, text: str) -> None:
        fields = [
            match if not match.lower().startswith("to:") or ";tag=" in match else f"{match};tag={self._tag}"
            for match in FIELDS.findall(text)
        ]
        method = text.split(" ", 1)[0]
        self._requests[method] = "\n".join(fields)
        self._requests[f"{method} untagged"] = "\n".join(FIELDS.findall(text))
        if contact := CONTACT.search(text):
            self._requests["contact"] = contact[0].strip()
        self._requests[f"{method} strange"] = re.sub(
            r"(?m)^To: <?(sip:[^>;]*)>?", r"To: x\1", "\n".join(fields)
        )


def filled(text: str, facts: dict[str, object]) -> bytes:
    """As bytes with CRLF."""
    whole = (text % facts if "%(" in text else text).replace("\n", "\r\n")
    return BYTE.sub(lambda found: chr(int(found[1], 16)), whole).encode("latin-1")
