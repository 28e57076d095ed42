"""Several monitors of one stack: each bridge is a role of its own, with a lease and a fence, and the duties of the stack are one more."""

import os
import signal

import pytest
import zk
from test_many_bridges import Bridges
from test_monitor_alerts import Sink
from test_postgres import stack  # noqa: F401 (a fixture)
from zk import wait_until, webhook

NAMES = ["b1", "b2", "b3"]


def roles(server, stack):
    """{holder: the monitor's roles that it has}, by the leases that are alive; "" is that of the stack."""
    rows = server.sql("SELECT holder, name FROM zapkeep.role WHERE name LIKE 'monitor%' AND name NOT LIKE '%@%'"
                      " AND until > clock_timestamp()", stack.database)
    by = {}
    for holder, name in (line.split("|") for line in rows.splitlines()):
        by.setdefault(holder, set()).add(name.removeprefix("monitor").removeprefix("."))
    return by


def fences(server, stack):
    return dict(line.split("|") for line in server.sql("SELECT name, fence FROM zapkeep.role WHERE name NOT LIKE '%@%'", stack.database).splitlines())


def of(by, process):
    return next((names for holder, names in by.items() if f" pid {process.pid} " in holder), set())


def second_monitor(stack, name="monitor-2", **env):
    return stack.start(name, "zapkeep-monitor", "--admin-listen", "off", **env)


@pytest.fixture
def three(server, stack):  # noqa: F811
    stack.env["ZAPKEEP_ROLE_LEASE"] = "2s"
    bridges = Bridges(stack, NAMES)
    stack.ingest()
    for name in NAMES:
        bridges.start(name, "--sessions", "2")
    return bridges


def states(server, stack):
    rows = server.sql("SELECT bridge || '/' || id, state FROM zapkeep_state.session", stack.database)
    return dict(line.split("|") for line in rows.splitlines())


def drops(server, stack, code):
    """How often each session's drop with that code is in the history."""
    rows = server.sql(f"SELECT bridge || '/' || session, count(*) FROM zapkeep_state.session_change WHERE code = {code} GROUP BY 1", stack.database)
    return dict(line.split("|") for line in rows.splitlines())


def positions(server, stack):
    """{bridge: up to where its events are taken in}, and the position that retention respects."""
    rows = server.sql("SELECT name, feed_seq FROM zapkeep_state.bridge", stack.database)
    all_of_them = server.sql("SELECT coalesce(max(seq), 0) FROM zapkeep_state.cursor WHERE consumer = 'monitor'", stack.database)
    return {name: int(seq) for name, seq in (line.split("|") for line in rows.splitlines())}, int(all_of_them)


def behind(server, stack):
    """Bridges whose newest session event is not taken in."""
    return server.sql("SELECT b.name FROM zapkeep_state.bridge b JOIN zapkeep_events.event e ON e.bridge = b.name AND e.seq > b.feed_seq"
                      " WHERE e.type LIKE 'session.%'", stack.database)


def test_monitors_share_the_bridges_and_take_over_from_each_other(server, stack, three):  # noqa: F811
    sink = Sink()
    stack.env.update(CHECK_INTERVAL="60s", HEARTBEAT_URL=sink.url + "/beat", HEARTBEAT_INTERVAL="1s")  # drops are found by webhooks alone
    first = stack.monitor()
    wait_until("the first has all", lambda: of(roles(server, stack), first) == {"", *NAMES}, needs=first)
    wait_until("all sessions are known", lambda: len(states(server, stack)) == 6)
    second = second_monitor(stack)
    wait_until("each has two of the four", lambda: sorted(map(len, roles(server, stack).values())) == [2, 2])
    for name in NAMES:
        three.control(name, "POST", "/drop?share=1&code=428")
    every = {f"{b}/{s.partition('/')[2]}": "1" for b in NAMES for s in states(server, stack) if s.startswith(b)}
    wait_until("each drop is found, by the one that has the bridge", lambda: drops(server, stack, 428) == every)
    wait_until("each bridge's position is with its transaction", lambda: not behind(server, stack))
    wait_until("the position of all follows", lambda: (lambda each, one: 0 < one <= min(each.values()))(*positions(server, stack)))
    status = " ".join(stack.cli("status").stdout.split())
    assert "4 of 4 are held" in status and f"pid {first.pid} (" in status and f"pid {second.pid} (" in status and "no monitor" not in status
    beats = len(sink.seen)
    wait_until("the heartbeat goes on: all bridges are well, whoever has them", lambda: len(sink.seen) > beats)

    second.kill()
    wait_until("the first has all again", lambda: of(roles(server, stack), first) == {"", *NAMES})
    third = second_monitor(stack, "monitor-3")
    wait_until("the third has its part", lambda: sorted(map(len, roles(server, stack).values())) == [2, 2])
    before = fences(server, stack)
    os.kill(first.pid, signal.SIGSTOP)
    wait_until("the third has all", lambda: of(roles(server, stack), third) == {"", *NAMES})
    after = fences(server, stack)
    assert sum(after[n] != before[n] for n in after) == 2  # what it had already it still has
    assert stack.post(webhook("late", message_id="x"))[0] in (200, 401)  # the stack goes on
    os.kill(first.pid, signal.SIGCONT)
    wait_until("the first sees that it lost its roles", lambda: "role-lost" in first.text())
    assert drops(server, stack, 428) == every  # nothing was taken twice: each bridge has its own position in the log
    assert third.stop() == 0 and first.running()
    wait_until("the first has all at once", lambda: of(roles(server, stack), first) == {"", *NAMES})
    wait_until("it is ready", lambda: zk.http("GET", f"http://127.0.0.1:{stack.ports['monitor']}/ready")[0] == 200)
    assert first.stop() == 0 and roles(server, stack) == {}
    gone = stack.cli("status")
    assert gone.returncode == 1 and gone.stdout.startswith("wrong") and f"pid {first.pid} (" in gone.stdout and "start zapkeep-monitor" in " ".join(gone.stdout.split())
    sink.close()


