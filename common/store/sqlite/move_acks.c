/*
 * Acknowledgements of a source that stand in forward.acks alone: a forwarder that was killed leaves some. They are read as part
 * of their destinations; the database has no such file.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/own_file.h"
#include "common/store/ack_window.h"
#include "common/store/acks.h"
#include "common/store/sqlite/move_inside.h"

struct folding {
    struct sqlite_side *s;
    struct ack_window window;
    int r;
};

/* As the forwarder does it when it starts: an entry counts when it is of the event that the log has. */
static void on_ack(void *ctx, const struct ack *e)
{
    struct folding *f = ctx;
    int64_t at = 0;
    int r;

    if (f->r < 0 || ack_window_has(&f->window, e->seq) || !ack_window_fits(&f->window, e->seq))
        return;
    r = sql_get_int(f->s->db[MOVE_EVENTS], "SELECT at FROM event WHERE seq = ?1", &at, "i", e->seq);
    if (r == 0 && acks_match(f->s->acks, e, e->seq, at))
        ack_window_set(&f->window, e->seq);
    f->r = r < 0 ? r : 0;
}

static struct move_value *value_of(const struct move_table *t, struct move_value *row, const char *name)
{
    for (int i = 0; i < t->n_columns; i++) {
        if (strcmp(t->column[i].name, name) == 0)
            return &row[i];
    }
    return NULL;
}

int sqlite_side_fold_acks(struct sqlite_side *s, const struct move_table *t, struct move_value *row)
{
    struct move_value *id = value_of(t, row, "id");
    struct move_value *floor = value_of(t, row, "floor");
    struct move_value *done = value_of(t, row, "done");
    struct folding *f = id && floor && done ? mem_zalloc(sizeof *f) : NULL;
    int r;

    if (!f)
        return -ENOMEM;
    f->s = s;
    ack_window_load(&f->window, floor->number, done->text);
    acks_each(s->acks, id->number, on_ack, f);
    buf_reset(&s->done);
    ack_window_pack(&f->window, &s->done);
    floor->number = f->window.floor;
    done->text = (struct str){ s->done.len > 0 ? s->done.data : "", s->done.len };
    r = f->r != 0 ? f->r : buf_error(&s->done);
    mem_free(f);
    return r;
}

int sqlite_side_open_acks(struct sqlite_side *s)
{
    char path[OWN_PATH_MAX];
    int64_t key = 0;
    int r = 1;

    if (s->db[MOVE_FORWARD] && own_path(s->dir, ACKS_FILE, path, sizeof path) == 0 && access(path, F_OK) == 0)
        r = sql_get_int(s->db[MOVE_FORWARD], "SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'key'", &key,
                        "");
    if (r > 0) /* there is no such file, or no forwarder has used it */
        return 0;
    return r == 0 ? acks_open(s->dir, (uint64_t)key, &s->acks) : r;
}
