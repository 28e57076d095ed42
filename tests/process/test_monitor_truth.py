"""The monitor is not misled: a bridge that lies once, clocks of others, old news, one session that never stays up."""

import http.server
import json
import threading
import time

import pytest

import zk

FAST = {"CHECK_INTERVAL": "500ms", "CHECK_SOON": "300ms", "CHECK_INCIDENT": "300ms", "HEALTH_TIMEOUT": "1s",
        "WHATSAPP_BRIDGE": "zapw"}


class ScriptedBridge:
    """zapw's list, as a test wants it: `sessions` maps an id to a status word; `answers` go out first, one a list."""

    def __init__(self, port, **sessions):
        self.reconnect = (200, '{"success":true}')
        self.sessions, self.answers, self.lists, self.health = dict(sessions), [], 0, (200, "application/json", '{"status":"ok"}')
        self.healths = 0  # answers about its health
        bridge = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                code, kind, body = bridge.health if self.path == "/health" else bridge.next_list()
                self.send_response(code)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())
                bridge.healths += self.path == "/health"

            def do_POST(self):
                code, body = bridge.reconnect
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next_list(self):
        self.lists += 1
        if self.answers:
            return 200, "application/json", self.answers.pop(0)
        data = [{"id": name, "status": word, "phoneNumber": f"5511{name.encode().hex()}"[:20]} for name, word in self.sessions.items()]
        return 200, "application/json", json.dumps({"status": "success", "data": data})

    def wait_lists(self, n):
        until = self.lists + n
        zk.wait_until(f"{n} more lists", lambda: self.lists >= until)

    def wait_healths(self, n):
        until = self.healths + n
        zk.wait_until(f"{n} more answers about its health", lambda: self.healths >= until)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def scripted(make_stack):
    made = []

    def make(*ids, **env):
        s = make_stack(**{**FAST, **env})
        bridge = ScriptedBridge(s.ports["api"], **{name: "connected" for name in ids})
        made.append(bridge)
        s.hub()
        s.ingest()
        s.monitor()
        zk.wait_until("the sessions are known", lambda: set(states(s).values()) == {"connected"} and len(states(s)) == len(ids))
        return s, bridge

    yield make
    for bridge in made:
        bridge.close()


def states(stack):
    done = stack.cli("sessions", "--json")
    return {r["session"]: r["state"] for r in map(json.loads, done.stdout.splitlines())} if done.returncode == 0 else {}


def changes(stack, session):
    return [c["to"] for c in reversed(stack.cli_json("session", "show", session)[0]["changes"])]


def drop(stack, session, code, at=None):
    reason = {"reason": {"reason": {"output": {"statusCode": code}}, "shouldReconnect": code != 401}}
    assert stack.post(zk.webhook(session, "session.disconnected", None, at, **reason))[0] == 200


def now_ms(delta_s=0):
    return int((time.time() + delta_s) * 1000)


@pytest.mark.parametrize("answer", ['{"status":"success","data":[]}', '{"status":"error","data":[]}',
                                    '{"success":false,"data":[]}'])
def test_one_empty_list_loses_nobody(scripted, answer):
    s, bridge = scripted("one", "two")
    bridge.answers = [answer]
    bridge.wait_lists(4)
    assert changes(s, "one") == ["connected"] and changes(s, "two") == ["connected"]
    del bridge.sessions["two"]
    zk.wait_until("a session that lists go on lacking is lost", lambda: states(s)["two"] == "lost")


def test_a_page_of_a_list_is_never_taken_as_whole(scripted):
    s, bridge = scripted("one", "two")
    bridge.answers = ['{"status":"success","hasMore":true,"data":[{"id":"one","status":"connected"}]}'] * 1000
    bridge.wait_lists(4)
    assert states(s) == {"one": "connected", "two": "connected"}
    zk.wait_until("the list is refused, with the reason", lambda: "lists its sessions in pages" in s.processes["monitor"].text())


def test_one_poll_that_says_disconnected_is_asked_again(scripted):
    s, bridge = scripted("one")
    bridge.answers = ['{"status":"success","data":[{"id":"one","status":"disconnected"}]}']
    bridge.wait_lists(4)
    assert changes(s, "one") == ["connected"]
    bridge.sessions["one"] = "disconnected"
    zk.wait_until("the second one agrees", lambda: states(s)["one"] == "disconnected")


