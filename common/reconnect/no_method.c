/*
 * A bridge that has no reconnect call, and that nothing restarts.
 */
#include "common/reconnect/reconnect.h"

#include "common/reconnect/unpark.h"
#include "common/store/txn.h"

static int park_all_due(struct db *db, const struct now *now, const char *bridge, int64_t due_before,
                        const char *detail, int64_t *ret_n)
{
    struct reconnect_row row;
    struct retry next;
    int64_t n = 0;
    int r = 0;

    for (; r == 0; n++) {
        r = reconnects_first_due(db, bridge, due_before, &row);
        if (r != 0)
            break;
        next = retry_park(&row.retry, RETRY_PARK_NO_METHOD);
        r = reconnects_save(db, now, &row, &next, detail, 0);
    }
    *ret_n = n;
    return r == RECONNECTS_NONE ? 0 : r;
}

int reconnect_park_no_method(struct db *db, const struct now *now, const char *bridge, int64_t waited_ms,
                             const char *detail, int64_t *ret_n)
{
    int64_t due_before = now->steady_ms - waited_ms;
    struct reconnect_row row;
    struct txn t;
    int r = reconnects_first_due(db, bridge, due_before, &row);

    *ret_n = 0;
    if (r != 0)
        return r == RECONNECTS_NONE ? 0 : r;
    r = txn_begin(&t, db);
    return r == 0 ? txn_end(&t, park_all_due(db, now, bridge, due_before, detail, ret_n)) : r;
}

int reconnect_unpark_no_method(struct db *db, const struct policy *p, const struct now *now,
                               const char *bridge, int64_t *ret_n)
{
    struct reconnect_row row;
    struct txn t;
    int r = reconnects_first_parked(db, bridge, RETRY_PARK_NO_METHOD, &row);

    *ret_n = 0;
    if (r != 0)
        return r == RECONNECTS_NONE ? 0 : r;
    r = txn_begin(&t, db);
    if (r != 0)
        return r;
    return txn_end(&t, unpark_all(db, p, now, bridge, RETRY_PARK_NO_METHOD, 0, ret_n));
}
