/*
 * The place of a database is the identifier of its server's files, its own number, and the number of a table of ours: restoring a dump
 * makes at least that anew, also into the same database. It stands in meta, which a dump has with it.
 *
 * A server that was copied as a whole (a base backup, a standby) has the same place. When it becomes the primary it begins a timeline of
 * its own, whose number stands in meta, too: what the copy lacked is gone, and no program may be left that has seen it.
 */
#include "common/store/postgres/place.h"

#include <errno.h>
#include <stdio.h>

#include "common/store/events_ids.h"
#include "common/store/postgres/connection.h"

#define PLACE_IN(server)                                                                 \
    server " || '/' ||"                                                                  \
           " (SELECT oid FROM pg_database WHERE datname = current_database()) || '/' ||" \
           " 'zapkeep_events.meta'::regclass::oid"
#define KNOWN          "(SELECT value FROM zapkeep_events.meta WHERE key = 'place')"
#define KNOWN_TIMELINE "(SELECT value FROM zapkeep_events.meta WHERE key = 'timeline')"

/* The second one for a user who may not ask for the server's identifier. */
static const char *const places[] = { PLACE_IN("(SELECT system_identifier FROM pg_control_system())"),
                                      PLACE_IN("0") };

/* One that has no place yet is new, or was moved here; one without a timeline is new, or was written by a program that kept none. The
 * head's lock lets no event in meanwhile, and one program alone do this. */
static int take_place(struct pg_db *d, const char *place)
{
    char sql[2000], digits[LOG_ID_MAX];

    event_ids_random(digits);
    (void)snprintf(sql, sizeof sql,
                   "DO $$ DECLARE head bigint; known text; timeline text; BEGIN"
                   " SELECT seq INTO head FROM zapkeep_events.log_head WHERE id = 1 FOR UPDATE;"
                   " known := " KNOWN "; timeline := " KNOWN_TIMELINE ";"
                   " IF known <> %s OR timeline <> '%s' THEN"
                   "  INSERT INTO zapkeep_events.meta VALUES ('id@' || lpad((head + 1)::text, 20, '0'), '%s')"
                   "   ON CONFLICT (key) DO UPDATE SET value = excluded.value;"
                   " END IF;"
                   " IF known IS DISTINCT FROM %s OR timeline IS DISTINCT FROM '%s' THEN"
                   "  INSERT INTO zapkeep_events.meta VALUES ('place', %s), ('timeline', '%s')"
                   "   ON CONFLICT (key) DO UPDATE SET value = excluded.value;"
                   " END IF; END $$",
                   place, d->timeline, digits, place, d->timeline, place, d->timeline);
    return pg_exec(&d->db, sql);
}

/* A server that is like PostgreSQL and has no timelines stays with "". */
static int ask_timeline(struct pg_db *d)
{
    PGresult *res = NULL;
    int r = pg_ask(d,
                   "SELECT CASE WHEN pg_is_in_recovery() THEN '' ELSE "
                   "left(pg_walfile_name(pg_current_wal_lsn()), 8) END",
                   &res);

    (void)snprintf(d->timeline, sizeof d->timeline, "%s",
                   r == 0 && PQntuples(res) > 0 ? PQgetvalue(res, 0, 0) : "");
    PQclear(res);
    return pg_is_usable(d) ? 0 : r;
}

static int check_place(struct pg_db *d, const char *place)
{
    char sql[640];
    PGresult *res = NULL;
    bool same;
    int r;

    (void)snprintf(sql, sizeof sql,
                   "SELECT coalesce(" KNOWN " = %s AND '%s' IN ('', " KNOWN_TIMELINE "), false)", place,
                   d->timeline);
    r = pg_ask(d, sql, &res);
    same = r == 0 && PQntuples(res) > 0 && PQgetvalue(res, 0, 0)[0] == 't';
    PQclear(res);
    return r != 0 || same ? r : take_place(d, place);
}

int pg_place_check(struct pg_db *d)
{
    int r = ask_timeline(d);

    if (r == 0)
        r = check_place(d, places[0]);
    return r == -EACCES ? check_place(d, places[1]) : r;
}
