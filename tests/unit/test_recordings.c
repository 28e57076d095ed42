/* The drivers against everything that was recorded of the real programs (tests/fixtures/README.md). */
#include "fixture.h"

#include <crypt.h>
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
    /* h health, l list, s status, c create, d delete, r reconnect, q QR code, L live, S step of a procedure */
    char what;
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

#define UNKNOWN SESSION_UNKNOWN

static const struct expected openwa[] = {
    { "01-health", 'h', 0, -1, false },
    { "03-list-no-key", 'l', BRIDGE_UNAUTHORIZED, -1, false },
    { "04-list-wrong-key", 'l', BRIDGE_UNAUTHORIZED, -1, false },
    { "05-list-empty", 'l', 0, -1, false },
    { "06-get-unknown", 's', BRIDGE_NO_SESSION, -1, false },
    { "07-create", 'c', 0, DISCONNECTED, false }, /* start is a call of its own */
    { "08-create-again", 'c', BRIDGE_CONFLICT, -1, false },
    { "09-webhook-create", 'S', BRIDGE_REFUSED, -1, false },
    { "10-qr-before-start", 'q', BRIDGE_REFUSED, -1, false },
    { "11-start", 'r', 0, -1, false },
    { "12-get-starting", 's', 0, STARTING, false },
    { "13-get-qr", 's', 0, QR_PENDING, false },
    { "14-qr", 'q', 0, QR_PENDING, true },
    { "15-start-again", 'r', BRIDGE_REFUSED, -1, false }, /* then it is stopped, and started */
    { "16-get-ready", 's', 0, CONNECTED, false },
    { "17-list-ready", 'l', 0, CONNECTED, false },
    { "18-get-428", 's', 0, STARTING, false },
    { "19-get-428-6s", 's', 0, STARTING, false },
    { "20-get-440", 's', 0, DISCONNECTED, false },
    { "21-get-401", 's', 0, DISCONNECTED, false },
    { "22-start-after-401", 'r', 0, -1, false },
    { "23-get-ready2", 's', 0, CONNECTED, false },
    { "24-stop", 'S', 0, -1, false },
    { "25-get-stopped", 's', 0, DISCONNECTED, false },
    { "30-create", 'c', 0, DISCONNECTED, false },
    { "31-webhook-create", 'S', 0, -1, false },
    { "32-start", 'S', 0, -1, false },
    { "33-get-440", 's', 0, DISCONNECTED, false },
    { "34-start-after-440", 'r', 0, -1, false },
    { "35-get-401", 's', 0, DISCONNECTED, false },
    { "38-delete", 'd', 0, -1, false },
    { "39-get-deleted", 's', BRIDGE_NO_SESSION, -1, false },
};

static const struct expected wppconnect[] = {
    { "01-healthz", 'h', 0, -1, false },
    { "05-list-wrong-secret", 'l', BRIDGE_UNAUTHORIZED, -1, false },
    { "06-list-empty", 'l', 0, -1, false },
    { "08-status-no-token", 's', BRIDGE_UNAUTHORIZED, -1, false },
    { "09-status-wrong-token", 's', BRIDGE_UNAUTHORIZED, -1, false },
    { "10-status-unknown", 's', 0, DISCONNECTED, false }, /* it is never 404 */
    { "12-phone-unknown", 'L', 0, DISCONNECTED, false },
    { "14-start-nobrowser", 'r', 0, -1, false },
    { "15-status-nobrowser", 's', 0, STARTING, false },       /* for good */
    { "16-close-nobrowser", 'S', BRIDGE_REFUSED, -1, false }, /* of this session, not of the bridge */
    { "17-noroute", 's', BRIDGE_NO_ROUTE, -1, false },
    { "21-start", 'c', 0, DISCONNECTED, false }, /* the state before the call */
    { "22-status-initializing", 's', 0, STARTING, false },
    { "24-status-qr", 'q', 0, QR_PENDING, true },
    { "27-list", 'l', 0, UNKNOWN, false }, /* names only */
    { "28-status-connected", 's', 0, CONNECTED, false },
    { "28-status-connected", 'q', 0, CONNECTED, false }, /* its code is an old one */
    { "30-phone", 'L', 0, CONNECTED, false },
    { "35-status-dead", 's', 0, CONNECTED, false },   /* it says so of a dead client … */
    { "36-phone-dead", 'L', 0, DISCONNECTED, false }, /* … and this shows it */
    { "37-start-while-dead", 'r', 0, -1, false },
    { "38-status-after-disconnectedMobile", 's', 0, DISCONNECTED, false },
    { "39-close-closed", 'S', BRIDGE_REFUSED, -1, false },
    { "41-close-open", 'S', 0, -1, false },
    { "42-status-closed", 's', 0, DISCONNECTED, false },
    { "44-logout", 'd', 0, -1, false },
    { "45-status-loggedout", 's', 0, DISCONNECTED, false },
};

