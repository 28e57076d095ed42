"""Alerts to the outside: Alertmanager's webhook shape, ntfy, heartbeats; and the effect of a failing sink
not do."""

import http.server
import json
import threading
import time

import zk
from full_disk import full_disk  # noqa: F401
from test_monitor import FAST, metrics, sessions, states, status, wait_settled


class Sink:
    """An HTTP server that remembers each request; answers with `code`, or not at all while `hang` is set."""

    def __init__(self):
        self.seen, self.code, self.hang = [], 200, False
        self.headers, self.at, self.begun = {}, [], 0
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                sink.begun += 1
                while sink.hang:
                    time.sleep(0.05)
                sink.seen.append((self.path, dict(self.headers), body.decode(), sink.code))
                sink.at.append(time.monotonic())
                self.send_response(sink.code)
                for name, value in sink.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST = answer

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def alerts(self):
        """(name, session, status) of everything taken at /alerts, in order."""
        out = []
        for path, _, body, code in list(self.seen):
            if path == "/alerts" and code == 200:
                a = json.loads(body)["alerts"][0]
                out.append((a["labels"]["alertname"], a["labels"].get("session", ""), a["status"]))
        return out

    def close(self):
        self.hang = False
        self.server.shutdown()
        self.server.server_close()


def stack_with_sink(make_stack, sink, **env):
    return make_stack(**{**FAST, "ALERT_URL": sink.url + "/alerts", "ALERT_NTFY_URL": sink.url + "/topic",
                         "HEARTBEAT_URL": sink.url + "/beat", "HEARTBEAT_INTERVAL": "1s", **env})


def test_a_full_disk_is_no_flood_of_alerts(stack, full_disk):
    """A delivery cannot be noted: it comes again, as slowly as one that was not taken."""
    sink = Sink()
    stack.env.update(FAST, ALERT_URL=sink.url + "/alerts")
    stack.sim("contract", "--sessions", "2", "--list")
    stack.monitor(**full_disk.env)
    wait_settled(stack, 2)
    sink.hang = True
    stack.control("POST", "/drop?session=demo-1")
    stack.control("POST", "/drop?session=demo-1&code=401")
    zk.wait_until("it is recorded", lambda: states(stack)["demo-1"] != "connected")
    stack.cli("session", "park", "demo-1", check=True)
    zk.wait_until("an alert is on its way", lambda: sink.begun)
    full_disk("row")
    sink.hang = False
    zk.wait_until("it is taken", sink.alerts)
    time.sleep(2)
    assert len(sink.alerts()) <= 3
    full_disk(None)
    zk.wait_until("all is quiet in the end", lambda: is_quiet(sink))
    sink.close()


def is_quiet(sink):
    n = len(sink.alerts())
    time.sleep(3)
    return len(sink.alerts()) == n


def test_alerts_go_out_on_change(make_stack):
    sink = Sink()
    s = stack_with_sink(make_stack, sink)
    s.all("contract", "--sessions", "4", workers=0)
    wait_settled(s, 4)
    s.control("POST", "/drop?session=demo-1&code=401")
    zk.wait_until("the alert arrives", lambda: sink.alerts() == [("session-logged-out", "demo-1", "firing")])
    time.sleep(2)  # sweeps that find it still logged out
    assert sink.alerts() == [("session-logged-out", "demo-1", "firing")]
    s.control("POST", "/pair?session=demo-1")
    zk.wait_until("its end arrives", lambda: len(sink.alerts()) == 2)
    assert sink.alerts()[1] == ("session-logged-out", "demo-1", "resolved")

    body = next(json.loads(b) for p, _, b, _ in sink.seen if p == "/alerts")
    assert body["version"] == "4" and body["status"] == "firing" and body["receiver"] == "zapkeep"
    assert body["groupKey"] and body["truncatedAlerts"] == 0 and body["commonLabels"]["bridge"] == "main"
    alert = body["alerts"][0]
    assert set(alert) == {"status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint"}
    assert "demo-1" in alert["annotations"]["summary"]

    ntfy = [(h, b) for p, h, b, _ in sink.seen if p == "/topic"]
    zk.wait_until("ntfy has both", lambda: len([1 for p, _, _, _ in sink.seen if p == "/topic"]) == 2)
    assert ntfy[0][0]["Title"] == "session-logged-out firing" and "demo-1" in ntfy[0][1]
    sink.close()


