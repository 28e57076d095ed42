#include "common/bridge/form_body.h"

#include <errno.h>
#include <string.h>

#include "common/base/hex.h"
#include "common/base/json_in.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"

/* Undoes %41 and '+'. */
static int add_decoded(struct str s, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        uint8_t byte = (uint8_t)(s.p[i] == '+' ? ' ' : s.p[i]);

        if (byte == '%') {
            if (s.n - i < 3 || hex_decode((struct str){ s.p + i + 1, 2 }, &byte, 1))
                return FORM_NOT_ONE;
            i += 2;
        }
        (void)buf_add(out, &byte, 1);
    }
    return buf_error(out);
}

/* The field's value as it is; STR_NULL: there is none. */
static struct str field(struct str form, const char *name)
{
    size_t n_name = strlen(name);

    while (form.n) {
        const char *amp = memchr(form.p, '&', form.n);
        size_t n = amp ? (size_t)(amp - form.p) : form.n;

        if (n > n_name && form.p[n_name] == '=' && memcmp(form.p, name, n_name) == 0)
            return (struct str){ form.p + n_name + 1, n - n_name - 1 };
        form.p += amp ? n + 1 : n;
        form.n -= amp ? n + 1 : n;
    }
    return STR_NULL;
}

static int put_field(struct str form, const char *name, struct json_out *j)
{
    CLEANUP(buf_fini) struct buf text = BUF_INIT(form.n + 1);
    struct str value = field(form, name);
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
    struct str data = field(form, "jsonData"), fields;
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
