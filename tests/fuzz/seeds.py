"""What is mutated: requests, responses, descriptions of real phones, RTP, RTCP, STUN.

``%(...)s`` are filled in by the peer that sends them.
"""

from __future__ import annotations

import struct

__all__ = ["DESCRIPTIONS", "IN_DIALOG", "OUTSIDE", "RESPONSE_FIELDS", "packets", "request"]

HEADER = (
    "%(method)s sip:a@%(host)s:%(port)d SIP/2.0\r\n"
    "Via: SIP/2.0/%(transport)s %(host)s:%(me)d;rport;branch=z9hG4bK%(branch)s\r\n"
    "Max-Forwards: 70\r\n"
    'From: "x" <sip:x@%(host)s>;tag=%(tag)s\r\n'
    "To: <sip:a@%(host)s>%(to)s\r\n"
    "Call-ID: %(call_id)s\r\n"
    "CSeq: %(cseq)d %(method)s\r\n"
    "Contact: <sip:x@%(host)s:%(me)d;transport=%(transport)s>;q=0.5\r\n"
    "%(fields)s"
)
ICE = (
    "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef01234567\r\n"
    "a=candidate:1 1 UDP 2130706431 %(host)s %(media)d typ host\r\n"
    "a=candidate:2 2 UDP 1694498814 192.0.2.3 5001 typ srflx raddr 10.0.1.1 rport 8998\r\n"
)
KEY = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
START = "v=0\r\no=- 1 1 IN IP4 %(host)s\r\ns=-\r\nc=IN IP4 %(host)s\r\nt=0 0\r\n"
AUDIO = "m=audio %(media)d RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\n"
EVENTS = "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n"
DESCRIPTIONS = (
    START + AUDIO + EVENTS,
    START
    + "b=AS:64\r\n"
    + AUDIO
    + EVENTS
    + "a=ptime:20\r\na=maxptime:60\r\na=sendrecv\r\na=rtcp:%(media)d IN IP4 %(host)s\r\n",
    START + "m=audio %(media)d RTP/AVP 97\r\na=rtpmap:97 iLBC/8000\r\na=fmtp:97 mode=30\r\n",
    START
    + 'm=audio %(media)d RTP/AVP 98 99\r\na=rtpmap:98 speex/16000\r\na=fmtp:98 mode="3,any";vbr=on\r\n'
    + "a=rtpmap:99 L16/44100/2\r\n",
    START
    + "m=audio %(media)d RTP/AVP 9 3 18\r\na=rtpmap:9 G722/8000\r\na=fmtp:18 annexb=no\r\na=sendonly\r\n",
    START
    + "m=audio %(media)d RTP/SAVP 8\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 "
    + KEY
    + "|2^20|1:4\r\na=crypto:2 AES_256_CM_HMAC_SHA1_32 "
    + KEY
    + "\r\n",
    START
    + AUDIO
    + "a=crypto:1 AES_CM_128_HMAC_SHA1_32 "
    + KEY
    + "\r\n"
    + "m=video 0 RTP/AVP 31\r\nm=video 5002 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n",
    START + AUDIO + ICE + "a=rtcp-mux\r\na=ssrc:1 cname:x\r\na=mid:0\r\na=rtcp-fb:* nack\r\na=inactive\r\n",
    START
    + "a=group:BUNDLE 0 1\r\n"
    + AUDIO
    + "a=mid:0\r\n"
    + AUDIO
    + "a=mid:1\r\nm=application 9 UDP/BFCP *\r\n",
    START
    + "m=audio %(media)d UDP/TLS/RTP/SAVPF 111 8\r\na=rtpmap:111 opus/48000/2\r\n"
    + f"a=setup:actpass\r\na=fingerprint:sha-256 {':'.join(['AB'] * 32)}\r\n",
    "",
)
"""Session descriptions; the last INVITE has none."""
SDP = "application/sdp"
MULTIPART = 'multipart/mixed;boundary="b"'
OUTSIDE: tuple[tuple[str, str, str, str], ...] = (
    *(("INVITE", "", SDP, one) for one in DESCRIPTIONS),
    (
        "INVITE",
        "Supported: 100rel, timer, replaces\r\nRequire: 100rel\r\nAllow: INVITE, ACK, BYE\r\n",
        SDP,
        DESCRIPTIONS[0],
    ),
    (
        "INVITE",
        "Session-Expires: 1800;refresher=uac\r\nMin-SE: 90\r\nSupported: timer\r\n",
        SDP,
        DESCRIPTIONS[0],
    ),
    ("INVITE", "Replaces: abc;to-tag=1;from-tag=2\r\nRequire: replaces\r\n", SDP, DESCRIPTIONS[0]),
    ("INVITE", "Record-Route: <sip:192.0.2.1;lr>, <sip:p@%(host)s:%(me)d;lr>\r\n", SDP, DESCRIPTIONS[0]),
    (
        "INVITE",
        "Alert-Info: <http://x/y>\r\nDate: Sat, 13 Nov 2010 23:29:00 GMT\r\n",
        MULTIPART,
        "--b\r\nContent-Type: application/sdp\r\n\r\n"
        + DESCRIPTIONS[0]
        + "\r\n--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b--\r\n",
    ),
    ("OPTIONS", "Accept: application/sdp, text/plain;q=0.5\r\n", "", ""),
    ("MESSAGE", "", "text/plain", "hello"),
    (
        "MESSAGE",
        "",
        "application/im-iscomposing+xml",
        "<?xml version='1.0'?><isComposing xmlns='urn:x'><state>active</state></isComposing>",
    ),
    ("SUBSCRIBE", "Event: presence\r\nExpires: 60\r\nAccept: application/pidf+xml\r\n", "", ""),
    ("SUBSCRIBE", "Event: message-summary\r\nExpires: 60\r\n", "", ""),
    (
        "NOTIFY",
        "Event: message-summary\r\nSubscription-State: active;expires=9\r\n",
        "application/simple-message-summary",
        "Messages-Waiting: yes\r\nVoice-Message: 2/8 (0/2)\r\n",
    ),
    (
        "REGISTER",
        'Expires: 300\r\nAuthorization: Digest username="x", realm="y", nonce="z", uri="sip:x", '
        'response="0"\r\n',
        "",
        "",
    ),
    ("REFER", "Refer-To: <sip:z@%(host)s:9>\r\nReferred-By: <sip:y@%(host)s>\r\n", "", ""),
    (
        "PUBLISH",
        "Event: presence\r\nExpires: 60\r\n",
        "application/pidf+xml",
        "<?xml version='1.0'?><presence><tuple id='1'/></presence>",
    ),
    ("CANCEL", "", "", ""),
    ("ACK", "", "", ""),
    ("BYE", "", "", ""),
    ("UPDATE", "", SDP, DESCRIPTIONS[0]),
    ("PRACK", "RAck: 1 1 INVITE\r\n", "", ""),
    ("INFO", "Info-Package: x\r\n", "text/plain", "x"),
)
"""Method, further fields, type and text of the body."""
IN_DIALOG: tuple[tuple[str, str, str, str], ...] = (
    *(("INVITE", "", SDP, one) for one in DESCRIPTIONS),
    *(("UPDATE", "", SDP, one) for one in DESCRIPTIONS),
    ("INVITE", "Session-Expires: 90;refresher=uas\r\nSupported: timer\r\n", SDP, DESCRIPTIONS[0]),
    ("UPDATE", "Session-Expires: 90;refresher=uac\r\nSupported: timer\r\n", "", ""),
    ("INFO", "", "application/dtmf-relay", "Signal=5\r\nDuration=160\r\n"),
    ("INFO", "", "application/dtmf-relay", "Signal= #\r\nDuration= 250\r\n"),
    ("INFO", "", "application/dtmf", "7"),
    (
        "INFO",
        "",
        "application/media_control+xml",
        "<media_control><vc_primitive><to_encoder><picture_fast_update/></to_encoder></vc_primitive></media_control>",
    ),
    (
        "INFO",
        "Info-Package: trickle-ice\r\n",
        "application/trickle-ice-sdpfrag",
        "a=ice-ufrag:x\r\na=ice-pwd:y\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=end-of-candidates\r\n",
    ),
    (
        "REFER",
        "Refer-To: <sip:z@%(host)s:9?Replaces=a%%3Bto-tag%%3D1%%3Bfrom-tag%%3D2>\r\nRefer-Sub: false\r\n",
        "",
        "",
    ),
    (
        "NOTIFY",
        "Event: refer;id=1\r\nSubscription-State: terminated;reason=noresource\r\n",
        "message/sipfrag",
        "SIP/2.0 200 OK\r\n",
    ),
    ("SUBSCRIBE", "Event: refer\r\nExpires: 60\r\n", "", ""),
    ("MESSAGE", "", "text/plain", "hello"),
    ("OPTIONS", "", "", ""),
    ("PRACK", "RAck: 1 1 INVITE\r\n", "", ""),
    ("ACK", "", "", ""),
    ("CANCEL", "", "", ""),
)
RESPONSE_FIELDS: tuple[tuple[int, str, bool], ...] = (
    (100, "", False),
    (180, "", False),
    (180, "Require: 100rel\r\nRSeq: 1\r\n", False),
    (183, "", True),
    (183, "Require: 100rel\r\nRSeq: 7\r\nRecord-Route: <sip:%(host)s:%(me)d;lr>\r\n", True),
    (199, "Reason: SIP;cause=486\r\n", False),
    (200, "", True),
    (200, "Session-Expires: 90;refresher=uac\r\nRequire: timer\r\nSupported: timer\r\n", True),
    (200, "Record-Route: <sip:p@%(host)s:%(me)d;lr>\r\nRecord-Route: <sip:q@%(host)s:%(me)d;lr>\r\n", True),
    (
        200,
        "Contact: <sip:x@%(host)s:%(me)d>;expires=60\r\nService-Route: <sip:%(host)s;lr>\r\n"
        "Expires: 60\r\nP-Associated-URI: <sip:x@y>\r\n",
        False,
    ),
    (301, "Contact: <sip:y@%(host)s:9>;q=0.7, <sip:z@%(host)s:9>\r\n", False),
    (
        401,
        'WWW-Authenticate: Digest realm="r", nonce="n", algorithm=MD5, qop="auth,auth-int", '
        'opaque="o", stale=FALSE\r\n',
        False,
    ),
    (407, 'Proxy-Authenticate: Digest realm="r", nonce="n"\r\n', False),
    (420, "Unsupported: x\r\n", False),
    (422, "Min-SE: 1800\r\n", False),
    (423, "Min-Expires: 3600\r\n", False),
    (480, "Retry-After: 5 (x);duration=3\r\n", False),
    (486, 'Warning: 399 x "y"\r\n', False),
    (491, "", False),
    (603, "", False),
)
"""Status code, further fields, whether it has a description."""


