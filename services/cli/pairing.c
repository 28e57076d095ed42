/*
 * Watching, when all goes well:
 *   show   draws the code, over the old one on a terminal
 *   sleep  3 s
 *   ask    session and code anew: another code is drawn, `connected` ends it
 * When it does not: a bridge that does not answer for five times in a row ends it; a session that is gone or
 * logged out does so at once.
 */
#include "services/cli/pairing.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"
#include "common/domain/next_step.h"
#include "common/qr/qr.h"
#include "services/cli/qr_event.h"
#include "services/cli/terminal.h"

/* Faults in a row that are taken for a hiccup. */
#define FAULTS_MAX 4
/* A drawing of the largest code in half blocks with colours. */
#define DRAWING_MAX (256 * 1024)
#define QR_TEXT_MAX (256 * 1024)

void pairing_fini(struct pairing *p)
{
    buf_fini(&p->qr);
    buf_fini(&p->shown);
}

/* -- asking -- */

static int ask(struct pairing *p, enum bridge_op op, struct cli_reply *ret)
{
    struct bridge_request req = BRIDGE_REQUEST_NULL;
    struct cli_bridge *b = p->bridge;
    struct bridge_session session;
    struct buf qr = BUF_NULL;
    int r = bridge_build(b->driver, op, &b->target, p->id, &req);

    if (r == 0)
        r = cli_bridge_call(b, &req, 0, ret);
    if (r == 0)
        r = bridge_read_qr(b->driver, &ret->answer, &qr, &session);
    if (r)
        return r;
    p->session = session;
    buf_fini(&p->qr);
    p->qr = qr;
    return 0;
}

static int ask_event_log(struct pairing *p)
{
    struct clock clock;

    clock_init(&clock);
    buf_fini(&p->qr);
    return qr_event_find(p->data_dir, p->bridge->settings->name, p->id, clock.wall_ms(&clock), &p->qr);
}

static int ask_by_qr(struct pairing *p, struct cli_reply *ret)
{
    const struct bridge_driver *d = p->bridge->driver;
    int r = ask(p, BRIDGE_QR, ret);

    /* The contract promises no route for the code: then the status must do. */
    if (d->has_status && (r == BRIDGE_NO_ROUTE || r == BRIDGE_GARBAGE || r == BRIDGE_NO_SESSION))
        r = ask(p, BRIDGE_STATUS, ret);
    if (r == 0 && p->session.state == SESSION_QR_PENDING && !p->qr.len)
        r = ask_event_log(p);
    return r;
}

static int ask_status(struct pairing *p, struct cli_reply *ret)
{
    struct cli_bridge *b = p->bridge;
    struct bridge_request req = BRIDGE_REQUEST_NULL;
    int r;

    if (!b->driver->has_status)
        return ask(p, BRIDGE_QR, ret);
    r = bridge_build(b->driver, BRIDGE_STATUS, &b->target, p->id, &req);
    if (r == 0)
        r = cli_bridge_call(b, &req, 0, ret);
    return r ? r : bridge_read_status(b->driver, &ret->answer, p->id, &p->session);
}

/* @shown: as bridge_build_phone_code() wants it. */
static int call_for_code(struct pairing *p, const struct bridge_answer *shown, struct cli_reply *ret)
{
    struct bridge_request req = BRIDGE_REQUEST_NULL;
    struct cli_bridge *b = p->bridge;
    int r = bridge_build_phone_code(b->driver, &b->target, p->id, p->phone, shown, &req);

    return r ? r : cli_bridge_call(b, &req, 0, ret);
}

static void note_refusal(struct pairing *p, const struct cli_reply *reply)
{
    const char *text = p->bridge->driver->phone_code->refused;

    if (text)
        str_copy(str_from(text), p->refusal, sizeof p->refusal);
    else
        (void)bridge_answer_message(&reply->answer, p->refusal, sizeof p->refusal);
}

