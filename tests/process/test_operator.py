"""The operator's view and commands: causes with their plans, the next step and why not sooner, requests that are refused."""

import json
import time

import pytest

import zk
from test_hook import step
from test_monitor import FAST, show, states, status, wait_settled

PACE = {**FAST, "RECONNECT_INTERVAL": "5s", "RECONNECT_REPLACED_DELAY": "10m"}


def start(make_stack, sessions, workers=1, **env):
    s = make_stack(**{**PACE, **env})
    s.all("contract", "--sessions", str(sessions), "--list=on", workers=workers)
    wait_settled(s, sessions)
    return s


def ask(stack, name, *args):
    """(exit code, key of the reason, line for people) of `session reconnect`."""
    done = stack.cli("session", "reconnect", name, "--json", *args)
    assert done.stderr.count("\n") == (done.returncode != 0)
    return done.returncode, json.loads(done.stdout)["why"], done.stderr


def closed(code):
    return {"reason": {"reason": {"output": {"statusCode": code}}, "shouldReconnect": code != 401}}


def test_two_owners_get_one_slow_retry_and_are_parked(make_stack):
    s = start(make_stack, 2, RECONNECT_INTERVAL="2s")
    s.control("POST", "/reconnect-does-nothing?on=1")
    s.control("POST", "/drop?session=demo-1&code=440")
    s.wait_session("demo-1", "disconnected")
    before = show(s, "demo-1")
    assert before["cause"] == "replaced" and before["code"] == 440 and "wo owners" in before["meaning"]
    assert before["next"]["action"] == "attempt" and before["next"]["why_not_sooner"] == "slow"
    assert before["next"]["at"] >= before["since"] + 599_900 and s.calls("demo-1") == []
    step(s, "demo-1", 600)
    zk.wait_until("it is parked", lambda: show(s, "demo-1")["next"]["parked"])
    after = show(s, "demo-1")
    assert "another client uses the same credentials" in after["next"]["park_reason"]
    assert [(a["outcome"], a["reason"]) for a in after["attempts"]] == [("not-connected", "slow")]
    assert "another client uses the same credentials" in s.cli("session", "show", "demo-1").stdout
    time.sleep(3)  # more than the interval
    assert len(s.calls("demo-1")) == 1


def test_asked_for_by_hand_it_is_still_the_only_retry_of_two_owners(make_stack):
    s = start(make_stack, 2)
    s.control("POST", "/reconnect-does-nothing?on=1")
    s.control("POST", "/drop?session=demo-1&code=440")
    s.wait_session("demo-1", "disconnected")
    assert ask(s, "demo-1")[0] == 0
    zk.wait_until("it is parked", lambda: show(s, "demo-1")["next"]["parked"])
    assert "another client" in show(s, "demo-1")["next"]["park_reason"] and len(s.calls("demo-1")) == 1


def test_a_bridge_that_is_still_outdated_is_parked_again_as_one(make_stack):
    """Unparked too early: the first attempt is refused as before, and no other session is tried or told."""
    s = start(make_stack, 12, RECONNECT_RATE="20/m", RECONNECT_BURST="1")
    s.control("POST", "/reconnect-does-nothing?on=1")
    names = [f"demo-{n}" for n in range(1, 5)]
    for name in names:
        s.control("POST", f"/drop?session={name}&code=405")
    zk.wait_until("they are parked", lambda: all(s.session(n)["parked"] for n in names))
    assert status(s)["outdated_since"] > 0 and sum(len(s.calls(n)) for n in names) == 0
    s.cli("session", "unpark", names[2], check=True)
    first = zk.wait_until("one is tried", lambda: [n for n in names if s.calls(n)], step=0.01)[0]
    s.post(zk.webhook(first, "session.disconnected", message_id=None, **closed(405)))
    zk.wait_until("the bridge is outdated again", lambda: status(s)["outdated_since"] > 0)
    tried = sum(len(s.calls(n)) for n in names)
    assert tried < len(names)
    time.sleep(4)
    assert sum(len(s.calls(n)) for n in names) == tried
    assert [a["alert"] for a in status(s)["alerts"]] == ["bridge-client-outdated"]
    waiting = next(n for n in names if not s.calls(n))
    assert "client version" in s.cli("session", "show", waiting).stdout


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_what_is_refused_and_why(make_stack, force):
    """R4 for people, too; --force does not help there."""
    s = start(make_stack, 16, workers=0)
    s.control("POST", "/sessions?n=1&prefix=new-&connected=0")
    s.control("POST", "/drop?session=demo-2&code=401")
    s.control("POST", "/drop?session=demo-3&code=403")
    s.cli("session", "park", "demo-4", "--reason", "holidays", check=True)
    for name, state in (("demo-2", "logged_out"), ("demo-3", "failed"), ("new-1", "qr_pending")):
        s.wait_session(name, state)
    refused = {name: ask(s, name, *force)[:2] for name in ("demo-1", "demo-2", "demo-3", "demo-4", "new-1")}
    assert refused == {"demo-1": (1, "connected"), "demo-2": (1, "logged-out"), "demo-3": (1, "parked"),
                       "demo-4": (1, "parked"), "new-1": (1, "qr-pending")}
    assert show(s, "demo-4")["next"]["park_reason"] == "holidays"
    nobody = s.cli("session", "reconnect", "nobody", *force)
    assert nobody.returncode == 1 and "no session nobody" in nobody.stderr
    s.control("POST", "/drop?session=demo-5&code=428")
    s.wait_session("demo-5", "disconnected")
    s.control("POST", "/refuse")
    zk.wait_until("the bridge is down", lambda: status(s)["health"] == "down")
    code, why, line = ask(s, "demo-5", *force)
    assert (code, why) == (1, "bridge-down") and "the bridge is down" in line
    assert "when this has ended: the bridge is down" in s.cli("session", "show", "demo-5").stdout
    assert sum(len(s.calls(n)) for n in ("demo-2", "demo-3", "demo-4", "demo-5", "new-1")) == 0


