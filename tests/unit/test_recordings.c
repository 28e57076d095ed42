/* The drivers waha and evolution against everything that was recorded of the real programs (tests/fixtures/README.md). */
#include "fixture.h"

#include <errno.h>

#include "common/base/mem.h"
#include "common/bridge/detect.h"
#include "common/bridge/drivers.h"
#include "common/bridge/signature.h"

/* -- loading -- */

struct recording {
    char *bytes;
    struct str head, body; /* of the answer or of the webhook */
    int status;            /* of the answer */
};

static struct recording load(const char *path)
{
    struct recording f = { 0 };
    FILE *file = fopen(path, "rb");
    char *at, *gap;
    size_t n;

    if (!file)
        fail_msg("cannot open %s", path);
    f.bytes = calloc(1, 256 * 1024);
    n = fread(f.bytes, 1, 256 * 1024 - 1, file);
    (void)fclose(file);
    at = strstr(f.bytes, "=== response\n");
    at = at ? at + 13 : strchr(f.bytes, '\n') + 1;
    gap = strstr(at, "\n\n");
    assert_non_null(gap);
    f.head = (struct str){ at, (size_t)(gap - at) };
    for (gap += 2; *gap == '\n'; gap++)
        ;
    f.body = (struct str){ gap, n - (size_t)(gap - f.bytes) };
    while (f.body.n > 0 && f.body.p[f.body.n - 1] == '\n')
        f.body.n--;
    if (strncmp(at, "HTTP/1.1 ", 9) == 0)
        f.status = (int)strtol(at + 9, NULL, 10);
    return f;
}

static struct str header(void *ctx, const char *name)
{
    const struct recording *f = ctx;
    size_t n = strlen(name);

    for (const char *p = f->head.p, *end = p + f->head.n; p < end;) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));

        if (!eol)
            eol = end;
        if ((size_t)(eol - p) > n + 2 && strncasecmp(p, name, n) == 0 && p[n] == ':')
            return (struct str){ p + n + 2, (size_t)(eol - p) - n - 2 };
        p = eol + 1;
    }
    return STR_NULL;
}

static struct bridge_answer answer_of(const struct recording *f)
{
    return (struct bridge_answer){ .status = f->status, .body = f->body };
}

/* -- answers -- */

struct expected {
    const char *file;
    char what; /* h health, l list, s status, c create, d delete, r reconnect, q QR code */
    int kind;
    int state; /* of the session (of a list: of shop1), -1: none */
    bool qr;
};

#define CONNECTED    SESSION_CONNECTED
#define STARTING     SESSION_STARTING
#define DISCONNECTED SESSION_DISCONNECTED
#define QR_PENDING   SESSION_QR_PENDING

static const struct expected waha[] = {
    { "04-version", 'h', 0, -1, false },
    { "06-list-no-key", 'l', BRIDGE_UNAUTHORIZED, -1, false },
    { "07-list", 'l', 0, -1, false }, /* "default" alone, which nobody has made */
    { "08-list-running", 'l', 0, -1, false },
    { "09-get-unknown", 's', BRIDGE_NO_SESSION, -1, false },
    { "10-restart-unknown", 'r', BRIDGE_NO_SESSION, -1, false },
    { "11-create", 'c', 0, STARTING, false },
    { "12-create-again", 'c', BRIDGE_CONFLICT, -1, false },
    { "13-create-badname", 'c', BRIDGE_REFUSED, -1, false },
    { "14-get-nonet", 's', 0, STARTING, false },
    { "15-qr-nonet", 'q', 0, STARTING, false },
    { "16-get-nonet-10s", 's', 0, STARTING, false },
    { "19-get-stopped", 's', 0, DISCONNECTED, false },
    { "20-list-all", 'l', 0, DISCONNECTED, false },
    { "22-get-qr", 's', 0, QR_PENDING, false },
    { "23-qr-json", 'q', 0, QR_PENDING, true },
    { "24-qr-raw", 'q', 0, QR_PENDING, true },
    { "27-get-working", 's', 0, CONNECTED, false },
    { "28-list-working", 'l', 0, CONNECTED, false },
    { "30-qr-working", 'q', 0, CONNECTED, false },
    { "31-restart", 'r', 0, -1, false },
    { "32-get-after-restart", 's', 0, STARTING, false },
    { "33-get-working-again", 's', 0, CONNECTED, false },
    { "34-get-428", 's', 0, CONNECTED, false }, /* it says so for two more seconds */
    { "35-get-428-3s", 's', 0, STARTING, false },
    { "36-get-440", 's', 0, STARTING, false },
    { "37-get-403", 's', 0, STARTING, false },
    { "38-get-401", 's', 0, DISCONNECTED, false }, /* FAILED: a restart shows a code */
    { "39-restart-failed", 'r', 0, -1, false },
    { "45-delete", 'd', 0, -1, false },
    { "46-get-deleted", 's', BRIDGE_NO_SESSION, -1, false },
    { "47-delete-again", 'd', 0, -1, false },
    { "50-noroute", 's', BRIDGE_NO_ROUTE, -1, false },
};

