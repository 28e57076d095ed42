"""A stack as a good guest of its PostgreSQL server: connections, time limits, plans, updates, long readers, poolers."""

import os
import re
import subprocess
import sys

import pytest

import zk
from on_postgres import init, use
from test_postgres import all_services
from zk import wait_until, webhook

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "postgres"))
import plans  # noqa: E402
from server import Server  # noqa: E402

PGBOUNCER = "/usr/sbin/pgbouncer"


@pytest.fixture(scope="module")
def server():
    s = Server(**{**plans.SETTINGS, "log_statement": "all", "log_line_prefix": "%a|%p|"}).start()
    yield s
    s.close()


@pytest.fixture
def stack(server, make_stack, request):
    return init(use(server, make_stack, request, CHECK_INTERVAL="500ms", RECONNECT_INTERVAL="3s"))


def log_of(server):
    with open(f"{server.top}/log", errors="replace") as f:
        return f.read()


def at_work(stack, drops=2):
    """Drops, attempts, webhooks: each program has done its usual work."""
    for n in range(drops):
        stack.control("POST", "/drop?share=1&code=428")
        calls = len(stack.control("GET", "/calls"))
        bodies = [webhook("demo-1", message_id=f"W{n}-{i}") for i in range(10)]
        for body in [*bodies, bodies[0], bodies[1]]:  # the last two are repeats
            assert stack.post(body)[0] == 200
        wait_until("the sessions are connected again", lambda: len(stack.control("GET", "/calls")) >= calls and
                   set(stack.state()["sessions"].values()) == {"connected"} and
                   (stack.session("demo-1") or {}).get("state") == "connected")


# Connections of one program with one bridge and one destination: pages and pools are made for these.
CONNECTIONS = {"zapkeep-ingest": 2, "zapkeep-monitor": 1, "zapkeep-reconnect": 1, "zapkeep-forward": 2, "zapkeep-console": 1}


def test_a_stack_at_work_keeps_to_its_connections_limits_and_indexes(server, stack, make_backend):
    plans.fill(server, stack.database, 20000, 5000)
    all_services(stack, make_backend())
    at_work(stack)
    count = dict(line.split("|") for line in server.sql(
        "SELECT split_part(application_name, ' ', 1), count(*) FROM pg_stat_activity"
        f" WHERE datname = '{stack.database}' AND application_name LIKE 'zapkeep-%' AND backend_start < now() - interval '1 second' GROUP BY 1",
        stack.database).splitlines())
    assert set(count) == set(CONNECTIONS) and all(int(count[name]) <= most for name, most in CONNECTIONS.items()), count

    log = log_of(server)
    by_pid = {}
    for app, pid, statement in re.findall(r"^(zapkeep-\w+)[^|\n]*\|(\d+)\|LOG:  (?:statement|execute <unnamed>): (.*)$", log, re.M):
        by_pid.setdefault((app, pid), []).append(statement)
    unlimited = [key for key, statements in by_pid.items() if any(s.startswith("BEGIN") for s in statements) and
                 not any("SET lock_timeout" in s and "SET statement_timeout" in s for s in statements)]
    assert len(by_pid) >= 8 and not unlimited, unlimited

    found = plans.plans_of(log_of(server))
    assert {app.split(" ")[0] for app, _ in found} == set(plans.SERVICES) and len(found) > 200
    unseen = [index for index in ("session_pkey", "reconnect_pkey", "dedupe_pkey", "event_p0_pkey") if not any(index in text for _, text in found)]
    assert not unseen, unseen
    bad = plans.wasteful(found, 1000)
    assert not bad, "\n\n".join({text.splitlines()[0]: f"{app}: {text}" for app, _, _, text in bad}.values())

    rows = [line.split("|") for line in server.sql(
        "SELECT schemaname || '.' || relname, n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE n_tup_upd >= 10", stack.database).splitlines()]
    hot = {name: int(h) / int(n) for name, n, h in rows}
    often = {"zapkeep.role", "zapkeep_events.log_head", "zapkeep_events.batch", "zapkeep_state.session", "zapkeep_forward.destination"}
    assert often <= set(hot) and all(hot[name] > 0.8 for name in often), hot


