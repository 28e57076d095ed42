/*
 * The flow of a move: open both sides, copy table by table, read the target back, compare, take the mark away.
 *
 * Checksums are of slices of rows, in the order of the key: a difference names its table and rows. They are of the
 * rows as the target keeps them, so that a text which was changed on its way is no difference.
 */
#include "common/store/move.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/store/engine.h"
#include "common/store/move_side.h"
#include "common/store/move_tables.h"
#include "common/store/sql.h"
#include "common/store/store.h"

#define SLICE_ROWS 10000
/* 8 bytes for each slice: a hundred times a thousand million rows. */
#define SLICES_BYTES_MAX (64L * 1024 * 1024)
/* How often the progress is said. */
#define PROGRESS_ROWS 500
#define NAME_BYTES    (2 * MOVE_NAME_MAX)

struct sums {
    struct buf slices; /* a checksum each */
    int64_t rows;
    uint64_t slice; /* of the rows since the last one */
    uint64_t all;
};

struct move {
    const struct store_move_options *o;
    struct store_move_result *ret;
    struct move_side *from, *to;
    struct move_table *tables; /* owned */
    int n_tables;
    struct sums *sums; /* of each table, owned */
    int64_t done, total;
};

/* ---- checksums ------------------------------------------------------------------------------- */

static uint64_t add_value(uint64_t h, enum move_kind kind, const struct move_value *v)
{
    uint64_t n = v->text.n;
    char tag = v->is_null ? 'n' : (char)kind;

    h = hash_add(h, &tag, 1);
    if (v->is_null)
        return h;
    if (kind == MOVE_INT)
        return hash_add(h, &v->number, sizeof v->number);
    h = hash_add(h, &n, sizeof n);
    return hash_add(h, v->text.p, v->text.n);
}

static void end_slice(struct sums *s)
{
    (void)buf_add(&s->slices, &s->slice, sizeof s->slice);
    s->all = hash_add(s->all, &s->slice, sizeof s->slice);
    s->slice = HASH_START;
}

static void add_row(struct sums *s, const struct move_table *t, const struct move_value *row)
{
    for (int i = 0; i < t->n_columns; i++)
        s->slice = add_value(s->slice, t->column[i].kind, &row[i]);
    if (++s->rows % SLICE_ROWS == 0)
        end_slice(s);
}

static struct sums sums_begin(void)
{
    return (struct sums){ .slices = BUF_INIT(SLICES_BYTES_MAX), .slice = HASH_START, .all = HASH_START };
}

/* ---- progress -------------------------------------------------------------------------------- */

static const char *name_of(const struct move_table *t, char ret[NAME_BYTES])
{
    (void)snprintf(ret, NAME_BYTES, "%s.%s", move_part_name(t->part), t->name);
    return ret;
}

static void progress(struct move *m, const struct move_table *t, int64_t rows)
{
    char name[NAME_BYTES];

    m->done += rows;
    if (m->o->on_progress)
        m->o->on_progress(m->o->ctx, name_of(t, name), m->done, m->total);
}

static int failed(struct move *m, bool at_target, int r)
{
    const struct move_side *side = at_target ? m->to : m->from;

    if (r < 0) {
        m->ret->at_target = at_target;
        (void)snprintf(m->ret->detail, sizeof m->ret->detail, "%s", side ? side->engine->error(side) : "");
    }
    return r;
}

/* ---- copying --------------------------------------------------------------------------------- */

static bool is_changed(const struct move_table *t, const struct move_value *was, const struct move_value *row)
{
    for (int i = 0; i < t->n_columns; i++) {
        if (was[i].text.n != row[i].text.n ||
            (row[i].text.n > 0 && memcmp(was[i].text.p, row[i].text.p, row[i].text.n) != 0))
            return true;
    }
    return false;
}

static void note_seq(struct move *m, const struct move_table *t, const struct move_value *row)
{
    if (!move_table_is_log(t))
        return;
    m->ret->first_seq = m->ret->first_seq ? m->ret->first_seq : row[0].number;
    m->ret->last_seq = row[0].number;
}