static const struct expected evolution[] = {
    { "02-list-empty", 'h', 0, -1, false },
    { "02-list-empty", 'l', 0, -1, false },
    { "03-list-no-key", 'h', BRIDGE_UNAUTHORIZED, -1, false },
    { "04-list-wrong-key", 'l', BRIDGE_UNAUTHORIZED, -1, false },
    { "05-state-unknown", 's', BRIDGE_NO_SESSION, -1, false },
    { "07-restart-unknown", 'r', BRIDGE_NO_SESSION, -1, false },
    { "08-connect-unknown", 'q', BRIDGE_NO_SESSION, -1, false },
    { "09-create-bad", 'c', BRIDGE_REFUSED, -1, false },
    { "10-create-badjson", 'c', BRIDGE_REFUSED, -1, false },
    { "11-create", 'c', 0, DISCONNECTED, false }, /* there was no network */
    { "12-create-again", 'c', BRIDGE_CONFLICT, -1, false },
    { "13-list-one", 'l', 0, DISCONNECTED, false },
    { "14-state-nonet", 's', 0, DISCONNECTED, false },
    { "15-connect-nonet", 'q', 0, STARTING, false },
    { "16-restart-nonet", 'r', 0, -1, false },
    { "18-noroute", 's', BRIDGE_NO_ROUTE, -1, false },
    { "21-create-qr", 'c', 0, QR_PENDING, true },
    { "22-state-qr", 's', 0, STARTING, false },
    { "24-connect-qr-again", 'q', 0, QR_PENDING, true },
    { "25-state-open", 's', 0, CONNECTED, false },
    { "26-list-open", 'l', 0, CONNECTED, false },
    { "27-connect-open", 'q', 0, CONNECTED, false },
    { "29-restart-open", 'r', 0, -1, false },
    { "30-state-after-restart", 's', 0, STARTING, false },
    { "32-state-after-428", 's', 0, STARTING, false },
    { "33-list-after-428", 'l', 0, CONNECTED, false }, /* the lie: this is why has_list is not set */
    { "34-state-after-440", 's', 0, STARTING, false },
    { "35-state-after-403", 's', 0, DISCONNECTED, false },
    { "37-restart-close", 'r', BRIDGE_REFUSED, -1, false }, /* the second step is made … */
    { "39-connect-close", 'r', 0, -1, false },              /* … and taken */
    { "41-connect-qr", 'q', 0, QR_PENDING, true },
    { "42-state-after-401", 's', 0, DISCONNECTED, false },
    { "51-delete", 'd', 0, -1, false },
    { "52-state-deleted", 's', BRIDGE_NO_SESSION, -1, false },
    { "53-list-deleted", 'l', 0, -1, false },
    { "61-v24-list-unlicensed", 'h', BRIDGE_NEEDS_PERSON, -1, false },
    { "61-v24-list-unlicensed", 'l', BRIDGE_NEEDS_PERSON, -1, false },
    { "62-v24-state-unlicensed", 's', BRIDGE_NEEDS_PERSON, -1, false },
    { "63-v24-create-unlicensed", 'c', BRIDGE_NEEDS_PERSON, -1, false },
};

static int on_session(void *ctx, const struct bridge_session *s)
{
    if (strcmp(s->id, "shop1") == 0)
        *(struct bridge_session *)ctx = *s;
    return 0;
}

/* What the reader @what makes of it: the session and the code, if there are any. */
static int read_by(const struct bridge_driver *d, char what, const struct bridge_answer *a,
                   struct bridge_session *s, struct buf *qr)
{
    struct bridge_created created = { .session = *s };
    int skipped = 0, r;

    switch (what) {
    case 'h':
        return bridge_read_health(d, a);
    case 'l':
        r = bridge_read_list(d, a, on_session, s, &skipped);
        assert_int_equal(skipped, 0);
        return r;
    case 's':
        return bridge_read_status(d, a, "shop1", s);
    case 'd':
        return bridge_read_delete(d, a);
    case 'r':
        return bridge_read_reconnect(d, a);
    case 'q':
        return bridge_read_qr(d, a, qr, s);
    default:
        r = bridge_read_create(d, a, &created);
        *s = created.session;
        *qr = created.qr;
        return r;
    }
}

