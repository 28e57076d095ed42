#include "common/bridge/subscription_check.h"

#include <stdio.h>

#include "common/base/mem.h"

/* Setting it restarts a session on some bridges, and others write it down a moment later. */
#define SET_PAUSE_MS 1000

enum { STEP_READ, STEP_SET, STEP_READ_AGAIN };

const char *subscription_repair_text(enum subscription_repair r)
{
    static const char *const texts[SUBSCRIPTION_REPAIR_N] = {
        [SUBSCRIPTION_NOT_SET] = "",
        [SUBSCRIPTION_SET] = "it was set again",
        [SUBSCRIPTION_NOT_KEPT] = "the bridge took it and shows the wrong one again",
        [SUBSCRIPTION_SET_FAILED] = "the bridge did not take it",
        [SUBSCRIPTION_CANNOT_SET] = "the bridge has no call that sets it",
        [SUBSCRIPTION_NO_URL] = "WEBHOOK_URL (webhook_url in ZAPKEEP_BRIDGES) does not say where to",
    };

    return (unsigned)r < SUBSCRIPTION_REPAIR_N ? texts[r] : "";
}

bool subscription_repair_was_tried(enum subscription_repair r)
{
    return r == SUBSCRIPTION_SET || r == SUBSCRIPTION_NOT_KEPT || r == SUBSCRIPTION_SET_FAILED;
}

void subscription_check_fini(struct subscription_check *c)
{
    bridge_request_fini(&c->request);
    c->request = BRIDGE_REQUEST_NULL;
}

static void set_unknown(struct subscription_check *c, const char *why)
{
    c->result = (struct subscription){ .state = SUBSCRIPTION_UNKNOWN };
    (void)snprintf(c->result.detail, sizeof c->result.detail, "%s", why);
}

static bool call_read(struct subscription_check *c, int step)
{
    c->step = step;
    c->kind =
        bridge_build_path(c->driver, &c->driver->subscription->read, c->target, c->id, NULL, &c->request);
    if (c->kind != 0 && step == STEP_READ)
        set_unknown(c, "the call could not be made");
    c->calls += c->kind == 0;
    return c->kind == 0;
}

bool subscription_check_begin(struct subscription_check *c)
{
    c->request = BRIDGE_REQUEST_NULL;
    c->pause_ms = 0;
    c->repaired = SUBSCRIPTION_NOT_SET;
    c->calls = c->kind = 0;
    if (c->driver->subscription)
        return call_read(c, STEP_READ);
    set_unknown(c, c->driver->unreadable ? c->driver->unreadable : "the bridge does not show it");
    return false;
}

static bool is_to_be_set(const struct subscription_check *c)
{
    return (c->repair && c->result.state == SUBSCRIPTION_DRIFTED) ||
           (c->repair_none && c->result.state == SUBSCRIPTION_NONE);
}

static bool call_set(struct subscription_check *c, const struct bridge_answer *shown)
{
    const struct subscription_form *f = c->driver->subscription;

    c->repaired = subscription_can_set(f) ? SUBSCRIPTION_NO_URL : SUBSCRIPTION_CANNOT_SET;
    if (!subscription_can_set(f) || !*c->want->url || c->want->any_host)
        return false;
    c->repaired = SUBSCRIPTION_CANNOT_SET;
    if (subscription_build_set(c->driver, c->target, c->want, c->id, shown, &c->request) != 0)
        return false;
    c->step = STEP_SET;
    c->calls++;
    return true;
}

static bool take_read(struct subscription_check *c, const struct bridge_answer *a)
{
    c->kind = subscription_read(c->driver, c->want, c->id, a, &c->result);
    if (c->kind == 0)
        return is_to_be_set(c) && call_set(c, a);
    set_unknown(c, c->kind > 0 ? bridge_answer_text(c->kind) : "out of memory");
    return false;
}

static bool take_set(struct subscription_check *c, const struct bridge_answer *a)
{
    c->kind = bridge_read_step(c->driver, BRIDGE_STATUS, a);
    if (c->kind != 0) {
        c->repaired = SUBSCRIPTION_SET_FAILED;
        return false;
    }
    c->repaired = SUBSCRIPTION_SET;
    c->pause_ms = SET_PAUSE_MS;
    return call_read(c, STEP_READ_AGAIN);
}

/* Without a readable answer nobody knows until the next check. */
static bool take_again(struct subscription_check *c, const struct bridge_answer *a)
{
    struct subscription now;

    c->kind = subscription_read(c->driver, c->want, c->id, a, &now);
    if (c->kind != 0) {
        set_unknown(c, c->kind > 0 ? bridge_answer_text(c->kind) : "out of memory");
        return false;
    }
    c->result = now;
    if (now.state != SUBSCRIPTION_RIGHT)
        c->repaired = SUBSCRIPTION_NOT_KEPT;
    return false;
}

bool subscription_check_take(struct subscription_check *c, const struct bridge_answer *a)
{
    c->pause_ms = 0;
    switch (c->step) {
    case STEP_READ:
        return take_read(c, a);
    case STEP_SET:
        return take_set(c, a);
    default:
        return take_again(c, a);
    }
}
