/*
 * Booting, in the order that makes the first line an operator sees the right one: settings (a problem is one
 * line and exit 2), data directory and admin port (one line and exit 3). Everything else is waited for by the
 * services.
 */
#include "common/app/app.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/app/admin.h"
#include "common/app/app_publisher.h"
#include "common/app/boot.h"
#include "common/app/heartbeat.h"
#include "common/app/promises.h"
#include "common/app/systemd.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/io/inner_loop.h"
#include "common/store/role.h"
#include "common/store/store.h"
#include "common/store/waiting.h"

/* After SIGTERM a service has this long to finish its work in flight (guarantee S1). */
#define STOP_GRACE_MS (10 * 1000)
/* When start-up's pages are given back: soon, and once more after the first round of work. */
#define TRIM_FIRST_MS  1000
#define TRIM_SECOND_MS 15000
/* One line of app_exit(). */
#define EXIT_MESSAGE_MAX 2048

struct app {
    const struct app_spec *spec;
    void *settings;              /* begins with struct app_settings */
    const char *secret_in_flags; /* its name, or NULL */
    struct loop *loop;
    struct clock *clock, machine_clock; /* the start's, or the machine's */
    struct rng *rng, kernel_rng;
    struct inner_loop *admin_loop; /* NULL: the admin port is served by the loop itself */
    struct admin *admin;
    struct app_publisher *publisher;
    struct timer *trim, *grace, *watchdog, *beat;
    struct heartbeat *heartbeat; /* NULL: this program writes none */
    struct promises *promises;   /* NULL: the store is a folder */
    int64_t trim_next_ms;
    void (*on_stop)(void *ctx);
    void *on_stop_ctx;
    bool stopping, store_away;
    enum exit_code code;
};

/* ---- opening --------------------------------------------------------------------------------- */

static void on_trim(void *ctx)
{
    struct app *a = ctx;

    mem_trim_startup();
    if (a->trim_next_ms > 0)
        timer_start(a->trim, a->trim_next_ms);
    a->trim_next_ms = 0;
}

static void on_watchdog(void *ctx)
{
    struct app *a = ctx;

    systemd_notify("WATCHDOG=1");
    timer_start(a->watchdog, systemd_watchdog_ms());
}

static void on_grace(void *ctx)
{
    struct app *a = ctx;

    log_warn("stop-late", "stopping now; what was in flight is not finished");
    loop_stop(a->loop);
}

static void on_signal(void *ctx, int signum)
{
    struct app *a = ctx;
    bool again = a->stopping;

    a->stopping = true;
    store_hurry();
    systemd_notify("STOPPING=1");
    log_info("stopping", again ? "asked again, stopping at once" : "finishing what is in flight",
             KI("signal", signum));
    if (again || !a->on_stop) {
        loop_stop(a->loop);
        return;
    }
    timer_start(a->grace, STOP_GRACE_MS);
    a->on_stop(a->on_stop_ctx);
}

/* The callback that waits for a server may have several more calls to make: on_signal() comes after the last of them. */
static void on_signal_while_waiting(void *ctx, int signum)
{
    (void)ctx;
    (void)signum;
    store_hurry();
}

/* How often the admin server's timers are looked at while a database server is waited for. */
#define WAITING_POLL_MS 100

/* With a database server the admin port is served also while one of our calls waits for it, and so is a stop signal. */
static int open_admin_loop(struct app *a, struct loop **ret)
{
    const struct app_settings *s = a->settings;
    int r;

    *ret = a->loop;
    if (!store_is_server(app_store(s)) || strcmp(s->admin_listen, "off") == 0)
        return 0;
    r = inner_loop_open(a->loop, &a->admin_loop);
    if (r != 0)
        return r;
    *ret = inner_loop_of(a->admin_loop);
    r = loop_on_stop_signal(*ret, on_signal_while_waiting, a);
    if (r != 0)
        return r;
    store_set_waiting(&(struct store_waiting){ .fd = inner_loop_fd(a->admin_loop),
                                               .poll_ms = WAITING_POLL_MS,
                                               .serve = inner_loop_serve,
                                               .ctx = a->admin_loop });
    return 0;
}

