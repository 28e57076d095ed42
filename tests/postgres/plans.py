"""The plans of the statements that programs really run, by auto_explain, from the server's log: no statement is copied into a test.
And rows to plan for."""

import re

SETTINGS = {"session_preload_libraries": "auto_explain", "log_line_prefix": "%a|", "auto_explain.log_min_duration": "0",
            "auto_explain.log_analyze": "on", "auto_explain.log_timing": "off", "auto_explain.log_nested_statements": "on"}
SERVICES = ("zapkeep-ingest", "zapkeep-monitor", "zapkeep-reconnect", "zapkeep-forward")
PARTITION = 250000  # PG_PARTITION_EVENTS
BRIDGES = 10

FILL = """
INSERT INTO zapkeep_events.event SELECT n, t + n, t + n, 'message.received', 'b' || n % {bridges}, 's' || n % {sessions}, 'm' || n, '{{}}'
 FROM generate_series(1, {events}) n, (SELECT (extract(epoch FROM now()) * 1000)::bigint - {events} AS t) x;
INSERT INTO zapkeep_events.dedupe SELECT t + n, sha256(n::text::bytea), n
 FROM generate_series(1, {events}) n, (SELECT (extract(epoch FROM now()) * 1000)::bigint - {events} AS t) x;
UPDATE zapkeep_events.log_head SET seq = {events};
SET search_path = zapkeep_state;
INSERT INTO bridge (name) SELECT 'b' || n FROM generate_series(0, {bridges} - 1) n;
INSERT INTO session (bridge, id, state, phone) SELECT 'b' || n % {bridges}, 's' || n, 1, n FROM generate_series(1, {sessions}) n;
INSERT INTO reconnect (bridge, session, park_published) SELECT 'b' || n % {bridges}, 's' || n, 1 FROM generate_series(1, {sessions}) n;
INSERT INTO session_change (bridge, session, at, from_state, to_state, cause, code, source, detail)
 SELECT bridge, id, n, 0, 1, '', 0, '', '' FROM session, generate_series(1, 4) n;
INSERT INTO attempt (bridge, session, published, answered_at) SELECT bridge, id, 1, n FROM session, generate_series(1, 4) n;
INSERT INTO message_count SELECT bridge, id, 490000 + n, 1, 1, '' FROM session, generate_series(1, 4) n;
"""


def fill(server, database, events, sessions):
    """A stack that was at work for a while, with @sessions on ten bridges."""
    for number in range(events // PARTITION + 1):
        server.sql(f"CREATE TABLE zapkeep_events.event_p{number} (LIKE zapkeep_events.event);"
                   f" ALTER TABLE zapkeep_events.event ATTACH PARTITION zapkeep_events.event_p{number}"
                   f"  FOR VALUES FROM ({number * PARTITION}) TO ({(number + 1) * PARTITION})", database)
    server.sql(FILL.format(events=events, sessions=sessions, bridges=BRIDGES), database)
    server.sql("ANALYZE", database)


def plans_of(log):
    """(application, statement and plan) of each statement of a service, in a log with these settings."""
    found, app, text = [], None, []
    for line in log.splitlines():
        if line.startswith("\t"):
            text.append(line.strip())
            continue
        if app:
            found.append((app, "\n".join(text)))
        name, _, rest = line.partition("|")
        app = name if "plan:" in rest and name.startswith(SERVICES) else None
        text = []
    return found


# The phones of all sessions are compared, whatever bridge they are on.
READS_ALL = "Query Text: SELECT phone, bridge, id, state FROM session"


def wasteful(plans, rows):
    """Those with a scan that read so many rows to leave them out: no index leads to the ones that it wants. A reader of the log follows it
    by seq, whatever its filter is."""
    bad = []
    for app, text in plans:
        node = ""
        for line in text.splitlines():
            node = line if " Scan " in line else node
            m = re.match(r"Rows Removed by (?:Filter|Index Recheck): (\d+)", line)
            if m and int(m[1]) >= rows and "Index Scan using event_" not in node and not text.startswith(READS_ALL):
                bad.append((app, node, int(m[1]), text))
    return bad