def test_show_says_what_the_bridge_said_last_and_by_which_way(scripted):
    s, bridge = scripted("one")

    def show():
        return s.cli_json("session", "show", "one")[0]

    assert (show()["said_by"], show()["poll"]["word"], show()["webhook"]["at"]) == ("poll", "connected", 0)
    drop(s, "one", 428)  # the list goes on saying connected
    zk.wait_until("the webhook is noted", lambda: show()["webhook"]["at"] > 0)
    assert (show()["webhook"]["word"], show()["webhook"]["code"]) == ("disconnected", 428)
    bridge.sessions["one"] = "disconnected"
    zk.wait_until("the poll says it, too", lambda: show()["poll"]["word"] == "disconnected")
    row, text = show(), s.cli("session", "show", "one").stdout
    assert row["said_by"] == "poll" and row["poll"]["at"] > row["webhook"]["at"]
    assert " disconnected, by poll at " in text and "; before that disconnected (428), by webhook at " in text
    del bridge.sessions["one"]
    bridge.sessions["other"] = "connected"
    zk.wait_until("it is lost", lambda: states(s)["one"] == "lost")
    assert not show()["poll"]["listed"] and "not in its answer, by poll" in s.cli("session", "show", "one").stdout


def test_a_session_that_receives_messages_is_not_down(scripted):
    s, bridge = scripted("one")
    bridge.sessions["one"] = "disconnected"
    for n in range(12):
        assert s.post(zk.webhook("one", message_id=f"M{n}"))[0] == 200
        bridge.wait_lists(1)
    assert states(s)["one"] == "connected"
    zk.wait_until("it is, without messages", lambda: states(s)["one"] == "disconnected")


@pytest.mark.parametrize("ahead_s", [10, 600, 365 * 86400])
def test_a_clock_that_was_ahead_once_hides_no_401(scripted, ahead_s):
    s, bridge = scripted("one")
    assert s.post(zk.webhook("one", "session.connected", None, now_ms(ahead_s)))[0] == 200
    bridge.sessions["one"] = "disconnected"
    drop(s, "one", 401)
    zk.wait_until("it is logged out", lambda: states(s)["one"] == "logged_out")
    s.processes["monitor"].stop()
    s.monitor()
    bridge.wait_lists(3)
    assert states(s)["one"] == "logged_out"


def test_a_drop_out_of_a_spool_is_old_news(scripted):
    s, bridge = scripted(*[f"s{n}" for n in range(8)])
    bridge.wait_lists(2)
    for n in range(8):  # of a minute before the monitor came; it has seen them connected since
        drop(s, f"s{n}", 428, now_ms(-60))
    bridge.wait_lists(3)
    assert all(changes(s, f"s{n}") == ["connected"] for n in range(8))
    assert s.cli_json("status")[0]["alerts"] == []


def test_one_flapping_session_is_no_incident(scripted):
    s, bridge = scripted(*[f"s{n}" for n in range(9)], FLAP_PENALTY="0")
    for _ in range(12):
        drop(s, "s0", 428)
        assert s.post(zk.webhook("s0", "session.connected", None))[0] == 200
        time.sleep(0.1)
    drop(s, "s1", 428)
    bridge.sessions["s1"] = "disconnected"
    zk.wait_until("the other one is planned", lambda: {r["session"]: r for r in s.cli_json("sessions")}["s1"]["reconnect"] == "due")
    assert "bridge-incident" not in [a["alert"] for a in s.cli_json("status")[0]["alerts"]]


def alerts(stack):
    return {(a["alert"], a.get("session", "")) for a in stack.cli_json("status")[0]["alerts"]}


def wait_status(stack, *words):
    """`zapkeep status` says so, with exit 1."""
    def shown():
        done = stack.cli("status")
        return done.returncode == 1 and all(word in " ".join(done.stdout.split()) for word in words)

    zk.wait_until(f"status says {words}", shown)


def is_logged(stack, alert, status, process="ingest"):
    words = {"firing": "webhooks-astray", "resolved": "webhooks-arrive"}
    return any(words[status] in line and alert in line for line in stack.processes[process].text().splitlines())


