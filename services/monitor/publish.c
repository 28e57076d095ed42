#include "services/monitor/publish.h"

#include "common/base/log.h"
#include "services/monitor/metrics.h"

/* More changes at once than this are one line in the log. */
#define LINES_MAX 20

static void publish_change(const struct monitor_context *m, const struct change *c)
{
    struct message msg;

    message_init(&msg);
    msg.type = str_from(topic_type_text(TOPIC_SESSION_STATE));
    msg.bridge = str_from(m->settings->bridge.name);
    msg.session = str_from(c->s->id);
    msg.from =
        str_from(c->before.known.state < SESSION_STATE_N ? session_state_text(c->before.known.state) : "");
    msg.to = str_from(session_state_text(c->to));
    msg.cause = str_from(c->cause ? c->cause->name : "");
    app_publish(m->app, &msg);
}

static void publish_due(const struct monitor_context *m, const char *session, int64_t due_wall)
{
    struct message msg;

    message_init(&msg);
    msg.type = str_from(topic_type_text(TOPIC_RECONNECT_DUE));
    msg.bridge = str_from(m->settings->bridge.name);
    if (session)
        msg.session = str_from(session);
    msg.due_at = due_wall;
    app_publish(m->app, &msg);
}

static void publish_bridge(const struct monitor_context *m, bool up, const char *detail)
{
    struct message msg;

    message_init(&msg);
    msg.type = str_from(topic_type_text(up ? TOPIC_BRIDGE_UP : TOPIC_BRIDGE_DOWN));
    msg.bridge = str_from(m->settings->bridge.name);
    if (detail[0])
        msg.cause = str_from(detail);
    app_publish(m->app, &msg);
}

static void write_line(const struct monitor_context *m, const struct change *c)
{
    log_info("session-state", "a session changed", KS("bridge", m->settings->bridge.name),
             KS("session", c->s->id),
             KS("from",
                c->before.known.state < SESSION_STATE_N ? session_state_text(c->before.known.state) : "new"),
             KS("to", session_state_text(c->to)), KS("cause", c->cause ? c->cause->name : ""));
}

static void publish_all(const struct monitor_context *m, const struct changeset *changeset,
                        const struct bridge_update *o)
{
    if (o->set_health)
        publish_bridge(m, o->health == BRIDGE_HEALTH_UP, o->health_detail);
    for (int i = 0; i < changeset->n; i++) {
        const struct change *c = &changeset->changes[i];

        if (c->moved)
            publish_change(m, c);
        if (c->due_wall > 0 && !o->quiet)
            publish_due(m, c->s->id, c->due_wall);
    }
    if (o->set_incident && !o->incident)
        publish_due(m, NULL, times_wall(&m->times));
}

static void write_changes(const struct monitor_context *m, const struct changeset *changeset)
{
    int moved = 0;

    for (int i = 0; i < changeset->n; i++) {
        const struct change *c = &changeset->changes[i];

        if (!c->moved)
            continue;
        metrics_changed(c->to);
        if (++moved <= LINES_MAX)
            write_line(m, c);
    }
    if (moved > LINES_MAX)
        log_info("session-states-left-out", "more sessions changed; their lines are left out",
                 KI("sessions", moved));
}

static void log_health(const struct monitor_context *m, const struct bridge_update *o)
{
    if (o->health == BRIDGE_HEALTH_UP)
        log_info("bridge-up", "the bridge answers", KS("bridge", m->settings->bridge.name));
    else
        log_error("bridge-down", "the bridge is down; its sessions are left alone until it is back",
                  KS("bridge", m->settings->bridge.name), KS("reason", o->health_detail));
}

static void log_incident(const struct monitor_context *m, const struct bridge_update *o)
{
    if (o->incident && o->health == BRIDGE_HEALTH_DOWN)
        return; /* bridge-down has said it */
    if (o->incident)
        log_error("bridge-incident", "the bridge is in trouble as a whole; its sessions are left alone",
                  KS("bridge", m->settings->bridge.name), KS("reason", o->incident_detail));
    else
        log_info("bridge-incident-over", "the bridge is well again; recovery begins",
                 KS("bridge", m->settings->bridge.name));
}

void publish_committed(const struct monitor_context *m, const struct changeset *changeset,
                       const struct bridge_update *update, struct alert_tracker *alerts)
{
    publish_all(m, changeset, update);
    if (update->set_health)
        log_health(m, update);
    if (update->set_incident)
        log_incident(m, update);
    write_changes(m, changeset);
    for (int i = 0; i < alerts->n; i++)
        if (alerts->news[i].firing)
            metrics_alert_raised(alerts->news[i].kind);
    alert_tracker_publish(alerts, m->app);
    metrics_dropped(alerts->dropped);
}
