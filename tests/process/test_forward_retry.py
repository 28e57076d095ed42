"""The forwarder when a delivery fails: when it tries again, when it gives up, and the dead letter it keeps then."""

import json
import os
import re
import threading
import time

import zk
from forwarding import HANG, OTHER_SECRET, SECRET, Backend, post_events
from test_forward import start
from zk import wait_until, webhook

# A failing session is only a failing session while the backend takes others: this one keeps the backend in good repute.
GOOD = "good"


def trickle(stack, stop, answered):
    n = 0
    while not stop.is_set():
        answered.append(stack.post(webhook(session=GOOD, message_id=f"t{n}"))[0])
        n += 1
        stop.wait(0.03)


class Trickle:
    def __init__(self, stack):
        self.stop, self.answered = threading.Event(), []
        self.thread = threading.Thread(target=trickle, args=(stack, self.stop, self.answered), daemon=True)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join(zk.PATIENCE)


def only_bad(d):
    return d.session == "bad"


def waits(backend):
    at = [d.at for d in backend.all(only_bad)]
    return [b - a for a, b in zip(at, at[1:])]


# ---- when ----------------------------------------------------------------------------------------------------------

def test_retries_are_spaced_as_planned(stack, make_backend):
    """At least 80 % of each step; the steps are so different that one cannot be taken for another."""
    backend = make_backend(lambda d: 500 if only_bad(d) and d.attempt < 4 else 200)
    start(stack, backend, FORWARD_RETRY_SCHEDULE="0s,200ms,1s,3s")
    with Trickle(stack):
        post_events(stack, 1, ["bad"])
        backend.wait(1, only_bad)
    got = waits(backend)
    assert len(got) == 3
    for wait, step in zip(got, (0.2, 1.0, 3.0)):
        assert wait >= 0.8 * step - 0.01, got
    assert got[0] < got[1] < got[2], got


def test_anything_but_2xx_is_tried_again(stack, make_backend):
    codes = [100 + 301, 400, 404, 409, 422, 429, 500, 502, 503, 504]
    backend = make_backend(lambda d: codes[int(d.session[3:])] if d.attempt == 1 and d.session != GOOD else 200)
    start(stack, backend)
    with Trickle(stack):
        post_events(stack, len(codes), [f"bad{i}" for i in range(len(codes))])
        backend.wait(len(codes), lambda d: d.session != GOOD)
    assert all(len(backend.all(lambda d, i=i: d.session == f"bad{i}")) == 2 for i in range(len(codes)))


def test_every_2xx_is_an_answer(stack, make_backend):
    backend = make_backend(lambda d: (204, {}, b"") if d.seq % 2 else 202)
    start(stack, backend)
    post_events(stack, 6)
    backend.wait(6)
    wait_until("all are done", lambda: stack.cli_json("forward", "status")[0]["lag"] == 0)
    assert len(backend.all()) == 6


def test_a_delivery_without_an_answer_in_time_is_tried_again(stack, make_backend):
    backend = make_backend(lambda d: HANG if only_bad(d) and d.attempt == 1 else 200)
    start(stack, backend, FORWARD_TIMEOUT="1s")
    with Trickle(stack):
        post_events(stack, 1, ["bad"])
        assert backend.wait(1, only_bad)[0].attempt == 2


def test_a_retry_keeps_its_time_over_kill_9(stack, make_backend):
    """Neither tried at once by the new process nor from the start of the schedule again."""
    backend = make_backend(lambda d: 500 if only_bad(d) and d.attempt < 3 else 200)
    start(stack, backend, FORWARD_RETRY_SCHEDULE="0s,100ms,4s,1h")
    with Trickle(stack):
        post_events(stack, 1, ["bad"])
        wait_until("it was tried twice", lambda: len(backend.all(only_bad)) == 2)
        taken = len(backend.taken())
        wait_until("the failure is noted", lambda: len(backend.taken()) > taken + 20)
        stack.processes["forward"].kill()
        stack.forward()
        assert backend.wait(1, only_bad)[0].attempt == 3
    assert waits(backend)[1] >= 0.8 * 4 - 0.01


# ---- when not ------------------------------------------------------------------------------------------------------

