"""Does a call carry encrypted speech and digits? ``pytest`` runs it; ``test-artifacts/`` has what failed."""

from pathlib import Path

from bot import expect, load_config

SETTINGS = Path(__file__).with_name("endpoint.yaml")


def test_srtp_call_carries_speech_and_digits(new_endpoint, call_artifacts):
    callee = new_endpoint(name="callee")
    caller = new_endpoint(load_config(SETTINGS), name="caller")
    with callee.expect_call(timeout=5) as incoming:  # armed before the INVITE
        outgoing = caller.make_call(callee.uri)
    answered = incoming.value.answer()
    for call in (outgoing, answered):  # both ends
        expect(call).to_be_encrypted()
    with answered.record(call_artifacts / "heard.wav") as recording:
        outgoing.play("silence:0.3,speech:2,silence:0.7").wait()  # or a file
    outgoing.send_dtmf("42#")
    expect(answered).to_have_received_dtmf("42#")
    expect(recording).to_match("speech:2", max_missing_ms=300)
    outgoing.hangup()
    expect(answered).to_be_disconnected(code=200, by="remote")
