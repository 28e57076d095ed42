"""The main job, end to end, in both dialects: a webhook in and on disk, a session dropped and back, whatever dies meanwhile."""

import json
import os
import socket
import stat
import time

import pytest

import zk

INTERVAL = 4  # seconds; RECONNECT_INTERVAL, and the hook's where the bridge has to be restarted
# Two clocks take part: the worker's when it counts and the bridge's when it notes the call. They differ by scheduling only.
SLACK = 0.05


@pytest.fixture(params=["contract", "zapw"])
def job(request, make_stack):
    """A stack in one dialect. The released zapw has no reconnect call: there a hook restarts it."""
    stack = make_stack(RECONNECT_INTERVAL=f"{INTERVAL}s")
    stack.dialect = request.param
    if request.param == "zapw":
        hook = os.path.join(stack.dir, "restart")
        with open(hook, "w") as f:
            f.write("#!/usr/bin/python3\nimport urllib.request as u\n"
                    f"u.urlopen(u.Request('http://127.0.0.1:{stack.ports['control']}/restart', method='POST'))\n")
        os.chmod(hook, stat.S_IRWXU)
        stack.env.update(RECONNECT_HOOK=f"exec:{hook}", RECONNECT_HOOK_INTERVAL=f"{INTERVAL}s",
                         RECONNECT_HOOK_MAX_CONNECTED="100")
    return stack


def attempts(job, session):
    """When the bridge was asked to bring it back: its own calls, or restarts."""
    return job.calls(session if job.dialect == "contract" else "")


def bridge_says(job, session):
    return job.state()["sessions"].get(session)


def spaced(times):
    return all(b - a >= INTERVAL - SLACK for a, b in zip(times, times[1:]))


def acknowledged(job):
    return {f"SIM{n}" for first, last in job.control("GET", "/acknowledged") for n in range(first, last + 1)}


def stored(job):
    return [e["message_id"] for e in job.events("--type", "message.")]


def settle(job):
    """No more traffic, and every webhook is taken."""
    job.control("POST", "/traffic?rate=0")
    zk.wait_until("every webhook is taken", lambda: job.state()["waiting"] == 0)


def test_a_session_that_only_the_bridge_knows_as_dropped_is_reconnected_once(job):
    job.all(job.dialect, "--sessions", "1")
    job.wait_session("demo-1", "connected")
    job.control("POST", "/lose?n=1")
    job.control("POST", "/drop?session=demo-1&code=428")
    assert job.state()["lost"] == 1
    zk.wait_until("it is back", lambda: bridge_says(job, "demo-1") == "connected" and attempts(job, "demo-1"))
    job.wait_session("demo-1", "connected")
    time.sleep(INTERVAL + 2)
    assert len(attempts(job, "demo-1")) == 1
    shown = json.loads(job.cli("session", "show", "demo-1", "--json", check=True).stdout)
    assert shown["attempts"][0]["outcome"] == "succeeded"


def test_a_second_attempt_waits_for_the_interval_and_then_is_made(job):
    job.all(job.dialect, "--sessions", "1", "--restart-delay", "1h", workers=3)
    job.wait_session("demo-1", "connected")
    job.control("POST", "/reconnect-does-nothing?on=1")
    job.control("POST", "/drop?session=demo-1&code=428")
    if job.dialect == "zapw":  # a restart leaves it in "connecting" for an hour: that is what a lying bridge looks like
        zk.wait_until("it was restarted", lambda: attempts(job, "demo-1"))
        job.control("POST", "/drop?session=demo-1&code=428")
    zk.wait_until("there was a second attempt", lambda: len(attempts(job, "demo-1")) >= 2, 120)
    assert spaced(attempts(job, "demo-1"))


