/* The forwarder and its destinations, for status and doctor: from forward.db, as the forwarder last said it. */
#include "common/ops/status_forward.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/ops/destination.h"
#include "common/store/role.h"
#include "common/store/store.h"

struct reading {
    struct db *db;
    struct forward_status *status;
};

static int on_destination(void *ctx, const struct forward_destination *d)
{
    struct reading *reading = ctx;
    struct forward_status *s = reading->status;
    struct destination_status *row = &s->destination[s->n];

    if (s->n == STATUS_DESTINATIONS_MAX)
        return 0;
    row->row = *d;
    s->n++;
    return forward_counts(reading->db, d, &row->counts);
}

int status_forward_read(const char *data_dir, struct forward_status *ret)
{
    struct reading reading = { .status = ret };
    int r = forward_open_reader(data_dir, &reading.db);

    *ret = (struct forward_status){ 0 };
    if (r == -ENOENT)
        return 0;
    if (r == 0)
        r = forward_destinations_each(reading.db, on_destination, &reading);
    db_close(reading.db);
    ret->runs = r == 0 && status_forward_runs(data_dir);
    return r;
}

bool status_forward_runs(const char *data_dir)
{
    return store_role_is_taken(data_dir, FORWARD_ROLE);
}

/* The forwarder's own word for it: a destination with events that wait is never ok. */
static const char *state_of(const struct forward_status *s, const struct forward_destination *row)
{
    if (!s->runs)
        return "waits for the forwarder";
    return row->state[0] ? row->state : "new";
}

static bool is_one_of(const char *state, const char *const *states, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(state, states[i]) == 0)
            return true;
    }
    return false;
}

int64_t status_forward_delivered(const struct forward_status *s)
{
    int64_t least = -1;

    for (int i = 0; i < s->n; i++) {
        const struct destination_status *d = &s->destination[i];
        int64_t seq = destination_delivered(&d->row, &d->counts);

        if (!d->row.off_since && (least < 0 || seq < least))
            least = seq;
    }
    return least;
}

const char *status_destination_text(const struct forward_status *s, const struct destination_status *d,
                                    char *ret, size_t n)
{
    static const char *const well[] = { "ok", "delivering", "paused", "new" };
    const struct forward_destination *row = &d->row;
    const char *state = state_of(s, row);
    bool shown = row->last_error[0] && !is_one_of(state, well, ARRAY_LEN(well));

    (void)snprintf(ret, n, "%s: %s; %lld events retrying, %lld waiting behind them, %lld dead letters%s%s",
                   row->name, state, (long long)d->counts.retrying, (long long)d->counts.blocked,
                   (long long)d->counts.dead, shown ? "; last error: " : "", shown ? row->last_error : "");
    return ret;
}

enum problem_level status_destination_level(const struct forward_status *s,
                                            const struct destination_status *d)
{
    static const char *const bad[] = { "down", "limited", "failing", "off" }; /* those that are an alert */

    if (!s->runs || d->row.off_since || is_one_of(d->row.state, bad, ARRAY_LEN(bad)))
        return PROBLEM_BAD;
    return d->counts.dead ? PROBLEM_WARN : PROBLEM_NONE;
}
