"""A load of webhooks: threads with kept connections that note the answers and can check them against the log."""

import http.client
import threading
import time
from collections import Counter

import zk

PATH = "/api/v1/messages/webhook"


class Load:
    """Sends events, each with a message id of its own, until stop(). An event that got no 200 is sent again, as a bridge does."""

    def __init__(self, stack, threads=8, retry=True):
        self.stack, self.retry = stack, retry
        self.answered = {}  # message id: seq, of every 200
        self.wrong = []     # a retry that was answered with another seq, or an answer that should not be
        self.codes = Counter()
        self.sent = 0
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(i,), daemon=True) for i in range(threads)]

    def start(self):
        for t in self.threads:
            t.start()
        return self

    def stop(self):
        self.stopping.set()
        for t in self.threads:
            t.join(zk.PATIENCE)
        return self

    def run(self, number):
        connection = None
        n = 0
        body = None
        while not self.stopping.is_set():
            if body is None:
                n += 1
                message = f"T{number}-{n}"
                body = zk.webhook(session=f"s{number}", message_id=message, text="x" * 200)
            try:
                if connection is None:
                    connection = http.client.HTTPConnection("127.0.0.1", self.stack.ports["ingest"], timeout=20)
                connection.request("POST", PATH, body, {"Content-Type": "application/json",
                                                        "Authorization": f"Bearer {self.stack.token}"})
                answer = connection.getresponse()
                text = answer.read()
                ok = self.note(message, answer.status, text)
            except (OSError, http.client.HTTPException):
                if connection:
                    connection.close()
                connection = None
                ok = False
                time.sleep(0.01)
            if ok or not self.retry:
                body = None

    def note(self, message, status, text):
        with self.lock:
            self.sent += 1
            self.codes[status] += 1
            if status != 200:
                return False
            seq = int(text.split(b'"seq":')[1].split(b"}")[0])
            if self.answered.setdefault(message, seq) != seq:
                self.wrong.append((message, self.answered[message], seq))
            return True

    def count(self):
        with self.lock:
            return len(self.answered)

    def check(self):
        """Everything answered is in the log, once, with its seq; the log is dense."""
        rows = self.stack.events()
        seqs = [row["seq"] for row in rows]
        assert seqs == list(range(1, len(seqs) + 1)), "seq is not dense"
        times = Counter(row["message_id"] for row in rows)
        twice = [m for m, n in times.items() if n > 1]
        assert not twice, f"stored twice: {twice[:5]}"
        by_message = {row["message_id"]: row["seq"] for row in rows}
        missing = [m for m in self.answered if m not in by_message]
        assert not missing, f"{len(missing)} answered and not in the log: {missing[:5]}"
        moved = [m for m, seq in self.answered.items() if by_message[m] != seq]
        assert not moved, f"not at the seq they were answered with: {moved[:5]}"
        assert not self.wrong, f"answered twice with different seqs: {self.wrong[:5]}"
        return rows
