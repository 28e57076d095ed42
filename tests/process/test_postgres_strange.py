"""A stack on PostgreSQL servers that are set up, or fail, in other ways than most."""

import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import secrets_watch
from on_postgres import init, use
from zk import wait_until, webhook


class Refuser(threading.Thread):
    """A server that answers each connection with one error of `fields`, or with `raw` bytes."""

    def __init__(self):
        super().__init__(daemon=True)
        self.fields, self.raw = {}, None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.start()

    def uri(self):
        return f"postgresql://zapkeep@127.0.0.1:{self.listener.getsockname()[1]}/zapkeep?gssencmode=disable"

    def run(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            with client:
                self.answer(client)

    def answer(self, client):
        asks_for_tls = client.recv(8)[4:] == struct.pack("!I", 80877103)
        if self.raw:
            client.sendall(self.raw)
            client.recv(4096)
            return
        if asks_for_tls:
            client.sendall(b"N")
        client.recv(4096)
        body = b"".join(k.encode() + v.encode() + b"\0" for k, v in self.fields.items()) + b"\0"
        client.sendall(b"E" + struct.pack("!I", len(body) + 4) + body)

    def close(self):
        self.listener.close()


@pytest.fixture
def refuser():
    r = Refuser()
    yield r
    r.close()


def test_a_refusal_is_understood_in_any_language(make_stack, refuser):
    stack = make_stack(ZAPKEEP_STORE=refuser.uri())
    rows = [
        ("28P01", "Passwort-Authentifizierung für Benutzer »zapkeep« fehlgeschlagen", "refuses this user", "ZAPKEEP_STORE_PASSWORD_FILE"),
        ("28000", "kein pg_hba.conf-Eintrag für Host »10.0.0.7«, keine Verschlüsselung", "refuses this user", "pg_hba.conf"),
        ("3D000", "Datenbank »zapkeep« existiert nicht", "no database of this name", "CREATE DATABASE"),
        ("42501", "keine Berechtigung für Datenbank »zapkeep«", "too few rights", "GRANT CONNECT"),
        ("53300", "Verbindungslimit der Rolle »zapkeep« überschritten", "no connection left", "max_connections"),
        ("57P03", "das Datenbanksystem startet", "is starting", "wait"),
        ("XX000", "seltsam", "does not answer", "seltsam"),
    ]
    for state, text, fault, remedy in rows:
        refuser.fields = {"S": "SCHWERWIEGEND", "V": "FATAL", "C": state, "M": text}
        done = stack.cli("sessions")
        assert done.returncode == 3 and fault in done.stderr and remedy in done.stderr and state in done.stderr and text in done.stderr, done.stderr
        assert "SCHWERWIEGEND" not in done.stderr


def test_another_kind_of_server_is_no_database(make_stack, refuser):
    stack = make_stack(ZAPKEEP_STORE=refuser.uri())
    for raw in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", b"N" + b"\xff" * 4096, b"NR\0\0\0\x08\0\0\0\0" + b"D\x7f\xff\xff\xff" + b"x" * 4096):
        refuser.raw = raw
        done = stack.cli("sessions")
        assert done.returncode == 3 and "does not answer" in done.stderr, done.stderr


def test_an_address_that_is_not_understood_shows_no_password(make_stack):
    stack = make_stack()
    secret = secrets_watch.mark("a password in an address", "pg5ecret")
    tails = ("%zz", "/x", "@x", "@/x", "/?x", "/x?y&z", "/@x", "[/", "%", "&%")
    uris = [f"postgresql://zapkeep:{secret}{tail}@127.0.0.1:1/db" for tail in tails]
    uris += [f"postgresql://zapkeep:x{tail}{secret}@127.0.0.1:1/db" for tail in ("/", "@", "@/", "%2", "/?", "/y?")]
    uris += [f"postgresql://zapkeep:{secret}", f"postgresql://zapkeep@127.0.0.1:1/db?password={secret}%zz", f"postgresql://zapkeep@127.0.0.1:1/db?password=x&{secret}"]
    for uri in uris:
        done = stack.cli("sessions", ZAPKEEP_STORE=uri)
        assert done.returncode == 3 and "not understood" in done.stderr and secret not in done.stderr, (uri, done.stderr)
    for uri in ("postgresql://zapkeep@[::1]:1/db", f"postgresql://zapkeep:%40{secret}?#@127.0.0.1:1/db", "postgresql://127.0.0.1:1/db?user=zapkeep@server",
                "postgresql://zapkeep@127.0.0.1:1,[::1]:1/db", "postgresql://%2Fnowhere/db", "postgresql://?host=127.0.0.1&port=1"):
        done = stack.cli("sessions", ZAPKEEP_STORE=uri)
        assert done.returncode == 3 and "does not answer" in done.stderr and secret not in done.stderr, (uri, done.stderr)


# ---- databases ------------------------------------------------------------------------------------------------------

def strange(server, make_stack, request, kind="", **settings):
    """A stack, not yet made, whose database is of another kind and has settings of its own."""
    stack = use(server, make_stack, request)
    server.sql(f"DROP DATABASE {stack.database}", "postgres")
    server.sql(f"CREATE DATABASE {stack.database} TEMPLATE template0 {kind}", "postgres")
    server.sql("; ".join(f"ALTER DATABASE {stack.database} SET {name} = {value}" for name, value in settings.items()), "postgres")
    return stack


SETTINGS = {
    "default_transaction_isolation": "serializable", "default_transaction_deferrable": "on", "statement_timeout": "500", "lock_timeout": "100",
    "idle_in_transaction_session_timeout": "500", "idle_session_timeout": "500", "TimeZone": "'Asia/Kathmandu'", "DateStyle": "'SQL, DMY'",
    "IntervalStyle": "sql_standard", "bytea_output": "escape", "standard_conforming_strings": "off", "backslash_quote": "off",
    "escape_string_warning": "on", "client_encoding": "LATIN1", "search_path": "strange, public", "row_security": "off", "transform_null_equals": "on",
    "session_replication_role": "replica", "array_nulls": "off", "plan_cache_mode": "force_custom_plan", "enable_indexscan": "off",
    "enable_bitmapscan": "off", "work_mem": "64", "max_parallel_workers_per_gather": "4", "quote_all_identifiers": "on",
    "extra_float_digits": "-15", "client_min_messages": "debug1", "default_toast_compression": "pglz", "check_function_bodies": "off",
}
# Names of ours, in a schema that the path names first.
NAMESAKES = """CREATE SCHEMA strange; CREATE TABLE strange.session (id int); CREATE TABLE strange.event (seq int); CREATE TABLE strange.meta (key int);
CREATE TABLE strange.version (version int); INSERT INTO strange.version VALUES (99);
CREATE FUNCTION strange.to_regclass(text) RETURNS regclass LANGUAGE sql AS 'SELECT NULL::regclass'; REVOKE ALL ON SCHEMA public FROM PUBLIC"""


def test_settings_of_a_database_change_nothing(server, make_stack, make_backend, request, monkeypatch):
    stack = strange(server, make_stack, request, "ENCODING 'SQL_ASCII' LOCALE 'C'", **SETTINGS)
    server.sql(NAMESAKES, stack.database)
    for name, value in (("PGCLIENTENCODING", "LATIN1"), ("PGDATESTYLE", "German"), ("PGTZ", "Asia/Tokyo"), ("PGOPTIONS", "-c search_path=strange"),
                        ("PGAPPNAME", "it's"), ("PGUSER", "nobody"), ("PGDATABASE", "nowhere"), ("PGHOST", "/nowhere")):
        stack.env[name] = value
    init(stack)
    backend = make_backend()
    stack.env.update(BACKEND_URL=backend.url, FLAP_PENALTY="0", CHECK_INTERVAL="500ms")
    stack.all("contract", "--sessions", "2")
    stack.forward()
    stack.control("POST", "/drop?share=1&code=428")
    names = ["Ärger \U0001f4a3", "it's", "\\", "%s", "$1"]
    for name in names:
        assert stack.post(webhook("alpha", message_id=name))[0] == 200
    backend.wait(len(names), lambda d: d.session == "alpha")
    assert [e["message_id"] for e in stack.events() if e["session"] == "alpha"] == names
    assert [d.message_id for d in backend.taken(lambda d: d.session == "alpha")] == names
    wait_until("both are connected again", lambda: set(stack.state()["sessions"].values()) == {"connected"} and len(stack.control("GET", "/calls")) >= 2)
    wait_until("the log has rested for long", lambda: server.sql(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'zapkeep-ingest%' AND state = 'idle'"
        " AND state_change < clock_timestamp() - interval '0.8 s'", stack.database) != "0")
    assert stack.post(webhook("alpha", message_id="last"))[0] == 200
    assert [e["message_id"] for e in stack.events() if e["session"] == "alpha"] == [*names, "last"]
    said = [line for p in stack.processes.values() for line in p.text().splitlines() if "store-down" in line or "event-log-failed" in line]
    assert not said, said
    assert "role monitor.main" in stack.cli("store", "status").stdout


def test_a_database_that_has_not_all_letters_is_refused_and_one_without_a_server_of_today_too(server, make_stack, request, refuser):
    stack = strange(server, make_stack, request, "ENCODING 'LATIN1' LOCALE 'C'")
    for command in (["store", "init"], ["store", "status"], ["sessions"]):
        done = stack.cli(*command)
        assert done.returncode == 3 and "encoding LATIN1" in done.stderr and "ENCODING 'UTF8'" in done.stderr, done
    refuser.raw = b"".join(kind + struct.pack("!I", len(body) + 4) + body for kind, body in (
        (b"R", b"\0\0\0\0"), (b"S", b"server_version\x0013.4\0"), (b"S", b"server_encoding\0UTF8\0"), (b"S", b"in_hot_standby\0off\0"),
        (b"S", b"default_transaction_read_only\0off\0"), (b"Z", b"I")))
    done = stack.cli("sessions", ZAPKEEP_STORE=refuser.uri() + "&sslmode=disable")
    assert done.returncode == 3 and "version 13" in done.stderr and "PostgreSQL 15" in done.stderr, done


def test_a_user_who_may_make_no_schema_is_told_so_and_works_in_those_that_he_is_given(server, make_stack, request):
    stack = strange(server, make_stack, request, "LOCALE_PROVIDER icu ICU_LOCALE 'de-DE'")
    user, owner = f"{stack.database}_user", stack.env["ZAPKEEP_STORE"]
    server.sql(f"CREATE ROLE {user} LOGIN; REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM PUBLIC",
               stack.database)
    stack.env["ZAPKEEP_STORE"] = owner.replace("zapkeep@", f"{user}@")
    server.sql(f"REVOKE CONNECT ON DATABASE {stack.database} FROM PUBLIC", "postgres")
    done = stack.cli("store", "init")
    assert done.returncode == 3 and "GRANT CONNECT" in done.stderr, done
    server.sql(f"GRANT CONNECT ON DATABASE {stack.database} TO {user}", "postgres")
    done = stack.cli("store", "init")
    assert done.returncode == 3 and "CREATE SCHEMA … AUTHORIZATION" in done.stderr, done
    for schema in ("zapkeep", "zapkeep_state", "zapkeep_events", "zapkeep_forward"):
        server.sql(f"CREATE SCHEMA {schema} AUTHORIZATION {user}", stack.database)
    init(stack)
    assert "already" in stack.cli("store", "init", check=True).stdout
    assert server.sql("SELECT count(*) FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE relnamespace::regnamespace::text LIKE 'zapkeep%'"
                      " AND relkind IN ('r', 'p') AND attcollation NOT IN (0, '\"C\"'::regcollation)", stack.database) == "0"
    stack.ingest()
    for name in ("b", "A", "a", "Ä", "_", "B"):
        assert stack.post(webhook(name, message_id=name))[0] == 200
    assert stack.cli("store", "status").returncode in (0, 1)
    assert [e["session"] for e in stack.events("--session", "Ä")] == ["Ä"]


# ---- while the programs run -----------------------------------------------------------------------------------------

OLD, NEW = secrets_watch.mark("an old password", "pg-old-5c1e77"), secrets_watch.mark("a new password", "pg-new-90af21")


@pytest.fixture
def with_password(server, make_stack, request):
    """A stack whose user has a password, in a file."""
    stack = use(server, make_stack, request)
    stack.user, path = f"{stack.database}_user", f"{server.data}/pg_hba.conf"
    with open(path) as f:
        rules = f.read()
    with open(path, "w") as f:
        f.write(f"local all {stack.user} scram-sha-256\n" + rules)
    server.sql(f"CREATE ROLE {stack.user} LOGIN PASSWORD '{OLD}'; ALTER DATABASE {stack.database} OWNER TO {stack.user}; SELECT pg_reload_conf()", "postgres")
    stack.env.update(ZAPKEEP_STORE=stack.env["ZAPKEEP_STORE"].replace("zapkeep@", f"{stack.user}@"), ZAPKEEP_STORE_PASSWORD_FILE=stack.file("pw", OLD))
    wait_until("the server has the rule", lambda: stack.cli("store", "init").returncode == 0 and
               stack.cli("store", "status", ZAPKEEP_STORE_PASSWORD_FILE=stack.file("wrong", NEW)).returncode == 3)
    yield stack
    with open(path, "w") as f:
        f.write(rules)


def test_a_password_that_is_changed_while_programs_run(server, with_password):
    stack = with_password
    stack.sim("contract", "--sessions", "1")
    stack.ingest()
    monitor = stack.monitor(CHECK_INTERVAL="500ms")
    stack.wait_session("demo-1", "connected")
    assert stack.post(webhook(message_id="first"))[0] == 200
    server.sql(f"ALTER ROLE {stack.user} PASSWORD '{NEW}';"
               f" SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{stack.user}'", "postgres")
    wait_until("the monitor says why", lambda: "refuses this user" in monitor.text() and "ZAPKEEP_STORE_PASSWORD_FILE" in monitor.text())
    stack.file("pw", NEW + "\n")
    wait_until("webhooks are taken", lambda: stack.post(webhook(message_id="second"))[0] == 200)
    stack.control("POST", "/drop?share=1&code=428")
    wait_until("the monitor sees it", lambda: stack.session("demo-1")["state"] == "disconnected")
    assert monitor.running() and [e["message_id"] for e in stack.events() if e["message_id"]] == ["first", "second"]


# ---- what senders send ----------------------------------------------------------------------------------------------

TEXTS = [r'"\u0000"', r'"a\u0000b"', r'"\ud800"', r'"\udc00x"', r'"\ud83d\ude00"', r'"\ufffe\uffff\ufdd0"', r'"\u0085\u200b\u202e"', r'"a\nb"', '"it\'s"',
         r'"\\"', '"%"', '" "', '""', "null", "5", "[]", '"%s"' % ("x" * 129), '"%s"' % ("é" * 64), '"%s"' % ("x" * 5000)]
BYTES = [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x00", b"\xe2\x82", b"\xf0\x9f\x92\xa9"]
TIMES = ["0", "-1", "-5000000000000", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "292277026596000",
         "1e400", "-1e400", "1e18", "1.5", '"292277026596-12-04T15:30:07Z"', '"0001-01-01T00:00:00Z"', "null", "[]", "1700000000", '"1700000000000"']


def strange_webhooks():
    fields = ("sessionId", "eventType", "messageId", "error")

    def body(n, at="1700000000000", **values):
        text = {"sessionId": '"alpha"', "eventType": '"message.received"', "messageId": f'"M{n}"', "error": '""', **values}
        return ('{"sessionId":%(sessionId)s,"eventType":%(eventType)s,"timestamp":' % text + at +
                ',"data":{"messageId":%(messageId)s,"error":%(error)s}}' % text).encode()

    bodies = [(field, text) for text in TEXTS for field in fields]
    bodies = [body(n, **{field: text}) for n, (field, text) in enumerate(bodies)]
    bodies += [body(n, **{field: '"z@"'}).replace(b"@", b) for n, (b, field) in enumerate((b, f) for b in BYTES for f in fields)]
    return bodies + [body(n, at) for n, at in enumerate(TIMES)] + [body(0, error='"%s"' % ("A" * 900000))]


def test_both_engines_answer_and_keep_the_same_whatever_is_sent(server, make_stack, request):
    stacks = [make_stack(), init(use(server, make_stack, request))]
    for stack in stacks:
        stack.ingest()
    bodies = strange_webhooks()
    with ThreadPoolExecutor() as both:
        answers = both.map(lambda stack: [stack.post(body)[0] for body in bodies], stacks)
    for body, files, database in zip(bodies, *answers):
        assert files == database and files in (200, 400), (files, database, body[:300])
    files, database = ([{k: e[k] for k in e if k not in ("id", "at")} for e in stack.events()] for stack in stacks)
    assert len(files) > 80 and files == database
