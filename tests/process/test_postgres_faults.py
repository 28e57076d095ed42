"""A stack on PostgreSQL when its server is in trouble, and what webhook-ingest says of itself through it."""

import base64
import os
import threading

import pytest

import zk
from on_postgres import stack  # noqa: F401 (a fixture)
from test_monitor_alerts import Sink
from test_postgres import all_services, ask_all
from zk import wait_until, webhook


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


# ---- a server that is away -------------------------------------------------------------------------------------------

def lines_since(stack, marks):
    """Warnings and errors of each program since then."""
    return {name: [line for line in p.text()[marks[name]:].splitlines() if " warn " in line or " error " in line]
            for name, p in stack.processes.items() if name in marks}


def test_a_server_that_refuses_is_said_once_by_each_program_and_is_an_alert(server, stack, sink, make_backend):
    stack.env.update(ALERT_URL=sink.url + "/alerts", CHECK_INTERVAL="200ms", ZAPKEEP_ROLE_LEASE="4s")
    ports = all_services(stack, make_backend())
    calls = len(stack.control("GET", "/calls"))
    marks = {name: len(stack.processes[name].text()) for name in ("ingest", "monitor", "worker", "forward", "console")}
    server.kill()
    wait_until("the sink has it although no store can be read", lambda: ("store-down", "", "firing") in sink.alerts())
    stack.control("POST", "/drop?share=1&code=428")
    lines = {"ingest": "event-log-failed", "monitor": "store-down", "worker": "state-failed", "forward": "waiting", "console": "store-away"}
    wait_until("all have found it", lambda: stack.post(webhook())[0] == 503 and set(ask_all(ports, "/ready")[0].values()) == {503} and
               all(f" {line} " in stack.processes[name].text()[marks[name]:] for name, line in lines.items()), step=0.2)
    for _ in range(8):
        assert stack.post(webhook(message_id="in vain"))[0] == 503
        statuses, _ = ask_all(ports, "/health")
        assert set(statuses.values()) == {200}
    assert len(stack.control("GET", "/calls")) == calls
    said = lines_since(stack, marks)
    for name, line in lines.items():
        of_it = [text for text in said[name] if "webhook-refused" not in text]  # of a sender, not of the database
        assert len(of_it) == 1 and f" {line} " in of_it[0] and "does not answer" in of_it[0], (name, of_it)

    server.start()
    wait_until("all are ready again", lambda: set(ask_all(ports, "/ready")[0].values()) == {200})
    wait_until("the sink has the end", lambda: ("store-down", "", "resolved") in sink.alerts())
    wait_until("the sessions are connected again", lambda: set(stack.state()["sessions"].values()) == {"connected"})
    assert [a[2] for a in sink.alerts() if a[0] == "store-down"] == ["firing", "resolved"]
    assert stack.processes["monitor"].text().count("store-works") == 1


# ---- a program of another machine ------------------------------------------------------------------------------------

def test_a_program_that_died_on_another_machine_does_not_look_alive(server, stack, tmp_path):
    stack.env.update(ZAPKEEP_ROLE_LEASE="1s")
    stack.sim("contract", "--sessions", "1")
    stack.ingest()
    stack.monitor()
    stack.wait_session("demo-1", "connected")
    port = zk.free_port()

    def start():
        p = stack.start("ingest-2", "zapkeep-ingest", ZAPKEEP_DATA_DIR=str(tmp_path), ZAPKEEP_INGEST_LISTEN=f"127.0.0.1:{port}")
        wait_until("the other one is ready", lambda: zk.http("GET", f"http://127.0.0.1:{port}/ready")[0] == 200)
        return p

    def said(command):
        return stack.cli(command, "--json").stdout

    def ingests():
        return server.sql("SELECT count(*) FROM zapkeep.role WHERE name LIKE 'ingest@%' AND until > clock_timestamp()", stack.database)

    p = start()
    wait_until("both have given a sign of life", lambda: ingests() == "2")
    assert "no sign of life" not in said("status") + said("doctor")
    p.kill()
    wait_until("status and doctor say so", lambda: "webhook-ingest on" in said("status") and "no sign of life since" in said("doctor"), step=0.5)
    assert "1 other is alive" in said("status")
    start()  # another process, as a restart is
    wait_until("it stands for the dead one", lambda: "no sign of life" not in said("status") + said("doctor"), step=0.5)
    stack.processes["ingest-2"].stop()
    wait_until("it has gone", lambda: ingests() == "1")
    assert "no sign of life" not in said("status") + said("doctor"), "an orderly stop is no death"


def test_programs_of_other_machines_are_dead_when_the_last_one_is(server, stack, tmp_path):
    """Each machine has the signs of life of its own programs alone; the rows of the database have those of all."""
    stack.env.update(ZAPKEEP_ROLE_LEASE="1s")
    stack.sim("contract", "--sessions", "1")
    stack.worker("worker-here")
    for n in (1, 2):
        stack.worker(f"worker-{n}", ZAPKEEP_DATA_DIR=str(tmp_path))
    stack.ingest()
    stack.monitor()

    def alerts():
        return {a["alert"] for row in stack.cli_json("status") for a in row["alerts"]}

    def workers(life):
        return int(server.sql(f"SELECT count(*) FROM zapkeep.role WHERE name LIKE 'worker@%' AND until {life} clock_timestamp()", stack.database))

    wait_until("all have given a sign of life", lambda: workers(">") == 3)
    stack.processes["worker-here"].kill()
    stack.processes["worker-1"].kill()
    wait_until("two of them are dead", lambda: workers("<") == 2, step=0.5)
    assert alerts() == set(), "one is alive"
    stack.processes["worker-2"].kill()
    wait_until("none is alive", lambda: alerts() == {"reconnect-workers-dead"}, step=0.5)
    stack.worker("worker-3", ZAPKEEP_DATA_DIR=str(tmp_path))
    wait_until("one is back", lambda: alerts() == set(), step=0.5)


def test_an_event_that_waits_is_delivered_when_only_the_connection_of_the_log_was_lost(server, stack, make_backend):
    well = threading.Event()
    backend = make_backend(lambda d: 200 if well.is_set() else 500)
    stack.env.update(BACKEND_URL=backend.url, FORWARD_RETRY_SCHEDULE="0s," + ",".join(["500ms"] * 31))
    stack.ingest()
    stack.forward()
    assert stack.post(webhook(message_id="M"))[0] == 200
    wait_until("it is refused", lambda: backend.all(lambda d: d.message_id == "M"))
    # The forwarder reads the log with the program's connection, and delivers with one of its own.
    ended = server.sql("SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity"
                       f" WHERE datname = '{stack.database}' AND application_name = 'zapkeep-forward'", "postgres")
    assert int(ended) > 0
    well.set()
    wait_until("it is delivered", lambda: any(d.answer == 200 for d in backend.all(lambda d: d.message_id == "M")))
