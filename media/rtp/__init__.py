"""RTP (RFC 3550) and SRTP (RFC 3711): packets, statistics, payloads, encryption."""
