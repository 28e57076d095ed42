#include "common/store/message_counts.h"

#include <string.h>

#include "common/base/mem.h"
#include "common/store/sql.h"

#define MINUTES_BYTES (2 * MESSAGE_COUNTS_MINUTES)

/* Little-endian, so that a copy of the file reads the same everywhere. */
static void encode(const struct message_count *c, uint8_t ret[MINUTES_BYTES])
{
    for (int i = 0; i < MESSAGE_COUNTS_MINUTES; i++) {
        ret[2 * i] = (uint8_t)c->minute[i];
        ret[2 * i + 1] = (uint8_t)(c->minute[i] >> 8);
    }
}

static void decode(struct str blob, struct message_count *ret)
{
    const uint8_t *p = (const uint8_t *)blob.p;

    memset(ret->minute, 0, sizeof ret->minute);
    for (size_t i = 0; i < MESSAGE_COUNTS_MINUTES && 2 * i + 1 < blob.n; i++)
        ret->minute[i] = (uint16_t)(p[2 * i] | p[2 * i + 1] << 8);
}

static int find(struct db *db, const char *bridge, const char *session, int64_t hour,
                struct message_count *ret)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db,
                      "SELECT received, events, minutes FROM message_count"
                      " WHERE bridge = ?1 AND session = ?2 AND hour = ?3",
                      &q, "ssi", bridge, session, hour);

    *ret = (struct message_count){ .hour = hour };
    if (r == 0)
        r = sql_next(q);
    if (r != SQL_ROW)
        return r;
    ret->received = sql_int(q, 0);
    ret->events = sql_int(q, 1);
    decode(sql_blob(q, 2), ret);
    return 0;
}

int message_counts_add(struct db *db, const char *bridge, const char *session,
                       const struct message_count *add)
{
    struct message_count row;
    uint8_t minutes[MINUTES_BYTES];
    int r = find(db, bridge, session, add->hour, &row);

    if (r != 0)
        return r;
    row.received += add->received;
    row.events += add->events;
    for (int i = 0; i < MESSAGE_COUNTS_MINUTES; i++) {
        unsigned sum = (unsigned)row.minute[i] + add->minute[i];

        row.minute[i] = (uint16_t)(sum < UINT16_MAX ? sum : UINT16_MAX);
    }
    encode(&row, minutes);
    return sql_run(db,
                   "INSERT INTO message_count (bridge, session, hour, received, events, minutes)"
                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (bridge, session, hour) DO UPDATE SET"
                   " received = excluded.received, events = excluded.events, minutes = excluded.minutes",
                   "ssiiib", bridge, session, row.hour, row.received, row.events,
                   (struct str){ (const char *)minutes, sizeof minutes });
}

int message_counts_each(struct db *db, const char *bridge, const char *session, int64_t since,
                        int (*on_row)(void *ctx, const struct message_count *row), void *ctx)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db,
                      "SELECT hour, received, events, minutes FROM message_count"
                      " WHERE bridge = ?1 AND session = ?2 AND hour >= ?3 ORDER BY hour",
                      &q, "ssi", bridge, session, since);

    while (r == 0 && (r = sql_next(q)) == SQL_ROW) {
        struct message_count row = { .hour = sql_int(q, 0),
                                     .received = sql_int(q, 1),
                                     .events = sql_int(q, 2) };

        decode(sql_blob(q, 3), &row);
        r = on_row(ctx, &row);
    }
    return r;
}

/* The position is the row of no session. */
#define POSITION_HOUR INT64_MAX

int message_counts_position(struct db *db, int64_t *ret_seq)
{
    struct message_count row;
    int r = find(db, "", "", POSITION_HOUR, &row);

    if (r == 0)
        *ret_seq = row.received;
    return r;
}

int message_counts_set_position(struct db *db, int64_t seq)
{
    return sql_run(db,
                   "INSERT INTO message_count (bridge, session, hour, received, events, minutes)"
                   " VALUES ('', '', ?1, ?2, 0, ?3) ON CONFLICT (bridge, session, hour) DO UPDATE SET"
                   " received = excluded.received",
                   "iib", POSITION_HOUR, seq, STR_LIT(""));
}

/* A row beside its texts and minutes, and its place in the index, as measured with PostgreSQL, where the names stand in both;
 * SQLite takes 35, and has the names once. */
#define ROW_BYTES 226

int message_counts_limit(struct db *db, int64_t now_ms, int64_t bytes_max, int64_t *ret_below)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int64_t bytes = 0, below = now_ms - MESSAGE_COUNTS_KEEP_MS;
    int r = sql_query(
        db,
        "SELECT hour, sum(2 * (octet_length(bridge) + octet_length(session)) + octet_length(minutes)) +"
        " ?1 * count(*) FROM message_count WHERE hour < ?2 GROUP BY hour ORDER BY hour DESC",
        &q, "ii", (int64_t)ROW_BYTES, POSITION_HOUR);

    while (r == 0 && (r = sql_next(q)) == SQL_ROW) {
        r = 0;
        bytes += sql_int(q, 1);
        if (bytes > bytes_max) { /* this hour and all before it */
            below = sql_int(q, 0) >= below ? sql_int(q, 0) + 1 : below;
            break;
        }
    }
    *ret_below = below;
    return r;
}

int message_counts_prune(struct db *db, int64_t below, int slice, int64_t *ret_n)
{
    int r = sql_run(db,
                    "DELETE FROM message_count WHERE (bridge, session, hour) IN"
                    " (SELECT bridge, session, hour FROM message_count WHERE hour < ?1 LIMIT ?2)",
                    "ii", below, (int64_t)slice);

    *ret_n = r == 0 ? sql_changes(db) : 0;
    return r;
}
