/*
 * One table of the fields drives both directions. msgpack-c packs; messages of others are read here, without
 * copying texts.
 */
#include "proto/message.h"

#include <errno.h>
#include <msgpack.h>
#include <string.h>

#include "common/base/mem.h"

enum field_kind { KIND_STR, KIND_BIN, KIND_INT };

struct field {
    const char *name;
    enum field_kind kind;
    size_t at;
};

static const struct field fields[] = {
#define X(kind, name) { #name, KIND_##kind, offsetof(struct message, name) },
    MESSAGE_FIELDS(X)
#undef X
};

void message_init(struct message *ret)
{
    memset(ret, 0, sizeof *ret);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (fields[i].kind == KIND_INT)
            *(int64_t *)((char *)ret + fields[i].at) = MESSAGE_UNSET;
    }
    ret->v = MESSAGE_VERSION;
}

static bool is_set(const struct message *m, const struct field *f)
{
    const void *at = (const char *)m + f->at;

    return f->kind == KIND_INT ? *(const int64_t *)at != MESSAGE_UNSET : ((const struct str *)at)->p != NULL;
}

/* ---- encoding -------------------------------------------------------------------------------- */

static int write_buf(void *data, const char *bytes, size_t n)
{
    return buf_add(data, bytes, n) == 0 ? 0 : -1;
}

static void pack_field(msgpack_packer *pk, const struct message *m, const struct field *f)
{
    const void *at = (const char *)m + f->at;
    const struct str *text = at;

    (void)msgpack_pack_str_with_body(pk, f->name, strlen(f->name));
    if (f->kind == KIND_INT)
        (void)msgpack_pack_int64(pk, *(const int64_t *)at);
    else if (f->kind == KIND_STR)
        (void)msgpack_pack_str_with_body(pk, text->p, text->n);
    else
        (void)msgpack_pack_bin_with_body(pk, text->p, text->n);
}

/* Keys that every message has, also when they say nothing. */
static struct message with_common(const struct message *m)
{
    struct message all = *m;

    if (!all.bridge.p)
        all.bridge = STR_LIT("");
    if (!all.session.p)
        all.session = STR_LIT("");
    return all;
}

int message_encode(const struct message *m, struct buf *out)
{
    const struct message all = with_common(m);
    char type[TOPIC_MAX], topic[TOPIC_MAX];
    msgpack_packer pk;
    size_t n = 0;
    int r;

    if (m->type.n >= sizeof type)
        return -EMSGSIZE;
    memcpy(type, m->type.p, m->type.n);
    type[m->type.n] = '\0';
    r = topic_format(type, m->bridge, m->session, topic);
    if (r != 0)
        return r;
    (void)buf_add(out, topic, strlen(topic) + 1);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        n += is_set(&all, &fields[i]);
    msgpack_packer_init(&pk, out, write_buf);
    (void)msgpack_pack_map(&pk, n);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (is_set(&all, &fields[i]))
            pack_field(&pk, &all, &fields[i]);
    }
    return buf_error(out);
}

/* ---- decoding -------------------------------------------------------------------------------- */

/*
 * msgpack-c makes room for as many elements as a container claims to have: five bytes can ask for 256 GiB. A
 * message is one flat map, so it is read here, with nothing allocated: every length has to fit into the bytes
 * that are there.
 */

/* Nesting in values of keys that we do not know; ours do not nest. */
#define DEPTH_MAX 16

struct cursor {
    const uint8_t *p, *end;
};

enum head_kind { HEAD_INVALID, HEAD_INT, HEAD_UINT, HEAD_STR, HEAD_BIN, HEAD_OTHER, HEAD_ARRAY, HEAD_MAP };

/* The first byte of a value, and the number behind it. */
struct head {
    enum head_kind kind;
    uint64_t n; /* INT, UINT: the value; ARRAY, MAP: elements (a pair is two); else: bytes that follow */
};

/* First bytes from 0xc0 to 0xdf: the kind, the width of the number, bytes that follow beside it. */
static const struct head_row {
    uint8_t kind, width, extra;
} head_rows[0x20] = {
    [0x00] = { HEAD_OTHER, 0, 0 }, [0x02] = { HEAD_OTHER, 0, 0 },
    [0x03] = { HEAD_OTHER, 0, 0 }, /* nil, false, true */
    [0x04] = { HEAD_BIN, 1, 0 },   [0x05] = { HEAD_BIN, 2, 0 },
    [0x06] = { HEAD_BIN, 4, 0 },   [0x07] = { HEAD_OTHER, 1, 1 },
    [0x08] = { HEAD_OTHER, 2, 1 }, [0x09] = { HEAD_OTHER, 4, 1 }, /* ext */
    [0x0a] = { HEAD_OTHER, 0, 4 }, [0x0b] = { HEAD_OTHER, 0, 8 }, /* floats */
    [0x0c] = { HEAD_UINT, 1, 0 },  [0x0d] = { HEAD_UINT, 2, 0 },
    [0x0e] = { HEAD_UINT, 4, 0 },  [0x0f] = { HEAD_UINT, 8, 0 },
    [0x10] = { HEAD_INT, 1, 0 },   [0x11] = { HEAD_INT, 2, 0 },
    [0x12] = { HEAD_INT, 4, 0 },   [0x13] = { HEAD_INT, 8, 0 },
    [0x14] = { HEAD_OTHER, 0, 2 }, /* fixext */
    [0x15] = { HEAD_OTHER, 0, 3 }, [0x16] = { HEAD_OTHER, 0, 5 },
    [0x17] = { HEAD_OTHER, 0, 9 }, [0x18] = { HEAD_OTHER, 0, 17 },
    [0x19] = { HEAD_STR, 1, 0 },   [0x1a] = { HEAD_STR, 2, 0 },
    [0x1b] = { HEAD_STR, 4, 0 },   [0x1c] = { HEAD_ARRAY, 2, 0 },
    [0x1d] = { HEAD_ARRAY, 4, 0 }, [0x1e] = { HEAD_MAP, 2, 0 },
    [0x1f] = { HEAD_MAP, 4, 0 },
};

