"""The monitor against the simulated bridge: its questions, its records, the faults it survives."""

import json
import re
import time

import pytest

import zk

# Every pace of the monitor shortened, so that a test waits for events and not for intervals.
FAST = {"CHECK_INTERVAL": "500ms", "CHECK_SOON": "100ms", "CHECK_INCIDENT": "300ms", "HEALTH_TIMEOUT": "1s"}


def sessions(stack):
    return {row["session"]: row for row in stack.cli_json("sessions")}


def states(stack):
    return {name: row["state"] for name, row in sessions(stack).items()}


def status(stack):
    return stack.cli_json("status")[0]


def show(stack, name):
    return stack.cli_json("session", "show", name)[0]


def bridge_delete(stack, name):
    code, _, _ = zk.http("DELETE", f"http://127.0.0.1:{stack.ports['api']}/sessions/{name}",
                         headers={"Authorization": f"Bearer {stack.key}"})
    assert code in (200, 204)


def metrics(stack):
    _, _, body = zk.http("GET", f"http://127.0.0.1:{stack.ports['monitor']}/metrics")
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
            for line in body.decode().splitlines() if line and not line.startswith("#")}


def wait_settled(stack, n):
    zk.wait_until(f"{n} sessions are connected",
                  lambda: metrics(stack).get('zapkeep_sessions{bridge="main",state="connected"}') == n)


# zapw has only a list; the contract here has none, so each session is asked for by itself.
DIALECTS = [("zapw", []), ("contract", ["--list=off"]), ("contract", ["--list=on"])]


@pytest.mark.parametrize("dialect, args", DIALECTS)
def test_sees_a_drop_without_any_webhook(make_stack, dialect, args):
    """No ingest, no hub: the sweep alone finds that a session is down, and puts it up."""
    s = make_stack(**FAST)
    s.sim(dialect, "--sessions", "3", *args)
    if "--list=off" in args:
        s.ingest()  # without a list, webhooks say who is there
    s.monitor()
    if "--list=off" in args:
        s.control("POST", "/sessions?n=3&prefix=more-")
        zk.wait_until("the webhooks are taken", lambda: len(states_or_none(s)) >= 3)
        s.processes["ingest"].kill()
    known = sorted(zk.wait_until("the sessions are known", lambda: states_or_none(s)))
    assert len(known) >= 3
    s.control("POST", f"/drop?session={known[0]}&code=428")
    zk.wait_until("the drop is seen", lambda: states(s)[known[0]] == "disconnected")
    row = sessions(s)[known[0]]
    assert row["cause"] == "poll" and row["reconnect"] == "due"
    assert show(s, known[0])["changes"][0]["source"] == "poll"
    others = {state for name, state in states(s).items() if name != known[0]}
    assert others == {"connected"}


def states_or_none(stack):
    done = stack.cli("sessions", "--json")
    return {json.loads(line)["session"] for line in done.stdout.splitlines()} if done.returncode == 0 else set()


def test_a_webhook_says_why(make_stack):
    s = make_stack(**FAST)
    s.all("contract", "--sessions", "3", workers=0)
    wait_settled(s, 3)
    s.control("POST", "/drop?session=demo-1&code=401")
    s.control("POST", "/drop?session=demo-2&code=503")
    zk.wait_until("demo-1 is logged out", lambda: states(s)["demo-1"] == "logged_out")
    zk.wait_until("demo-2 is down, and why", lambda: (states(s)["demo-2"], sessions(s)["demo-2"]["code"]) == ("disconnected", 503))
    time.sleep(1.5)  # some sweeps, to which both look "disconnected"
    rows = sessions(s)
    assert (rows["demo-1"]["state"], rows["demo-1"]["code"]) == ("logged_out", 401)
    assert (rows["demo-2"]["state"], rows["demo-2"]["code"]) == ("disconnected", 503)
    assert rows["demo-1"]["reconnect"] == "idle" and rows["demo-2"]["reconnect"] == "due"
    assert "paired again" in show(s, "demo-1")["meaning"]


