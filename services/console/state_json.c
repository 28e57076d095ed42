#include "services/console/state_json.h"

#include "common/bridge/drivers.h"
#include "common/domain/alert_kind.h"
#include "common/ops/destination.h"

void state_json_counts(struct json_out *j, const char *key, const int64_t n[SESSION_STATE_N])
{
    json_open(j, key, '{');
    for (int i = 0; i < SESSION_STATE_N; i++)
        json_int(j, session_state_text((enum session_state)i), n[i]);
    json_close(j, '}');
}

void state_json_problem(struct json_out *j, const struct problem *p)
{
    json_open(j, NULL, '{');
    json_texts(j, "level", p->level == PROBLEM_BAD ? "bad" : "warn");
    json_texts(j, "area", problem_area_text(p->area));
    json_texts(j, "key", p->key);
    json_texts(j, "text", p->text);
    json_texts(j, "bridge", p->bridge);
    json_texts(j, "session", p->session);
    json_open(j, "args", '{');
    json_texts(j, "bridge", p->bridge);
    json_texts(j, "session", p->session);
    json_int(j, "since", p->since);
    json_int(j, "n", p->n);
    json_int(j, "all", p->all);
    json_texts(j, "detail", p->detail);
    json_texts(j, "names", p->names);
    json_texts(j, "name", p->name);
    json_texts(j, "alert", p->name);
    json_texts(j, "destination", p->name);
    json_texts(j, "state", p->names);
    json_int(j, "dead", p->n);
    json_int(j, "lag", p->all);
    json_close(j, '}');
    json_close(j, '}');
}

/* The capabilities of its driver, as data. */
static void add_capabilities(struct json_out *j, const char *driver_name)
{
    const struct bridge_driver *d = driver_name[0] ? bridge_driver_find(driver_name) : NULL;

    json_open(j, "capabilities", '[');
    if (d) {
        const struct {
            const char *key;
            bool has;
        } all[] = { { "list", d->has_list },
                    { "status", d->has_status },
                    { "reconnect", d->has_reconnect },
                    { "extension", d->has_extension },
                    { "qr", d->ops[BRIDGE_QR].method != NULL },
                    { "pairing_code", d->phone_code != NULL } };

        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
            json_open(j, NULL, '{');
            json_texts(j, "key", all[i].key);
            json_texts(j, "value", all[i].has ? "yes" : "no");
            json_close(j, '}');
        }
    }
    json_close(j, ']');
}

void state_json_bridge(struct json_out *j, const struct bridge_summary *b)
{
    const struct bridge_row *row = &b->row;

    json_texts(j, "bridge", row->name);
    json_texts(j, "driver", row->driver);
    json_texts(j, "health", bridge_health_text(row->health));
    json_int(j, "health_since", row->health_since);
    json_texts(j, "health_detail", row->health_detail);
    json_int(j, "incident_since", row->incident_since);
    json_texts(j, "incident_detail", row->incident_detail);
    json_int(j, "outdated_since", row->outdated_since);
    json_int(j, "swept_at", row->swept_wall);
    json_bool(j, "fresh", b->now.steady_ms <= row->fresh_until);
    json_texts(j, "breaker", breaker_state_text(row->breaker.state));
    json_int(j, "breaker_until",
             row->breaker.state == BREAKER_OPEN ? steady_to_wall(&b->now, row->breaker.until) : 0);
    json_int(j, "bucket_tokens", bucket_level(&b->policy, &row->bucket, b->now.steady_ms));
    json_int(j, "bucket_burst", b->policy.burst);
    json_int(j, "bucket_rate_milli", bucket_rate_milli(&b->policy, &row->bucket, b->now.steady_ms));
    json_texts(j, "attempts", why_key(b->verdict.why));
    json_texts(j, "no_reconnect_method", row->no_reconnect_method);
    state_json_counts(j, "sessions", b->sessions);
    json_int(j, "due", b->queue.phase[RETRY_DUE]);
    json_int(j, "in_flight", b->in_flight);
    json_texts(j, "version", row->version);
    add_capabilities(j, row->driver);
}

void state_json_destination(struct json_out *j, const struct destination_status *s, int64_t head, bool runs)
{
    const struct forward_destination *d = &s->row;
    const struct forward_counts *c = &s->counts;

    json_open(j, NULL, '{');
    json_texts(j, "destination", d->name);
    json_texts(j, "url", d->url);
    json_texts(j, "state", destination_state(d, c, head, runs));
    json_int(j, "state_since", d->state_since);
    json_bool(j, "on", d->off_since == 0);
    json_bool(j, "paused", d->paused_since > 0);
    json_bool(j, "running", runs);
    json_texts(j, "breaker", d->breaker[0] ? d->breaker : "closed");
    json_int(j, "floor", destination_delivered(d, c));
    json_int(j, "head", head);
    json_int(j, "lag", destination_lag(d, c, head));
    json_int(j, "in_flight", runs ? d->in_flight : 0);
    json_int(j, "retrying", c->retrying);
    json_int(j, "blocked", c->blocked);
    json_int(j, "dead", c->dead);
    json_int(j, "delivered", d->delivered);
    json_int(j, "matched", d->matched);
    json_int(j, "filtered", d->filtered);
    json_texts(j, "last_error", d->last_error);
    json_int(j, "last_error_at", d->last_error_at);
    json_int(j, "last_status", d->last_status);
    json_texts(j, "last_session", d->last_session);
    json_texts(j, "last_answer", d->last_answer);
    json_int(j, "off_since", d->off_since);
    json_close(j, '}');
}

void state_json_alert(struct json_out *j, const struct alert_row *a)
{
    json_texts(j, "alert", a->name);
    json_texts(j, "bridge", a->bridge);
    json_texts(j, "session", a->session);
    json_int(j, "since", a->since);
    json_texts(j, "cause", a->cause);
    json_texts(j, "text", a->detail);
    json_bool(j, "grouped", a->grouped);
    json_texts(j, "severity", alert_severity(alert_kind_find(a->name)));
}
