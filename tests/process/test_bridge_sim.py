"""The simulated bridge against the recordings of the released zapw: what it says is what zapw says."""

import json
import os
import re
import socketserver
import threading
import time

import pytest

import zk

FIXTURES = os.path.join(zk.ROOT, "tests", "fixtures", "zapw")
# These are the server's own or change with every answer; all others are held against the recording.
NOT_COMPARED = {"date", "etag", "content-length", "connection", "keep-alive"}


def recorded(name):
    with open(os.path.join(FIXTURES, name), "rb") as f:
        head, _, body = f.read().replace(b"\r\n", b"\n").partition(b"\n\n")
    first, *lines = head.decode().split("\n")
    return first, {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}, body.decode()


def mask(body):
    """Times, counters and QR codes differ from run to run; everything else has to be equal, order of keys included."""
    body = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "<time>", body)
    body = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "<qr>", body)
    body = re.sub(r'"(timestamp|uptime)":[\d.]+', r'"\1":0', body)
    return re.sub(r'"messageId":"[^"]*"', '"messageId":"<id>"', body)


class Api:
    def __init__(self, stack):
        self.base = f"http://127.0.0.1:{stack.ports['api']}"
        self.key = {"Authorization": f"Bearer {stack.key}"}

    def call(self, method, path, body=None, headers=None):
        headers = dict(self.key if headers is None else headers)
        if body is not None:
            headers["Content-Type"] = "application/json"
        return zk.http(method, self.base + path, body, headers)


def same_answer(answer, name):
    status, headers, body = answer
    first, want_headers, want_body = recorded(name)
    assert f"HTTP/1.1 {status}" == " ".join(first.split()[:2])
    got = {k.lower(): v for k, v in headers.items() if k.lower() not in NOT_COMPARED}
    assert got == {k: v for k, v in want_headers.items() if k not in NOT_COMPARED}
    assert mask(body.decode()) == mask(want_body)


def pair(stack, api, session):
    api.call("POST", "/sessions", json.dumps({"sessionId": session}))
    stack.control("POST", f"/pair?session={session}")


def test_every_answer_is_as_recorded(stack):
    stack.sim("zapw")
    api = Api(stack)
    same_answer(api.call("GET", "/health", headers={}), "api-01-health.http")
    same_answer(api.call("GET", "/sessions", headers={}), "api-02-unauthorized.http")
    same_answer(api.call("GET", "/sessions", headers={"X-API-Key": "wrong"}), "api-03-wrong-key.http")
    same_answer(api.call("GET", "/sessions"), "api-04-list-empty.http")
    same_answer(api.call("POST", "/sessions", '{"sessionId":"alpha"}'), "api-05-create.http")
    same_answer(api.call("POST", "/sessions", '{"sessionId":"alpha"}'), "api-06-create-conflict.http")
    same_answer(api.call("GET", "/sessions/alpha"), "api-07-get-qr-waiting.http")
    stack.control("POST", "/pair?session=alpha")
    same_answer(api.call("GET", "/sessions/alpha"), "api-08-get-connected.http")
    same_answer(api.call("GET", "/sessions"), "api-09-list-connected.http")
    same_answer(api.call("GET", "/sessions/nosuch"), "api-10-get-missing.http")
    same_answer(api.call("GET", "/sessions/alpha/status"), "api-11-status-path-does-not-exist.http")
    same_answer(api.call("POST", "/sessions/alpha/reconnect"), "api-12-reconnect-path-does-not-exist.http")
    same_answer(api.call("POST", "/sessions/alpha/messages", "{}"), "api-13-send-text.http")
    stack.control("POST", "/drop?session=alpha&code=428")
    same_answer(api.call("GET", "/sessions/alpha"), "api-14-get-disconnected.http")
    same_answer(api.call("POST", "/sessions/alpha/messages", "{}"), "api-15-send-while-disconnected.http")
    same_answer(api.call("DELETE", "/sessions/alpha"), "api-16-delete.http")
    same_answer(api.call("DELETE", "/sessions/alpha"), "api-17-delete-missing.http")
    for session, code in (("s440", 440), ("s401", 401), ("s515", 515), ("s408", 408)):
        pair(stack, api, session)
        stack.control("POST", f"/drop?session={session}&code={code}")
    same_answer(api.call("GET", "/sessions"), "api-18-list-after-closes.http")
    same_answer(api.call("POST", "/sessions", "{not json"), "api-19-bad-json.http")


