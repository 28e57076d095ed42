/*
 * The place of a database is the identifier of its server's files, its own number, and the number of a table of ours: restoring a dump
 * makes at least that anew, also into the same database. It stands in meta, which a dump has with it. A server that was copied
 * as a whole (a base backup, a standby) has the same place: the seqs themselves show the events that it lacks (event_log.c).
 */
#include "common/store/postgres/place.h"

#include <stdio.h>

#include "common/store/events_ids.h"
#include "common/store/postgres/connection.h"

#define PLACE                                                                     \
    "(SELECT system_identifier FROM pg_control_system()) || '/' ||"               \
    " (SELECT oid FROM pg_database WHERE datname = current_database()) || '/' ||" \
    " 'zapkeep_events.meta'::regclass::oid"
#define KNOWN "(SELECT value FROM zapkeep_events.meta WHERE key = 'place')"

/* One that has no place yet is new, or was moved here. The head's lock lets no event in meanwhile, and one program alone do this. */
static int take_place(struct pg_db *d)
{
    char sql[1200], digits[LOG_ID_MAX];

    event_ids_random(digits);
    (void)snprintf(sql, sizeof sql,
                   "DO $$ DECLARE head bigint; known text; BEGIN"
                   " SELECT seq INTO head FROM zapkeep_events.log_head WHERE id = 1 FOR UPDATE;"
                   " known := " KNOWN ";"
                   " IF known <> " PLACE " THEN"
                   "  INSERT INTO zapkeep_events.meta VALUES ('id@' || lpad((head + 1)::text, 20, '0'), '%s')"
                   "   ON CONFLICT (key) DO UPDATE SET value = excluded.value;"
                   " END IF;"
                   " IF known IS DISTINCT FROM " PLACE " THEN"
                   "  INSERT INTO zapkeep_events.meta VALUES ('place', " PLACE ")"
                   "   ON CONFLICT (key) DO UPDATE SET value = excluded.value;"
                   " END IF; END $$",
                   digits);
    return pg_exec(&d->db, sql);
}

int pg_place_check(struct pg_db *d)
{
    PGresult *res = NULL;
    int r = pg_ask(d, "SELECT coalesce(" KNOWN " = " PLACE ", false)", &res);
    bool same = r == 0 && PQntuples(res) > 0 && PQgetvalue(res, 0, 0)[0] == 't';
    PQclear(res);
    return r != 0 || same ? r : take_place(d);
}
