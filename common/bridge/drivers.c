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

int bridge_read_webhook(const struct bridge_driver *driver, const struct webhook_request *req,
                        struct str bridge_name, struct webhook *ret)
{
    const struct hook_form *form = driver ? driver->hooks : NULL;

    for (size_t i = 0; !driver && !form && i < ARRAY_LEN(drivers); i++) {
        if (drivers[i]->hooks && hook_is_own(drivers[i]->hooks, req->body))
            form = drivers[i]->hooks;
    }
    return form ? hook_read(form, req, bridge_name, ret) : webhook_read(req, bridge_name, ret);
}
