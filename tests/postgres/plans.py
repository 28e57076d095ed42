"""The plans of statements, none of which is copied into a test: those that programs really run, by auto_explain, from the server's
log, and those of all texts in the build. And rows to plan for."""

import glob
import re
import subprocess

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


# ---- every text in the build -----------------------------------------------------------------------------------------

# That is as many rows as a stack has sessions, webhooks or changes of them. All others have some hundreds at most.
BIG = {"event", "dedupe", "session", "session_change", "reconnect", "attempt", "activity_profile", "message_count", "subscription"}
# Indexes of a few of the rows: they may be read as a whole.
PARTIAL = {"reconnect_due", "reconnect_asked", "reconnect_calling", "reconnect_verifying", "reconnect_parked", "reconnect_unpublished",
           "attempt_unpublished"}
# Statements that want all rows (sessions when a program starts, phones), or the first ones of an index, or that mend what somebody
# has deleted; by their beginnings. And two whose LIMIT is a value: the server plans them anew for each, since that is cheaper.
ALL_ROWS = ("SELECT phone, bridge, id, state FROM session WHERE phone <> ''", "INSERT INTO log_head SELECT 1, greatest(",
            "SELECT state, count(*) FROM session WHERE",
            "DELETE FROM message_count WHERE (bridge, session, hour) IN", "DELETE FROM session_change WHERE n IN",
            "SELECT coalesce(max(n), 0) FROM (SELECT n, at, sum(size) OVER",
            "SELECT coalesce(max(seq), 0) FROM (SELECT seq, at FROM event ORDER BY seq LIMIT")
ALL_ROWS_ENDS = ("FROM session ORDER BY bridge, id", "FROM reconnect ORDER BY bridge, session")


def texts_of(build):
    """The statements in the objects of a build that may go to a server."""
    found = set()
    for path in glob.glob(f"{build}/common/**/*.o", recursive=True) + glob.glob(f"{build}/services/**/*.o", recursive=True):
        if "/sqlite/" in path:
            continue
        with open(path, "rb") as f:
            found.update(text.decode() for text in re.findall(rb"[\x20-\x7e]{12,}", f.read()) if re.match(rb"(SELECT|INSERT|UPDATE|DELETE|WITH) ", text))
    return sorted(found)


def dialect(text):
    """As pg_dialect() does it."""
    number = iter(range(1, 99))
    parts = re.split(r"('[^']*')", re.sub(r" INDEXED BY [^ ,)]*", "", text))
    return "".join(p if p.startswith("'") else re.sub(r"\?(\d*)", lambda m: "$" + (m[1] or str(next(number))), p) for p in parts)


def generic_plans(server, database, texts):
    """{text: lines of its plan for any values}, of those that the server takes as they are."""
    sql = ["SET search_path = zapkeep_state, zapkeep_events, zapkeep_forward; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off;"]
    for i, text in enumerate(texts):
        query = dialect(text)
        n = max([int(v) for v in re.findall(r"\$(\d+)", query)] or [0])
        null = set(re.findall(r"\$(\d+) IS NULL", query))  # which says nothing of its type; it is the name of a bridge
        types = f" ({', '.join('text' if str(v + 1) in null else 'unknown' for v in range(n))})" if null else ""
        sql.append(f"\\echo @@{i}\nPREPARE q{i}{types} AS {query};\nEXPLAIN (COSTS off) EXECUTE q{i}{'(' + ','.join(['NULL'] * n) + ')' if n else ''};")
    out = subprocess.run(["psql", "-qXAt", server.uri(database)], input="\n".join(sql), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    blocks = (block.split("\n") for block in out.split("@@")[1:])
    return {texts[int(lines[0])]: lines[1:] for lines in blocks if len(lines) > 2}


def without_condition(plan):
    """Scans of a big table for which no index says which rows they want, although it may: enable_seqscan is off."""
    bad = []
    for i, line in enumerate(plan):
        m = re.match(r"( *)(?:->  )?(?:\w+ )?(?:Seq|Index|Index Only|Bitmap Heap) Scan(?: Backward)?(?: using (\w+))? on (\w+)", line)
        if not m or re.sub(r"_p\d+$", "", m[3]) not in BIG or m[2] in PARTIAL:
            continue
        below = [x.strip() for x in plan[i + 1:i + 3] if "->" not in x]
        if not any(x.startswith(("Index Cond", "Recheck Cond")) for x in below):
            bad.append(line.strip())
    return bad


def unguided(plans):
    """{text: its scans} of the statements that read a big table from its beginning."""
    return {text: bad for text, plan in plans.items() if (bad := without_condition(plan)) and
            not text.startswith(ALL_ROWS) and not text.endswith(ALL_ROWS_ENDS)}
