#include "common/store/retention.h"

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

struct retention_removal retention_plan(int64_t oldest, int64_t head, const struct event_retention *rule,
                                        int64_t used_bytes, bool no_room, int64_t due_by_age, int64_t max)
{
    int64_t slice_end = oldest + max - 1;
    bool big = rule->size_bytes > 0 && used_bytes > rule->size_bytes;
    int64_t due = big || no_room ? slice_end : due_by_age;
    bool hard = no_room || (rule->hard_bytes > 0 && used_bytes > rule->hard_bytes);
    struct retention_removal plan = { .last = min64(min64(due, slice_end), head - 1) };
    int64_t read_end = rule->cursor_min < oldest ? oldest - 1 : rule->cursor_min;

    if (plan.last > read_end && hard)
        plan.forced = plan.last - read_end;
    if (plan.last > read_end && !hard) {
        plan.held = true;
        plan.last = read_end;
    }
    plan.more = plan.last == slice_end;
    return plan;
}