def test_down_for_long_is_an_alert_whatever_is_tried(scripted):
    s, bridge = scripted("one", "two", DOWN_ALERT_AFTER="2s")
    bridge.sessions["one"] = "disconnected"
    drop(s, "one", 428)
    zk.wait_until("it is down", lambda: states(s)["one"] == "disconnected")
    assert alerts(s) == set()
    zk.wait_until("it is an alert", lambda: alerts(s) == {("session-down", "one")})
    bridge.sessions["one"] = "connected"
    zk.wait_until("it is over", lambda: alerts(s) == set())


def test_the_bridge_s_own_words_are_in_the_alert_of_a_session_that_is_down(scripted):
    s, bridge = scripted("one", "two", DOWN_ALERT_AFTER="2s", WHATSAPP_BRIDGE="contract")
    s.worker()
    bridge.reconnect = (500, '{"error":"Session one is broken, delete its folder"}')
    bridge.sessions["one"] = "disconnected"
    drop(s, "one", 428)
    zk.wait_until("it is an alert", lambda: alerts(s) == {("session-down", "one")})
    text = s.cli_json("status")[0]["alerts"][0]["text"]
    assert "Session one is broken, delete its folder" in text and "1 attempt so far" in text and "HTTP 500" in text


def test_a_bridge_whose_webhooks_are_all_refused_is_an_alert(scripted):
    s, bridge = scripted("one", "two", WEBHOOKS_ALERT_AFTER="1s")
    wrong = {"Authorization": "Bearer not-it", "Content-Type": "application/json"}
    zk.wait_until("it is an alert", lambda: s.post(zk.webhook("one"), headers=wrong)[0] == 401 and
                  ("webhooks-refused", "") in alerts(s), step=0.3)
    text = s.cli_json("status")[0]["alerts"][0]["text"]
    assert "HTTP 401" in text and "127.0.0.1" in text
    assert s.cli("status").returncode == 1
    assert s.post(zk.webhook("one"))[0] == 200
    zk.wait_until("it is over", lambda: alerts(s) == set())


def test_webhooks_of_a_bridge_that_nobody_watches_are_an_alert(scripted):
    """Without ZAPKEEP_BRIDGES any name is taken with the token: nobody looks at what comes under another one."""
    s, bridge = scripted("one", WEBHOOKS_ALERT_AFTER="1s")
    assert s.post(zk.webhook("one"), path="/webhook/mian")[0] == 200
    wait_status(s, "webhooks-unwatched", "bridge mian")
    assert alerts(s) == set()  # of the bridge that is watched
    zk.wait_until("it was sent", lambda: is_logged(s, "webhooks-unwatched", "firing"))
    s.processes["ingest"].stop()  # it outlives its program
    s.ingest()
    s.processes["monitor"].stop()
    s.monitor(WHATSAPP_BRIDGE_NAME="mian")
    zk.wait_until("it is over once somebody watches that bridge", lambda: is_logged(s, "webhooks-unwatched", "resolved"))
    assert "webhooks-unwatched" not in s.cli("status").stdout


def test_the_end_of_a_temporary_ban_is_shown_and_waited_for(scripted):
    s, bridge = scripted("one", "two", ALERT_HOLD="0s")
    until = now_ms(3600) // 1000 * 1000
    bridge.sessions["one"] = "disconnected"
    reason = {"statusCode": 402, "expire": until}
    assert s.post(zk.webhook("one", "session.disconnected", None, reason=reason))[0] == 200
    zk.wait_until("it is an alert", lambda: alerts(s) == {("session-banned", "one")})
    row = s.cli_json("session", "show", "one")[0]
    assert row["state"] == "failed" and row["ban_until"] == until, row
    assert row["next"]["why_not_sooner"] == "banned" and abs(row["next"]["at"] - until - 60_000) < 5_000, row["next"]
    text = s.cli_json("status")[0]["alerts"][0]["text"]
    assert "The ban ends at" in text
    assert s.cli("session", "reconnect", "one").returncode != 0


def test_an_alert_that_is_over_within_its_hold_time_is_not_sent(scripted):
    s, bridge = scripted("one", ALERT_HOLD="5s")
    monitor = s.processes["monitor"]
    drop(s, "one", 401)
    zk.wait_until("it is logged out", lambda: "to=logged_out" in monitor.text(), step=0.01)  # no command, which may take its time
    assert s.post(zk.webhook("one", "session.connected", None))[0] == 200
    zk.wait_until("it is connected", lambda: states(s)["one"] == "connected")
    time.sleep(6)
    assert "session-logged-out" not in s.processes["monitor"].text()