static int copy_row(struct move *m, const struct move_table *t, struct sums *s, struct move_value *row)
{
    struct move_value was[MOVE_COLUMNS_MAX];
    int r;

    memcpy(was, row, sizeof was);
    r = failed(m, true, m->to->engine->put(m->to, t, row));
    if (r != 0)
        return r;
    m->ret->cleaned += is_changed(t, was, row);
    note_seq(m, t, row);
    add_row(s, t, row);
    if (s->rows % PROGRESS_ROWS == 0)
        progress(m, t, PROGRESS_ROWS);
    return buf_error(&s->slices);
}

static int copy_ids(struct move *m, const struct move_table *t)
{
    int64_t id = 0;
    int r = failed(m, false, m->from->engine->highest_id(m->from, t, &id));

    return r == 0 ? failed(m, true, m->to->engine->set_highest_id(m->to, t, id)) : r;
}

static int copy_table(struct move *m, const struct move_table *t, struct sums *s)
{
    struct move_value row[MOVE_COLUMNS_MAX] = { 0 };
    int r = failed(m, false, m->from->engine->read(m->from, t));

    while (r == 0 && (r = failed(m, false, m->from->engine->next(m->from, row))) == SQL_ROW)
        r = copy_row(m, t, s, row);
    end_slice(s);
    if (r == 0)
        r = failed(m, true, m->to->engine->put_end(m->to, t));
    progress(m, t, s->rows % PROGRESS_ROWS);
    m->ret->rows += s->rows;
    m->ret->tables++;
    return r == 0 ? copy_ids(m, t) : r;
}

/* Time passes while rows are copied; it goes on from now. */
static int copy_time(struct move *m)
{
    int64_t steady_ms = 0;
    int r = failed(m, false, m->from->engine->steady(m->from, m->o->clock, &steady_ms));

    return r == 0 ? failed(m, true, m->to->engine->set_steady(m->to, m->o->clock, steady_ms)) : r;
}

/* ---- verifying ------------------------------------------------------------------------------- */

static int differs(struct move *m, const struct move_table *t, int64_t slice)
{
    char name[NAME_BYTES];

    (void)snprintf(m->ret->detail, sizeof m->ret->detail,
                   "%s differs in its rows %" PRId64 " to %" PRId64 ", or in their number", name_of(t, name),
                   slice * SLICE_ROWS + 1, (slice + 1) * SLICE_ROWS);
    return STORE_MOVE_DIFFERS;
}

static int compare(struct move *m, const struct move_table *t, const struct sums *a, const struct sums *b)
{
    size_t n = a->slices.len < b->slices.len ? a->slices.len : b->slices.len;

    for (size_t at = 0; at < n; at += sizeof(uint64_t)) {
        if (memcmp(a->slices.data + at, b->slices.data + at, sizeof(uint64_t)) != 0)
            return differs(m, t, (int64_t)(at / sizeof(uint64_t)));
    }
    return a->rows == b->rows ? 0 : differs(m, t, (int64_t)(n / sizeof(uint64_t)));
}

static int compare_ids(struct move *m, const struct move_table *t)
{
    char name[NAME_BYTES];
    int64_t from = 0, to = 0;
    int r = failed(m, false, m->from->engine->highest_id(m->from, t, &from));

    if (r == 0)
        r = failed(m, true, m->to->engine->highest_id(m->to, t, &to));
    if (r != 0 || from == to)
        return r;
    (void)snprintf(m->ret->detail, sizeof m->ret->detail,
                   "the newest number of %s is %" PRId64 " in the source and %" PRId64 " in the target",
                   name_of(t, name), from, to);
    return STORE_MOVE_DIFFERS;
}

