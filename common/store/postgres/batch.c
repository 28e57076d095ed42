#include "common/store/postgres/batch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

static const char find_keys_sql[] = "SELECT u.i, d.seq, coalesce(e.at, -1) FROM unnest($1::bigint[], "
                                    "$2::bytea[]) WITH ORDINALITY AS u(t, g, i)"
                                    " JOIN zapkeep_events.dedupe d ON d.time_ms = u.t AND d.digest = u.g"
                                    " LEFT JOIN zapkeep_events.event e ON e.seq = d.seq";
static const char add_events_sql[] =
    "INSERT INTO zapkeep_events.event SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[],"
    " $4::text[], $5::text[], $6::text[], $7::text[], $8::bytea[])";
/* The head is held, so nobody else adds keys: those that are new need no ON CONFLICT, which costs a lock and a record more
 * a row. */
#define ADD_KEYS \
    "INSERT INTO zapkeep_events.dedupe SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bigint[])"
static const char add_keys_sql[] = ADD_KEYS;
static const char move_keys_sql[] =
    ADD_KEYS " ON CONFLICT (time_ms, digest) DO UPDATE SET seq = excluded.seq";

/* ---- collecting ------------------------------------------------------------------------------ */

void batch_clear(struct batch *b)
{
    b->n = 0;
}

void batch_fini(struct batch *b)
{
    mem_free(b->items);
    for (size_t i = 0; i < ARRAY_LEN(b->column); i++)
        pg_array_fini(&b->column[i]);
    *b = (struct batch){ 0 };
}

// NOLINTNEXTLINE(readability-non-const-parameter): written by batch_number()
int batch_add(struct batch *b, const struct event_new *e, int *ret_result, int64_t *ret_seq)
{
    if (b->n == b->cap) {
        int cap = b->cap > 0 ? b->cap * 2 : 256;
        struct batch_item *items = mem_realloc(b->items, (size_t)cap * sizeof *items);

        if (!items)
            return -ENOMEM;
        b->items = items;
        b->cap = cap;
    }
    b->items[b->n++] = (struct batch_item){ .event = e, .ret_result = ret_result, .ret_seq = ret_seq };
    return 0;
}

/* ---- statements ------------------------------------------------------------------------------ */

void batch_prepare(struct pg_pipeline *p)
{
    pg_pipeline_prepare(p, "find_keys", find_keys_sql);
    pg_pipeline_prepare(p, "add_events", add_events_sql);
    pg_pipeline_prepare(p, "add_keys", add_keys_sql);
    pg_pipeline_prepare(p, "move_keys", move_keys_sql);
    pg_pipeline_prepare(p, "append",
                        "SELECT zapkeep_events.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)");
}

#define SCALARS_MAX 3

/* Adds one with @n_scalars texts and then the first @n columns. Returns the index of its result, or -ENOMEM. */
static int add_mixed(struct batch *b, struct pg_pipeline *p, const char *name, int n_scalars,
                     const char *const *scalars, int n)
{
    const char *values[SCALARS_MAX + ARRAY_LEN(b->column)];
    int lengths[ARRAY_LEN(values)] = { 0 }, formats[ARRAY_LEN(values)] = { 0 };

    for (int i = 0; i < n_scalars; i++)
        values[i] = scalars[i];
    for (int i = 0; i < n; i++) {
        if (pg_array_end(&b->column[i]) != 0)
            return -ENOMEM;
        values[n_scalars + i] = b->column[i].bytes.data;
        lengths[n_scalars + i] = (int)b->column[i].bytes.len;
        formats[n_scalars + i] = 1;
    }
    return pg_pipeline_add(p, name, n_scalars + n, values, lengths, formats);
}

static int add(struct batch *b, struct pg_pipeline *p, const char *name, int n)
{
    return add_mixed(b, p, name, 0, NULL, n);
}

/* ---- keys ------------------------------------------------------------------------------------ */

int batch_find_keys(struct batch *b, struct pg_pipeline *p)
{
    pg_array_begin(&b->column[0], PG_ARRAY_INT8);
    pg_array_begin(&b->column[1], PG_ARRAY_BYTEA);
    for (int i = 0; i < b->n; i++) {
        const struct event_new *e = b->items[i].event;

        pg_array_int(&b->column[0], e->key_time_ms);
        pg_array_str(&b->column[1], (struct str){ (const char *)e->key_digest, EVENT_DIGEST_BYTES });
        b->items[i].first = b->items[i].seq = 0;
    }
    return add(b, p, "find_keys", 2);
}

static void take_keys(struct batch *b, const PGresult *known)
{
    for (int row = 0; row < PQntuples(known); row++) {
        int64_t at = strtoll(PQgetvalue(known, row, 0), NULL, 10) - 1;
        struct batch_item *item;

        if (at < 0 || at >= b->n) /* not ours: something else is in the place of the table */
            continue;
        item = &b->items[at];
        item->first = strtoll(PQgetvalue(known, row, 1), NULL, 10);
        item->first_at = strtoll(PQgetvalue(known, row, 2), NULL, 10);
    }
}

static bool same_key(const struct event_new *a, const struct event_new *b)
{
    return a->key_time_ms == b->key_time_ms && memcmp(a->key_digest, b->key_digest, EVENT_DIGEST_BYTES) == 0;
}

/* The newest event of this batch with the key of item @i that was given a seq. A batch has 256 events: comparing the first
 * bytes of each pair costs less than a table would. */
static const struct batch_item *earlier(const struct batch *b, int i)
{
    for (int at = i - 1; at >= 0; at--) {
        if (b->items[at].seq != 0 && same_key(b->items[at].event, b->items[i].event))
            return &b->items[at];
    }
    return NULL;
}

