"""Reception of media streams, packet by packet: arrivals, statistics (RFC 3550), discarded packets."""