static void check_answers(const char *name, const struct expected *rows, size_t n)
{
    const struct bridge_driver *d = bridge_driver_find(name);

    assert_non_null(d);
    for (size_t i = 0; i < n; i++) {
        struct bridge_session s = { .state = SESSION_STATE_N };
        CLEANUP(buf_fini) struct buf qr = BUF_NULL;
        struct recording f;
        struct bridge_answer a;
        char path[200];
        int r;

        (void)snprintf(path, sizeof path, "tests/fixtures/%s/%s.http", name, rows[i].file);
        f = load(path);
        a = answer_of(&f);
        r = read_by(d, rows[i].what, &a, &s, &qr);
        if (r != rows[i].kind || (s.state == SESSION_STATE_N ? -1 : (int)s.state) != rows[i].state ||
            (qr.len > 0) != rows[i].qr)
            fail_msg("%s as %c: %s, %s (%s), QR of %zu bytes", rows[i].file, rows[i].what,
                     bridge_answer_text(r), session_state_text(s.state), s.raw_status, qr.len);
        free(f.bytes);
    }
}

static void every_recorded_answer_of_waha_is_read(void **state)
{
    check_answers("waha", waha, ARRAY_LEN(waha));
}

static void every_recorded_answer_of_evolution_is_read(void **state)
{
    check_answers("evolution", evolution, ARRAY_LEN(evolution));
}

/* -- webhooks -- */

/* One letter for each recorded webhook, in order: r received, s sent, d delivered, v read, C connected, D disconnected,
 * Q QR code, - session.status, o other. */
static char letter_of(enum event_type t)
{
    static const char letters[EVENT_TYPE_N] = {
        [EVENT_TYPE_MESSAGE_RECEIVED] = 'r',  [EVENT_TYPE_MESSAGE_SENT] = 's',
        [EVENT_TYPE_MESSAGE_DELIVERED] = 'd', [EVENT_TYPE_MESSAGE_READ] = 'v',
        [EVENT_TYPE_SESSION_CONNECTED] = 'C', [EVENT_TYPE_SESSION_DISCONNECTED] = 'D',
        [EVENT_TYPE_SESSION_QR] = 'Q',        [EVENT_TYPE_SESSION_STATUS] = '-',
        [EVENT_TYPE_EVENT_OTHER] = 'o',
    };

    return letters[t];
}

static void check_webhooks(const char *folder, const char *letters, size_t different)
{
    const struct bridge_driver *driver =
        bridge_driver_find(strncmp(folder, "waha", 4) == 0 ? "waha" : "evolution");
    struct webhook w[64];
    size_t n = strlen(letters), keys = 0;

    assert_true(n <= 64);
    for (size_t i = 0; i < n; i++) {
        struct webhook again;
        struct recording f;
        char path[200];
        struct webhook_request req = { .header = header };
        bool is_new = true;

        (void)snprintf(path, sizeof path, "tests/fixtures/%s/%03zu.http", folder, i + 1);
        f = load(path);
        req.body = f.body;
        req.ctx = &f;
        assert_int_equal(bridge_read_webhook(driver, &req, STR_LIT("main"), &w[i]), 0);
        assert_int_equal(bridge_read_webhook(NULL, &req, STR_LIT("main"), &again), 0); /* "auto" finds it */
        assert_memory_equal(&again.key.digest, &w[i].key.digest, sizeof again.key.digest);
        if (letter_of(w[i].type) != letters[i])
            fail_msg("%s: %s", path, event_type_text(w[i].type));
        assert_string_equal(w[i].session, "shop1");
        assert_true(w[i].key.time_ms > INT64_C(1795000000000));
        if (strchr("rsdv", letters[i]))
            assert_true(w[i].message_id[0]);
        for (size_t k = 0; k < i && is_new; k++)
            is_new = memcmp(w[k].key.digest, w[i].key.digest, sizeof w[k].key.digest) != 0;
        keys += is_new;
        free(f.bytes);
    }
    assert_int_equal(keys, different); /* repeats of one delivery are one event */
}

static void every_recorded_webhook_is_read(void **state)
{
    check_webhooks("waha/hooks", "-DQQCrrvDD-C-C-C-CDDD-CrrrrrrrrrrrrrrrrDD-CDD-D", 35);
    check_webhooks("evolution/hooks", "-QCrv-C-C-C-C--D-QC--D-QCrrrr--D-", 31);
}

