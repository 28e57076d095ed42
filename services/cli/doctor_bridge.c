/* The bridge, as far as it can be asked without side effects. */
#include <stdio.h>
#include <string.h>
#include <sys/timex.h>

#include "common/base/json_in.h"
#include "common/base/mem.h"
#include "common/bridge/drivers.h"
#include "services/cli/doctor.h"

#define DAY_MS (24 * 3600 * 1000LL)

#define SKIP_NO_BRIDGE(d, f)                                                      \
    if (!(d)->health.answer.status) {                                             \
        finding_set((f), FINDING_SKIP, "", "not asked: the bridge is not there"); \
        return;                                                                   \
    }

int doctor_ask(struct doctor *d, const char *method, const char *path, struct cli_reply *ret)
{
    const struct bridge_path to = { method, path };
    struct bridge_request req = BRIDGE_REQUEST_NULL;
    int r = bridge_build_path(bridge_driver_find("contract"), &to, &d->bridge.target, NULL, NULL, &req);

    return r != 0 ? r : cli_bridge_call(&d->bridge, &req, 0, ret);
}

/* -- the list -- */

static int on_session(void *ctx, const struct bridge_session *s)
{
    struct doctor *d = ctx;

    d->sessions++;
    d->connected += s->state == SESSION_CONNECTED;
    return 0;
}

static void count_sessions(struct doctor *d, const struct cli_reply *list)
{
    int skipped;

    d->sessions = d->connected = 0;
    if (bridge_read_list(d->bridge.driver, &list->answer, on_session, d, &skipped))
        d->sessions = d->connected = -1;
}

/* -- is it there -- */

/* By its answers, and by WHATSAPP_BRIDGE if that names one. */
static void find_driver(struct doctor *d)
{
    CLEANUP(detection_fini) struct detection answers = DETECTION_NULL;

    d->detection = cli_bridge_detect(&d->bridge, &answers, &d->found);
    d->refused_status = detection_reason(&answers)->answer.status;
    d->bridge.driver = bridge_driver_find(d->settings.cli.bridge.driver);
    if (!d->bridge.driver)
        d->bridge.driver = d->found;
}

static int ask_health(struct doctor *d)
{
    struct bridge_request req = BRIDGE_REQUEST_NULL;
    int r = d->bridge.driver ? bridge_build(d->bridge.driver, BRIDGE_HEALTH, &d->bridge.target, NULL, &req)
                             : detect_build_health(&d->bridge.target, &req);

    return r ? r : cli_bridge_call(&d->bridge, &req, 0, &d->health);
}

void doctor_bridge(struct doctor *d, struct finding *f)
{
    char place[300];
    int r;

    d->bridge.driver = bridge_driver_find(d->settings.cli.bridge.driver);
    if (d->bridge.driver && d->bridge.driver->webhooks_only) {
        finding_set(f, FINDING_SKIP, "", "%s only sends webhooks: there is nothing to ask",
                    d->bridge.driver->name);
        return;
    }
    if (!*d->settings.cli.bridge.url) {
        finding_set(f, FINDING_BAD, "set WHATSAPP_API_URL to the bridge's base URL, as http://127.0.0.1:3000",
                    "WHATSAPP_API_URL is not set");
        return;
    }
    (void)cli_bridge_address(&d->bridge, place, sizeof place);
    find_driver(d);
    r = ask_health(d);
    if (r || !d->health.answer.status) {
        finding_set(f, FINDING_BAD, "start the bridge, or correct WHATSAPP_API_URL", "no answer from %s: %s",
                    place,
                    r                     ? err_text(r)
                    : d->health.detail[0] ? d->health.detail
                                          : http_error_text(d->health.error));
        return;
    }
    r = d->bridge.driver ? bridge_read_health(d->bridge.driver, &d->health.answer)
                         : detect_read_health(&d->health.answer);
    if (r == BRIDGE_NEEDS_PERSON)
        finding_set(f, FINDING_BAD, d->bridge.driver->advice ? d->bridge.driver->advice : "",
                    "%s answers, but does nothing until a person has acted there (%d)", place,
                    d->health.answer.status);
    else if (r)
        finding_set(f, FINDING_BAD, "look at the bridge's own log; is this the bridge's base URL?",
                    "%s answers the health check with %d: %s", place, d->health.answer.status,
                    bridge_answer_text(r));
    else
        finding_set(f, FINDING_OK, "", "%s is healthy, answered in %lld ms", place,
                    (long long)d->health.took_ms);
}

/* The status of a call that needs the key, 0: none came. Whether that call exists does not matter here. */
static int ask_with_key(struct doctor *d, struct cli_reply *ret)
{
    struct bridge_request req = BRIDGE_REQUEST_NULL;

    if (!d->bridge.driver)
        return d->refused_status;
    if (bridge_build(d->bridge.driver, BRIDGE_LIST, &d->bridge.target, NULL, &req) ||
        cli_bridge_call(&d->bridge, &req, 0, ret))
        return 0;
    return ret->answer.status;
}

