"""Deliveries of the forwarder: to whom, which bytes, signed how, in which order."""

import json
import random
import socket
import statistics
import threading
import time

import pytest

import zk
from forwarding import HANG, OTHER_SECRET, RESET, SECRET, post_events
from secrets_watch import mark
from zk import wait_until, webhook

BACKEND_TOKEN = mark("the backend's token", "backend-token-0e52")
ONE_TOKEN = mark("the token of a destination", "only-for-one-b4d7")


def start(stack, *backends, config=None, **env):
    """Hub, ingest and a forwarder to the backend, or as the config file says."""
    stack.hub()
    stack.ingest()
    env.setdefault("FORWARD_RETRY_SCHEDULE", "0s," + ",".join(["50ms"] * 31))
    if config:
        env["FORWARD_CONFIG"] = stack.file("forward.conf", config)
    elif "BACKEND_URL" not in env:
        env["BACKEND_URL"] = backends[0].url
    stack.env.update(env)
    return stack.forward()


def in_order(deliveries):
    """Of each session: message numbers as first taken."""
    order = {}
    for d in deliveries:
        seqs = order.setdefault(d.session, [])
        if d.seq not in seqs:
            seqs.append(d.seq)
    return order


# ---- the bytes -----------------------------------------------------------------------------------------------------

BODIES = {
    "white space": b' {\n "sessionId" : "alpha", "eventType":"message.received",\t"timestamp":1,"data":{"messageId":"W"} }\r\n',
    "utf-8": '{"sessionId":"alpha","eventType":"message.received","timestamp":2,"data":{"messageId":"U","text":"ação 🎉"}}'.encode(),
    "half an emoji": b'{"sessionId":"alpha","eventType":"message.received","timestamp":3,"data":{"messageId":"H","text":"\\ud83d"}}',
    "numbers": b'{"sessionId":"alpha","eventType":"message.read","timestamp":4,"data":{"messageId":"N","x":1e400,"y":0.10,"z":-0}}',
    "key twice": b'{"sessionId":"alpha","eventType":"message.sent","timestamp":5,"data":{"messageId":"K","x":1,"x":2}}',
    "big": b'{"sessionId":"alpha","eventType":"message.received","timestamp":6,"data":{"messageId":"B","x":"' + b"y" * 900000 + b'"}}',
}


def test_the_backend_gets_the_bytes_that_the_bridge_sent(stack, make_backend):
    backend = make_backend()
    start(stack, backend)
    for body in BODIES.values():
        assert stack.post(body)[0] == 200
    got = backend.wait(len(BODIES))
    assert [d.body for d in got] == list(BODIES.values())
    for d, row in zip(got, stack.events()):
        assert d.path == "/api/v1/messages/webhook"
        assert d.headers["content-type"].split(";")[0] == "application/json"
        assert (d.id, d.seq, d.type, d.attempt) == (row["id"], row["seq"], row["type"], 1)
        assert "expect" not in d.headers  # a backend that does not know 100-continue costs a second each


def test_the_body_can_be_the_event(stack, make_backend):
    backend = make_backend()
    start(stack, backend, FORWARD_BODY="event")
    for name in ("white space", "utf-8", "half an emoji", "key twice", "big"):
        assert stack.post(BODIES[name])[0] == 200
    assert stack.post(webhook(session="beta", event="session.connected", message_id=None), path="/webhook/other")[0] == 200
    for d, row in zip(sorted(backend.wait(6), key=lambda d: d.seq), stack.events()):
        assert list(d.json) == ["id", "seq", "type", "bridge", "session", "occurred_at", "data"]
        for key in ("id", "seq", "type", "bridge", "session"):
            assert d.json[key] == row[key], key
        assert (d.json["occurred_at"] or 0) == row.get("occurred_at", 0)
        assert d.json["data"] == row["body"]


@pytest.mark.parametrize("url_path, wanted", [("", "/api/v1/messages/webhook"), ("/", "/api/v1/messages/webhook"),
                                              ("/hooks/wa", "/hooks/wa"), ("/in?tenant=7&k=a%20b", "/in?tenant=7&k=a%20b")])
def test_the_path_of_the_backend(stack, make_backend, url_path, wanted):
    backend = make_backend()
    start(stack, backend, BACKEND_URL=backend.url + url_path)
    post_events(stack, 1)
    assert backend.wait(1)[0].path == wanted


# ---- from whom -----------------------------------------------------------------------------------------------------

