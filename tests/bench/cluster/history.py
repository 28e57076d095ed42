"""The view of the world outside: every webhook and its answers, every reconnect call at the bridge, every delivery at the backend.
The judgement needs nothing of the stores."""

import bisect
import threading
from collections import Counter, defaultdict


class History:
    def __init__(self, destinations, interval_s):
        self.lock = threading.Lock()
        self.destinations, self.interval_s = destinations, interval_s
        self.acked = {}                       # message id: (session, when)
        self.ack_times = []                   # in order
        self.sent = defaultdict(list)         # session: message ids in the order in which they were sent
        self.answers = Counter()              # status: how many
        self.slowest = {}                     # status: s
        self.deliveries = defaultdict(list)   # destination: [(when, session, message id, event id, seq)]
        self.calls = {}                       # (session, at_us): (at, done) in s
        self.slack = []                       # (from, to, s): calls that came by a slow link
        self.forgotten = []                   # (from, to): commits that an asynchronous standby lacked when it took over

    # ---- noting ----

    def note_sent(self, session, message_id):
        with self.lock:
            self.sent[session].append(message_id)

    def note_answer(self, session, message_id, status, at, took):
        with self.lock:
            self.answers[status] += 1
            self.slowest[status] = max(self.slowest.get(status, 0), took)
            if status == 200 and message_id not in self.acked:
                self.acked[message_id] = (session, at)
                self.ack_times.append(at)

    def note_delivery(self, destination, at, session, message_id, event_id, seq):
        with self.lock:
            self.deliveries[destination].append((at, session, message_id, event_id, seq))

    def note_calls(self, rows):
        with self.lock:
            for c in rows:
                self.calls[(c["session"], c["at_us"])] = (c["at_us"] / 1e6, c["done_ms"] / 1e3 if c["done_ms"] >= 0 else None)

    def forget(self, since, until, interval_s):
        """What was committed meanwhile may be lost, and with it the memory of attempts."""
        with self.lock:
            self.forgotten.append((since, until))
            self.slack.append((since, until + interval_s + 1, interval_s))

    def is_forgotten(self, at):
        return any(a <= at <= b for a, b in self.forgotten)

    # ---- has work gone on since? ----

    def acked_since(self, at):
        with self.lock:
            return min((t for t in self.ack_times[bisect.bisect(self.ack_times, at - 1):] if t > at), default=None)

    def delivered_since(self, destination, at):
        """The first delivery of a message that was acknowledged after @at."""
        with self.lock:
            rows = self.deliveries[destination]
            for when, _, message_id, _, _ in rows[bisect.bisect(rows, at - 1, key=lambda row: row[0]):]:  # threads append, nearly in order
                if when > at and message_id in self.acked and self.acked[message_id][1] > at:
                    return when
        return None

    def called_since(self, at):
        with self.lock:
            return min((t for t, _ in self.calls.values() if t > at), default=None)

    # ---- the judgement ----

    def missing(self):
        """Acknowledged, and not delivered (yet): {destination: ids}."""
        with self.lock:
            came = {d: {row[2] for row in self.deliveries[d]} for d in self.destinations}
            return {d: [m for m, (_, at) in self.acked.items() if m not in came[d] and not self.is_forgotten(at)] for d in self.destinations}

    def stored_twice(self):
        """A message of which two events were delivered; a standby that lacked the first does not know it."""
        ids = defaultdict(set)
        with self.lock:
            for rows in self.deliveries.values():
                for at, _, message_id, event_id, _ in rows:
                    if not self.is_forgotten(at):
                        ids[message_id].add(event_id)
        return [m for m, events in ids.items() if len(events) > 1]

    def ids_given_twice(self):
        """An id with which two messages were delivered: a receiver takes the second for a repeat."""
        messages = defaultdict(set)
        with self.lock:
            for rows in self.deliveries.values():
                for _, _, message_id, event_id, _ in rows:
                    messages[event_id].add(message_id)
        return [(event_id, sorted(ids)) for event_id, ids in messages.items() if len(ids) > 1]

    def out_of_order(self):
        """(destination, session, message) that came for the first time after a later one of its session."""
        wrong = []
        with self.lock:
            for destination, rows in self.deliveries.items():
                newest = {}
                seen = set()
                place = {s: {m: i for i, m in enumerate(ids)} for s, ids in self.sent.items()}
                for _, session, message_id, _, _ in rows:
                    if message_id in seen or session not in place:
                        continue
                    seen.add(message_id)
                    at = place[session].get(message_id, -1)
                    if at < newest.get(session, -1):
                        wrong.append((destination, session, message_id))
                    newest[session] = max(at, newest.get(session, -1))
        return wrong

    def repeated(self):
        with self.lock:
            return sum(len(rows) - len({row[2] for row in rows}) for rows in self.deliveries.values())

    def slack_at(self, at):
        return max((s for a, b, s in self.slack if a <= at <= b), default=0)

    def too_close(self):
        """(session, gap in s) of two calls that are closer than the spacing."""
        wrong = []
        by = defaultdict(list)
        with self.lock:
            for (session, _), (at, _) in self.calls.items():
                by[session].append(at)
        for session, ats in by.items():
            ats.sort()
            wrong += [(session, b - a, a) for a, b in zip(ats, ats[1:]) if b - a < self.interval_s - 0.06 - self.slack_at(b)]
        return wrong

    def two_in_flight(self):
        wrong = []
        by = defaultdict(list)
        with self.lock:
            for (session, _), (at, done) in self.calls.items():
                by[session].append((at, done if done is not None else at))
        for session, spans in by.items():
            spans.sort()
            wrong += [(session, b[0] - a[0], a[0]) for a, b in zip(spans, spans[1:]) if b[0] < a[1] - 0.002 - self.slack_at(b[0])]
        return wrong

    def faults(self, final=False):
        """{what: examples} of everything that must not be. Deliveries that are missing count at the end alone."""
        found = {"stored twice": self.stored_twice(), "ids given twice": self.ids_given_twice(), "out of order": self.out_of_order(),
                 "attempts under the spacing": self.too_close(),
                 "two attempts in flight": self.two_in_flight()}
        if final:
            found["acknowledged and lost"] = [(d, m) for d, ids in self.missing().items() for m in ids]
        return {k: v for k, v in found.items() if v}

    def summary(self):
        with self.lock:
            n = sum(map(len, self.deliveries.values()))
            return (f"{len(self.acked)} webhooks acknowledged, {n} deliveries, {len(self.calls)} calls; answers "
                    + ", ".join(f"{k}: {v} (slowest {self.slowest[k]:.1f} s)" for k, v in sorted(self.answers.items())))


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))] if values else float("nan")
