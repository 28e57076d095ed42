"""Between the programs and their PostgreSQL server: connections that break at the worst moment, notifications, poolers."""

import re
import socket
import threading

from on_postgres import stack  # noqa: F401 (a fixture)
from zk import wait_until, webhook


class Wire(threading.Thread):
    """A TCP proxy before the server. With `cut` set to (bytes, "before" or "after") it breaks the connection at the next message
    that has these bytes in it: before the server gets it, or after the server has answered it."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.path, self.cut, self.cuts = f"{server.top}/.s.PGSQL.5432", None, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.start()

    def uri(self, database):
        return f"postgresql://zapkeep@127.0.0.1:{self.listener.getsockname()[1]}/{database}?sslmode=disable&gssencmode=disable"

    def run(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            there = socket.socket(socket.AF_UNIX)
            there.connect(self.path)
            pair = {"cut": False}
            threading.Thread(target=self.forth, args=(client, there, pair), daemon=True).start()
            threading.Thread(target=self.back, args=(there, client, pair), daemon=True).start()

    def forth(self, client, there, pair):
        while data := self.read(client):
            if self.cut and self.cut[0] in data:
                when, self.cut = self.cut[1], None
                self.cuts += 1
                if when == "before":
                    break
                pair["cut"] = True  # its answer goes nowhere
            self.write(there, data)
        self.end(client, there)

    def back(self, there, client, pair):
        while data := self.read(there):
            if pair["cut"]:
                break
            self.write(client, data)
        self.end(client, there)

    @staticmethod
    def read(s):
        try:
            return s.recv(1 << 16)
        except OSError:
            return b""

    @staticmethod
    def write(s, data):
        try:
            s.sendall(data)
        except OSError:
            pass

    @staticmethod
    def end(*sockets):
        for s in sockets:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()


def test_a_connection_that_breaks_during_a_commit_is_answered_by_what_the_server_has(server, stack):
    wire = Wire(server)
    stack.ingest(ZAPKEEP_STORE=wire.uri(stack.database))
    first = webhook(message_id="first")
    assert stack.post(first)[0] == 200
    stored = ["first"]
    for way, statement in (("one trip", b"\0append\0"), ("two trips", b"\0commit\0")):
        if way == "two trips":
            assert stack.post(first)[0] == 200  # a repeat; the next ones go that way for a while
        for when, status in (("after", 200), ("before", 503), ("after", 200)):
            name = f"{way} {when} {len(stored)}"
            wire.cut = (statement, when)
            assert stack.post(webhook(message_id=name))[0] == status, name
            assert wire.cut is None, name
            if status == 503:
                assert name not in [e["message_id"] for e in stack.events()]
                wait_until("the sender's next try is taken", lambda name=name: stack.post(webhook(message_id=name))[0] == 200)
            stored.append(name)
    assert wire.cuts == 6
    events = stack.events()
    assert [e["message_id"] for e in events] == stored
    assert [e["seq"] for e in events] == list(range(1, len(stored) + 1))
    wire.close()


def test_without_a_hub_a_webhook_is_delivered_before_the_log_is_polled(server, stack, make_backend):
    server.sql(f"ALTER DATABASE {stack.database} SET log_statement = 'all'", stack.database)
    server.sql("ALTER SYSTEM SET log_line_prefix = '%a|%n|'", stack.database)
    server.sql("SELECT pg_reload_conf()", stack.database)
    wait_until("the server has it", lambda: server.sql("SHOW log_line_prefix", stack.database) == "%a|%n|")
    backend = make_backend()
    stack.env["BACKEND_URL"] = backend.url
    stack.ingest()
    stack.forward()

    def last_read():
        """When the forwarder read the log last, in seconds of the server's clock."""
        with open(f"{server.top}/log", errors="replace") as f:
            at = re.findall(r"^zapkeep-forward\|([0-9.]+)\|LOG:  execute \w+: SELECT seq, at, occurred_at", f.read(), re.M)
        return float(at[-1]) if at else None

    wait_until("the forwarder reads the log", lambda: last_read() is not None)
    polls = notified = 0
    while notified < 3:
        before = last_read()
        assert stack.post(webhook(message_id=f"N{polls + notified}"))[0] == 200
        backend.wait(polls + notified + 1)
        after = last_read()
        # Without a notification two reads are 2 s apart (CONSUMER_SWEEP_MS), or 10 s.
        notified, polls = (notified + 1, polls) if before and after and after - before < 1.9 else (notified, polls + 1)
        assert polls < 10, "only polls found the webhooks"
    server.sql("ALTER SYSTEM RESET log_line_prefix", stack.database)
    server.sql("SELECT pg_reload_conf()", stack.database)
