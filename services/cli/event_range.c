#include "services/cli/event_range.h"

#include <errno.h>

#include "common/base/mem.h"

/* The newest N that match are looked for in a window that grows by this factor until it holds them. */
#define WINDOW_FIRST  512
#define WINDOW_FACTOR 8

void event_range_given(struct event_range *h, const struct setting *table, int argc, char *const argv[])
{
    if (h->from == 0 && settings_given(table, "FROM", argc, argv))
        h->from = 1;
}

int event_range_since_ms(const char *text, int64_t now_ms, int64_t *ret_ms)
{
    int64_t ago;

    if (text_to_duration_ms(text, &ago) == 0) {
        *ret_ms = now_ms - ago;
        return 0;
    }
    return text_to_time_ms(text, ret_ms) == 0 ? 0 : -EINVAL;
}

/* Rows from @seq up to @head that match. */
static int count_matches(struct event_reader *r, int64_t seq, int64_t head, const struct event_filter *filter,
                         int64_t *ret)
{
    CLEANUP(event_rows_fini) struct event_rows rows = EVENT_ROWS_NULL;
    int64_t n = 0;

    while (seq <= head) {
        int rc = event_read(r, seq, filter, EVENT_READ_ROWS_MAX, &rows);

        if (rc != 0)
            return rc;
        for (int i = 0; i < rows.n; i++)
            n += rows.rows[i].seq <= head;
        seq = rows.next_seq;
    }
    *ret = n;
    return 0;
}

static int newest(struct event_reader *r, int64_t last, const struct event_filter *filter, int64_t oldest,
                  int64_t head, int64_t *ret_seq, int64_t *ret_skip)
{
    int64_t window = last > WINDOW_FIRST ? last : WINDOW_FIRST;
    int64_t n = 0;
    int64_t seq;
    int rc;

    do {
        seq = head - window + 1 > oldest ? head - window + 1 : oldest;
        rc = count_matches(r, seq, head, filter, &n);
        window = window > head / WINDOW_FACTOR ? head : window * WINDOW_FACTOR;
    } while (rc == 0 && n < last && seq > oldest);
    *ret_seq = seq;
    *ret_skip = n > last ? n - last : 0;
    return rc;
}

int event_range_start(struct event_reader *r, const struct event_range *h, const struct event_filter *filter,
                      int64_t now_ms, int64_t *ret_seq, int64_t *ret_skip)
{
    int64_t oldest = 0;
    int64_t head = 0;
    int64_t since;
    int rc = event_bounds(r, &oldest, &head);

    *ret_skip = 0;
    *ret_seq = head + 1;
    if (rc != 0)
        return rc;
    if (h->last > 0)
        return head == 0 ? 0 : newest(r, h->last, filter, oldest, head, ret_seq, ret_skip);
    if (h->from > 0)
        *ret_seq = h->from < head + 1 ? h->from : head + 1;
    if (!h->since[0])
        return 0;
    if (event_range_since_ms(h->since, now_ms, &since) != 0)
        return -EINVAL;
    rc = event_seq_at(r, since, &since);
    if (rc == 0 && (h->from == 0 || since > *ret_seq))
        *ret_seq = since;
    return rc;
}