def test_410_turns_the_destination_off_and_no_other(stack, make_backend):
    gone, other = make_backend(lambda d: 410), make_backend()
    start(stack, config=f"""[destination gone]
url = {gone.url}
allow_private = yes
[destination other]
url = {other.url}
allow_private = yes
""")
    post_events(stack, 1, ["a"])
    other.wait(1)
    wait_until("it has answered", lambda: len(gone.all()) == 1)
    post_events(stack, 50, ["a", "b", "c"], prefix="N")
    other.wait(51)

    def row():
        return next(r for r in stack.cli_json("forward", "status") if r["destination"] == "gone")

    wait_until("the status says off", lambda: not row()["on"])
    stack.processes["forward"].kill()
    stack.forward()
    post_events(stack, 10, ["a", "b", "c"], prefix="O")
    other.wait(61)
    assert len(gone.all()) <= 3, "it was called again"  # those of other sessions that were in flight with the first
    gone.answer = lambda d: 200
    stack.cli("forward", "on", "gone", check=True)
    post_events(stack, 1, ["z"], prefix="P")
    gone.wait(1, lambda d: d.message_id == "P0")


# ---- giving up -----------------------------------------------------------------------------------------------------

def dead(stack, *args):
    return stack.cli_json("forward", "dead", "list", *args)


def make_dead(stack, backend, n=1, sessions=("bad",), **settings):
    """n events that the backend will not take: tried three times each. Returns the rows of the dead letters."""
    backend.answer = lambda d: (422, {}, b"no such contact: x7") if d.session in sessions else 200
    start(stack, backend, FORWARD_RETRY_SCHEDULE="0s,50ms,50ms", **settings)
    with Trickle(stack):
        post_events(stack, n, sessions)
        wait_until("they are dead", lambda: len(dead(stack)) == n, step=0.2)
    return dead(stack)


def test_a_dead_letter_says_what_happened_and_its_session_goes_on(stack, make_backend):
    backend = make_backend()
    row = make_dead(stack, backend)[0]
    tries = backend.all(only_bad)
    assert len(tries) == 3 and [d.attempt for d in tries] == [1, 2, 3]
    assert row["seq"] == tries[0].seq and row["event"] == tries[0].id and row["session"] == "bad"
    assert row["tries"] == 3 and row["type"] == "message.received"
    assert row["reason"] and row["status"] == 422 and "422" in row["last"]
    table = stack.cli("forward", "dead", "list", check=True).stdout
    assert "bad" in table and "422" in table
    backend.answer = lambda d: 200
    post_events(stack, 1, ["bad"], prefix="L")
    assert backend.wait(1, only_bad)[0].message_id == "L0"
    whole = stack.cli_json("forward", "dead", "show", str(row["id"]))[0]
    assert whole["answer"] == "no such contact: x7" and whole["body"] == tries[0].json
    text = stack.cli("forward", "dead", "show", str(row["id"]), check=True).stdout
    assert tries[0].body.decode() in text and "no such contact: x7" in text


def test_the_dead_survive_kill_9_and_are_delivered_when_retried(stack, make_backend):
    backend = make_backend()
    rows = make_dead(stack, backend, 3, ["bad", "worse", "worst"])
    stack.processes["forward"].kill()
    stack.forward()
    assert dead(stack) == rows
    backend.answer = lambda d: 200
    stack.cli("forward", "dead", "retry", str(rows[0]["id"]), check=True)
    again = backend.wait(1, lambda d: d.session != GOOD)[0]
    assert (again.id, again.seq) == (rows[0]["event"], rows[0]["seq"])
    wait_until("it is no more dead", lambda: {r["id"] for r in dead(stack)} == {r["id"] for r in rows[1:]})
    others = {r["session"] for r in rows[1:]}
    stack.cli("forward", "dead", "retry", "--session", min(others), check=True)
    wait_until("one is left", lambda: {r["session"] for r in dead(stack)} == {max(others)})
    assert {d.session for d in backend.wait(2, lambda d: d.session != GOOD)} == {rows[0]["session"], min(others)}


def test_a_retried_letter_that_fails_again_is_dead_again(stack, make_backend):
    backend = make_backend()
    row = make_dead(stack, backend)[0]
    with Trickle(stack):
        stack.cli("forward", "dead", "retry", str(row["id"]), check=True)
        wait_until("it was tried again", lambda: len(backend.all(only_bad)) > 3)
        wait_until("it is dead again", lambda: [r["id"] for r in dead(stack)] == [row["id"]] and
                   len(backend.all(only_bad)) >= 4, step=0.2)


def test_many_dead_letters_are_retried_in_bulk_and_live_events_go_on(stack, make_backend):
    """The small sister of `tests/bench/forward/run --only letters`: each letter once more, live events between them, all in order."""
    backend = make_backend()
    sessions = [f"bad{i}" for i in range(8)]
    letters = len(make_dead(stack, backend, 64, sessions))
    posted = threading.Event()
    backend.answer = lambda d: posted.wait(zk.PATIENCE) and time.sleep(0.02) or 200  # the first letters wait for the live events
    taken = len(backend.taken())
    stack.cli("forward", "dead", "retry", "--all", check=True)
    wait_until("letters are under way", lambda: backend.under_way > 0)
    live = post_events(stack, 30, ["live"], prefix="L")
    posted.set()
    wait_until("all of them are taken", lambda: len(backend.taken()) >= taken + letters + len(live))
    wait_until("no letter is left", lambda: dead(stack) == [])
    got = backend.taken()[taken:]
    assert len({d.id for d in got}) == letters + len(live), "none twice, none missing"
    first = next(i for i, d in enumerate(got) if d.session == "live")
    assert first < letters, "a live event does not wait for all letters"
    for session in [*sessions, "live"]:
        seqs = [d.seq for d in got if d.session == session]
        assert seqs == sorted(seqs)


