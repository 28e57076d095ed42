/*
 * Requests, from the data of a driver.
 */
#include <errno.h>
#include <string.h>

#include "common/base/json_out.h"
#include "common/bridge/driver.h"
#include "common/bridge/request.h"
#include "common/bridge/subscription.h"

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

int bridge_build_path(const struct bridge_driver *d, const struct bridge_path *path,
                      const struct bridge_target *t, const char *id, struct buf *body,
                      struct bridge_request *ret)
{
    struct buf none = BUF_NULL;
    char made[BRIDGE_KEY_MAX] = "";
    const char *key = t->api_key ? t->api_key : "";
    int r = 0;

    if (strpbrk(key, "\r\n"))
        r = -EINVAL;
    else if (*key && d->make_key) {
        r = d->make_key(key, id, made);
        key = made;
    }
    if (r == 0)
        r = request_build_json(d->key_header, key, t, path->method, path->path, id, body ? body : &none, ret);
    if (body)
        buf_fini(body);
    explicit_bzero(made, sizeof made);
    return r;
}

int bridge_build(const struct bridge_driver *d, enum bridge_op op, const struct bridge_target *t,
                 const char *id, struct bridge_request *ret)
{
    int r = d->ops[op].method ? check_id(d, op, id) : -ENOTSUP;

    return r ? r : bridge_build_path(d, &d->ops[op], t, names_a_session(op) ? id : NULL, NULL, ret);
}

int bridge_build_create(const struct bridge_driver *d, const struct bridge_target *t, const char *id,
                        const struct subscription_want *hook, const char *phone, struct bridge_request *ret)
{
    const struct bridge_path *path = &d->ops[BRIDGE_CREATE];
    struct buf body = BUF_INIT(REQUEST_BODY_MAX);
    struct json_out j = JSON_OUT(&body);
    int r = path->method ? check_id(d, BRIDGE_CREATE, id) : -ENOTSUP;

    if (r)
        return r;
    json_open(&j, NULL, '{');
    if (d->put_create)
        d->put_create(&j, t, id, hook && *hook->url ? hook : NULL);
    if (phone && d->phone_code && d->phone_code->create_field)
        json_texts(&j, d->phone_code->create_field, phone);
    json_close(&j, '}');
    return bridge_build_path(d, path, t, id, &body, ret);
}

int bridge_build_phone_code(const struct bridge_driver *d, const struct bridge_target *t, const char *id,
                            const char *phone, const struct bridge_answer *shown, struct bridge_request *ret)
{
    const struct bridge_phone_code *p = d->phone_code;
    struct buf body = BUF_INIT(REQUEST_BODY_MAX);
    struct json_out j = JSON_OUT(&body);
    int r = p ? check_id(d, BRIDGE_QR, id) : -ENOTSUP;

    if (r)
        return r;
    if (p->first.method)
        return shown ? p->build(t, shown, id, phone, ret)
                     : bridge_build_path(d, &p->first, t, NULL, NULL, ret);
    if (p->field) {
        json_open(&j, NULL, '{');
        json_texts(&j, p->field, phone);
        json_close(&j, '}');
    }
    r = bridge_build_path(d, &p->path, t, id, &body, ret);
    return r == 0 && !p->field ? buf_adds(&ret->url, phone) : r;
}

int bridge_next(const struct bridge_driver *d, const struct bridge_target *t, struct bridge_procedure *p,
                struct bridge_request *ret)
{
    int r;

    p->pause_ms = 0;
    r = d->next ? d->next(d, t, p, ret) : -ENOTSUP;
    if (r == 0)
        p->step++;
    return r;
}
