"""The operator's view of the destinations, and his commands: status, alerts, retry, skip, pause, test, forget, and where a
destination starts that is new."""

import json
import re
import time

import pytest

from forwarding import SECRET, Backend, post_events
from test_forward import start
from zk import wait_until


def row(stack, name="backend"):
    return next(r for r in stack.cli_json("forward", "status") if r["destination"] == name)


def state(stack, name="backend"):
    return row(stack, name)["state"]


def dead(stack):
    return stack.cli_json("forward", "dead", "list")


def sessions(backend):
    return {d.session for d in backend.taken()}


# ---- status --------------------------------------------------------------------------------------------------------

def test_a_destination_with_waiting_events_is_not_ok_and_lag_counts_all_that_is_not_delivered(stack, make_backend):
    backend = make_backend(lambda d: 422 if d.session == "bad" else 200)
    start(stack, backend, FORWARD_RETRY_SCHEDULE="0s,1h")
    wait_until("it is ok", lambda: state(stack) == "ok")
    post_events(stack, 5, ["bad"])
    post_events(stack, 5, ["good"])
    backend.wait(5)
    wait_until("it is failing", lambda: state(stack) == "failing")
    wait_until("all of them count", lambda: row(stack)["lag"] == 5)
    table = stack.cli("forward", "status", check=True).stdout.splitlines()
    assert "failing" in table[1] and max(map(len, table[:3])) <= 80, table
    backend.answer = lambda d: 200
    stack.cli("forward", "retry", check=True)
    backend.wait(10)
    wait_until("it is ok again", lambda: state(stack) == "ok" and row(stack)["lag"] == 0)


def test_the_first_failure_is_a_line_with_status_session_and_excerpt_also_of_a_long_answer(stack, make_backend):
    answer = b"no such contact: x7 " + b"z" * 100_000
    backend = make_backend(lambda d: (400, {}, answer) if d.session == "bad" else 200)
    p = start(stack, backend, FORWARD_RETRY_SCHEDULE="0s,1h")
    post_events(stack, 1, ["bad"])
    line = wait_until("it is said", lambda: re.search(r".*destination-state.*", p.text())).group(0)
    for part in ("destination=backend", "state=failing", "http_status=400", "session=bad", "no such contact: x7"):
        assert part in line, line
    wait_until("the CLI shows it", lambda: row(stack)["last_session"] == "bad")
    r = row(stack)
    assert r["last_status"] == 400 and r["last_answer"].startswith("no such contact: x7")


def alerts(stack):
    return stack.sql("state", "SELECT session, cause, detail FROM alert WHERE name = 'destination-failing'")


def test_a_destination_that_fails_is_an_alert_until_it_is_well(stack, make_backend):
    backend = make_backend(lambda d: 401)
    start(stack, backend)
    post_events(stack, 1, ["a"])
    got = wait_until("the alert is raised", lambda: alerts(stack))
    assert got[0][0] == "backend" and "401" in got[0][2] and "session a" in got[0][2]
    backend.answer = lambda d: 200
    stack.cli("forward", "retry", check=True)
    wait_until("it is resolved", lambda: not alerts(stack))


def test_the_alert_reaches_the_sink_and_status_and_doctor_show_the_destination(stack, make_backend):
    """The monitor sends it, although it concerns no bridge."""
    backend, sink = make_backend(lambda d: (403, {}, b"who are you")), make_backend()
    stack.env.update(ALERT_URL=sink.url + "/alerts", CHECK_INTERVAL="1s")
    stack.sim("contract", "--sessions", "0")
    start(stack, backend)
    stack.monitor()
    post_events(stack, 1, ["a"])

    def told(status):
        return [a for d in sink.all() for a in d.json["alerts"] if a["labels"]["alertname"] == "destination-failing" and
                a["status"] == status]

    text = json.dumps(wait_until("it fires", lambda: told("firing")))
    assert "backend" in text and "403" in text and "who are you" in text
    wait_until("status has a line", lambda: re.search(r"backend: \w+; 1 events retrying", stack.cli("status").stdout))
    wait_until("doctor has one", lambda: "403" in stack.cli("doctor", "--no-probe").stdout)
    backend.answer = lambda d: 200
    stack.cli("forward", "retry", check=True)
    wait_until("it is resolved", lambda: told("resolved"))


