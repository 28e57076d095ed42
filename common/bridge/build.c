/*
 * Requests, from the data of a driver.
 */
#include <errno.h>

#include "common/base/json_out.h"
#include "common/bridge/driver.h"
#include "common/bridge/request.h"

static bool names_a_session(enum bridge_op op)
{
    return op != BRIDGE_HEALTH && op != BRIDGE_LIST;
}

static int check_id(const struct bridge_driver *d, enum bridge_op op, const char *id)
{
    if (!names_a_session(op))
        return 0;
    if (!id || !session_id_is_valid(str_from(id)))
        return -EINVAL;
    if (d->may_name && !d->may_name(op, id))
        return -EINVAL;
    return 0;
}

int bridge_build(const struct bridge_driver *d, enum bridge_op op, const struct bridge_target *t,
                 const char *id, struct bridge_request *ret)
{
    const struct bridge_path *p = &d->ops[op];
    int r = p->method ? check_id(d, op, id) : -ENOTSUP;

    if (r)
        return r;
    return request_build(d->key_header, t, p->method, p->path, names_a_session(op) ? id : NULL, ret);
}

int bridge_build_create(const struct bridge_driver *d, const struct bridge_target *t, const char *id,
                        const char *webhook_url, struct bridge_request *ret)
{
    const struct bridge_path *p = &d->ops[BRIDGE_CREATE];
    struct buf body = BUF_INIT(REQUEST_BODY_MAX);
    struct json_out j = JSON_OUT(&body);
    int r = p->method ? check_id(d, BRIDGE_CREATE, id) : -ENOTSUP;

    if (r)
        return r;
    if (!d->put_create)
        return request_build(d->key_header, t, p->method, p->path, id, ret);
    json_open(&j, NULL, '{');
    d->put_create(&j, id, webhook_url && *webhook_url ? webhook_url : NULL);
    json_close(&j, '}');
    return request_build_json(d->key_header, t, p->method, p->path, id, &body, ret);
}

int bridge_build_reconnect_closed(const struct bridge_driver *d, const struct bridge_target *t,
                                  const char *id, struct bridge_request *ret)
{
    const struct bridge_path *p = &d->reconnect_closed;

    return p->method ? request_build(d->key_header, t, p->method, p->path, id, ret) : -ENOTSUP;
}
