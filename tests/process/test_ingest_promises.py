"""E1 to E3 on real processes: an answered event is kept, once, and every reader sees it."""

import json
import os
import random
import signal
import subprocess
import threading
import time

import pytest
import zk
from hook_load import Load
from zk import wait_until, webhook


def seq_of(answer):
    assert answer[0] == 200, answer
    return json.loads(answer[2])["seq"]


# ---- E1 ------------------------------------------------------------------------------------------------------------

def test_nothing_answered_is_missing_after_kill_9(stack):
    rounds = 20
    load = Load(stack)
    stack.ingest()
    load.start()
    for i in range(rounds):
        want = load.count() + random.randrange(50, 400)
        wait_until(f"round {i}: webhooks are answered", lambda: load.count() >= want)
        stack.processes["ingest"].kill()
        stack.ingest(ready=False)
    wait_until("webhooks are answered again", lambda: load.count() > want + 50)
    load.stop()
    rows = load.check()
    assert len(rows) >= load.count() >= rounds * 50


def test_kill_9_of_a_reader_and_of_the_writer_together(stack):
    """The readers share memory with the writer (events.db-shm): in any order of deaths, the next start sorts it out."""
    load = Load(stack, threads=4)
    stack.ingest()
    load.start()
    for _ in range(5):
        tap = stack.start("tap", "zapkeep", "tap", "--json", "--last", "5")
        want = load.count() + 50
        wait_until("webhooks are answered", lambda: load.count() >= want)
        tap.kill()
        stack.processes["ingest"].kill()
        stack.ingest(ready=False)
    load.stop()
    load.check()


def test_sigterm_under_load_answers_what_it_took(stack):
    load = Load(stack)
    stack.ingest()
    load.start()
    for _ in range(5):
        want = load.count() + 100
        wait_until("webhooks are answered", lambda: load.count() >= want)
        assert stack.processes["ingest"].stop() == 0
        stack.ingest(ready=False)
    load.stop()
    load.check()
    stack.processes["ingest"].stop()
    assert "stop-late" not in stack.processes["ingest"].text()


# ---- E2 ------------------------------------------------------------------------------------------------------------

def test_a_retry_is_answered_with_the_first_seq_and_stored_once(stack):
    stack.ingest()
    body = webhook(message_id="A")
    assert json.loads(stack.post(body)[2]) == {"status": "accepted", "seq": 1}
    assert json.loads(stack.post(body)[2]) == {"status": "duplicate", "seq": 1}
    stack.processes["ingest"].kill()
    stack.ingest()
    assert json.loads(stack.post(body)[2]) == {"status": "duplicate", "seq": 1}
    assert json.loads(stack.post(webhook(message_id="B"))[2]) == {"status": "accepted", "seq": 2}
    assert len(stack.events()) == 2


def test_retries_at_the_same_moment_are_one_event(stack):
    stack.ingest()
    bodies = [webhook(message_id=f"M{i}") for i in range(20)]
    answers = []
    threads = [threading.Thread(target=lambda b=b: answers.append((b, seq_of(stack.post(b))))) for b in bodies * 5]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(answers) == 100
    assert len({(b, seq) for b, seq in answers}) == 20
    assert sorted({seq for _, seq in answers}) == list(range(1, 21))
    assert len(stack.events()) == 20


def test_look_alikes_are_two_events(stack):
    """Receipts of zapw differ in the envelope's timestamp alone."""
    stack.ingest()
    at = int(time.time() * 1000)
    first = webhook(event="message.sent", message_id="M1", at=at)
    assert seq_of(stack.post(first)) == 1
    assert seq_of(stack.post(webhook(event="message.sent", message_id="M1", at=at + 1))) == 2
    assert seq_of(stack.post(webhook(event="message.sent", message_id="M1", session="beta", at=at))) == 3
    assert seq_of(stack.post(first, path="/webhook/other")) == 4  # another bridge may say the same
    assert seq_of(stack.post(first)) == 1


def test_a_recorded_retry_of_zapw_is_one_event(stack):
    """hook-02 to -04 of the recordings came three times each from the real zapw."""
    stack.ingest()
    folder = os.path.join(zk.ROOT, "tests", "fixtures", "zapw")
    seqs = []
    for name in sorted(os.listdir(folder)):
        if name.startswith("hook-"):
            with open(os.path.join(folder, name), "rb") as f:
                body = f.read().replace(b"\r\n", b"\n").split(b"\n\n", 1)[1].strip()
            seqs += [seq_of(stack.post(body)) for _ in range(3)]
    assert len(seqs) >= 30
    assert len(set(seqs)) == len(stack.events())


# ---- E3 ------------------------------------------------------------------------------------------------------------

def tap_lines(path):
    with open(path) as f:
        return [json.loads(line) for line in f if line.endswith("\n")]


def test_tap_goes_from_history_to_live_without_gap_or_repeat(stack):
    """With a hub that is killed and started again, so that notifications are lost."""
    stack.hub()
    stack.ingest()
    for i in range(30):
        assert stack.post(webhook(message_id=f"H{i}"))[0] == 200
    out = os.path.join(stack.dir, "tapped")
    with open(out, "w") as f:
        tap = subprocess.Popen([os.path.join(zk.BIN, "zapkeep"), "tap", "--json", "--from", "11", "message."],
                               env=stack.env, stdout=f)
    try:
        load = Load(stack, threads=3).start()
        for _ in range(2):
            want = load.count() + 60
            wait_until("webhooks are answered", lambda: load.count() >= want)
            stack.processes["hub"].kill()
            want = load.count() + 60
            wait_until("webhooks are answered without the hub", lambda: load.count() >= want)
            stack.hub()
        load.stop()
        head = stack.events()[-1]["seq"]
        wait_until("tap has shown the newest", lambda: (tap_lines(out) or [{"seq": 0}])[-1]["seq"] == head)
    finally:
        tap.send_signal(signal.SIGTERM)
        assert tap.wait(zk.PATIENCE) == 0
    assert [row["seq"] for row in tap_lines(out)] == list(range(11, head + 1))