def test_the_alerts_of_a_session(make_stack):
    """Each in its words, one at a time: scan, banned, parked, lost."""
    sink = Sink()
    s = stack_with_sink(make_stack, sink, DOWN_ALERT_AFTER="3s")
    s.all("contract", "--sessions", "3", workers=0)
    wait_settled(s, 3)
    s.control("POST", "/sessions?n=1&prefix=new-&connected=0")
    s.control("POST", "/drop?session=demo-2&code=428")
    zk.wait_until("it is down", lambda: states(s)["demo-2"] == "disconnected")
    s.control("POST", "/drop?session=demo-1&code=403")
    s.cli("session", "park", "demo-2", check=True)
    s.control("POST", "/lose?n=5")
    zk.http("DELETE", f"http://127.0.0.1:{s.ports['api']}/sessions/demo-3",
            headers={"Authorization": f"Bearer {s.key}"})
    want = {("session-needs-qr", "new-1", "firing"), ("session-banned", "demo-1", "firing"),
            ("session-parked", "demo-2", "firing"), ("session-lost", "demo-3", "firing")}
    zk.wait_until("all four arrive", lambda: set(sink.alerts()) == want)
    assert {(a["alert"], a["session"], "firing") for a in status(s)["alerts"]} == want
    zk.wait_until("they are counted", lambda: metrics(s)['zapkeep_alerts{bridge="main"}'] == 4)
    s.cli("session", "unpark", "demo-2", check=True)
    zk.wait_until("that is over", lambda: ("session-parked", "demo-2", "resolved") in sink.alerts())
    sink.close()


def test_outdated_is_told_once_for_the_bridge(make_stack):
    sink = Sink()
    s = stack_with_sink(make_stack, sink)
    s.all("contract", "--sessions", "20", workers=0)
    wait_settled(s, 20)
    for n in range(1, 5):
        s.control("POST", f"/drop?session=demo-{n}&code=405")
    zk.wait_until("they are failed", lambda: [states(s)[f"demo-{n}"] for n in range(1, 5)] == ["failed"] * 4)
    zk.wait_until("the alert arrives", lambda: sink.alerts() == [("bridge-client-outdated", "", "firing")])
    time.sleep(1)
    assert len(sink.alerts()) == 1
    assert sum(row["parked"] for row in sessions(s).values()) == 4
    sink.close()


def test_a_failing_sink_holds_up_nothing(make_stack):
    """It hangs, then it refuses; the monitor goes on, and nothing is lost or sent out of order."""
    sink = Sink()
    s = stack_with_sink(make_stack, sink)
    s.all("contract", "--sessions", "6", workers=0)
    wait_settled(s, 6)
    sink.hang = True
    s.control("POST", "/drop?session=demo-1&code=401")
    zk.wait_until("recorded", lambda: states(s)["demo-1"] == "logged_out")
    good = metrics(s)['zapkeep_sweeps_total{bridge="main",end="good"}']
    zk.wait_until("sweeps go on", lambda: metrics(s)['zapkeep_sweeps_total{bridge="main",end="good"}'] >= good + 5)
    sink.code = 503
    sink.hang = False
    s.control("POST", "/drop?session=demo-2&code=403")
    zk.wait_until("the sink is asked again", lambda: len([1 for p, _, _, c in sink.seen if p == "/alerts"]) >= 2)
    s.processes["monitor"].kill()  # the outbox is on disk
    sink.code = 200
    s.monitor()
    zk.wait_until("all is delivered", lambda: len(sink.alerts()) == 2)
    assert sink.alerts() == [("session-logged-out", "demo-1", "firing"), ("session-banned", "demo-2", "firing")]
    sink.close()


def test_a_sink_that_fails_is_asked_less_and_less_often(make_stack):
    sink = Sink()
    s = stack_with_sink(make_stack, sink)
    s.all("contract", "--sessions", "3", workers=0)
    wait_settled(s, 3)
    sink.code = 503
    s.control("POST", "/drop?session=demo-1&code=401")

    def asked():
        return [at for at, (path, _, _, _) in zip(list(sink.at), list(sink.seen)) if path == "/alerts"]

    times = zk.wait_until("it was asked four times", lambda: asked()[3:] and asked())
    gaps = [b - a for a, b in zip(times, times[1:4])]
    assert gaps[-1] > 2 * gaps[0], gaps
    sink.close()