def test_a_cause_that_comes_after_the_sweep_is_waited_for(make_stack):
    """The sweep sees the drop first; the webhook that comes then says: logged out, never."""
    s = make_stack(**FAST)
    s.all("contract", "--sessions", "2", "--list=on")
    wait_settled(s, 2)
    s.control("POST", "/status?session=demo-1&status=disconnected")
    s.control("POST", "/status?session=demo-2&status=disconnected")
    zk.wait_until("the sweep has seen it", lambda: "session=demo-1 from=connected" in s.processes["monitor"].text(),
                  step=0.01)  # the worker waits 2 s for a cause: no command, which may take its time, comes between
    s.post(zk.webhook("demo-1", "session.disconnected", message_id=None,
                      reason={"reason": {"output": {"statusCode": 401}}, "shouldReconnect": False}))
    assert [c["cause"] for c in show(s, "demo-1")["changes"]].count("poll") == 1
    zk.wait_until("demo-2, of which nothing is said, is back", lambda: s.calls("demo-2"))
    time.sleep(2)
    assert states(s)["demo-1"] == "logged_out" and s.calls("demo-1") == []


@pytest.mark.parametrize("dialect, args", DIALECTS)
def test_gone_from_the_bridge_is_lost_and_comes_back(make_stack, dialect, args):
    s = make_stack(**FAST)
    s.all(dialect, "--sessions", "2", *args, workers=0)
    wait_settled(s, 2)
    s.control("POST", "/lose?n=5")  # the final event
    bridge_delete(s, "demo-2")
    zk.wait_until("demo-2 is lost", lambda: states(s)["demo-2"] == "lost")
    assert states(s)["demo-1"] == "connected"
    s.control("POST", "/sessions?n=2")  # demo-1 exists, demo-2 comes back
    zk.wait_until("demo-2 is back", lambda: states(s)["demo-2"] == "connected")


@pytest.mark.parametrize("health_bad", ["2", "100"], ids=["it was down", "it was away for a moment"])
def test_finds_out_anew_what_a_bridge_speaks_that_was_away(make_stack, health_bad):
    """Somebody puts the bridge with a reconnect call in the place of the one without."""
    s = make_stack(HEALTH_BAD=health_bad, INCIDENT_FAILURES="100", **FAST)
    s.all("zapw", "--sessions", "2", workers=0)
    wait_settled(s, 2)
    zk.wait_until("it is known", lambda: status(s)["driver"] == "zapw")
    s.processes["sim"].kill()
    zk.wait_until("it is missed", lambda: status(s)["health"] == "down" or health_bad == "100" and bad_checks(s) >= 2)
    s.sim("contract", "--sessions", "2", "--list")
    zk.wait_until("the other one is recognised", lambda: status(s)["driver"] == "contract")


def bad_checks(stack):
    return metrics(stack).get('zapkeep_sweeps_total{bridge="main",end="unhealthy"}', 0)


def test_forgets_what_the_cli_deletes(make_stack):
    s = make_stack(**FAST)
    s.all("contract", "--sessions", "2", workers=0)
    wait_settled(s, 2)
    assert s.cli("session", "delete", "demo-1", "--yes").returncode == 0
    wait_settled(s, 1)
    time.sleep(1)  # sweeps that could find it lost
    assert states(s) == {"demo-2": "connected"}
    assert metrics(s)['zapkeep_sessions{bridge="main",state="lost"}'] == 0