def test_a_session_that_goes_to_and_fro_is_one_alert(scripted):
    s, bridge = scripted("one", ALERT_REPEAT="1h")
    for _ in range(5):
        bridge.sessions["one"] = "disconnected"
        drop(s, "one", 401)
        zk.wait_until("it is logged out", lambda: states(s)["one"] == "logged_out")
        bridge.sessions["one"] = "connected"
        assert s.post(zk.webhook("one", "session.connected", None))[0] == 200
        zk.wait_until("it is connected", lambda: states(s)["one"] == "connected")
    bridge.wait_lists(3)
    log = s.processes["monitor"].text()
    assert log.count("status=firing") == 1 and log.count("status=resolved") == 1


PAGE = (200, "text/html", "<html><head><title>We are back soon</title></head></html>")


def test_a_maintenance_page_is_no_bridge(scripted):
    s, bridge = scripted("one")
    bridge.health = PAGE
    bridge.answers = [PAGE[2]] * 1000
    zk.wait_until("it is down", lambda: alerts(s) == {("bridge-down", "")})
    assert "We are back soon" in s.cli_json("status")[0]["alerts"][0]["text"]
    assert states(s)["one"] == "connected"
    bridge.health, bridge.answers = (200, "application/json", '{"status":"ok"}'), []
    zk.wait_until("it is back", lambda: alerts(s) == set())


def test_a_bridge_that_hangs_is_noticed_between_sweeps(scripted):
    s, bridge = scripted("one", CHECK_INTERVAL="600s", HEALTH_TIMEOUT="1s", HEALTH_INTERVAL="1s", HEALTH_DOWN_AFTER="2s")
    time.sleep(1)
    bridge.server.shutdown()  # it accepts and says nothing
    zk.wait_until("it is down", lambda: alerts(s) == {("bridge-down", "")})


DEAD = [  # process, its program, the alert
    ("hub", "bus-hub", "bus-hub-dead"),
    ("ingest", "webhook-ingest", "webhook-ingest-dead"),
    ("worker-2", "reconnect-worker", "reconnect-workers-dead"),
    ("forward", "forwarder", "forwarder-dead"),
]


def test_nothing_dead_looks_alive(make_stack):
    """Each program that is killed is one alert within 30 s, wherever somebody looks; one that is stopped in an orderly way is nobody's problem."""
    s = make_stack(**{**FAST, "WHATSAPP_BRIDGE": "contract", "BACKEND_URL": f"http://127.0.0.1:{zk.free_port()}"})
    s.all("contract", "--sessions", "2", workers=2)
    s.forward()
    s.processes["worker-1"].stop()
    assert alerts(s) == set()
    for name, _, _ in DEAD:
        s.processes[name].kill()
    zk.wait_until("each is an alert", lambda: alerts(s) == {(alert, "") for _, _, alert in DEAD})
    text = s.cli("status").stdout
    assert text.startswith("wrong     alert reconnect-workers-dead") and all(f"alert {alert}:" in text for _, _, alert in DEAD), text
    assert s.cli("status").returncode == 1
    findings = {row["check"]: row for row in map(json.loads, s.cli("doctor", "--json").stdout.splitlines())}
    assert findings["workers"]["level"] == findings["ingest"]["level"] == findings["forward"]["level"] == "bad", findings
    # Of several machines another one may have what died here; there is no hub, however.
    assert ("no log.head on the bus" if s.store else "is dead") in s.cli("wait", "--timeout", "100ms").stderr
    _, _, ready = zk.http("GET", f"http://127.0.0.1:{s.ports['monitor']}/ready")
    assert json.loads(ready)["checks"]["programs"] == "webhook-ingest is dead"
    s.hub()
    s.ingest()
    s.worker()
    s.forward()
    zk.wait_until("they are back", lambda: alerts(s) == set())
    s.processes["monitor"].kill()
    gone = "no monitor is at work" if s.store else "the monitor is dead"
    zk.wait_until("status says so", lambda: s.cli("status").stdout.startswith(f"wrong     {gone}"))
    assert s.cli("status").returncode == 1 and gone.removeprefix("the ") in s.cli("wait", "--timeout", "2s").stderr
    findings = {row["check"]: row for row in map(json.loads, s.cli("doctor", "--json").stdout.splitlines())}
    assert findings["monitor"]["level"] == "bad" and gone in findings["monitor"]["message"]