@pytest.mark.parametrize("where,first", [(["--from", "5"], 5), (["--since", "10m"], 1), (["--last", "20"], None)])
def test_tap_begins_anywhere_while_events_come_in(stack, where, first):
    stack.hub()
    stack.ingest()
    load = Load(stack, threads=6).start()
    wait_until("there is a history", lambda: load.count() > 300)
    out = os.path.join(stack.dir, "tapped")
    with open(out, "w") as f:
        tap = subprocess.Popen([os.path.join(zk.BIN, "zapkeep"), "tap", "--json", *where], env=stack.env, stdout=f)
    try:
        want = load.count() + 2000
        wait_until("events come in meanwhile", lambda: load.count() >= want and len(tap_lines(out)) > 1000)
        load.stop()
        head = stack.events("--last", "1")[0]["seq"]
        wait_until("tap has shown the newest", lambda: [r for r in tap_lines(out) if r.get("seq") == head])
    finally:
        tap.send_signal(signal.SIGTERM)
        assert tap.wait(zk.PATIENCE) == 0
    seqs = [row["seq"] for row in tap_lines(out) if row["type"] != "log.head"]
    assert seqs == list(range(seqs[0], head + 1))
    assert seqs[0] == first or first is None and 280 < seqs[0] < want - 19


def test_every_event_and_the_head_are_published(stack):
    """Subscribers without the store: topic, NUL, msgpack; log.head each second."""
    stack.hub()
    stack.ingest()
    done = {}

    def tap(name, *args):
        done[name] = stack.cli("tap", "--json", *args, ZAPKEEP_DATA_DIR="/nowhere", ZAPKEEP_STORE="", ZAPKEEP_BUS_OUT=f"ipc://{stack.data}/bus-out.sock",
                               ZAPKEEP_BUS_FEED=f"ipc://{stack.data}/bus-feed.sock")

    threads = [threading.Thread(target=tap, args=("event", "message.received/main/alpha", "--count", "1")),
               threading.Thread(target=tap, args=("head", "log.head", "--count", "2"))]
    for t in threads:
        t.start()
    n = 0
    while threads[0].is_alive():
        n += 1
        assert stack.post(webhook(message_id=f"M{n}"))[0] == 200
        time.sleep(0.1)
    for t in threads:
        t.join(zk.PATIENCE)
    event = json.loads(done["event"].stdout)
    row = stack.events("--from", str(event["seq"]))[0]
    for key in ("seq", "id", "at", "type", "bridge", "session", "message_id", "body", "occurred_at"):
        assert event[key] == row[key], key
    assert event["src"] == "webhook-ingest" and event["v"] == 1
    heads = [json.loads(line)["seq"] for line in done["head"].stdout.splitlines()]
    assert heads == sorted(heads)


def test_a_duplicate_is_counted_and_not_published(stack):
    stack.hub()
    stack.ingest()
    tap = stack.start("tap", "zapkeep", "tap", "--json", "message.", ZAPKEEP_DATA_DIR="/nowhere",
                      ZAPKEEP_BUS_OUT=f"ipc://{stack.data}/bus-out.sock", ZAPKEEP_BUS_FEED=f"ipc://{stack.data}/bus-feed.sock")

    def is_subscribed():
        assert stack.post(webhook(message_id=f"M{time.monotonic_ns()}"))[0] == 200
        return '"message_id":"' in tap.text()

    wait_until("the tap is subscribed", is_subscribed, step=0.1)
    again = webhook(message_id="again")
    answers = [json.loads(stack.post(again)[2]) for _ in range(4)]
    assert [a["status"] for a in answers] == ["accepted"] + 3 * ["duplicate"]
    assert stack.post(webhook(message_id="last"))[0] == 200
    wait_until("the last one rang", lambda: '"message_id":"last"' in tap.text())
    assert tap.text().count('"message_id":"again"') == 1
    assert 'zapkeep_ingest_events_total{bridge="main",result="duplicate"} 3' in stack.get_ingest("/metrics")[2].decode()


def test_ingest_answers_without_a_hub(stack):
    stack.ingest()
    assert seq_of(stack.post(webhook())) == 1
    wait_until("the notification is counted as lost",
               lambda: "zapkeep_bus_dropped_total 1" in stack.get_ingest("/metrics")[2].decode())


def test_every_type_of_event_has_its_topic(stack):
    stack.ingest()
    types = ["message.received", "message.sent", "message.delivered", "message.read", "session.connected",
             "session.disconnected", "session.qr", "session.status"]
    for i, name in enumerate(types + ["something.new"]):
        assert seq_of(stack.post(webhook(event=name, message_id=f"M{i}"))) == i + 1
    assert [row["type"] for row in stack.events()] == types + ["event.other"]


def test_readers_do_not_stop_the_writer_nor_the_writer_them(stack):
    stack.ingest()
    load = Load(stack).start()
    wait_until("there is a log", lambda: load.count() > 200)
    for _ in range(10):
        before = load.count()
        rows = stack.events()
        assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
        wait_until("webhooks are answered meanwhile", lambda: load.count() > before)
    load.stop()
    load.check()
