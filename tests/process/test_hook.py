"""The released zapw cannot be reconnected over HTTP: the bridge is restarted, by hook, rarely, and not when it serves."""

import http.server
import os
import re
import socketserver
import stat
import threading
import time

import pytest

import zk

# Short enough for a test, long enough to be told from "at once".
SPACING = 8


def program(stack, name, text):
    path = os.path.join(stack.dir, name)
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, stat.S_IRWXU)
    return path


def restart_url(stack):
    return f"http://127.0.0.1:{stack.ports['control']}/restart"


def restarter(stack, name="restart"):
    """A program that restarts the simulated bridge and notes how it was called."""
    return program(stack, name, f"""#!/usr/bin/python3
import sys, urllib.request
open({os.path.join(stack.dir, 'called')!r}, "a").write(" ".join(sys.argv[1:]) + "\\n")
urllib.request.urlopen(urllib.request.Request({restart_url(stack)!r}, method="POST")).read()
""")


def called(stack):
    path = os.path.join(stack.dir, "called")
    return open(path).read().splitlines() if os.path.exists(path) else []


def all_connected(stack):
    return set(stack.state()["sessions"].values()) == {"connected"}


def start(stack, sessions, **env):
    stack.all("zapw", "--sessions", str(sessions), RECONNECT_HOOK_INTERVAL=f"{SPACING}s", **env)
    for session in stack.state()["sessions"]:
        stack.wait_session(session, "connected")


def step(stack, session, seconds=63):
    """As if this session had been due for so long: a minute is how long one without any method stays unparked."""
    due = 1
    changed = stack.sql("state", f"UPDATE reconnect SET due_at = due_at - {seconds * 1000}"
                                 f" WHERE session = '{session}' AND phase = {due} RETURNING 1")
    assert len(changed) == 1


def drop_all(stack):
    for session in stack.state()["sessions"]:
        stack.control("POST", f"/drop?session={session}&code=428")


def test_one_restart_for_all_and_the_next_one_later(stack):
    start(stack, 3, RECONNECT_HOOK=f"exec:{restarter(stack)}")
    drop_all(stack)
    zk.wait_until("the bridge was restarted", lambda: stack.calls(""))
    zk.wait_until("all are back", lambda: all_connected(stack))
    assert called(stack) == ["main"]
    for session in stack.state()["sessions"]:
        stack.wait_session(session, "connected")
    drop_all(stack)
    time.sleep(1)
    stack.processes["worker-1"].kill()  # the spacing outlives the worker
    stack.worker(RECONNECT_HOOK=f"exec:{restarter(stack)}", RECONNECT_HOOK_INTERVAL=f"{SPACING}s")
    zk.wait_until("it was restarted again", lambda: len(stack.calls("")) == 2)
    first, second = stack.calls("")
    assert second - first >= SPACING - 0.5
    zk.wait_until("all are back again", lambda: all_connected(stack))


def test_many_workers_are_one(stack):
    start(stack, 2, workers=3, RECONNECT_HOOK=f"exec:{restarter(stack)}")
    drop_all(stack)
    zk.wait_until("the bridge was restarted", lambda: stack.calls(""))
    zk.wait_until("all are back", lambda: all_connected(stack))
    time.sleep(2)
    assert len(stack.calls("")) == 1


def test_a_bridge_that_serves_is_left_alone(stack):
    start(stack, 4, RECONNECT_HOOK=f"exec:{restarter(stack)}")
    stack.control("POST", "/drop?session=demo-1&code=428")
    stack.wait_session("demo-1", "disconnected")
    time.sleep(6)  # long enough for a worker's sweep
    assert stack.calls("") == []
    drop_all(stack)
    zk.wait_until("the bridge was restarted", lambda: stack.calls(""))
    zk.wait_until("all are back", lambda: all_connected(stack))


def reason(stack):
    """Why nothing can be attempted, as the worker wrote it; "": nothing stands in the way."""
    return stack.cli_json("status")[0]["no_reconnect_method"]


def log_out(stack, *sessions):
    for session in sessions:
        stack.control("POST", f"/drop?session={session}&code=401")


