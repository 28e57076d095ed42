#include "services/monitor/ring.h"

#include "common/base/log.h"

/* More changes at once than this are one line in the log. */
#define LINES_MAX 20

static void ring_change(struct monitor *m, const struct change *c)
{
    struct message msg;

    message_init(&msg);
    msg.type = str_from(topic_type_text(TOPIC_SESSION_STATE));
    msg.bridge = str_from(m->settings.bridge.name);
    msg.session = str_from(c->s->id);
    msg.from =
        str_from(c->before.held.state < SESSION_STATE_N ? session_state_text(c->before.held.state) : "");
    msg.to = str_from(session_state_text(c->to));
    msg.cause = str_from(c->cause ? c->cause->name : "");
    app_publish(m->app, &msg);
}

static void ring_due(struct monitor *m, const char *session, int64_t due_wall)
{
    struct message msg;

    message_init(&msg);
    msg.type = str_from(topic_type_text(TOPIC_RECONNECT_DUE));
    msg.bridge = str_from(m->settings.bridge.name);
    if (session)
        msg.session = str_from(session);
    msg.due_at = due_wall;
    app_publish(m->app, &msg);
}

static void ring_bridge(struct monitor *m, bool up, const char *words)
{
    struct message msg;

    message_init(&msg);
    msg.type = str_from(topic_type_text(up ? TOPIC_BRIDGE_UP : TOPIC_BRIDGE_DOWN));
    msg.bridge = str_from(m->settings.bridge.name);
    if (words[0])
        msg.cause = str_from(words);
    app_publish(m->app, &msg);
}

static void write_line(const struct change *c)
{
    log_info(
        "session-state", "a session changed", KS("session", c->s->id),
        KS("from", c->before.held.state < SESSION_STATE_N ? session_state_text(c->before.held.state) : "new"),
        KS("to", session_state_text(c->to)), KS("cause", c->cause ? c->cause->name : ""));
}

static void ring_all(struct monitor *m, const struct record_also *o)
{
    if (o->set_health)
        ring_bridge(m, o->health == BRIDGE_HEALTH_UP, o->health_detail);
    for (int i = 0; i < m->round.n; i++) {
        const struct change *c = &m->round.changes[i];

        if (c->moved)
            ring_change(m, c);
        if (c->due_wall > 0 && !o->quiet)
            ring_due(m, c->s->id, c->due_wall);
    }
    if (o->set_incident && !o->incident)
        ring_due(m, NULL, times_wall(&m->times));
}

static void write_changes(const struct monitor *m)
{
    int moved = 0;

    for (int i = 0; i < m->round.n; i++) {
        const struct change *c = &m->round.changes[i];

        if (!c->moved)
            continue;
        gauges_changed(c->to);
        if (++moved <= LINES_MAX)
            write_line(c);
    }
    if (moved > LINES_MAX)
        log_info("session-state", "and others changed with them", KI("sessions", moved));
}

static void tell_health(const struct monitor *m, const struct record_also *o)
{
    if (o->health == BRIDGE_HEALTH_UP)
        log_info("bridge-up", "the bridge answers", KS("bridge", m->settings.bridge.name));
    else
        log_error("bridge-down", "the bridge is down; its sessions are left alone until it is back",
                  KS("bridge", m->settings.bridge.name), KS("why", o->health_detail));
}

static void tell_incident(const struct monitor *m, const struct record_also *o)
{
    if (o->incident && m->incident.kind == INCIDENT_DOWN)
        return; /* bridge-down has said it */
    if (o->incident)
        log_error("bridge-incident", "the bridge is in trouble as a whole; its sessions are left alone",
                  KS("bridge", m->settings.bridge.name), KS("why", o->incident_detail));
    else
        log_info("bridge-incident-over", "the bridge is well again; recovery begins",
                 KS("bridge", m->settings.bridge.name));
}

void ring_recorded(struct monitor *m, const struct record_also *also)
{
    bool alerts = m->teller.n > 0;

    ring_all(m, also);
    if (also->set_health)
        tell_health(m, also);
    if (also->set_incident)
        tell_incident(m, also);
    write_changes(m);
    for (int i = 0; i < m->teller.n; i++)
        if (m->teller.news[i].firing)
            gauges_told(m->teller.news[i].kind);
    tell_speak(&m->teller, m->app);
    gauges_dropped(m->teller.dropped);
    if (alerts)
        post_kick(m->poster);
}
