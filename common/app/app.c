/*
 * Booting, in the order that makes the first line an operator sees the right one: settings (a problem is one
 * line and exit 2), data directory and admin port (one line and exit 3). Everything else is waited for by the
 * services.
 */
#include "common/app/app.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/app/admin.h"
#include "common/app/heartbeat.h"
#include "common/app/notify.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/metrics.h"
#include "common/bridge/drivers.h"

/* After SIGTERM a service has this long to finish what is in flight (promise S1). */
#define STOP_GRACE_MS (10 * 1000)
/* Help of all settings, or one problem. */
#define WORDS_MAX (64 * 1024)
/* When start-up's pages are given back: soon, and once more after the first round of work. */
#define TRIM_FIRST_MS  1000
#define TRIM_SECOND_MS 15000
/* Bells go out this long after the first of them: together, because one message of nng costs as much as
 * twenty bells do, and after what the same event sets off, because the wake-ups on the way through the hub
 * would share the processor with it. */
#define BELLS_MS 5

struct app {
    const struct app_spec *spec;
    void *settings; /* begins with struct app_settings */
    struct loop *loop;
    struct clock *clock, machine_clock; /* the start's, or the machine's */
    struct rng *rng, kernel_rng;
    struct admin *admin;
    struct bus_pub *pub;
    struct http_client *client;
    struct timer *trim, *grace, *watchdog, *bells, *beat;
    struct heartbeat *heartbeat; /* NULL: this program writes none */
    int64_t trim_next_ms;
    void (*on_stop)(void *ctx);
    void *on_stop_ctx;
    struct buf ring; /* one encoded message, its memory reused */
    bool rung;       /* the bells' timer is set */
    bool stopping;
    enum exit_code code;
};

const struct setting app_settings_table[] = {
    { .name = "ZAPKEEP_DATA_DIR",
      .at = offsetof(struct app_settings, data_dir),
      .def = "/var/lib/zapkeep",
      .help = "folder of events.db and state.db" },
    { .name = "ZAPKEEP_BUS_IN",
      .kind = SETTING_BUS,
      .at = offsetof(struct app_settings, bus_in),
      .help = "where publishers dial the hub; default: ipc://ZAPKEEP_DATA_DIR/bus-in.sock" },
    { .name = "ZAPKEEP_BUS_OUT",
      .kind = SETTING_BUS,
      .at = offsetof(struct app_settings, bus_out),
      .help = "where subscribers dial the hub; default: ipc://ZAPKEEP_DATA_DIR/bus-out.sock" },
    { .name = "ZAPKEEP_BUS_FEED",
      .kind = SETTING_BUS,
      .at = offsetof(struct app_settings, bus_feed),
      .help = "where zapkeep's own programs subscribe, to many messages at once; default: "
              "ipc://ZAPKEEP_DATA_DIR/bus-feed.sock, or ZAPKEEP_BUS_OUT where that is set" },
    { .name = "ZAPKEEP_BUS_CERT",
      .at = offsetof(struct app_settings, bus_cert),
      .help = "for tls+tcp:// addresses: PEM file with this program's certificate and its key" },
    { .name = "ZAPKEEP_BUS_CA",
      .at = offsetof(struct app_settings, bus_ca),
      .help = "for tls+tcp:// addresses: PEM file of the authority that signed the certificates of all "
              "programs" },
    { .name = "ZAPKEEP_LOG",
      .kind = SETTING_CHOICE,
      .at = offsetof(struct app_settings, log_level),
      .def = "info",
      .choices = "debug info warn error",
      .help = "least important level that is logged" },
    { .name = "ZAPKEEP_HOST_NAMES",
      .at = offsetof(struct app_settings, host_names),
      .def = "",
      .help = "full domain names by which the admin ports are asked, comma-separated; addresses, localhost, "
              "names "
              "without a dot and the machine's own name are always answered" },
    { .name = "ZAPKEEP_LOG_FORMAT",
      .kind = SETTING_CHOICE,
      .at = offsetof(struct app_settings, log_format),
      .def = "logfmt",
      .choices = "logfmt json",
      .help = "form of a log line" },
    { 0 },
};