# ---- commands ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("how", [("--session", "a"), ("--id", "SEQ"), ("--destination", "backend"), ()])
def test_retry_tries_now(stack, make_backend, how):
    backend = make_backend(lambda d: 422)
    start(stack, backend, FORWARD_RETRY_SCHEDULE="0s,10h")
    seq = post_events(stack, 1, ["a"])[0]
    wait_until("it waits", lambda: row(stack)["retrying"] == 1)
    backend.answer = lambda d: 200
    stack.cli("forward", "retry", *[str(seq) if part == "SEQ" else part for part in how], check=True)
    backend.wait(1)


def test_retry_ends_a_pause_that_a_rate_limit_asked_for(stack, make_backend):
    backend = make_backend(lambda d: (429, {"Retry-After": "3000"}))
    start(stack, backend)
    post_events(stack, 3, ["a"])
    wait_until("it is limited", lambda: state(stack) == "limited")
    backend.answer = lambda d: 200
    stack.cli("forward", "retry", "--destination", "backend", check=True)
    backend.wait(3)


def test_skip_makes_one_waiting_event_a_dead_letter_and_its_session_goes_on(stack, make_backend):
    backend = make_backend()
    start(stack, backend, FORWARD_RETRY_SCHEDULE="0s,10h")
    seqs = post_events(stack, 4, ["a"], prefix="Q")
    backend.wait(4)
    seqs = []
    backend.answer = lambda d: 200 if d.seq not in (seqs[0], seqs[2]) else 422
    seqs += range(5, 9)
    assert post_events(stack, 4, ["a"]) == seqs
    wait_until("they wait", lambda: (row(stack)["retrying"], row(stack)["blocked"]) == (1, 3))
    stack.cli("forward", "skip", str(seqs[2]), check=True)  # one behind the first
    stack.cli("forward", "skip", str(seqs[0]), check=True)
    backend.wait(6)
    assert [d.seq for d in backend.taken()][4:] == [seqs[1], seqs[3]]
    assert {(r["seq"], r["reason"]) for r in dead(stack)} == {(s, "skipped by an operator") for s in (seqs[0], seqs[2])}
    again = stack.cli("forward", "skip", str(seqs[1]))
    assert again.returncode == 1 and "delivered" in again.stderr


def test_pause_and_resume(stack, make_backend):
    backend = make_backend()
    start(stack, backend)
    stack.cli("forward", "pause", "backend", check=True)
    post_events(stack, 3)
    time.sleep(1)
    assert not backend.all() and state(stack) == "paused" and row(stack)["lag"] == 3
    stack.processes["forward"].kill()
    stack.forward()
    time.sleep(1)
    assert not backend.all(), "a restart forgot the pause"
    stack.cli("forward", "resume", "backend", check=True)
    backend.wait(3)


def test_test_sends_a_signed_event_and_shows_the_answer(stack, make_backend):
    backend = make_backend(lambda d: (202, {}, b"hello there"))
    start(stack, backend, FORWARD_SECRET=SECRET)
    done = stack.cli("forward", "test", "backend", check=True)
    assert "202" in done.stdout and "hello there" in done.stdout and "ms" in done.stdout
    d = backend.wait(1)[0]
    assert d.is_signed_with(SECRET) and d.type == "zapkeep.test"
    backend.answer = lambda d: (403, {}, b"go away")
    got = stack.cli("forward", "test", "backend", "--json")
    assert got.returncode == 1 and json.loads(got.stdout)["status"] == 403


@pytest.mark.parametrize("command", [("pause",), ("resume",), ("test",), ("on",), ("off",), ("forget",)])
def test_a_command_about_an_unknown_destination_is_an_error(stack, make_backend, command):
    start(stack, make_backend())
    wait_until("it works", lambda: stack.cli("forward", "status", "--json").returncode == 0)
    for args in ((*command, "nobody"), ("retry", "--destination", "nobody"), ("dead", "retry", "--destination", "nobody"),
                 ("dead", "list", "--destination", "nobody")):
        done = stack.cli("forward", *args)
        assert done.returncode == 1 and "nobody" in done.stderr, args


def config(**destinations):
    return "".join(f"[destination {name}]\nurl = {b.url}/{name}\nallow_private = yes\n" for name, b in destinations.items())


def restart(stack, text):
    stack.processes["forward"].stop()
    stack.env["FORWARD_CONFIG"] = stack.file("forward.conf", text)
    return stack.forward()