class Receiver(socketserver.ThreadingTCPServer):
    """Takes webhooks raw: request line, headers in their order, body."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, status="200 OK"):
        self.requests = []
        self.status = status
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while line := self.rfile.readline():
            headers = []
            while (header := self.rfile.readline().strip()):
                headers.append(tuple(header.decode().split(": ", 1)))
            body = self.rfile.read(int(dict(headers)["Content-Length"]))
            self.server.requests.append((time.monotonic(), line.decode().strip(), headers, body.decode()))
            self.wfile.write(f"HTTP/1.1 {self.server.status}\r\nContent-Length: 0\r\n\r\n".encode())


@pytest.fixture
def receiver():
    r = Receiver()
    yield r
    r.close()


def hooks(receiver, n):
    return zk.wait_until(f"{n} webhooks came", lambda: len(receiver.requests) >= n and receiver.requests[:])


def test_every_webhook_is_as_recorded(stack, receiver):
    url = f"http://127.0.0.1:{receiver.server_address[1]}/api/v1/messages/webhook"
    stack.sim("zapw", "--webhook-url", url, "--connections", "1")
    api = Api(stack)
    pair(stack, api, "alpha")
    stack.control("POST", "/drop?session=alpha&code=428")
    for session, code in (("s440", 440), ("s401", 401), ("s408", 408)):
        pair(stack, api, session)
        stack.control("POST", f"/drop?session={session}&code={code}")
    names = ["01-session.connected", "07-session.disconnected", "08-session.connected", "09-session.disconnected",
             "10-session.connected", "11-session.disconnected", "13-session.connected", "14-session.disconnected"]
    for (_, line, headers, body), name in zip(hooks(receiver, len(names)), names, strict=True):
        first, want_headers, want_body = recorded(f"hook-{name}.http")
        assert line == first
        got = {k.lower(): v for k, v in headers}
        assert got.keys() == want_headers.keys()
        changing = {"host", "content-length"}
        assert {k: v for k, v in got.items() if k not in changing} == \
            {k: v for k, v in want_headers.items() if k not in changing}
        assert mask(body) == mask(want_body)


def test_a_message_is_an_envelope_as_recorded(stack, receiver):
    url = f"http://127.0.0.1:{receiver.server_address[1]}/"
    stack.sim("zapw", "--webhook-url", url, "--sessions", "1", "--body-bytes", "10")
    stack.control("POST", "/traffic?rate=50")
    body = next(r[3] for r in hooks(receiver, 3) if "message.received" in r[3])
    _, _, want = recorded("hook-02-message.received.http")
    assert list(json.loads(body)) == list(json.loads(want))
    assert list(json.loads(body)["data"]) == list(json.loads(want)["data"])


def test_a_webhook_is_tried_three_times_and_then_dropped(stack, receiver):
    receiver.status = "500 Internal Server Error"
    stack.sim("zapw", "--webhook-url", f"http://127.0.0.1:{receiver.server_address[1]}/", "--sessions", "1")
    zk.wait_until("it is dropped", lambda: stack.state()["dropped"] == 1)
    times = [r[0] for r in receiver.requests]
    assert len(times) == 3
    assert times[2] - times[1] > times[1] - times[0] > 0.5  # 1 s, then 2 s


def test_the_contract_has_what_zapw_has_not(stack):
    stack.sim("contract")
    api = Api(stack)
    status, _, body = api.call("POST", "/sessions", json.dumps({"id": "c1", "webhook": {"url": "http://x/", "events": []}}))
    assert status == 201 and json.loads(body)["id"] == "c1" and json.loads(body)["qr"]
    assert json.loads(api.call("GET", "/sessions/c1/status")[2]) == {"id": "c1", "status": "qr_pending"}
    stack.control("POST", "/pair?session=c1")
    stack.control("POST", "/drop?session=c1")
    assert json.loads(api.call("GET", "/sessions/c1/status")[2])["status"] == "disconnected"
    assert api.call("POST", "/sessions/c1/reconnect")[0] == 200
    zk.wait_until("it is back",
                  lambda: json.loads(api.call("GET", "/sessions/c1/status")[2])["status"] == "connected")
    assert api.call("GET", "/sessions/none/status")[0] == 404
    assert len(stack.calls("c1")) == 1


def test_faults_are_played(stack):
    stack.sim("contract", "--sessions", "3")
    api = Api(stack)
    stack.control("POST", "/fault?kind=status&n=503&route=/sessions&count=2")
    assert [api.call("GET", "/sessions")[0] for _ in range(3)] == [503, 503, 200]
    assert api.call("GET", "/health")[0] == 200
    stack.control("POST", "/fault?kind=garbage&count=1")
    assert b"not JSON" in api.call("GET", "/sessions")[2]
    stack.control("POST", "/fault?kind=hang")
    assert zk.http("GET", api.base + "/sessions", headers=api.key, timeout=1)[0] == 0
    stack.control("POST", "/fault?kind=none")
    stack.control("POST", "/refuse")
    assert api.call("GET", "/sessions")[0] == 0
    stack.control("POST", "/listen")
    assert api.call("GET", "/sessions")[0] == 200
    stack.control("POST", "/drop?share=0.5")
    assert list(stack.state()["sessions"].values()).count("disconnected") == 1
    stack.control("POST", "/restart")
    zk.wait_until("all are back", lambda: set(stack.state()["sessions"].values()) == {"connected"})