/* Offset of a bridge setting in a struct that begins with both. */
#define AT_BRIDGE(field) (sizeof(struct app_settings) + offsetof(struct bridge_settings, field))

const struct setting bridge_settings_table[] = {
    { .name = "WHATSAPP_API_URL",
      .kind = SETTING_URL,
      .at = AT_BRIDGE(url),
      .help = "base URL of the bridge, as http://127.0.0.1:3000" },
    { .name = "WHATSAPP_API_KEY",
      .at = AT_BRIDGE(api_key),
      .secret = true,
      .help = "key of the bridge, sent as Authorization: Bearer" },
    { .name = "WHATSAPP_BRIDGE",
      .kind = SETTING_CHOICE,
      .at = AT_BRIDGE(driver),
      .def = "auto",
      .choices = BRIDGE_CHOICES,
      .help = "what the bridge speaks; auto finds out" },
    { .name = "WHATSAPP_BRIDGE_NAME",
      .kind = SETTING_ID,
      .at = AT_BRIDGE(name),
      .def = "main",
      .help = "name of the bridge in topics and rows" },
    { 0 },
};

static struct metric bus_dropped = {
    .name = "zapkeep_bus_dropped_total",
    .help = "Bells that the bus did not take (no hub, or a full queue); rows are the truth, nothing is lost",
    .kind = METRIC_COUNTER,
};

/* ---- one line and an exit code --------------------------------------------------------------- */

static int stop_with(const struct app_spec *spec, enum exit_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int stop_with(const struct app_spec *spec, enum exit_code code, const char *fmt, ...)
{
    va_list ap;

    (void)fprintf(stderr, "%s: ", spec->program);
    va_start(ap, fmt);
    (void)vfprintf(stderr, fmt, ap);
    va_end(ap);
    (void)fputc('\n', stderr);
    return APP_EXIT(code);
}

static int print_help(const struct app_spec *spec)
{
    CLEANUP(buf_fini) struct buf help = BUF_INIT(WORDS_MAX);

    settings_help(spec->tables, &help);
    printf("%s - %s\n\n%s", spec->program, spec->what, buf_str(&help));
    return APP_EXIT(EXIT_DONE);
}

static int print_version(const struct app_spec *spec)
{
    printf("%s %s\n", spec->program, ZK_VERSION);
    return APP_EXIT(EXIT_DONE);
}

static int read_settings(const struct app_spec *spec, const struct app_start *start, void *settings)
{
    CLEANUP(buf_fini) struct buf problem = BUF_INIT(WORDS_MAX);
    int r = settings_read(spec->tables, start->argc, start->argv, &problem, settings, start->args);

    if (r == 0) {
        r = bus_settings_complete(settings, &problem);
        if (r != 0)
            settings_free(spec->tables, settings);
    }
    if (r == SETTINGS_HELP)
        return print_help(spec);
    if (r == SETTINGS_VERSION)
        return print_version(spec);
    if (r == -EINVAL)
        return stop_with(spec, EXIT_USAGE, "%s", buf_str(&problem));
    return r;
}

/* ---- the data directory ---------------------------------------------------------------------- */

/* A file can be made in it, whatever permissions, mounts and disks say. Its name is random: in containers
 * that share the folder every service is process 1. */
static int try_dir(const char *dir)
{
    char path[SETTINGS_VALUE_MAX + 32];
    int fd;

    if (mkdir(dir, 0750) != 0 && errno != EEXIST)
        return -errno;
    (void)snprintf(path, sizeof path, "%s/.zapkeep-XXXXXX", dir);
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    (void)close(fd);
    (void)unlink(path);
    return 0;
}

static int check_data_dir(const struct app *a)
{
    const struct app_settings *s = a->settings;
    int r;

    if (!a->spec->needs_data_dir)
        return 0;
    r = try_dir(s->data_dir);
    if (r == 0 || r == -ENOSPC) /* a full disk is waited for, by the service */
        return 0;
    return stop_with(a->spec, EXIT_UNREACHABLE,
                     "cannot write in ZAPKEEP_DATA_DIR %s: %s; make it a folder that this user may write",
                     s->data_dir, err_text(r));
}

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

    notify_send("WATCHDOG=1");
    timer_start(a->watchdog, notify_watchdog_ms());
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
    notify_send("STOPPING=1");
    log_info("stopping", again ? "asked again, stopping at once" : "finishing what is in flight",
             KI("signal", signum));
    if (again || !a->on_stop) {
        loop_stop(a->loop);
        return;
    }
    timer_start(a->grace, STOP_GRACE_MS);
    a->on_stop(a->on_stop_ctx);
}

