"""The answering machine with real calls: messages, their ends, their limits, the owner's menu."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot import Call, CallState, ConfigError, Endpoint, expect
from bot.bots import bot
from bot.deadline import Deadline
from bot.ipc.events import CallbackFailed, RecordingStarted
from media.audio.wav import read
from media.compare.compare import compare
from media.compare.verdict import Options
from tests.support.spectrum import notes_heard
from tests.support.starting import LOOPBACK, STARVED_MS, NewEndpoint, until

GREETING = "tone:440:0.3"
PIN = "2468"
GLANCE_S = 0.02
FROM = "<sip:{}@127.0.0.1>"
NewMachine = Callable[..., Endpoint]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "messages"


@pytest.fixture
def new_machine(new_endpoint: NewEndpoint, folder: Path) -> NewMachine:
    def start(settings: dict[str, Any] | None = None, **options: Any) -> Endpoint:
        machine = bot("machine", messages=folder, greeting=GREETING, **options)
        return new_endpoint(name="machine", controller=machine, **(settings or {}))

    return start


def dial(caller: Endpoint, machine: Endpoint, **settings: Any) -> Call:
    call = caller.make_call(machine.uri, **settings)
    expect(call).to_have_active_media()
    return call


def recordings(machine: Endpoint) -> int:
    return sum(isinstance(entry.event, RecordingStarted) for entry in machine.journal.recent())


def speak(machine: Endpoint, call: Call, sound: Path) -> None:
    """Wait for the beep, and say something."""
    before = recordings(machine)
    until(machine, lambda: recordings(machine) > before)
    call.play(sound).wait()


def messages(folder: Path) -> list[dict[str, Any]]:
    return [
        json.loads(path.read_text()) for path in sorted(folder.glob("*.json")) if ".part." not in path.name
    ]


def all_messages(folder: Path, count: int) -> list[dict[str, Any]]:
    """Every message, once there are so many; they are saved a moment after the call has ended."""
    deadline = Deadline(5)
    while len(found := messages(folder)) < count and not deadline.passed:
        threading.Event().wait(GLANCE_S)
    assert len(found) == count
    return found


def the_message(folder: Path) -> dict[str, Any]:
    """The only message."""
    [message] = all_messages(folder, 1)
    return message


def assert_said(reference: Path, heard: Path) -> None:
    twice = 2 * STARVED_MS  # it passes two clocks
    starved = Options(max_missing_ms=twice, max_edge_ms=twice, max_inserted_ms=twice)
    comparison = compare(read(reference), read(heard), options=starved)
    assert comparison.matched, comparison.reasons


def all_messages_but(folder: Path, deleted: dict[str, Any]) -> list[dict[str, Any]]:
    """What is left once a message is deleted."""
    deadline = Deadline(5)
    while deleted in (found := messages(folder)) and not deadline.passed:
        threading.Event().wait(GLANCE_S)
    return found


# ---- a message


@pytest.mark.parametrize("way", ["hangup", "#", "silence", "limit"])
def test_how_a_message_ends(
    way: str, new_machine: NewMachine, new_endpoint: NewEndpoint, speech: Path, folder: Path
) -> None:
    machine = new_machine({"srtp": "mandatory"}, silence=1.5, limit=3.2 if way == "limit" else 30)
    call = dial(new_endpoint(srtp="mandatory"), machine)
    [answered] = machine.calls
    speak(machine, call, speech)
    if way == "hangup":
        call.hangup()
    elif way == "#":
        call.send_dtmf("7#")
    elif way == "limit":
        call.play(speech, loop=True)
    expect(call).to_be_disconnected(code=200, by="local" if way == "hangup" else "remote", timeout=8)
    until(machine, lambda: not machine.calls)
    machine.close()
    assert machine.failure is None
    message = the_message(folder)
    assert message["ended_by"] == way
    assert message["schema"] == "srtpbot.message/1"
    assert message["from"] == FROM.format(call.endpoint.name)
    assert message["to"] == "machine"
    assert message["sip_call_id"] == call.facts.sip_call_id
    assert message["suite"] == "AES_CM_128_HMAC_SHA1_80"
    assert (message["codec"], message["clock_rate"], message["sample_rate"]) == ("PCMA", 8000, 8000)
    assert message["digits"] == ("7#" if way == "#" else "")
    wav = folder / f"{message['id']}.wav"
    assert [recording.path for recording in answered.recordings] == [wav]
    assert read(wav).duration_s == pytest.approx(message["duration_s"], abs=0.001)
    if way != "limit":
        assert_said(speech, wav)
    else:
        assert message["duration_s"] == pytest.approx(3.2, abs=0.4)
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [".lock", f"{message['id']}.json", wav.name]
    )
    assert wav.parent.stat().st_mode & 0o077 == 0


def test_who_says_nothing_leaves_a_message_of_silence(
    new_machine: NewMachine, new_endpoint: NewEndpoint, folder: Path
) -> None:
    machine = new_machine(silence=1)
    call = dial(new_endpoint(), machine)
    expect(call).to_be_disconnected(code=200, by="remote", timeout=8)
    machine.close()
    assert the_message(folder)["duration_s"] == pytest.approx(1, abs=0.4)


def test_who_hangs_up_in_the_greeting_leaves_none(
    new_machine: NewMachine, new_endpoint: NewEndpoint, folder: Path
) -> None:
    machine = new_machine()
    caller = new_endpoint()
    for _ in range(3):
        dial(caller, machine).hangup()
    until(machine, lambda: not machine.calls)
    machine.close()
    assert machine.failure is None
    assert [path.name for path in folder.iterdir()] == [".lock"]


def test_a_caller_on_hold_is_not_waited_for(new_machine: NewMachine, new_endpoint: NewEndpoint) -> None:
    machine = new_machine(limit=2, silence=60)
    call = dial(new_endpoint(), machine)
    until(machine, lambda: recordings(machine) > 0)
    call.hold()
    expect(call).to_be_disconnected(code=200, by="remote", timeout=8)


# ---- hostile


def test_nothing_that_a_caller_says_becomes_a_name(
    new_machine: NewMachine, new_endpoint: NewEndpoint, folder: Path, speech: Path
) -> None:
    machine = new_machine(silence=60)
    caller = new_endpoint(id='"../../etc/passwd" <sip:..%2f..%2fx@127.0.0.1>')
    uri = machine.uri.replace("sip:machine@", "sip:..%2F..%2Fmachine@")
    call = caller.make_call(uri)
    expect(call).to_have_active_media()
    speak(machine, call, speech)
    call.send_dtmf("12345678" * 9, on_ms=50, off_ms=50).wait()
    call.hangup()
    until(machine, lambda: not machine.calls)
    machine.close()
    message = the_message(folder)
    assert 0 < len(message["digits"]) <= 64
    assert len(list(folder.iterdir())) == 3
    assert len(list(folder.parent.iterdir())) == 1


@pytest.mark.parametrize("limits", [{"max_messages": 1}, {"max_bytes": 100_000, "limit": 5}])
def test_a_full_mailbox_refuses(
    limits: dict[str, Any], new_machine: NewMachine, new_endpoint: NewEndpoint, speech: Path, folder: Path
) -> None:
    machine, caller = new_machine(**limits), new_endpoint()
    call = dial(caller, machine)
    speak(machine, call, speech)
    call.hangup()
    until(machine, lambda: not machine.calls)
    the_message(folder)
    refused = caller.make_call(machine.uri)
    expect(refused).to_be_disconnected(code=480, by="remote")
    assert refused.facts.ended is not None
    assert refused.facts.ended.reason == "Mailbox Full"
    assert len(messages(folder)) == 1


def test_a_full_mailbox_with_an_owner_says_so_in_the_bye(
    new_machine: NewMachine, new_endpoint: NewEndpoint, speech: Path, folder: Path
) -> None:
    machine, caller = new_machine(max_messages=1, pin=PIN), new_endpoint()
    call = dial(caller, machine)
    speak(machine, call, speech)
    refused = dial(caller, machine)  # while the first one is being recorded
    expect(refused).to_be_disconnected(code=200, by="remote", timeout=8)
    expect(refused).to_have_header("Reason", matching='text="the mailbox is full: 1 messages of at most 1"')
    call.hangup()
    until(machine, lambda: not machine.calls)
    assert the_message(folder)["ended_by"] == "hangup"


# ---- a kill


def test_a_message_survives_a_kill(
    new_machine: NewMachine, new_endpoint: NewEndpoint, speech: Path, folder: Path
) -> None:
    machine = Endpoint(
        name="machine",
        bind=LOOPBACK,
        codecs=["PCMA"],
        controller=bot("machine", messages=folder, greeting=GREETING),
    ).start()
    call = dial(new_endpoint(), machine)
    speak(machine, call, speech)
    # what is on the disk now is what a kill would leave: take a copy for the next start
    for path in list(folder.iterdir()):
        if path.name != ".lock":
            target = folder.parent / "copy" / path.name
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(path.read_bytes())
    machine.close()
    copy = folder.parent / "copy"
    assert messages(copy) == []
    assert {"".join(path.suffixes) for path in copy.iterdir()} == {".part.wav", ".part.json"}
    again = Endpoint(name="again", bind=LOOPBACK, controller=bot("machine", messages=copy)).start()
    again.close()
    message = the_message(copy)
    assert message["ended_by"] == "interrupted"
    assert message["from"] == FROM.format(call.endpoint.name)
    assert message["started"]
    assert_said(speech, copy / f"{message['id']}.wav")
    assert not list(copy.glob("*.part.*"))


def test_two_machines_do_not_share_a_folder(new_machine: NewMachine, folder: Path) -> None:
    new_machine()
    with pytest.raises(ConfigError, match="another answering machine uses it"):
        Endpoint(name="other", bind=LOOPBACK, controller=bot("machine", messages=folder)).start()


# ---- the owner


def leave(machine: Endpoint, caller: Endpoint, sound: Path) -> None:
    call = dial(caller, machine)
    speak(machine, call, sound)
    call.hangup()
    expect(call).to_be_disconnected()
    until(machine, lambda: not machine.calls)


def test_the_owner_hears_repeats_and_deletes(
    new_machine: NewMachine,
    new_endpoint: NewEndpoint,
    speech: Path,
    other_speech: Path,
    folder: Path,
    tmp_path: Path,
    audio_cache: Path,
) -> None:
    machine, caller = new_machine(pin=PIN), new_endpoint()
    for sound in (speech, other_speech):
        leave(machine, caller, sound)
    first, second = all_messages(folder, 2)
    wavs = [folder / f"{one['id']}.wav" for one in (first, second)]
    for sound, wav in zip((speech, other_speech), wavs, strict=True):
        assert_said(sound, wav)

    def hear(digits: str, name: str, reference: Path) -> None:
        with owner.record(tmp_path / name) as recording:
            owner.send_dtmf(digits).wait()
            owner.endpoint.wait_until(lambda: False, Deadline(4.5))
        assert_said(reference, recording.path)

    owner = dial(caller, machine)
    owner.send_dtmf(f"*,{PIN}#,").wait()
    hear("1", "one.wav", wavs[0])
    hear("2", "again.wav", wavs[0])
    hear("1", "two.wav", wavs[1])
    owner.send_dtmf("3,").wait()
    assert all_messages_but(folder, second) == [first]
    with owner.record(tmp_path / "more.wav") as recording:
        owner.send_dtmf("1,,").wait()
    assert notes_heard(recording.path, [440, 660, 880])[-3:] == [880, 660, 440]
    owner.send_dtmf("9")
    expect(owner).to_be_disconnected(code=200, by="remote")
    machine.close()
    assert machine.failure is None
    assert not list(audio_cache.rglob(f"{first['id']}*"))
    assert not list(audio_cache.rglob(f"{second['id']}*"))


def test_a_wrong_pin_three_times_ends_the_call(
    new_machine: NewMachine, new_endpoint: NewEndpoint, speech: Path, folder: Path
) -> None:
    machine, caller = new_machine(pin=PIN), new_endpoint()
    leave(machine, caller, speech)
    stranger = dial(caller, machine)
    stranger.send_dtmf("*,1111#,0#," + "1" * 20, on_ms=60, off_ms=60)
    expect(stranger).to_be_disconnected(code=200, by="remote", timeout=12)
    assert len(messages(folder)) == 1
    machine.close()
    assert machine.failure is None


def test_without_a_pin_there_is_no_menu(new_machine: NewMachine, new_endpoint: NewEndpoint) -> None:
    machine = new_machine()
    call = dial(new_endpoint(), machine)
    call.send_dtmf("*")
    until(machine, lambda: recordings(machine) == 1)
    assert call.state is CallState.CONFIRMED


def test_the_pin_is_nowhere(new_machine: NewMachine, new_endpoint: NewEndpoint, folder: Path) -> None:
    unlikely = "246801357924"  # four digits stand in many a timestamp, port and tag by chance
    machine = new_machine(pin=unlikely)
    owner = dial(new_endpoint(), machine)
    owner.send_dtmf(f"*,{unlikely}#,9", on_ms=60, off_ms=60).wait()
    expect(owner).to_be_disconnected(code=200, by="remote")
    machine.close()
    assert not [entry for entry in machine.journal.recent() if isinstance(entry.event, CallbackFailed)]
    assert unlikely not in "".join(str(entry.event) for entry in machine.journal.recent())
    for wrong in ("123", "12a4", "1" * 17):
        with pytest.raises(ConfigError) as caught:
            bot("machine", messages=folder, pin=wrong)
        assert wrong not in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        bot("machine", messages=folder, pin=97531)
    assert "97531" not in str(caught.value)
