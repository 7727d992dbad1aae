"""Captures of calls, written message by message: SIP by UDP between a caller and a callee."""

from __future__ import annotations

from pathlib import Path

from media.capture.writer import FILE_HEADER, Address, datagram, record

__all__ = ["Trace"]

CALLER, CALLEE = Address("192.0.2.1", 5060), Address("192.0.2.2", 5070)
BEGAN = 1_700_000_000.0


class Trace:
    """Messages of one call; each takes place ``after`` seconds after the one before."""

    def __init__(self, call_id: str = "a@b") -> None:
        self._call_id = call_id
        self._at = BEGAN
        self._records: list[bytes] = []

    def send(
        self,
        start: str,
        cseq: str,
        *fields: str,
        by_caller: bool = True,
        to_tag: bool = True,
        body: str = "",
        after: float = 0.1,
    ) -> Trace:
        """A message; ``start`` is its start line. ``by_caller`` says who sends it."""
        self._at += after
        is_request = not start.startswith("SIP/2.0 ")
        from_caller = by_caller is is_request
        ends = [
            "<sip:alice@example.com>;tag=c",
            f"<sip:bob@example.com>{';tag=d' if to_tag else ''}",
        ]
        if not from_caller:
            ends.reverse()
        lines = [
            f"{start} SIP/2.0" if is_request else start,
            f"Via: SIP/2.0/UDP {CALLER};branch=z9hG4bK{cseq.replace(' ', '')}",
            f"From: {ends[0]}",
            f"To: {ends[1]}",
            f"Call-ID: {self._call_id}",
            f"CSeq: {cseq}",
            *fields,
        ]
        if body.startswith("v=0"):
            lines.append("Content-Type: application/sdp")
        lines.append(f"Content-Length: {len(body.encode())}")
        payload = "\r\n".join([*lines, "", body]).encode()
        way = (CALLER, CALLEE) if by_caller else (CALLEE, CALLER)
        self._records.append(record(self._at, datagram(*way, payload, len(self._records))))
        return self

    def invite(self, *fields: str, sdp: str = "") -> Trace:
        """The first INVITE."""
        return self.send(
            "INVITE sip:bob@192.0.2.2:5070", "1 INVITE", *fields, to_tag=False, body=sdp or self.sdp()
        )

    def answered(self, *, sdp: str = "", after: float = 0.1) -> Trace:
        """200 and ACK."""
        self.send("SIP/2.0 200 OK", "1 INVITE", by_caller=False, body=sdp or self.sdp(4002), after=after)
        return self.send("ACK sip:bob@192.0.2.2:5070", "1 ACK", after=0.01)

    def of(self, call_id: str) -> Trace:
        """Further messages are those of another call."""
        self._call_id = call_id
        return self

    def write(self, path: Path) -> Path:
        """The capture so far."""
        path.write_bytes(FILE_HEADER + b"".join(self._records))
        return path

    @staticmethod
    def sdp(port: int = 4000, direction: str = "sendrecv", *, formats: str = "8 101", lines: str = "") -> str:
        """A session description."""
        host = CALLER.host if port == 4000 else CALLEE.host
        return (
            f"v=0\r\no=- 1 {port} IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP {formats}\r\na=rtpmap:8 PCMA/8000\r\n"
            f"a=rtpmap:101 telephone-event/8000\r\n{lines}a={direction}\r\n"
        )
