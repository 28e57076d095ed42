"""kill -9 of the forwarder and of its backend under load: nothing missing, order kept, few duplicates, each with its id."""

import os
import random
import time
import zlib

import pytest

from forwarding import CUT, FAILED, OK, BackendSim, Verdict, events_of, post_events
from hook_load import Load
from zk import wait_until

KILLS = 20
MANY_KILLS_S = 180  # "did it happen at all": in a database each kill of the forwarder costs a lease


def kills(stack):
    """Fewer in a database, where each waits for the end of a lease."""
    return 4 if stack.store else KILLS


CONCURRENCY = 8


EVENTS = [(1, "a", 11), (2, "b", 12), (3, "a", 13), (4, "b", 14)]


def row(seq, outcome=OK, log=7, in_batch=0, body=None, session=None):
    return (seq, 0, log, zlib.crc32((session or EVENTS[seq - 1][1]).encode()), body or EVENTS[seq - 1][2], 1, outcome, in_batch)


@pytest.mark.parametrize("rows, is_fine", [
    ([row(1), row(2), row(3), row(4)], True),
    ([row(2), row(1), row(4), row(3)], True),                            # sessions among each other have no order
    ([row(1, FAILED), row(2), row(1), row(3), row(4)], True),
    ([row(1), row(1), row(2), row(3), row(4)], True),                    # one duplicate was in flight
    ([row(1), row(1), row(2), row(2), row(3), row(4)], False),
    ([row(1), row(2), row(3)], False),                                   # missing
    ([row(1), row(2), row(3), row(4, CUT)], False),
    ([row(3), row(1), row(2), row(4)], False),                           # out of order
    ([row(1, FAILED), row(3, FAILED), row(1), row(3), row(2), row(4)], False),  # sent before the one before was taken
    ([row(1), row(2), row(3), row(4, log=8)], False),                    # another webhook-id
    ([row(1), row(2), row(3), row(4, body=15)], False),                  # another body
    ([row(1), row(2), row(3), row(4, session="a")], False),
    ([row(1), row(2), row(3), row(4), (5, *row(4)[1:])], False)])
def test_the_verdict_sees_what_it_is_for(rows, is_fine):
    verdict = Verdict(rows, EVENTS)
    if is_fine:
        verdict.check(in_flight=1)
    else:
        with pytest.raises(AssertionError):
            verdict.check(in_flight=1)