/* A refusal is no end: a session that is starting is refused until its socket is up. */
static int ask_phone_code(struct pairing *p, struct cli_reply *ret)
{
    CLEANUP(cli_reply_fini) struct cli_reply shown = CLI_REPLY_NULL;
    const struct bridge_driver *d = p->bridge->driver;
    char code[BRIDGE_PHONE_CODE_MAX];
    int r = d->phone_code->first.method ? call_for_code(p, NULL, &shown) : 0;

    if (r == 0)
        r = call_for_code(p, d->phone_code->first.method ? &shown.answer : NULL, ret);
    if (r == 0)
        r = bridge_read_phone_code(d, &ret->answer, code);
    if (r == BRIDGE_REFUSED || r == BRIDGE_CONFLICT) {
        note_refusal(p, ret);
        return 0;
    }
    if (r != 0)
        return r;
    str_copy(str_from(code), p->phone_code, sizeof p->phone_code);
    p->phone_code_at = p->waited_ms;
    return 0;
}

static int ask_by_phone(struct pairing *p, struct cli_reply *ret)
{
    const struct bridge_phone_code *how = p->bridge->driver->phone_code;
    bool is_young =
        !how->changes && p->phone_code[0] && p->waited_ms - p->phone_code_at < PAIRING_PHONE_CODE_MS;
    int r = ask_status(p, ret);

    if (r != 0 || is_young || p->session.state == SESSION_CONNECTED)
        return r;
    if (p->session.state != SESSION_QR_PENDING && !how->in_any_state)
        return 0;
    return ask_phone_code(p, ret);
}

int pairing_ask(struct pairing *p, struct cli_reply *ret)
{
    if (p->phone)
        return ask_by_phone(p, ret);
    return ask_by_qr(p, ret);
}

/* -- showing -- */

static struct str text_or_null(const char *s)
{
    return *s ? str_from(s) : STR_NULL;
}

static void show_json(const struct pairing *p)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(QR_TEXT_MAX * 2);
    struct json_out j = JSON_OUT(&out);

    json_open(&j, NULL, '{');
    json_texts(&j, "session", p->id);
    json_texts(&j, "bridge", p->bridge->settings->name);
    json_texts(&j, "state", session_state_text(p->session.state));
    json_text(&j, "phone", text_or_null(p->session.phone));
    json_text(&j, "name", text_or_null(p->session.name));
    json_text(&j, "qr", text_or_null(buf_str(&p->qr)));
    json_text(&j, "pairing_code", text_or_null(p->phone_code));
    json_texts(&j, "id",
               p->id); /* both again as in the bridge's own answer, for programs that were written for that */
    json_texts(&j, "status", session_state_text(p->session.state));
    json_close(&j, '}');
    puts(buf_str(&out));
}

static void go_back_up(struct pairing *p)
{
    if (p->lines)
        printf("\033[%dA\033[J", p->lines);
    p->lines = 0;
}

/* Returns the lines that were printed. */
static int draw(const struct pairing *p, const struct qr *qr, bool tty)
{
    CLEANUP(buf_fini) struct buf out = BUF_INIT(DRAWING_MAX);
    int width = qr->side + 2 * QR_QUIET, lines;

    if (tty && terminal_columns() < width) {
        printf("The code is %d columns wide and the terminal %d: make it wider, or use a smaller font.\n",
               width, terminal_columns());
        return 1;
    }
    lines = qr_draw(qr, tty, &out);
    fputs(buf_str(&out), stdout);
    return lines < 0 ? 0 : lines;
}

static void show_code(struct pairing *p)
{
    CLEANUP(mem_freep) struct qr *qr = mem_zalloc(sizeof *qr);
    bool tty = cli_is_tty();
    int r = qr ? qr_read((struct str){ buf_str(&p->qr), p->qr.len }, qr) : -ENOMEM;

    if (tty)
        go_back_up(p);
    if (r) { /* not a code that can be drawn: another program may use it */
        printf("%s\n", clean_text(p->qr.data));
        return;
    }
    p->lines = draw(p, qr, tty);
    printf("Scan this with WhatsApp for session %s: Settings, Linked devices, Link a device.\n", p->id);
    p->lines++;
}