def test_bridge_down_and_up(make_stack):
    """Three bad checks: one line, bridge.down; nothing is attempted; two good ones: bridge.up and recovery."""
    s = make_stack(**FAST, RECONNECT_SLOW_START="0s")
    s.all("contract", "--sessions", "4", workers=1)
    wait_settled(s, 4)
    tap = s.tap("bridge.", "alert")
    s.control("POST", "/refuse")
    zk.wait_until("the bridge is down", lambda: status(s)["health"] == "down")
    assert metrics(s)['zapkeep_bridge_up{bridge="main"}'] == 0
    assert set(states(s).values()) == {"connected"}  # nobody has said otherwise
    s.control("POST", "/drop?session=demo-1&code=428")
    zk.wait_until("the webhook is taken", lambda: states(s)["demo-1"] == "disconnected")
    time.sleep(1)
    assert s.calls("demo-1") == []
    s.control("POST", "/listen")
    zk.wait_until("the bridge is up", lambda: status(s)["health"] == "up")
    zk.wait_until("demo-1 is back", lambda: states(s)["demo-1"] == "connected")
    assert len(s.calls("demo-1")) == 1
    seen = zk.wait_until("four messages are tapped", lambda: [m for m in tap.json() if m["type"] != "log.head"][3:] and
                         [m for m in tap.json() if m["type"] != "log.head"])
    assert [(m["type"], m.get("alert", ""), m.get("status", "")) for m in seen] == [
        ("bridge.down", "", ""), ("alert", "bridge-down", "firing"), ("bridge.up", "", ""),
        ("alert", "bridge-down", "resolved")]
    text = s.processes["monitor"].text()
    assert len(re.findall(r"error monitor bridge-down ", text)) == 1
    assert s.processes["monitor"].running()


@pytest.mark.parametrize("fault", ["kind=status&n=500&route=/sessions", "kind=garbage&route=/sessions",
                                   "kind=cut&route=/sessions", "kind=status&n=404&route=/sessions"])
def test_a_lying_list_changes_nothing(make_stack, fault):
    s = make_stack(**FAST)
    s.all("zapw", "--sessions", "5", workers=0)
    wait_settled(s, 5)
    s.control("POST", "/fault?" + fault)
    bad = metrics(s)['zapkeep_sweeps_total{bridge="main",end="fault"}']
    zk.wait_until("sweeps fail", lambda: metrics(s)['zapkeep_sweeps_total{bridge="main",end="fault"}'] >= bad + 6)
    assert set(states(s).values()) == {"connected"}
    if "404" not in fault:  # that is an answer, if a strange one: the bridge can be reached
        assert status(s)["incident_since"] > 0
    s.control("POST", "/fault?kind=none")
    zk.wait_until("the incident is over", lambda: status(s)["incident_since"] == 0)
    assert set(states(s).values()) == {"connected"}


def test_a_hanging_bridge_delays_nothing_else(make_stack):
    """While a list call hangs, a webhook is taken, recorded and published."""
    s = make_stack(**FAST)
    s.all("contract", "--sessions", "2", workers=0)
    wait_settled(s, 2)
    s.control("POST", "/fault?kind=hang&route=/sessions")
    zk.wait_until("a list call hangs, for up to 30 s", lambda: s.state()["held"])
    sweeps = {k: v for k, v in metrics(s).items() if k.startswith("zapkeep_sweeps_total")}
    s.control("POST", "/drop?session=demo-1&code=428")
    zk.wait_until("the webhook is recorded", lambda: states(s)["demo-1"] == "disconnected", 20)
    assert sweeps == {k: v for k, v in metrics(s).items() if k.startswith("zapkeep_sweeps_total")}, "the list call has ended"
    code, _, _ = zk.http("GET", f"http://127.0.0.1:{s.ports['monitor']}/health")
    assert code == 200


def test_a_mass_drop_is_one_incident(make_stack):
    """Half of the sessions at once: recorded, but nothing attempted and one alert raised; then all come back."""
    s = make_stack(**{**FAST, "CHECK_INCIDENT": "2s"}, RECONNECT_SLOW_START="0s", RECONNECT_RATE="100/s",
                   RECONNECT_BURST="100", HEALTH_DOWN_AFTER="1h")
    s.all("contract", "--sessions", "20", workers=1)
    wait_settled(s, 20)
    # The incident cannot end yet. The bridge may not be called down for it: that alert takes the place of the incident's.
    s.control("POST", "/fault?kind=status&n=500&route=/sessions")
    s.control("POST", "/drop?share=1&code=401")
    zk.wait_until("there is an incident", lambda: status(s)["incident_since"] > 0)
    zk.wait_until("all drops are recorded", lambda: set(states(s).values()) == {"logged_out"})
    alerts = zk.wait_until("the incident is alerted", lambda: [
        kinds for kinds in [[a["alert"] for a in status(s)["alerts"]]] if "bridge-incident" in kinds])[0]
    assert alerts.count("bridge-incident") == 1
    assert len([a for a in alerts if a != "bridge-incident"]) <= 4  # those before it was a mass
    s.control("POST", "/fault?kind=none")
    zk.wait_until("the incident is over", lambda: status(s)["incident_since"] == 0)
    # alerts that still hold are sent now, and the many as one
    zk.wait_until("the alert is raised", lambda: [a for a in status(s)["alerts"]
                                         if a["alert"] == "session-logged-out" and a["session"] == ""])
    assert len(status(s)["alerts"]) <= 5


