/*
 * One table of the fields drives both directions; msgpack-c packs, and unpacks without copying texts.
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
 * msgpack-c makes room for as many elements as a container claims to have: five bytes can ask for 256 GiB.
 * So the shape is walked first, with nothing allocated: every length has to fit into the bytes that are
 * there.
 */

/* Nesting in values of keys that we do not know; ours do not nest. */
#define DEPTH_MAX 16

struct walk {
    const uint8_t *p, *end;
};

static int take_length(struct walk *w, size_t width, uint64_t *ret)
{
    uint64_t n = 0;

    if ((size_t)(w->end - w->p) < width)
        return -EBADMSG;
    for (size_t i = 0; i < width; i++)
        n = n << 8 | *w->p++;
    *ret = n;
    return 0;
}

/* What follows a first byte of 0xc0 to 0xdf: the width of a length, bytes beside it, elements per length. */
static const struct shape {
    uint8_t length_width, extra, per_length; /* per_length 0: the length counts bytes */
} shapes[0x20] = {
    [0x04] = { 1, 0, 0 }, [0x05] = { 2, 0, 0 },  [0x06] = { 4, 0, 0 },                       /* bin */
    [0x07] = { 1, 1, 0 }, [0x08] = { 2, 1, 0 },  [0x09] = { 4, 1, 0 },                       /* ext */
    [0x0a] = { 0, 4, 0 }, [0x0b] = { 0, 8, 0 },                                              /* floats */
    [0x0c] = { 0, 1, 0 }, [0x0d] = { 0, 2, 0 },  [0x0e] = { 0, 4, 0 }, [0x0f] = { 0, 8, 0 }, /* unsigned */
    [0x10] = { 0, 1, 0 }, [0x11] = { 0, 2, 0 },  [0x12] = { 0, 4, 0 }, [0x13] = { 0, 8, 0 }, /* signed */
    [0x14] = { 0, 2, 0 }, [0x15] = { 0, 3, 0 },  [0x16] = { 0, 5, 0 },                       /* fixext */
    [0x17] = { 0, 9, 0 }, [0x18] = { 0, 17, 0 }, [0x19] = { 1, 0, 0 }, [0x1a] = { 2, 0, 0 },
    [0x1b] = { 4, 0, 0 },                       /* str */
    [0x1c] = { 2, 0, 1 }, [0x1d] = { 4, 0, 1 }, /* array */
    [0x1e] = { 2, 0, 2 }, [0x1f] = { 4, 0, 2 }, /* map */
};

/* Reads one first byte: how many bytes follow it and how many elements are inside. */
static int walk_head(struct walk *w, uint64_t *ret_bytes, uint64_t *ret_elements)
{
    uint8_t first = *w->p++;
    uint64_t length = 0;
    const struct shape *s;
    int r;

    *ret_bytes = *ret_elements = 0;
    if (first < 0x80 || first >= 0xe0)
        return 0; /* a small number */
    if (first < 0xa0) {
        *ret_elements = (uint64_t)(first & 15) * (first < 0x90 ? 2 : 1);
        return 0;
    }
    if (first < 0xc0) {
        *ret_bytes = first & 31;
        return 0;
    }
    s = &shapes[first - 0xc0];
    r = take_length(w, s->length_width, &length);
    *ret_bytes = s->extra + (s->per_length ? 0 : length);
    *ret_elements = length * s->per_length;
    return r;
}

static int walk_value(struct walk *w, int depth)
{
    uint64_t bytes, elements;

    if (w->p == w->end || depth > DEPTH_MAX || walk_head(w, &bytes, &elements) != 0 ||
        bytes > (uint64_t)(w->end - w->p) || elements > (uint64_t)(w->end - w->p) - bytes)
        return -EBADMSG;
    w->p += bytes;
    for (; elements > 0; elements--) {
        if (walk_value(w, depth + 1) != 0)
            return -EBADMSG;
    }
    return 0;
}

static const struct field *find_field(const msgpack_object_str *key)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (str_eq((struct str){ key->ptr, key->size }, fields[i].name))
            return &fields[i];
    }
    return NULL;
}

static int read_int(const msgpack_object *o, int64_t *ret)
{
    if (o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
        *ret = o->via.i64;
    else if (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER && o->via.u64 <= INT64_MAX)
        *ret = (int64_t)o->via.u64;
    else
        return -EBADMSG;
    return 0;
}

static int read_field(const msgpack_object_kv *kv, struct message *m)
{
    const struct field *f;
    void *at;

    if (kv->key.type != MSGPACK_OBJECT_STR)
        return -EBADMSG;
    f = find_field(&kv->key.via.str);
    if (!f)
        return 0;
    at = (char *)m + f->at;
    if (f->kind == KIND_INT)
        return read_int(&kv->val, at);
    if (kv->val.type != (f->kind == KIND_STR ? MSGPACK_OBJECT_STR : MSGPACK_OBJECT_BIN))
        return -EBADMSG;
    *(struct str *)at = (struct str){ kv->val.via.bin.ptr ? kv->val.via.bin.ptr : "", kv->val.via.bin.size };
    return 0;
}

static int read_map(const msgpack_object *o, struct message *ret)
{
    struct message m;
    int r = 0;

    if (o->type != MSGPACK_OBJECT_MAP)
        return -EBADMSG;
    message_init(&m);
    m.v = MESSAGE_UNSET;
    for (uint32_t i = 0; i < o->via.map.size && r == 0; i++)
        r = read_field(&o->via.map.ptr[i], &m);
    if (r == 0 && m.v != MESSAGE_VERSION)
        r = -EBADMSG;
    if (r == 0)
        *ret = m;
    return r;
}

int message_decode(struct str bytes, struct message *ret)
{
    const char *nul = bytes.n ? memchr(bytes.p, '\0', bytes.n) : NULL;
    size_t at = nul ? (size_t)(nul - bytes.p) + 1 : 0;
    struct walk walk = { (const uint8_t *)bytes.p + at, (const uint8_t *)bytes.p + bytes.n };
    msgpack_unpacked unpacked;
    int r = -EBADMSG;

    if (!nul || walk_value(&walk, 0) != 0 || walk.p != walk.end)
        return -EBADMSG;
    msgpack_unpacked_init(&unpacked);
    if (msgpack_unpack_next(&unpacked, bytes.p, bytes.n, &at) == MSGPACK_UNPACK_SUCCESS && at == bytes.n)
        r = read_map(&unpacked.data, ret);
    msgpack_unpacked_destroy(&unpacked);
    return r;
}
