"""The disk: full, read-only, slow, failing. 503 and Retry-After, one loud line, and back by itself."""

import errno
import http.client
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess

import pytest
import zk
from hook_load import Load
from test_monitor_alerts import Sink
from zk import wait_until, webhook


def metric(stack, name):
    text = stack.get_ingest("/metrics")[2].decode()
    return next((float(line.split()[-1]) for line in text.splitlines() if line.startswith(name)), None)


def is_503(answer):
    status, headers, body = answer
    if status != 503:
        return False
    assert int(headers["Retry-After"]) >= 1
    assert json.loads(body)["error"] in ("not_stored", "busy")
    return True


def check_comes_back(stack, stored):
    """It takes webhooks again without a hand, and lost nothing."""
    wait_until("it is ready again", lambda: stack.get_ingest("/ready")[0] == 200)
    wait_until("it takes webhooks again", lambda: stack.post(webhook(message_id="after"))[0] == 200)
    wait_until("the metric says so", lambda: metric(stack, "zapkeep_ingest_writable") == 1)
    ids = [row["message_id"] for row in stack.events()]
    assert ids == stored + ["after"]
    assert stack.processes["ingest"].text().count("event-log-works") == 1


# ---- full ----------------------------------------------------------------------------------------------------------

@pytest.mark.files
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_a_disk_that_takes_no_writes(stack, faults, code):
    p = stack.ingest(**faults.env)
    assert stack.post(webhook(message_id="before"))[0] == 200
    faults(f"write {code} events.db-wal", f"write {code} events.db")
    for i in range(5):
        assert is_503(stack.post(webhook(message_id=f"not{i}")))
    assert [row["message_id"] for row in stack.events()] == ["before"]  # reads go on
    assert wait_until("/ready says no", lambda: stack.get_ingest("/ready")[0] == 503)
    wait_until("the metric says so", lambda: metric(stack, "zapkeep_ingest_writable") == 0)
    assert p.text().count("event-log-failed") == 1, "one line, not one for each"
    assert stack.get_ingest("/health")[0] == 200
    faults()
    check_comes_back(stack, ["before"])


def mount_small(path, size):
    os.makedirs(path, exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], capture_output=True)
    if done.returncode != 0:
        pytest.skip("mounting a small disk needs root")


@pytest.mark.files
def test_a_disk_that_fills_up(make_stack):
    stack = make_stack()
    mount_small(stack.data, "3m")
    try:
        stack.ingest()
        load = Load(stack, threads=4, retry=False).start()
        wait_until("the disk is full", lambda: load.codes[503] > 20)
        load.stop()
        kept = [row["message_id"] for row in stack.events()]
        assert set(load.answered) <= set(kept)
        assert len(kept) == len(set(kept))
        assert metric(stack, "zapkeep_ingest_disk_free_bytes") < 1024 * 1024
        subprocess.run(["mount", "-o", "remount,size=30m", stack.data], check=True)
        wait_until("it takes webhooks again", lambda: stack.post(webhook(message_id="after"))[0] == 200)
        assert [row["message_id"] for row in stack.events()] == kept + ["after"]
        assert stack.processes["ingest"].stop() == 0
    finally:
        stack.kill_all()
        subprocess.run(["umount", "-l", stack.data], check=True)


@pytest.mark.files
def test_a_disk_that_is_full_at_the_start(make_stack):
    stack = make_stack()
    mount_small(stack.data, "1m")
    try:
        filler = os.open(os.path.join(stack.data, "filler"), os.O_CREAT | os.O_WRONLY)
        try:
            while os.write(filler, b"x" * 4096):
                pass
        except OSError:
            os.close(filler)
        p = stack.ingest(ready=False)
        wait_until("it answers", lambda: is_503(stack.post(webhook(message_id="early"))))
        assert stack.get_ingest("/ready")[0] == 503
        os.unlink(os.path.join(stack.data, "filler"))
        wait_until("it takes webhooks", lambda: stack.post(webhook(message_id="early"))[0] == 200)
        assert p.running() and len(stack.events()) == 1
    finally:
        stack.kill_all()
        subprocess.run(["umount", "-l", stack.data], check=True)