def test_nothing_is_lost_and_no_attempt_is_early_when_any_process_dies(job):
    job.env["FLAP_PENALTY"] = "0"  # five drops in a row of one session would be left alone, rightly
    job.all(job.dialect, "--sessions", "4", "--webhook-retry-attempts", "0", workers=2)
    job.control("POST", "/traffic?rate=200")
    for name in ("ingest", "monitor", "worker-1", "hub", "worker-2"):
        job.control("POST", "/drop?session=demo-1&code=428")
        process = job.processes[name]
        process.kill()
        time.sleep(0.5)
        job.start(name, os.path.basename(process.argv[0]), *process.argv[1:])
        zk.wait_until(f"demo-1 is back after {name} died", lambda: bridge_says(job, "demo-1") == "connected", 120)
    settle(job)
    ids = stored(job)
    assert acknowledged(job) <= set(ids)
    assert len(ids) == len(set(ids))
    assert spaced(attempts(job, "demo-1"))


def test_kill_9_of_everything_needs_no_hand(job):
    job.all(job.dialect, "--sessions", "3", "--webhook-retry-attempts", "0", workers=2)
    job.control("POST", "/traffic?rate=200")
    job.control("POST", "/drop?session=demo-1&code=428")
    zk.wait_until("the first attempt was made", lambda: attempts(job, "demo-1"))
    ours = {name: p for name, p in job.processes.items() if name != "sim"}
    for process in ours.values():
        process.kill()
    job.control("POST", "/drop?session=demo-1&code=428")
    for name, process in ours.items():
        job.start(name, os.path.basename(process.argv[0]), *process.argv[1:])
    zk.wait_until("it is back", lambda: bridge_says(job, "demo-1") == "connected" and len(attempts(job, "demo-1")) >= 2, 120)
    settle(job)
    assert spaced(attempts(job, "demo-1"))
    assert acknowledged(job) <= set(stored(job))
    seqs = [e["seq"] for e in job.events()]
    assert seqs == list(range(1, len(seqs) + 1))


def test_a_dead_hub_costs_no_session_and_no_webhook(job):
    job.all(job.dialect, "--sessions", "1")
    job.wait_session("demo-1", "connected")
    job.processes["hub"].kill()
    assert job.post(zk.webhook(message_id="NOHUB"))[0] == 200
    job.control("POST", "/drop?session=demo-1&code=428")
    zk.wait_until("it is back", lambda: bridge_says(job, "demo-1") == "connected" and attempts(job, "demo-1"))


def test_a_dead_bridge_is_told_and_waited_for(job):
    job.all(job.dialect, "--sessions", "2")
    job.control("POST", "/refuse")
    zk.wait_until("the monitor says that it is down", lambda: "bridge-down" in job.processes["monitor"].text(), 120)
    assert json.loads(job.cli("status", "--json").stdout)["health"] == "down"
    assert all(p.running() for p in job.processes.values())
    assert attempts(job, "demo-1") == []
    job.control("POST", "/listen")
    zk.wait_until("it is up again", lambda: job.processes["monitor"].text().count("bridge-up") >= 2, 120)


def test_services_wait_for_each_other_in_any_order(job):
    for start in (job.worker, job.monitor):
        start()
    time.sleep(1)
    job.hub()
    job.sim(job.dialect, "--sessions", "1")
    assert job.processes["monitor"].running() and job.processes["worker-1"].running()
    job.ingest()
    job.cli("wait", "--timeout", "60s", check=True)
    job.control("POST", "/drop?session=demo-1&code=428")
    zk.wait_until("it is back", lambda: attempts(job, "demo-1") and bridge_says(job, "demo-1") == "connected")


def test_a_logged_out_session_is_left_alone(job):
    job.all(job.dialect, "--sessions", "1")
    job.wait_session("demo-1", "connected")
    job.control("POST", "/drop?session=demo-1&code=401")
    job.wait_session("demo-1", "logged_out")
    time.sleep(INTERVAL + 2)
    assert attempts(job, "demo-1") == []


# ---- one clear line and the right exit code ---------------------------------------------------------------------------


def last_words(stack, name, program, *args, **env):
    process = stack.start(name, program, *args, **env)
    code = process.popen.wait(zk.PATIENCE)
    lines = [line for line in process.text().splitlines() if line]
    return code, lines


PROGRAMS = ["zapkeep-hub", "zapkeep-ingest", "zapkeep-monitor", "zapkeep-reconnect"]