def test_a_session_waits_for_the_guard_and_says_so(stack):
    """Not parked: it comes back by itself as soon as the others no longer stand in the way."""
    start(stack, 10, RECONNECT_HOOK=f"exec:{restarter(stack)}")
    stack.control("POST", "/drop?session=demo-1&code=428")
    stack.wait_session("demo-1", "disconnected")
    zk.wait_until("the worker waits", lambda: reason(stack).startswith("90 %"))
    shown = stack.cli_json("session", "show", "demo-1")[0]["next"]
    assert shown["action"] != "park" and shown["why_not_sooner"] == "hook-guard", shown
    assert "RECONNECT_HOOK_MAX_CONNECTED" in shown["detail"] and "RECONNECT_HOOK_MAX_CONNECTED" in stack.cli("status").stdout
    step(stack, "demo-1")
    for session in "demo-2", "demo-3":  # two sweeps of the worker: the first has ended when the second writes
        before = reason(stack)
        log_out(stack, session)
        zk.wait_until("the worker wrote the share that is connected now", lambda: reason(stack) != before)
    assert not stack.session("demo-1")["parked"] and stack.calls("") == []
    log_out(stack, *(f"demo-{n}" for n in range(4, 11)))
    zk.wait_until("the bridge was restarted for it", lambda: stack.calls(""))
    stack.wait_session("demo-1", "connected")


def test_a_session_parked_without_a_hook_waits_for_the_guard_with_one(stack):
    stack.all("zapw", "--sessions", "4", RECONNECT_HOOK_INTERVAL=f"{SPACING}s")
    for session in stack.state()["sessions"]:
        stack.wait_session(session, "connected")
    stack.control("POST", "/drop?session=demo-1&code=428")
    stack.wait_session("demo-1", "disconnected")
    step(stack, "demo-1")
    zk.wait_until("it is parked", lambda: stack.session("demo-1")["parked"])
    stack.processes["worker-1"].stop()
    stack.worker(RECONNECT_HOOK=f"exec:{restarter(stack)}", RECONNECT_HOOK_INTERVAL=f"{SPACING}s")
    zk.wait_until("it waits, and is not parked", lambda: not stack.session("demo-1")["parked"])
    log_out(stack, "demo-2", "demo-3", "demo-4")
    zk.wait_until("the bridge was restarted for it", lambda: stack.calls(""))
    stack.wait_session("demo-1", "connected")


def test_after_a_restart_an_attempt_has_a_minute(stack):
    """A bridge loads for a while before its sessions log in: 20 s, the time after a call, would be too short."""
    start(stack, 1, RECONNECT_INTERVAL="300s", RECONNECT_HOOK=f"exec:{program(stack, 'nothing', '#!/bin/sh' + chr(10))}")
    drop_all(stack)

    def watched():
        rows = stack.sql("state", "SELECT phase, called_at, verify_until FROM reconnect WHERE session = 'demo-1'")
        return rows[0] if rows and rows[0][0] == 3 else None

    phase, called_at, verify_until = zk.wait_until("the attempt is watched", watched)
    assert verify_until - called_at >= 59_000


def test_a_share_of_its_own_can_be_set(stack):
    start(stack, 4, RECONNECT_HOOK=f"exec:{restarter(stack)}", RECONNECT_HOOK_MAX_CONNECTED="80")
    stack.control("POST", "/drop?session=demo-1&code=428")
    zk.wait_until("the bridge was restarted", lambda: stack.calls(""))