static int verify_table(struct move *m, const struct move_table *t, const struct sums *copied)
{
    CLEANUP(buf_fini) struct buf slices = BUF_NULL;
    struct move_value row[MOVE_COLUMNS_MAX] = { 0 };
    struct sums s = sums_begin();
    char name[NAME_BYTES];
    int r = failed(m, true, m->to->engine->read(m->to, t));

    while (r == 0 && (r = failed(m, true, m->to->engine->next(m->to, row))) == SQL_ROW) {
        add_row(&s, t, row);
        if (s.rows % PROGRESS_ROWS == 0)
            progress(m, t, PROGRESS_ROWS);
        r = buf_error(&s.slices);
    }
    end_slice(&s);
    slices = s.slices;
    progress(m, t, s.rows % PROGRESS_ROWS);
    if (r == 0)
        r = compare(m, t, copied, &s);
    if (r == 0)
        r = compare_ids(m, t);
    if (r == 0 && m->o->on_table)
        m->o->on_table(m->o->ctx, name_of(t, name), s.rows, s.all);
    return r;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int count_all(struct move *m)
{
    char name[NAME_BYTES];
    int r = 0;

    for (int i = 0; r == 0 && i < m->n_tables; i++) {
        int64_t rows = 0;

        r = failed(m, false, m->from->engine->count(m->from, &m->tables[i], &rows));
        m->total += 2 * rows;
        if (r == 0 && m->o->dry_run) {
            m->ret->rows += rows;
            m->ret->tables++;
            if (m->o->on_table)
                m->o->on_table(m->o->ctx, name_of(&m->tables[i], name), rows, 0);
        }
    }
    return r;
}

static int copy_all(struct move *m)
{
    int r = 0;

    for (int i = 0; r == 0 && i < m->n_tables; i++) {
        m->sums[i] = sums_begin();
        r = copy_table(m, &m->tables[i], &m->sums[i]);
    }
    return r == 0 ? copy_time(m) : r;
}

static int verify_all(struct move *m)
{
    int r = failed(m, true, m->to->engine->reopen(m->to));

    for (int i = 0; r == 0 && i < m->n_tables; i++)
        r = verify_table(m, &m->tables[i], &m->sums[i]);
    return r == 0 ? failed(m, true, m->to->engine->finish(m->to)) : r;
}

static int open_side(struct move *m, const char *where, enum move_role role, struct move_side **ret)
{
    const struct engine *engine = store_is_server(where) ? &postgres_engine : &sqlite_engine;
    bool at_target = role != MOVE_SOURCE;
    int r = engine->move_open(where, role, ret, m->ret->detail, sizeof m->ret->detail);

    m->ret->at_target = at_target;
    if (r == MOVE_NOT_EMPTY)
        return STORE_MOVE_TO_NOT_EMPTY;
    if (r == MOVE_IN_USE)
        return at_target ? STORE_MOVE_TO_IN_USE : STORE_MOVE_FROM_IN_USE;
    return r;
}

static int run(struct move *m)
{
    int r = move_tables_load(&m->tables, &m->n_tables);

    m->sums = r == 0 ? mem_zalloc((size_t)m->n_tables * sizeof *m->sums) : NULL;
    if (!m->sums)
        return r == 0 ? -ENOMEM : r;
    r = open_side(m, m->o->from, MOVE_SOURCE, &m->from);
    if (r == 0)
        r = open_side(m, m->o->to, m->o->dry_run ? MOVE_TRIAL : MOVE_TARGET, &m->to);
    if (r == 0)
        r = count_all(m);
    if (r != 0 || m->o->dry_run)
        return r;
    r = copy_all(m);
    return r == 0 ? verify_all(m) : r;
}

int store_move(const struct store_move_options *o, struct store_move_result *ret)
{
    struct move m = { .o = o, .ret = ret };
    int r;

    *ret = (struct store_move_result){ 0 };
    r = run(&m);
    for (int i = 0; m.sums && i < m.n_tables; i++)
        buf_fini(&m.sums[i].slices);
    if (m.to)
        m.to->engine->close(m.to);
    if (m.from)
        m.from->engine->close(m.from);
    mem_free(m.sums);
    mem_free(m.tables);
    return r;
}
