"""A stack on PostgreSQL, from the outside: a webhook that is answered is stored once and in order, sessions come back, deliveries
arrive; with the server killed, hanging or gone for a while, and with a second program of each kind."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import secrets_watch
import zk
from forwarding import Backend, post_events
from on_postgres import init, use
from zk import wait_until, webhook

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "postgres"))
from stall import Stall  # noqa: E402

# The server asks for none; in the URI of every program it is all the same.
PASSWORD = secrets_watch.mark("the database's password", "pg-secret-4711-b3c9")
FAST = {"CHECK_INTERVAL": "500ms", "CHECK_SOON": "100ms", "CHECK_INCIDENT": "300ms", "HEALTH_TIMEOUT": "1s",
        "RECONNECT_RATE": "20/s", "FLAP_PENALTY": "0", "INCIDENT_MIN": "100", "BREAKER_FAULTS": "100"}


@pytest.fixture
def stack(server, make_stack, request):
    stack = use(server, make_stack, request, **FAST)
    stack.env["ZAPKEEP_STORE"] = stack.env["ZAPKEEP_STORE"].replace("zapkeep@", f"zapkeep:{PASSWORD}@")
    return init(stack)


class Sender(threading.Thread):
    """Posts webhooks one after the other, as a bridge does, and again until they are taken; remembers each answer."""

    def __init__(self, stack, name, ports=None):
        super().__init__(daemon=True)
        self.stack, self.session, self.ports = stack, name, ports or [stack.ports["ingest"]]
        self.answers, self.taken, self.ends = {}, [], False
        self.slowest = 0

    def post(self, i, body):
        url = f"http://127.0.0.1:{self.ports[i % len(self.ports)]}/api/v1/messages/webhook"
        start = time.monotonic()
        status = zk.http("POST", url, body, {"Content-Type": "application/json", "Authorization": f"Bearer {self.stack.token}"}, timeout=30)[0]
        self.slowest = max(self.slowest, time.monotonic() - start)
        return status

    def run(self):
        n = i = 0
        body = None
        while not self.ends:
            body = body or webhook(self.session, message_id=f"{self.session}-{n}")  # each try has the same bytes
            status = self.post(i, body)
            self.answers[status] = self.answers.get(status, 0) + 1
            if status == 200:
                self.taken.append(f"{self.session}-{n}")
                n += 1
                body = None
            else:
                i += 1
                time.sleep(0.05)

    def end(self):
        self.ends = True
        self.join(40)
        assert not self.is_alive()


def check_stored(stack, senders):
    """Each message that was answered 200 is there once, per session in its order; seq has no gap."""
    events = stack.events()
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
    for s in senders:
        mine = [e["message_id"] for e in events if e["session"] == s.session]
        assert mine[:len(s.taken)] == s.taken and len(mine) <= len(s.taken) + 1


def second_ingest(stack):
    port = zk.free_port()
    p = stack.start("ingest-2", "zapkeep-ingest", ZAPKEEP_INGEST_LISTEN=f"127.0.0.1:{port}")
    wait_until("the second ingest is ready", lambda: zk.http("GET", f"http://127.0.0.1:{port}/ready")[0] == 200, needs=p)
    return port


def test_a_store_is_made_once_and_a_newer_one_is_refused(server, stack):
    again = stack.cli("store", "init", check=True)
    assert "already" in again.stdout
    server.sql("UPDATE zapkeep.version SET version = 99", stack.database)
    for command in (["store", "upgrade"], ["events"], ["sessions"]):
        done = stack.cli(*command)
        assert done.returncode == 3 and "newer zapkeep" in done.stderr, done
    ingest = stack.start("ingest", "zapkeep-ingest")
    assert ingest.popen.wait(zk.PATIENCE) == 3 and "newer zapkeep" in ingest.text()


def test_webhooks_sessions_and_deliveries_end_to_end(server, stack):
    backend = Backend()
    stack.env["BACKEND_URL"] = backend.url
    stack.all("contract", "--sessions", "3", workers=2)
    stack.forward()
    stack.control("POST", "/drop?share=1&code=428")
    wait_until("every session is connected again", lambda: set(stack.state()["sessions"].values()) == {"connected"} and
               len(stack.control("GET", "/calls")) >= 3)
    bodies = [webhook("alpha", message_id=f"M{n}") for n in range(30)]
    for body in [*bodies, bodies[3]]:  # the last is a repeat
        assert stack.post(body)[0] == 200
    events = [e for e in stack.events() if e["session"] == "alpha"]
    assert [e["message_id"] for e in events] == [f"M{n}" for n in range(30)]
    backend.wait(30, lambda d: d.session == "alpha")
    assert [d.message_id for d in backend.all(lambda d: d.session == "alpha")] == [f"M{n}" for n in range(30)]
    for name in ("hub", "ingest", "monitor", "worker-1", "worker-2", "forward"):
        assert stack.processes[name].stop() == 0
    assert not os.path.exists(f"{stack.data}/state.db") and not os.path.exists(f"{stack.data}/events.db")
    backend.close()


def test_two_ingests_lose_and_repeat_nothing_while_the_server_is_killed(server, stack):
    stack.hub()
    stack.ingest()
    ports = [stack.ports["ingest"], second_ingest(stack)]
    senders = [Sender(stack, f"s{i}", ports[i % 2:] + ports[:i % 2]) for i in range(6)]
    for s in senders:
        s.start()

    def more_are_taken(n):
        before = sum(len(s.taken) for s in senders)
        wait_until("webhooks are taken", lambda: sum(len(s.taken) for s in senders) > before + n)

    for _ in range(2):
        more_are_taken(40)
        server.kill()
        wait_until("one is not taken", lambda: any(503 in s.answers or 0 in s.answers for s in senders))
        server.start()
        for s in senders:
            s.answers.clear()
    more_are_taken(20)
    stack.processes["ingest-2"].kill()
    more_are_taken(10)
    for s in senders:
        s.end()
    check_stored(stack, senders)


@pytest.fixture
def stall(server, stack):
    s = Stall(server.top)
    stack.env["ZAPKEEP_STORE"] = s.uri(stack.database)
    yield s
    s.stalled = False
    s.close()


def all_services(stack, backend):
    """{name: port of its admin server}, of a stack in which every program runs."""
    ports = {name: stack.ports[name] for name in ("ingest", "monitor", "forward")} | {name: zk.free_port() for name in ("worker", "console")}
    stack.env["BACKEND_URL"] = backend.url
    stack.hub()
    stack.sim("contract", "--sessions", "2")
    stack.ingest()
    stack.monitor()
    stack.start("worker", "zapkeep-reconnect", "--admin-listen", f"127.0.0.1:{ports['worker']}")
    stack.start("console", "zapkeep-console", "--admin-listen", f"127.0.0.1:{ports['console']}", ZAPKEEP_CONSOLE_LISTEN=f"127.0.0.1:{zk.free_port()}")
    stack.forward()
    for name, port in ports.items():
        wait_until(f"{name} is ready", lambda: zk.http("GET", f"http://127.0.0.1:{port}/ready")[0] == 200)  # noqa: B023
    return ports


def ask_all(ports, path):
    """{name: status}, and the longest wait."""
    statuses, slowest = {}, 0
    for name, port in ports.items():
        start = time.monotonic()
        statuses[name] = zk.http("GET", f"http://127.0.0.1:{port}{path}", timeout=30)[0]
        slowest = max(slowest, time.monotonic() - start)
    return statuses, slowest


def post_timed(stack, body):
    """(status, headers, seconds)"""
    start = time.monotonic()
    status, headers, _ = zk.http("POST", f"http://127.0.0.1:{stack.ports['ingest']}/api/v1/messages/webhook", body,
                                 {"Content-Type": "application/json", "Authorization": f"Bearer {stack.token}"}, timeout=60)
    return status, headers, time.monotonic() - start


def test_a_database_that_stops_answering_leaves_every_service_responsive(server, stack, stall):
    backend = Backend(answer=lambda d: (time.sleep(0.2), 200)[1])
    stack.env.update(RECONNECT_INTERVAL="1s", RECONNECT_BACKOFF_MIN="1s", RECONNECT_BACKOFF_MAX="1s", ZAPKEEP_ROLE_LEASE="2s")
    ports = all_services(stack, backend)
    assert stack.post(webhook(message_id="before"))[0] == 200
    sender = Sender(stack, "s")
    sender.start()
    wait_until("webhooks are taken", lambda: len(sender.taken) > 5)
    stack.control("POST", "/fault?kind=status&n=500&route=/sessions/*/reconnect")
    stack.control("POST", "/drop?share=1&code=428")
    wait_until("the worker has tried both sessions in vain, and is to try again", lambda: len(stack.control("GET", "/calls")) >= 2)
    stall.stalled = True
    with ThreadPoolExecutor() as beside:
        asked = [beside.submit(post_timed, stack, webhook(message_id="meanwhile")), beside.submit(stack.cli, "sessions")]
        wait_until("a commit hangs", lambda: ask_all({"ingest": ports["ingest"]}, "/ready")[0]["ingest"] == 503)
        asked.append(beside.submit(post_timed, stack, webhook(message_id="behind")))
        waits, not_ready, calls = [], set(), []

        def all_answer():
            for path in ("/health", "/metrics"):
                statuses, waited = ask_all(ports, path)
                assert set(statuses.values()) == {200}, (path, statuses)
                waits.append(waited)
            not_ready.update(name for name, status in ask_all(ports, "/ready")[0].items() if status != 200)
            if "worker" in not_ready:  # attempts are due, and it cannot record them
                calls.append(len(stack.control("GET", "/calls")))
            return all(f.done() for f in asked) and not_ready == set(ports)

        wait_until("both have ended and no service is ready", all_answer)
    (status, headers, held), done, behind = (f.result() for f in asked)
    assert status == 503 and "Retry-After" in headers
    assert max(waits) < held / 3, (max(waits), held)  # none waits for the store
    assert done.returncode == 3 and "does not answer" in done.stderr, done
    assert calls[-1] == calls[0]  # nothing is started that could not be recorded

    stall.stalled = False
    stack.control("POST", "/fault?kind=none")
    wait_until("all are ready again", lambda: set(ask_all(ports, "/ready")[0].values()) == {200})
    assert stack.post(webhook(message_id="meanwhile"))[0] == 200
    wait_until("the sessions are connected again", lambda: set(stack.state()["sessions"].values()) == {"connected"})
    before = len(sender.taken)
    wait_until("the sender's are taken again", lambda: len(sender.taken) > before + 5)
    sender.end()
    commit = max(held, sender.slowest)  # 5 s for the commit, and 6 s to find out what came of it
    assert behind[0] == 503 and "Retry-After" in behind[1] and behind[2] < 2 * commit / 3, (behind, commit)  # it did not wait for that
    check_stored(stack, [sender])
    wait_until("both are delivered", lambda: {"before", "meanwhile"} <= {d.message_id for d in backend.taken(lambda d: d.type == "message.received")})

    stall.stalled = True
    stalled = time.monotonic()
    wait_until("no service is ready", lambda: set(ask_all({n: p for n, p in ports.items() if n != "ingest"}, "/ready")[0].values()) == {503})
    idle = time.monotonic() - stalled  # nothing is due, and a worker's next sweep is 16 to 20 s away
    assert idle < commit, (idle, commit)
    for name in ports:
        stack.processes[name].popen.send_signal(signal.SIGTERM)
    stopping = time.monotonic()
    codes = {name: stack.processes[name].popen.wait(30) for name in ports}
    stopped = time.monotonic() - stopping  # a call of each is under way, and several would follow
    assert set(codes.values()) == {0} and stopped < 3 * commit / 4, (codes, stopped, commit)
    backend.close()


def test_several_hosts_without_ports_are_tried_one_after_the_other(server, stack):
    hosts = ",".join(h.replace("/", "%2F") for h in ("/nowhere", server.top))
    uri = stack.env["ZAPKEEP_STORE"].split("@/")[1].split("?")[0]
    done = stack.cli("store", "status", ZAPKEEP_STORE=f"postgresql://zapkeep@{hosts}/{uri}?target_session_attrs=read-write")
    assert "schema" in done.stdout, done


def destinations_of(server, stack):
    """{holder: the destinations that it delivers to}, by the leases that are alive."""
    rows = server.sql("SELECT holder, name FROM zapkeep.role WHERE name LIKE 'forward.%' AND until > clock_timestamp()", stack.database)
    by = {}
    for holder, name in (line.split("|") for line in rows.splitlines()):
        by.setdefault(holder, set()).add(name.removeprefix("forward."))
    return by


def is_shared_out(holders):
    """Two programs share four roles and the one that counts with them, "": three and two."""
    return sorted(map(len, holders.values())) in ([2, 2], [1, 3])


def check_delivered(backend, names, n):
    """Each destination has taken each message; of a session in its order."""
    for name in names:
        mine = backend.taken(lambda d: d.path == f"/{name}")  # noqa: B023
        for session in ("s0", "s1", "s2"):
            ids = [d.message_id for d in mine if d.session == session]
            first = sorted(set(ids), key=ids.index)
            assert first == [f"M{i}" for i in range(n) if f"s{i % 3}" == session], (name, session)


def test_forwarders_share_the_destinations_and_take_over_from_each_other(server, stack):
    backend = Backend(answer=lambda d: (time.sleep(0.02), 200)[1])
    names = ["d1", "d2", "d3", "d4"]
    stack.env["FORWARD_CONFIG"] = stack.file("forward.conf", "".join(f"[destination {n}]\nurl = {backend.url}/{n}\nallow_private = yes\n" for n in names))
    stack.env["ZAPKEEP_ROLE_LEASE"] = "2s"
    stack.env["FORWARD_FROM"] = "beginning"
    stack.ingest()
    first = stack.forward()
    second = stack.start("forward-2", "zapkeep-forward", "--admin-listen", "off")
    wait_until("each has its part", lambda: is_shared_out(destinations_of(server, stack)))
    sent = len(post_events(stack, 30, ("s0", "s1", "s2")))
    backend.wait(4 * 30)
    if "role-lost" not in first.text() + second.text():  # a machine that stands still for a second ends a lease
        assert len(backend.taken()) == 4 * 30  # handing over has repeated nothing
    done = stack.cli("forward", "pause", "d1", check=True), stack.cli("forward", "pause", "d4", check=True)
    assert all("is paused" in d.stdout for d in done)  # each by the one that delivers to it
    for name in ("d1", "d4"):
        stack.cli("forward", "resume", name, check=True)

    post_events(stack, 30, ("s0", "s1", "s2"), prefix="K")
    second.kill()
    seen = len(backend.all())
    backend.wait(8 * 30)
    assert len(backend.taken()) <= 8 * 30 + seen  # what was in flight came again, and no more than that
    wait_until("the first has all", lambda: list(map(len, destinations_of(server, stack).values())) == [4])

    third = stack.start("forward-3", "zapkeep-forward", "--admin-listen", "off")
    wait_until("the third has its part", lambda: is_shared_out(destinations_of(server, stack)))
    os.kill(first.pid, signal.SIGSTOP)
    wait_until("the third has all", lambda: list(map(len, destinations_of(server, stack).values())) == [4])
    fences = server.sql("SELECT name, fence FROM zapkeep.role WHERE name LIKE 'forward.%' ORDER BY 1", stack.database)
    os.kill(first.pid, signal.SIGCONT)
    wait_until("the first sees that it lost them", lambda: "role-lost" in first.text())
    post_events(stack, 3, ("s0", "s1", "s2"), prefix="P")
    for name in names:
        backend.wait(63, lambda d: d.path == f"/{name}")  # noqa: B023
    assert fences.count("\n") == 3 and third.running()
    assert sent == 30
    backend.close()


def test_a_password_is_in_no_log(server, stack):
    uri = stack.env["ZAPKEEP_STORE"]
    monitor = stack.monitor(ZAPKEEP_STORE=uri.replace("host=/", "host=/nowhere/"))
    wait_until("it says so", lambda: "store-down" in monitor.text())
    done = stack.cli("store", "status", ZAPKEEP_STORE=uri.replace("host=/", "host=/nowhere/"))
    assert done.returncode == 3 and "does not answer" in done.stderr
    assert PASSWORD not in done.stdout + done.stderr + monitor.text()


@pytest.mark.parametrize("suite", ["reconnects", "commit", "sink_queue", "orphaned_alerts", "alerts", "console_rows", "events", "forward_store", "postgres_store",
                                   "postgres_shared", "postgres_stores", "postgres_strange", "postgres_promises"])
def test_the_unit_tests_of_the_store_hold_for_both_engines(server, request, suite):
    uri = server.create_for(request.node.name)[1]
    top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    binary = os.path.join(os.path.dirname(zk.BIN.rstrip("/")), "tests", f"test_{suite}")
    done = subprocess.run([binary], cwd=top, env={**os.environ, "ZK_TEST_POSTGRES": uri}, capture_output=True,
                          text=True, timeout=600)  # of a run that hangs
    assert done.returncode == 0 and "SKIPPED" not in done.stdout + done.stderr, done.stdout + done.stderr