/* Of an event that is known by its body alone: did the first one come too long ago to be the same? */
static bool is_another(const struct event_new *e, int64_t first_at)
{
    return e->merge_ms != 0 && (first_at < 0 || e->at - first_at > e->merge_ms);
}

void batch_number(struct batch *b, const PGresult *known, int64_t *head)
{
    take_keys(b, known);
    for (int i = 0; i < b->n; i++) {
        struct batch_item *item = &b->items[i];
        const struct batch_item *before = earlier(b, i);

        if (before) {
            item->first = before->seq;
            item->first_at = before->event->at;
        }
        if (item->first == 0 || is_another(item->event, item->first_at))
            item->seq = ++*head;
        *item->ret_result = item->seq != 0 ? 0 : EVENT_DUPLICATE;
        *item->ret_seq = item->seq != 0 ? item->seq : item->first;
    }
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* The columns of an event behind its seq. */
static const enum pg_array_kind event_kinds[] = { PG_ARRAY_INT8, PG_ARRAY_INT8, PG_ARRAY_TEXT, PG_ARRAY_TEXT,
                                                  PG_ARRAY_TEXT, PG_ARRAY_TEXT, PG_ARRAY_BYTEA };

static void begin_events(struct pg_array *c)
{
    for (size_t i = 0; i < ARRAY_LEN(event_kinds); i++)
        pg_array_begin(&c[i], event_kinds[i]);
}

static void put_event(struct pg_array *c, const struct event_new *e)
{
    pg_array_int(&c[0], e->at);
    pg_array_int(&c[1], e->occurred_at);
    pg_array_str(&c[2], e->type);
    pg_array_str(&c[3], e->bridge);
    pg_array_str(&c[4], e->session);
    pg_array_str(&c[5], e->message_id);
    pg_array_str(&c[6], e->body);
}

static int add_events(struct batch *b, struct pg_pipeline *p)
{
    struct pg_array *c = b->column;

    pg_array_begin(&c[0], PG_ARRAY_INT8);
    begin_events(c + 1);
    for (int i = 0; i < b->n; i++) {
        if (b->items[i].seq == 0)
            continue;
        pg_array_int(&c[0], b->items[i].seq);
        put_event(c + 1, b->items[i].event);
    }
    return c[0].n > 0 ? add(b, p, "add_events", 1 + (int)ARRAY_LEN(event_kinds)) : 0;
}

/* Of two events of the batch with one key the newer holds it. */
static bool holds_key(const struct batch *b, int i)
{
    if (b->items[i].seq == 0)
        return false;
    for (int at = i + 1; at < b->n; at++) {
        if (b->items[at].seq != 0 && same_key(b->items[at].event, b->items[i].event))
            return false;
    }
    return true;
}

/* With @known those that were there, and belong to the newer event now; else the new ones. */
static int add_keys(struct batch *b, struct pg_pipeline *p, bool known)
{
    struct pg_array *c = b->column;

    pg_array_begin(&c[0], PG_ARRAY_INT8);
    pg_array_begin(&c[1], PG_ARRAY_BYTEA);
    pg_array_begin(&c[2], PG_ARRAY_INT8);
    for (int i = 0; i < b->n; i++) {
        const struct event_new *e = b->items[i].event;

        if (!holds_key(b, i) || (b->items[i].first != 0) != known)
            continue;
        pg_array_int(&c[0], e->key_time_ms);
        pg_array_str(&c[1], (struct str){ (const char *)e->key_digest, EVENT_DIGEST_BYTES });
        pg_array_int(&c[2], b->items[i].seq);
    }
    return c[0].n > 0 ? add(b, p, known ? "move_keys" : "add_keys", 3) : 0;
}

int batch_add_rows(struct batch *b, struct pg_pipeline *p)
{
    int r = add_events(b, p);

    if (r >= 0)
        r = add_keys(b, p, false);
    if (r >= 0)
        r = add_keys(b, p, true);
    return r < 0 ? r : 0;
}

/* ---- all of them are new --------------------------------------------------------------------- */

bool batch_may_be_new(const struct batch *b)
{
    for (int i = 1; i < b->n; i++) {
        for (int at = 0; at < i; at++) {
            if (same_key(b->items[at].event, b->items[i].event))
                return false;
        }
    }
    return b->n > 0;
}

int batch_append(struct batch *b, struct pg_pipeline *p, const char *ingest, int64_t id)
{
    struct pg_array *c = b->column;
    struct pg_array *keys = c + ARRAY_LEN(event_kinds);
    char n_text[24], id_text[24];
    const char *scalars[] = { n_text, ingest, id_text };

    (void)snprintf(n_text, sizeof n_text, "%d", b->n);
    (void)snprintf(id_text, sizeof id_text, "%" PRId64, id);
    begin_events(c);
    pg_array_begin(&keys[0], PG_ARRAY_INT8);
    pg_array_begin(&keys[1], PG_ARRAY_BYTEA);
    for (int i = 0; i < b->n; i++) {
        const struct event_new *e = b->items[i].event;

        put_event(c, e);
        pg_array_int(&keys[0], e->key_time_ms);
        pg_array_str(&keys[1], (struct str){ (const char *)e->key_digest, EVENT_DIGEST_BYTES });
    }
    return add_mixed(b, p, "append", ARRAY_LEN(scalars), scalars, ARRAY_LEN(b->column));
}

void batch_number_new(struct batch *b, int64_t *head)
{
    for (int i = 0; i < b->n; i++) {
        *b->items[i].ret_result = 0;
        *b->items[i].ret_seq = ++*head;
    }
}
