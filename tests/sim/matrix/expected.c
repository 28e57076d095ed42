/* The table: for each fault the usual end, and the bridges that end in another way, with the reason. */
#include <string.h>

#include "common/base/mem.h"
#include "tests/sim/matrix/matrix.h"

/* Calls of one reconnect. */
static int procedure_of(const char *driver)
{
    if (strcmp(driver, "zapw") == 0)
        return 0; /* it has none */
    /* restart is refused, then connect; disconnect, then connect */
    return strcmp(driver, "evolution") == 0 || strcmp(driver, "wuzapi") == 0 ? 2 : 1;
}

#define NO_CELL                     \
    {                               \
        SESSION_STATE_N, 0, 0, NULL \
    }
#define RECONNECTED                  \
    {                                \
        SESSION_CONNECTED, 0, -1, "" \
    }

static const struct row {
    const char *driver; /* NULL: all that have no row of their own */
    enum fault fault;
    struct expected e; /* calls_max -1: one reconnect, neither more nor less */
} rows[] = {
    { NULL, FAULT_DROP_TOLD, RECONNECTED },
    { NULL, FAULT_DROP_SILENT, RECONNECTED },
    /* The echo of the reconnect in webhooks is no second drop. */
    { NULL, FAULT_ECHO, RECONNECTED },
    /* It has no call for it, and no hook is set. */
    { "zapw", FAULT_DROP_TOLD, { SESSION_DISCONNECTED, 0, 0, "session-parked" } },
    { "zapw", FAULT_DROP_SILENT, { SESSION_DISCONNECTED, 0, 0, "session-parked" } },
    { "zapw", FAULT_ECHO, NO_CELL },

    { NULL, FAULT_LOGGED_OUT, { SESSION_LOGGED_OUT, 0, 0, "session-logged-out" } },
    /* FAILED is all that it says: a restart shows a code. */
    { "waha", FAULT_LOGGED_OUT, { SESSION_QR_PENDING, 1, 1, "session-needs-qr" } },
    /* It says nothing at all: each attempt is refused. */
    { "gowa", FAULT_LOGGED_OUT, { SESSION_DISCONNECTED, 1, 2, "session-down" } },

    { NULL, FAULT_QR, { SESSION_QR_PENDING, 0, 0, "session-needs-qr" } },

    { NULL, FAULT_BAN, NO_CELL }, /* it does not say so */
    { "zapw", FAULT_BAN, { SESSION_FAILED, 0, 0, "session-banned" } },
    { "contract", FAULT_BAN, { SESSION_FAILED, 0, 0, "session-banned" } },
    { "evolution", FAULT_BAN, { SESSION_FAILED, 0, 0, "session-banned" } },
    { "wuzapi", FAULT_BAN, { SESSION_FAILED, 0, 0, "session-banned" } },

    { NULL, FAULT_PERSON, NO_CELL },
    { "waha", FAULT_PERSON, { SESSION_ACTION_REQUIRED, 0, 0, "session-action-required" } },
    { "openwa", FAULT_PERSON, { SESSION_ACTION_REQUIRED, 0, 0, "session-action-required" } },
    /* The licence of the whole bridge: its sessions are left alone, as they were. */
    { "evolution", FAULT_PERSON, { SESSION_CONNECTED, 0, 0, "bridge-down" } },

    /* One list without sessions is asked for again, and Evolution's always lies. */
    { NULL, FAULT_LYING_LIST, { SESSION_CONNECTED, 0, 0, "" } },

    { NULL, FAULT_5XX, { SESSION_CONNECTED, 0, 0, "bridge-down" } },
    { NULL, FAULT_HANG, { SESSION_CONNECTED, 0, 0, "bridge-down" } },
    { NULL, FAULT_GARBAGE, { SESSION_CONNECTED, 0, 0, "bridge-down" } },
    { NULL, FAULT_429, { SESSION_CONNECTED, 0, 0, "" } },
    { NULL, FAULT_KEY, { SESSION_CONNECTED, 0, 0, "bridge-key-refused" } },

    /* Where the bridge tells the cause (440) it is parked at once; else it is reconnected, once, and an alert is sent. */
    { NULL, FAULT_TWO_OWNERS, { SESSION_CONNECTED, 0, -1, "bridge-two-owners" } },
    { "zapw", FAULT_TWO_OWNERS, { SESSION_DISCONNECTED, 0, 0, "bridge-two-owners session-parked" } },
    { "contract", FAULT_TWO_OWNERS, { SESSION_DISCONNECTED, 0, 0, "bridge-two-owners session-parked" } },
    { "openwa", FAULT_TWO_OWNERS, { SESSION_DISCONNECTED, 0, 0, "bridge-two-owners session-parked" } },
};

const struct expected *expected_of(const char *driver, enum fault f)
{
    static struct expected ret;

    ret = (struct expected){ .alerts = "?" };
    for (size_t i = ARRAY_LEN(rows); i-- > 0;) {
        if (rows[i].fault != f || (rows[i].driver && strcmp(rows[i].driver, driver) != 0))
            continue;
        ret = rows[i].e;
        if (ret.calls_max == -1)
            ret.calls_min = ret.calls_max = procedure_of(driver);
        if (rows[i].driver)
            break;
    }
    return &ret;
}