def test_the_dead_are_dropped_in_bulk(stack, make_backend):
    backend = make_backend()
    sessions = [f"bad{i}" for i in range(8)]
    make_dead(stack, backend, 24, sessions)
    stack.cli("forward", "dead", "drop", "--session", "bad3", check=True)
    wait_until("they are dropped", lambda: len(dead(stack)) == 21)
    assert "bad3" not in {r["session"] for r in dead(stack)}
    assert len(dead(stack, "--session", "bad4")) == 3
    assert dead(stack, "--type", "session.") == []
    one = dead(stack)[0]["id"]
    stack.cli("forward", "dead", "drop", str(one), check=True)
    wait_until("it is dropped", lambda: one not in {r["id"] for r in dead(stack)})
    assert stack.cli("forward", "dead", "show", str(one)).returncode == 1
    stack.cli("forward", "dead", "drop", "--type", "message.", check=True)
    wait_until("all are dropped", lambda: dead(stack) == [])
    assert stack.cli("forward", "dead", "drop").returncode == 2  # all of them must be asked for


# ---- replay --------------------------------------------------------------------------------------------------------

def test_replay(stack, make_backend):
    backend, elsewhere = make_backend(), make_backend()
    start(stack, backend, FORWARD_SECRET=SECRET)
    post_events(stack, 30, ["a", "b", "c"])
    backend.wait(30)
    stack.cli("replay", "--from", "11", "--to", "20", "--to-url", elsewhere.url, check=True)
    got = elsewhere.wait(10)
    assert sorted(d.seq for d in got) == list(range(11, 21))
    rows = {d.seq: d for d in backend.all()}
    assert all((d.id, d.body) == (rows[d.seq].id, rows[d.seq].body) for d in got)
    stack.cli("replay", "--from", "1", "--to", "30", "--session", "b", "--type", "message.", "--to-url",
              elsewhere.url + "/here", check=True)
    assert {d.session for d in elsewhere.wait(20)[10:]} == {"b"}
    assert {d.path for d in elsewhere.all()[10:]} == {"/here"}
    count = ["--from", "1", "--to", "30", "--to-url", elsewhere.url, "--json", "--dry-run"]
    assert stack.cli_json("replay", *count, "main/b", "c") == [{"events": 20, "first_seq": 2, "last_seq": 30}]
    assert stack.cli_json("replay", *count, "other/b")[0]["events"] == 0
    assert stack.cli_json("replay", *count, "--bridge", "other")[0]["events"] == 0
    stack.cli("replay", *count[:-1], "main/b", "c", check=True)
    assert sorted({d.session for d in elsewhere.wait(40)[20:]}) == ["b", "c"]
    stack.cli("replay", "--from", "5", "--to", "6", check=True)  # to where they were delivered to
    assert sorted(d.seq for d in backend.wait(32)[30:]) == [5, 6]
    assert all(d.is_signed_with(SECRET) for d in backend.all())


def test_replay_sends_no_credential_to_another_host(stack, make_backend):
    backend, elsewhere = make_backend(), make_backend()
    start(stack, backend, FORWARD_SECRET=SECRET, FORWARD_TOKEN="a-token-of-the-backend")
    post_events(stack, 2)
    backend.wait(2)
    done = stack.cli("replay", "--from", "1", "--to", "2", "--to-url", elsewhere.url, check=True)
    assert "neither token nor signature" in done.stderr
    for d in elsewhere.wait(2):
        assert "authorization" not in d.headers and "webhook-signature" not in d.headers
    stack.cli("replay", "--from", "1", "--to", "2", "--to-url", backend.url + "/other", check=True)
    for d in backend.wait(4)[2:]:
        assert d.path == "/other" and d.headers["authorization"] and d.is_signed_with(SECRET)


