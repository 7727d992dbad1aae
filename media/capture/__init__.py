"""Packet captures (pcap, pcapng): reader with bounded memory, and writer."""
