"""The forwarder and its log: the events that the cursor holds back, and a log that lost events or was replaced."""

import os
import shutil

import pytest
from forwarding import post_events
from zk import wait_until


def cursor(stack):
    rows = stack.sql("state", "SELECT seq FROM cursor WHERE consumer = 'forwarder'")
    return rows[0][0] if rows else None


def cut_log(stack, seq):
    """As retention at its hard limit: the oldest events are gone, delivered or not."""
    assert stack.processes["ingest"].stop() == 0
    stack.sql("events", f"DELETE FROM event WHERE seq <= {seq}")
    stack.ingest()


def replace_log(stack):
    """Another log is in the place of this one: it has an id of its own and no events."""
    if stack.store:  # one transaction
        stack.sql("events", "DELETE FROM event; DELETE FROM dedupe; DELETE FROM mark; DELETE FROM batch; UPDATE log_head SET seq = 0;"
                            " DELETE FROM meta WHERE key LIKE 'id@%'; UPDATE meta SET value = '0badcafe' WHERE key = 'id'")
    for name in filter(lambda name: name in ("events.db", "events.db-wal", "events.db-shm"), os.listdir(stack.data)):
        os.unlink(os.path.join(stack.data, name))


def dead(stack):
    return stack.cli_json("forward", "dead", "list")


def test_the_cursor_stays_before_what_waits(stack, make_backend):
    fails = {"alpha"}
    backend = make_backend(lambda d: 500 if d.session in fails and d.seq > 2 else 200)
    stack.hub()
    stack.ingest()
    stack.forward(BACKEND_URL=backend.url, FORWARD_RETRY_SCHEDULE="0s,1s" + ",1s" * 28)
    seqs = post_events(stack, 20, ("alpha", "beta"))
    backend.wait(11)
    wait_until("the cursor is saved", lambda: (cursor(stack) or 0) > 0)
    assert cursor(stack) == 2  # 3 failed, 5 and more are held behind it
    assert stack.cli_json("forward", "status")[0]["blocked"] == 8
    fails.clear()
    backend.wait(20)
    wait_until("the cursor follows", lambda: cursor(stack) == seqs[-1])


@pytest.mark.files
def test_a_log_that_was_put_back_goes_on_with_other_events(stack, make_backend):
    """The stores of a backup replace those that are there, and the forwarder's notes beside them stay. The events that come now
    have the seqs of others that were taken."""
    backend = make_backend()
    stack.env.update(BACKEND_URL=backend.url)
    stack.ingest()
    stack.forward()
    post_events(stack, 5)
    backend.wait(5)
    assert stack.processes["forward"].stop() == 0
    assert stack.processes["ingest"].stop() == 0
    backup = stack.file("backup", "") + ".d"
    shutil.copytree(stack.data, backup)
    stack.ingest()
    stack.forward()
    post_events(stack, 5, prefix="L")
    backend.wait(10)
    stack.processes["forward"].kill()
    assert stack.processes["ingest"].stop() == 0
    for name in os.listdir(stack.data):
        if ".db" in name:
            os.remove(os.path.join(stack.data, name))
    for name in os.listdir(backup):
        if ".db" in name:
            shutil.copy(os.path.join(backup, name), stack.data)
    stack.ingest()
    post_events(stack, 5, prefix="N")
    stack.forward()
    assert {d.message_id for d in backend.wait(15)[10:]} == {f"N{i}" for i in range(5)}


def test_events_that_waited_and_are_gone_are_dead_letters(stack, make_backend):
    fails = {"alpha"}
    backend = make_backend(lambda d: 500 if d.session in fails else 200)
    stack.hub()
    stack.ingest()
    stack.forward(BACKEND_URL=backend.url, FORWARD_RETRY_SCHEDULE="0s,1s,1s,1s")
    post_events(stack, 10, ("alpha", "beta"))
    backend.wait(5)
    wait_until("the others are held", lambda: stack.cli_json("forward", "status")[0]["blocked"] == 4)
    stack.processes["forward"].kill()
    cut_log(stack, 5)
    fails.clear()
    stack.forward(BACKEND_URL=backend.url)
    assert [d.seq for d in backend.wait(2, lambda d: d.session == "alpha")] == [7, 9]
    assert [d["seq"] for d in dead(stack)] == [1, 3, 5]
    assert all("hard limit" in d["reason"] for d in dead(stack))
    assert stack.cli("forward", "dead", "retry", "--all").returncode == 1  # there is nothing to send
    assert "event-lost" in stack.processes["forward"].text()


def test_events_that_were_gone_before_they_were_read_are_one_dead_letter(stack, make_backend):
    backend = make_backend()
    stack.hub()
    stack.ingest()
    stack.forward(BACKEND_URL=backend.url)
    post_events(stack, 10, ("alpha", "beta"))
    backend.wait(10)
    assert stack.processes["forward"].stop() == 0
    post_events(stack, 10, ("alpha", "beta"), prefix="N")
    cut_log(stack, 15)
    stack.forward(BACKEND_URL=backend.url)
    assert sorted(d.seq for d in backend.wait(15)) == [*range(1, 11), *range(16, 21)]
    (letter,) = dead(stack)
    assert letter["seq"] == 11 and letter["reason"].startswith("5 events, seq 11 to 15, ")
    wait_until("the cursor follows", lambda: cursor(stack) == 20)


def test_another_log_is_delivered_from_its_start(stack, make_backend):
    backend = make_backend()
    stack.hub()
    stack.ingest()
    p = stack.forward(BACKEND_URL=backend.url)
    post_events(stack, 5)
    backend.wait(5)
    assert stack.processes["ingest"].stop() == 0
    replace_log(stack)
    stack.ingest()
    post_events(stack, 3, prefix="X")
    taken = backend.wait(8)
    assert len({d.id for d in taken}) == 8 and sorted(d.seq for d in taken[5:]) == [1, 2, 3]
    assert "other-log" in p.text()
    assert p.stop() == 0
    stack.forward(BACKEND_URL=backend.url)
    post_events(stack, 1, prefix="Y")
    assert [d.seq for d in backend.wait(9)[8:]] == [4]
