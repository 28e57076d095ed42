"""A backend that is wrong as a whole, or limits the rate: nothing is counted against an event, and everything arrives soon
after the fault is gone."""

import email.utils
import threading
import time
from collections import deque

import pytest

from forwarding import HANG, RESET, post_events
from test_forward import start
from zk import wait_until

# Of this the outage takes a part, so that waits have grown when it ends.
OUTAGE_S = 8
WRONG = {"401": 401, "403": 403, "404": 404, "405": 405, "moved": (302, {"Location": "http://127.0.0.1:1/"}), "500": 500,
         "422": 422, "hang": HANG, "reset": RESET}


def config_of(backends):
    return "".join(f"[destination d{name}]\nurl = {b.url}\nallow_private = yes\nfrom = beginning\n" for name, b in backends.items())


def in_order(backend):
    seqs = {}
    for d in backend.taken():
        seqs.setdefault(d.session, []).append(d.seq)
    return all(s == sorted(set(s)) for s in seqs.values())


@pytest.mark.parametrize("sessions", [8, 2])
def test_a_backend_that_is_put_right_gets_everything_soon_whatever_it_answered(stack, make_backend, sessions):
    """With a schedule of three short tries, which an outage would use up at once if it counted. Where there are two sessions, a
    backend that says 422 to both is not told from two sessions with bad events: it is left out."""
    wrong = {name: answer for name, answer in WRONG.items() if sessions > 2 or name != "422"}
    backends = {name: make_backend(lambda d, answer=answer: answer) for name, answer in wrong.items()}
    start(stack, config=config_of(backends), FORWARD_RETRY_SCHEDULE="0s,50ms,50ms", FORWARD_TIMEOUT="500ms")
    names = [f"s{i}" for i in range(sessions)]
    seqs = post_events(stack, 40, names)
    for name, b in backends.items():
        wait_until(f"{name} was called", b.all)
    time.sleep(OUTAGE_S)
    for name, b in backends.items():
        b.answer = lambda d: 200
        b.released.set()
    for name, b in backends.items():
        wait_until(f"{name} has all", lambda b=b: {d.seq for d in b.taken()} == set(seqs))
        assert in_order(b), name
    assert stack.cli_json("forward", "dead", "list") == []


# ---- rate limits ---------------------------------------------------------------------------------------------------

class Limited:
    """So many requests in any second; others are answered 429 with Retry-After: 1."""

    def __init__(self, rate):
        self.rate, self.at, self.refused, self.lock = rate, deque(), 0, threading.Lock()

    def __call__(self, _):
        now = time.monotonic()
        with self.lock:
            while self.at and self.at[0] <= now - 1:
                self.at.popleft()
            if len(self.at) >= self.rate:
                self.refused += 1
                return 429, {"Retry-After": "1"}
            self.at.append(now)
            return 200


class Stalls:
    """For how long this machine has let nobody run: what a sleep took beyond its end."""

    def __init__(self):
        self.total, self.stop = 0, threading.Event()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while not self.stop.is_set():
            began = time.monotonic()
            time.sleep(0.02)
            self.total += max(0, time.monotonic() - began - 0.05)


def test_a_rate_limit_is_found_and_kept(stack, make_backend):
    rate, n = 20, 400
    limited = Limited(rate)
    backend = make_backend(limited)
    stack.hub()
    stack.ingest()
    post_events(stack, n, [f"s{i}" for i in range(100)])  # before it starts: their pace must not count
    stack.forward(BACKEND_URL=backend.url, FORWARD_RETRY_SCHEDULE="0s,50ms,50ms")
    stalls = Stalls()
    taken = backend.wait(n)
    stalls.stop.set()
    took = taken[-1].at - taken[0].at
    assert took - stalls.total <= 1.3 * n / rate, f"{took:.1f} s, of which nobody ran for {stalls.total:.1f} s, {limited.refused} refused"
    assert limited.refused < n / 2
    assert in_order(backend) and len(taken) == n
    assert stack.cli_json("forward", "dead", "list") == []


@pytest.mark.parametrize("status, how", [(429, "seconds"), (503, "seconds"), (429, "date")])
def test_retry_after_pauses_the_destination_and_counts_against_nobody(stack, make_backend, status, how):
    pause = 4

    def answer(d):
        if state["limited"]:
            state["limited"] = False
            state["at"] = time.monotonic()
            after = str(pause) if how == "seconds" else email.utils.formatdate(time.time() + pause, usegmt=True)
            return status, {"Retry-After": after}
        return 200

    state = {"limited": True}
    backend = make_backend(answer)
    start(stack, backend, FORWARD_RETRY_SCHEDULE="0s,50ms,50ms", FORWARD_CONCURRENCY="1")
    post_events(stack, 20, ["a", "b", "c", "d"])
    backend.wait(20)
    # A date has whole seconds: up to one is cut.
    assert backend.taken()[0].at - state["at"] >= pause - (1.1 if how == "date" else 0.05)
    assert in_order(backend)
    assert stack.cli_json("forward", "dead", "list") == []


def test_retry_after_that_does_not_fit_into_a_number_is_no_end_of_the_world(stack, make_backend):
    """An hour is the longest that is obeyed; an operator ends it. Here: it has not been taken for no wait at all."""
    backend = make_backend(lambda d: (429, {"Retry-After": "9223372036854775807"}))
    start(stack, backend)
    post_events(stack, 4, ["a", "b"])
    wait_until("it was asked", lambda: backend.all())
    time.sleep(3)
    assert len(backend.all()) <= 8, "it was not paused"
    assert stack.processes["forward"].stop() == 0
