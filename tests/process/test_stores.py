"""The stores as files: replaced or removed below a running service, damaged, of a newer zapkeep."""

import os
import shutil
import sqlite3

import pytest
import zk
from forwarding import post_events
from zk import wait_until, webhook


pytestmark = pytest.mark.files


def replace(data):
    """Another file stands at its place, as after a restore by hand or a mount."""
    remove(data)
    with open(os.path.join(data, "events.db"), "wb"):
        pass


def remove(data):
    os.rename(os.path.join(data, "events.db"), os.path.join(data, "events.aside"))


def move_folder(data):
    os.rename(data, data + ".aside")


def remove_wal(data):
    os.remove(os.path.join(data, "events.db-wal"))


def put_back(data):
    if not os.path.exists(os.path.join(data, "events.db-wal")) and os.path.exists(os.path.join(data, "events.db")):
        return  # all of the log has been copied into events.db
    if os.path.exists(data + ".aside"):
        shutil.rmtree(data, ignore_errors=True)
        os.rename(data + ".aside", data)
    else:
        os.replace(os.path.join(data, "events.aside"), os.path.join(data, "events.db"))


# ---- the file under a writer ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("lose", [replace, remove, move_folder, remove_wal])
def test_no_webhook_is_answered_2xx_into_a_log_that_is_gone(stack, lose):
    p = stack.ingest()
    assert stack.post(webhook(message_id="before"))[0] == 200
    lose(stack.data)
    for i in range(3):
        try:
            assert stack.post(webhook(message_id=f"after{i}"))[0] == 503
        except OSError:
            break  # it has ended
    wait_until("it ends, to open what is there", lambda: not p.running())
    assert p.text().count("event-log-replaced") == 1, "one loud line"
    put_back(stack.data)
    stack.ingest()
    assert "before" in [row["message_id"] for row in stack.events()]


def test_monitor_and_worker_go_on_in_a_state_db_that_was_put_back(stack):
    stack.sim("contract", "--sessions=3")
    stack.hub()
    stack.monitor(CHECK_INTERVAL="200ms")
    stack.worker()
    stack.wait_session("demo-1", "connected")
    path = os.path.join(stack.data, "state.db")
    os.rename(path, path + ".aside")
    wait_until("somebody makes a new one", lambda: os.path.exists(path))
    wait_until("the monitor is at work in it", lambda: rows(path, "select count(*) from session") == 3)
    stack.control("POST", "/drop?session=demo-1&code=428")
    wait_until("the worker, too", lambda: rows(path, "select count(*) from attempt") >= 1)


def rows(path, sql):
    try:
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
        try:
            return db.execute(sql).fetchone()[0]
        finally:
            db.close()
    except sqlite3.OperationalError:
        return None


def move(file):
    """Away, with its WAL: a rename or an rm."""
    for suffix in ("", "-wal", "-shm"):
        os.rename(file + suffix, file + suffix + ".aside")


def move_and_put(file):
    move(file)
    shutil.copy(file + ".aside", file)  # an older one stands at its place


@pytest.mark.parametrize("lose", [move, move_and_put, move_folder])
def test_a_forward_db_that_is_gone_is_noticed_and_every_event_arrives(stack, make_backend, lose):
    """An acknowledgement that went into the file which is gone is made once more: at least once, in order."""
    backend = make_backend()
    stack.ingest()
    p = stack.forward(BACKEND_URL=backend.url)
    post_events(stack, 20, ["a", "b"])
    backend.wait(20)
    path = os.path.join(stack.data, "forward.db")
    lose(stack.data if lose is move_folder else path)
    wait_until("it is said, once and loudly", lambda: p.text().count("store-replaced") == 1, needs=p)
    if lose is move_folder:
        wait_until("it says that it is not ready", lambda: stack.get_forward("/ready")[0] == 503, needs=p)
        put_back(stack.data)
        wait_until("it works again", lambda: stack.get_forward("/ready")[0] == 200, needs=p)
        stack.processes["ingest"].kill()
        stack.ingest()
    late = post_events(stack, 20, ["a", "b"], prefix="late")
    wait_until("they arrive", lambda: set(late) <= {d.seq for d in backend.taken()}, needs=p)
    for name in ("a", "b"):
        seqs = [d.seq for d in backend.taken(lambda d, name=name: d.session == name and d.seq >= late[0])]
        assert seqs == sorted(set(seqs)), "late ones are in order, each once"
    assert p.text().count("store-replaced") == 1


