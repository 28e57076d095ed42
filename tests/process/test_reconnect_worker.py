"""zapkeep-reconnect by itself: rows put into the state as the monitor does, the simulated bridge, no hub."""

import http.server
import os
import threading
import time

import pytest

import zk

DISCONNECTED = 3
DUE, CALLING, VERIFYING = 1, 2, 3
FAR = 1 << 60


class Rows:
    """Stands in for the monitor."""

    def __init__(self, stack, driver="contract"):
        self.stack = stack
        # a worker makes the tables
        probe = stack.worker("maker")
        zk.wait_until("the state can be read", lambda: stack.cli("bridges").returncode == 0, needs=probe)
        probe.stop()
        self.find(f"INSERT INTO bridge (name, driver, health, swept_at, fresh_until) VALUES ('main', '{driver}', 1, {FAR}, {FAR}) ON CONFLICT (name)"
                  f" DO UPDATE SET driver = '{driver}', health = 1, swept_at = {FAR}, fresh_until = {FAR}")

    def find(self, sql):
        return self.stack.sql("state", sql)

    def drop(self, session, notifies=True):
        self.find("INSERT INTO session (bridge, id, state, since, since_steady, first_seen)"
                  f" VALUES ('main', '{session}', {DISCONNECTED}, 0, 0, 0)")
        self.find(f"INSERT INTO reconnect (bridge, session, phase, reason, due_at) VALUES ('main', '{session}', {DUE}, 1, 2)")
        if self.stack.store and notifies:
            self.find("SELECT pg_notify('zapkeep_state', 'a test')")  # as a commit of the monitor does

    def phase(self, session):
        return self.find(f"SELECT phase FROM reconnect WHERE session = '{session}'")[0][0]

    def outcomes(self):
        return [row[0] for row in self.find("SELECT outcome FROM attempt ORDER BY token")]


def make_sessions(stack, n):
    stack.control("POST", f"/sessions?n={n}&prefix=s&connected=1")
    stack.control("POST", "/drop?share=1&code=428")
    return [f"s{i}" for i in range(1, n + 1)]


def test_without_a_hub_each_session_is_called_once_by_any_of_four_workers(make_stack):
    stack = make_stack(RECONNECT_RATE="1000", RECONNECT_BURST="1000", RECONNECT_INTERVAL="300s")
    stack.sim("contract")
    rows = Rows(stack)
    sessions = make_sessions(stack, 40)
    for s in sessions:
        rows.drop(s)
    for _ in range(4):
        stack.worker()
    zk.wait_until("all were called", lambda: all(stack.calls(s) for s in sessions))
    zk.wait_until("all are recorded", lambda: all(rows.phase(s) == VERIFYING for s in sessions))
    time.sleep(2)
    assert [len(stack.calls(s)) for s in sessions] == [1] * len(sessions)


def test_the_sweep_finds_what_nothing_told_of(stack, faults):
    """No hub, and the kernel tells of no commit."""
    stack.sim("contract")
    rows = Rows(stack)
    faults("watch 24 inotify")
    worker = stack.worker(**faults.env)
    zk.wait_until("it has begun", lambda: "started" in worker.text())
    time.sleep(1)  # its first look is over
    for s in make_sessions(stack, 2):
        rows.drop(s, notifies=False)
    zk.wait_until("both were called", lambda: stack.calls("s1") and stack.calls("s2"))


def test_a_stop_lets_the_call_end_and_records_it(stack):
    stack.sim("contract")
    rows = Rows(stack)
    make_sessions(stack, 1)
    stack.control("POST", "/fault?kind=slow&n=2000")
    rows.drop("s1")
    worker = stack.worker()
    zk.wait_until("the call is made", lambda: rows.phase("s1") == CALLING)
    assert worker.stop() == 0
    assert rows.phase("s1") == VERIFYING
    assert len(stack.calls("s1")) == 1


def test_a_hanging_call_does_not_hold_up_the_stop(stack):
    stack.sim("contract")
    rows = Rows(stack)
    make_sessions(stack, 1)
    stack.control("POST", "/fault?kind=hang")
    rows.drop("s1")
    worker = stack.worker()
    zk.wait_until("the call is made", lambda: rows.phase("s1") == CALLING)
    zk.wait_until("it has reached the bridge", lambda: stack.calls("s1"))
    assert worker.stop() == 0
    assert rows.phase("s1") == VERIFYING  # it was sent: whether it worked is for the monitor to see
    assert rows.find("SELECT detail FROM attempt") == [("stopped while waiting for the answer",)], "the call has come to its own end"


def test_a_killed_worker_is_repaired_and_the_spacing_holds(make_stack):
    stack = make_stack(RECONNECT_INTERVAL="40s")
    stack.sim("contract")
    rows = Rows(stack)
    make_sessions(stack, 1)
    stack.control("POST", "/fault?kind=hang&count=1")
    rows.drop("s1")
    worker = stack.worker()
    zk.wait_until("the call is made", lambda: rows.phase("s1") == CALLING)
    zk.wait_until("it has reached the bridge", lambda: stack.calls("s1"))
    worker.kill()
    stack.worker()
    zk.wait_until("it is called again", lambda: len(rows.outcomes()) == 2, patience=120)
    first, second = stack.calls("s1")
    assert second - first >= 40 - zk.ARRIVAL_S
    assert rows.find("SELECT failures FROM reconnect")[0][0] == 0
    assert rows.outcomes()[0] == 7  # worker-lost


