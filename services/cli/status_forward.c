/* The forwarder and its destinations, for status and doctor: from forward.db, as the forwarder last said it. */
#include "services/cli/status_forward.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "services/cli/forward.h"

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

int status_forward_read(const struct cli_settings *settings, struct forward_status *ret)
{
    struct reading reading = { .status = ret };
    int r = forward_open_reader(settings->app.data_dir, &reading.db);

    *ret = (struct forward_status){ 0 };
    if (r == -ENOENT)
        return 0;
    if (r == 0)
        r = forward_destinations_each(reading.db, on_destination, &reading);
    db_close(reading.db);
    ret->runs = r == 0 && forward_cli_runs(settings);
    return r;
}

static bool is_failing(const struct forward_destination *d)
{
    return d->breaker[0] && strcmp(d->breaker, "closed") != 0;
}

const char *status_destination_text(const struct forward_status *s, const struct destination_status *d,
                                    char *ret, size_t n)
{
    const struct forward_destination *row = &d->row;
    const char *state = row->off_since                            ? "turned off"
                        : !s->runs                                ? "waits for the forwarder"
                        : is_failing(row)                         ? "failing"
                        : d->counts.retrying || d->counts.blocked ? "ok, but some sessions wait"
                                                                  : "ok";

    (void)snprintf(ret, n, "%s: %s; %lld events retrying, %lld waiting behind them, %lld dead letters%s%s",
                   row->name, state, (long long)d->counts.retrying, (long long)d->counts.blocked,
                   (long long)d->counts.dead, is_failing(row) && row->last_error[0] ? "; last error: " : "",
                   is_failing(row) ? row->last_error : "");
    return ret;
}

enum problem_level status_destination_level(const struct forward_status *s,
                                            const struct destination_status *d)
{
    if (d->row.off_since)
        return PROBLEM_WARN;
    if (!s->runs || is_failing(&d->row))
        return PROBLEM_BAD;
    return d->counts.retrying || d->counts.dead ? PROBLEM_WARN : PROBLEM_NONE;
}
