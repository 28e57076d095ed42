"""PostgreSQL as an operator meets it: weak promises are said, backups are explained, doctor and the console show
roles and standbys; every way to connect works, and every way to fail has its own sentence; old partitions go while webhooks come."""

import os
import re
import signal
import subprocess
import time

import pytest

import secrets_watch
import zk
from on_postgres import Server, stack, use  # noqa: F401 (a fixture)
from test_console_api import Console
from zk import wait_until, webhook

PASSWORD = secrets_watch.mark("the database's password", "pg-password-1f6b")


def findings(stack):
    return {f["check"]: f for f in map(eval_json, stack.cli("doctor", "--no-probe", "--json").stdout.splitlines())}


def eval_json(line):
    import json
    return json.loads(line)


# ---- promises, roles, backups --------------------------------------------------------------------------------------

def test_a_server_that_promises_less_is_said_at_start_by_doctor_and_by_status(stack):
    stack.sim("contract", "--sessions", "1")
    ingest, monitor = stack.ingest(), stack.monitor()
    for p in (ingest, monitor, stack.worker()):
        wait_until("it is said", lambda p=p: "store-promise" in p.text(), needs=p)
        line = next(line for line in p.text().splitlines() if "store-promise" in line)
        assert " warn " in line and "setting=fsync" in line and "power loss" in line
        assert p.text().count("store-promise") == 1
    stack.wait_session("demo-1", "connected")
    found = findings(stack)
    assert found["database"]["level"] == "warn" and "fsync" in found["database"]["advice"]
    assert "archiving: off" in found["database"]["message"] and "zapkeep-monitor" in found["database"]["message"]
    assert found["roles"]["level"] == "ok" and re.search(r"role monitor.*pid \d+.* since .*fence 1", found["roles"]["message"])
    assert "sqlite" not in found and all(found[c]["level"] == "ok" for c in ("state", "log", "monitor")), found
    status = stack.cli("store", "status")
    assert status.returncode == 1 and "set fsync = on" in status.stdout


def test_backup_and_restore_of_a_database_say_how_and_touch_nothing(stack, tmp_path):
    backup = stack.cli("backup", str(tmp_path / "copy"))
    assert backup.returncode == 2 and "nothing was copied" in backup.stderr and "pg_dump" in backup.stderr and "archiving" in backup.stdout
    assert not (tmp_path / "copy").exists()
    restore = stack.cli("restore", str(tmp_path))
    assert restore.returncode == 2 and "nothing was changed" in restore.stderr and "pg_restore" in restore.stderr


def test_the_console_has_the_promises_and_the_roles(stack):
    stack.env["ZAPKEEP_ROLE_LEASE"] = "2s"
    stack.sim("contract", "--sessions", "1")
    stack.monitor()
    stack.wait_session("demo-1", "connected")
    console = Console(stack)
    assert console.login()[0] == 200
    status, _, store = console.get("/store")
    lines = {line["name"]: line for line in store["lines"]}
    assert status == 200 and store["database"] and lines["fsync"]["problem"]
    assert any(re.match("role monitor", name) and "fence 1" in line["value"] for name, line in lines.items()), lines
    stack.processes["monitor"].kill()
    assert "monitor is dead" not in stack.cli("status").stdout, "the machine of another monitor may be at work"
    wait_until("the overview says that nobody has the monitor's roles", lambda: [
        p["level"] for p in console.get("/overview")[2]["problems"] if p["key"] == "monitors-gone"] == ["bad"])
    assert "no monitor is at work" in " ".join(stack.cli("status").stdout.split())


