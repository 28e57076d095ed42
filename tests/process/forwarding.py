"""Helpers of the forwarder's tests: a backend that answers as they ask, and the records of the one that fails at
random (zk-backend-sim)."""

import base64
import hmac
import json
import os
import socket
import struct
import threading
import time
import zlib
from collections import Counter, defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import zk
from secrets_watch import mark
from zk import wait_until, webhook

SECRET = mark("the signing secret", "whsec_" + base64.b64encode(b"a secret of twenty-four!").decode())
OTHER_SECRET = mark("the other signing secret", "whsec_" + base64.b64encode(b"another one, thirty-two bytes ok").decode())


def signature(secret, delivery_id, timestamp, body):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.digest(key, f"{delivery_id}.{timestamp}.".encode() + body, "sha256")).decode()


class Delivery:
    def __init__(self, path, headers, body):
        self.at = time.monotonic()
        self.path, self.body = path, body
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.id = self.headers.get("webhook-id")
        self.seq = int(self.headers.get("zapkeep-seq", "0"))
        self.attempt = int(self.headers.get("zapkeep-attempt", "0"))
        self.type = self.headers.get("zapkeep-type")
        self.answer = None  # the status it got

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def session(self):
        return self.json.get("sessionId") or self.json.get("session")

    @property
    def message_id(self):
        return self.json["data"].get("messageId")

    def is_signed_with(self, secret):
        want = signature(secret, self.id, self.headers["webhook-timestamp"], self.body)
        return want in self.headers.get("webhook-signature", "").split()


HANG, RESET = "hang", "reset"


class Backend:
    """Notes every delivery and answers as told: answer(delivery) gives a status, (status, headers), (status, headers, body),
    HANG or RESET. Many threads; `at_once` is the most requests that were under way together."""

    def __init__(self, answer=lambda d: 200, port=None, tls=None):
        self.answer = answer
        self.deliveries = []
        self.lock = threading.Lock()
        self.under_way = self.at_once = 0
        self.released = threading.Event()
        self.connections = 0
        self.port = port or zk.free_port()
        self.server = self.make_server(tls)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def make_server(self, tls):
        backend = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self):
                with backend.lock:
                    backend.connections += 1
                super().setup()

            def do_POST(self):
                backend.serve(self)

            do_GET = do_POST

            def log_message(self, *args):
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 128

            def handle_error(self, request, client_address):
                pass  # the peer went away

        server = Server(("127.0.0.1", self.port), Handler)
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        return server

    def serve(self, h):
        d = Delivery(h.path, h.headers, h.rfile.read(int(h.headers.get("Content-Length", 0))))
        with self.lock:
            self.under_way += 1
            self.at_once = max(self.at_once, self.under_way)
            self.deliveries.append(d)
        try:
            self.give(h, d, self.answer(d))
        finally:
            with self.lock:
                self.under_way -= 1

    def give(self, h, d, answer):
        given = answer if isinstance(answer, tuple) else (answer,)
        status, headers, body = given + ({}, b"ok\n")[len(given) - 1:]
        if status == HANG:
            self.released.wait(zk.PATIENCE)
        if status in (HANG, RESET):
            h.close_connection = True
            h.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            h.connection.close()
            return
        d.answer = status
        lines = [f"HTTP/1.1 {status} So", f"Content-Length: {len(body)}", *(f"{k}: {v}" for k, v in headers.items())]
        h.wfile.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    # ---- requests that came ---------------------------------------------------------------------------------------

    def all(self, match=lambda d: True):
        with self.lock:
            return [d for d in self.deliveries if match(d)]

    def taken(self, match=lambda d: True):
        """Those that were answered 2xx, in their order."""
        return self.all(lambda d: d.answer is not None and 200 <= d.answer < 300 and match(d))

    def wait(self, n, match=lambda d: True, patience=zk.PATIENCE):
        """Waits for n taken deliveries and returns them."""
        wait_until(f"the backend has taken {n} deliveries", lambda: len(self.taken(match)) >= n, patience, 0.01)
        return self.taken(match)

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


def post_events(stack, n, sessions=("alpha",), prefix="M", event="message.received", **data):
    """n events over the sessions in turn; their seqs."""
    seqs = []
    for i in range(n):
        body = webhook(session=sessions[i % len(sessions)], event=event, message_id=f"{prefix}{i}", **data)
        status, _, answer = stack.post(body)
        assert status == 200, answer
        seqs.append(json.loads(answer)["seq"])
    return seqs