static void codes_of_evolution_come_with_the_close(void **state)
{
    static const struct {
        int file, code;
    } rows[] = { { 16, 403 }, { 22, 401 }, { 32, 401 } };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct webhook_request req = { .header = header };
        struct recording f;
        struct webhook w;
        char path[200];

        (void)snprintf(path, sizeof path, "tests/fixtures/evolution/hooks/%03d.http", rows[i].file);
        f = load(path);
        req.body = f.body;
        req.ctx = &f;
        assert_int_equal(bridge_read_webhook(bridge_driver_find("evolution"), &req, STR_LIT("main"), &w), 0);
        if (w.type != EVENT_TYPE_SESSION_DISCONNECTED || w.code != rows[i].code)
            fail_msg("%s: %s %d", path, event_type_text(w.type), w.code);
        free(f.bytes);
    }
}

/* The signatures were made by WAHA, with the secret of 11-create. */
static void recorded_signatures_hold(void **state)
{
    const int *schemes = bridge_driver_find("waha")->signatures;
    struct tokens right, wrong;

    assert_int_equal(tokens_parse("hook-secret", &right), 0);
    assert_int_equal(tokens_parse("other-secret", &wrong), 0);
    for (int i = 1; i <= 47; i++) {
        struct webhook_request req = { .header = header };
        struct recording f;
        char path[200];

        (void)snprintf(path, sizeof path, "tests/fixtures/waha/hooks/%03d.http", i);
        f = load(path);
        req.body = f.body;
        req.ctx = &f;
        /* customHeaders put a bearer token beside it in some: only the signature is held here */
        if (!header(&f, "authorization").n) {
            assert_int_equal(auth_check(&right, schemes, &req, STR_NULL, 0), 0);
            assert_int_equal(auth_check(&wrong, schemes, &req, STR_NULL, 0), AUTH_WRONG);
        }
        free(f.bytes);
    }
}

/* -- which bridge is it -- */

/* Answers every probe with the recordings of one bridge; a route that it does not have with its own 404. */
static int find(const char *folder, const char *probe_path, const char *probe_file, const char *miss_file,
                const struct bridge_driver **ret)
{
    CLEANUP(detection_fini) struct detection d = DETECTION_NULL;
    char path[200];
    int r;

    detection_init(&d);
    do {
        struct recording f;
        struct bridge_answer a;

        (void)snprintf(path, sizeof path, "tests/fixtures/%s/%s.http", folder,
                       strcmp(d.probe[d.next].path, probe_path) == 0 ? probe_file : miss_file);
        f = load(path);
        a = answer_of(&f);
        r = detection_take(&d, &a, ret);
        free(f.bytes);
    } while (r == DETECT_MORE);
    return r;
}

static void recorded_bridges_are_found(void **state)
{
    const struct bridge_driver *d = NULL;

    assert_int_equal(find("waha", "/api/server/version", "04-version", "50-noroute", &d), 0);
    assert_string_equal(d->name, "waha");
    assert_int_equal(find("evolution", "/instance/fetchInstances", "26-list-open", "18-noroute", &d), 0);
    assert_string_equal(d->name, "evolution");
    assert_int_equal(find("evolution", "/instance/fetchInstances", "02-list-empty", "18-noroute", &d), 0);
    assert_string_equal(d->name, "evolution");
    assert_int_equal(
        find("evolution", "/instance/fetchInstances", "61-v24-list-unlicensed", "65-v24-health", &d), 0);
    assert_string_equal(d->name, "evolution");
    assert_int_equal(find("waha", "/api/server/version", "06-list-no-key", "06-list-no-key", &d),
                     DETECT_UNAUTHORIZED);
    assert_int_equal(find("evolution", "/instance/fetchInstances", "03-list-no-key", "18-noroute", &d),
                     DETECT_UNAUTHORIZED);
}

static void each_bridge_gets_its_key_in_its_own_header(void **state)
{
    static const struct {
        const char *name, *header;
    } rows[] = {
        { "zapw", "Authorization: Bearer k1\n" },
        { "contract", "Authorization: Bearer k1\n" },
        { "waha", "X-Api-Key: k1\n" },
        { "evolution", "apikey: k1\n" },
    };
    static const struct bridge_target target = { .base_url = "http://b", .api_key = "k1" };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(bridge_request_fini) struct bridge_request q = BRIDGE_REQUEST_NULL;

        assert_int_equal(bridge_build(bridge_driver_find(rows[i].name), BRIDGE_LIST, &target, NULL, &q), 0);
        assert_non_null(strstr(buf_str(&q.headers), rows[i].header));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_recorded_answer_of_waha_is_read),
        cmocka_unit_test(every_recorded_answer_of_evolution_is_read),
        cmocka_unit_test(every_recorded_webhook_is_read),
        cmocka_unit_test(codes_of_evolution_come_with_the_close),
        cmocka_unit_test(recorded_signatures_hold),
        cmocka_unit_test(recorded_bridges_are_found),
        cmocka_unit_test(each_bridge_gets_its_key_in_its_own_header),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