static int open_admin(struct app *a, const struct app_start *start)
{
    const struct app_spec *spec = a->spec;
    const struct app_settings *s = a->settings;
    bool any_port =
        spec->admin_any_port && !settings_given(spec->table, APP_ADMIN_SETTING, start->argc, start->argv);
    struct loop *loop = a->loop;
    int r = admin_new(spec->service, s->host_names, &a->admin);

    if (r != 0 || !s->admin_listen)
        return r;
    r = open_admin_loop(a, &loop);
    if (r == 0)
        r = admin_listen(a->admin, loop, s->admin_listen, any_port);
    if (a->admin_loop)
        inner_loop_serve(a->admin_loop); /* it begins to listen */
    if (r == 0 || r == -ENOMEM)
        return r;
    return boot_exit(spec, EXIT_UNREACHABLE,
                     "cannot listen on " APP_ADMIN_SETTING " %s: %s; set another address, or \"off\"",
                     s->admin_listen, err_text(r));
}

static int open_bus(struct app *a)
{
    const struct app_settings *s = a->settings;
    int r;

    if (a->spec->no_publisher)
        return 0;
    r = app_publisher_open(a->loop, s->bus_in, a->spec->service, a->clock, &a->publisher);
    if (r == -EKEYREJECTED)
        return boot_exit(a->spec, EXIT_USAGE, "%s", BUS_KEY_REJECTED);
    if (r != -EINVAL)
        return r;
    return boot_exit(a->spec, EXIT_USAGE,
                     "ZAPKEEP_BUS_IN is \"%s\", which is no address of the bus, as "
                     "ipc:///var/lib/zapkeep/bus-in.sock or tls+tcp://hub:5550",
                     s->bus_in);
}

static int open_loop(struct app *a)
{
    int r = loop_open(&a->loop);

    if (r == 0)
        r = timer_open(a->loop, on_trim, a, &a->trim);
    if (r == 0)
        r = timer_open(a->loop, on_grace, a, &a->grace);
    if (r == 0)
        r = timer_open(a->loop, on_watchdog, a, &a->watchdog);
    if (r == 0)
        r = loop_on_stop_signal(a->loop, on_signal, a);
    if (r == 0 && a->clock == &a->machine_clock)
        timer_start(a->trim, TRIM_FIRST_MS);
    return r;
}

static int boot(struct app *a, const struct app_start *start)
{
    int r = boot_data_dir(a->spec, a->settings);

    if (r == 0)
        r = open_loop(a);
    if (r == 0)
        r = open_admin(a, start);
    if (r == 0)
        r = open_bus(a);
    return r;
}

/* The start's clock and random numbers, or the machine's. */
static void take_sources(struct app *a, const struct app_start *start)
{
    a->clock = start->clock;
    a->rng = start->rng;
    if (!a->clock) {
        clock_init(&a->machine_clock);
        a->clock = &a->machine_clock;
    }
    if (!a->rng) {
        rng_init_random(&a->kernel_rng);
        a->rng = &a->kernel_rng;
    }
}

int app_open(const struct app_spec *spec, const struct app_start *start, void *settings, struct app **ret)
{
    struct app *a;
    int r = boot_settings(spec, start, settings);

    if (r != 0)
        return r;
    (void)umask(0027); /* stores, journals, locks and logs hold people's messages, names and phones */
    boot_log(spec, settings);
    store_share_connection(spec->shares_connection);
    store_set_password(((const struct app_settings *)settings)->store_password, getenv(STORE_PASSWORD_FILE));
    store_role_set_lease(((const struct app_settings *)settings)->role_lease_ms);
    a = mem_zalloc(sizeof *a);
    if (!a) {
        settings_free(spec->table, settings);
        return -ENOMEM;
    }
    a->spec = spec;
    a->settings = settings;
    a->secret_in_flags = settings_secret_in_flags(spec->table, start->argc, start->argv);
    a->trim_next_ms = TRIM_SECOND_MS;
    take_sources(a, start);
    r = boot(a, start);
    if (r != 0)
        return APP_EXIT(app_close(a, r));
    *ret = a;
    return 0;
}

/* ---- running and closing --------------------------------------------------------------------- */

