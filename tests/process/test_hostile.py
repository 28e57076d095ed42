"""A bridge, a backend and a peer on the bus that were taken over: nothing of theirs steers a terminal, and nothing that is said on the
bus alone is believed."""

import json
import time

import pytest
import zk
from test_bus_limits import PUB, dial, frame
from test_monitor_truth import ScriptedBridge

# CSI, OSC, a line break, C1 as UTF-8 and as a byte, DEL, bidi overrides and isolates, a line separator, invisible.
EVIL = "Al\x1b]0;PWNED\x07\x1b[31m\r\nfake  connected\u009b5m\x7f\u202ecod\u2066\u2028\ufeff"
UNSAFE = [*range(0x20), *range(0x7F, 0xA0), 0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2028, 0x2029, *range(0x2066, 0x206A), 0xFEFF]


def shown(stack, *command, **env):
    """The command's output: whole UTF-8, and no character that a terminal or a reader obeys."""
    done = stack.cli(*command, **env)  # text=True: strict UTF-8
    for text in (done.stdout, done.stderr):
        found = {hex(ord(c)) for c in text} & {hex(n) for n in UNSAFE if n != 10}
        assert not found, f"{command}: {found} in {text!r}"
    return done.stdout + done.stderr


def test_a_bridge_s_texts_do_not_steer_a_terminal(make_stack):
    stack = make_stack(WHATSAPP_BRIDGE="zapw", CHECK_INTERVAL="500ms")
    rows = [{"id": "alice", "status": "connected", "phoneNumber": "+55\x1b[7m11", "name": EVIL},
            {"id": "bob", "status": "disconnected", "phoneNumber": "5511", "name": EVIL}]
    bridge = ScriptedBridge(stack.ports["api"])
    bridge.next_list = lambda: (200, "application/json", json.dumps({"status": "success", "data": rows}))
    bridge.reconnect = (500, json.dumps({"status": "error", "error": EVIL, "message": EVIL}))
    stack.hub()
    stack.ingest()
    stack.monitor()
    stack.worker()
    zk.wait_until("the sessions are known", lambda: len(stack.cli("sessions", "--json").stdout.splitlines()) == 2)
    body = zk.webhook("alice", message_id="M1", text=EVIL, **{"from": EVIL})
    assert stack.post(body)[0] == 200
    for command in (["sessions"], ["session", "show", "alice"], ["session", "show", "bob"], ["status"], ["events"], ["doctor"],
                    ["session", "qr", "alice"], ["session", "create", "carol"], ["session", "reconnect", "bob"]):
        seen = shown(stack, *command)
        if command == ["sessions"]:
            assert len(seen.splitlines()) == 4  # head, two sessions, their number: no line of its own
        if command[-1] in ("sessions", "alice", "bob", "status", "events", "doctor"):
            shown(stack, *command, "--json")
    bridge.health = (200, "text/plain", EVIL)
    shown(stack, "probe", f"http://127.0.0.1:{stack.ports['api']}/health")
    for p in stack.processes.values():
        assert not set(p.text()) & {chr(n) for n in UNSAFE if n != 10}, p.name
    bridge.close()


def test_a_backend_s_answers_do_not_steer_a_terminal(stack, make_backend):
    backend = make_backend(lambda d: (422, {"Content-Type": "text/plain", "X-Evil": "\x9b5m"}, EVIL.encode() + b"\x9b31m"))
    stack.ingest()
    assert stack.post(zk.webhook())[0] == 200
    p = stack.forward(BACKEND_URL=backend.url, FORWARD_RETRY_SCHEDULE="0s,50ms")
    zk.wait_until("it is refused", lambda: "422" in p.text())
    for command in (["forward", "status"], ["forward", "test", "backend"], ["forward", "dead", "list"], ["status"], ["replay", "--from", "1",
                                                                                                           "--to", "1"]):
        env = {"BACKEND_URL": backend.url}
        shown(stack, *command, **env)
        if command[0] != "replay":
            shown(stack, *command, "--json", **env)
    assert not set(p.text()) & {chr(n) for n in UNSAFE if n != 10}


def rows(stack, *tables):
    return {table: sorted(stack.sql("state", f"SELECT * FROM {table}")) for table in tables}


FORGED = ["message.received/main/alice", "session.disconnected/main/alice", "session.connected/main/alice", "session.qr/main/alice",
          "session.state/main/alice", "reconnect.due/main/alice", "reconnect.failed/main/alice", "reconnect.started/main/alice",
          "bridge.down/main/", "bridge.up/main/", "alert/main/alice", "forward.command/main/", "log.head//"]


@pytest.mark.parametrize("tail", [b"\x80", b"\x82\xa1v\x01\xa3seq\xcf\x7f\xff\xff\xff\xff\xff\xff\xff"], ids=["bare", "a huge seq"])
def test_nothing_is_concluded_from_the_bus_alone(make_stack, tail):
    stack = make_stack(WHATSAPP_BRIDGE="zapw", CHECK_INTERVAL="1h", RECONNECT_INTERVAL="3s")
    bridge = ScriptedBridge(stack.ports["api"], alice="connected")
    stack.hub()
    stack.ingest()
    stack.monitor()
    stack.worker()
    stack.wait_session("alice", "connected")
    tables = ("session", "activity_profile", "attempt", "reconnect", "alert", "session_change", "forward_command")
    before = rows(stack, *tables)
    assert before["session"]
    publisher = dial(stack, "in", PUB)
    for _ in range(200):
        publisher.sendall(b"".join(frame(topic.encode() + b"\0" + tail) for topic in FORGED))
    assert stack.post(zk.webhook("alice", "message.sent", "M1"))[0] == 200  # comes after them on the bus
    time.sleep(1.5)
    assert rows(stack, *tables) == before
    assert bridge.lists <= 3 and all(p.running() for p in stack.processes.values())
    publisher.close()
    bridge.close()
