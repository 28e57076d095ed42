/*
 * zapkeep session pair ID: the one command that leads to a paired session, from any state.
 *
 *   the bridge has a code            it is shown, and shown anew until a phone has scanned it
 *   the bridge has no such session   it is created
 *   it is logged out, failed, or its code has expired for good
 *                                    the bridge is asked to reconnect it, where it can; when that gives no
 *                                    code the
 *                                    session is deleted and created again, after asking
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/app/webhook_settings.h"
#include "common/app/webhook_url.h"
#include "common/base/mem.h"
#include "common/ops/open_state.h"
#include "common/store/sessions.h"
#include "services/cli/audit.h"
#include "services/cli/commands.h"
#include "services/cli/pairing.h"
#include "services/cli/session_create.h"
#include "services/cli/session_delete.h"
#include "services/cli/which_bridge.h"

/* A bridge that was asked for a code has one within this time: zapw takes up to 30 s for the first. */
#define CODE_WAIT_MS (45 * 1000)
/* A bridge that makes codes for some connections only has made one by then. */
#define REFUSED_WAIT_MS (20 * 1000)
#define CODE_LOOK_MS    1000
/* After a reconnect a session is still called logged out for a moment. */
#define RECONNECT_WAIT_MS 6000

struct pair_settings {
    struct cli_settings cli;
    const char *ingest_listen, *webhook_url, *token, *secret, *phone;
    bool wait, yes;
    int64_t timeout_ms;
};

static const struct setting table[] = {
    WEBHOOK_URL_ROW(struct pair_settings, webhook_url),
    INGEST_LISTEN_ROW(struct pair_settings, ingest_listen),
    WEBHOOK_TOKEN_ROW(struct pair_settings, token),
    WEBHOOK_SECRET_ROW(struct pair_settings, secret),
    PAIRING_ROWS(offsetof(struct pair_settings, wait), offsetof(struct pair_settings, timeout_ms)),
    { .name = "PHONE",
      .at = offsetof(struct pair_settings, phone),
      .flag_only = true,
      .help = "get a code to type on the phone with this number instead of a QR code, where the bridge has "
              "such codes" },
    { .name = "YES",
      .kind = SETTING_BOOL,
      .at = offsetof(struct pair_settings, yes),
      .def = "false",
      .flag_only = true,
      .help = "do not ask before the session is deleted and created again" },
    { 0 },
};

struct pair {
    struct pairing pairing; /* first */
    const struct pair_settings *settings;
    bool needs_code; /* state.db says so: a bridge may call a session that was logged out "disconnected" */
    bool reconnected, created;
    char id[SESSIONS_ID_MAX];        /* that the bridge has given to a session which was created */
    int64_t reconnected_ms;          /* waited since */
    char name[SESSION_ARGUMENT_MAX]; /* of pairing.name */
};

/* Does state.db say that its pairing has ended? Without state.db the bridge's word has to do. */
static bool has_lost_pairing(const struct pair_settings *s, const char *id)
{
    struct session_row row = { 0 };
    struct db *db = NULL;
    int r = ops_open_state(app_store(&s->cli.app), &db);

    if (r == 0)
        r = sessions_find(db, s->cli.bridge.name, id, &row);
    db_close(db);
    return r == 0 && (row.state == SESSION_LOGGED_OUT || row.state == SESSION_FAILED);
}

/* -- ways to a new code -- */

static int create(struct pair *x)
{
    const struct session_create_settings how = { &x->settings->cli, x->settings->ingest_listen,
                                                 x->settings->webhook_url, x->settings->token,
                                                 x->settings->secret };
    struct bridge_created created = { 0 };
    int code = session_create(&how, x->pairing.bridge, x->pairing.id, x->pairing.phone, &created);

    if (created.session.id[0]) { /* the bridge may name its sessions itself */
        str_copy(str_from(created.session.id), x->id, sizeof x->id);
        x->pairing.id = x->id;
        x->pairing.name = session_argument(&x->settings->cli, x->settings->cli.bridge.name, x->id, x->name);
    }
    buf_fini(&x->pairing.qr);
    x->pairing.session = created.session;
    x->pairing.qr = created.qr;
    x->created = true;
    return code;
}

