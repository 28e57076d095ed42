"""The stores as files: replaced or removed below a running service, damaged, of a newer zapkeep."""

import os
import shutil
import sqlite3

import pytest
import zk
from zk import wait_until, webhook


def replace(data):
    """Another file stands at its place, as after a restore by hand or a mount."""
    remove(data)
    with open(os.path.join(data, "events.db"), "wb"):
        pass


def remove(data):
    os.rename(os.path.join(data, "events.db"), os.path.join(data, "events.aside"))


def move_folder(data):
    os.rename(data, data + ".aside")


def put_back(data):
    if os.path.exists(data + ".aside"):
        shutil.rmtree(data, ignore_errors=True)
        os.rename(data + ".aside", data)
    else:
        os.replace(os.path.join(data, "events.aside"), os.path.join(data, "events.db"))


# ---- the file under a writer ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("lose", [replace, remove, move_folder])
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