void doctor_key(struct doctor *d, struct finding *f)
{
    CLEANUP(cli_reply_fini) struct cli_reply reply = CLI_REPLY_NULL;
    bool has_key = *d->settings.cli.bridge.api_key;
    int status;

    SKIP_NO_BRIDGE(d, f)
    status = ask_with_key(d, &reply);
    if (!status) {
        finding_set(f, FINDING_BAD, "look at the bridge's own log",
                    "the bridge does not list its sessions: %s", http_error_text(reply.error));
        return;
    }
    d->key_good = status != 401 && status != 403;
    if (!d->key_good)
        finding_set(f, FINDING_BAD, "set WHATSAPP_API_KEY to the bridge's API_KEY",
                    has_key ? "the bridge refuses WHATSAPP_API_KEY (%d)"
                            : "the bridge wants a key (%d), and none is set",
                    status);
    else if (!has_key)
        finding_set(f, FINDING_WARN, "set API_KEY at the bridge and WHATSAPP_API_KEY here",
                    "the bridge asks for no key: whoever reaches its port commands the sessions");
    else
        finding_set(f, FINDING_OK, "", "the bridge takes WHATSAPP_API_KEY");
    if (d->bridge.driver)
        count_sessions(d, &reply);
}

/* -- which one -- */

static void describe(struct doctor *d, struct finding *f, const char *told_by)
{
    char sessions[64] = "";

    if (d->sessions >= 0)
        (void)snprintf(sessions, sizeof sessions, "; %lld of %lld sessions connected",
                       (long long)d->connected, (long long)d->sessions);
    finding_set(f, FINDING_OK, "", "%s, %s: %s%s", d->bridge.driver->name, told_by, d->bridge.driver->what,
                sessions);
}

void doctor_dialect(struct doctor *d, struct finding *f)
{
    const struct bridge_driver *set = bridge_driver_find(d->settings.cli.bridge.driver);

    SKIP_NO_BRIDGE(d, f)
    if (set && d->found && set != d->found)
        finding_set(f, FINDING_BAD, "set WHATSAPP_BRIDGE=auto, or to what the bridge speaks",
                    "WHATSAPP_BRIDGE is %s, but the bridge answers like %s", set->name, d->found->name);
    else if (d->bridge.driver)
        describe(d, f, set ? "as set" : "by its answers");
    else if (d->detection == DETECT_UNAUTHORIZED)
        finding_set(f, FINDING_SKIP, "", "not known: the key is refused");
    else if (d->detection == DETECT_NOT_YET || d->detection < 0)
        finding_set(f, FINDING_BAD, "look at the bridge's own log",
                    "the bridge does not answer its session calls");
    else
        finding_set(f, FINDING_BAD, "check WHATSAPP_API_URL, or name the bridge by WHATSAPP_BRIDGE",
                    "it answers like none of the bridges that are known (%d)", d->refused_status);
}

/* Where it has a call for it. */
void doctor_version(struct doctor *d, struct finding *f)
{
    CLEANUP(cli_reply_fini) struct cli_reply reply = CLI_REPLY_NULL;
    const struct bridge_driver *driver = d->bridge.driver;
    struct bridge_request req = BRIDGE_REQUEST_NULL;
    char version[32] = "", age[32];
    int64_t age_ms;

    if (!driver || !driver->about.method) {
        finding_set(f, FINDING_SKIP, "", "%s",
                    driver ? "this bridge has no call that tells its version"
                           : "not known: what the bridge speaks is not known");
        return;
    }
    SKIP_NO_BRIDGE(d, f)
    if (bridge_build_path(driver, &driver->about, &d->bridge.target, NULL, NULL, &req) == 0 &&
        cli_bridge_call(&d->bridge, &req, 0, &reply) == 0)
        (void)bridge_read_version(driver, &reply.answer, version, sizeof version);
    age_ms = bridge_version_age_ms(driver, version, d->clock.wall_ms(&d->clock));
    if (!*version)
        finding_set(f, FINDING_SKIP, "", "the bridge does not tell its version (%d)", reply.answer.status);
    else if (age_ms < 0)
        finding_set(f, FINDING_OK, "", "%s %s", driver->name, version);
    else
        finding_set(f, doctor_age_level(age_ms),
                    doctor_age_level(age_ms) == FINDING_OK
                        ? ""
                        : "update the bridge: WhatsApp refuses clients that are too old (405)",
                    "%s %s, %s old", driver->name, version,
                    text_duration(age_ms / DAY_MS * DAY_MS, age, sizeof age));
}

static const char *text_if(bool has, const char *text)
{
    return has ? text : "";
}