def test_waits_for_the_bridge_at_start(make_stack):
    s = make_stack(**FAST)
    s.hub()
    s.ingest()
    m = s.monitor()
    zk.wait_until("it says that it waits", lambda: "bridge-unreachable" in m.text())
    zk.wait_until("bridge.down is recorded", lambda: "error monitor bridge-down" in m.text())
    s.sim("zapw", "--sessions", "2")
    wait_settled(s, 2)
    zk.wait_until("the bridge is up", lambda: status(s)["health"] == "up")
    assert m.running() and status(s)["driver"] == "zapw"


def test_a_refused_key_is_one_line_and_shown(make_stack):
    s = make_stack(**FAST)
    s.sim("contract", "--sessions", "2")
    m = s.monitor(WHATSAPP_API_KEY="wrong")
    zk.wait_until("the key is refused", lambda: "key-refused" in m.text())
    time.sleep(2)
    assert len(re.findall(r"error monitor key-refused ", m.text())) == 1
    assert "wrong" not in re.sub(r"wrong key", "", m.text())
    _, _, body = zk.http("GET", f"http://127.0.0.1:{s.ports['monitor']}/health")
    assert "key" in json.loads(body)["checks"]["bridge"] or "401" in json.loads(body)["checks"]["bridge"]
    assert m.running() and states_or_none(s) == set()


@pytest.mark.parametrize("env, words", [
    ({"WHATSAPP_API_URL": ""}, "WHATSAPP_API_URL"),
    ({"WHATSAPP_API_URL": "ftp://x"}, "WHATSAPP_API_URL"),
    ({"CHECK_INTERVAL": "0"}, "CHECK_INTERVAL"),
    ({"CHECK_INTERVAL": "soon"}, "CHECK_INTERVAL"),
    ({"FLAP_REUSE": "5000"}, "FLAP_REUSE"),
    ({"WHATSAPP_BRIDGE_NAME": "a/b"}, "WHATSAPP_BRIDGE_NAME"),
    ({"RECONNECT_BACKOFF": "1h..1m"}, "RECONNECT_BACKOFF"),
])
def test_a_setting_that_makes_no_sense_is_one_line_and_exit_2(make_stack, env, words):
    s = make_stack()
    m = s.monitor(**env)
    assert m.popen.wait(zk.PATIENCE) == 2
    lines = [line for line in m.text().splitlines() if " info " not in line]
    assert len(lines) == 1 and words in lines[0], m.text()


def test_a_second_monitor_waits_and_takes_over(make_stack):
    s = make_stack(**FAST, ZAPKEEP_ROLE_LEASE="10s")  # with a shorter one the first may lose its part to a busy machine
    s.sim("zapw", "--sessions", "2")
    first = s.monitor()
    wait_settled(s, 2)
    port = zk.free_port()
    second = s.start("second", "zapkeep-monitor", "--admin-listen", f"127.0.0.1:{port}")
    zk.wait_until("the second one says so", lambda: "second-monitor" in second.text())
    assert zk.http("GET", f"http://127.0.0.1:{port}/ready")[0] == 503
    calls = s.state()["api_calls"]
    time.sleep(1)
    assert second.running() and "watching" not in second.text()
    assert s.state()["api_calls"] > calls  # the first one goes on
    first.kill()
    zk.wait_until("the second one takes over", lambda: zk.http("GET", f"http://127.0.0.1:{port}/ready")[0] == 200)
    s.control("POST", "/drop?session=demo-1&code=428")
    zk.wait_until("and works", lambda: states(s)["demo-1"] == "disconnected")