def test_replay_to_a_destination_uses_its_key_and_its_filter(stack, make_backend):
    backend, crm = make_backend(), make_backend(lambda d: 410)
    config = f"[destination crm]\nurl = {crm.url}\nallow_private = yes\nsecret = {OTHER_SECRET}\nsessions = b\n"
    start(stack, config=config, FORWARD_SECRET=SECRET, BACKEND_URL=backend.url)
    post_events(stack, 9, ["a", "b", "c"])
    backend.wait(9)
    crm.answer = lambda d: 200
    assert stack.cli_json("replay", "--from", "1", "--destination", "crm", "--dry-run")[0]["events"] == 3
    stack.cli("replay", "--from", "1", "--destination", "crm", check=True)
    got = crm.wait(3)
    assert {d.session for d in got} == {"b"} and all(d.is_signed_with(OTHER_SECRET) for d in got)
    assert stack.cli("replay", "--from", "1", "--destination", "nobody").returncode == 1


def test_replay_keeps_the_pace_that_was_asked_for(stack, make_backend):
    """Half a second between events, at four times the speed."""
    backend = make_backend()
    stack.ingest()
    for i in range(5):
        post_events(stack, 1, prefix=f"P{i}")
        time.sleep(0.5)
    stack.cli("replay", "--from", "1", "--to", "5", "--speed", "4", "--to-url", backend.url, check=True)
    at = [d.at for d in backend.wait(5)]
    assert at[-1] - at[0] >= 4 * 0.5 / 4 * 0.8


def test_replay_says_when_there_is_nobody(stack):
    stack.ingest()
    post_events(stack, 3)
    done = stack.cli("replay", "--from", "1", "--to", "3", "--to-url", f"http://127.0.0.1:{zk.free_port()}")
    assert done.returncode in (1, 3) and done.stderr.strip()


# ---- a backend that is away for long -------------------------------------------------------------------------------

def test_while_the_backend_is_away_nothing_dies_and_nothing_is_lost(stack, make_backend):
    """Away for ten times the whole schedule, by a closed port, then by nothing but 503."""
    port = zk.free_port()
    start(stack, BACKEND_URL=f"http://127.0.0.1:{port}", FORWARD_RETRY_SCHEDULE="0s,100ms,100ms")
    sessions = [f"s{i}" for i in range(20)]
    post_events(stack, 100, sessions)
    time.sleep(2)
    backend = make_backend(lambda d: 503, port=port)
    wait_until("it is asked again", lambda: len(backend.all()) >= 1)
    time.sleep(2)
    asked = len(backend.all())
    assert asked < 100, f"a backend that is down was asked {asked} times"
    assert dead(stack) == []
    backend.answer = lambda d: 200
    wait_until("all are taken", lambda: len({d.seq for d in backend.taken()}) == 100)
    assert dead(stack) == []
    order = {}
    for d in backend.taken():
        order.setdefault(d.session, []).append(d.seq)
    assert all(seqs == sorted(seqs) for seqs in order.values())


def test_a_backend_that_comes_back_is_not_flooded(stack, make_backend):
    """Slow start: it is probed, and the number of requests at once grows from there."""
    port = zk.free_port()
    start(stack, BACKEND_URL=f"http://127.0.0.1:{port}", FORWARD_CONCURRENCY="32")
    post_events(stack, 400, [f"s{i}" for i in range(40)])
    wait_until("its breaker is open", lambda: re.search("open", json.dumps(stack.cli_json("forward", "status"))))
    at_once, now, lock = [], set(), threading.Lock()

    def slow(d):
        with lock:
            now.add(d.seq)
            at_once.append(len(now))
        time.sleep(0.02)
        with lock:
            now.discard(d.seq)
        return 200

    backend = Backend(slow, port=port)
    try:
        backend.wait(400)
    finally:
        backend.close()
    assert max(at_once[:5]) <= 5, at_once[:20]
    assert max(at_once) > max(at_once[:5]), "it never came back to full speed"


def test_retention_leaves_what_was_not_delivered(stack, make_backend):
    port = zk.free_port()
    stack.env.update(ZAPKEEP_RETENTION_SIZE="1MiB")
    start(stack, BACKEND_URL=f"http://127.0.0.1:{port}")
    wait_until("the forwarder has its place", lambda: stack.sql("state", "SELECT 1 FROM cursor WHERE consumer = 'forwarder'"))
    stack.processes["ingest"].stop()
    stack.ingest()  # it reads the places of all when it starts, and then now and then
    seqs = post_events(stack, 400, ["a", "b", "c"], text=os.urandom(4000).hex())
    time.sleep(1)
    assert stack.cli_json("events", "--limit", "1")[0]["seq"] == 1 or stack.events()[0]["seq"] == 1
    backend = make_backend(port=port)
    wait_until("all are taken", lambda: {d.seq for d in backend.taken()} == set(seqs))
    wait_until("the oldest have gone", lambda: post_events(stack, 1, prefix=f"R{time.monotonic()}") and
               stack.events()[0]["seq"] > 1, step=0.3)