def test_the_heartbeat_url_is_fetched_only_when_all_is_well(make_stack):
    beats = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            beats.append(time.monotonic())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    s = make_stack(**{**FAST, "WHATSAPP_BRIDGE": "contract", "HEARTBEAT_INTERVAL": "1s",
                      "HEARTBEAT_URL": f"http://127.0.0.1:{server.server_port}/"})
    s.all("contract", "--sessions", "2")
    zk.wait_until("it is fetched", lambda: len(beats) >= 2)
    s.processes["worker-1"].kill()
    zk.wait_until("the worker is missed", lambda: alerts(s) == {("reconnect-workers-dead", "")})
    n = len(beats)
    time.sleep(3)
    assert len(beats) == n
    server.shutdown()


@pytest.mark.parametrize("word", ["passkey_required", "STOPPED", ""])
def test_a_word_we_do_not_know_is_shown_as_that(scripted, word):
    s, bridge = scripted("one", "two", "three")
    bridge.sessions["one"] = word
    del bridge.sessions["three"]
    zk.wait_until("it is unknown", lambda: states(s)["one"] == "unknown")
    row = s.cli_json("session", "show", "one")[0]
    assert row["raw_status"] == word and row["next"]["why_not_sooner"] == "unknown-state"
    zk.wait_until("it is one alert", lambda: ("bridge-unknown-word", "") in alerts(s))
    assert word in [a["text"] for a in s.cli_json("status")[0]["alerts"] if a["alert"] == "bridge-unknown-word"][0]
    zk.wait_until("it keeps no other from being lost", lambda: states(s)["three"] == "lost")
    bridge.sessions["one"] = "connected"
    zk.wait_until("it is over", lambda: states(s)["one"] == "connected" and ("bridge-unknown-word", "") not in alerts(s))


def test_each_unknown_word_is_an_alert(scripted):
    s, bridge = scripted("one", "two", "three")

    def fired():
        log = s.processes["monitor"].text()
        return [line for line in log.splitlines() if "alert=bridge-unknown-word" in line and "status=firing" in line]

    for n, (name, word) in enumerate([("one", "STOPPED"), ("two", "passkey_required"), ("three", "STOPPED")]):
        bridge.sessions[name] = word
        zk.wait_until("it is unknown", lambda i=name: states(s)[i] == "unknown")
        zk.wait_until("the word is an alert", lambda w=word: fired() and f"'{w}'" in fired()[-1])
        assert len(fired()) == min(n + 1, 2), fired()


def test_park_means_park(scripted):
    """A session that is parked by hand stays parked until somebody unparks it, although it connects and drops again."""
    s, bridge = scripted("one")

    def reconnect():
        return {r["session"]: r["reconnect"] for r in s.cli_json("sessions")}["one"]

    parked = False
    for word in ("disconnected", "connected", "disconnected"):
        bridge.sessions["one"] = word
        zk.wait_until(f"it is {word}", lambda w=word: states(s)["one"] == w)
        if not parked:
            s.cli("session", "park", "one", check=True)
            parked = True
        assert reconnect() == "parked"
    s.cli("session", "unpark", "one", check=True)
    zk.wait_until("it is planned again", lambda: reconnect() == "due")


@pytest.mark.parametrize("ids", [["one", "two", "three"], ["alone"]])
def test_orderly_restarts_of_the_bridge_are_no_flapping(scripted, ids):
    """Sessions that drop together, or while their bridge does not answer, are not damped for it, however often."""
    s, bridge = scripted(*ids, HEALTH_INTERVAL="100ms", CHECK_CONFIRM="100ms",
                         FLAP_PENALTY="1600", INCIDENT_WINDOW="1s")
    well = bridge.health
    for _ in range(3):
        for name in ids:  # one after the other, as they are closed
            bridge.sessions[name] = "disconnected"
            drop(s, name, 428)
        zk.wait_until("they are down", lambda: states(s)[ids[-1]] == "disconnected")
        bridge.health = (503, "application/json", "{}") if len(ids) == 1 else well
        bridge.wait_healths(3)
        bridge.health = well
        for name in ids:
            bridge.sessions[name] = "connected"
            assert s.post(zk.webhook(name, "session.connected", None))[0] == 200
        zk.wait_until("they are up", lambda: set(states(s).values()) == {"connected"})
        time.sleep(1)
    assert "session-flapping" not in s.processes["monitor"].text()
    assert not any(row["flapping"] for row in s.cli_json("sessions"))