def test_20_kills_of_the_forwarder_and_the_backend_lose_nothing(stack):
    stack.hub()
    stack.ingest()
    backend = BackendSim(stack, "--fail", "10", "--cut", "2", "--slow", "2", "--slow-time", "20ms").start()
    stack.env.update(BACKEND_URL=backend.url, FORWARD_CONCURRENCY=str(CONCURRENCY), FORWARD_TIMEOUT="2s",
                     FORWARD_RETRY_SCHEDULE="0s," + ",".join(["20ms"] * 31))
    stack.forward(ready=False)
    load = Load(stack, threads=6).start()
    for i in range(kills(stack)):
        want = backend.distinct() + random.randrange(20, 120)
        wait_until(f"round {i}: deliveries are taken", lambda: backend.distinct() >= want, step=0.02)
        stack.processes["forward"].kill()
        if i % 2:
            backend.kill()
            backend.start()
        stack.forward(ready=False)
    load.stop()
    events = events_of(stack)
    wait_until("all are taken", lambda: backend.distinct() >= len(events), patience=MANY_KILLS_S, step=0.2)
    assert stack.processes["forward"].stop() == 0
    verdict = Verdict(backend.records.read(), events)
    verdict.check(in_flight=CONCURRENCY * (kills(stack) + kills(stack) // 2))
    assert stack.cli_json("forward", "dead", "list") == []


def test_phases_of_wrong_answers_limits_and_redirects_with_kills_between_lose_nothing(stack):
    """The small sister of `tests/bench/forward/run --only promises`. A schedule that an outage would use up at once, if it counted."""
    seed = random.randrange(10**6)
    print(f"random.seed({seed})")  # shown when it fails
    random.seed(seed)
    stack.hub()
    stack.ingest()
    backend = BackendSim(stack, "--fail", "5", "--cut", "1").start()
    stack.env.update(BACKEND_URL=backend.url, FORWARD_CONCURRENCY=str(CONCURRENCY), FORWARD_TIMEOUT="1s",
                     FORWARD_RETRY_SCHEDULE="0s," + ",".join(["20ms"] * 12))
    stack.forward(ready=False)
    load = Load(stack, threads=4).start()
    phases = random.sample([401, 404, 422, 429, 302, 500], 3)
    for i, status in enumerate(phases):
        want = backend.distinct() + random.randrange(20, 80)
        wait_until(f"phase {i}: deliveries are taken", lambda: backend.distinct() >= want, step=0.02)
        backend.faults(answer=status, fail=5, cut=1)
        time.sleep(0.5)
        if i % 2:
            stack.processes["forward"].kill()
            stack.forward(ready=False)
        backend.faults(fail=5, cut=1)
    load.stop()
    events = events_of(stack)
    wait_until("all are taken", lambda: backend.distinct() >= len(events), patience=MANY_KILLS_S, step=0.2)
    assert stack.processes["forward"].stop() == 0
    Verdict(backend.records.read(), events).check(in_flight=CONCURRENCY * 3)
    assert stack.cli_json("forward", "dead", "list") == []


def test_of_a_healthy_backend_a_kill_repeats_only_what_was_in_flight(stack):
    """Nothing fails, so nothing but the answers themselves makes the forwarder put them on record."""
    stack.hub()
    stack.ingest()
    backend = BackendSim(stack).start()
    stack.env.update(BACKEND_URL=backend.url, FORWARD_CONCURRENCY=str(CONCURRENCY))
    stack.forward(ready=False)
    load = Load(stack, threads=1 if stack.store else 6).start()  # a lease without a forwarder is a backlog of tens of thousands
    for i in range(kills(stack) // 2):
        want = backend.distinct() + random.randrange(200, 400)
        wait_until(f"round {i}: deliveries are taken", lambda: backend.distinct() >= want, step=0.02)
        stack.processes["forward"].kill()
        stack.forward(ready=False)
    load.stop()
    events = events_of(stack)
    wait_until("all are taken", lambda: backend.distinct() >= len(events), patience=MANY_KILLS_S, step=0.2)
    Verdict(backend.records.read(), events).check(in_flight=CONCURRENCY * 10)


def test_the_backend_alone_is_killed(stack):
    """The forwarder lives on: requests in flight are sent again, with the same id, and in order."""
    stack.hub()
    stack.ingest()
    backend = BackendSim(stack).start()
    stack.forward(BACKEND_URL=backend.url, FORWARD_RETRY_SCHEDULE="0s," + ",".join(["20ms"] * 31))
    load = Load(stack, threads=4).start()
    for i in range(5):
        want = backend.distinct() + 60
        wait_until(f"round {i}: deliveries are taken", lambda: backend.distinct() >= want, step=0.02)
        backend.kill()
        backend.start()
    load.stop()
    events = events_of(stack)
    wait_until("all are taken", lambda: backend.distinct() >= len(events), patience=MANY_KILLS_S, step=0.2)
    Verdict(backend.records.read(), events).check(in_flight=CONCURRENCY * 5)


def test_sigterm_finishes_what_is_in_flight(stack):
    """S1: five stops under load, exit 0 each, and not one delivery is repeated."""
    stack.hub()
    stack.ingest()
    backend = BackendSim(stack, "--slow", "20", "--slow-time", "30ms").start()
    stack.env.update(BACKEND_URL=backend.url)
    stack.forward(ready=False)
    load = Load(stack, threads=4).start()
    for i in range(5):
        want = backend.distinct() + 60
        wait_until(f"round {i}: deliveries are taken", lambda: backend.distinct() >= want, step=0.02)
        assert stack.processes["forward"].stop() == 0
        stack.forward(ready=False)
    load.stop()
    events = events_of(stack)
    wait_until("all are taken", lambda: backend.distinct() >= len(events), patience=MANY_KILLS_S, step=0.2)
    assert stack.processes["forward"].stop() == 0
    Verdict(backend.records.read(), events).check(in_flight=0)
    assert "stop-late" not in stack.processes["forward"].text()


def test_its_store_removed_starts_over_without_a_loss(stack, make_backend):
    """Somebody deletes forward.db: everything is delivered again rather than not at all."""
    backend = make_backend()
    stack.ingest()
    stack.forward(BACKEND_URL=backend.url)
    post_events(stack, 10)
    backend.wait(10)
    assert stack.processes["forward"].stop() == 0
    for name in os.listdir(stack.data):
        if name.startswith("forward"):
            os.remove(os.path.join(stack.data, name))
    stack.forward(BACKEND_URL=backend.url)
    post_events(stack, 1, prefix="N")
    wait_until("the new one is taken", lambda: any(d.message_id == "N0" for d in backend.taken()))