# ---- a log that is missing -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("lose", [remove, replace])
def test_a_log_that_state_db_knows_is_not_begun_anew_unless_that_is_meant(stack, lose):
    stack.hub()
    stack.sim("contract", "--sessions=1")
    stack.ingest()
    stack.monitor()  # a consumer with a cursor
    assert stack.post(webhook(message_id="before"))[0] == 200
    state = os.path.join(stack.data, "state.db")
    wait_until("the monitor has read it", lambda: (rows(state, "select max(seq) from cursor") or 0) > 0)
    stack.processes["ingest"].stop()
    stack.processes["monitor"].stop()
    lose(stack.data)
    for suffix in ("-wal", "-shm", "-id"):
        if os.path.exists(os.path.join(stack.data, "events.db" + suffix)):
            os.remove(os.path.join(stack.data, "events.db" + suffix))
    p = stack.ingest(ready=False)
    wait_until("it ends", lambda: not p.running())
    assert "volume is mounted" in p.text() and "--new-log" in p.text()
    stack.start("ingest", "zapkeep-ingest", "--new-log")
    wait_until("it takes webhooks", lambda: stack.get_ingest("/ready")[0] == 200)
    assert stack.post(webhook(message_id="after"))[0] == 200
    assert [row["message_id"] for row in stack.events()] == ["after"]


# ---- files that cannot be used -------------------------------------------------------------------------------------

def test_what_cannot_be_opened_is_said_in_words(stack):
    garbage = os.path.join(stack.data, "events.db")
    with open(garbage, "w") as f:
        f.write("no database " * 400)
    p = stack.start("ingest", "zapkeep-ingest", ZAPKEEP_INGEST_LISTEN=f"127.0.0.1:{zk.free_port()}")
    wait_until("it ends", lambda: not p.running())
    assert "not a zapkeep database, or it is damaged" in p.text() and "restore" in p.text()
    path = os.path.join(stack.data, "state.db")
    db = sqlite3.connect(path)
    db.execute("pragma user_version = 99")
    db.commit()
    db.close()
    answer = stack.cli("status")
    assert answer.returncode == 3 and "newer zapkeep (schema 99, this one knows" in answer.stderr


# ---- restoring -----------------------------------------------------------------------------------------------------

def backup_of(stack, tmp_path, name="backup"):
    """A backup of a log with one event, `kept`, taken while it is written."""
    stack.ingest()
    assert stack.post(webhook(message_id="kept"))[0] == 200
    folder = str(tmp_path / name)
    stack.cli("backup", folder, check=True)
    return folder


def ids(stack):
    return [row["message_id"] for row in stack.events()]


def test_restore_puts_a_backup_in_place(stack, tmp_path):
    folder = backup_of(stack, tmp_path)
    assert stack.post(webhook(message_id="later"))[0] == 200
    refused = stack.cli("restore", folder)
    assert refused.returncode == 3 and "stop zapkeep first" in refused.stderr
    stack.processes["ingest"].kill()  # its WAL stays
    assert os.path.getsize(os.path.join(stack.data, "events.db-wal")) > 0
    done = stack.cli_json("restore", folder)[0]
    assert sorted(os.listdir(done["aside"]))[:1] == ["events.db"]
    assert "events.db-wal" in os.listdir(done["aside"]) and "events.db-wal" not in os.listdir(stack.data)
    stack.ingest()
    assert ids(stack) == ["kept"]
    assert stack.post(webhook(message_id="after"))[0] == 200
    assert ids(stack) == ["kept", "after"]


