"""The monitor on a disk that is full or fails: nothing is lost, nothing is alerted twice, and it goes on by itself."""

import re
import time

import pytest

import zk
from full_disk import full_disk  # noqa: F401
from test_monitor import FAST, sessions, show, states, status, wait_settled


def start(stack, preload, n=3):
    stack.env.update(FAST)
    stack.hub()
    stack.ingest()
    stack.sim("contract", "--sessions", str(n))
    monitor = stack.monitor(**preload)
    wait_settled(stack, n)
    return monitor


def test_a_full_disk_is_waited_for(stack, full_disk):
    m = start(stack, full_disk.env)
    full_disk("row")
    zk.wait_until("it says so", lambda: re.search(r"error monitor state-write-failed ", m.text()))
    stack.control("POST", "/drop?session=demo-1&code=401")
    stack.control("POST", "/drop?session=demo-2&code=428")
    zk.wait_until("the webhooks are on disk", lambda: len(stack.events("--type", "session.disconnected")) == 2)
    time.sleep(1.5)
    assert set(states(stack).values()) == {"connected"}  # as recorded
    assert len(re.findall(r"error monitor state-write-failed ", m.text())) == 1 and m.running()
    assert zk.http("GET", f"http://127.0.0.1:{stack.ports['monitor']}/ready")[0] == 503
    full_disk(None)
    zk.wait_until("all of it is recorded", lambda: states(stack)["demo-1"] == "logged_out" and
                  states(stack)["demo-2"] == "disconnected")
    assert sessions(stack)["demo-2"]["code"] == 428
    assert len(show(stack, "demo-1")["changes"]) <= 3  # a sweep may have been faster than the log
    assert zk.http("GET", f"http://127.0.0.1:{stack.ports['monitor']}/ready")[0] == 200
    assert m.text().count("session-logged-out") == 1


def test_what_the_bridge_speaks_is_kept_when_the_disk_has_room_again(stack, full_disk):
    stack.env.update(FAST)
    stack.hub()
    stack.ingest()
    m = stack.monitor(**full_disk.env)
    zk.wait_until("it can write the state", lambda: "waiting for the bridge" in m.text())
    full_disk("row")
    stack.sim("contract", "--sessions", "1")
    zk.wait_until("it knows what it cannot write down", lambda: "found out what the bridge speaks" in m.text())
    time.sleep(1)
    full_disk(None)
    zk.wait_until("the sweep is recorded", lambda: '"health":"up"' in stack.cli("status", "--json").stdout)
    zk.wait_until("workers can read it", lambda: status(stack)["driver"] == "contract")


@pytest.mark.files
def test_a_sync_that_fails_opens_the_file_anew(stack, faults):
    m = start(stack, faults.env)
    faults("sync 5 state.db-journal", "sync 5 state.db")
    stack.control("POST", "/drop?session=demo-1&code=401")
    zk.wait_until("it says so", lambda: "it is opened and read anew" in m.text())
    time.sleep(1)
    faults()
    zk.wait_until("it is recorded", lambda: states(stack)["demo-1"] == "logged_out")
    stack.control("POST", "/drop?session=demo-2&code=428")
    zk.wait_until("and it goes on", lambda: states(stack)["demo-2"] == "disconnected")
    assert m.running()
    assert len([c for c in show(stack, "demo-1")["changes"] if c["to"] == "logged_out"]) == 1
