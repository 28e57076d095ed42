/*
 * One pairing, when all goes well: starting → code (again and again: a new code, or expired and a new one) → paired.
 * When it does not: failed, with the sentence of the child; cancelled by the operator.
 */
#include "services/console/pairings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/json_in.h"
#include "common/base/mem.h"
#include "common/qr/qr.h"
#include "common/store/sessions.h"
#include "services/console/child_cli.h"
#include "services/console/live.h"
#include "services/console/stores.h"

/* A person finds the phone and unlocks it; the child has a limit of its own below this. */
#define PAIR_MS (15 * 60 * 1000LL)
/* WhatsApp shows a code for some 20 s, the first for 60. */
#define CODE_MS 60000
/* A code for a phone number: the child asks for another one after 150 s. */
#define PHONE_CODE_MS 150000
/* A code of 177 modules as text, and as SVG. */
#define PAIRING_JSON_MAX (256 * 1024)
#define QUIET            4
#define QR_TEXT_MAX      (256 * 1024)

enum step { STEP_STARTING, STEP_CODE, STEP_EXPIRED, STEP_PAIRED, STEP_FAILED, STEP_CANCELLED };
static const char *const step_text[] = { "starting", "code", "expired", "paired", "failed", "cancelled" };

struct pairing {
    struct pairings *all;
    int64_t id; /* 0: a free place */
    char bridge[SESSIONS_ID_MAX], session[SESSIONS_ID_MAX];
    enum step step;
    char state[16], phone[32], name[128];
    struct qr *qr;       /* NULL: none */
    char phone_code[32]; /* "": none */
    int64_t code_at, started_at;
    char error[400];
    bool needs_recreate;
    struct proc_lines *child; /* NULL: it is over */
};

struct pairings {
    const struct console_context *c;
    int64_t next_id;
    struct pairing pairing[PAIRINGS_MAX];
};

/* ---- as JSON --------------------------------------------------------------------------------- */

static void add_svg(const struct qr *qr, struct buf *out)
{
    int side = qr->side + 2 * QUIET;

    (void)buf_addf(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" shape-rendering=\"crispEdges\">"
        "<path fill=\"#fff\" d=\"M0 0h%dv%dH0z\"/><path fill=\"#000\" d=\"",
        side, side, side, side);
    for (int y = 0; y < qr->side; y++) {
        for (int x = 0; x < qr->side; x++) {
            int from = x;

            while (x < qr->side && qr->dark[y * qr->side + x])
                x++;
            if (x > from)
                (void)buf_addf(out, "M%d %dh%dv1h-%dz", from + QUIET, y + QUIET, x - from, x - from);
        }
    }
    (void)buf_adds(out, "\"/></svg>");
}

static void write_qr(const struct pairing *p, struct json_out *j)
{
    CLEANUP(buf_fini) struct buf modules = BUF_INIT(PAIRING_JSON_MAX), svg = BUF_INIT(PAIRING_JSON_MAX);

    if (!p->qr || p->step != STEP_CODE) {
        json_text(j, "qr", STR_NULL);
        return;
    }
    for (int i = 0; i < p->qr->side * p->qr->side; i++)
        (void)buf_add(&modules, p->qr->dark[i] ? "1" : "0", 1);
    add_svg(p->qr, &svg);
    json_open(j, "qr", '{');
    json_int(j, "side", p->qr->side);
    json_text(j, "modules", (struct str){ buf_str(&modules), modules.len });
    json_text(j, "svg", (struct str){ buf_str(&svg), svg.len });
    json_close(j, '}');
}

static void write(const struct pairing *p, bool with_code, struct json_out *j)
{
    char id[24];

    (void)snprintf(id, sizeof id, "%lld", (long long)p->id);
    json_open(j, NULL, '{');
    json_texts(j, "id", id);
    json_texts(j, "bridge", p->bridge);
    json_texts(j, "session", p->session);
    json_texts(j, "step", step_text[p->step]);
    json_texts(j, "state", p->state);
    if (with_code)
        write_qr(p, j);
    json_texts(j, "pairing_code", with_code && p->step == STEP_CODE ? p->phone_code : "");
    json_int(j, "code_at", p->code_at);
    json_int(j, "expires_at",
             p->step == STEP_CODE ? p->code_at + (p->phone_code[0] ? PHONE_CODE_MS : CODE_MS) : 0);
    json_int(j, "started_at", p->started_at);
    json_texts(j, "error", p->error);
    json_bool(j, "needs_recreate", p->needs_recreate);
    json_texts(j, "phone", p->phone);
    json_texts(j, "name", p->name);
    json_close(j, '}');
}

/* A page asks for the code: a stream has no room for pictures, and viewers read it too. */
static void say(const struct pairing *p)
{
    CLEANUP(buf_fini) struct buf json = BUF_INIT(4096);
    struct json_out j = JSON_OUT(&json);

    write(p, false, &j);
    if (buf_error(&json) == 0)
        live_send(p->all->c->live, "pairing", (struct str){ buf_str(&json), json.len });
}

/* ---- the child ------------------------------------------------------------------------------- */

static void take_phone_code(struct pairing *p, struct json_value code)
{
    char text[sizeof p->phone_code];

    (void)json_in_text(code, text, sizeof text);
    if (p->step != STEP_CODE || strcmp(text, p->phone_code) != 0)
        p->code_at = stores_wall_ms(p->all->c->stores);
    (void)memcpy(p->phone_code, text, sizeof text);
    p->step = STEP_CODE;
}

