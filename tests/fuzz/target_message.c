/* Messages from the bus: a message that is read can be written, and comes back the same. */
#include <errno.h>
#include <string.h>

#include "common/base/mem.h"
#include "proto/message.h"
#include "tests/fuzz/input.h"

static bool same(struct str a, struct str b)
{
    if (!a.p || !b.p)
        return a.p == b.p;
    return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

static void must_be_same(const struct message *a, const struct message *b)
{
#define STR(name)     MUST(same(a->name, b->name));
#define BIN(name)     STR(name)
#define INT(name)     MUST(a->name == b->name);
#define X(kind, name) kind(name)
    MESSAGE_FIELDS(X)
#undef X
#undef INT
#undef BIN
#undef STR
}

/* Texts point into the bytes they were read from. */
static void must_point_into(struct str bytes, struct str text)
{
    MUST(text.n == 0 || (text.p >= bytes.p && text.p + text.n <= bytes.p + bytes.n));
}

/* A written message has all the common keys, for any input. */
static struct message with_common(const struct message *m)
{
    struct message all = *m;

    all.bridge.p = all.bridge.p ? all.bridge.p : "";
    all.session.p = all.session.p ? all.session.p : "";
    return all;
}

static void write_and_read(const struct message *m)
{
    CLEANUP(buf_fini) struct buf first = BUF_INIT(MESSAGE_BYTES_MAX);
    CLEANUP(buf_fini) struct buf second = BUF_INIT(MESSAGE_BYTES_MAX);
    const struct message all = with_common(m);
    struct message again;
    int r = message_encode(m, &first);

    MUST(r == 0 || r == -EMSGSIZE);
    if (r != 0)
        return;
    MUST(message_decode((struct str){ first.data, first.len }, &again) == 0);
    must_be_same(&all, &again);
    MUST(message_encode(&again, &second) == 0);
    MUST(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct str bytes = { (const char *)data, n };
    struct message m, before;
    int r;

    memset(&m, 0x5a, sizeof m);
    before = m;
    r = message_decode(bytes, &m);
    MUST(r == 0 || r == -EBADMSG);
    if (r != 0) {
        MUST(input_same(&m, &before, sizeof m));
        return 0;
    }
    MUST(m.v == MESSAGE_VERSION);
#define STR(name) must_point_into(bytes, m.name);
#define BIN(name) STR(name)
#define INT(name)
#define X(kind, name) kind(name)
    MESSAGE_FIELDS(X)
#undef X
#undef INT
#undef BIN
#undef STR
    if (m.type.p)
        write_and_read(&m);
    return 0;
}
