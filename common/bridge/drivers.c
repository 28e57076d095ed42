#include "common/bridge/drivers.h"

#include <string.h>

#include "common/base/mem.h"
#include "common/bridge/hook_form.h"

static const struct bridge_driver *const drivers[] = {
#define X(name) &bridge_##name,
    BRIDGE_DRIVERS(X)
#undef X
};

const struct bridge_driver *bridge_driver_at(int i)
{
    return i >= 0 && (size_t)i < ARRAY_LEN(drivers) ? drivers[i] : NULL;
}

const struct bridge_driver *bridge_driver_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(drivers); i++) {
        if (strcmp(drivers[i]->name, name) == 0)
            return drivers[i];
    }
    return NULL;
}

static const struct hook_form *form_of(const struct bridge_driver *driver, struct str body)
{
    if (driver)
        return driver->hooks;
    for (size_t i = 0; i < ARRAY_LEN(drivers); i++) {
        if (drivers[i]->hooks && hook_is_own(drivers[i]->hooks, body))
            return drivers[i]->hooks;
    }
    return NULL;
}

static int read_one(const struct hook_form *form, const struct webhook_request *req, struct str bridge_name,
                    struct webhook *ret)
{
    return form ? hook_read(form, req, bridge_name, ret) : webhook_read(req, bridge_name, ret);
}

int bridge_read_webhooks(const struct bridge_driver *driver, const struct webhook_request *req,
                         struct str bridge_name,
                         int (*on_event)(void *ctx, const struct webhook *w, struct str body), void *ctx)
{
    const struct hook_form *form = form_of(driver, req->body);
    struct webhook w;
    int r;

    if (form && form->split)
        return form->split(req, bridge_name, on_event, ctx);
    r = read_one(form, req, bridge_name, &w);
    return r ? r : on_event(ctx, &w, req->body);
}

/* More than any answer of a reader. */
#define FOUND 1000

static int on_first(void *ctx, const struct webhook *w, struct str body)
{
    *(struct webhook *)ctx = *w;
    return FOUND;
}

int bridge_read_webhook(const struct bridge_driver *driver, const struct webhook_request *req,
                        struct str bridge_name, struct webhook *ret)
{
    const struct hook_form *form = form_of(driver, req->body);
    int r;

    if (!form || !form->split)
        return read_one(form, req, bridge_name, ret);
    r = form->split(req, bridge_name, on_first, ret);
    return r == FOUND ? 0 : r;
}
