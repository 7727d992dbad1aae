"""The user agent (RFC 3261 6): endpoints, their calls, and the journal that records them."""

from bot.ua.build import build, calls_of_agent, check_build, check_codec
from bot.ua.call import Call, Playback, Recording, Transmission, checked_digits, ensure_writable
from bot.ua.call_list import Awaited, dialog_of
from bot.ua.call_record import Activity, CallRecord, Digit, answers_invite
from bot.ua.controller import Controller
from bot.ua.echo_passes import passes_of, said_to_echo
from bot.ua.endpoint import Endpoint
from bot.ua.final_response import ANY, ExpectedCode
from bot.ua.inband_dtmf import inband_warnings
from bot.ua.journal import Entry, Journal
from bot.ua.journal_file import older_file
from bot.ua.media_flow import flows_plausibly, heard_of, packet_ms, remarks, unheard_packets
from bot.ua.out_of_dialog import Response
from bot.ua.quality import quality_of
from bot.ua.requests import SentRequest
from bot.ua.traced_message import TracedMessage

__all__ = [
    "ANY",
    "Activity",
    "Awaited",
    "Call",
    "CallRecord",
    "Controller",
    "Digit",
    "Endpoint",
    "Entry",
    "ExpectedCode",
    "Journal",
    "Playback",
    "Recording",
    "Response",
    "SentRequest",
    "TracedMessage",
    "Transmission",
    "answers_invite",
    "build",
    "calls_of_agent",
    "check_build",
    "check_codec",
    "checked_digits",
    "dialog_of",
    "ensure_writable",
    "flows_plausibly",
    "heard_of",
    "inband_warnings",
    "older_file",
    "packet_ms",
    "passes_of",
    "quality_of",
    "remarks",
    "said_to_echo",
    "unheard_packets",
]
