/*
 * One request, when all goes well:
 *   on_begin     its Host is ours
 *   on_request   below /api/v1 a route is found, else it is a file of the front end
 *   dispatch     who asks, and may he? A change also needs our Origin and the CSRF token
 *   handle_…     answers
 * When it does not: each step answers with the reason.
 */
#include "services/console/console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/metrics.h"
#include "common/base/own_file.h"
#include "common/base/url.h"
#include "services/console/bridge_checks.h"
#include "services/console/child_cli.h"
#include "services/console/counts.h"
#include "services/console/deletions.h"
#include "services/console/doctor_run.h"
#include "services/console/live.h"
#include "services/console/pairings.h"
#include "services/console/replays.h"
#include "services/console/routes.h"
#include "services/console/session_list.h"
#include "services/console/store_run.h"
#include "services/console/stores.h"

#define API "/api/v1"
/* The one-time URL, where stdout is no terminal. */
#define URL_FILE "console-url"
/* A filter, or a list of 1,000 sessions with long ids. */
#define BODY_MAX (256 * 1024)
/* A stop waits so long for answers under way. */
#define STOP_LOOK_MS 100

static const struct http_limits limits = {
    .header_bytes_max = 16 * 1024,
    .body_bytes_max = BODY_MAX,
    .headers_bytes_max = 8 * 1024 * 1024,
    .headers_peer_max = 4 * 1024 * 1024,
    /* Nobody is known before the body is there; all of them together have little. */
    .bodies_bytes_max = 8 * 1024 * 1024,
    .bodies_peer_max = 4 * 1024 * 1024,
    .unverified_bytes_max = 4 * 1024 * 1024,
    .unverified_peer_max = 2 * 1024 * 1024,
    /* Streams and the requests of their pages. */
    .connections_max = 1024,
    /* A proxy has all browsers behind one address; one address may not take the rest, which is for others. */
    .connections_peer_max = 768,
    .header_ms = 10 * 1000,
    .body_ms = 20 * 1000,
    .unverified_ms = 10 * 1000,
    .idle_ms = 75 * 1000,
};

static METRIC requests = { .name = "zapkeep_console_requests_total",
                           .help = "Requests of the API",
                           .kind = METRIC_COUNTER,
                           .label = "kind",
                           .values = { "read", "change", "refused" } };
enum { REQUEST_READ, REQUEST_CHANGE, REQUEST_REFUSED };

struct console {
    struct console_context c;
    struct console_settings settings;
    const struct assets *assets;
    struct http_server *server;
    struct timer *stopping;
};

static const struct app_spec spec = {
    .service = "console",
    .program = "zapkeep-console",
    .what = "shows every session in a browser, and lets operators act",
    .table = console_settings_table,
    .admin_any_port = true,
    .needs_data_dir = true,
    .is_service = true,
    .shares_connection = true,
};

/* ---- one request ----------------------------------------------------------------------------- */

static bool is_change(const struct http_req *r)
{
    return !str_eq(http_req_method(r), "GET") && !str_eq(http_req_method(r), "HEAD");
}

static enum guard_verdict check_guard(const struct exchange *e, const char *csrf)
{
    const struct guard_request g = { .origin = http_req_header(e->http, "Origin"),
                                     .host = http_req_host(e->http),
                                     .sec_fetch_site = http_req_header(e->http, "Sec-Fetch-Site"),
                                     .csrf = http_req_header(e->http, "X-CSRF-Token"),
                                     .content_type = http_req_header(e->http, "Content-Type"),
                                     .has_body = http_req_body(e->http).n > 0 };

    return guard_check(&e->c->url, csrf, &g);
}

static void refuse(struct exchange *e, int status, const char *error, const char *detail)
{
    metric_add(&requests, REQUEST_REFUSED, 1);
    exchange_error(e, status, error, "%s", detail);
}

/* Who asks, and may he? False: the answer was given. */
static bool admit(struct exchange *e, const struct route *route)
{
    enum guard_verdict guard = GUARD_FINE;
    int r = route->role ? login_identify(e->c->login, e->http, &e->who) : 0;

    if (r < 0) {
        exchange_store_error(e, STATE_DB_FILE, r);
        return false;
    }
    if (r == LOGIN_NOBODY) {
        refuse(e, 401, "not_logged_in", "log in: the login is absent or has ended");
        return false;
    }
    if (is_change(e->http) && (!route->role || e->who.by_cookie))
        guard = check_guard(e, route->role ? e->who.csrf : NULL);
    if (guard != GUARD_FINE) {
        refuse(e, 403, guard == GUARD_CSRF ? "csrf" : "forbidden", guard_message(guard));
        return false;
    }
    if (e->who.role < route->role) {
        refuse(e, 403, "viewer", "viewers change nothing: log in as operator");
        return false;
    }
    return true;
}