def test_a_dead_sink_is_waited_for(make_stack):
    sink = Sink()
    sink.close()
    s = stack_with_sink(make_stack, sink)
    s.all("contract", "--sessions", "3", workers=0)
    wait_settled(s, 3)
    s.control("POST", "/drop?session=demo-1&code=401")
    zk.wait_until("it was tried", lambda: metrics(s)['zapkeep_alert_failures_total{sink="ntfy"}'] >= 1)
    assert states(s)["demo-1"] == "logged_out"
    assert s.processes["monitor"].running()


def test_heartbeats_follow_full_sweeps(make_stack):
    sink = Sink()
    s = stack_with_sink(make_stack, sink)
    s.all("zapw", "--sessions", "2", workers=0)

    def beats():
        return len([1 for p, _, _, _ in sink.seen if p == "/beat"])

    zk.wait_until("it beats", lambda: beats() >= 3)
    s.control("POST", "/fault?kind=status&n=500&route=/sessions")
    zk.wait_until("sweeps fail", lambda: metrics(s)['zapkeep_sweeps_total{bridge="main",end="fault"}'] >= 1)
    n = beats()
    bad = metrics(s)['zapkeep_sweeps_total{bridge="main",end="fault"}']
    zk.wait_until("more fail", lambda: metrics(s)['zapkeep_sweeps_total{bridge="main",end="fault"}'] >= bad + 8)
    assert beats() <= n + 1
    s.control("POST", "/fault?kind=none")
    zk.wait_until("it beats again", lambda: beats() >= n + 3)
    sink.close()


def test_flapping_is_told_and_left_alone(make_stack):
    """Drops in a row (four, where the machine is no slower than its penalty fades): an alert, and no attempt until it has calmed down."""
    sink = Sink()
    s = stack_with_sink(make_stack, sink, RECONNECT_INTERVAL="1s", FLAP_HALF_LIFE="5s")
    s.all("contract", "--sessions", "2", "--reconnect-delay", "50ms", workers=1)
    wait_settled(s, 2)
    flaps = lambda: ("session-flapping", "demo-1", "firing") in sink.alerts()
    n = 0
    while not flaps():
        n += 1
        assert n < 12
        s.control("POST", "/drop?session=demo-1&code=428")
        zk.wait_until("it is back, or left alone", lambda: flaps() or len(drops(s)) >= n and states(s)["demo-1"] == "connected")
    assert n >= 3
    show = s.cli_json("session", "show", "demo-1")[0]
    assert show["suppressed_until"] > time.time() * 1000
    assert show["state"] == "disconnected" and show["next"]["why_not_sooner"] == "flapping"
    assert show["next"]["action"] == "attempt" and abs(show["next"]["at"] - show["suppressed_until"]) < 2000
    zk.wait_until("it calms down", lambda: ("session-flapping", "demo-1", "resolved") in sink.alerts())
    zk.wait_until("and is back", lambda: states(s)["demo-1"] == "connected")
    assert s.calls("demo-2") == []
    sink.close()


def drops(stack):
    return [c for c in stack.cli_json("session", "show", "demo-1")[0]["changes"] if c["from"] == "connected"]


def test_a_silent_session_is_told(make_stack):
    """A week of 17 s: it receives something all the time, and then nothing while it stays connected."""
    sink = Sink()
    s = stack_with_sink(make_stack, sink, SILENT_PERIOD="16800ms", CHECK_INTERVAL="200ms")
    s.all("contract", "--sessions", "1", "--rate", "100/s", workers=0)
    wait_settled(s, 1)
    time.sleep(20)  # more than a week
    assert sink.alerts() == []
    s.control("POST", "/traffic?rate=0/s")
    zk.wait_until("the alert arrives", lambda: ("session-silent", "demo-1", "firing") in sink.alerts())
    assert sessions(s)["demo-1"]["silent"] and states(s)["demo-1"] == "connected"
    assert s.calls("demo-1") == []  # acting on it is off
    s.control("POST", "/traffic?rate=100/s")
    zk.wait_until("it receives again", lambda: ("session-silent", "demo-1", "resolved") in sink.alerts())
    assert not sessions(s)["demo-1"]["silent"]
    sink.close()