@pytest.mark.files
def test_a_file_that_may_not_grow(stack):
    """Without root: a limit on the size of files, which SQLite meets as EFBIG."""
    argv = ["prlimit", "--fsize=400000", os.path.join(zk.BIN, "zapkeep-ingest")]
    if not shutil.which("prlimit"):
        pytest.skip("needs prlimit (util-linux)")
    p = stack.processes["ingest"] = zk.Process("ingest", argv, stack.env, stack.logs)
    wait_until("ingest is ready", lambda: stack.get_ingest("/ready")[0] == 200)
    load = Load(stack, threads=2, retry=False).start()
    wait_until("there is no room", lambda: load.codes[503] > 5)
    load.stop()
    assert set(load.answered) <= {row["message_id"] for row in stack.events()}
    assert p.running() and "disk full" in p.text()


# ---- slow ----------------------------------------------------------------------------------------------------------

@pytest.mark.files
def test_a_slow_disk_is_not_ready_and_loses_nothing(stack, faults):
    stack.ingest(**faults.env)
    faults("sync -2500 events.db-wal")
    load = Load(stack, threads=4).start()
    wait_until("/ready says no", lambda: stack.get_ingest("/ready")[0] == 503)
    assert stack.get_ingest("/health")[0] == 200  # the loop runs while the disk does not
    faults()
    wait_until("/ready says yes", lambda: stack.get_ingest("/ready")[0] == 200)
    load.stop()
    load.check()