class Engine(http.server.BaseHTTPRequestHandler):
    """As much of the Docker Engine as a restart takes."""

    def do_POST(self):
        self.server.asked.append(self.path)
        if self.path.startswith("/containers/zapw/restart?t="):
            zk.http("POST", self.server.restart_url)
            self.send_response(204)
            self.end_headers()
            return
        body = b'{"message":"No such container: other"}'
        self.send_response(404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "docker"

    def log_message(self, *args):
        pass


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class TcpServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True


@pytest.fixture(params=["unix", "tcp"])
def engine(request, stack):
    path = os.path.join(stack.dir, "docker.sock")
    server = UnixServer(path, Engine) if request.param == "unix" else TcpServer(("127.0.0.1", 0), Engine)
    server.asked, server.restart_url = [], restart_url(stack)
    server.host = f"unix://{path}" if request.param == "unix" else "tcp://%s:%d" % server.server_address
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_without_any_way_it_says_what_will_happen(stack):
    """No reconnect call and no hook: not "due now" for a minute, but parked at its end, and why."""
    stack.all("zapw", "--sessions", "1")
    stack.wait_session("demo-1", "connected")
    drop_all(stack)
    stack.wait_session("demo-1", "disconnected")
    zk.wait_until("the worker has said that there is no way", lambda: reason(stack))
    row = stack.cli_json("session", "show", "demo-1")[0]
    assert row["next"]["action"] == "park" and 55_000 < row["next"]["at"] - row["since"] < 65_000
    text = stack.cli("session", "show", "demo-1", check=True).stdout
    assert re.search(r"^next +it is parked at about .* \(in \d+s\), unless .*RECONNECT_HOOK", text, re.M), text
    refused = stack.cli("session", "reconnect", "demo-1")
    assert refused.returncode == 1 and "RECONNECT_HOOK" in refused.stderr and refused.stderr.count("\n") == 1
    assert "RECONNECT_HOOK" in stack.cli("status").stdout
    step(stack, "demo-1")
    zk.wait_until("it is parked", lambda: stack.session("demo-1")["parked"])
    assert "RECONNECT_HOOK" in stack.cli_json("session", "show", "demo-1")[0]["next"]["park_reason"]
    stack.processes["worker-1"].stop()
    stack.worker(RECONNECT_HOOK=f"exec:{restarter(stack)}")
    zk.wait_until("with a hook it comes back", lambda: all_connected(stack))
    assert "cannot reconnect" not in stack.cli_json("status")[0]["no_reconnect_method"]


def test_docker_restarts_the_container(stack, engine):
    start(stack, 2, RECONNECT_HOOK="docker:zapw", DOCKER_HOST=engine.host)
    drop_all(stack)
    zk.wait_until("all are back", lambda: stack.calls("") and all_connected(stack))
    assert engine.asked == ["/containers/zapw/restart?t=10"]


def test_a_container_that_is_not_there_is_told(stack, engine):
    start(stack, 1, RECONNECT_HOOK="docker:other", DOCKER_HOST=engine.host)
    drop_all(stack)
    log = stack.processes["worker-1"]
    zk.wait_until("the worker says so", lambda: "No such container: other" in log.text())


def test_systemd_restarts_the_unit(stack):
    restart = restarter(stack)
    folder = os.path.join(stack.dir, "bin")
    os.mkdir(folder)
    os.rename(restart, os.path.join(folder, "systemctl"))
    start(stack, 1, RECONNECT_HOOK="systemd:zapw.service", PATH=f"{folder}:{os.environ['PATH']}")
    drop_all(stack)
    zk.wait_until("all are back", lambda: stack.calls("") and all_connected(stack))
    assert called(stack) == ["restart --no-block zapw.service"]


@pytest.mark.parametrize("hook", ["zapw", "docker:a/b", "systemd:--user", "exec:relative"])
def test_a_hook_that_makes_no_sense_stops_the_worker(stack, hook):
    worker = stack.worker(RECONNECT_HOOK=hook)
    assert worker.popen.wait(zk.PATIENCE) == 2
    assert "RECONNECT_HOOK" in worker.text() and worker.text().count("\n") == 1


def test_a_restart_that_is_under_way_does_not_hold_up_the_stop(stack):
    """SIGTERM while the program runs: it is left to run on, and the attempt is recorded as sent."""
    marker = os.path.join(stack.dir, "begun")
    slow = program(stack, "slow", f"#!/bin/sh\ntouch {marker}\nexec sleep 20\n")
    start(stack, 1, RECONNECT_HOOK=f"exec:{slow}")
    drop_all(stack)
    zk.wait_until("the restart is under way", lambda: os.path.exists(marker))
    worker = stack.processes["worker-1"]
    assert worker.stop() == 0
    assert "stop-late" not in worker.text() and "loop-busy" not in worker.text()
    assert "outcome=called" in worker.text()