def test_a_silent_session_is_reconnected_once_where_that_is_wanted(make_stack):
    sink = Sink()
    s = stack_with_sink(make_stack, sink, SILENT_PERIOD="16800ms", CHECK_INTERVAL="200ms", SILENT_RECONNECT="on")
    s.all("contract", "--sessions", "1", "--rate", "100/s", workers=1)
    wait_settled(s, 1)
    time.sleep(20)
    s.control("POST", "/traffic?rate=0/s")
    zk.wait_until("it is reconnected", lambda: len(s.calls("demo-1")) == 1)
    zk.wait_until("it is back", lambda: states(s)["demo-1"] == "connected")
    time.sleep(5)
    assert len(s.calls("demo-1")) == 1
    sink.close()


def test_a_sink_says_when_to_try_again(make_stack):
    """429 with Retry-After is obeyed up to an hour; a longer one is a mistake, and the usual pace is kept."""
    sink = Sink()
    sink.code, sink.headers = 429, {"Retry-After": "6"}
    s = make_stack(**{**FAST, "ALERT_URL": sink.url + "/alerts"})
    s.all("contract", "--sessions", "1", workers=0)
    wait_settled(s, 1)
    s.control("POST", "/drop?session=demo-1&code=401")
    zk.wait_until("it is asked", lambda: len(sink.at) == 1)
    sink.headers = {"Retry-After": "3601"}
    zk.wait_until("it is asked again", lambda: len(sink.at) == 3)
    assert sink.at[1] - sink.at[0] >= 5.5
    assert sink.at[2] - sink.at[1] < sink.at[1] - sink.at[0]
    sink.code = 200
    zk.wait_until("it is delivered", lambda: len(sink.alerts()) == 1)
    sink.close()


def test_a_commit_that_fails_raises_nothing(stack, full_disk):
    """The bridge goes down while the state refuses the commit itself: afterwards the alert is there, and was sent once."""
    sink = Sink()
    stack.env.update(FAST, ALERT_URL=sink.url + "/alerts")
    stack.sim("contract", "--sessions", "2", "--list")
    stack.monitor(**full_disk.env)
    wait_settled(stack, 2)
    full_disk("commit")
    stack.control("POST", "/refuse")
    zk.wait_until("a write has failed", lambda: "state-write-failed" in stack.processes["monitor"].text())
    time.sleep(1)
    assert sink.alerts() == [] and "alert=bridge-down" not in stack.processes["monitor"].text()
    full_disk(None)
    zk.wait_until("it is raised", lambda: [a["alert"] for a in status(stack)["alerts"]] == ["bridge-down"])
    zk.wait_until("and sent", lambda: sink.alerts() == [("bridge-down", "", "firing")])
    assert stack.processes["monitor"].text().count("alert=bridge-down") == 1
    sink.close()


def test_a_restart_keeps_a_flap_damping(make_stack):
    sink = Sink()
    s = stack_with_sink(make_stack, sink, FLAP_SUPPRESS="2000", FLAP_HALF_LIFE="10m")
    s.all("contract", "--sessions", "3", workers=0)
    wait_settled(s, 3)
    for _ in range(3):
        s.control("POST", "/drop?session=demo-1&code=428")
        zk.wait_until("down", lambda: states(s)["demo-1"] == "disconnected")
        s.control("POST", "/status?session=demo-1&status=connected")
        zk.wait_until("up", lambda: states(s)["demo-1"] == "connected")
    zk.wait_until("it is damped", lambda: ("session-flapping", "demo-1", "firing") in sink.alerts())
    s.processes["monitor"].kill()
    s.monitor()
    wait_settled(s, 3)
    time.sleep(1)
    assert ("session-flapping", "demo-1", "resolved") not in sink.alerts()
    assert [a["alert"] for a in status(s)["alerts"]] == ["session-flapping"]
    sink.close()


def test_a_refused_key_is_seen_where_sessions_are_asked_one_by_one(make_stack):
    sink = Sink()
    s = stack_with_sink(make_stack, sink)
    s.hub()
    s.ingest()
    s.sim("contract", "--list=off")
    s.monitor()
    s.control("POST", "/sessions?n=3&prefix=demo-")
    wait_settled(s, 3)
    s.processes["sim"].stop()
    s.key = "another-key"
    s.sim("contract", "--list=off", "--sessions", "3")
    zk.wait_until("it is an alert", lambda: ("bridge-key-refused", "", "firing") in sink.alerts())
    sink.close()