static void dispatch(struct console *x, struct http_req *r, struct str path)
{
    struct exchange e = { .c = &x->c, .http = r };
    bool other_method;
    const struct route *route = routes_find(http_req_method(r), path, e.param, &other_method);

    login_address(&x->c, r, e.address, sizeof e.address);
    if (!route) {
        exchange_error(&e, other_method ? 405 : 404, other_method ? "method_not_allowed" : "not_found", "%s",
                       other_method ? "this path takes another method"
                                    : "there is no such path; see openapi.json");
        return;
    }
    if (!admit(&e, route))
        return;
    metric_add(&requests, is_change(r) ? REQUEST_CHANGE : REQUEST_READ, 1);
    live_touch(x->c.live);
    route->handle(&e);
}

static void on_request(void *ctx, struct http_req *r)
{
    struct console *x = ctx;
    struct str path = web_path_below(http_req_path(r), str_from(x->c.url.base));
    char location[200];

    if (!path.p) {
        http_respond_error(r, 404, "not_found", "the console is below the path of ZAPKEEP_CONSOLE_URL", NULL);
    } else if (str_starts(path, API "/")) {
        dispatch(x, r, (struct str){ path.p + sizeof API - 1, path.n - (sizeof API - 1) });
    } else if (path.n == 0) {
        (void)snprintf(location, sizeof location, "Location: %s/\n", x->c.url.base);
        http_respond(r, 301, NULL, STR_NULL, location);
    } else {
        assets_serve(x->assets, path, r);
    }
}

static bool is_own_host(const struct console *x, struct str host)
{
    const char *colon = host.p ? memrchr(host.p, ':', host.n) : NULL;
    struct str name = colon ? (struct str){ host.p, (size_t)(colon - host.p) } : host;

    return app_is_own_host(x->c.app, host) ||
           (x->c.url.host[0] && (str_eq(host, x->c.url.host) || str_eq(name, x->c.url.host)));
}

static enum http_begin on_begin(void *ctx, struct http_req *r)
{
    if (is_own_host(ctx, http_req_host(r)))
        return http_req_has_body(r) ? HTTP_BEGIN_READ_UNVERIFIED : HTTP_BEGIN_READ;
    http_respond_error(
        r, 421, "host_not_known",
        "ask by address, localhost or the machine's name, or set ZAPKEEP_CONSOLE_URL to the address in the "
        "browser",
        NULL);
    return HTTP_BEGIN_ANSWERED;
}

/* ---- opening --------------------------------------------------------------------------------- */

static bool is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0 || strcmp(host, "localhost") == 0;
}

static int listen_on(struct console *x)
{
    static const struct http_handlers handlers = { .on_begin = on_begin, .on_request = on_request };
    const struct console_settings *s = &x->settings;
    char host[64];
    uint16_t port;
    int r = url_parse_listen(s->listen, host, sizeof host, &port);

    if (r != 0)
        return app_exit(x->c.app, EXIT_USAGE, "ZAPKEEP_CONSOLE_LISTEN is %s: it takes an address and a port",
                        s->listen);
    if (!s->password[0] && (!is_loopback(host) || s->sinks.console_url[0]))
        return app_exit(x->c.app, EXIT_USAGE,
                        "others reach the console at %s: set ZAPKEEP_CONSOLE_PASSWORD (or its file by "
                        "ZAPKEEP_CONSOLE_PASSWORD_FILE)",
                        s->sinks.console_url[0] ? s->sinks.console_url : s->listen);
    r = http_server_open(app_loop(x->c.app), host, port, -1, &limits, &handlers, x, &x->server);
    if (r < 0)
        return app_exit(x->c.app, EXIT_UNREACHABLE, "cannot listen on ZAPKEEP_CONSOLE_LISTEN %s: %s",
                        s->listen, err_text(r));
    return r;
}

static int open_login(struct console *x)
{
    int r = login_new(&x->c, &x->c.login);

    return r == -EINVAL ? app_exit(x->c.app, EXIT_USAGE,
                                   "a password has at most 256 characters, and a hash must be argon2id as "
                                   "the program argon2 "
                                   "prints it")
                        : r;
}