def test_a_session_that_was_removed_at_the_bridge_is_one_alert_that_ends(scripted):
    """Not by a bridge that has lost them all: then each of them stays lost."""
    s, bridge = scripted("one", "two", "three", REMOVED_AFTER="2s")
    del bridge.sessions["three"]
    lost = lambda: [x for x in s.processes["monitor"].text().splitlines() if "alert=session-lost" in x and "status=firing" in x]  # noqa: E731
    zk.wait_until("it is lost", lost)  # the log keeps an alert that two readings of the store may miss
    assert len(lost()) == 1 and "session=three" in lost()[0], lost()
    zk.wait_until("it was removed", lambda: "was removed at the bridge" in s.processes["monitor"].text() and alerts(s) == set())
    assert "three" not in s.cli("status").stdout and "lost" not in s.cli("status").stdout and s.session("three")["cause"] == "removed"
    assert "zapkeep session delete" in s.cli_json("session", "show", "three")[0]["next"]["to_do"]
    bridge.sessions["three"] = "connected"
    zk.wait_until("it is there again", lambda: states(s)["three"] == "connected")
    bridge.sessions.clear()
    zk.wait_until("all are lost", lambda: len(alerts(s)) == 3)
    time.sleep(2)
    bridge.wait_lists(3)
    assert {name for name, _ in alerts(s)} == {"session-lost"} and len(alerts(s)) == 3


def names(*ids):
    return json.dumps({"status": "success", "data": [{"id": name, "status": "connected", "phoneNumber": f"55{name}"} for name in ids]})


def test_another_bridge_at_the_same_address_is_told_and_not_for_ever(scripted):
    s, bridge = scripted("one", "two")
    assert "bridge-changed" not in s.cli("bridges").stdout
    bridge.sessions = {"three": "connected", "four": "connected"}
    zk.wait_until("it is an alert", lambda: ("bridge-changed", "") in alerts(s))
    wait_status(s, "alert bridge-changed", "2 of its sessions are lost since it listed others alone", "zapkeep session delete")
    assert "another bridge" in s.cli("bridges").stdout
    finding = {row["check"]: row for row in map(json.loads, s.cli("doctor", "--json").stdout.splitlines())}["identity"]
    assert finding["level"] == "bad" and "listed others alone" in finding["message"], finding
    s.processes["monitor"].stop()
    s.monitor(REMOVED_AFTER="1s")
    zk.wait_until("it is over when the former sessions count as removed", lambda: alerts(s) == set())


def test_two_bridges_in_turns_at_one_address_are_told(scripted):
    s, bridge = scripted("one", "two")
    bridge.answers = [names("three", "four"), names("one", "two")]
    bridge.wait_lists(3)
    assert "bridge-changed" not in s.cli("status").stdout  # once is a list that lied
    bridge.answers = [names("three", "four"), names("one", "two")] * 3
    zk.wait_until("it is an alert", lambda: ("bridge-changed", "") in alerts(s))
    assert "come in turns" in s.cli("status").stdout


def test_two_stacks_on_one_bridge_are_told(scripted, make_stack):
    """The one that came later says so, until the other has ended."""
    s, bridge = scripted("one", "two")
    other = make_stack(**FAST, WHATSAPP_API_URL=s.env["WHATSAPP_API_URL"])
    other.ingest()
    other.monitor()
    zk.wait_until("the later one says so", lambda: other.cli("status").returncode == 1 and alerts(other) == {("bridge-two-stacks", "")})
    assert "the other one is on this machine" in " ".join(other.cli("status").stdout.split()) and alerts(s) == set()
    s.processes["monitor"].kill()  # the kernel lets its claim go
    zk.wait_until("it is over", lambda: alerts(other) == set())
