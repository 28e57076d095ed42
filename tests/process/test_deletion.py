"""A session that was deleted stays deleted, for anything the bridge had sent before, however late it is read."""

import threading
import time

import pytest

import zk
from test_monitor import FAST, metrics, show

# With a list the monitor asks for all; without one, webhooks and looks at single sessions are all it has.
BRIDGES = [("zapw", []), ("contract", ["--list=on"]), ("contract", ["--list=off"])]


NAME = "alpha-1"  # as the simulated bridge numbers what it adds


def now_ms():
    return int(time.time() * 1000)


def say(stack, event, at, **data):
    """A webhook of the bridge, dated by it."""
    code, _, _ = stack.post(zk.webhook(NAME, event, message_id=None, at=at, **data))
    assert code == 200


def closed(code):
    return {"reason": {"reason": {"output": {"statusCode": code}}, "shouldReconnect": code != 401}}


def start(stack, dialect, args):
    stack.hub()
    stack.ingest()
    stack.sim(dialect, "--sessions", "1", *args)
    stack.monitor()
    stack.cli("session", "create", NAME, check=True)
    stack.wait_session(NAME, "qr_pending")


def is_read(stack):
    """The monitor has taken in every event there is: its cursor is saved with their results."""
    head = stack.events()[-1]["seq"]
    return zk.wait_until("the monitor has read all", lambda: cursor(stack) >= head)


def cursor(stack):
    return metrics(stack).get("zapkeep_monitor_event_seq", 0)


def stays_away(stack, alerts):
    for _ in range(15):  # three sweeps
        assert stack.session(NAME) is None
        time.sleep(0.1)
    assert [a for a in alerts.json() if a.get("session") == NAME and a.get("alert") == "session-lost"] == []


@pytest.mark.parametrize("dialect, args", BRIDGES)
def test_what_was_on_its_way_does_not_bring_it_back(make_stack, dialect, args):
    stack = make_stack(**FAST)
    start(stack, dialect, args)
    alerts = stack.tap("alert")
    before = now_ms()
    stack.cli("session", "delete", NAME, "--yes", check=True)
    say(stack, "session.qr", before, qr="2@x")
    say(stack, "session.connected", before + 1)
    say(stack, "session.disconnected", before + 2, **closed(428))
    zk.wait_until("the monitor has forgotten it", lambda: metrics(stack)['zapkeep_sessions{bridge="main",state="qr_pending"}'] == 0)
    say(stack, "session.connected", now_ms() + 3600 * 1000)  # the bridge's clock is wrong: it is asked, and knows none
    is_read(stack)
    stays_away(stack, alerts)


@pytest.mark.parametrize("dialect, args", BRIDGES)
def test_what_was_stored_before_and_is_read_after_does_not_either(make_stack, dialect, args):
    stack = make_stack(**FAST)
    start(stack, dialect, args)
    alerts = stack.tap("alert")
    stack.processes["monitor"].kill()
    say(stack, "session.connected", now_ms())
    stack.cli("session", "delete", NAME, "--yes", check=True)
    stack.monitor()
    zk.wait_until("the monitor is there", lambda: cursor(stack) > 0)
    is_read(stack)
    stays_away(stack, alerts)


@pytest.mark.parametrize("dialect, args", BRIDGES)
def test_created_again_it_lives_as_if_it_were_new(make_stack, dialect, args):
    stack = make_stack(**{**FAST, "RECONNECT_INTERVAL": "1s"})
    start(stack, dialect, args)
    stack.control("POST", "/pair?session=" + NAME)
    stack.wait_session(NAME, "connected")
    old = now_ms()
    stack.cli("session", "delete", NAME, "--yes", check=True)
    stack.cli("session", "create", NAME, check=True)
    stack.wait_session(NAME, "qr_pending")
    say(stack, "session.disconnected", old, **closed(428))  # of its former life
    say(stack, "session.disconnected", old + 1, **closed(401))
    is_read(stack)
    assert {c["to"] for c in show(stack, NAME)["changes"]} <= {"starting", "qr_pending"}
    say(stack, "session.disconnected", now_ms(), **closed(408))  # its code was not scanned: it was never paired in this life
    is_read(stack)
    assert stack.session(NAME)["state"] == "qr_pending"
    stack.control("POST", "/pair?session=" + NAME)
    stack.wait_session(NAME, "connected")
    stack.control("POST", f"/drop?session={NAME}&code=401")  # of this one
    stack.wait_session(NAME, "logged_out")


@pytest.mark.parametrize("dialect, args", BRIDGES)
def test_somebody_else_creates_it_again(make_stack, dialect, args):
    """Not by our command: the bridge shows it, or its webhook makes the monitor ask."""
    stack = make_stack(**FAST)
    start(stack, dialect, args)
    stack.cli("session", "delete", NAME, "--yes", check=True)
    stack.control("POST", "/sessions?n=1&prefix=alpha-")
    stack.wait_session(NAME, "connected")


def test_created_again_it_is_asked_for_although_no_webhook_comes(make_stack):
    stack = make_stack(**FAST)
    start(stack, "contract", ["--list=off"])
    stack.control("POST", f"/pair?session={NAME}")
    stack.wait_session(NAME, "connected")
    stack.processes["ingest"].kill()
    stack.cli("session", "delete", NAME, "--yes", check=True)
    stack.cli("session", "create", NAME, check=True)
    time.sleep(2)  # sweeps
    stack.control("POST", f"/pair?session={NAME}")
    stack.wait_session(NAME, "connected")
    assert [c["from"] for c in show(stack, NAME)["changes"]] == ["qr_pending", ""]


@pytest.mark.parametrize("dialect, args", BRIDGES)
def test_what_is_said_during_the_deletion_is_no_drop(make_stack, dialect, args):
    """The bridge closes the connection and tells so before it answers the DELETE: nothing is reconnected for that."""
    stack = make_stack(**FAST)
    start(stack, dialect, args)
    stack.control("POST", f"/pair?session={NAME}")
    stack.wait_session(NAME, "connected")
    stack.control("POST", f"/fault?kind=hang&route=/sessions/{NAME}&method=DELETE")
    told = stack.tap("session.state", "alert", "reconnect.")
    deletion = threading.Thread(target=stack.cli, args=("session", "delete", NAME, "--yes"))
    deletion.start()
    zk.wait_until("the bridge has its call", lambda: stack.state()["held"] == 1)
    say(stack, "session.disconnected", now_ms(), reason={"shouldReconnect": True})
    say(stack, "session.disconnected", now_ms(), **closed(428))
    is_read(stack)
    stack.control("POST", "/fault?kind=none")
    deletion.join()
    assert stack.session(NAME) is None
    is_read(stack)
    stays_away(stack, told)
    assert [m["type"] for m in told.json() if m.get("session") == NAME] == []


def test_a_deletion_that_the_bridge_refuses_changes_nothing(make_stack):
    stack = make_stack(**FAST)
    start(stack, "zapw", [])
    stack.control("POST", f"/pair?session={NAME}")
    stack.wait_session(NAME, "connected")
    stack.control("POST", f"/fault?kind=status&n=500&route=/sessions/{NAME}")
    assert stack.cli("session", "delete", NAME, "--yes").returncode == 3
    stack.control("POST", f"/drop?session={NAME}&code=428")
    zk.wait_until("the webhook is taken", lambda: (stack.session(NAME) or {}).get("code") == 428)