def test_a_restore_is_in_the_audit_list_of_the_restored_store(stack, tmp_path):
    stack.sim("zapw", "--sessions", "1")
    stack.monitor()
    stack.wait_session("demo-1", "connected")
    folder = backup_of(stack, tmp_path)
    for name in ("monitor", "ingest"):
        stack.processes[name].stop()
    stack.cli("restore", folder, check=True)
    assert [(r["action"], r["detail"]) for r in stack.cli_json("audit")] == [("store.restore", folder)]


def test_restore_refuses_what_is_no_backup_and_changes_nothing(stack, tmp_path):
    folder = backup_of(stack, tmp_path)
    stack.processes["ingest"].stop()
    with open(os.path.join(folder, "events.db"), "r+b") as f:
        f.seek(4096)
        f.write(b"\xff" * 8192)
    before = sorted(os.listdir(stack.data))
    refused = stack.cli("restore", folder)
    assert refused.returncode == 3 and "damaged" in refused.stderr and "nothing was changed" in refused.stderr
    assert stack.cli("restore", str(tmp_path)).returncode == 2
    assert sorted(os.listdir(stack.data)) == before
    stack.ingest()
    assert ids(stack) == ["kept"]


def test_a_worker_alone_keeps_restore_from_starting(stack, tmp_path):
    folder = backup_of(stack, tmp_path)
    stack.processes["ingest"].stop()
    stack.hub()
    p = stack.worker()
    wait_until("it has state.db open", lambda: "has a store in" in stack.cli("restore", folder).stderr, needs=p)


@pytest.mark.parametrize("start", ["ingest", "forward"])
def test_a_copy_that_was_put_over_a_crashed_store_is_refused(stack, tmp_path, start):
    """cp backup/* data/, with the write-ahead log of the crash still there: nothing is mixed, and it is said."""
    stack.hub()
    stack.ingest()
    stack.forward(BACKEND_URL="http://127.0.0.1:9")
    assert stack.post(webhook(message_id="kept"))[0] == 200
    folder = str(tmp_path / "backup")
    stack.cli("backup", folder, check=True)
    assert stack.post(webhook(message_id="later"))[0] == 200
    wait_until("it is in forward.db's log", lambda: os.path.getsize(os.path.join(stack.data, "forward.db-wal")) > 0)
    stack.processes["ingest"].kill()
    stack.processes["forward"].kill()
    file = "events.db" if start == "ingest" else "forward.db"
    with open(os.path.join(folder, file), "rb") as source, open(os.path.join(stack.data, file), "r+b") as target:
        target.truncate()
        shutil.copyfileobj(source, target)  # the same inode, as cp does it
    if start == "ingest":
        p = stack.ingest(ready=False)
        wait_until("it ends", lambda: not p.running())
    else:
        p = stack.forward(ready=False, BACKEND_URL="http://127.0.0.1:9")
    wait_until("it is said", lambda: any(text in p.text() for text in ("belongs to another database", "Structure needs cleaning")))
    stack.stop_all()
    stack.cli("restore", folder, check=True)
    stack.ingest()
    assert ids(stack) == ["kept"]


def test_a_crash_is_no_foreign_log(stack):
    """kill -9 at any time, many starts: the write-ahead log is recognised each time."""
    for i in range(6):
        p = stack.ingest()
        assert stack.post(webhook(message_id=f"m{i}"))[0] == 200
        p.kill()
    stack.ingest()
    assert ids(stack) == [f"m{i}" for i in range(6)]


def test_a_cursor_that_holds_up_retention_can_be_removed(stack):
    stack.hub()
    stack.sim("contract", "--sessions=1")
    stack.ingest()
    stack.monitor()
    assert stack.post(webhook(message_id="one"))[0] == 200
    wait_until("the monitor has a cursor", lambda: stack.cli_json("cursor", "list"))
    stack.processes["monitor"].stop()
    name = stack.cli_json("cursor", "list")[0]["consumer"]
    assert stack.cli("cursor", "remove", "nobody").returncode == 1
    stack.cli("cursor", "remove", name, check=True)
    assert stack.cli_json("cursor", "list") == []
