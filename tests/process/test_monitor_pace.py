"""How often and how much at once the monitor asks: looks after an attempt, one sweep at a time, calls in flight."""

import http.server
import json
import threading
import time

import pytest

import zk
from test_monitor import FAST, show, states, states_or_none, status, wait_settled

# No sweep of its own in the time of a test.
SELDOM = {"CHECK_INTERVAL": "1h", "CHECK_SOON": "30m", "HEALTH_INTERVAL": "1h", "RECONNECT_INTERVAL": "10m"}


class SlowBridge:
    """Takes its time for every answer about sessions, and counts how many it is asked for at once."""

    def __init__(self, takes_s, lists):
        self.now, self.most, self.asked, self.lock = 0, 0, 0, threading.Lock()
        self.sick, self.healths = False, []  # (when it was asked, was it sick)
        self.lists = []  # when it was asked for its list
        bridge = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, status, body):
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def slowly(self, body):
                with bridge.lock:
                    bridge.now += 1
                    bridge.asked += 1
                    bridge.most = max(bridge.most, bridge.now)
                time.sleep(takes_s)
                with bridge.lock:
                    bridge.now -= 1
                self.answer(200, body)

            def do_GET(self):
                if self.path == "/health":
                    bridge.healths.append((time.monotonic(), bridge.sick))
                    self.answer(500 if bridge.sick else 200, {"status": "ok"})
                elif self.path == "/sessions" and lists:
                    bridge.lists.append(time.monotonic())
                    self.slowly({"status": "success", "data": [{"id": "s1", "status": "connected"}]})
                elif self.path == "/sessions":
                    self.answer(404, {"error": "not found"})
                else:
                    self.slowly({"id": self.path.split("/")[2], "status": "connected"})

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.mark.parametrize("listing", ["--list=on", "--list=off"])
def test_it_looks_after_an_attempt_until_that_has_failed(make_stack, listing):
    """The bridge says 200 and does nothing; asked again at 2, 5, 10 and 20 s, and no more."""
    s = make_stack(**SELDOM)
    s.all("contract", "--sessions", "1", listing)
    zk.wait_until("it is known", lambda: states_or_none(s) == {"demo-1"})
    s.control("POST", "/reconnect-does-nothing?on=1")
    s.control("POST", "/drop?session=demo-1&code=428")
    zk.wait_until("it was tried", lambda: s.calls("demo-1"), step=0.01)
    before = s.state()["api_calls"]
    zk.wait_until("it has failed", lambda: show(s, "demo-1")["attempts"][0]["outcome"] == "not-connected")
    looks = (s.state()["api_calls"] - before)
    assert looks == 4
    told = show(s, "demo-1")["attempts"][0]
    assert told["ended"] - told["at"] > 19_500 and told["detail"] == "still disconnected"


def test_a_look_finds_what_no_webhook_tells(make_stack):
    """It connects a second after the call, its webhook is lost, and no sweep is near: success is seen all the same."""
    s = make_stack(**SELDOM)
    s.all("contract", "--sessions", "1", "--list=on", "--reconnect-delay", "1s")
    zk.wait_until("it is known", lambda: states_or_none(s) == {"demo-1"})
    s.control("POST", "/drop?session=demo-1&code=428")
    zk.wait_until("it was tried", lambda: s.calls("demo-1"), step=0.01)
    s.processes["ingest"].kill()
    zk.wait_until("it is back", lambda: states(s)["demo-1"] == "connected")
    assert show(s, "demo-1")["changes"][0]["source"] == "poll"
    zk.wait_until("it counts as a success", lambda: show(s, "demo-1")["attempts"][0]["outcome"] == "succeeded")


def test_never_two_sweeps_at_once(make_stack):
    bridge = SlowBridge(1, lists=True)
    s = make_stack(**{**FAST, "CHECK_INTERVAL": "100ms", "WHATSAPP_API_URL": bridge.url})
    s.hub()
    s.ingest()
    s.monitor()
    wait_settled(s, 1)
    for n in range(20):  # each asks for a sweep soon
        s.post(zk.webhook("s1", "session.connected", message_id=None, n=n))
        time.sleep(0.2)
    assert bridge.most == 1 and bridge.asked >= 4
    bridge.close()


def test_at_most_32_are_asked_for_at_once(make_stack):
    bridge = SlowBridge(0.3, lists=False)
    s = make_stack(**{**FAST, "WHATSAPP_API_URL": bridge.url, "WHATSAPP_BRIDGE": "contract"})
    s.hub()
    s.ingest()
    for n in range(200):
        s.post(zk.webhook(f"s{n}", "session.connected", message_id=None))
    s.monitor()
    wait_settled(s, 200)
    asked = bridge.asked
    zk.wait_until("all were asked for", lambda: bridge.asked >= asked + 400)
    assert 8 <= bridge.most <= 32
    bridge.close()


def test_a_bridge_that_is_back_is_confirmed_soon(make_stack):
    """Its sessions are down until the looks in a row that it takes: they do not come at the pace of trouble."""
    bridge = SlowBridge(0, lists=True)
    s = make_stack(**{**FAST, "CHECK_INCIDENT": "3s", "CHECK_CONFIRM": "100ms", "WHATSAPP_API_URL": bridge.url})
    s.hub()
    s.ingest()
    s.monitor()
    wait_settled(s, 1)
    bridge.sick = True
    zk.wait_until("it is down", lambda: status(s)["health"] == "down")
    asked = len(bridge.healths)
    zk.wait_until("it is looked at in trouble", lambda: len(bridge.healths) >= asked + 3)
    trouble = [at for at, _ in bridge.healths[asked:]]
    bridge.sick = False
    back = time.monotonic()
    zk.wait_until("the trouble is over", lambda: status(s)["health"] == "up" and status(s)["incident_since"] == 0)
    first, second = [t for t in bridge.lists if t >= back][:2]
    assert second - first < min(b - a for a, b in zip(trouble, trouble[1:])), "the second sweep came at the pace of trouble"
    bridge.close()