def test_deliveries_are_signed_and_carry_the_token(stack, make_backend):
    backend = make_backend(lambda d: 500 if d.attempt < 3 else 200)
    start(stack, backend, FORWARD_SECRET=SECRET, FORWARD_TOKEN=BACKEND_TOKEN)
    post_events(stack, 3, sessions=("a", "b", "c"))
    backend.wait(3)
    ids = {d.seq: d.id for d in backend.all()}
    for d in backend.all():
        assert d.is_signed_with(SECRET) and not d.is_signed_with(OTHER_SECRET)
        assert d.headers["authorization"] == f"Bearer {BACKEND_TOKEN}"
        assert d.id == ids[d.seq], "the id of an event changed"
        assert abs(time.time() - int(d.headers["webhook-timestamp"])) < zk.PATIENCE * 4
    assert sorted((d.seq, d.attempt) for d in backend.all()) == [(s, a) for s in (1, 2, 3) for a in (1, 2, 3)]


def test_two_secrets_sign_while_one_replaces_the_other(stack, make_backend):
    backend = make_backend()
    start(stack, backend, FORWARD_SECRET=f"{SECRET},{OTHER_SECRET}")
    post_events(stack, 1)
    d = backend.wait(1)[0]
    assert d.is_signed_with(SECRET) and d.is_signed_with(OTHER_SECRET)
    assert len(d.headers["webhook-signature"].split(" ")) == 2


def test_without_a_secret_and_a_token_there_is_neither(stack, make_backend):
    backend = make_backend()
    start(stack, backend)
    post_events(stack, 1)
    d = backend.wait(1)[0]
    assert "webhook-signature" not in d.headers and "authorization" not in d.headers
    assert d.id and d.headers["webhook-timestamp"]


def test_the_data_is_signed_as_it_is_sent(stack, make_backend):
    backend = make_backend()
    start(stack, backend, FORWARD_SECRET=SECRET, FORWARD_BODY="event")
    assert stack.post(BODIES["utf-8"])[0] == 200
    assert backend.wait(1)[0].is_signed_with(SECRET)


# ---- in which order ------------------------------------------------------------------------------------------------

def test_order_in_a_session_is_kept_when_deliveries_fail_at_random(stack, make_backend):
    """Also over kill -9: an event that failed is first of its session again."""
    luck = random.Random(1)
    backend = make_backend(lambda d: luck.choices((200, 500, 404, RESET), (70, 20, 5, 5))[0])
    start(stack, backend)
    sessions = [f"s{i}" for i in range(12)]
    seqs = []
    for part in range(3):
        seqs += post_events(stack, 80 - 80 % len(sessions), sessions, prefix=f"P{part}-")
        wait_until("some have failed", lambda: len(backend.all(lambda d: d.attempt > 1)) > 5 * part)
        stack.processes["forward"].kill()
        stack.forward()
    wait_until("all are taken", lambda: {d.seq for d in backend.taken()} == set(seqs))
    for session, got in in_order(backend.all()).items():
        assert got == sorted(got), f"{session} out of order"
    taken = set()
    for d in backend.all():  # nothing is sent before what was before it in its session has been taken
        assert d.seq <= len(sessions) or d.seq - len(sessions) in taken
        if d.answer == 200:
            taken.add(d.seq)
    assert any(d.attempt > 1 for d in backend.all())


def test_a_failing_session_holds_up_no_other(stack, make_backend):
    """Many more failing sessions than requests at once. The second try is an hour away, so that none is given up before the backend
    is put right."""
    sessions = [f"{'good' if i % 5 == 4 else 'bad'}{i}" for i in range(25)]
    backend = make_backend(lambda d: 422 if d.session.startswith("bad") else 200)
    start(stack, backend, FORWARD_CONCURRENCY="4", FORWARD_RETRY_SCHEDULE="0s,1h,1h")
    post_events(stack, 250, sessions)
    backend.wait(50)
    assert {d.seq for d in backend.all(lambda d: d.session == "bad0")} == {1}, "the next was sent before the first was taken"
    backend.answer = lambda d: 200
    stack.cli("forward", "retry", check=True)
    assert in_order(backend.wait(250))["bad0"] == list(range(1, 251, 25))


ODD = ["loja/1 ?#%", "loja", "1 ?#%", "S\u00e3o Paulo", "Sao Paulo", "a b", "a%20b", "x" * 127 + "y", "x" * 128]