static void take_code(struct pairing *p, struct json_value qr)
{
    CLEANUP(buf_fini) struct buf text = BUF_INIT(QR_TEXT_MAX);

    if (qr.kind != JSON_IN_TEXT || json_in_text_add(qr, &text) != 0) {
        p->step = p->step == STEP_CODE ? STEP_EXPIRED : p->step;
        return;
    }
    if (!p->qr)
        p->qr = mem_zalloc(sizeof *p->qr);
    if (!p->qr || qr_read((struct str){ buf_str(&text), text.len }, p->qr) != 0)
        return;
    p->step = STEP_CODE;
    p->code_at = stores_wall_ms(p->all->c->stores);
}

static void on_line(void *ctx, struct str line)
{
    enum { STATE, QR, CODE, PHONE, NAME, N };
    static const struct json_path paths[N] = { { STATE, { "state" } },
                                               { QR, { "qr" } },
                                               { CODE, { "pairing_code" } },
                                               { PHONE, { "phone" } },
                                               { NAME, { "name" } } };
    struct pairing *p = ctx;
    struct json_value v[N];

    if (json_in_find(line, paths, N, v) != 0)
        return;
    (void)json_in_text(v[STATE], p->state, sizeof p->state);
    (void)json_in_text(v[PHONE], p->phone, sizeof p->phone);
    (void)json_in_text(v[NAME], p->name, sizeof p->name);
    if (strcmp(p->state, "connected") == 0)
        p->step = STEP_PAIRED;
    else if (v[CODE].kind == JSON_IN_TEXT)
        take_phone_code(p, v[CODE]);
    else
        take_code(p, v[QR]);
    say(p);
}

static void on_exit_status(void *ctx, int status, const char *last_error)
{
    struct pairing *p = ctx;

    p->child = NULL;
    if (p->step != STEP_PAIRED) {
        p->step = STEP_FAILED;
        (void)child_cli_problem(status, last_error, p->error, sizeof p->error);
        p->needs_recreate = strstr(last_error, "--yes") != NULL;
    }
    mem_free(p->qr);
    p->qr = NULL;
    say(p);
}

/* ---- the table ------------------------------------------------------------------------------- */

static void end(struct pairing *p)
{
    proc_lines_stop(p->child);
    mem_free(p->qr);
    *p = (struct pairing){ .all = p->all };
}

static struct pairing *find(struct pairings *all, int64_t id)
{
    for (int i = 0; i < PAIRINGS_MAX; i++) {
        if (id > 0 && all->pairing[i].id == id)
            return &all->pairing[i];
    }
    return NULL;
}

/* A free place, or that of the oldest which is over. NULL: as many run as may. */
static struct pairing *place(struct pairings *all)
{
    struct pairing *best = NULL;
    int running = 0;

    for (int i = 0; i < PAIRINGS_MAX; i++) {
        struct pairing *p = &all->pairing[i];

        running += p->child != NULL;
        if (!p->child && (!best || p->id < best->id))
            best = p;
    }
    return running < PAIRINGS_RUNNING_MAX ? best : NULL;
}

static void end_others(struct pairings *all, const char *bridge, const char *session)
{
    for (int i = 0; i < PAIRINGS_MAX; i++) {
        struct pairing *p = &all->pairing[i];

        if (p->child && strcmp(p->bridge, bridge) == 0 && strcmp(p->session, session) == 0)
            end(p);
    }
}

int pairings_start(struct pairings *all, const char *bridge, const char *session, const char *phone,
                   bool recreate, int64_t *ret_id)
{
    char name[2 * SESSIONS_ID_MAX], number[64];
    const char *words[] = { "session", "pair", "--wait", NULL, NULL, NULL };
    const char *arguments[] = { name, NULL };
    int n = 3;
    struct pairing *p;
    struct proc_lines_spec spec = { .timeout_ms = PAIR_MS, .on_line = on_line, .on_exit = on_exit_status };
    int r;

    end_others(all, bridge, session);
    p = place(all);
    if (!p)
        return -EBUSY;
    end(p);
    spec.ctx = p;
    if (*phone)
        words[n++] = number;
    if (recreate)
        words[n] = "--yes";
    (void)snprintf(number, sizeof number, "--phone=%s", phone);
    (void)child_cli_session(bridge, session, name, sizeof name);
    r = child_cli_start(all->c, words, arguments, &spec, &p->child);
    if (r != 0)
        return r;
    p->id = all->next_id++;
    p->started_at = stores_wall_ms(all->c->stores);
    str_copy(str_from(bridge), p->bridge, sizeof p->bridge);
    str_copy(str_from(session), p->session, sizeof p->session);
    *ret_id = p->id;
    return 0;
}

int pairings_json(struct pairings *all, int64_t id, struct json_out *j)
{
    const struct pairing *p = find(all, id);

    if (!p)
        return PAIRINGS_NONE;
    write(p, true, j);
    return 0;
}

int pairings_cancel(struct pairings *all, int64_t id)
{
    struct pairing *p = find(all, id);

    if (!p)
        return PAIRINGS_NONE;
    if (p->child) {
        proc_lines_stop(p->child);
        p->child = NULL;
        p->step = STEP_CANCELLED;
        say(p);
    }
    return 0;
}

int pairings_new(const struct console_context *c, struct pairings **ret)
{
    struct pairings *all = mem_zalloc(sizeof *all);

    if (!all)
        return -ENOMEM;
    all->c = c;
    all->next_id =
        1 + (int64_t)(rng_next(app_rng(c->app)) % 1000000); /* an old page must not see another's */
    for (int i = 0; i < PAIRINGS_MAX; i++)
        all->pairing[i].all = all;
    *ret = all;
    return 0;
}

void pairings_free(struct pairings *all)
{
    for (int i = 0; all && i < PAIRINGS_MAX; i++)
        end(&all->pairing[i]);
    mem_free(all);
}
