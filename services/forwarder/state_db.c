#include "services/forwarder/state_db.h"

#include <errno.h>

#include "common/app/app.h"
#include "common/base/log.h"
#include "common/base/mem.h"

struct state_db {
    const char *dir;
    struct db *db;
    struct backoff backoff;
};

int state_db_new(const char *dir, struct state_db **ret)
{
    struct state_db *s = mem_zalloc(sizeof *s);

    if (!s)
        return -ENOMEM;
    s->dir = dir;
    *ret = s;
    return 0;
}

void state_db_free(struct state_db *s)
{
    if (!s)
        return;
    db_close(s->db);
    mem_free(s);
}

int state_db_get(struct state_db *s, struct db **ret)
{
    int r = 0;

    if (s->db && db_sync_failed(s->db)) {
        db_close(s->db);
        s->db = NULL;
    }
    if (!s->db)
        r = db_open_state(s->dir, &s->db);
    if (r == 0)
        *ret = s->db;
    return r;
}

void state_db_note(struct state_db *s, int r)
{
    if (r == 0 && s->backoff.tries > 0)
        log_info("state-works", "state.db can be used again");
    if (r == 0) {
        backoff_reset(&s->backoff);
        return;
    }
    (void)backoff_next_ms(&s->backoff);
    if (backoff_is_news(&s->backoff))
        log_warn("state-failed", "cannot use state.db; the cursor is saved and commands are taken later",
                 KS("error", err_text(r)));
}