static int read_number(struct cursor *c, size_t width, bool is_signed, uint64_t *ret)
{
    uint64_t n;

    if ((size_t)(c->end - c->p) < width)
        return -EBADMSG;
    n = is_signed && width > 0 && (*c->p & 0x80) ? UINT64_MAX : 0;
    for (size_t i = 0; i < width; i++)
        n = n << 8 | *c->p++;
    *ret = n;
    return 0;
}

/* Each element takes a byte at least, and the bytes that follow are there: no length can claim more than has
 * come. */
static int check_fits(const struct cursor *c, const struct head *h)
{
    bool counts = h->kind != HEAD_INT && h->kind != HEAD_UINT;

    return counts && h->n > (uint64_t)(c->end - c->p) ? -EBADMSG : 0;
}

static int read_head(struct cursor *c, struct head *ret)
{
    const struct head_row *row;
    uint8_t first;
    int r;

    if (c->p == c->end)
        return -EBADMSG;
    first = *c->p++;
    if (first < 0x80 || first >= 0xe0)
        *ret = (struct head){ HEAD_INT, (uint64_t)(int64_t)(int8_t)first };
    else if (first < 0x90)
        *ret = (struct head){ HEAD_MAP, 2 * (uint64_t)(first & 15) };
    else if (first < 0xa0)
        *ret = (struct head){ HEAD_ARRAY, first & 15 };
    else if (first < 0xc0)
        *ret = (struct head){ HEAD_STR, first & 31 };
    if (first < 0xc0 || first >= 0xe0)
        return check_fits(c, ret);
    row = &head_rows[first - 0xc0];
    if (row->kind == HEAD_INVALID)
        return -EBADMSG;
    ret->kind = row->kind;
    r = read_number(c, row->width, row->kind == HEAD_INT, &ret->n);
    if (r != 0)
        return r;
    if (row->kind == HEAD_MAP)
        ret->n *= 2;
    ret->n += row->extra;
    return check_fits(c, ret);
}

/* Skips the rest of a value of any kind. */
static int skip_rest(struct cursor *c, const struct head *h, int depth)
{
    struct head inner;
    int r = depth > DEPTH_MAX ? -EBADMSG : 0;

    if (h->kind == HEAD_STR || h->kind == HEAD_BIN || h->kind == HEAD_OTHER)
        c->p += h->n;
    if (h->kind != HEAD_ARRAY && h->kind != HEAD_MAP)
        return r;
    for (uint64_t i = 0; i < h->n && r == 0; i++) {
        r = read_head(c, &inner);
        if (r == 0)
            r = skip_rest(c, &inner, depth + 1);
    }
    return r;
}

static const struct field *find_field(struct str key)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (str_eq(key, fields[i].name))
            return &fields[i];
    }
    return NULL;
}

/* The value of a known key: of its kind, or the message is none. */
static int read_value(struct cursor *c, const struct field *f, struct message *m)
{
    void *at = (char *)m + f->at;
    struct head h;
    int r = read_head(c, &h);

    if (r != 0)
        return r;
    if (f->kind == KIND_INT) {
        if (h.kind != HEAD_INT && !(h.kind == HEAD_UINT && h.n <= INT64_MAX))
            return -EBADMSG;
        *(int64_t *)at = (int64_t)h.n;
        return 0;
    }
    if (h.kind != (f->kind == KIND_STR ? HEAD_STR : HEAD_BIN))
        return -EBADMSG;
    *(struct str *)at = (struct str){ (const char *)c->p, h.n };
    c->p += h.n;
    return 0;
}

static int read_pair(struct cursor *c, struct message *m)
{
    const struct field *f;
    struct head h;
    int r = read_head(c, &h);

    if (r != 0 || h.kind != HEAD_STR)
        return -EBADMSG;
    f = find_field((struct str){ (const char *)c->p, h.n });
    c->p += h.n;
    if (f)
        return read_value(c, f, m);
    r = read_head(c, &h);
    return r == 0 ? skip_rest(c, &h, 1) : r;
}

int message_decode(struct str bytes, struct message *ret)
{
    const char *nul = bytes.n ? memchr(bytes.p, '\0', bytes.n) : NULL;
    struct cursor c = { (const uint8_t *)(nul ? nul + 1 : NULL), (const uint8_t *)bytes.p + bytes.n };
    struct head map;
    struct message m;
    int r = nul ? read_head(&c, &map) : -EBADMSG;

    if (r != 0 || map.kind != HEAD_MAP)
        return -EBADMSG;
    message_init(&m);
    m.v = MESSAGE_UNSET;
    for (uint64_t i = 0; i < map.n && r == 0; i += 2)
        r = read_pair(&c, &m);
    if (r != 0 || c.p != c.end || m.v != MESSAGE_VERSION)
        return -EBADMSG;
    *ret = m;
    return 0;
}