def test_a_bridge_that_fails_opens_the_breaker_for_all_workers(make_stack):
    stack = make_stack(RECONNECT_RATE="1000", RECONNECT_BURST="1000")
    stack.sim("contract")
    rows = Rows(stack)
    sessions = make_sessions(stack, 60)
    stack.control("POST", "/fault?kind=status&n=500")
    for s in sessions:
        rows.drop(s)
    for _ in range(3):
        stack.worker()
    zk.wait_until("the breaker is open", lambda: rows.find("SELECT breaker FROM bridge")[0][0] == 1)
    time.sleep(6)
    assert 5 <= len(rows.outcomes()) <= 20  # 5 in a row, and what was in flight (16 over all workers)
    assert rows.find("SELECT max(failures) FROM reconnect")[0][0] == 0


def test_zapw_is_restarted_by_the_hook_once(make_stack):
    stack = make_stack()
    mark = os.path.join(stack.dir, "restarted")
    hook = os.path.join(stack.dir, "hook")
    with open(hook, "w") as f:
        f.write(f"#!/bin/sh\necho $1 >> {mark}\n")
    os.chmod(hook, 0o755)
    rows = Rows(stack, "zapw")
    for s in ("s1", "s2", "s3"):
        rows.drop(s)
    for _ in range(2):
        stack.worker(RECONNECT_HOOK=f"exec:{hook}")
    zk.wait_until("the hook has run", lambda: os.path.exists(mark))
    time.sleep(7)
    with open(mark) as f:
        assert f.read() == "main\n"
    assert sorted(rows.phase(s) for s in ("s1", "s2", "s3")) == [DUE, DUE, VERIFYING]


@pytest.mark.parametrize("setting, words", [
    ({"WHATSAPP_API_URL": ""}, "WHATSAPP_API_URL"),
    ({"WHATSAPP_API_URL": "ftp://x"}, "WHATSAPP_API_URL"),
    ({"RECONNECT_BACKOFF": "30s"}, "RECONNECT_BACKOFF"),
    ({"RECONNECT_BACKOFF": "30s..10s"}, "RECONNECT_BACKOFF"),
    ({"RECONNECT_RATE": "0/s"}, "RECONNECT_RATE"),
    ({"RECONNECT_HOOK": "dcoker:zapw"}, "RECONNECT_HOOK"),
    ({"WHATSAPP_BRIDGE_NAME": "a/b"}, "WHATSAPP_BRIDGE_NAME"),
])
def test_a_setting_that_makes_no_sense(stack, setting, words):
    worker = stack.worker(**setting)
    assert worker.popen.wait(zk.PATIENCE) == 2
    lines = worker.text().splitlines()
    assert words in lines[-1]


class KeepAlive(http.server.BaseHTTPRequestHandler):
    """A bridge that keeps connections open, and notes on which connection each call came."""

    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.server.connections += 1
        self.number = self.server.connections

    def do_POST(self):
        self.server.posts.append(self.number)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args):
        pass


def test_each_call_has_a_connection_of_its_own(make_stack):
    """On a kept connection that the bridge has just closed, curl would send the call twice or find the bridge at fault."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), KeepAlive)
    server.connections, server.posts = 0, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stack = make_stack(WHATSAPP_API_URL=f"http://127.0.0.1:{server.server_address[1]}", RECONNECT_RATE="100", RECONNECT_BURST="100")
    rows = Rows(stack)
    stack.worker()
    for n, session in enumerate(("s1", "s2", "s3"), 1):
        rows.drop(session)
        zk.wait_until(f"{session} was called", lambda n=n: len(server.posts) == n)
        zk.wait_until("it is recorded", lambda s=session: rows.phase(s) == VERIFYING)
    assert len(set(server.posts)) == 3, server.posts
    server.shutdown()
    server.server_close()


class Throttled(KeepAlive):
    """Answers the first call with 429 and the time to wait, all others with 422 and a message."""

    def do_POST(self):
        self.server.posts.append((self.path, time.monotonic()))
        first = len(self.server.posts) == 1
        body = b'{"error":"Session is logged out,\\u001b[2J scan the QR code again"}'
        self.send_response(429 if first else 422)
        if first:
            self.send_header("Retry-After", "6")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def test_a_429_is_obeyed_and_counts_against_nobody(make_stack):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Throttled)
    server.connections, server.posts = 0, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stack = make_stack(WHATSAPP_API_URL=f"http://127.0.0.1:{server.server_address[1]}", RECONNECT_RATE="100", RECONNECT_BURST="1",
                       RECONNECT_INTERVAL="1s")
    rows = Rows(stack)
    rows.drop("s1")
    stack.worker()
    zk.wait_until("the 429 is recorded", lambda: rows.find("SELECT 1 FROM attempt WHERE http_status = 429")[:1] == [(1,)])
    assert rows.find("SELECT failures FROM reconnect") == [(0,)]
    rows.drop("s2")
    zk.wait_until("the second call is recorded", lambda: len(rows.find("SELECT 1 FROM attempt WHERE answered_at > 0")) >= 2)
    assert server.posts[1][1] - server.posts[0][1] >= 5.9  # no session is tried before the bridge's time
    first, second = rows.find("SELECT detail FROM attempt ORDER BY token")[:2]
    assert "asked too often (429)" in first[0]
    assert second[0] == "the bridge refused (422): Session is logged out, [2J scan the QR code again", second
    server.shutdown()
    server.server_close()
