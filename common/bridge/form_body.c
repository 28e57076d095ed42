#include "common/bridge/form_body.h"

#include <errno.h>
#include <string.h>

#include "common/base/json_in.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/base/percent.h"

/* Undoes %41 and '+'. */
static int add_decoded(struct str s, struct buf *out)
{
    CLEANUP(mem_freep) char *plain = mem_alloc(s.n + 1);
    size_t n;

    if (!plain)
        return -ENOMEM;
    if (percent_decode(s, PERCENT_PLUS_IS_SPACE, plain, s.n, &n))
        return FORM_NOT_ONE;
    return buf_add(out, plain, n);
}

static int put_field(struct str form, const char *name, struct json_out *j)
{
    CLEANUP(buf_fini) struct buf text = BUF_INIT(form.n + 1);
    struct str value = percent_field(form, name);
    int r = value.p ? add_decoded(value, &text) : 0;

    if (r == 0 && value.p)
        json_text(j, name, (struct str){ buf_str(&text), text.len });
    return r;
}

/* Without the brackets; FORM_NOT_ONE: no JSON object. */
static int inside(struct str json, struct str *ret)
{
    static const struct json_path whole = { 0, { NULL } };
    struct json_value v;

    if (json_in_find(json, &whole, 1, &v) || v.kind != JSON_IN_OBJECT || v.raw.n < 2)
        return FORM_NOT_ONE;
    *ret = (struct str){ v.raw.p + 1, v.raw.n - 2 };
    return 0;
}

int form_body_to_json(struct str form, struct buf *ret)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(form.n + 1);
    struct json_out j = JSON_OUT(ret);
    struct str data = percent_field(form, "jsonData"), fields;
    int r = data.p ? add_decoded(data, &json) : FORM_NOT_ONE;

    if (r == 0)
        r = inside((struct str){ buf_str(&json), json.len }, &fields);
    if (r)
        return r;
    json_open(&j, NULL, '{');
    r = put_field(form, "userID", &j);
    if (r == 0)
        r = put_field(form, "instanceName", &j);
    if (r)
        return r;
    if (j.comma && memchr(fields.p, '"', fields.n)) /* an object with a key */
        (void)buf_adds(ret, ",");
    (void)buf_add(ret, fields.p, fields.n);
    (void)buf_adds(ret, "}");
    return buf_error(ret);
}
