"""A server with a streaming standby: what a commit promises is said for each setting, and a standby that dies blocks commits until it is back."""

import json

import pytest

from forwarding import post_events
from on_postgres import Server, init, use
from test_postgres import Sender, check_stored, post_timed
from zk import wait_until, webhook


@pytest.fixture(scope="module")
def server():
    s = Server(fsync=True).start()
    yield s
    s.close()


@pytest.fixture(scope="module")
def standby(server):
    s = Server(primary=server).start()
    wait_until("it streams", lambda: streams(server))
    yield s
    s.close()


@pytest.fixture(autouse=True)
def nobody_is_waited_for(server, request):
    """After each test, also one that failed: a server that waits for a standby which is dead makes no database."""
    standby = request.getfixturevalue("standby")
    yield
    if server.process is None:
        return  # the last test has killed it
    server.sql("ALTER SYSTEM RESET synchronous_standby_names", "postgres")
    server.sql("SELECT pg_reload_conf()", "postgres")
    if standby.process is None:
        standby.start()


@pytest.fixture
def stack(server, make_stack, request):
    return init(use(server, make_stack, request))


def streams(server):
    return server.sql("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", "postgres") == "1"


def set_standbys(server, names):
    """And waits until the server waits for the one that is there, if it is to."""
    server.sql(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'", "postgres")
    server.sql("SELECT pg_reload_conf()", "postgres")
    wait_until("the server has it", lambda: server.sql("SELECT sync_state FROM pg_stat_replication", "postgres") == ("sync" if names else "async"))


def promises(stack):
    """{name: line} of zapkeep store status."""
    return {row["name"]: row for row in map(json.loads, stack.cli("store", "status", "--json").stdout.splitlines()) if "name" in row}


def doctors(stack):
    return next(f for f in map(json.loads, stack.cli("doctor", "--no-probe", "--json").stdout.splitlines()) if f["check"] == "database")


CRASH, FAILOVER = "a crash takes events", "a failover takes events"
ASYNC = "a failover to it takes the newest events"


def test_each_synchronous_commit_has_its_words_with_a_standby_and_without(server, standby, stack):
    for names, words in (("", {"off": CRASH, "local": "", "remote_write": "", "on": "", "remote_apply": ""}),
                         ("*", {"off": CRASH, "local": FAILOVER, "remote_write": "", "on": "", "remote_apply": ""})):
        set_standbys(server, names)
        for value, problem in words.items():
            server.sql(f"ALTER DATABASE {stack.database} SET synchronous_commit = {value}", "postgres")
            lines = promises(stack)
            line = lines["synchronous_commit"]
            assert line["value"] == value and line.get("problem", "").startswith(problem) and bool(line.get("problem")) == bool(problem), line
            assert ASYNC in lines["standby walreceiver"].get("problem", "") or names, lines
            if problem:
                p = stack.ingest()
                wait_until("ingest says so", lambda: [text for text in p.text().splitlines() if "store-promise" in text and  # noqa: B023
                                                      "setting=synchronous_commit" in text and problem in text], needs=p)  # noqa: B023
                p.stop()
        found = doctors(stack)  # of the last one
        assert f"synchronous_commit: {value}" in found["message"] and "standby walreceiver: streaming" in found["message"], found
        assert (found["level"] == "ok") if names else (ASYNC in found["advice"]), found
    server.sql(f"ALTER DATABASE {stack.database} SET synchronous_commit = local", "postgres")
    assert FAILOVER in doctors(stack)["advice"]


def test_an_owner_who_may_not_see_the_standbys_learns_of_their_promise_too(server, standby, make_stack, request):
    stack = use(server, make_stack, request)
    server.sql("CREATE ROLE plain LOGIN", "postgres")
    server.sql(f"ALTER DATABASE {stack.database} OWNER TO plain", "postgres")
    stack.env["ZAPKEEP_STORE"] = stack.env["ZAPKEEP_STORE"].replace("zapkeep@", "plain@")
    init(stack)
    for names, problem in (("", ASYNC), ("*", "")):
        set_standbys(server, names)
        line = promises(stack)["standby walreceiver"]
        assert "GRANT pg_monitor TO plain" in line["value"], line
        assert line.get("problem", "").startswith(problem) and bool(line.get("problem")) == bool(problem), line
    server.sql("GRANT pg_monitor TO plain", "postgres")
    assert promises(stack)["standby walreceiver"]["value"].startswith("streaming, sync"), "as the line said"


def test_a_standby_that_dies_blocks_commits_until_it_is_back(server, standby, stack):
    set_standbys(server, "*")
    p = stack.ingest()
    sender = Sender(stack, "s")
    sender.start()
    wait_until("webhooks are taken", lambda: len(sender.taken) > 5)
    standby.kill()
    meanwhile = webhook(message_id="meanwhile")  # its commit may happen on the server that waits: then it is known when it comes again
    status, headers, _ = post_timed(stack, meanwhile)
    assert status == 503 and "Retry-After" in headers
    wait_until("it is said when the commit is given up", lambda: " event-log-failed " in p.text())  # a webhook is refused before
    assert "none of them is connected" in promises(stack)["synchronous standbys"]["problem"]
    taken = list(sender.taken)
    standby.start()
    wait_until("webhooks are taken again", lambda: len(sender.taken) > len(taken) + 5)
    assert stack.post(meanwhile)[0] == 200
    sender.end()
    check_stored(stack, [sender])
    assert p.text().count(" event-log-failed ") == 1, p.text()
    assert sum(e["message_id"] == "meanwhile" for e in stack.events()) == 1


def test_a_failover_that_loses_events_gives_no_id_twice(server, standby, stack, make_backend):
    """The last test of this file: the standby is the primary then."""
    set_standbys(server, "")
    backend = make_backend()
    stack.env["BACKEND_URL"] = backend.url
    stack.env["ZAPKEEP_STORE"] = f"postgresql://zapkeep@/{stack.database}?host={server.top},{standby.top}"
    p = stack.ingest()
    stack.forward()
    kept = post_events(stack, 6, ("a", "b"))
    backend.wait(6)
    wait_until("the standby has them", lambda: standby.sql("SELECT seq FROM zapkeep_events.log_head", stack.database) == str(kept[-1]))
    standby.sql("ALTER SYSTEM SET primary_conninfo = ''", "postgres")
    standby.sql("SELECT pg_reload_conf()", "postgres")
    wait_until("nothing more comes to it", lambda: not streams(server))
    lost = post_events(stack, 6, ("a", "b"), prefix="L")
    wait_until("they are delivered", lambda: {f"L{n}" for n in range(6)} <= {d.message_id for d in backend.taken()})
    p.kill()  # nobody is left who knows the newest seq
    server.kill()
    standby.sql("SELECT pg_promote()", "postgres")
    stack.ingest()
    new = post_events(stack, 6, ("a", "b"), prefix="N")
    assert new == lost, "their seqs come again"
    wait_until("the new ones are delivered", lambda: {f"N{n}" for n in range(6)} <= {d.message_id for d in backend.taken()})
    by_id = {}
    for d in backend.taken():
        by_id.setdefault(d.id, set()).add(d.message_id)
    assert all(len(messages) == 1 for messages in by_id.values()), by_id
    assert {e["seq"]: e["id"] for e in stack.events()} == {d.seq: d.id for d in backend.taken() if d.message_id[0] in "MN"}