def test_the_pages_of_the_console_do_not_wait_for_a_server_that_hangs(server, stack):
    """After the call that found it out a child tries the server; each request for its report gets the reason."""
    stack.sim("contract", "--sessions", "1")
    stack.monitor()
    stack.wait_session("demo-1", "connected")
    console = Console(stack)
    assert console.login()[0] == 200
    server.signal(signal.SIGSTOP)
    try:
        stopped = time.monotonic()
        wait_until("it is found out", lambda: "store-away" in console.process.text(), needs=console.process)
        found_out = time.monotonic() - stopped  # by a call that waited for the server
        for _ in range(20):  # longer than the console waits between two looks at its store
            began = time.monotonic()
            assert zk.http("GET", f"{console.origin}/")[0] == 200 and console.get("/sessions")[0] == 503
            assert time.monotonic() - began < found_out, "it has waited for the server"
            time.sleep(0.1)
    finally:
        server.signal(signal.SIGCONT)
    wait_until("the sessions are there again", lambda: console.get("/sessions")[0] == 200)
    assert console.get("/store")[2]["lines"] and "store-answers" in console.process.text()


# ---- ways to connect -----------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def tls_server(tmp_path_factory):
    """TLS with a certificate of an authority of its own, passwords only."""
    top = tmp_path_factory.mktemp("tls")
    run = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj"]
    for name in ("localhost", "other"):
        subprocess.run([*run, f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-keyout", str(top / f"{name}.key"), "-out",
                        str(top / f"{name}.pem")], check=True, capture_output=True)
    port = zk.free_port()
    s = Server(listen_addresses="localhost", port=port, ssl="on", ssl_cert_file="server.pem", ssl_key_file="server.key")
    for suffix in ("pem", "key"):
        target = f"{s.data}/server.{suffix}"
        with open(target, "wb") as f:
            f.write((top / f"localhost.{suffix}").read_bytes())
        os.chmod(target, 0o600)
        if s.user:
            os.chown(target, s.user.pw_uid, s.user.pw_gid)
    with open(f"{s.data}/pg_hba.conf", "w") as f:
        f.write("local all all trust\nhostssl all all all scram-sha-256\n")
    s.uri = lambda database="zapkeep": f"postgresql://zapkeep@:{port}/{database}?host={s.top}"
    s.start()
    s.sql(f"ALTER ROLE zapkeep PASSWORD '{PASSWORD}'", "postgres")
    s.port, s.ca, s.other_ca = port, str(top / "localhost.pem"), str(top / "other.pem")
    for name in ("localhost", "other"):
        os.chmod(top / f"{name}.pem", 0o644)
    yield s
    s.close()


def test_every_way_to_connect_works_and_the_password_is_shown_nowhere(tls_server, make_stack, request):
    stack = use(tls_server, make_stack, request)
    uri = f"postgresql://zapkeep@localhost:{tls_server.port}/{stack.database}?sslmode=verify-full&sslrootcert={tls_server.ca}"
    secret = stack.file("db-password", PASSWORD + "\n")
    passfile = stack.file("pgpass", f"localhost:{tls_server.port}:*:zapkeep:{PASSWORD}\n")
    os.chmod(passfile, 0o600)
    service = stack.file("pg_service.conf", f"[zapkeep]\nhost=localhost\nport={tls_server.port}\nuser=zapkeep\ndbname={stack.database}\n"
                         f"sslmode=verify-full\nsslrootcert={tls_server.ca}\n")
    hosts = uri.replace(f"localhost:{tls_server.port}", f"127.0.0.1:{zk.free_port()},localhost:{tls_server.port}")
    ways = [
        {"ZAPKEEP_STORE": uri, "ZAPKEEP_STORE_PASSWORD_FILE": secret},
        {"ZAPKEEP_STORE": uri, "ZAPKEEP_STORE_PASSWORD": PASSWORD},
        {"ZAPKEEP_STORE": uri, "PGPASSFILE": passfile},
        {"ZAPKEEP_STORE": "postgresql://?service=zapkeep", "PGSERVICEFILE": service, "ZAPKEEP_STORE_PASSWORD_FILE": secret},
        {"ZAPKEEP_STORE": hosts, "ZAPKEEP_STORE_PASSWORD_FILE": secret},
        {"ZAPKEEP_STORE": uri.replace("zapkeep@", f"zapkeep:{PASSWORD}@")},
    ]
    for way in ways:
        stack.cli("store", "init", check=True, **way)
        shown = stack.cli("store", "status", **way)
        assert "server " in shown.stdout and PASSWORD not in shown.stdout + shown.stderr, shown
    ingest = stack.ingest(**ways[-1])
    assert stack.post(webhook())[0] == 200
    with open(f"/proc/{ingest.pid}/cmdline", "rb") as f:
        assert PASSWORD.encode() not in f.read()
    assert PASSWORD not in ingest.text() and PASSWORD.encode() not in stack.get_ingest("/metrics")[2]
    assert tls_server.sql("SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl AND application_name LIKE 'zapkeep-ingest%'",
                          "postgres") != "0"


