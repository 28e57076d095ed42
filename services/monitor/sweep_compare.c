#include "services/monitor/sweep_compare.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "services/monitor/identity_watch.h"

struct sweep_compare {
    const struct monitor_context *m;
    struct bridge_status *status;
    struct change_batch *batch;
    struct attempt_watch *attempts;
    struct identity_history identity;
    int64_t sweep_no;
    bool others_there; /* are_others_there() as this sweep began: a lost session may have been removed */
    int next_index;    /* one by one: the next session's index in the table */
    char unknown_word[BRIDGES_DETAIL_MAX]; /* of the sweep under way … */
    bool new_word;                         /* … and the one before did not have one of them */
};

/* Asked before it was deleted, or meanwhile: a session that is listed would become known again and be missed
 * by the next sweep, one that is not would be lost. */
static bool is_deleted(const struct sweep_compare *c, const char *id, int64_t asked)
{
    struct session_deletion d;
    int r = sessions_find_deletion(c->m->db, c->m->settings->bridge.name, id, &d);

    return r < 0 || (r == 0 && asked <= d.steady); /* the store is busy: the next one shows it, too */
}

static bool is_unwanted(const struct sweep_compare *c, const char *id, int64_t asked)
{
    return !session_table_find(c->m->table, id) && is_deleted(c, id, asked);
}

/* ---- words that the driver does not know ------------------------------------------------------- */

/* Shown with the alert: each such word of the sweep once, with the first session that is called so. */
static void note_unknown(struct sweep_compare *c, const struct bridge_session *seen)
{
    size_t n = strlen(c->unknown_word);
    char word[sizeof seen->raw_status + 2];

    if (seen->state != SESSION_UNKNOWN)
        return;
    (void)snprintf(word, sizeof word, "'%s'", seen->raw_status);
    if (strstr(c->unknown_word, word))
        return;
    if (n + sizeof word + 2 >= sizeof c->unknown_word) /* there is no room to name it */
        return;
    (void)snprintf(c->unknown_word + n, sizeof c->unknown_word - n, "%s%s, of session %s", n ? "; " : "",
                   word, seen->id);
    c->new_word = c->new_word || !strstr(c->status->unknown_word, word);
}

void sweep_compare_note_words(struct sweep_compare *c)
{
    memcpy(c->status->unknown_word, c->unknown_word, sizeof c->unknown_word);
    c->status->new_word = c->new_word;
}

/* ---- a list ------------------------------------------------------------------------------------ */

struct listing {
    struct sweep_compare *c;
    struct changeset *changeset;
    int64_t asked;
    bool full;
};

static int stage(struct listing *l, const struct bridge_session *seen)
{
    const struct sweep_compare *c = l->c;
    int r =
        changeset_poll(l->changeset, seen, l->asked, c->sweep_no, attempt_watch_has(c->attempts, seen->id));

    l->full = l->full || r == -ENOSPC;
    return r == -ENOSPC ? 0 : r;
}

static int on_listed(void *ctx, const struct bridge_session *seen)
{
    struct listing *l = ctx;

    note_unknown(l->c, seen);
    if (changeset_unchanged(l->changeset, seen, l->asked, l->c->sweep_no) ||
        is_unwanted(l->c, seen->id, l->asked))
        return 0;
    return stage(l, seen);
}

static int add_named(struct listing *l, const struct bridge_session *named)
{
    struct bridge_session seen = *named;

    if (is_deleted(l->c, seen.id, l->asked))
        return 0;
    seen.state = SESSION_STARTING;
    return stage(l, &seen);
}

/* Of a list of names. A known session is left to its own answer, but for the phone, which that answer may not have; a new one may be in
 * any state until then. */
static int on_named(void *ctx, const struct bridge_session *named)
{
    struct listing *l = ctx;
    const struct session_table *table = l->c->m->table;
    struct tracked_session *s = session_table_find(table, named->id);
    int r = s ? 0 : add_named(l, named);

    if (!s)
        s = session_table_find(table, named->id);
    if (!s)
        return r;
    str_copy(str_from(named->phone), s->listed_phone, sizeof s->listed_phone);
    session_table_note_phone(s, named->phone);
    s->named = true;
    return r;
}

/* A bridge that has lost its data lists none, or few, of those that are known. */
static bool are_others_there(const struct session_table *table)
{
    const struct cause *gone = cause_by_name("removed");
    int lost = 0, all = session_table_count(table), removed = 0;

    for (int i = 0; i < all; i++) {
        const struct session_known *known = &session_table_at(table, i)->known;

        lost += known->state == SESSION_LOST;
        removed += known->state == SESSION_LOST && known->cause == gone;
    }
    return all - lost > 0 && all - lost >= lost - removed;
}

