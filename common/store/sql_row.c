/* Rows as structs: by the kind and the size of each member. */
#include "common/store/sql_row.h"

#include "common/base/mem.h"
#include "common/store/engine.h"

static int64_t read_int(const void *member, size_t size)
{
    if (size == sizeof(int64_t))
        return *(const int64_t *)member;
    return size == sizeof(int) ? *(const int *)member : *(const bool *)member;
}

static void write_int(void *member, size_t size, int64_t v)
{
    if (size == sizeof(int64_t))
        *(int64_t *)member = v;
    else if (size == sizeof(int))
        *(int *)member = (int)v;
    else
        *(bool *)member = v != 0;
}

void sql_read_row(const struct sql *q, int first, const struct sql_column *columns, size_t n, void *ret)
{
    for (size_t i = 0; i < n; i++) {
        char *member = (char *)ret + columns[i].at;

        if (columns[i].kind == SQL_KIND_TEXT)
            str_copy(sql_text(q, first + (int)i), member, columns[i].size);
        else
            write_int(member, columns[i].size, sql_int(q, first + (int)i));
    }
}

static int bind_row(struct sql *q, const struct sql_column *columns, size_t n, const void *row)
{
    const struct engine *engine = q->db->engine;
    int r = 0;

    for (size_t i = 0; r == 0 && i < n; i++) {
        const char *member = (const char *)row + columns[i].at;

        if (columns[i].kind == SQL_KIND_TEXT)
            r = engine->bind_text(q, (int)i + 1, str_from(member));
        else
            r = engine->bind_int(q, (int)i + 1, read_int(member, columns[i].size));
    }
    return r;
}

/* The letters of sql_query() for these columns. */
static void format_of(const struct sql_column *columns, size_t n, char ret[SQL_COLUMNS_MAX + 1])
{
    for (size_t i = 0; i < n; i++)
        ret[i] = columns[i].kind == SQL_KIND_TEXT ? 's' : 'i';
    ret[n] = '\0';
}

static int query_row(struct db *db, const char *sql, const struct sql_column *columns, size_t n,
                     const void *row, struct sql **ret)
{
    char fmt[SQL_COLUMNS_MAX + 1];
    int r;

    format_of(columns, n, fmt);
    r = sql_take(db, sql, fmt, ret);
    return r == 0 ? bind_row(*ret, columns, n, row) : r;
}

int sql_write_row(struct db *db, const char *sql, const struct sql_column *columns, size_t n, const void *row)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = query_row(db, sql, columns, n, row, &q);

    return r == 0 ? db->engine->run_to_end(q) : r;
}

int sql_insert_row(struct db *db, const char *sql, const struct sql_column *columns, size_t n,
                   const void *row, int64_t *ret_id)
{
    CLEANUP(sql_done) struct sql *q = NULL;
    int r = query_row(db, sql, columns, n, row, &q);

    return r == 0 ? sql_returned(q, ret_id) : r;
}
