#include "services/webhook-ingest/commit.h"

#include "common/base/mem.h"

static int write_item(struct event_log *l, struct commit_item *item)
{
    item->result = 0;
    if (item->kind == COMMIT_REJECTED)
        return event_log_reject(l, &item->rejected);
    return event_log_add(l, &item->event, &item->result, &item->seq);
}

static int write_items(struct event_log *l, struct list *items)
{
    int r = 0;

    LIST_FOR(it, items)
    {
        r = write_item(l, container_of(it, struct commit_item, link));
        if (r != 0)
            break;
    }
    return r;
}

static int count_and_fail(struct list *items, int r)
{
    int n = 0;

    LIST_FOR(it, items)
    {
        if (r != 0) /* a duplicate too: its first may have been in this batch */
            container_of(it, struct commit_item, link)->result = r;
        n++;
    }
    return n;
}

void commit_batch(struct event_log *l, struct list *items, const struct event_retention *prune,
                  int64_t now_ms, struct commit_done *ret)
{
    struct commit_done done = { 0 };
    int r = event_log_begin(l);

    if (r == 0)
        r = write_items(l, items);
    if (r == 0 && prune)
        r = event_log_prune(l, prune, now_ms, COMMIT_PRUNE_ROWS, &done.pruned);
    if (r == 0)
        r = event_log_commit(l);
    else
        event_log_rollback(l);
    done.result = r;
    done.n = count_and_fail(items, r);
    *ret = done;
}