def test_kill_9_loses_nothing(make_stack):
    """State, history and cursor survive; events of the meantime are read from the log."""
    s = make_stack(**FAST)
    s.all("contract", "--sessions", "3", workers=0)
    wait_settled(s, 3)
    s.processes["monitor"].kill()
    s.control("POST", "/drop?session=demo-1&code=401")
    s.control("POST", "/drop?session=demo-2&code=428")
    zk.wait_until("the webhooks are on disk", lambda: len(s.events("--type", "session.disconnected")) == 2)
    s.monitor()
    zk.wait_until("they are taken", lambda: states(s)["demo-1"] == "logged_out" and
                  states(s)["demo-2"] == "disconnected")
    assert sessions(s)["demo-2"]["code"] == 428
    assert len(show(s, "demo-1")["changes"]) == 2


def test_an_unchanged_sweep_does_not_touch_the_sessions(make_stack):
    """One small row per sweep (that it took place), for any number of sessions."""
    s = make_stack(**FAST)
    s.sim("zapw", "--sessions", "500")
    s.monitor()
    wait_settled(s, 500)
    before = {name: row["since"] for name, row in sessions(s).items()}
    sweeps = metrics(s)['zapkeep_sweeps_total{bridge="main",end="good"}']
    wchar = written(s)
    zk.wait_until("five sweeps", lambda: metrics(s)['zapkeep_sweeps_total{bridge="main",end="good"}'] >= sweeps + 5)
    assert {name: row["since"] for name, row in sessions(s).items()} == before
    per_sweep = (written(s) - wchar) / (metrics(s)['zapkeep_sweeps_total{bridge="main",end="good"}'] - sweeps)
    assert per_sweep < 100_000, f"{per_sweep:.0f} bytes written per sweep of 500 unchanged sessions"


def written(stack):
    with open(f"/proc/{stack.processes['monitor'].pid}/io") as f:
        return int(re.search(r"wchar: (\d+)", f.read()).group(1))


def test_an_attempt_that_does_nothing_counts_as_failed(make_stack):
    """R6: the bridge answers 200 and the session stays down; the monitor looks, and says so."""
    s = make_stack(**FAST)
    s.all("contract", "--sessions", "2")
    wait_settled(s, 2)
    s.control("POST", "/reconnect-does-nothing?on=1")
    s.control("POST", "/drop?session=demo-1&code=428")
    zk.wait_until("the attempt was judged", lambda: [a for a in show(s, "demo-1")["attempts"]
                                                     if a["outcome"] == "not-connected"])
    attempt = show(s, "demo-1")["attempts"][-1]
    assert attempt["http_status"] == 200
    s.control("POST", "/reconnect-does-nothing?on=0")
    zk.wait_until("the next one works", lambda: states(s)["demo-1"] == "connected")
    assert show(s, "demo-1")["attempts"][0]["outcome"] == "succeeded"


def test_starting_for_too_long_is_down(make_stack):
    s = make_stack(**FAST, START_TIMEOUT="2s")
    s.all("contract", "--sessions", "1", "--reconnect-delay", "1h", workers=1)
    wait_settled(s, 1)
    s.control("POST", "/drop?session=demo-1&code=428")
    zk.wait_until("that took too long", lambda: sessions(s)["demo-1"]["cause"] == "start-timeout")
    assert "starting" in [c["to"] for c in show(s, "demo-1")["changes"]]


@pytest.mark.release
def test_idle_memory(make_stack):
    s = make_stack(CHECK_INTERVAL="1s")
    s.all("contract", "--sessions", "5", workers=0)
    wait_settled(s, 5)
    time.sleep(3)
    assert s.processes["monitor"].rss_kib() < 12 * 1024