def test_force_overrides_the_spacing_and_nothing_else(make_stack):
    s = start(make_stack, 2, RECONNECT_INTERVAL="10m")

    def in_vain():
        """A call that fails is known to at once; one that does nothing is known to 20 s later."""
        return [a for a in show(s, "demo-1")["attempts"] if a["http_status"] == 500]

    s.control("POST", "/fault?kind=status&n=500&route=/sessions/*/reconnect")
    s.control("POST", "/drop?session=demo-1&code=428")
    zk.wait_until("it was tried in vain", in_vain)
    code, why, line = ask(s, "demo-1")
    assert (code, why) == (1, "spacing") and "--force" in line
    said = show(s, "demo-1")["next"]
    assert said["why_not_sooner"] == "spacing" and said["at"] > time.time() * 1000 + 8 * 60 * 1000
    assert ask(s, "demo-1", "--force")[0] == 0
    zk.wait_until("it is tried again, in vain", lambda: len(in_vain()) == 2)
    s.control("POST", "/fault?kind=none")
    s.control("POST", "/reconnect-does-nothing?on=1")
    s.cli("session", "reconnect", "demo-1", "--force", check=True)
    zk.wait_until("it is tried a third time", lambda: len(s.calls("demo-1")) == 3)
    zk.wait_until("and watched", lambda: show(s, "demo-1")["next"]["action"] == "verdict")
    assert ask(s, "demo-1", "--force")[:2] == (1, "verifying")
    s.control("POST", "/status?session=demo-1&status=connected")
    s.wait_session("demo-1", "connected")
    assert [a["reason"] for a in show(s, "demo-1")["attempts"]] == ["operator", "operator", "drop"]


def test_show_tells_the_story(make_stack):
    """Twenty changes at most, the newest first, each with when, from, to, cause and source; attempts with outcomes."""
    s = start(make_stack, 1, RECONNECT_INTERVAL="1s", FLAP_PENALTY="0", RECONNECT_RATE="100/s", INCIDENT_MIN="5",
              CHECK_INTERVAL="5s")
    for n in range(1, 12):
        s.control("POST", "/drop?session=demo-1&code=428")
        zk.wait_until("it is back", lambda: states(s)["demo-1"] == "connected" and len(s.calls("demo-1")) >= n, step=0.1)
    told = show(s, "demo-1")
    assert len(told["changes"]) == 20
    # In the order in which they were believed: a webhook is told with the time of its receipt, and a sweep that was
    # over first may have been asked after that.
    assert all(newer["from"] == older["to"] for newer, older in zip(told["changes"], told["changes"][1:]))
    assert told["changes"][0]["at"] > told["changes"][-1]["at"] and told["changes"][0]["to"] == "connected"
    # A poll after the drop before may be the first to see a drop; it knows no cause. Most drops are known by their webhook.
    drops = [(c["from"], c["cause"], c["code"], c["source"]) for c in told["changes"] if c["to"] == "disconnected"]
    webhook, poll = ("connected", "connection-closed", 428, "webhook"), ("connected", "poll", 0, "poll")
    assert set(drops) <= {webhook, poll} and drops.count(webhook) > drops.count(poll)
    assert {a["outcome"] for a in told["attempts"]} == {"succeeded"} and told["attempts"][0]["http_status"] == 200
    assert told["next"]["action"] == "none" and told["next"]["why_not_sooner"] == "connected"
    text = s.cli("session", "show", "demo-1", check=True).stdout
    for word in ("state     connected", "next      nothing is planned: it is connected", "changes", "attempts", "#1 succeeded"):
        assert word in text