static void on_beat(void *ctx)
{
    struct app *a = ctx;

    heartbeat_write(a->heartbeat);
    timer_start(a->beat, HEARTBEAT_MS);
}

/* A service without a folder to write to gives no sign of life, and works all the same. */
static void start_heartbeat(struct app *a)
{
    const struct app_settings *s = a->settings;

    if (!a->spec->is_service || timer_open(a->loop, on_beat, a, &a->beat) != 0)
        return;
    if (heartbeat_open(s->data_dir, a->spec->service, a->clock, &a->heartbeat) == 0)
        timer_start(a->beat, HEARTBEAT_MS);
}

int app_run(struct app *a)
{
    int r;

    boot_show_settings(a->spec, a->settings);
    if (a->secret_in_flags)
        boot_warn_of_flag(a->secret_in_flags);
    if (admin_port(a->admin) != 0)
        log_info("admin-listening", "health, readiness and metrics are served",
                 KS("listen", ((const struct app_settings *)a->settings)->admin_listen),
                 KI("port", admin_port(a->admin)));
    systemd_notify("READY=1");
    if (systemd_watchdog_ms() > 0)
        on_watchdog(a);
    start_heartbeat(a);
    if (a->spec->needs_data_dir)
        (void)promises_open(a->loop, app_store(a->settings), &a->promises);
    r = loop_run(a->loop);

    if (r == 0 && a->code == EXIT_DONE)
        log_info("stopped", "stopped");
    return r;
}

void app_fail(struct app *a, enum exit_code code)
{
    a->code = code;
    loop_stop(a->loop);
}

int app_close(struct app *a, int r)
{
    enum exit_code code = a ? a->code : EXIT_DONE;

    if (r < 0) {
        (void)fprintf(stderr, "zapkeep: cannot go on: %s\n", err_text(r));
        code = EXIT_NEGATIVE;
    } else if (r > 0) {
        code = (enum exit_code)(r - 1);
    }
    if (!a)
        return (int)code;
    app_publisher_close(a->publisher);
    admin_free(a->admin);
    if (a->admin_loop)
        store_set_waiting(NULL);
    inner_loop_close(a->admin_loop);
    timer_close(a->trim);
    timer_close(a->grace);
    timer_close(a->watchdog);
    timer_close(a->beat);
    heartbeat_close(a->heartbeat);
    promises_close(a->promises);
    if (loop_close(a->loop) == -EBUSY)
        log_error("loop-busy", "a handle was never closed");
    settings_free(a->spec->table, a->settings);
    mem_free(a);
    return (int)code;
}

/* ---- for services ---------------------------------------------------------------------------- */

struct loop *app_loop(struct app *a)
{
    return a->loop;
}

struct clock *app_clock(struct app *a)
{
    return a->clock;
}

int64_t app_wall_ms(struct app *a)
{
    return a->clock->wall_ms(a->clock);
}

int64_t app_boot_ms(struct app *a)
{
    return a->clock->boot_ms(a->clock);
}

struct rng *app_rng(struct app *a)
{
    return a->rng;
}

void app_check_add(struct app *a, const struct app_check *check)
{
    admin_check_add(a->admin, check);
}

void app_on_stop(struct app *a, void (*fn)(void *ctx), void *ctx)
{
    a->on_stop = fn;
    a->on_stop_ctx = ctx;
}

void app_stopped(struct app *a)
{
    timer_stop(a->grace);
    loop_stop(a->loop);
}

bool app_stopping(const struct app *a)
{
    return a->stopping;
}

void app_set_store_away(struct app *a, bool away)
{
    a->store_away = away;
}

bool app_store_is_away(const struct app *a)
{
    return a->store_away;
}

bool app_is_own_host(const struct app *a, struct str host)
{
    return admin_is_own_host(a->admin, host);
}

bool app_admin_serve(struct app *a, struct http_req *r)
{
    return admin_serve(a->admin, r);
}

void app_publish(struct app *a, struct message *m)
{
    app_publisher_add(a->publisher, m);
}

int app_exit(struct app *a, enum exit_code code, const char *fmt, ...)
{
    char message[EXIT_MESSAGE_MAX];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    return boot_exit(a->spec, code, "%s", message);
}