def test_odd_sessions_never_share_a_queue_and_are_called_by_their_names(stack, make_backend):
    """One that fails holds up none that looks like it; filters and commands take it as the bridge wrote it."""
    bad = ODD[0]
    every, one = make_backend(lambda d: 422 if d.session == bad else 200), make_backend()
    start(stack, config=f"[destination every]\nurl = {every.url}\nallow_private = yes\n"
                        f"[destination one]\nurl = {one.url}\nallow_private = yes\nsessions = {bad}\n",
          FORWARD_RETRY_SCHEDULE="0s,1h,1h")
    seqs = post_events(stack, 2 * len(ODD), ODD)
    every.wait(2 * len(ODD) - 2)
    assert {d.seq for d in every.all(lambda d: d.session == bad)} == {seqs[0]}, "its second event waits for its first"
    assert [d.session for d in one.wait(2)] == [bad, bad]
    assert stack.cli("forward", "retry", "--session", "loja").returncode == 1
    every.answer = lambda d: 200
    stack.cli("forward", "retry", "--session", bad, check=True)
    assert in_order(every.wait(2 * len(ODD)))[bad] == [seqs[0], seqs[len(ODD)]]


def test_a_destination_that_is_off_keeps_nothing_in_the_log(stack, make_backend):
    """It answered 410 long ago; retention may remove the events that the others have."""
    backend, gone = make_backend(), make_backend(lambda d: 410)
    start(stack, config=f"[destination a]\nurl = {backend.url}\nallow_private = yes\n"
                        f"[destination b]\nurl = {gone.url}\nallow_private = yes\n")
    seqs = post_events(stack, 20, ["a", "b", "c"])
    backend.wait(20)

    def cursor():
        rows = stack.sql("state", "SELECT seq FROM cursor WHERE consumer = 'forwarder'")
        return rows[0][0] if rows else 0

    wait_until("the cursor is at the head", lambda: cursor() == seqs[-1], step=0.2)


def test_a_host_that_drops_packets_is_down_and_costs_no_try(stack):
    """Connections are never made: that is the destination's fault, also where only one session is active."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    full = [socket.socket() for _ in range(4)]
    for s in full:
        s.setblocking(False)
        s.connect_ex(listener.getsockname())
    try:
        start(stack, BACKEND_URL=f"http://127.0.0.1:{listener.getsockname()[1]}", FORWARD_TIMEOUT="300ms",
              FORWARD_RETRY_SCHEDULE="0s,50ms,50ms")
        post_events(stack, 3, ["only"])
        wait_until("it is down", lambda: stack.cli_json("forward", "status")[0]["state"] == "down")
        assert stack.cli_json("forward", "dead", "list") == []
        assert stack.cli_json("forward", "status")[0]["retrying"] == 0
    finally:
        for s in [listener, *full]:
            s.close()


@pytest.mark.parametrize("failing, events", [(40, 160), (60, 3000), (700, 1400)])
def test_failing_sessions_that_come_first_hold_up_no_other(stack, make_backend, failing, events):
    """So many that it could be the backend itself, and nothing of another session is known yet: few, more than are read at once,
    and more than are kept in memory."""
    backend = make_backend(lambda d: 500 if d.session.startswith("bad") else 200)
    stack.hub()
    stack.ingest()
    post_events(stack, events, [f"bad{i}" for i in range(failing)])
    post_events(stack, 100, [f"good{i}" for i in range(5)], prefix="G")
    stack.forward(BACKEND_URL=backend.url, FORWARD_CONCURRENCY="4")
    backend.wait(100, patience=10 + failing * 0.05)  # were each of them a probe, it would take minutes


def test_a_hanging_session_holds_up_no_other(stack, make_backend):
    backend = make_backend(lambda d: HANG if d.session.startswith("bad") else 200)
    start(stack, backend, FORWARD_CONCURRENCY="4", FORWARD_TIMEOUT="60s")
    post_events(stack, 6, ["bad0", "bad1"])
    post_events(stack, 100, ["good0", "good1", "good2"], prefix="G")
    backend.wait(100)
    assert len(backend.all(lambda d: d.session.startswith("bad"))) == 2


def test_no_more_at_once_than_allowed_and_one_per_session(stack, make_backend):
    under_way, lock, twice, posted = set(), threading.Lock(), [], threading.Event()

    def slow(d):
        with lock:
            if d.session in under_way:
                twice.append(d.session)
            under_way.add(d.session)
        posted.wait(zk.PATIENCE)
        time.sleep(0.02)
        with lock:
            under_way.discard(d.session)
        return 200

    backend = make_backend(slow)
    start(stack, backend, FORWARD_CONCURRENCY="5", FORWARD_TIMEOUT="60s")
    post_events(stack, 200, [f"s{i}" for i in range(20)])
    posted.set()
    backend.wait(200)
    assert not twice
    assert backend.at_once == 5
    assert backend.connections <= 5 + 2, "connections are not kept"


# ---- to whom -------------------------------------------------------------------------------------------------------

def test_destinations_get_what_they_asked_for(stack, make_backend):
    messages, one, other, every = (make_backend() for _ in range(4))
    start(stack, config=f"""
