"""proto/PROTOCOL.md in practice: the command it gives to listen to the bus shows live messages."""

import concurrent.futures
import http.client
import json
import os
import shlex
import subprocess
import time

from zk import BIN, ROOT, wait_until, webhook


def documented_nngcat(address):
    with open(os.path.join(ROOT, "proto", "PROTOCOL.md")) as f:
        line = next(line for line in f if line.strip().startswith("nngcat"))
    return shlex.split(line.replace("ipc:///var/lib/zapkeep/bus-out.sock", address))


def test_nngcat_shows_live_messages(stack, tmp_path):
    stack.hub()
    stack.ingest()
    heard = tmp_path / "heard"
    with open(heard, "wb") as out:
        tap = subprocess.Popen(documented_nngcat("ipc://" + stack.bus["out"]), stdout=out)

    def publish():
        assert stack.post(webhook(session="alice", message_id=f"M{time.monotonic_ns()}", text="hello"))[0] == 200
        return b"message.received/main/alice" in heard.read_bytes()

    try:
        wait_until("nngcat receives a message", publish, step=0.3)
    finally:
        tap.kill()
        tap.wait()
    line = next(line for line in heard.read_bytes().splitlines() if b"message.received" in line)
    assert line.startswith(b'"message.received/main/alice\\x00')
    assert b"webhook-ingest" in line and b'\\"sessionId\\":\\"alice\\"' in line


def post_many(stack, session, n, connections=8):
    """As fast as a machine can, so that they are committed and published together."""

    def some(part):
        c = http.client.HTTPConnection("127.0.0.1", stack.ports["ingest"], timeout=60)
        for i in range(part, n, connections):
            c.request("POST", "/api/v1/messages/webhook", webhook(session=session, message_id=f"{session}-{i:05}", text="hello"),
                      {"Authorization": f"Bearer {stack.token}", "Content-Type": "application/json"})
            answer = c.getresponse()
            assert answer.status == 200, answer.read()
            answer.read()
        c.close()

    with concurrent.futures.ThreadPoolExecutor(connections) as pool:
        list(pool.map(some, range(connections)))


def seqs_heard(path):
    found = []
    for line in path.read_text().splitlines():
        message = json.loads(line)
        if message["session"] == "burst":
            found.append(message["seq"])
    return found


def test_a_burst_is_heard_whole_and_in_order_with_and_without_the_feed(stack, tmp_path):
    """Batches are zapkeep's own affair: a subscriber of ZAPKEEP_BUS_OUT gets each message as one."""
    stack.hub()
    stack.ingest()
    heard = {"feed": tmp_path / "feed", "out": tmp_path / "out"}
    raw = tmp_path / "raw"
    with open(raw, "wb") as out:
        nngcat = subprocess.Popen(documented_nngcat("ipc://" + stack.bus["out"]), stdout=out)
    taps = []
    for name, path in heard.items():
        # no log there: it can show only messages of the bus
        env = {"ZAPKEEP_DATA_DIR": str(tmp_path), "ZAPKEEP_STORE": "", "ZAPKEEP_BUS_OUT": "ipc://" + stack.bus["out"]}
        if name == "feed":
            env["ZAPKEEP_BUS_FEED"] = "ipc://" + stack.bus["feed"]
        with open(path, "wb") as out:
            taps.append(subprocess.Popen([os.path.join(BIN, "zapkeep"), "tap", "--json", "message."], stdout=out,
                                         env={**stack.env, **env}))

    def arrives_at(session, *paths):
        assert stack.post(webhook(session=session, message_id=f"M{time.monotonic_ns()}", text="hello"))[0] == 200
        return all(session.encode() in path.read_bytes() for path in paths)

    try:
        wait_until("all three listen", lambda: arrives_at("alice", raw, *heard.values()), step=0.3)
        post_many(stack, "burst", 3000)
        for path in heard.values():
            wait_until("the burst was heard", lambda: len(seqs_heard(path)) >= 3000, step=0.3)
        wait_until("nngcat is through", lambda: arrives_at("bob", raw), step=0.3)
        for i in range(10):  # it has room for 128 messages, and drops others while it gets no processor
            post_many(stack, f"part-{i}", 100)
            wait_until("nngcat has received them", lambda part=f'"message.received/main/part-{i}\\x00'.encode(): raw.read_bytes().count(part) >= 100)
    finally:
        for p in (nngcat, *taps):
            p.kill()
            p.wait()
    for path in heard.values():
        seqs = seqs_heard(path)
        assert seqs == sorted(set(seqs)) and len(seqs) == 3000
    assert raw.read_bytes().count(b'"message.received/main/part-') == 1000
