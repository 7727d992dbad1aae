import pytest

from bot.agent.workarounds.session_parameters import HIDDEN, unsupported

LINE = b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"


@pytest.mark.parametrize(
    ("parameters", "hidden"),
    [
        (b"", False),
        (b"|2^20|1:4", False),
        (b" WSH=128", False),
        (b" -LOCAL_ONE=1", False),
        (b" FEC_ORDER=SRTP_FEC FEC_KEY=inline:abc", False),
        (b" KDR=1", True),
        (b"|2^20 UNENCRYPTED_SRTP", True),
        (b" WSH=64 UNENCRYPTED_SRTCP", True),
        (b"\tUNAUTHENTICATED_SRTP", True),
        (b" NEW_ONE", True),
    ],
)
def test_which_attributes_are_hidden(parameters: bytes, hidden: bool) -> None:
    description = b"v=0\r\nm=audio 4000 RTP/SAVP 8\r\n" + LINE + parameters + b"\r\n" + LINE + b"\r\n"
    [*found] = unsupported(description)
    assert found == ([description.index(b"crypto")] if hidden else [])
    assert len(HIDDEN) == len(b"crypto")  # overwritten in place