def request(form: tuple[str, str, str, str], **facts: object) -> bytes:
    """A request of a form, filled in."""
    method, fields, kind, body = form
    facts = {"host": "127.0.0.1", "transport": "UDP", "media": 40000, **facts}
    text = (body % facts).encode()
    more = (f"Content-Type: {kind}\r\n" if text else "") + f"Content-Length: {len(text)}\r\n\r\n"
    head = HEADER % {**facts, "method": method, "fields": fields % facts}
    return (head + more).encode() + text


def packets() -> tuple[bytes, ...]:
    """RTP, telephone-events, RTCP and STUN for a media port."""
    rtp = struct.pack("!BBHII", 0x80, 8, 1, 160, 0x1234)
    event = struct.pack("!BBHII", 0x80, 0x80 | 101, 2, 160, 0x1234) + bytes((5, 0x8A, 0, 160))
    report = struct.pack("!BBHI", 0x80, 200, 6, 0x1234) + bytes(20)
    block = struct.pack("!BBHI", 0x81, 201, 7, 0x1234) + bytes(24)
    cname = struct.pack("!BBHI", 0x81, 202, 2, 0x1234) + b"\x01\x01x\0"
    bye = struct.pack("!BBH", 0x81, 203, 1) + b"\0\0\x12\x34"
    nack = struct.pack("!BBHIII", 0x81, 205, 3, 1, 2, 3)
    stun = struct.pack("!HHI", 1, 8, 0x2112A442) + bytes(12) + struct.pack("!HH", 6, 4) + b"ab:c"
    extension = struct.pack("!BBHIIHH", 0x90, 8, 3, 320, 0x1234, 0xBEDE, 1) + bytes(4 + 160)
    csrc = struct.pack("!BBHII", 0x8F, 8, 4, 480, 0x1234) + bytes(60 + 160)
    padding = struct.pack("!BBHII", 0xA0, 8, 5, 640, 0x1234) + bytes(159) + b"\xff"
    return (
        rtp + bytes(160),
        event,
        report + block + cname,
        report,
        bye,
        nack,
        stun,
        extension,
        csrc,
        padding,
    )
