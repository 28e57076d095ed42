#include "common/store/move_tables.h"
#include "common/base/buf.h"

#include <errno.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/store/db.h"
#include "common/store/sql.h"
#include "common/store/sqlite/open.h"
#include "common/store/sqlite/schemas.h"

#define TABLES_MAX 64

const char *move_part_name(enum move_part part)
{
    static const char *const names[MOVE_PART_N] = {
        [MOVE_STATE] = "state", [MOVE_EVENTS] = "events", [MOVE_FORWARD] = "forward"
    };

    return names[part];
}

struct tables {
    struct move_table *at;
    int n;
};

static enum move_kind kind_of(struct str declared)
{
    if (str_eq(declared, "INTEGER"))
        return MOVE_INT;
    return str_eq(declared, "TEXT") ? MOVE_TEXT : MOVE_BLOB;
}

static int add_column(struct move_table *t, const struct sql *q)
{
    int64_t key = sql_int(q, 2);

    if (t->n_columns == MOVE_COLUMNS_MAX || key > MOVE_KEYS_MAX)
        return -E2BIG;
    str_copy(sql_text(q, 0), t->column[t->n_columns].name, MOVE_NAME_MAX);
    t->column[t->n_columns].kind = kind_of(sql_text(q, 1));
    if (key > 0) {
        t->key[key - 1] = t->n_columns;
        t->n_keys = t->n_keys > (int)key ? t->n_keys : (int)key;
    }
    t->n_columns++;
    return 0;
}

static int load_columns(struct db *db, struct move_table *t)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db, "SELECT name, type, pk FROM pragma_table_info(?1)", &q, "s", t->name);

    while (r == 0 && (r = sql_next(q)) == SQL_ROW)
        r = add_column(t, q);
    return r;
}

static int load_tables(struct db *db, enum move_part part, struct tables *ret)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = sql_query(db,
                      "SELECT name, sql LIKE '%AUTOINCREMENT%' FROM sqlite_master WHERE type = 'table'"
                      " AND name NOT LIKE 'sqlite_%' AND name <> 'steady' ORDER BY name",
                      &q, "");

    while (r == 0 && (r = sql_next(q)) == SQL_ROW) {
        struct move_table *t = &ret->at[ret->n];

        if (ret->n == TABLES_MAX)
            return -E2BIG;
        t->part = part;
        t->gives_ids = sql_int(q, 1) != 0;
        str_copy(sql_text(q, 0), t->name, sizeof t->name);
        r = load_columns(db, t);
        ret->n++;
    }
    return r;
}

static int load_part(enum move_part part, const struct db_schema *schema, struct tables *ret)
{
    struct db *db = NULL;
    int r = db_open_memory(schema, &db);

    if (r == 0)
        r = load_tables(db, part, ret);
    db_close(db);
    return r;
}

int move_tables_load(struct move_table **ret, int *ret_n)
{
    struct tables t = { .at = mem_zalloc(TABLES_MAX * sizeof(struct move_table)) };
    int r = t.at ? load_part(MOVE_STATE, &state_schema, &t) : -ENOMEM;

    if (r == 0)
        r = load_part(MOVE_FORWARD, &forward_schema, &t);
    if (r == 0)
        r = load_part(MOVE_EVENTS, &events_schema, &t);
    if (r == 0) {
        *ret = t.at;
        *ret_n = t.n;
        return 0;
    }
    mem_free(t.at);
    return r;
}

bool move_table_is_log(const struct move_table *t)
{
    return t->part == MOVE_EVENTS && strcmp(t->name, "event") == 0;
}

void move_table_columns(const struct move_table *t, struct buf *sql)
{
    for (int i = 0; i < t->n_columns; i++)
        (void)buf_addf(sql, "%s\"%s\"", i > 0 ? ", " : "", t->column[i].name);
}