def test_forget_removes_a_destination_that_is_not_configured_any_more(stack, make_backend):
    backend = make_backend()
    gone = make_backend(lambda d: 422)
    start(stack, config=config(a=backend, b=gone), FORWARD_RETRY_SCHEDULE="0s,10h")
    post_events(stack, 3)
    wait_until("one waits", lambda: row(stack, "b")["retrying"] == 1)
    refused = stack.cli("forward", "forget", "b")
    assert refused.returncode == 1 and "configured" in refused.stderr
    restart(stack, config(a=backend))
    assert row(stack, "b")["lag"] > 0
    stack.cli("forward", "forget", "b", check=True)
    assert [r["destination"] for r in stack.cli_json("forward", "status")] == ["a"]


def test_dead_letters_of_a_destination_that_is_not_configured_any_more_are_dropped_with_all(stack, make_backend):
    gone, new = make_backend(lambda d: 422), make_backend(lambda d: 422)
    start(stack, config=config(gone=gone), FORWARD_RETRY_SCHEDULE="0s")
    post_events(stack, 2, ["a"])
    wait_until("two are given up", lambda: len(dead(stack)) == 2)
    restart(stack, config(new=new))
    wait_until("the new one gives them up, too", lambda: len(dead(stack)) == 4)
    stack.cli("forward", "dead", "drop", "--all", check=True)
    assert dead(stack) == []


# ---- where a destination starts ------------------------------------------------------------------------------------

@pytest.mark.parametrize("since, want", [(None, range(11, 16)), ("beginning", range(1, 16)), ("8", range(8, 16)),
                                         ("1h", range(1, 16))])
def test_a_new_destination_starts_from_now_unless_it_is_told_otherwise(stack, make_backend, since, want):
    backend = make_backend()
    stack.hub()
    stack.ingest()
    post_events(stack, 10)
    time.sleep(0.05)
    if since:
        stack.forward(BACKEND_URL=backend.url, FORWARD_FROM=since)
    else:  # as a user starts it
        stack.start("forward", "zapkeep-forward", "--admin-listen", "off", BACKEND_URL=backend.url)
        wait_until("it is at work", lambda: "destination-new" in stack.processes["forward"].text())
    post_events(stack, 5, prefix="N")
    backend.wait(len(want))
    assert [d.seq for d in backend.taken()] == list(want)


def test_a_destination_that_is_renamed_or_moved_keeps_its_place(stack, make_backend):
    backend = make_backend(lambda d: 200)
    path = backend.url + "/hook"
    section = f"[destination %s]\nurl = %s\nallow_private = yes\n"
    start(stack, config=section % ("old", path))
    post_events(stack, 5)
    backend.wait(5)
    wait_until("it is noted", lambda: row(stack, "old")["lag"] == 0)
    stack.processes["forward"].stop()
    post_events(stack, 5, prefix="R")
    restart_text = section % ("new", path)
    stack.env["FORWARD_CONFIG"] = stack.file("forward.conf", restart_text)
    stack.forward()
    backend.wait(10)
    assert [r["destination"] for r in stack.cli_json("forward", "status")] == ["new"]
    wait_until("it is noted", lambda: row(stack, "new")["lag"] == 0)
    stack.processes["forward"].stop()
    post_events(stack, 5, prefix="S")
    stack.env["FORWARD_CONFIG"] = stack.file("forward.conf", section % ("new", backend.url + "/elsewhere"))
    stack.forward()
    backend.wait(15)
    assert [d.seq for d in backend.taken()] == list(range(1, 16))
    assert backend.taken()[-1].path == "/elsewhere"


# ---- filters -------------------------------------------------------------------------------------------------------

def test_a_filter_that_lets_nothing_through_is_noticed(stack, make_backend):
    backend = make_backend()
    stack.sim("contract", "--sessions", "1")
    stack.hub()
    stack.ingest()
    stack.monitor()
    wait_until("the session is known", lambda: stack.cli("sessions", "--json").stdout.strip())
    text = f"[destination crm]\nurl = {backend.url}\nallow_private = yes\nsessions = demo-1, dmeo-2\ntypes = message.\n"
    stack.env["FORWARD_CONFIG"] = stack.file("forward.conf", text)
    p = stack.forward()
    line = wait_until("it is said", lambda: re.search(r".*filter-session-unknown.*", p.text())).group(0)
    assert "dmeo-2" in line and "demo-1" not in line
    post_events(stack, 3, ["demo-1", "other"])
    backend.wait(2)
    wait_until("it is counted", lambda: row(stack, "crm")["matched"] >= 2 and row(stack, "crm")["filtered"] >= 1)
