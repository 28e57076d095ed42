"""A stack on PostgreSQL when its server is in trouble, and what webhook-ingest says of itself through it."""

import base64
import os
import sys

import pytest

import zk
from test_monitor_alerts import Sink
from zk import wait_until, webhook

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "postgres"))
from server import Server  # noqa: E402


@pytest.fixture(scope="module")
def server():
    s = Server().start()
    yield s
    s.close()


@pytest.fixture
def stack(server, make_stack, request):
    name = f"zk{abs(hash(request.node.name)) % 10**9}"
    stack = make_stack(ZAPKEEP_STORE=server.create(name))
    stack.database = name
    stack.cli("store", "init", check=True)
    return stack


@pytest.fixture
def sink():
    s = Sink()
    yield s
    s.close()


# ---- webhook-ingest's own alerts -------------------------------------------------------------------------------------

def large_webhook(n, kib):
    """Of bytes that do not compress."""
    return webhook(message_id=f"L{n}", text=base64.b64encode(os.urandom(kib * 768)).decode())


def test_alerts_of_webhook_ingest_reach_the_sinks_and_end(server, stack, sink):
    stack.env.update(ALERT_URL=sink.url + "/alerts", WEBHOOKS_ALERT_AFTER="1s")
    stack.sim("contract", "--sessions", "1")
    p = stack.ingest()
    stack.monitor()
    stack.wait_session("demo-1", "connected")
    second = zk.free_port()
    stack.start("ingest-2", "zapkeep-ingest", ZAPKEEP_INGEST_LISTEN=f"127.0.0.1:{second}")
    wait_until("the second one is ready", lambda: zk.http("GET", f"http://127.0.0.1:{second}/ready")[0] == 200)

    def post(port, token, path="/api/v1/messages/webhook"):
        return zk.http("POST", f"http://127.0.0.1:{port}{path}", webhook("demo-1"),
                       {"Content-Type": "application/json", "Authorization": f"Bearer {token}"})[0]

    ports = (stack.ports["ingest"], second)
    wait_until("refused webhooks are an alert at both", lambda: {post(port, "not-it") for port in ports} == {401} and
               p.text().count("webhooks-astray") == stack.processes["ingest-2"].text().count("webhooks-astray") == 1, step=0.2)
    wait_until("the sink has it", lambda: ("webhooks-refused", "", "firing") in sink.alerts())
    assert post(second, stack.token) == 200
    wait_until("it has ended", lambda: ("webhooks-refused", "", "resolved") in sink.alerts())
    wait_until("it has ended at both", lambda: "webhooks-arrive" in p.text() and "webhooks-arrive" in stack.processes["ingest-2"].text())
    assert [a[2] for a in sink.alerts() if a[0] == "webhooks-refused"] == ["firing", "resolved"], "once, although both have raised it"

    assert post(second, stack.token, "/webhook/mian") == 200
    wait_until("a bridge that nobody watches is an alert", lambda: ("webhooks-unwatched", "", "firing") in sink.alerts())
    assert not os.path.exists(f"{stack.data}/state.db")


def test_the_disk_limit_is_an_alert_and_what_fits_is_kept(server, stack, sink):
    stack.sim("contract", "--sessions", "0")
    p = stack.ingest(ZAPKEEP_DISK_SIZE="1MiB")
    stack.monitor(ALERT_URL=sink.url + "/alerts")
    for n in range(60):
        assert stack.post(large_webhook(n, 40))[0] == 200
    wait_until("the sink has it", lambda: ("disk-limit", "", "firing") in sink.alerts())
    assert p.text().count("error webhook-ingest disk-limit ") == 1
    wait_until("the log is within its limit", lambda: len(stack.events()) < 30)
    p.stop()
    p = stack.ingest(ZAPKEEP_DISK_SIZE="1GiB")  # an operator made it larger
    wait_until("it is resolved", lambda: ("disk-limit", "", "resolved") in sink.alerts())
    assert len(stack.events()) >= 5, "the events that fit are there"

