/*
 * Answers, from the data of a driver: its own verdict first, then the HTTP status, then the body.
 */
#include <stdio.h>

#include "common/base/json_in.h"
#include "common/base/mem.h"
#include "common/bridge/answer.h"

static int status_of(const struct bridge_driver *d, enum bridge_op op, const struct bridge_answer *a)
{
    int r = d->kind ? d->kind(op, a) : 0;

    return r ? r : answer_status_of_session(a);
}

/* Of the bridge as a whole: a 404 is about the call. */
static int status_of_bridge(const struct bridge_driver *d, enum bridge_op op, const struct bridge_answer *a)
{
    int r = d->kind ? d->kind(op, a) : 0;

    return r ? r : answer_status(a);
}

static bool refuses(const struct bridge_driver *d, const struct bridge_answer *a)
{
    return answer_error(a, !d->form->status_is_state);
}

/* -- lists -- */

static int find_list(const struct bridge_driver *d, const struct bridge_answer *a, enum bridge_op op,
                     struct json_value *ret)
{
    static const struct json_path whole[] = { { 0, { NULL } } };
    const struct json_path *paths = d->list_at ? d->list_at : whole;
    int n = d->list_at ? d->list_paths : 1, r = status_of_bridge(d, op, a);

    if (r)
        return r;
    r = answer_find_list(a, paths, n, ret);
    if (ret->kind != JSON_IN_ARRAY)
        return r == BRIDGE_REFUSED ? BRIDGE_REFUSED : BRIDGE_GARBAGE;
    return r;
}

struct wanted {
    const struct bridge_driver *driver;
    int (*on_session)(void *ctx, const struct bridge_session *s);
    void *ctx;
};

static int on_entry(void *ctx, const struct bridge_session *s)
{
    const struct wanted *w = ctx;

    if (w->driver->is_phantom && w->driver->is_phantom(s))
        return 0;
    return w->on_session(w->ctx, s);
}

int bridge_read_list(const struct bridge_driver *d, const struct bridge_answer *a,
                     int (*on_session)(void *ctx, const struct bridge_session *s), void *ctx,
                     int *ret_skipped)
{
    struct wanted w = { d, on_session, ctx };
    struct json_value list;
    int r;

    if (d->read_list)
        return d->read_list(a, on_session, ctx, ret_skipped);
    r = find_list(d, a, BRIDGE_LIST, &list);
    return r ? r : answer_each(d->form, list, on_entry, &w, ret_skipped);
}

/* -- health -- */

static bool has_field(struct str body, const char *name)
{
    const struct json_path path = { 0, { name } };
    struct json_value v;

    return json_in_find(body, &path, 1, &v) == 0 && v.kind != JSON_IN_ABSENT && v.kind != JSON_IN_NULL;
}

int bridge_read_health(const struct bridge_driver *d, const struct bridge_answer *a)
{
    struct json_value list;
    int r;

    if (d->health_is_list)
        return find_list(d, a, BRIDGE_HEALTH, &list);
    r = status_of_bridge(d, BRIDGE_HEALTH, a);
    if (r)
        return r;
    if (d->health_field)
        return has_field(a->body, d->health_field) ? 0 : BRIDGE_GARBAGE;
    return answer_read_health(a);
}

/* -- one session -- */

int bridge_read_status(const struct bridge_driver *d, const struct bridge_answer *a, const char *id,
                       struct bridge_session *ret)
{
    struct bridge_session s;
    int r = d->ops[BRIDGE_STATUS].method ? status_of(d, BRIDGE_STATUS, a) : BRIDGE_NO_ROUTE;

    if (r == 0)
        r = answer_session(d->form, a->body, SESSION_UNKNOWN, &s, NULL);
    if (r)
        return r;
    (void)snprintf(s.id, sizeof s.id, "%s", id);
    *ret = s;
    return 0;
}

/* A code shows that a scan is waited for, unless the session is in another state. @r: the answer's status. */
static int read_with_qr(const struct bridge_driver *d, int r, const struct bridge_answer *a,
                        struct bridge_session *ret, struct buf *ret_qr)
{
    CLEANUP(buf_fini) struct buf qr = BUF_NULL;
    struct bridge_session s;

    if (r == 0)
        r = answer_session(d->form, a->body, SESSION_STARTING, &s, &qr);
    if (r)
        return r;
    if (qr.len > 0 && s.state == SESSION_STARTING)
        s.state = SESSION_QR_PENDING;
    answer_move_qr(&s, &qr, ret_qr);
    *ret = s;
    return 0;
}

int bridge_read_create(const struct bridge_driver *d, const struct bridge_answer *a,
                       struct bridge_created *ret)
{
    if (d->read_create)
        return d->read_create(a, ret);
    return read_with_qr(d, status_of_bridge(d, BRIDGE_CREATE, a), a, &ret->session, &ret->qr);
}

int bridge_read_phone_code(const struct bridge_driver *d, const struct bridge_answer *a,
                           char ret[BRIDGE_PHONE_CODE_MAX])
{
    struct json_value code;
    int r = status_of(d, BRIDGE_QR, a);

    if (r)
        return r;
    if (json_in_find(a->body, d->phone_code->code, 1, &code))
        return BRIDGE_GARBAGE;
    (void)json_in_text(code, ret, BRIDGE_PHONE_CODE_MAX);
    return ret[0] ? 0 : BRIDGE_REFUSED;
}

int bridge_read_qr(const struct bridge_driver *d, const struct bridge_answer *a, struct buf *ret_qr,
                   struct bridge_session *ret)
{
    if (d->read_qr)
        return d->read_qr(a, ret_qr, ret);
    return read_with_qr(d, status_of(d, BRIDGE_QR, a), a, ret, ret_qr);
}

/* -- orders -- */

int bridge_read_delete(const struct bridge_driver *d, const struct bridge_answer *a)
{
    int r = status_of(d, BRIDGE_DELETE, a);

    if (r)
        return r;
    return refuses(d, a) ? BRIDGE_REFUSED : 0;
}

int bridge_read_step(const struct bridge_driver *d, enum bridge_op op, const struct bridge_answer *a)
{
    int r = status_of(d, op, a);

    if (r)
        return r;
    if (a->body.n && !answer_is_json(a))
        return BRIDGE_GARBAGE;
    return refuses(d, a) ? BRIDGE_REFUSED : 0;
}

/* -- the bridge itself -- */

char *bridge_read_version(const struct bridge_driver *d, const struct bridge_answer *a, char *ret, size_t n)
{
    const struct json_path path = { 0, { d->version_key } };
    struct json_value v;

    ret[0] = '\0';
    if (d->version_key && answer_status(a) == 0 && json_in_find(a->body, &path, 1, &v) == 0)
        json_in_text(v, ret, n);
    return ret;
}

int64_t bridge_version_age_ms(const struct bridge_driver *d, const char *version, int64_t now_wall)
{
    char date[16];
    int year, month;
    int64_t at;

    if (!d->version_is_date || sscanf(version, "%4d.%2d", &year, &month) != 2)
        return -1;
    (void)snprintf(date, sizeof date, "%04d-%02d-01", year, month);
    return text_to_time_ms(date, &at) == 0 && at <= now_wall ? now_wall - at : -1;
}

int bridge_read_reconnect(const struct bridge_driver *d, const struct bridge_answer *a)
{
    int r = d->ops[BRIDGE_RECONNECT].method ? bridge_read_step(d, BRIDGE_RECONNECT, a) : BRIDGE_NO_ROUTE;

    return r == 0 && d->read_reconnect ? d->read_reconnect(a) : r;
}