static int reconnect(struct pair *x)
{
    CLEANUP(cli_reply_fini) struct cli_reply reply = CLI_REPLY_NULL;
    struct bridge_request req = BRIDGE_REQUEST_NULL;
    struct cli_bridge *b = x->pairing.bridge;
    int r = bridge_build(b->driver, BRIDGE_RECONNECT, &b->target, x->pairing.id, &req);

    x->reconnected = true;
    if (r == 0)
        r = cli_bridge_call(b, &req, 0, &reply);
    if (r == 0)
        r = bridge_read_reconnect(b->driver, &reply.answer);
    if (r >= 0)
        r = cli_bridge_go_on(b, BRIDGE_RECONNECT, x->pairing.id, NULL, r, 0, &reply);
    return r < 0 || bridge_answer_is_transport(r) || r == BRIDGE_UNAUTHORIZED
               ? cli_bridge_problem(b, "cannot ask for a new code", r, &reply)
               : EXIT_GO_ON;
}

/* -1: go on. */
static int confirm(const struct pair *x)
{
    const char *id = x->pairing.id;
    char line[16] = "";

    if (x->settings->yes)
        return EXIT_GO_ON;
    if (isatty(STDIN_FILENO) != 1 || x->settings->cli.json)
        return cli_problem(
            EXIT_NEGATIVE,
            "session %s is %s: for a new code it must be deleted on the bridge and created again; "
            "`zapkeep session pair %s --yes` does it",
            id, session_state_text(x->pairing.session.state), x->pairing.name);
    (void)fprintf(stderr,
                  "Session %s is %s. For a new code it must be deleted on the bridge and created again.\n"
                  "Do it? [y/N] ",
                  id, session_state_text(x->pairing.session.state));
    if (fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y'))
        return EXIT_GO_ON;
    return cli_problem(EXIT_NEGATIVE, "nothing was changed");
}

static int create_again(struct pair *x)
{
    bool was_gone;
    int code = confirm(x);

    if (code == EXIT_GO_ON)
        code = session_delete(&x->settings->cli, x->pairing.bridge, x->pairing.id, &was_gone);
    return code == EXIT_GO_ON ? create(x) : code;
}

/* Called while the session has no code and is in a state that gives none by itself. */
static int renew(struct pairing *p)
{
    struct pair *x = container_of(p, struct pair, pairing);

    if (!x->reconnected && p->bridge->driver->has_reconnect)
        return reconnect(x);
    if (p->session.state == SESSION_DISCONNECTED && !x->needs_code) /* it may still be paired */
        return EXIT_GO_ON;
    if (x->reconnected && !x->created && (x->reconnected_ms += CODE_LOOK_MS) < RECONNECT_WAIT_MS)
        return EXIT_GO_ON;
    if (!x->created)
        return create_again(x);
    return cli_problem(EXIT_NEGATIVE,
                       "the bridge gives no code for session %s, it is %s; look at the bridge's log", p->id,
                       session_state_text(p->session.state));
}

/* -- the command -- */

static bool has_result(const struct pairing *p)
{
    return p->session.state == SESSION_CONNECTED || (p->phone ? p->phone_code[0] != '\0' : p->qr.len > 0);
}

static int64_t code_wait_ms(const struct pairing *p)
{
    return p->refusal[0] && p->bridge->driver->phone_code->refused ? REFUSED_WAIT_MS : CODE_WAIT_MS;
}

/* Waits until there is a code, or none is needed. -1: go on. */
static int obtain_code(struct pair *x)
{
    CLEANUP(cli_reply_fini) struct cli_reply reply = CLI_REPLY_NULL;
    struct pairing *p = &x->pairing;
    int r;

    for (int64_t waited = 0; !has_result(p); waited += CODE_LOOK_MS) {
        bool rests = p->session.state != SESSION_QR_PENDING && p->session.state != SESSION_STARTING;
        int code = rests ? renew(p) : EXIT_GO_ON;

        if (code == EXIT_GO_ON && waited >= code_wait_ms(p))
            code = cli_problem(EXIT_NEGATIVE,
                               "session %s is %s, and the bridge has given no code within %d s%s%s", p->id,
                               session_state_text(p->session.state), (int)(waited / 1000),
                               p->refusal[0] ? ": " : "", p->refusal);
        if (code != EXIT_GO_ON)
            return code;
        if (has_result(p))
            break;
        r = cli_bridge_sleep(p->bridge, CODE_LOOK_MS);
        if (r == 0)
            r = pairing_ask(p, &reply);
        if (r < 0 || (r > 0 && !bridge_answer_is_transport(r)))
            return cli_bridge_problem(p->bridge, "cannot ask for the code", r, &reply);
    }
    return EXIT_GO_ON;
}

static int pair(const struct pair_settings *s, struct cli_bridge *b, const char *id, const char *phone)
{
    struct pair x = { .settings = s,
                      .needs_code = has_lost_pairing(s, id),
                      .pairing = { .bridge = b,
                                   .id = id,
                                   .phone = phone,
                                   .data_dir = app_store(&s->cli.app),
                                   .json = s->cli.json,
                                   .watch = s->wait || (cli_is_tty() && !s->cli.json),
                                   .timeout_ms = s->timeout_ms,
                                   .renew = renew } };
    CLEANUP(cli_reply_fini) struct cli_reply reply = CLI_REPLY_NULL;
    int r = pairing_ask(&x.pairing, &reply), code = EXIT_GO_ON;

    x.pairing.name = session_argument(&s->cli, s->cli.bridge.name, id, x.name);
    cli_audit(&s->cli, "session.pair", s->cli.bridge.name, id, true, phone ? "by phone number" : "");
    if (r == BRIDGE_NO_SESSION)
        code = create(&x);
    else if (r)
        code = cli_bridge_problem(b, "cannot ask for the code", r, &reply);
    if (code == EXIT_GO_ON)
        code = obtain_code(&x);
    if (code == EXIT_GO_ON)
        code = pairing_run(&x.pairing);
    pairing_fini(&x.pairing);
    return code;
}

/* "+55 (11) 98888-7777" -> "5511988887777". False: it is no number of 6 to 15 digits. */
static bool read_phone(const char *text, char ret[BRIDGE_PHONE_MAX])
{
    size_t n = 0;

    for (; *text; text++) {
        if (strchr("+-(). ", *text))
            continue;
        if (!isdigit((unsigned char)*text) || n == BRIDGE_PHONE_MAX - 1)
            return false;
        ret[n++] = *text;
    }
    ret[n] = '\0';
    return n >= 6;
}

static int check_phone_code(const struct cli_bridge *b)
{
    return b->driver->phone_code
               ? EXIT_GO_ON
               : cli_problem(EXIT_NEGATIVE,
                             "bridge %s (%s) gives no codes for phone numbers; leave --phone out and scan "
                             "its QR code",
                             b->settings->name, b->driver->name);
}

static int run(const struct pair_settings *s, const struct settings_args *args)
{
    struct cli_bridge b = CLI_BRIDGE_NULL;
    char phone[BRIDGE_PHONE_MAX] = "";
    int code;

    if (args->n != 1 || !text_is_id(str_from(args->arg[0])))
        return cli_problem(EXIT_USAGE,
                           "session pair takes one ID of letters, digits, '-' and '_', 64 at most");
    if (s->phone[0] && !read_phone(s->phone, phone))
        return cli_problem(EXIT_USAGE,
                           "--phone is \"%s\"; it takes a number with its country code: +5511988887777",
                           s->phone);
    code = cli_bridge_open(&s->cli.bridge, &b);
    if (code != EXIT_GO_ON)
        return code;
    code = cli_bridge_find_driver(&b);
    if (code == EXIT_GO_ON && phone[0])
        code = check_phone_code(&b);
    if (code == EXIT_GO_ON)
        code = pair(s, &b, args->arg[0], phone[0] ? phone : NULL);
    cli_bridge_close(&b);
    return code;
}

int cmd_session_pair(int argc, char *argv[])
{
    struct pair_settings s;
    struct settings_args args;
    int code = cli_read(cli_command_of(cmd_session_pair), table, argc, argv, &s, &args);

    if (code != EXIT_GO_ON)
        return code;
    code = run(&s, &args);
    cli_free(table, &s);
    return code;
}