static int open_admin(struct app *a, const struct app_start *start)
{
    const struct app_spec *spec = a->spec;
    const struct app_settings *s = a->settings;
    bool any_port =
        spec->admin_any_port && !settings_given(spec->tables, APP_ADMIN_SETTING, start->argc, start->argv);
    int r = admin_new(spec->service, ((const struct app_settings *)a->settings)->host_names, &a->admin);

    if (r != 0 || !s->admin_listen)
        return r;
    r = admin_listen(a->admin, a->loop, s->admin_listen, any_port);
    if (r == 0 || r == -ENOMEM)
        return r;
    return stop_with(spec, EXIT_UNREACHABLE,
                     "cannot listen on " APP_ADMIN_SETTING " %s: %s; set another address, or \"off\"",
                     s->admin_listen, err_text(r));
}

static int open_bus(struct app *a)
{
    const struct app_settings *s = a->settings;
    int r;

    if (a->spec->no_publisher)
        return 0;
    r = bus_pub_open(s->bus_in, &a->pub);
    if (r == -EKEYREJECTED)
        return stop_with(a->spec, EXIT_USAGE, "%s", BUS_KEY_REJECTED);
    if (r != -EINVAL)
        return r;
    return stop_with(a->spec, EXIT_USAGE,
                     "ZAPKEEP_BUS_IN is \"%s\", which is no address of the bus, as "
                     "ipc:///var/lib/zapkeep/bus-in.sock or tls+tcp://hub:5550",
                     s->bus_in);
}

static void on_bells(void *ctx)
{
    struct app *a = ctx;

    a->rung = false;
    metric_add(&bus_dropped, 0, bus_pub_flush(a->pub));
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
        r = timer_open(a->loop, on_bells, a, &a->bells);
    if (r == 0)
        r = loop_on_stop_signal(a->loop, on_signal, a);
    if (r == 0 && a->clock == &a->machine_clock)
        timer_start(a->trim, TRIM_FIRST_MS);
    return r;
}

static void setup_log(const struct app_spec *spec, const struct app_settings *s)
{
    static const char *const levels[] = { "debug", "info", "warn", "error" };
    enum log_level level = LOG_LEVEL_INFO;

    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        if (strcmp(s->log_level, levels[i]) == 0)
            level = (enum log_level)i;
    }
    log_setup(spec->service, level, strcmp(s->log_format, "json") == 0 ? LOG_FORMAT_JSON : LOG_FORMAT_LOGFMT);
}