/* As the driver's row says: data, and no call. */
void doctor_capabilities(struct doctor *d, struct finding *f)
{
    const struct bridge_driver *driver = d->bridge.driver;

    if (!driver) {
        finding_set(f, FINDING_SKIP, "", "not known: what the bridge speaks is not known");
        return;
    }
    finding_set(
        f, driver->limits || driver->source ? FINDING_NOTE : FINDING_OK, driver->advice ? driver->advice : "",
        "%s%s%s%s%s%s%s%s%s%s", text_if(driver->webhooks_only, "webhooks only"),
        text_if(driver->has_list, "states by one list"),
        text_if(driver->has_status, driver->has_list ? ", or one by one" : "states one by one"),
        text_if(driver->read_live != NULL, ", checked for life"),
        text_if(driver->has_reconnect, ", reconnects"),
        text_if(driver->signatures != NULL, ", signs its webhooks"),
        text_if(driver->limits != NULL, "; but "), driver->limits ? driver->limits : "",
        text_if(driver->source != NULL, "; this driver was written from source, without a recording: "),
        driver->source ? driver->source : "");
}

static bool has_probe(const struct cli_reply *about)
{
    static const struct json_path paths[] = { { 0, { "features", "probe" } } };
    struct json_value v;

    (void)json_in_find(about->answer.body, paths, 1, &v);
    return v.kind == JSON_IN_TRUE;
}

void doctor_extension(struct doctor *d, struct finding *f)
{
    CLEANUP(cli_reply_fini) struct cli_reply reply = CLI_REPLY_NULL;
    char message[300];
    int off;

    SKIP_NO_BRIDGE(d, f)
    if (d->bridge.driver && !d->bridge.driver->has_extension) {
        finding_set(f, FINDING_SKIP, "", "%s needs no extension", d->bridge.driver->name);
        return;
    }
    if (!d->key_good || doctor_ask(d, "GET", "/extension", &reply) || !reply.answer.status) {
        finding_set(f, FINDING_SKIP, "", "not asked");
        return;
    }
    d->has_probe = has_probe(&reply);
    off = reply.answer.status == 200 ? doctor_read_features(reply.answer.body, message, sizeof message) : -1;
    if (off == 0)
        finding_set(f, FINDING_OK, "", "zapkeep's extension is loaded, all of it; %s", message);
    else if (off > 0)
        finding_set(f, FINDING_WARN,
                    "the bridge's log says why at its start; this zapw may be newer than the extension",
                    "zapkeep's extension is loaded, not all of it; %s", message);
    else
        finding_set(
            f, d->bridge.driver && d->bridge.driver->has_reconnect ? FINDING_NOTE : FINDING_WARN,
            "use the image of deploy/whatsapp-bridge: it reconnects without a restart and loses no webhook",
            "the bridge runs without zapkeep's extension");
}

void doctor_reconnect(struct doctor *d, struct finding *f)
{
    const struct bridge_driver *driver = d->bridge.driver;

    if (!driver)
        finding_set(f, FINDING_SKIP, "", "not known: what the bridge speaks is not known");
    else if (driver->webhooks_only)
        finding_set(f, FINDING_SKIP, "", "%s has no sessions to reconnect", driver->name);
    else if (driver->has_reconnect)
        finding_set(f, FINDING_OK, "", "the bridge reconnects a session over HTTP");
    else if (*d->settings.hook)
        finding_set(f, FINDING_OK, "", "this bridge is restarted by RECONNECT_HOOK=%s", d->settings.hook);
    else
        finding_set(f, FINDING_WARN,
                    "set RECONNECT_HOOK=docker:CONTAINER, systemd:UNIT or exec:/path for zapkeep-reconnect "
                    "(and here), or use "
                    "the image of deploy/whatsapp-bridge",
                    "this bridge cannot reconnect a session over HTTP, and RECONNECT_HOOK is not set here");
}

/* -- clocks -- */

/* The bridge's own time, in the "timestamp" of its health; 0 when it has none. */
static int64_t bridge_time(const struct doctor *d)
{
    static const struct json_path paths[] = { { 0, { "timestamp" } } };
    struct json_value v;
    char text[40];
    int64_t ms = 0;

    (void)json_in_find(d->health.answer.body, paths, 1, &v);
    if (v.kind == JSON_IN_TEXT)
        (void)text_to_time_ms(json_in_text(v, text, sizeof text), &ms);
    return ms;
}

static bool is_synchronised(void)
{
    struct timex t = { 0 };

    return adjtimex(&t) != TIME_ERROR && !(t.status & STA_UNSYNC);
}

void doctor_clock(struct doctor *d, struct finding *f)
{
    int64_t theirs = d->health.answer.status ? bridge_time(d) : 0,
            skew = theirs - d->clock.wall_ms(&d->clock);
    enum finding_level level = theirs ? doctor_skew_level(skew) : FINDING_OK;
    char off[32];

    if (level != FINDING_OK)
        finding_set(
            f, level, "let both machines keep their time by NTP: newer webhooks are told from older by it",
            "the bridge's clock is %s %s ours", text_duration(skew < 0 ? -skew : skew, off, sizeof off),
            skew < 0 ? "behind" : "ahead of");
    else if (!is_synchronised())
        finding_set(f, FINDING_NOTE,
                    "switch on systemd-timesyncd, chrony or the like, if nothing else sets this clock",
                    "the system does not say that its clock is synchronised%s",
                    theirs ? "; the bridge's clock agrees" : "");
    else
        finding_set(f, FINDING_OK, "", "the clock is synchronised%s",
                    theirs ? ", and the bridge's agrees" : "");
}