static void show_phone_code(struct pairing *p)
{
    if (cli_is_tty())
        go_back_up(p);
    printf("Type this code on the phone %s for session %s:  %s\n"
           "In WhatsApp: Settings, Linked devices, Link a device, Link with phone number instead.\n",
           p->phone, p->id, clean_text(p->phone_code));
    p->lines = 2;
}

static void show(struct pairing *p)
{
    if (p->json)
        show_json(p);
    else if (p->phone_code[0])
        show_phone_code(p);
    else if (p->qr.len)
        show_code(p);
    else if (p->session.state != SESSION_CONNECTED)
        printf("session %s is %s; there is no QR code yet\n", p->id, session_state_text(p->session.state));
    (void)fflush(stdout);
}

static void show_expired(struct pairing *p)
{
    if (p->json)
        show_json(p); /* without a code */
    if (!p->json && p->session.state != SESSION_CONNECTED) {
        if (terminal_is_one())
            go_back_up(p);
        printf("The code of session %s has expired; waiting for a new one.\n", p->id);
        p->lines = 1;
        (void)fflush(stdout);
    }
    buf_fini(&p->shown);
}

static struct str code_of(const struct pairing *p)
{
    return p->phone ? str_from(p->phone_code) : (struct str){ buf_str(&p->qr), p->qr.len };
}

/* Keeps the shown code; false when it is the same as before. */
static bool is_new(struct pairing *p)
{
    struct str code = code_of(p);

    if (str_eq(code, buf_str(&p->shown)))
        return false;
    buf_fini(&p->shown);
    buf_init(&p->shown, QR_TEXT_MAX);
    (void)buf_add(&p->shown, code.p, code.n);
    return true;
}

/* -- the end -- */

static int paired(struct pairing *p)
{
    if (p->json) {
        show_json(p);
        return EXIT_DONE;
    }
    printf("session %s is connected%s%s%s%s\n", p->id, p->session.phone[0] ? " as " : "",
           clean_text(p->session.phone), p->session.name[0] ? ", " : "", clean_text(p->session.name));
    return EXIT_DONE;
}

static int no_code(const struct pairing *p)
{
    char step[200];

    return cli_problem(EXIT_NEGATIVE, "session %s is %s; %s", p->id, session_state_text(p->session.state),
                       next_step(p->session.state, NULL, false, p->name, step, sizeof step));
}

/* -1: go on. */
static int is_over(struct pairing *p)
{
    if (p->session.state == SESSION_CONNECTED)
        return paired(p);
    if (p->session.state == SESSION_LOGGED_OUT || p->session.state == SESSION_FAILED)
        return p->renew ? p->renew(p) : no_code(p);
    if (p->waited_ms >= p->timeout_ms)
        return cli_problem(
            EXIT_NEGATIVE,
            "nobody scanned the code of session %s in time; `zapkeep session pair %s` shows it again", p->id,
            p->name);
    return EXIT_GO_ON;
}

static int watch(struct pairing *p)
{
    CLEANUP(cli_reply_fini) struct cli_reply reply = CLI_REPLY_NULL;
    int faults = 0;

    for (;;) {
        int code = is_over(p), r;

        if (code != EXIT_GO_ON)
            return code;
        r = cli_bridge_sleep(p->bridge, PAIRING_POLL_MS);
        p->waited_ms += PAIRING_POLL_MS;
        if (r == 0)
            r = pairing_ask(p, &reply);
        faults = r ? faults + 1 : 0;
        if (r < 0 || faults > FAULTS_MAX || (r && !bridge_answer_is_transport(r)))
            return cli_bridge_problem(p->bridge, "cannot watch the session", r, &reply);
        if (r == 0 && !code_of(p).n && p->shown.len)
            show_expired(p);
        else if (r == 0 && code_of(p).n && is_new(p))
            show(p);
    }
}

int pairing_run(struct pairing *p)
{
    (void)is_new(p);
    if (p->session.state == SESSION_CONNECTED)
        return paired(p);
    show(p);
    return p->watch ? watch(p) : EXIT_DONE;
}