static int boot(struct app *a, const struct app_start *start)
{
    int r = check_data_dir(a);

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
    int r = read_settings(spec, start, settings);

    if (r != 0)
        return r;
    (void)umask(0027); /* stores, journals, locks and logs hold people's messages, names and phones */
    setup_log(spec, settings);
    a = mem_zalloc(sizeof *a);
    if (!a) {
        settings_free(spec->tables, settings);
        return -ENOMEM;
    }
    a->spec = spec;
    a->settings = settings;
    a->trim_next_ms = TRIM_SECOND_MS;
    buf_init(&a->ring, MESSAGE_BYTES_MAX);
    take_sources(a, start);
    if (!spec->no_publisher)
        metrics_add(&bus_dropped);
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

    if (admin_port(a->admin) != 0)
        log_info("listening", "health, readiness and metrics are served",
                 KS("listen", ((const struct app_settings *)a->settings)->admin_listen),
                 KI("port", admin_port(a->admin)));
    notify_send("READY=1");
    if (notify_watchdog_ms() > 0)
        on_watchdog(a);
    start_heartbeat(a);
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
    http_client_close(a->client);
    bus_pub_close(a->pub);
    admin_free(a->admin);
    timer_close(a->trim);
    timer_close(a->grace);
    timer_close(a->watchdog);
    timer_close(a->bells);
    timer_close(a->beat);
    heartbeat_close(a->heartbeat);
    buf_fini(&a->ring);
    if (loop_close(a->loop) == -EBUSY)
        log_error("loop-busy", "a handle was never closed");
    settings_free(a->spec->tables, a->settings);
    mem_free(a);
    return (int)code;
}

const char *app_bus_name(const struct app_settings *s)
{
    return *s->bus_feed ? "ZAPKEEP_BUS_FEED" : "ZAPKEEP_BUS_OUT";
}

const char *app_bus(const struct app_settings *s)
{
    return *s->bus_feed ? s->bus_feed : s->bus_out;
}

/* ---- what services ask for ------------------------------------------------------------------- */

struct loop *app_loop(struct app *a)
{
    return a->loop;
}

struct clock *app_clock(struct app *a)
{
    return a->clock;
}

struct rng *app_rng(struct app *a)
{
    return a->rng;
}

int app_http_client(struct app *a, int max_connections, struct http_client **ret)
{
    int r = a->client ? 0 : http_client_open(a->loop, max_connections, &a->client);

    if (r == 0)
        *ret = a->client;
    return r;
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

bool app_is_own_host(const struct app *a, struct str host)
{
    return admin_is_own_host(a->admin, host);
}

bool app_admin_serve(struct app *a, struct http_req *r)
{
    return admin_serve(a->admin, r);
}

static void new_message_id(char ret[32])
{
    uint8_t bytes[12];

    rng_secret(bytes, sizeof bytes);
    memcpy(ret, "msg_", 4);
    for (size_t i = 0; i < sizeof bytes; i++)
        (void)snprintf(ret + 4 + 2 * i, 3, "%02x", bytes[i]);
}

void app_publish(struct app *a, struct message *m)
{
    char id[32];
    int lost = 1;

    if (!m->id.p) {
        new_message_id(id);
        m->id = str_from(id);
    }
    if (m->at == MESSAGE_UNSET)
        m->at = a->clock->wall_ms(a->clock);
    if (!m->src.p)
        m->src = str_from(a->spec->service);
    buf_reset(&a->ring);
    if (message_encode(m, &a->ring) == 0)
        lost = bus_pub_add(a->pub, (struct str){ a->ring.data, a->ring.len });
    metric_add(&bus_dropped, 0, lost);
    if (m->id.p == id)
        m->id = STR_NULL;
    if (!a->rung)
        timer_start(a->bells, BELLS_MS);
    a->rung = true;
}

int64_t backoff_next_ms(struct backoff *b)
{
    b->delay_ms = b->tries++ == 0 ? BACKOFF_MIN_MS : b->delay_ms * 2;
    if (b->delay_ms > BACKOFF_MAX_MS)
        b->delay_ms = BACKOFF_MAX_MS;
    return b->delay_ms;
}

bool backoff_is_news(const struct backoff *b)
{
    return b->tries > 0 && (b->tries & (b->tries - 1)) == 0;
}

void backoff_reset(struct backoff *b)
{
    *b = (struct backoff){ 0 };
}