# filters
[destination messages]
url = {messages.url}/m
types = message.
allow_private = yes

[destination one]
url = {one.url}/o
sessions = alpha, gamma
types = message.received, session.
token = {ONE_TOKEN}
allow_private = yes

[destination other]
url = {other.url}
bridge = other
body = event
secret = {SECRET}
allow_private = yes

[destination every]
url = {every.url}
allow_private = yes
""")
    sent = []
    for bridge in ("main", "other"):
        for session in ("alpha", "beta", "gamma"):
            for event in ("message.received", "message.read", "session.connected"):
                body = webhook(session=session, event=event, message_id=f"{bridge}{session}{event}")
                assert stack.post(body, path=f"/webhook/{bridge}")[0] == 200
                sent.append((bridge, session, event))

    def got(backend, wanted):
        seqs = [i + 1 for i, e in enumerate(sent) if wanted(*e)]
        deliveries = backend.wait(len(seqs))
        assert sorted(d.seq for d in deliveries) == seqs
        return deliveries

    got(every, lambda *e: True)
    assert {d.path for d in got(messages, lambda b, s, t: t.startswith("message."))} == {"/m"}
    mine = got(one, lambda b, s, t: s in ("alpha", "gamma") and t in ("message.received", "session.connected"))
    assert {d.headers.get("authorization") for d in mine} == {f"Bearer {ONE_TOKEN}"}
    theirs = got(other, lambda b, s, t: b == "other")
    assert all(d.is_signed_with(SECRET) and d.json["bridge"] == "other" for d in theirs)
    assert all("authorization" not in d.headers and "webhook-signature" not in d.headers for d in every.all())


@pytest.mark.parametrize("first", ["hanging", "failing", "closed", "nowhere"])
def test_a_dead_destination_holds_up_no_other(stack, make_backend, first):
    """Nothing is shared that it could use up, and no decision about one is taken for another: not even about those after it."""
    good = make_backend()
    dead = {"hanging": make_backend(lambda d: HANG).url, "failing": make_backend(lambda d: 500).url,
            "closed": f"http://127.0.0.1:{zk.free_port()}", "nowhere": "http://does-not-exist.invalid"}
    urls = {first: dead.pop(first), **dead, "good": good.url}
    start(stack, FORWARD_TIMEOUT="60s", config="\n".join(
        f"[destination {name}]\nurl = {url}\nallow_private = yes\n" for name, url in urls.items()))
    # More sessions than requests at once, more than one read of the log (256 rows), and more than may be held in memory for a
    # destination that is behind.
    load = [threading.Thread(target=post_events, args=(stack, 400, [f"s{i}-{k}" for k in range(5)], f"T{i}-")) for i in range(5)]
    for t in load:
        t.start()
    for t in load:
        t.join()
    assert len({d.seq for d in good.wait(2000, patience=30)}) == 2000


def test_batches(stack, make_backend):
    backend = make_backend(lambda d: 503 if d.attempt == 1 and d.json["events"][0]["seq"] % 3 == 0 else 200)
    start(stack, backend, FORWARD_BATCH="20", FORWARD_BATCH_WAIT="200ms", FORWARD_SECRET=SECRET, FORWARD_BODY="event")
    sessions = [f"s{i}" for i in range(7)]
    post_events(stack, 300, sessions)
    wait_until("all are taken", lambda: len({e["seq"] for d in backend.taken() for e in d.json["events"]}) == 300)
    post_events(stack, 1, ["alone"], prefix="A")  # one that waits for no other
    wait_until("one alone is taken", lambda: any(e["seq"] == 301 for d in backend.taken() for e in d.json["events"]))
    assert all(len(d.json["events"]) <= 20 and d.is_signed_with(SECRET) for d in backend.all())
    assert any(len(d.json["events"]) > 1 for d in backend.all())
    order, rows = {}, {row["seq"]: row for row in stack.events()}
    for d in backend.taken():
        for e in d.json["events"]:
            assert (e["id"], e["session"], e["data"]) == (rows[e["seq"]]["id"], rows[e["seq"]]["session"], rows[e["seq"]]["body"])
            order.setdefault(e["session"], []).append(e["seq"])
    assert all(seqs == sorted(set(seqs)) for seqs in order.values())


def test_a_batch_of_bodies_as_they_came(stack, make_backend):
    backend = make_backend()
    start(stack, backend, FORWARD_BATCH="3", FORWARD_BATCH_WAIT="60s")
    sent = [BODIES[name] for name in ("utf-8", "numbers", "key twice")]
    for body in sent:
        assert stack.post(body)[0] == 200
    ids = json.dumps([row["id"] for row in stack.events()]).replace(" ", "").encode()
    want = b'{"events":[' + b",".join(sent).replace(b" ", b"") + b'],"ids":' + ids + b"}"
    assert backend.wait(1)[0].body.replace(b" ", b"") == want


def test_every_batch_waits_to_be_full_not_the_first_alone(stack, make_backend):
    backend = make_backend()
    start(stack, backend, FORWARD_BATCH="100", FORWARD_BATCH_WAIT="1500ms")
    for group in range(3):
        post_events(stack, 4, ["a", "b", "c", "d"], prefix=f"G{group}-")
        backend.wait(group + 1)
    assert [len(d.json["events"]) for d in backend.all()] == [4, 4, 4]


# ---- how soon ------------------------------------------------------------------------------------------------------

def test_an_event_does_not_wait_for_the_sweep(stack, make_backend):
    """The log is swept every 2 s: an event that waited for that would be 1 s old on the average."""
    backend = make_backend()
    start(stack, backend)
    ages = []
    for i in range(60):
        assert stack.post(webhook(message_id=f"M{i}"))[0] == 200
        stored = time.monotonic()
        ages.append(backend.wait(i + 1)[-1].at - stored)
        time.sleep(random.random() * 0.02)
    assert statistics.median(ages) < 2.0 / 4


def test_without_a_hub_the_sweep_finds_them(stack, make_backend, faults):
    """Nor does the kernel tell of commits."""
    backend = make_backend()
    stack.ingest()
    faults("watch 24 inotify")
    stack.forward(BACKEND_URL=backend.url, **faults.env)
    post_events(stack, 20)
    backend.wait(20)


def test_events_of_before_its_first_start_are_delivered_too(stack, make_backend):
    backend = make_backend()
    stack.hub()
    stack.ingest()
    post_events(stack, 300, ["a", "b"])
    stack.forward(BACKEND_URL=backend.url)
    assert sorted(d.seq for d in backend.wait(300)) == list(range(1, 301))


# ---- its own reports -----------------------------------------------------------------------------------------------

def metrics(stack):
    lines = stack.get_forward("/metrics")[2].decode().splitlines()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if line and line[0] != "#"}


def test_metrics_and_status(stack, make_backend):
    backend = make_backend(lambda d: 500 if d.attempt == 1 else 200)
    start(stack, backend)
    post_events(stack, 10, ["a", "b"])
    backend.wait(10)

    def status():
        return stack.cli_json("forward", "status")

    wait_until("nothing is behind", lambda: status()[0]["lag"] == 0)
    row = status()[0]
    assert row["destination"] and row["floor"] == row["head"] == 10 and row["dead"] == 0
    wait_until("the gauges say so", lambda: metrics(stack)['zapkeep_forward_lag_events{destination="backend"}'] == 0)
    m = metrics(stack)
    assert m['zapkeep_forward_delivered_total{destination="backend"}'] == 10
    assert m['zapkeep_forward_attempts_total{code="2xx"}'] == m['zapkeep_forward_attempts_total{code="5xx"}'] == 10
    for name in ("lag_seconds", "retrying", "blocked", "in_flight", "breaker", "off", "dead_total"):
        assert m[f'zapkeep_forward_{name}{{destination="backend"}}'] == 0, name
    assert m["zapkeep_forward_delivery_seconds_count"] == 20


def test_the_numbers_of_trouble(stack, make_backend):
    backend = make_backend(lambda d: 500 if d.session == "bad" else 200)
    start(stack, backend, FORWARD_RETRY_SCHEDULE="0s,1h")
    post_events(stack, 3, ["bad"])
    post_events(stack, 5, ["good"])
    backend.wait(5)
    wait_until("one waits, two are behind it", lambda: (metrics(stack)['zapkeep_forward_retrying{destination="backend"}'],
                                                        metrics(stack)['zapkeep_forward_blocked{destination="backend"}']) == (1, 2))
    row = stack.cli_json("forward", "status")[0]
    assert (row["retrying"], row["blocked"], row["dead"]) == (1, 2, 0) and "500" in row["last_error"]
    assert row["floor"] == 0 and row["head"] == 8, "nothing before the first one that waits, which is the oldest"