@pytest.mark.parametrize("program, setting, value, code, word", [
    ("zapkeep-monitor", "WHATSAPP_API_URL", "127.0.0.1:3000", 2, "http://"),
    ("zapkeep-reconnect", "WHATSAPP_API_URL", "not a url", 2, "http://"),
    ("zapkeep-monitor", "WHATSAPP_API_URL", "", 2, "WHATSAPP_API_URL"),
    ("zapkeep-monitor", "CHECK_INTERVAL", "0s", 2, "CHECK_INTERVAL"),
    ("zapkeep-reconnect", "RECONNECT_INTERVAL", "soon", 2, "RECONNECT_INTERVAL"),
    ("zapkeep-reconnect", "RECONNECT_RATE", "-1", 2, "RECONNECT_RATE"),
    ("zapkeep-ingest", "ZAPKEEP_INGEST_LISTEN", "nowhere", 2, "ZAPKEEP_INGEST_LISTEN"),
    ("zapkeep-hub", "ZAPKEEP_BUS_IN", "http//x", 2, "ZAPKEEP_BUS_IN"),
    ("zapkeep-monitor", "ZAPKEEP_LOG", "loud", 2, "debug info warn error"),
    *[(p, "ZAPKEEP_DATA_DIR", "/dev/null/data", 3, "ZAPKEEP_DATA_DIR") for p in PROGRAMS[1:]],
])
def test_a_setting_that_cannot_work_is_one_line(stack, program, setting, value, code, word):
    got, lines = last_words(stack, "p", program, **{setting: value})
    assert got == code
    assert len(lines) == 1 and setting in lines[0] and word in lines[0], lines


@pytest.mark.parametrize("program, setting, url", [
    ("zapkeep-hub", "ZAPKEEP_BUS_IN", "tcp://127.0.0.1:{}"),
    ("zapkeep-hub", "ZAPKEEP_ADMIN_LISTEN", "127.0.0.1:{}"),
    ("zapkeep-ingest", "ZAPKEEP_INGEST_LISTEN", "127.0.0.1:{}"),
    ("zapkeep-monitor", "ZAPKEEP_ADMIN_LISTEN", "127.0.0.1:{}"),
    ("zapkeep-reconnect", "ZAPKEEP_ADMIN_LISTEN", "127.0.0.1:{}"),
])
def test_a_port_in_use_is_one_line(stack, program, setting, url):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        got, lines = last_words(stack, "p", program, **{setting: url.format(s.getsockname()[1])})
    problems = [line for line in lines if " info " not in line]
    assert got == 3
    assert len(problems) == 1 and "in use" in problems[0] and setting in problems[0], lines


def test_a_second_ingest_is_one_line(stack):
    stack.ingest()
    got, lines = last_words(stack, "second", "zapkeep-ingest", ZAPKEEP_INGEST_LISTEN=f"127.0.0.1:{zk.free_port()}")
    problems = [line for line in lines if " info " not in line]
    assert got == 3 and len(problems) == 1, lines


def test_a_key_that_the_bridge_refuses_is_told_and_waited_for(stack):
    stack.sim("contract", "--sessions", "1")
    stack.hub()
    stack.ingest()
    monitor = stack.monitor(WHATSAPP_API_KEY="wrong")
    zk.wait_until("it says so", lambda: "WHATSAPP_API_KEY" in monitor.text())
    assert monitor.running()
    assert stack.cli("wait", "--timeout", "1s").returncode == 1


@pytest.mark.release
def test_each_idle_service_is_small(stack):
    stack.all("contract", "--sessions", "5")
    time.sleep(3)  # start-up's pages are given back after a second
    sizes = {name: p.rss_kib() for name, p in stack.processes.items() if name != "sim"}
    assert max(sizes.values()) < 12 * 1024, sizes


def test_sigterm_ends_each_service_with_0(stack):
    stack.all("contract", "--sessions", "2", "--rate", "50")
    codes = {name: p.stop() for name, p in reversed(list(stack.processes.items())) if name != "sim"}
    assert set(codes.values()) == {0}, codes
