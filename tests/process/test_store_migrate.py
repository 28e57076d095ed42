"""zapkeep store migrate: a store that the real services filled goes to PostgreSQL and back, equal row by row; what stands in its way is
said, and a move that was killed leaves the source as it was and a target that no program starts on."""

import hashlib
import json
import os
import random
import re
import sqlite3
import subprocess
from collections import Counter

import pytest

import zk
from forwarding import post_events
from zk import wait_until, webhook

PARTS = ("state", "events", "forward")
# Of an engine alone: its clock, and whether it can write. (And the place of a database, a row of meta.)
OWN = {("state", "steady")}
# Of a move that is killed in its middle.
EVENTS = 6000
SPACING_S = 6


@pytest.fixture
def database(server, request):
    """(name, URI) of a database without tables."""
    return server.create_for(request.node.name)


def window(floor, done):
    """(all up to this seq, the done ones above) of a destination, however its bits are laid out."""
    base = (floor + 1) & ~7
    above = {base + i for i in range(len(done) * 8) if done[i // 8] >> (i % 8) & 1 and base + i > floor}
    while floor + 1 in above:
        floor += 1
    return floor, sorted(s for s in above if s > floor)


def rows_of(folder):
    """Every row of every table: {(part, table): [rows]}."""
    found = {}
    for part in PARTS:
        db = sqlite3.connect(f"file:{folder}/{part}.db?mode=ro", uri=True)
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if (part, table) in OWN:
                continue
            rows = [r for r in db.execute(f"SELECT * FROM \"{table}\"") if "store.migrate" not in r and r[0] not in ("audit", "place", "timeline")]
            if (part, table) == ("forward", "destination"):
                names = [c[1] for c in db.execute("PRAGMA table_info(destination)")]
                at, bits = names.index("floor"), names.index("done")
                rows = [tuple(v for i, v in enumerate(r) if i not in (at, bits)) + window(r[at], r[bits]) for r in rows]
            found[part, table] = sorted(rows, key=repr)
        db.close()
    return found


def lag_ms(folder):
    """Steady time against the machine's own, by the anchor in state.db: the same as long as steady time runs as time does."""
    db = sqlite3.connect(f"file:{folder}/state.db?mode=ro", uri=True)
    boot_ms, steady_ms = db.execute("SELECT boot_ms, steady_ms FROM steady").fetchone()
    db.close()
    return boot_ms - steady_ms


def sums(folder):
    """Of the stores alone: sockets, locks and signs of life are no part of them."""
    return {f: hashlib.sha256(open(os.path.join(folder, f), "rb").read()).hexdigest()
            for f in sorted(os.listdir(folder)) if f.endswith((".db", "-wal", ".acks")) and os.path.getsize(os.path.join(folder, f)) > 0}


def migrate(stack, source, target, *args, **env):
    return stack.cli("store", "migrate", "--from", source, "--to", target, *args, **env)


def fill(stack, backend):
    """A day of a stack: deliveries, one that waits, a dead letter, attempts that fail, a parked session, alerts, audit, tokens."""
    stack.hub()
    stack.ingest()
    stack.sim("contract", "--sessions", "4")
    stack.monitor()
    stack.worker()
    stack.forward(BACKEND_URL=backend.url, FORWARD_RETRY_SCHEDULE="0s,10h")
    stack.wait_session("demo-4", "connected")
    assert stack.post("no json", headers={})[0] == 400, "it is kept among the rejected"
    seqs = post_events(stack, 12, ["a", "b", "c"])
    wait_until("they are delivered", lambda: set(seqs) <= {d.seq for d in backend.taken()})
    refused = post_events(stack, 3, ["bad"], prefix="bad")
    wait_until("they wait", lambda: (stack.cli_json("forward", "status") or [{}])[0].get("blocked") == 2)
    stack.cli("forward", "skip", str(refused[0]), check=True)
    wait_until("it is a dead letter", lambda: stack.cli_json("forward", "dead", "list"))
    stack.cli("session", "park", "demo-4", "--reason", "a quote ' and \\ \t é", check=True)
    stack.control("POST", "/reconnect-does-nothing")
    stack.control("POST", "/drop?session=demo-1&code=428")
    wait_until("it was attempted", lambda: stack.calls("demo-1"))
    return refused


def test_a_store_goes_to_postgresql_and_back_and_the_stack_goes_on(stack, make_backend, database):
    name, uri = database
    backend = make_backend(lambda d: 422 if d.session == "bad" else 200)
    stack.env.update(RECONNECT_INTERVAL=f"{SPACING_S}s")
    refused = fill(stack, backend)
    stack.control("POST", "/drop?session=demo-2&code=428")
    wait_until("it was attempted", lambda: stack.calls("demo-2"))
    late = post_events(stack, 5, ["a", "b", "c"], prefix="late")
    wait_until("they are delivered", lambda: set(late) <= {d.seq for d in backend.taken()})
    repeated = webhook("a", message_id="repeated")
    first = json.loads(stack.post(repeated)[2])["seq"]
    wait_until("it is delivered", lambda: first in {d.seq for d in backend.taken()})
    head = stack.events()[-1]["seq"]
    for name in ("forward", "ingest"):
        stack.processes[name].kill()  # the newest acknowledgements stand in forward.acks alone, the log's newest events in its WAL
    for p in stack.processes.values():
        if p.name != "sim":
            p.stop()  # a journal of state.db that is played back would change its bytes
    before, files = rows_of(stack.data), sums(stack.data)
    assert all(before[t] for t in (("state", "attempt"), ("state", "audit"), ("state", "cursor"), ("state", "reconnect"), ("events", "rejected"),
                                   ("events", "dedupe"), ("forward", "dead"), ("forward", "blocked"), ("state", "session_change")))

    counted = migrate(stack, stack.data, uri, "--dry-run")
    assert counted.returncode == 0 and re.search(r"events\.event +\d+ rows", counted.stdout), counted.stdout + counted.stderr
    assert stack.cli("sessions", ZAPKEEP_STORE=uri).returncode == 3, "nothing was made"
    done = migrate(stack, stack.data, uri)
    assert done.returncode == 0 and "each read back and equal" in done.stdout, done.stdout + done.stderr
    assert f"seq 1 to {head}" in done.stdout and "100 %" in done.stdout
    assert {f: s for f, s in sums(stack.data).items() if f in files} == files, "the source is as it was"

    back = os.path.join(stack.dir, "back")
    again = migrate(stack, uri, back)
    assert again.returncode == 0, again.stdout + again.stderr
    after = rows_of(back)
    assert abs(lag_ms(back) - lag_ms(stack.data)) < 1000, "steady time went on, there and back, neither faster nor slower"
    for table in before:
        if table == ("forward", "destination"):  # the acknowledgements of forward.acks are rows now
            assert [r[:-2] for r in after[table]] == [r[:-2] for r in before[table]]
            assert all(a[-2] >= b[-2] for a, b in zip(after[table], before[table]))
        else:
            assert after[table] == before[table], table

    assert [r["action"] for r in stack.cli_json("audit", ZAPKEEP_STORE=uri)][:1] == ["store.migrate"]
    calls = {s: len(stack.calls(s)) for s in ("demo-1", "demo-2")}
    stack.control("POST", "/reconnect-does-nothing?on=0")
    stack.env["ZAPKEEP_STORE"] = uri
    stack.hub()
    stack.ingest()
    stack.monitor()
    stack.worker()
    stack.forward(BACKEND_URL=backend.url, FORWARD_RETRY_SCHEDULE="0s,10h")
    more = post_events(stack, 6, ["a", "b", "c"], prefix="more")
    assert more[0] > head, "seq goes on"
    assert json.loads(stack.post(repeated)[2])["seq"] == first, "the keys of the events are known"
    wait_until("new events are delivered", lambda: set(more) <= {d.seq for d in backend.taken()})
    stack.wait_session("demo-1", "connected")
    stack.wait_session("demo-2", "connected")
    for s, n in calls.items():
        at = stack.calls(s)
        assert len(at) > n and min(b - a for a, b in zip(at, at[1:])) > SPACING_S - 0.2, "the spacing holds over the move"
    assert "parked" in stack.cli("session", "show", "demo-4").stdout
    assert [r["seq"] for r in stack.cli_json("forward", "dead", "list")] == [refused[0]]
    twice = [seq for seq, n in Counter(d.seq for d in backend.taken()).items() if n > 1]
    assert not twice, "nothing is delivered twice"


def test_what_stands_in_the_way_is_said_and_nothing_is_changed(server, stack, database):
    name, uri = database
    stack.hub()
    ingest = stack.ingest()
    assert stack.post(webhook(message_id="one"))[0] == 200
    stack.cli("sessions")
    running = migrate(stack, stack.data, uri)
    assert running.returncode == 3 and "stop all of zapkeep" in running.stderr and "nothing was changed" in running.stderr
    ingest.stop()
    worker = stack.worker()
    wait_until("a worker counts as well", lambda: migrate(stack, stack.data, uri, "--dry-run").returncode == 3, needs=worker)
    wait_until("it has made state.db", lambda: os.path.exists(os.path.join(stack.data, "state.db")), needs=worker)
    worker.stop()
    stack.processes["hub"].stop()

    assert migrate(stack, stack.data, stack.data).returncode == 2
    assert stack.cli("store", "migrate", "--from", stack.data).returncode == 2
    password = "pg-" + "secret-0815"
    refused = migrate(stack, stack.data, uri.replace("zapkeep@", f"zapkeep:{password}@"))
    assert refused.returncode == 2 and "pgpass" in refused.stderr and password not in refused.stdout + refused.stderr
    nowhere = migrate(stack, os.path.join(stack.dir, "nowhere"), uri)
    assert nowhere.returncode == 3 and "is not there" in nowhere.stderr

    server.sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on", "postgres")
    read_only = migrate(stack, stack.data, uri)
    assert read_only.returncode == 3 and "read-only" in read_only.stderr, read_only.stderr
    server.sql(f"ALTER DATABASE {name} RESET default_transaction_read_only", "postgres")

    stack.cli("store", "init", check=True, ZAPKEEP_STORE=uri)
    server.sql("UPDATE zapkeep.version SET version = 99", name)
    newer = migrate(stack, stack.data, uri)
    assert newer.returncode == 3 and "newer zapkeep" in newer.stderr
    server.sql("UPDATE zapkeep.version SET version = (SELECT 1)", name)
    version = set_version(stack.data, 1)
    older = migrate(stack, stack.data, uri)
    assert older.returncode == 3 and "older zapkeep" in older.stderr
    set_version(stack.data, version)

    p = stack.ingest(ZAPKEEP_STORE=uri)
    busy = migrate(stack, stack.data, uri)
    assert busy.returncode == 3 and "stop all of zapkeep" in busy.stderr, busy.stderr
    assert stack.post(webhook(message_id="other"))[0] == 200
    p.stop()
    full = migrate(stack, stack.data, uri)
    assert full.returncode == 3 and "holds a store already" in full.stderr
    full = migrate(stack, uri, stack.data)
    assert full.returncode == 3 and "holds a store already" in full.stderr
    assert [e["message_id"] for e in stack.events()] == ["one"]
    assert [e["message_id"] for e in stack.cli_json("events", "--limit", "0", ZAPKEEP_STORE=uri)] == ["other"]


def set_version(folder, version):
    """Of state.db; returns the one before."""
    db = sqlite3.connect(os.path.join(folder, "state.db"))
    before = db.execute("PRAGMA user_version").fetchone()[0]
    db.execute(f"PRAGMA user_version = {version}")
    db.close()
    return before


def many_events(folder, n):
    """As webhook-ingest would have stored them."""
    db = sqlite3.connect(os.path.join(folder, "events.db"))
    head = db.execute("SELECT max(seq) FROM event").fetchone()[0]
    rows = [(head + i, 1000 + i, 1000, "message.received", "main", f"s{i % 50}", f"M{i}", os.urandom(300)) for i in range(1, n + 1)]
    db.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    db.executemany("INSERT INTO dedupe VALUES (?, ?, ?)", [(r[1], os.urandom(16), r[0]) for r in rows])
    db.commit()
    db.close()


def kill_in_the_middle(stack, source, target):
    """kill -9 at a random point between the first rows and the last ones."""
    percent = random.randrange(10, 90, 10)
    p = subprocess.Popen([os.path.join(zk.BIN, "zapkeep"), "store", "migrate", "--from", source, "--to", target], env=stack.env, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    lines = []
    for line in p.stdout:
        lines.append(line)
        if re.match(r"\d+ %", line) and int(line.split()[0]) >= percent:
            break
        if "stop all of zapkeep" in line:  # the server has not noticed yet that the one before is dead
            break
    p.kill()
    p.wait()
    p.stdout.close()
    assert lines and "nothing was changed" in lines[-1] or "%" in lines[-1], lines


@pytest.mark.parametrize("to_database", [True, False])
def test_a_move_that_is_killed_leaves_a_target_that_no_program_starts_on(server, stack, database, to_database):
    name, uri = database
    stack.ingest()
    assert stack.post(webhook(message_id="one"))[0] == 200
    p = stack.monitor()
    wait_until("state.db is there", lambda: stack.cli("cursor", "list").returncode == 0, needs=p)
    stack.stop_all()
    many_events(stack.data, EVENTS)
    source, target = stack.data, uri
    if not to_database:
        assert migrate(stack, stack.data, uri).returncode == 0
        source, target = uri, os.path.join(stack.dir, "new")
    files = sums(stack.data)
    reads = {"ZAPKEEP_STORE": uri} if to_database else {"ZAPKEEP_DATA_DIR": target}
    for _ in range(3):
        kill_in_the_middle(stack, source, target)
        assert sums(stack.data) == files, "the source is as it was"
        answer = stack.cli("events", **reads)
        assert answer.returncode == 3 and "did not end" in answer.stderr and "store migrate again" in answer.stderr, answer
    ingest = stack.start("ingest", "zapkeep-ingest", **reads)
    assert ingest.popen.wait(zk.PATIENCE) == 3 and "did not end" in ingest.text(), ingest.text()
    wait_until("the server has noticed that the last one is dead", lambda: migrate(stack, source, target, "--dry-run").returncode == 0)
    done = migrate(stack, source, target)
    assert done.returncode == 0, done.stderr
    assert len(stack.cli_json("events", "--limit", "0", **reads)) == EVENTS + 1
