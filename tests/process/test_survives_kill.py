"""kill -9 of any process, or of all, under traffic and drops: nothing acknowledged is missing, no attempt is too early, every
session comes back, and no hand is needed. And with the hub dead for good, everything but live listening goes on."""

import time

import pytest

import zk

INTERVAL = 3  # seconds, RECONNECT_INTERVAL here
SESSIONS = 4
# The paces of a day in seconds. The same few sessions are dropped again and again: that is no flapping here, and half of
# four is no incident.
FAST = {"CHECK_INTERVAL": "500ms", "CHECK_SOON": "100ms", "CHECK_INCIDENT": "300ms", "HEALTH_TIMEOUT": "1s",
        "RECONNECT_INTERVAL": f"{INTERVAL}s", "RECONNECT_RATE": "20/s", "FLAP_PENALTY": "0", "INCIDENT_MIN": "100",
        "BREAKER_FAULTS": "100"}
# Faults of a bridge that lose nothing: it sends a webhook until it is taken.
SIM = ("--sessions", str(SESSIONS), "--rate", "300", "--connections", "8", "--webhook-retry-attempts", "0",
       "--webhook-retry-delay", "100ms", "--reconnect-delay", "100ms")


@pytest.fixture(params=["contract", "zapw"])
def world(request, make_stack):
    stack = make_stack(**FAST)
    if request.param == "zapw":
        stack.restart_by_hook(INTERVAL)
    stack.all(request.param, *SIM, workers=2)
    stack.start_again = {"hub": stack.hub, "ingest": lambda: stack.ingest(ready=False), "monitor": stack.monitor,
                         "worker-1": lambda: stack.worker("worker-1"), "worker-2": lambda: stack.worker("worker-2")}
    stack.control("POST", "/reset")
    return stack


def drop_all(stack):
    stack.control("POST", "/drop?share=1&code=428")


def all_connected(stack):
    return set(stack.state()["sessions"].values()) == {"connected"}


def check_attempts(stack):
    """R1 and R2 as the bridge saw them; a restart of all has the session ""."""
    calls = stack.control("GET", "/calls")
    for session in {c["session"] for c in calls}:
        mine = [c for c in calls if c["session"] == session]
        for before, after in zip(mine, mine[1:]):
            assert (after["at_ms"] - before["at_ms"]) / 1000 >= INTERVAL - stack.attempt_slack_s(), (session, mine)
            assert before["done_ms"] == -1 or before["done_ms"] <= after["at_ms"], "two at once"
    return calls


def check_webhooks(stack):
    stack.control("POST", "/traffic?rate=0")
    zk.wait_until("every webhook is taken", lambda: stack.state()["waiting"] == 0)
    acknowledged = stack.acknowledged()
    assert len(acknowledged) > 100
    assert acknowledged <= stack.stored()


def check_states(stack):
    for session in stack.state()["sessions"]:
        stack.wait_session(session, "connected")


def kill_during_attempts(stack, names):
    """All sessions drop, and the bridge takes its time: attempts are under way when the processes die."""
    seen = len(stack.control("GET", "/calls"))
    stack.control("POST", "/fault?kind=slow&n=300&route=/sessions/*/reconnect")
    drop_all(stack)
    zk.wait_until("a call is under way", lambda: len(stack.control("GET", "/calls")) > seen, step=0.01)
    for name in names:
        stack.processes[name].kill()


# A dead worker's sessions wait until its lease has run out (35 s) before they can be dropped a second time.
@pytest.mark.parametrize("victim, rounds", [("hub", 2), ("ingest", 2), ("monitor", 2), ("worker-1", 1)])
def test_kill_9_of_one_process(world, victim, rounds):
    for _ in range(rounds):
        kill_during_attempts(world, [victim])
        time.sleep(0.5)
        world.start_again[victim]()
        zk.wait_until("all sessions are back", lambda: all_connected(world))
    check_webhooks(world)
    check_states(world)
    assert {c["session"] for c in check_attempts(world)} == \
        ({""} if world.dialect == "zapw" else set(world.state()["sessions"]))


@pytest.mark.parametrize("order", [["worker-1", "monitor", "hub", "ingest", "worker-2"],
                                   ["ingest", "worker-2", "hub", "monitor", "worker-1"]], ids=lambda order: order[0])
def test_kill_9_of_all(world, order):
    kill_during_attempts(world, order)
    time.sleep(0.3)
    for name in order:
        world.start_again[name]()
    zk.wait_until("all sessions are back", lambda: all_connected(world))
    world.cli("wait", "--timeout", "50s", check=True)
    check_webhooks(world)
    check_states(world)
    check_attempts(world)


def test_the_spacing_outlives_the_death_of_all(world):
    # A failed call is known at once: only the spacing keeps the next attempt away. A restart that brings nobody back is
    # known after a while.
    world.control("POST", "/fault?kind=status&n=500&route=/sessions/*/reconnect")
    world.control("POST", "/reconnect-does-nothing?on=1")
    drop_all(world)
    each = 1 if world.dialect == "zapw" else SESSIONS
    zk.wait_until("each was tried", lambda: len(world.control("GET", "/calls")) >= each)
    # a call that dies under way would add its lease to the wait
    zk.wait_until("the answers are recorded", lambda: world.cli_json("status")[0]["queue"]["calling"] == 0)
    for name in world.start_again:
        world.processes[name].kill()
    for again in world.start_again.values():
        again()
    zk.wait_until("each was tried again", lambda: len(world.control("GET", "/calls")) >= 2 * each)
    world.control("POST", "/fault?kind=none")
    world.control("POST", "/reconnect-does-nothing?on=0")
    zk.wait_until("all sessions are back", lambda: all_connected(world))
    check_attempts(world)


def test_cursors_outlive_the_death_of_all(world):
    """The news of a session.disconnected while nobody listened is read after the start, once, in order."""
    world.processes["monitor"].kill()
    world.control("POST", "/drop?session=demo-1&code=401")
    zk.wait_until("the webhook is stored", lambda: [e for e in world.events("--session", "demo-1")
                                                    if e["type"] == "session.disconnected"])
    for name in ("hub", "ingest", "worker-1", "worker-2"):
        world.processes[name].kill()
    for again in world.start_again.values():
        again()
    world.wait_session("demo-1", "logged_out")
    changes = world.cli_json("session", "show", "demo-1")[0]["changes"]
    assert [c["to"] for c in changes].count("logged_out") == 1
    assert world.attempts("demo-1") == []


def test_with_the_hub_dead_webhooks_are_taken_and_sessions_reconnected(world):
    world.processes["hub"].kill()
    assert world.post(zk.webhook(message_id="without-a-hub"))[0] == 200
    for session in ("demo-1", "demo-2"):
        world.control("POST", f"/drop?session={session}&code=428")
    zk.wait_until("both are back", lambda: all_connected(world))
    check_webhooks(world)
    check_attempts(world)
    assert all(p.running() for name, p in world.processes.items() if name != "hub")
    world.hub()
    world.tap("message.")  # and once it is back, listening works without a restart of anything


def test_a_bridge_that_dies_and_restarts_is_the_same_bridge(world):
    world.control("POST", "/restart")
    zk.wait_until("all sessions are back", lambda: all_connected(world))
    check_webhooks(world)
    check_states(world)
    world.cli("wait", "--timeout", "50s", check=True)