# ---- the backend that fails at random ------------------------------------------------------------------------------

OK, FAILED, HUNG, CUT, SLOW = range(1, 6)
RECORD = struct.Struct("<qqIIIHBB")


class Records:
    """The notes of zk-backend-sim, in the order in which it came."""

    def __init__(self, path):
        self.path = path

    def read(self):
        """(seq, at_us, log, session, body, attempt, outcome, in_batch) of each delivery."""
        rows = []
        with open(self.path, "rb") as f:
            while True:
                chunk = f.read(RECORD.size * 65536)
                for row in RECORD.iter_unpack(chunk[:len(chunk) - len(chunk) % RECORD.size]):
                    if row[6] == 0:
                        return rows
                    rows.append(row)
                if not chunk:
                    return rows


def events_of(stack):
    """Events that the forwarder has to deliver: (seq, session, CRC-32 of the body) of the whole log."""
    return [(seq, session, zlib.crc32(body)) for seq, session, body in stack.sql("events", "SELECT seq, session, body FROM event")]


class Verdict:
    """Missing, out of order and repeated, of records held against the events of the log: [(seq, session, CRC-32 of the
    body)]."""

    def __init__(self, rows, events):
        self.first_ok = {}           # seq: place among the rows
        self.times = Counter()       # seq: how often answered 2xx
        self.overtaken = []          # (seq, seq before it in its session): seen before that one had been answered
        self.wrong = []              # not the body, the session or the log of the event
        want = {seq: (zlib.crc32(session.encode()), crc) for seq, session, crc in events}
        before, last = {}, {}
        for seq, session, _ in events:
            before[seq] = last.get(session)
            last[session] = seq
        logs, seen = set(), set()
        for place, (seq, _, log, session, body, _, outcome, in_batch) in enumerate(rows):
            logs.add(log)
            known = want.get(seq)
            if known is None or known[0] != session or (known[1] != body and not in_batch):
                self.wrong.append(seq)
                continue
            if seq not in seen and before[seq] is not None and before[seq] not in self.first_ok:
                self.overtaken.append((seq, before[seq]))
            seen.add(seq)
            if outcome == OK:
                self.times[seq] += 1
                self.first_ok.setdefault(seq, place)
        self.missing = [seq for seq in want if seq not in self.first_ok]
        self.duplicates = sum(self.times.values()) - len(self.times)
        self.logs = logs
        self.sessions_out_of_order = out_of_order(events, self.first_ok)

    def check(self, in_flight):
        assert not self.wrong, f"{len(self.wrong)} deliveries are not of the log: {self.wrong[:5]}"
        assert len(self.logs) == 1, f"the same event has had several ids: {self.logs}"
        assert not self.missing, f"{len(self.missing)} events never arrived: {self.missing[:5]}"
        assert not self.overtaken, f"{len(self.overtaken)} came before the one before them: {self.overtaken[:5]}"
        assert not self.sessions_out_of_order
        assert self.duplicates <= in_flight, f"{self.duplicates} duplicates, and only {in_flight} could be in flight"


def out_of_order(events, first_ok):
    """Sessions whose events were first taken in another order than that of the log."""
    places = defaultdict(list)
    for seq, session, _ in sorted(events):
        if seq in first_ok:
            places[session].append(first_ok[seq])
    return [session for session, at in places.items() if at != sorted(at)]


class BackendSim:
    """zk-backend-sim as a process of the stack, with its records."""

    def __init__(self, stack, *args):
        self.stack, self.args = stack, args
        self.port = zk.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.records = Records(os.path.join(stack.dir, "records"))
        self.process = None

    def start(self):
        self.process = self.stack.start("backend", "zk-backend-sim", "--port", str(self.port), "--record", self.records.path,
                                        *self.args)
        return self

    def kill(self):
        self.process.kill()

    def state(self):
        status, _, body = zk.http("GET", f"{self.url}/-/state")
        return json.loads(body) if status == 200 else None

    def distinct(self):
        return (self.state() or {"distinct": 0})["distinct"]

    def faults(self, **shares):
        query = "&".join(f"{name}={share}" for name, share in shares.items())
        assert zk.http("POST", f"{self.url}/-/faults?{query}", b"")[0] == 200