static int find_missing(struct listing *l)
{
    const struct sweep_compare *c = l->c;
    const struct session_table *table = c->m->table;
    bool others = are_others_there(table);
    int r = 0;

    for (int i = 0; r == 0 && i < session_table_count(table); i++) {
        struct tracked_session *s = session_table_at(table, i);

        if (s->sweep != c->sweep_no && !is_deleted(c, s->id, l->asked))
            r = changeset_missing(l->changeset, s, l->asked, others, attempt_watch_has(c->attempts, s->id));
    }
    return r;
}

/* An entry that the reader skips has no id that could be watched, so it keeps no other session from being missing. */
static int compare(struct listing *l, const struct bridge_driver *driver, const struct bridge_answer *answer)
{
    const struct monitor_context *m = l->c->m;
    int skipped = 0;
    int r = db_begin_reads(m->db);

    if (r == 0)
        r = bridge_read_list(driver, answer, driver->has_list ? on_listed : on_named, l, &skipped);
    db_end_reads(m->db);
    if (r == 0 && !l->full && driver->has_list)
        r = find_missing(l);
    if (skipped > 0)
        log_warn("list-skipped", "the bridge's list has entries that cannot be read", KI("entries", skipped));
    if (l->full)
        log_error("session-table-full", "more sessions than can be watched", KI("max", SESSION_TABLE_MAX));
    return r;
}

/* The end of the sweep commits its alert. */
static void compare_identity(struct sweep_compare *c, const struct bridge_driver *driver)
{
    const struct identity_watch_list l = { .table = c->m->table,
                                           .rules = &c->m->settings->rules,
                                           .names = !driver->has_list,
                                           .sweep = c->sweep_no,
                                           .now_ms = times_steady(&c->m->times) };

    if (!c->status->identity_read) /* a replacement from before the start goes on */
        c->identity.strangers = change_batch_alert_is_on(c->batch, ALERT_BRIDGE_CHANGED);
    identity_watch_list(&c->identity, &l, c->status->identity);
    c->status->identity_read = true;
}

int sweep_compare_list(struct sweep_compare *c, const struct bridge_driver *driver,
                       const struct bridge_answer *answer, int64_t asked)
{
    struct listing l = { .c = c, .asked = asked };
    int r = change_batch_commit(c->batch, 0);

    l.changeset = change_batch_restart(c->batch);
    if (r == 0)
        r = compare(&l, driver, answer);
    if (r == 0)
        compare_identity(c, driver);
    else
        change_batch_undo(c->batch);
    return r;
}

/* ---- one by one -------------------------------------------------------------------------------- */

const char *sweep_compare_next(struct sweep_compare *c)
{
    const struct session_table *table = c->m->table;

    return c->next_index < session_table_count(table) ? session_table_at(table, c->next_index++)->id : NULL;
}

void sweep_compare_status(struct sweep_compare *c, const char *id, int kind,
                          const struct bridge_session *seen, int64_t asked)
{
    struct tracked_session *s = session_table_find(c->m->table, id);
    bool attempting = attempt_watch_has(c->attempts, id);

    if (kind == 0)
        note_unknown(c, seen);
    if (s && kind == BRIDGE_NO_SESSION && !is_deleted(c, id, asked))
        (void)changeset_missing(change_batch_changeset(c->batch), s, asked, c->others_there, attempting);
    if (kind == 0 && !is_unwanted(c, id, asked))
        (void)changeset_poll(change_batch_changeset(c->batch), seen, asked, c->sweep_no, attempting);
}

/* ---- opening ----------------------------------------------------------------------------------- */

void sweep_compare_begin(struct sweep_compare *c)
{
    c->sweep_no++;
    c->others_there = are_others_there(c->m->table);
    c->next_index = 0;
    c->unknown_word[0] = '\0';
    c->new_word = false;
}

int sweep_compare_open(const struct monitor_context *m, struct bridge_status *status,
                       struct change_batch *batch, struct attempt_watch *attempts, struct sweep_compare **ret)
{
    struct sweep_compare *c = mem_zalloc(sizeof *c);

    if (!c)
        return -ENOMEM;
    c->m = m;
    c->status = status;
    c->batch = batch;
    c->attempts = attempts;
    *ret = c;
    return 0;
}

void sweep_compare_close(struct sweep_compare *c)
{
    mem_free(c);
}