def test_every_statement_in_the_build_finds_its_rows_in_a_big_table_by_an_index(server, stack):
    """Also those of a stack that is four days old, or of an operator: for any values, as a statement that was prepared is run."""
    plans.fill(server, stack.database, 20000, 5000)
    texts = plans.texts_of(os.path.dirname(zk.BIN))
    found = plans.generic_plans(server, stack.database, texts)
    untried = [text for text in texts if text not in found and "%" not in text and "pragma" not in text]
    assert len(found) > 200 and not untried, untried
    bad = plans.unguided(found)
    assert not bad, bad


class Reader:
    """A transaction that has read the log and stays open, as a backup does."""

    def __init__(self, server, database):
        self.psql = subprocess.Popen(["psql", "-qXAt", server.uri(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.events = int(self.ask("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM zapkeep_events.event;"))

    def ask(self, sql):
        self.psql.stdin.write(sql + "\n")
        self.psql.stdin.flush()
        return self.psql.stdout.readline().strip()

    def close(self):
        self.psql.stdin.close()
        self.psql.wait()


def test_a_long_reader_stops_no_webhook_and_an_old_partition_goes_when_it_has_ended(server, stack):
    server.sql("CREATE TABLE zapkeep_events.event_p0 (LIKE zapkeep_events.event);"
               " ALTER TABLE zapkeep_events.event ATTACH PARTITION zapkeep_events.event_p0 FOR VALUES FROM (0) TO (250000);"
               " INSERT INTO zapkeep_events.event SELECT n, 1000, 1000, 'message.received', 'main', 'old', '', '' FROM generate_series(249900, 249999) n;"
               " UPDATE zapkeep_events.log_head SET seq = 249999", stack.database)
    reader = Reader(server, stack.database)
    p = stack.ingest(ZAPKEEP_RETENTION_AGE="1h")
    left = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'zapkeep_events.event'::regclass AND "
    sent, until = 0, None
    while until is None or sent < until:  # some more when it is on its way
        assert stack.post(webhook(message_id=f"R{sent}"))[0] == 200
        sent += 1
        if until is None and server.sql(left + "inhdetachpending", stack.database) == "1":
            until = sent + 20
    assert "event-log-failed" not in p.text() and reader.ask("SELECT count(*) FROM zapkeep_events.event;") == str(reader.events)
    reader.close()
    wait_until("it is gone", lambda: server.sql("SELECT to_regclass('zapkeep_events.event_p0') IS NULL", stack.database) == "t")
    assert [e["seq"] for e in stack.events()] == list(range(250000, 250000 + sent))


def test_a_worker_without_a_hub_learns_of_a_drop_before_it_looks_by_itself(server, stack):
    stack.env.update(FLAP_PENALTY="0", RECONNECT_RATE="20/s")
    stack.sim("contract", "--sessions", "1")
    stack.ingest()
    stack.monitor(CHECK_INTERVAL="120s")  # drops come as webhooks, and it writes nothing else
    stack.worker()
    stack.wait_session("demo-1", "connected")
    state = f"FROM pg_stat_activity WHERE application_name = 'zapkeep-reconnect state' AND datname = '{stack.database}'"
    wait_until("the worker has looked", lambda: server.sql(f"SELECT count(*) {state}", stack.database) == "1")
    woken = looked = 0
    while woken < 2:
        wait_until("the session is well", lambda: stack.session("demo-1")["state"] == "connected" and
                   set(stack.state()["sessions"].values()) == {"connected"})
        wait_until("the worker is at rest", lambda: float(server.sql(f"SELECT extract(epoch FROM clock_timestamp() - query_start) {state}",
                                                                    stack.database)) > 1)
        before = float(server.sql(f"SELECT extract(epoch FROM query_start) {state}", stack.database))
        calls = len(stack.control("GET", "/calls"))
        stack.control("POST", "/drop?share=1&code=428")
        wait_until("the bridge is called", lambda: len(stack.control("GET", "/calls")) > calls)  # noqa: B023
        after = float(server.sql("SELECT extract(epoch FROM clock_timestamp())", stack.database))
        # It looks by itself 4 s after its last look at the soonest (WORKER_SWEEP_MS, less a fifth).
        woken, looked = (woken + 1, looked) if after - before < 3.9 else (woken, looked + 1)
        assert looked < 8, "only the worker's own looks found the drops"


@pytest.fixture
def pooled(server, stack, pool_mode):
    """Through pgbouncer."""
    assert os.path.exists(PGBOUNCER), "apt-get install pgbouncer (tests/packages.txt)"
    port = zk.free_port()
    path = f"{server.top}/pgbouncer.ini"
    with open(path, "w") as f:
        f.write(f"[databases]\n* = host={server.top} port=5432 user=zapkeep\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n"
                f"unix_socket_dir =\nauth_type = any\npool_mode = {pool_mode}\ndefault_pool_size = 40\nlogfile = {server.top}/pgbouncer.log\n")
    os.chmod(path, 0o644)
    p = subprocess.Popen([PGBOUNCER, "-q", path], preexec_fn=server.as_user, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stack.env["ZAPKEEP_STORE"] = f"postgresql://zapkeep@127.0.0.1:{port}/{stack.database}"
    wait_until("pgbouncer answers", lambda: "does not answer" not in stack.cli("store", "status").stderr)
    yield stack
    p.terminate()
    p.wait()


@pytest.mark.parametrize("pool_mode", ["session"])
def test_the_whole_stack_works_through_pgbouncer(server, pooled, make_backend):
    stack, backend = pooled, make_backend()
    all_services(stack, backend)
    at_work(stack, drops=1)
    stored = [e["message_id"] for e in stack.events() if e["type"] == "message.received"]
    assert stored == [f"W0-{i}" for i in range(10)]
    wait_until("they are delivered", lambda: [d.message_id for d in backend.taken(lambda d: d.type == "message.received")] == stored)
    assert server.sql(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{stack.database}' AND application_name LIKE 'zapkeep-%'"
                      " AND client_addr IS NOT NULL", stack.database) == "0"  # pgbouncer comes by the socket


@pytest.mark.parametrize("pool_mode", ["transaction"])
def test_a_pooler_that_shares_sessions_is_refused_by_every_program(pooled):
    for program in ("zapkeep-ingest", "zapkeep-monitor", "zapkeep-reconnect", "zapkeep-forward"):
        p = pooled.start(program, program, ZAPKEEP_ADMIN_LISTEN="off", BACKEND_URL="http://127.0.0.1:9")
        wait_until(f"{program} says so", lambda: "pool_mode = session" in p.text())  # noqa: B023
        p.kill()
    for command in (["store", "status"], ["sessions"], ["store", "init"]):
        done = pooled.cli(*command)
        assert done.returncode == 3 and "pool_mode = session" in done.stderr, done


def test_a_store_that_several_make_at_once_is_made_once(server, make_stack):
    stack = make_stack(ZAPKEEP_STORE=server.create("zk_at_once"))
    argv = [os.path.join(zk.BIN, "zapkeep"), "store", "init"]
    makers = [subprocess.Popen(argv, env=stack.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(4)]
    done = [(p.communicate()[0], p.returncode) for p in makers]
    assert all(code == 0 for _, code in done), done
    stack.cli("store", "upgrade", check=True)
    assert server.sql("SELECT count(*) FROM zapkeep.version", "zk_at_once") == "1"
    assert server.sql("SELECT count(*) FROM zapkeep_events.meta WHERE key = 'id'", "zk_at_once") == "1"
    stack.ingest()
    assert stack.post(webhook())[0] == 200


def test_an_idle_monitor_leaves_out_reads_while_the_database_notifies_of_no_commit(server, stack):
    """Counted against the renewals of its roles, which run on the same loop: each 0.3 of a lease."""
    stack.env.update(ZAPKEEP_ROLE_LEASE="2s", CHECK_INTERVAL="60s")
    stack.sim("contract", "--sessions", "1")
    stack.ingest()
    stack.monitor()
    stack.wait_session("demo-1", "connected")
    begin = len(log_of(server))

    def count(words):
        return len(re.findall(rf"^zapkeep-monitor[^|\n]*\|\d+\|LOG:  [^\n]*{words}", log_of(server)[begin:], re.M))

    wait_until("it has renewed its roles 20 times", lambda: count("UPDATE zapkeep.role") >= 20, step=0.3)
    renewals, reads = count("UPDATE zapkeep.role"), count("FROM reconnect")
    assert 1 <= reads <= 0.7 * renewals, (renewals, reads)  # two statements each 5 s, and each second without that