static int on_session(void *ctx, const struct bridge_session *s)
{
    if (strcmp(s->id, "shop1") == 0 || strcmp(s->name, "shop1") == 0)
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
    case 'S':
        return bridge_read_step(d, BRIDGE_RECONNECT, a);
    case 'L':
        s->state = SESSION_CONNECTED;
        return d->read_live(a, s);
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

static void every_recorded_answer_of_openwa_is_read(void **state)
{
    check_answers("openwa", openwa, ARRAY_LEN(openwa));
}

static void every_recorded_answer_of_wppconnect_is_read(void **state)
{
    check_answers("wppconnect", wppconnect, ARRAY_LEN(wppconnect));
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

/* @time: the events have one; @session: what the webhooks name, '-' in letters' place where they name none. */
struct hooks {
    const char *folder, *driver, *session, *letters;
    size_t different; /* repeats of one delivery are one event */
    bool times;       /* each names a time that is the same in every repeat */
    bool unique;      /* nothing makes two of them one */
    bool claimed;     /* "auto" finds the driver by the body */
};

static void check_webhook(const struct hooks *h, size_t i, struct webhook *ret)
{
    const struct bridge_driver *driver = bridge_driver_find(h->driver);
    struct webhook_request req = { .header = header };
    struct webhook again;
    struct recording f;
    char path[200];

    (void)snprintf(path, sizeof path, "tests/fixtures/%s/%03zu.http", h->folder, i + 1);
    f = load(path);
    req.body = f.body;
    req.ctx = &f;
    assert_int_equal(bridge_read_webhook(driver, &req, STR_LIT("main"), ret), 0);
    if (h->claimed) {
        assert_int_equal(bridge_read_webhook(NULL, &req, STR_LIT("main"), &again), 0);
        assert_memory_equal(&again.key.digest, ret->key.digest, sizeof again.key.digest);
    }
    if (letter_of(ret->type) != h->letters[i])
        fail_msg("%s: %s", path, event_type_text(ret->type));
    if (strcmp(ret->session, h->session) != 0 && memmem(f.body.p, f.body.n, "\"session\"", 9))
        fail_msg("%s: session %s", path, ret->session);
    if ((ret->key.time_ms > INT64_C(1795000000000)) != h->times && !strchr("rsdv", h->letters[i]))
        fail_msg("%s: time %lld", path, (long long)ret->key.time_ms);
    if (strchr("rsdv", h->letters[i]))
        assert_true(ret->message_id[0]);
    if (strchr("rs", h->letters[i])) /* an ack may have no time */
        assert_true(ret->occurred_at > INT64_C(1600000000000));
    assert_int_equal(ret->key.is_unique, h->unique);
    free(f.bytes);
}

static void check_webhooks(const struct hooks *h)
{
    struct webhook w[64];
    size_t n = strlen(h->letters), keys = 0;

    assert_true(n <= 64);
    for (size_t i = 0; i < n; i++) {
        bool is_new = true;

        check_webhook(h, i, &w[i]);
        for (size_t k = 0; k < i && is_new; k++)
            is_new = memcmp(w[k].key.digest, w[i].key.digest, sizeof w[k].key.digest) != 0;
        keys += is_new;
    }
    assert_int_equal(keys, h->different);
}

/* All 122. None is event.other. */
static void every_recorded_webhook_is_read(void **state)
{
    static const struct hooks rows[] = {
        { "waha/hooks", "waha", "shop1", "-DQQCrrvDD-C-C-C-CDDD-CrrrrrrrrrrrrrrrrDD-CDD-D", 35, true, false,
          true },
        { "waha/hooks-nonet", "waha", "shop1", "-D---", 5, true, false, true },
        { "evolution/hooks", "evolution", "shop1", "-QCrv-C-C-C-C--D-QC--D-QCrrrr--D-", 31, true, false,
          true },
        { "evolution/hooks-nonet", "evolution", "shop1", "-----", 5, true, false, true },
        { "openwa/hooks", "openwa", "53a287b5-d1a7-4870-a972-f68f80214392", "-QQC-rv-C-rrD-C-DD", 17, true,
          false, true },
        { "wppconnect/hooks", "wppconnect", "shop1", "QQ-CrvDQCDQCDQ", 11, false, true, true },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check_webhooks(&rows[i]);
}

/* An instance of Evolution without a network says "connecting" a hundred times a second: equal but for the time. */
static void equal_states_of_evolution_are_told(void **state)
{
    struct webhook first = { 0 };

    for (int i = 1; i <= 5; i++) {
        struct webhook_request req = { .header = header };
        struct recording f;
        struct webhook w;
        char path[200];

        (void)snprintf(path, sizeof path, "tests/fixtures/evolution/hooks-nonet/%03d.http", i);
        f = load(path);
        req.body = f.body;
        req.ctx = &f;
        assert_int_equal(bridge_read_webhook(NULL, &req, STR_LIT("main"), &w), 0);
        assert_true(w.key.has_state);
        if (i == 1)
            first = w;
        assert_memory_equal(w.key.state, first.key.state, sizeof w.key.state);
        assert_true(i == 1 || memcmp(w.key.digest, first.key.digest, sizeof w.key.digest) != 0);
        free(f.bytes);
    }
}

/* After a close and a start wppconnect names no session; the path of the webhook does (POST /webhook/BRIDGE/SESSION). */
static void webhooks_of_wppconnect_may_name_no_session(void **state)
{
    const struct bridge_driver *d = bridge_driver_find("wppconnect");

    for (int i = 11; i <= 12; i++) {
        struct webhook_request req = { .header = header };
        struct recording f;
        struct webhook w;
        char path[200];

        (void)snprintf(path, sizeof path, "tests/fixtures/wppconnect/hooks/%03d.http", i);
        f = load(path);
        req.body = f.body;
        req.ctx = &f;
        assert_int_equal(bridge_read_webhook(d, &req, STR_LIT("main"), &w), 0);
        assert_string_equal(w.session, "");
        free(f.bytes);
    }
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

/* Does the server take this token of a text? */
static bool is_hash_of(const char *token, const char *text)
{
    struct crypt_data data = { 0 };
    char hash[BRIDGE_KEY_MAX];
    const char *made;

    (void)snprintf(hash, sizeof hash, "%s", token);
    for (char *p = hash; (p = strchr(p, '_'));)
        *p = '/';
    made = crypt_r(text, hash, &data);
    return made && strcmp(made, hash) == 0;
}

/* The secret of OpenWA's 31-webhook-create. */
static void recorded_signatures_of_openwa_hold(void **state)
{
    const int *schemes = bridge_driver_find("openwa")->signatures;
    struct tokens right, wrong;
    int scheme;

    assert_int_equal(tokens_parse("hook-secret-0123456789", &right), 0);
    assert_int_equal(tokens_parse("hook-secret-0123456788", &wrong), 0);
    for (int i = 1; i <= 18; i++) {
        struct webhook_request req = { .header = header };
        struct recording f;
        char path[200];

        (void)snprintf(path, sizeof path, "tests/fixtures/openwa/hooks/%03d.http", i);
        f = load(path);
        req.body = f.body;
        req.ctx = &f;
        assert_int_equal(signature_check(&right, schemes, &req, 0, &scheme), 0);
        assert_int_equal(scheme, SIGNATURE_OPENWA_256);
        assert_int_equal(signature_check(&wrong, schemes, &req, 0, &scheme), AUTH_WRONG);
        free(f.bytes);
    }
}

/* -- the tokens of wppconnect -- */

/* Those that the server made (04-token, 20-token) are the bcrypt hash of session and secret; ours is one of the least cost. */
static void tokens_of_wppconnect_are_made_as_the_server_makes_them(void **state)
{
    static const char *const recorded[] = { "$2b$10$UUtPCW64UNxnFQR.yKnnlupNVy3H8oqtciz9fw_l8MZHkGaS1OR32",
                                            "$2b$10$N4KSdrZCFlcQjqgV1w_OtOC2W_Llkz5pag6eafE2oCUnXx8bmNppu" };
    const struct bridge_driver *d = bridge_driver_find("wppconnect");
    char made[BRIDGE_KEY_MAX], again[BRIDGE_KEY_MAX], other[BRIDGE_KEY_MAX];

    for (size_t i = 0; i < ARRAY_LEN(recorded); i++)
        assert_true(is_hash_of(recorded[i], "shop1test-secret"));
    assert_int_equal(d->make_key("test-secret", "shop1", made), 0);
    assert_int_equal(d->make_key("test-secret", "shop1", again), 0);
    assert_int_equal(d->make_key("test-secret", "shop2", other), 0);
    assert_string_equal(made, again);
    assert_string_not_equal(made, other);
    assert_memory_equal(made, "$2b$04$", 7);
    assert_null(strchr(made, '/'));
    assert_true(is_hash_of(made, "shop1test-secret"));
    assert_false(is_hash_of(made, "shop2test-secret"));
    assert_int_equal(d->make_key("test-secret", NULL, made), 0);
    assert_string_equal(made, "");
}

/* -- procedures -- */

/* Plays the answers of files to a procedure that began with the first of them, and gives back what was called: one letter
 * for each call after the first (the first letter of the last part of the path). */
static int play(const char *name, const char *const *files, char *ret_calls)
{
    static const struct bridge_target target = { .base_url = "http://b", .api_key = "k1" };
    const struct bridge_driver *d = bridge_driver_find(name);
    struct bridge_procedure p = { .op = BRIDGE_RECONNECT, .id = "shop1" };
    size_t n = 0;

    for (int i = 0; files[i]; i++) {
        CLEANUP(bridge_request_fini) struct bridge_request q = BRIDGE_REQUEST_NULL;
        struct bridge_answer a;
        struct recording f;
        char path[200];
        int r;

        (void)snprintf(path, sizeof path, "tests/fixtures/%s/%s.http", name, files[i]);
        f = load(path);
        a = answer_of(&f);
        p.answer = &a;
        p.kind = i == 0 ? bridge_read_reconnect(d, &a) : bridge_read_step(d, BRIDGE_RECONNECT, &a);
        r = bridge_next(d, &target, &p, &q);
        free(f.bytes);
        if (r != 0) {
            assert_int_equal(r, -ENOTSUP);
            assert_null(files[i + 1]);
            break;
        }
        if (strstr(buf_str(&q.url), "/instance/connect"))
            ret_calls[n++] = 'c';
        else
            ret_calls[n++] = strrchr(buf_str(&q.url), '/')[1] == 's' && strstr(buf_str(&q.url), "stop")
                                 ? 't'
                                 : strrchr(buf_str(&q.url), '/')[1];
    }
    ret_calls[n] = '\0';
    return p.kind;
}

static void procedures_go_on_as_the_recorded_answers_ask(void **state)
{
    static const struct {
        const char *driver, *files[4], *calls;
        int kind;
    } rows[] = {
        { "waha", { "31-restart" }, "", 0 },
        { "evolution", { "29-restart-open" }, "", 0 },
        { "evolution", { "37-restart-close", "39-connect-close" }, "c", 0 }, /* closed: connect */
        { "openwa", { "22-start-after-401" }, "", 0 },
        { "openwa", { "15-start-again", "24-stop", "32-start" }, "ts", 0 }, /* stop, start */
        { "wppconnect", { "40-start-after" }, "", 0 },
        /* a dead client: close, start */
        { "wppconnect", { "37-start-while-dead", "41-close-open", "43-start3" }, "cs", 0 },
        /* a browser that never started: close answers 500, and start is tried all the same */
        { "wppconnect", { "23-start-again", "16-close-nobrowser", "43-start3" }, "cs", 0 },
        { "wppconnect", { "09-status-wrong-token" }, "", BRIDGE_UNAUTHORIZED },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char calls[8];

        assert_int_equal(play(rows[i].driver, rows[i].files, calls), rows[i].kind);
        assert_string_equal(calls, rows[i].calls);
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

/* A person has to confirm with a passkey: no scan helps, and nothing is attempted. */
static void a_passkey_is_a_person_s_turn(void **state)
{
    static const char *const words[] = { "PASSKEY_REQUIRED", "PASSKEY_CONFIRMATION_REQUIRED" };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        char status[200], hook[300];
        struct bridge_answer a = { .status = 200 };
        struct webhook_request req = { .header = NULL };
        struct bridge_session s;
        struct webhook w;

        (void)snprintf(status, sizeof status, "{\"name\":\"shop1\",\"status\":\"%s\"}", words[i]);
        (void)snprintf(hook, sizeof hook,
                       "{\"id\":\"evt_1\",\"event\":\"session.status\",\"session\":\"shop1\",\"engine\":"
                       "\"GOWS\",\"payload\":{\"status\":\"%s\"}}",
                       words[i]);
        a.body = str_from(status);
        assert_int_equal(bridge_read_status(bridge_driver_find("waha"), &a, "shop1", &s), 0);
        assert_int_equal(s.state, SESSION_ACTION_REQUIRED);
        req.body = str_from(hook);
        assert_int_equal(bridge_read_webhook(NULL, &req, STR_LIT("main"), &w), 0);
        assert_string_equal(event_type_text(w.type), "session.action_required");
    }
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
    assert_int_equal(find("openwa", "/api/health/ready", "02-health-ready", "../waha/50-noroute", &d), 0);
    assert_string_equal(d->name, "openwa");
    assert_int_equal(find("wppconnect", "/healthz", "01-healthz", "17-noroute", &d), 0);
    assert_string_equal(d->name, "wppconnect");
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
        { "openwa", "X-API-Key: k1\n" },
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
        cmocka_unit_test(every_recorded_answer_of_openwa_is_read),
        cmocka_unit_test(every_recorded_answer_of_wppconnect_is_read),
        cmocka_unit_test(every_recorded_webhook_is_read),
        cmocka_unit_test(equal_states_of_evolution_are_told),
        cmocka_unit_test(webhooks_of_wppconnect_may_name_no_session),
        cmocka_unit_test(codes_of_evolution_come_with_the_close),
        cmocka_unit_test(recorded_signatures_hold),
        cmocka_unit_test(recorded_signatures_of_openwa_hold),
        cmocka_unit_test(tokens_of_wppconnect_are_made_as_the_server_makes_them),
        cmocka_unit_test(procedures_go_on_as_the_recorded_answers_ask),
        cmocka_unit_test(a_passkey_is_a_person_s_turn),
        cmocka_unit_test(recorded_bridges_are_found),
        cmocka_unit_test(each_bridge_gets_its_key_in_its_own_header),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