static int open_parts(struct console *x)
{
    struct console_context *c = &x->c;
    int r = stores_new(c, &c->stores);

    if (r == 0)
        r = session_list_new(c->stores, &c->sessions);
    if (r == 0)
        r = live_new(c, &c->live);
    if (r == 0)
        r = open_login(x);
    if (r == 0)
        r = pairings_new(c, &c->pairings);
    if (r == 0)
        r = deletions_new(c, &c->deletions);
    if (r == 0)
        r = doctor_run_new(c, &c->doctor);
    if (r == 0)
        r = bridge_checks_new(c, &c->checks);
    if (r == 0)
        r = store_run_new(c, &c->store);
    if (r == 0)
        r = replays_new(c, &c->replays);
    if (r == 0)
        r = counts_open(c, &c->counts);
    return r;
}

/* Answers under way go out; streams just end. */
static void on_stopping(void *ctx)
{
    struct console *x = ctx;

    if (http_server_pending(x->server) == 0)
        app_stopped(x->c.app);
    else
        timer_start(x->stopping, STOP_LOOK_MS);
}

static void on_stop(void *ctx)
{
    struct console *x = ctx;

    http_server_quiesce(x->server);
    on_stopping(x);
}

int console_open(const struct app_start *start, const struct assets *assets, struct console **ret)
{
    struct console *x = mem_zalloc(sizeof *x);
    int r = x ? app_open(&spec, start, &x->settings, &x->c.app) : -ENOMEM;

    if (r != 0) {
        mem_free(x);
        return r;
    }
    *ret = x;
    x->assets = assets;
    x->c.settings = &x->settings;
    if (guard_read_url(x->settings.sinks.console_url, &x->c.url) != 0)
        return app_exit(x->c.app, EXIT_USAGE,
                        "ZAPKEEP_CONSOLE_URL is %s: it takes http(s)://host[:port][/path]",
                        x->settings.sinks.console_url);
    child_cli_export(&x->settings);
    r = open_parts(x);
    if (r == 0)
        r = timer_open(app_loop(x->c.app), on_stopping, x, &x->stopping);
    if (r == 0)
        r = listen_on(x);
    if (r == 0)
        app_on_stop(x->c.app, on_stop, x);
    return r;
}

/* A file of ours alone, for those whose stdout is a log. Returns 0 or -errno. */
static int write_url(const struct console *x, const char *url)
{
    int fd, r = own_file_open(x->settings.app.data_dir, URL_FILE, O_WRONLY | O_CREAT | O_TRUNC, 0600, &fd);

    if (r != 0)
        return r;
    if (dprintf(fd, "%s\n", url) < 0)
        r = -EIO;
    (void)close(fd);
    return r;
}

/* The one-time URL stands in no log: on a terminal it is printed, else it is in a file. */
static void say_ticket(const struct console *x, const char *url)
{
    int r;

    if (isatty(STDOUT_FILENO) == 1) {
        printf("console: %s (once, within the hour)\n", url);
        (void)fflush(stdout);
        return;
    }
    r = write_url(x, url);
    if (r == 0)
        log_info("console-url", "the one-time address of the console is in this file",
                 KS("dir", x->settings.app.data_dir), KS("file", URL_FILE));
    else
        log_error("console-url-failed",
                  "the one-time address of the console could not be written; set a password",
                  KS("dir", x->settings.app.data_dir), KS("file", URL_FILE), KS("error", err_text(r)));
}

static void say_address(const struct console *x)
{
    const char *ticket = login_ticket(x->c.login);
    uint16_t port = http_server_port(x->server);
    char host[64], url[400];

    log_info("console-open", "the console is served", KS("listen", x->settings.listen), KI("port", port));
    if (!ticket[0] || url_parse_listen(x->settings.listen, host, sizeof host, &port) != 0)
        return;
    (void)snprintf(url, sizeof url, "http://%s%s%s:%u/login?ticket=%s", strchr(host, ':') ? "[" : "", host,
                   strchr(host, ':') ? "]" : "", (unsigned)http_server_port(x->server), ticket);
    say_ticket(x, url);
}

int console_run(struct console *x)
{
    say_address(x);
    return app_run(x->c.app);
}

int console_close(struct console *x, int r)
{
    struct app *app = x ? x->c.app : NULL;
    int code;

    if (x) {
        live_free(x->c.live); /* ends the streams */
        http_server_close(x->server);
        timer_close(x->stopping);
        x->c.live = NULL;
        counts_close(x->c.counts);
        replays_free(x->c.replays);
        doctor_run_free(x->c.doctor);
        bridge_checks_free(x->c.checks);
        store_run_free(x->c.store);
        deletions_free(x->c.deletions);
        pairings_free(x->c.pairings);
        login_free(x->c.login);
        session_list_free(x->c.sessions);
        stores_free(x->c.stores);
    }
    code = app_close(app, r);
    mem_free(x);
    return code;
}