AUDIT = """
CREATE TABLE public.writes (at timestamptz, who text, what text);
CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN INSERT INTO public.writes VALUES (clock_timestamp(), session_user, TG_TABLE_NAME); RETURN NULL; END';
DO 'DECLARE t text; BEGIN FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = ''zapkeep_state'' LOOP
  EXECUTE format(''CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON zapkeep_state.%I FOR EACH STATEMENT EXECUTE FUNCTION public.note()'', t);
END LOOP; END';
"""


def written_by_paused(server, stack, pid):
    """What it wrote between the take-over and the moment at which it was given a role again."""
    return server.sql("SELECT count(*), coalesce(string_agg(DISTINCT what, ' '), '') FROM public.writes w WHERE who = 'paused'"
                      " AND at > (SELECT min(at) FROM public.taken)"
                      f" AND at < coalesce((SELECT min(since) FROM zapkeep.role WHERE name LIKE 'monitor%' AND name NOT LIKE '%@%' AND holder LIKE '% pid {pid} (%'"
                      "   AND since > (SELECT min(at) FROM public.taken)), 'infinity')", stack.database)


def test_a_monitor_that_was_paused_in_a_poll_writes_nothing_after_another_took_over(server, stack):  # noqa: F811
    """It is stopped while the bridge holds its answer back, and finds that answer, which is old by then, when it goes on."""
    stack.env["ZAPKEEP_ROLE_LEASE"] = "2s"
    server.sql("DROP ROLE IF EXISTS paused; CREATE ROLE paused SUPERUSER LOGIN", "postgres")
    server.sql(AUDIT, stack.database)
    stack.sim("contract", "--sessions", "2")
    first = stack.monitor(ZAPKEEP_STORE=stack.env["ZAPKEEP_STORE"].replace("//zapkeep:", "//paused:"))
    wait_until("the first watches", lambda: len(states(server, stack)) == 2, needs=first)
    mine = of(roles(server, stack), first)
    assert len(mine) == 2 and "" in mine
    server.sql("CREATE TABLE public.taken (at timestamptz)", stack.database)
    stack.control("POST", "/fault?kind=slow&n=1500&route=/sessions")
    asked = stack.control("GET", "/counters")["api_calls"]
    wait_until("it polls", lambda: stack.control("GET", "/counters")["api_calls"] >= asked + 2)
    os.kill(first.pid, signal.SIGSTOP)
    stack.control("POST", "/fault?kind=none")
    second = second_monitor(stack)
    wait_until("the second one has both roles", lambda: of(roles(server, stack), second) == mine, 20, needs=second)
    server.sql("INSERT INTO public.taken VALUES (clock_timestamp())", stack.database)
    stack.control("POST", "/drop?share=1&code=428")
    wait_until("it finds the drop", lambda: server.sql("SELECT count(DISTINCT session) FROM zapkeep_state.session_change WHERE from_state >= 0", stack.database) == "2")
    os.kill(first.pid, signal.SIGCONT)
    wait_until("the first sees that it lost its roles", lambda: first.text().count("role-lost") == 2)
    wait_until("it has a part again", lambda: len(of(roles(server, stack), first)) == 1)
    assert written_by_paused(server, stack, first.pid).startswith("0|"), written_by_paused(server, stack, first.pid)
    assert second.stop() == 0  # gives its part up at once
    wait_until("the first has both again", lambda: of(roles(server, stack), first) == mine)
