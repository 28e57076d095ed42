"""`zapkeep status`: the first line is the worst, the exit code says whether anything is wrong, and it fits the terminal."""

import json
import os
import pty
import re
import select
import subprocess

import pytest

import zk
from test_monitor import FAST


def on_terminal(stack, *args, until=lambda text: False, **env):
    """The output in 80 columns, to its end, or until it is what the test waits for."""
    master, slave = pty.openpty()
    p = subprocess.Popen([os.path.join(zk.BIN, "zapkeep"), *args], env={**stack.env, "TERM": "xterm", **env}, stdout=slave,
                         stdin=slave, stderr=subprocess.DEVNULL)
    os.close(slave)
    seen = b""
    while not until(seen.decode(errors="replace")) and select.select([master], [], [], zk.PATIENCE)[0]:
        try:
            seen += os.read(master, 65536)
        except OSError:  # it has ended
            break
    p.kill()
    p.wait()
    os.close(master)
    return seen.decode().replace("\r", "")


def lines(stack, code):
    done = stack.cli("status")
    assert done.returncode == code, done.stdout + done.stderr
    assert all(len(line) <= 80 for line in done.stdout.splitlines()), done.stdout
    return done.stdout.splitlines()


def first(stack):
    return stack.cli("status").stdout.splitlines()[0]


def test_well_is_exit_0_and_one_line_says_so(make_stack):
    s = make_stack(**FAST)
    s.all("contract", "--sessions", "3")
    zk.wait_until("all is well", lambda: s.cli("status").returncode == 0)
    assert lines(s, 0)[0] == "ok        bridge main is up, 3 sessions are connected"
    assert s.cli_json("status")[0]["ok"] is True


def test_sessions_that_are_down_are_named_with_what_to_do(make_stack):
    s = make_stack(**FAST)
    s.all("contract", "--sessions", "3")
    s.control("POST", "/drop?session=demo-2&code=401")
    s.wait_session("demo-2", "logged_out")
    seen = lines(s, 1)
    assert re.match(r"wrong     1 of 3 sessions of bridge main is down: demo-2 \(logged_out\)", seen[0])
    assert "zapkeep session pair demo-2" in re.sub(r"\s+", " ", " ".join(seen))
    row = s.cli_json("status")[0]
    assert row["ok"] is False and "demo-2" in row["problems"][0]["text"]


def test_sessions_lists_the_worst_first_in_eighty_columns(make_stack):
    s = make_stack(**FAST)
    s.all("contract", "--sessions", "3")
    s.control("POST", "/drop?session=demo-3&code=401")
    s.wait_session("demo-3", "logged_out")
    listed = s.cli("sessions").stdout.splitlines()
    assert [line.split()[0] for line in listed[1:4]] == ["demo-3", "demo-1", "demo-2"]
    for command in (["sessions"], ["bridges"], ["status"], ["session", "show", "demo-3"], ["doctor", "--no-probe"]):
        shown = re.sub("\x1b\\[[0-9;]*m", "", on_terminal(s, *command))
        shown = re.sub(r"\S*/\S*", "", shown)  # a path or a URL is one word, and kept whole
        assert shown and max(map(len, shown.splitlines())) <= 80, shown


def test_a_dead_monitor_is_the_first_line(make_stack):
    s = make_stack(**FAST)
    s.all("contract", "--sessions", "2")
    s.control("POST", "/drop?session=demo-1&code=401")
    s.wait_session("demo-1", "logged_out")
    s.processes["monitor"].kill()
    zk.wait_until("it is missed", lambda: first(s).startswith(f"wrong     {'no monitor is at work' if s.store else 'the monitor is dead'}"))
    lines(s, 1)


def test_a_bridge_that_is_down_is_the_first_line(make_stack):
    s = make_stack(**FAST)
    s.all("contract", "--sessions", "2")
    s.processes["sim"].kill()
    zk.wait_until("it is down", lambda: first(s).startswith("wrong     bridge main is down"))
    lines(s, 1)


def test_an_open_bus_is_noted_without_being_wrong(make_stack):
    s = make_stack(**FAST)
    s.all("contract", "--sessions", "1")
    zk.wait_until("all is well", lambda: s.cli("status").returncode == 0)
    done = s.cli("status", ZAPKEEP_BUS_OUT="tcp://0.0.0.0:5551")
    assert done.returncode == 0 and done.stdout.startswith("ok ") and "note      ZAPKEEP_BUS_OUT is tcp://0.0.0.0:5551" in done.stdout


@pytest.mark.parametrize("no_colour", ["", "1"])
def test_colours_are_for_terminals_and_can_be_turned_off(make_stack, no_colour):
    s = make_stack(**FAST)
    s.all("contract", "--sessions", "1")
    assert "\x1b" not in s.cli("status").stdout
    seen = on_terminal(s, "status", NO_COLOR=no_colour)
    assert ("\x1b[" in seen) == (not no_colour)


def test_watch_shows_it_anew(make_stack):
    s = make_stack(**FAST)
    s.all("contract", "--sessions", "1")
    twice = lambda text: text.count("bridge    main") >= 2
    assert twice(on_terminal(s, "status", "--watch", until=twice))


def test_events_on_a_terminal_are_one_line_each(stack):
    stack.hub()
    stack.ingest()
    data = {"from": "551188@s.whatsapp.net", "text": "Are you there? " + "I have been waiting for a while now. " * 5}
    assert stack.post(zk.webhook(session="alice", message_id="M1", **data))[0] == 200
    seen = on_terminal(stack, "events").splitlines()
    assert len(seen) == 1 and len(seen[0]) == 80
    assert "main/alice  551188: Are you there?" in seen[0] and seen[0].endswith("…")
    whole = stack.cli("events").stdout  # not a terminal: nothing is cut
    assert len(whole.splitlines()[0]) > 160


def test_a_destination_that_fails_is_wrong_and_so_is_a_dead_forwarder(make_stack):
    s = make_stack(**FAST, BACKEND_URL=f"http://127.0.0.1:{zk.free_port()}")  # nobody is there
    s.all("contract", "--sessions", "1", "--rate", "5/s")
    forward = s.forward()
    zk.wait_until("the destination fails", lambda: re.search(r"^(wrong|down|warn) .*destination \S+ (is )?(failing|down)", first(s)))
    lines(s, 1)
    zk.wait_until("programs read the same", lambda: ["alert destination-failing"] == [
        p["text"].split(":")[0] for p in s.cli_json("status")[0]["problems"]])
    findings = {row["check"]: row for row in map(json.loads, s.cli("doctor", "--json").stdout.splitlines())}
    assert findings["forward"]["level"] == "bad" and re.search("failing|down", findings["forward"]["message"])
    assert findings["log"]["level"] == "ok"
    forward.kill()
    zk.wait_until("it is missed", lambda: re.match("wrong +(a forwarder has run here, and none runs|alert forwarder-dead)", first(s)))


@pytest.mark.files
def test_doctor_reads_every_store_as_its_consumers_do(make_stack):
    s = make_stack(**FAST)
    s.all("contract", "--sessions", "1")
    with open(os.path.join(s.data, "forward.db"), "wb") as f:
        f.write(b"this is no database, whatever it is called. " * 100)
    findings = {row["check"]: row for row in map(json.loads, s.cli("doctor", "--json").stdout.splitlines())}
    assert findings["forward"]["level"] == "bad" and "forward.db cannot be read" in findings["forward"]["message"]
    assert findings["log"]["level"] == findings["state"]["level"] == "ok"