def test_every_way_to_fail_says_what_to_do(tls_server, make_stack, request):
    stack = use(tls_server, make_stack, request, ZAPKEEP_STORE_PASSWORD=PASSWORD)
    at = f"localhost:{tls_server.port}"
    uri = f"postgresql://zapkeep@{at}/{stack.database}?sslmode=verify-full&sslrootcert={tls_server.ca}"
    rows = [
        ({"ZAPKEEP_STORE_PASSWORD": "wrong-one"}, uri, "refuses this user", "password"),
        ({"ZAPKEEP_STORE_PASSWORD": "", "PGPASSFILE": "/nowhere"}, uri, "refuses this user", "ZAPKEEP_STORE_PASSWORD_FILE"),
        ({}, uri.replace("zapkeep@", "nobody@"), "refuses this user", "user"),
        ({}, uri.replace(stack.database, "nowhere"), "no database of this name", "CREATE DATABASE"),
        ({}, uri, "has no tables of zapkeep", "zapkeep store init"),
        ({}, uri.replace("verify-full", "disable"), "refuses", "sslmode"),
        ({}, uri.replace(tls_server.ca, tls_server.other_ca), "certificate", "sslrootcert"),
        ({}, uri.replace(at, f"localhost:{zk.free_port()}"), "does not answer", "server runs"),
        ({}, uri + "&nonsense=1", "not understood", "postgresql://user@host/database"),
    ]
    for env, store, fault, remedy in rows:
        done = stack.cli("sessions", **{**env, "ZAPKEEP_STORE": store})
        assert done.returncode == 3 and fault in done.stderr and remedy in done.stderr, (store, done.stderr)
        assert PASSWORD not in done.stderr
    stack.cli("store", "init", check=True, ZAPKEEP_STORE=uri)
    for version, fault, remedy in ((99, "newer zapkeep", "start that version"), (-1, "did not end", "store migrate")):
        tls_server.sql(f"UPDATE zapkeep.version SET version = {version}", stack.database)
        done = stack.cli("sessions", ZAPKEEP_STORE=uri)
        assert done.returncode == 3 and fault in done.stderr and remedy in done.stderr, done.stderr


# ---- retention -----------------------------------------------------------------------------------------------------

def test_an_old_partition_goes_while_webhooks_come(server, stack):
    server.sql("CREATE TABLE zapkeep_events.event_p0 (LIKE zapkeep_events.event);"
               " ALTER TABLE zapkeep_events.event ATTACH PARTITION zapkeep_events.event_p0 FOR VALUES FROM (0) TO (250000);"
               " INSERT INTO zapkeep_events.event SELECT n, 1000, 1000, 'message.received', 'main', 'old', '', '' FROM generate_series(1, 249999) n;"
               " UPDATE zapkeep_events.log_head SET seq = 249999", stack.database)
    p = stack.ingest(ZAPKEEP_RETENTION_AGE="1h")
    sent = 0
    while server.sql("SELECT to_regclass('zapkeep_events.event_p0') IS NULL", stack.database) != "t":
        assert stack.post(webhook(message_id=f"new-{sent}"))[0] == 200
        sent += 1
        assert p.running() and sent < 2000
    assert stack.post(webhook(message_id="last"))[0] == 200
    events = stack.events()
    assert [e["seq"] for e in events] == list(range(250000, 250000 + sent + 1)), "each of them, dense, none of the old ones"
    assert server.sql("SELECT count(*) FROM pg_inherits WHERE inhparent = 'zapkeep_events.event'::regclass", stack.database) == "1"
