#include "services/monitor/bridge_status.h"

#include <stdio.h>
#include <string.h>

void bridge_status_load(struct bridge_status *s, const struct bridge_row *row, int64_t now_ms)
{
    if (row->health == BRIDGE_HEALTH_UP)
        s->health.state = HEALTH_UP;
    if (row->health == BRIDGE_HEALTH_DOWN) {
        s->health.state = HEALTH_DOWN;
        (void)incident_down(&s->incident, now_ms);
    } else if (row->incident_since > 0) {
        incident_resume(&s->incident, now_ms);
    }
    s->outdated = row->outdated_since > 0 ? 1 : -1;
}

bool bridge_status_is_quiet(const struct bridge_status *s)
{
    return s->incident.kind != INCIDENT_NONE || s->health.state == HEALTH_DOWN;
}

bool bridge_status_is_up(const struct bridge_status *s)
{
    return s->health.state == HEALTH_UP;
}

bool bridge_status_programs_live(const struct bridge_status *s)
{
    for (int i = 0; i < ALERT_KIND_N; i++)
        if (s->dead[i])
            return false;
    return true;
}

bool bridge_status_is_recovering(const struct bridge_status *s)
{
    return (s->health.state == HEALTH_DOWN && s->health.run_good) || s->incident.good_sweeps > 0;
}

void bridge_status_set_detail(struct bridge_status *s, const char *detail, int http_status)
{
    if (http_status > 0 && detail[0])
        (void)snprintf(s->detail, sizeof s->detail, "%s (HTTP %d)", detail, http_status);
    else
        (void)snprintf(s->detail, sizeof s->detail, "%s", detail);
}

bool bridge_status_health(const struct rules *rules, struct bridge_status *s, bool good, int64_t asked_ms,
                          int64_t now_ms)
{
    enum health_news news = health_check(rules, &s->health, good, asked_ms, now_ms);

    s->unwell_ms = good ? s->unwell_ms : now_ms;
    if (news == HEALTH_NO_NEWS)
        return false;
    s->health_pending = true;
    (void)snprintf(s->health_detail, sizeof s->health_detail, "%s", good ? "" : s->detail);
    if (news == HEALTH_WENT_DOWN && incident_down(&s->incident, now_ms))
        s->incident_pending = true;
    return true;
}

void bridge_status_call(const struct rules *rules, struct bridge_status *s, bool ok, int64_t now_ms)
{
    if (incident_call(rules, &s->incident, ok, now_ms))
        s->incident_pending = true;
}

bool bridge_status_was_unwell(const struct rules *rules, const struct bridge_status *s, int64_t now_ms)
{
    int64_t last_ms = s->unwell_ms > s->shared_ms ? s->unwell_ms : s->shared_ms;

    return last_ms > 0 && now_ms - last_ms < rules->incident_window_ms;
}

bool bridge_status_drops(const struct rules *rules, struct bridge_status *s, int64_t drops, int64_t connected,
                         int64_t now_ms)
{
    if (drops > 0 && incident_drops(rules, &s->incident, drops, connected, now_ms))
        s->incident_pending = true;
    if (drops > 0 && incident_is_shared(rules, &s->incident, connected))
        s->shared_ms = now_ms;
    s->shared = bridge_status_was_unwell(rules, s, now_ms);
    return s->shared;
}

bool bridge_status_sweep(const struct rules *rules, struct bridge_status *s, bool good, int64_t drops,
                         int64_t now_ms)
{
    if (!incident_sweep(rules, &s->incident, good && s->health.state == HEALTH_UP, drops, now_ms))
        return false;
    s->incident_pending = true;
    return true;
}

#define INCIDENT_HOLDS 3

bool bridge_status_hold_over(const struct rules *rules, struct bridge_status *s, int64_t now_ms)
{
    bool alerted = s->incident.kind != INCIDENT_NONE &&
                   now_ms - s->incident.since_ms >= INCIDENT_HOLDS * rules->alert_hold_ms;
    bool changed = alerted != s->incident_alerted;

    s->incident_alerted = alerted;
    return changed;
}

void bridge_status_fill(const struct bridge_status *s, struct bridge_update *u)
{
    bool incident = s->incident.kind != INCIDENT_NONE;

    u->set_health = s->health_pending;
    u->health = s->health.state == HEALTH_UP ? BRIDGE_HEALTH_UP : BRIDGE_HEALTH_DOWN;
    u->health_detail = s->health_detail;
    u->set_incident = s->incident_pending;
    u->incident = incident;
    u->incident_detail = incident ? incident_text(s->incident.kind) : "";
    u->quiet = bridge_status_is_quiet(s);
    u->shared = s->shared;
    u->facts = (struct alert_bridge_facts){ .down = s->health.state == HEALTH_DOWN,
                                            .key_refused = s->key_refused,
                                            .outdated = s->outdated,
                                            .incident = s->incident_alerted &&
                                                        (s->incident.kind == INCIDENT_MASS_DROP ||
                                                         s->incident.kind == INCIDENT_TRANSPORT) };
    u->facts.unknown_word = s->unknown_word[0] != '\0';
    u->unknown_word = s->unknown_word;
    u->facts.two_owners = s->two_owners[0] != '\0';
    u->two_owners = s->two_owners;
    u->facts.rival = s->rival_here || s->rival_hook[0];
    u->rival = s->rival_here ? "the other one is on this machine" : s->rival_hook;
    if (s->identity_read)
        u->facts.changed = s->identity[0] ? 1 : -1;
    u->identity = s->identity;
    u->facts.drifted = s->drift[0] != '\0';
    u->drift = s->drift;
    u->new_word = s->new_word;
    memcpy(u->facts.dead, s->dead, sizeof s->dead);
}

void bridge_status_committed(struct bridge_status *s)
{
    s->health_pending = s->incident_pending = s->new_word = false;
}

const char *bridge_status_problem(const struct bridge_status *s)
{
    if (s->detail[0])
        return s->detail;
    return s->incident.kind != INCIDENT_NONE ? incident_text(s->incident.kind) : NULL;
}