@pytest.mark.files
def test_too_much_waiting_is_shed(stack, faults):
    """A disk that hangs: the queue is bounded, the rest is answered 503; then all of it is stored."""
    stack.ingest(**faults.env)
    faults("sync -3000 events.db-wal")
    sockets = []
    for i in range(320):  # 320 MB, of which 256 MiB may wait
        body = webhook(message_id=f"M{i}", text="x" * 1000 * 1000)
        s = socket.create_connection(("127.0.0.1", stack.ports["ingest"]), timeout=120)
        s.sendall((f"POST /api/v1/messages/webhook HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {stack.token}\r\n"
                   f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n" + body).encode())
        sockets.append(s)
    memory = stack.processes["ingest"].rss_kib()
    faults()
    codes = [int(s.recv(65536).split(b" ")[1]) for s in sockets]
    for s in sockets:
        s.close()
    # How many are stored is for the machine to say: on a busy one the bodies being read at once are too many before
    # those that wait are.
    assert set(codes) == {200, 503} and codes.count(200) > 16
    assert codes.count(200) == len(stack.events())
    if "asan" not in zk.BIN:  # it keeps freed memory for a while
        assert memory < 400 * 1024, "waiting bodies are bounded"
    assert stack.post(webhook(message_id="after"))[0] == 200


# ---- failing -------------------------------------------------------------------------------------------------------

@pytest.mark.files
def test_a_failed_fsync_ends_the_process_which_recovers(stack, faults):
    p = stack.ingest(**faults.env)
    assert stack.post(webhook(message_id="before"))[0] == 200
    faults("sync 5 events.db-wal")
    assert is_503(stack.post(webhook(message_id="unknown")))
    assert p.popen.wait(zk.PATIENCE) == 1
    assert "event-log-sync-failed" in p.text()
    faults()
    stack.ingest(**faults.env)
    first = json.loads(stack.post(webhook(message_id="unknown", at=1))[2])  # another event
    assert first["status"] == "accepted"
    ids = [row["message_id"] for row in stack.events()]
    assert ids[0] == "before" and ids[-1] == "unknown"


@pytest.mark.files
def test_the_senders_retry_after_a_failed_fsync_is_stored_once(stack, faults):
    stack.ingest(**faults.env)
    body = webhook(message_id="again")
    faults("sync 5 events.db-wal")
    assert is_503(stack.post(body))
    assert stack.processes["ingest"].popen.wait(zk.PATIENCE) == 1
    faults()
    stack.ingest(**faults.env)
    assert stack.post(body)[0] == 200
    assert stack.post(body)[0] == 200
    assert [row["message_id"] for row in stack.events()] == ["again"]


@pytest.mark.files
def test_a_failed_fsync_of_a_checkpoint_loses_nothing(stack, faults):
    p = stack.ingest(**faults.env)
    load = Load(stack, threads=4)
    faults("sync 5 events.db")
    load.start()
    wait_until("a checkpoint failed", lambda: not p.running())
    faults()
    stack.ingest(**faults.env)
    wait_until("webhooks are answered again", lambda: load.codes[200] > 50)
    load.stop()
    load.check()


# ---- readers that hold on ------------------------------------------------------------------------------------------

def hold_snapshot(stack):
    """A person with a shell on events.db leaves a read transaction open."""
    script = ("import sqlite3, sys, time\n"
              f"c = sqlite3.connect('file:{stack.data}/events.db?mode=ro', uri=True, isolation_level=None)\n"
              "c.execute('begin'); c.execute('select max(seq) from event').fetchone()\n"
              "print('held', flush=True); time.sleep(600)\n")
    p = subprocess.Popen(["python3", "-c", script], stdout=subprocess.PIPE, text=True)
    assert p.stdout.readline() == "held\n"
    return p


def wal_bytes(stack):
    return os.path.getsize(os.path.join(stack.data, "events.db-wal"))


@pytest.mark.files
def test_a_reader_that_holds_a_snapshot_is_named_and_bounded(make_stack):
    cap = 4 * 1024 * 1024
    stack = make_stack(ZAPKEEP_WAL_SIZE=str(cap))
    p = stack.ingest()
    assert stack.post(webhook(message_id="first"))[0] == 200
    holder = hold_snapshot(stack)
    try:
        load = Load(stack, threads=4, retry=False).start()
        wait_until("webhooks are answered 503", lambda: load.codes[503] > 20)
        load.stop()
        assert wal_bytes(stack) < cap + 2 * 1024 * 1024
        wait_until("the holder is named", lambda: re.search(rf"wal-held .*pid={holder.pid} ", p.text()))
        assert stack.get_ingest("/ready")[0] == 503
        assert is_503(stack.post(webhook(message_id="held")))
        assert set(load.answered) <= {row["message_id"] for row in stack.events()}  # readers read
    finally:
        holder.kill()
        holder.wait()
    wait_until("webhooks are answered", lambda: stack.post(webhook(message_id="after"))[0] == 200)
    assert "wal-free" in p.text()
    assert wal_bytes(stack) < cap
    load.check()


@pytest.mark.files
def test_our_own_readers_do_not_hold_the_wal(make_stack):
    stack = make_stack(ZAPKEEP_WAL_SIZE="16MiB")
    p = stack.ingest()
    taps = []
    try:
        for i in range(3):
            with open(os.path.join(stack.dir, f"tapped{i}"), "w") as f:
                taps.append(subprocess.Popen([os.path.join(zk.BIN, "zapkeep"), "tap", "--json", "--from", "1"],
                                             env=stack.env, stdout=f))
        load = Load(stack, threads=6).start()
        wait_until("some thousand are stored", lambda: load.count() > 8000)
        load.stop()
        assert "wal-" not in p.text()
        assert wal_bytes(stack) < 12 * 1024 * 1024
        wait_until("all taps have them", lambda: all(
            sum(1 for _ in open(os.path.join(stack.dir, f"tapped{i}"))) >= load.count() for i in range(3)))
    finally:
        for tap in taps:
            tap.send_signal(signal.SIGTERM)
            tap.wait(zk.PATIENCE)


# ---- owners and files ----------------------------------------------------------------------------------------------

@pytest.mark.files
def test_a_second_ingest_is_one_clear_line(stack):
    first = stack.ingest()
    second = stack.start("second", "zapkeep-ingest", ZAPKEEP_INGEST_LISTEN=f"127.0.0.1:{zk.free_port()}")
    assert second.popen.wait(zk.PATIENCE) == 3
    lines = second.text().strip().splitlines()
    assert len(lines) == 1 and f"pid {first.pid}" in lines[0] and "events.db" in lines[0]
    assert stack.post(webhook())[0] == 200
    first.kill()
    stack.ingest()  # the lock goes with its process


def test_a_port_in_use_is_one_clear_line(stack, make_stack):
    stack.ingest()
    other = make_stack(ZAPKEEP_INGEST_LISTEN=f"127.0.0.1:{stack.ports['ingest']}")
    p = other.ingest(ready=False)
    assert p.popen.wait(zk.PATIENCE) == 3
    lines = p.text().strip().splitlines()
    assert len(lines) == 1 and "ZAPKEEP_INGEST_LISTEN" in lines[0]


@pytest.mark.files
def test_a_log_of_a_newer_version_and_one_that_is_none(make_stack):
    newer = make_stack()
    newer.ingest()
    newer.processes["ingest"].stop()
    with sqlite3.connect(os.path.join(newer.data, "events.db")) as db:
        db.execute("pragma user_version = 99")
    none = make_stack()
    with open(os.path.join(none.data, "events.db"), "w") as f:
        f.write("this is a text, and a text is no database" * 100)
    for stack, words in ((newer, "newer zapkeep"), (none, "not a zapkeep database")):
        p = stack.ingest(ready=False)
        assert p.popen.wait(zk.PATIENCE) == 3
        assert words in p.text().strip().splitlines()[-1]


# ---- retention and backup ------------------------------------------------------------------------------------------

def test_retention_by_size_removes_the_oldest(make_stack):
    stack = make_stack(ZAPKEEP_RETENTION_SIZE="1MiB", ZAPKEEP_RETENTION_HARD_SIZE="2MiB")
    stack.ingest()
    load = Load(stack, threads=4).start()
    wait_until("more is sent than fits", lambda: load.count() > 6000)
    load.stop()
    wait_until("the oldest are gone", lambda: stack.events()[0]["seq"] > 1)
    rows = stack.events()
    assert [r["seq"] for r in rows] == list(range(rows[0]["seq"], rows[-1]["seq"] + 1))
    assert rows[-1]["seq"] == max(load.answered.values())
    if not stack.store:
        size = os.path.getsize(os.path.join(stack.data, "events.db"))
        assert size < 4 * 1024 * 1024, "freed pages are used again"


def test_something_that_gives_way_at_the_disk_limit_is_an_alert(make_stack):
    sink = Sink()
    stack = make_stack(ZAPKEEP_DISK_SIZE="1MiB", ALERT_URL=sink.url + "/alerts")
    p = stack.ingest()
    stack.sim("contract", "--sessions", "0")
    stack.monitor()
    load = Load(stack, threads=4).start()
    wait_until("the sink has it", lambda: ("disk-limit", "", "firing") in sink.alerts())
    load.stop()
    assert p.text().count("error webhook-ingest disk-limit ") == 1
    p.stop()
    stack.ingest(ZAPKEEP_DISK_SIZE="1GiB")  # an operator made it larger
    wait_until("it is resolved", lambda: ("disk-limit", "", "resolved") in sink.alerts())
    sink.close()


def register(stack, consumer):
    """A consumer that has read nothing. (With a cursor past 0 ingest would ask for its log.)"""
    if not stack.store:
        with sqlite3.connect(os.path.join(stack.data, "state.db")) as db:  # as the monitor makes it
            db.execute("create table cursor (consumer text primary key, seq integer, at integer)")
    stack.sql("state", f"INSERT INTO cursor (consumer, seq, at) VALUES ('{consumer}', 0, 0)")


def test_retention_waits_for_a_registered_consumer(make_stack):
    stack = make_stack(ZAPKEEP_RETENTION_SIZE="1MiB", ZAPKEEP_RETENTION_HARD_SIZE="1GiB")
    register(stack, "somebody")
    p = stack.ingest()
    stack.sql("state", "UPDATE cursor SET seq = 100")
    load = Load(stack, threads=4).start()
    wait_until("more is sent than fits", lambda: load.count() > 6000)
    load.stop()
    wait_until("it is said", lambda: "retention-held" in p.text())
    wait_until("what was read is gone", lambda: stack.events()[0]["seq"] == 101)
    stack.sql("state", "UPDATE cursor SET seq = 3000")
    wait_until("what was read now is gone", lambda: stack.events()[0]["seq"] > 1000)
    assert stack.events()[0]["seq"] <= 3001


def test_the_hard_size_is_stronger_than_a_consumer_and_loud(make_stack):
    stack = make_stack(ZAPKEEP_RETENTION_SIZE="1MiB", ZAPKEEP_RETENTION_HARD_SIZE="2MiB")
    register(stack, "gone")
    p = stack.ingest()
    load = Load(stack, threads=4).start()
    wait_until("it is said", lambda: re.search(r"error webhook-ingest retention-forced .*events=\d+", p.text()))
    load.stop()
    assert metric(stack, 'zapkeep_ingest_removed_total{what="unread_events"}') > 0
    seqs = [row["seq"] for row in stack.events()]
    assert seqs == list(range(seqs[0], seqs[-1] + 1)) and seqs[0] > 1 and seqs[-1] == max(load.answered.values())


@pytest.mark.files
def test_backup_while_it_is_written(stack):
    stack.ingest()
    load = Load(stack, threads=6).start()
    wait_until("there is a log", lambda: load.count() > 3000)
    to = os.path.join(stack.dir, "copy")
    before = load.count()
    done = stack.cli("backup", to, "--json", check=True)
    load.stop()
    events = json.loads(done.stdout.splitlines()[-1])["events"]
    assert events >= before
    again = stack.cli("backup", to)
    assert again.returncode == 2 and "already" in again.stderr
    # A zapkeep on the copy goes on where it ends, and knows a retry.
    message, seq = next((m, s) for m, s in load.answered.items() if s < before)
    row = next(r for r in stack.events("--from", str(seq)) if r["seq"] == seq)
    stack.processes["ingest"].stop()
    rows = stack.events()
    stack.ingest(ZAPKEEP_DATA_DIR=to)
    assert json.loads(stack.post(json.dumps(row["body"], separators=(",", ":")))[2]) == {"status": "duplicate",
                                                                                         "seq": seq}
    assert json.loads(stack.post(webhook(message_id="new"))[2])["seq"] == events + 1
    copied = stack.cli_json("events", "--limit", "0", ZAPKEEP_DATA_DIR=to)
    assert copied[:-1] == rows[:events]


@pytest.mark.files
def test_events_after_a_restore_have_ids_of_their_own(stack):
    """Events after the backup get seqs that were given before. A receiver that remembers ids must not take it for a repeat."""
    stack.env.update({f"ZAPKEEP_BUS_{name}": f"ipc://{stack.data}/bus-{name.lower()}.sock" for name in ("IN", "OUT", "FEED")})
    stack.hub()
    stack.ingest()

    def take(*message_ids):
        for message_id in message_ids:
            assert stack.post(webhook(message_id=message_id))[0] == 200

    def ids(data):
        return [row["id"] for row in stack.cli_json("events", "--limit", "0", ZAPKEEP_DATA_DIR=data)]

    def go_on_with(data):
        stack.processes["ingest"].stop()
        stack.env["ZAPKEEP_DATA_DIR"] = data
        stack.ingest()

    first, second = os.path.join(stack.dir, "first"), os.path.join(stack.dir, "second")
    take("a", "b")
    stack.cli("backup", first, check=True)
    take("c", "d")
    lost = ids(stack.data)
    go_on_with(first)
    tap = stack.tap("message.")
    take("e", "f")
    restored = ids(first)
    assert restored[:2] == lost[:2] and len(restored) == 4 and not set(restored[2:]) & set(lost)
    wait_until("the bus says the same", lambda: {m["id"] for m in tap.json()} >= set(restored[2:]))
    stack.cli("backup", second, check=True)
    take("g")
    go_on_with(second)
    take("h")
    assert ids(second)[:4] == restored and ids(second)[4] not in ids(first)


# ---- restart -------------------------------------------------------------------------------------------------------

def start_activated(stack, listener):
    """As systemd does: the listening socket is descriptor 3."""
    code = ("import os, sys\n"
            "os.dup2(int(sys.argv[1]), 3); os.set_inheritable(3, True)\n"
            "os.environ['LISTEN_PID'] = str(os.getpid()); os.environ['LISTEN_FDS'] = '1'\n"
            "os.execv(sys.argv[2], sys.argv[2:])\n")
    with open(os.path.join(stack.logs, "activated.log"), "ab") as log:
        return subprocess.Popen(["python3", "-c", code, str(listener.fileno()), os.path.join(zk.BIN, "zapkeep-ingest")],
                                env=stack.env, pass_fds=[listener.fileno()], stderr=log)


def test_a_restart_by_socket_activation_refuses_no_connection(stack, monkeypatch):
    refused = []
    connect = http.client.HTTPConnection.connect

    def watched(self):
        try:
            connect(self)
        except ConnectionRefusedError as e:
            refused.append(e)
            raise

    monkeypatch.setattr(http.client.HTTPConnection, "connect", watched)
    load = Load(stack, threads=4)
    with socket.create_server(("127.0.0.1", stack.ports["ingest"]), backlog=1024) as listener:
        p = start_activated(stack, listener)
        load.start()
        for _ in range(4):
            want = load.count() + 100
            wait_until("webhooks are answered", lambda: load.count() >= want)
            p.send_signal(signal.SIGTERM)
            assert p.wait(zk.PATIENCE) == 0
            p = start_activated(stack, listener)
        wait_until("webhooks are answered", lambda: load.count() >= want + 100)
        load.stop()
        p.terminate()
        p.wait()
    assert not refused
    load.check()
