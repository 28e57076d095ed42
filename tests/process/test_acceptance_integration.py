"""The acceptance list of the integration that zapkeep replaces, on the simulated bridge in both dialects: webhooks work, the
bridge's health is watched, sessions are created, looked after and reconnected, and a bridge that fails is survived."""

import json
import time

import pytest

import zk

DIALECTS = ["zapw", "contract"]
INTERVAL = 3  # seconds, RECONNECT_INTERVAL here
FAST = {"CHECK_INTERVAL": "500ms", "CHECK_SOON": "100ms", "CHECK_INCIDENT": "300ms", "HEALTH_TIMEOUT": "1s",
        "RECONNECT_INTERVAL": f"{INTERVAL}s"}


@pytest.fixture(params=DIALECTS)
def world(request, make_stack):
    """A whole stack with two connected sessions. The released zapw has no reconnect call: there the hook restarts it, and a
    restart is an attempt."""
    stack = make_stack(**FAST)
    if request.param == "zapw":
        stack.restart_by_hook(INTERVAL)
    stack.all(request.param, "--sessions", "2")
    for name in ("demo-1", "demo-2"):
        stack.wait_session(name, "connected")
    return stack


def bridge_status(stack, session):
    return stack.state()["sessions"].get(session)


def test_a_session_from_its_creation_to_its_end(world):
    [created] = world.cli_json("session", "create", "alpha")
    assert created["id"] == "alpha" and created["qr"]
    assert created["status"] in ("qr_pending", "starting")
    assert world.session("alpha")["state"] in ("qr_pending", "starting")
    world.wait_session("alpha", "qr_pending")
    world.control("POST", "/pair?session=alpha")
    world.wait_session("alpha", "connected")
    zk.wait_until("its webhook is stored",
                  lambda: [e for e in world.events("--session", "alpha") if e["type"] == "session.connected"])
    world.cli("session", "delete", "alpha", "--yes", check=True)
    assert bridge_status(world, "alpha") is None
    zk.wait_until("it is gone", lambda: world.cli("session", "show", "alpha").returncode == 1)
    assert world.attempts("alpha") == []


def test_webhooks_arrive_are_stored_and_heard(world):
    tap = world.tap("message.", "session.", "event.")
    for kind in ("received", "group", "sent", "delivered", "read"):
        world.control("POST", f"/messages?session=demo-1&type={kind}&n=20")
    world.control("POST", "/hook?session=demo-2&type=message.reaction")
    zk.wait_until("the bridge has every answer", lambda: world.state()["waiting"] == 0)
    state = world.state()
    assert state["statuses"] == {"200": state["made"]} and state["dropped"] == 0
    events = world.events()
    assert len(events) == state["made"]
    types = [e["type"] for e in events]
    assert {t: types.count(t) for t in types} == {
        "session.connected": 2, "message.received": 40, "message.sent": 20, "message.delivered": 20, "message.read": 20,
        "event.other": 1}
    assert events[-1]["body"]["eventType"] == "message.reaction"
    zk.wait_until("all of it was heard", lambda: len([m for m in tap.json() if m["type"] != "log.head"]) >= 101)
    heard = [m for m in tap.json() if m["type"] != "log.head"]
    assert [m["seq"] for m in heard] == list(range(3, 104))
    assert [m["type"] for m in heard if m["session"] == "demo-2"] == ["event.other"]


def test_a_bridge_that_dies_is_an_error_line_and_comes_back(world):
    tap = world.tap("bridge.", "reconnect.")
    world.control("POST", "/refuse")
    zk.wait_until("bridge.down is heard", lambda: "bridge.down" in [m["type"] for m in tap.json()])
    assert world.cli_json("status")[0]["health"] == "down"
    errors = [line for line in world.processes["monitor"].text().splitlines() if " error " in line]
    assert len(errors) == 1 and "bridge" in errors[0]
    assert world.cli("wait", "--timeout", "1s").returncode != 0
    world.control("POST", "/status?session=demo-1&status=disconnected")
    world.control("POST", "/listen")
    zk.wait_until("bridge.up is heard", lambda: "bridge.up" in [m["type"] for m in tap.json()])
    zk.wait_until("demo-1 is back", lambda: bridge_status(world, "demo-1") == "connected")
    world.cli("wait", "--timeout", "30s", check=True)
    heard = [m["type"] for m in tap.json()]
    assert heard.index("bridge.up") < heard.index("reconnect.started"), "nothing is attempted while the bridge is down"
    assert all(p.running() for p in world.processes.values())


def test_a_drop_that_only_a_look_finds_is_reconnected_exactly_once(world):
    """The store holds it as connected, the bridge says disconnected, and no webhook told."""
    tap = world.tap("session.state", "reconnect.")
    world.control("POST", "/status?session=demo-1&status=disconnected")
    zk.wait_until("it is back", lambda: bridge_status(world, "demo-1") == "connected" and world.attempts("demo-1"))
    zk.wait_until("the success is recorded", lambda: "reconnect.succeeded" in [m["type"] for m in tap.json()])
    time.sleep(INTERVAL + 1)
    assert len(world.attempts("demo-1")) == 1
    told = [m["type"] for m in tap.json() if m["type"].startswith("reconnect.") and m["session"] == "demo-1"]
    assert [t for t in told if t != "reconnect.due"] == ["reconnect.started", "reconnect.succeeded"]
    world.wait_session("demo-1", "connected")


def test_a_second_attempt_within_the_interval_is_not_made_and_one_after_it_is(world):
    # The failure of a call is known at once, and only the interval keeps the next one away. A restart that helps nobody
    # is known after a while.
    fails, works = ("/reconnect-does-nothing?on=1", "/reconnect-does-nothing?on=0") if world.dialect == "zapw" else \
        ("/fault?kind=status&n=500&route=/sessions/*/reconnect", "/fault?kind=none")
    world.control("POST", fails)
    world.control("POST", "/drop?session=demo-1&code=428")
    zk.wait_until("it was tried", lambda: world.attempts("demo-1"))
    world.cli("session", "reconnect", "demo-1")  # asking for it does not make it sooner
    zk.wait_until("it was tried again", lambda: len(world.attempts("demo-1")) >= 2)
    world.control("POST", works)
    zk.wait_until("it is back", lambda: bridge_status(world, "demo-1") == "connected")
    times = world.attempts("demo-1")
    assert all(b - a >= INTERVAL - world.attempt_slack_s() for a, b in zip(times, times[1:])), times
    world.wait_session("demo-1", "connected")


def test_sessions_that_only_a_person_can_bring_back_are_left_alone(world):
    world.control("POST", "/drop?session=demo-1&code=401")
    world.control("POST", "/drop?session=demo-2&code=403")
    world.wait_session("demo-1", "logged_out")
    world.wait_session("demo-2", "failed")
    time.sleep(2)
    assert world.attempts("demo-1") == world.attempts("demo-2") == []
    assert json.loads(world.cli("session", "show", "demo-2", "--json", check=True).stdout)["code"] == 403
