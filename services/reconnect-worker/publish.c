#include "services/reconnect-worker/publish.h"

#include "common/base/log.h"
#include "services/reconnect-worker/worker_metrics.h"

/* In a message an absent text is STR_NULL. */
static struct str text_or_none(const char *s)
{
    return *s ? str_from(s) : STR_NULL;
}

static void publish(struct worker_bridge *b, enum topic_type type, struct message *m, const char *session)
{
    m->type = str_from(topic_type_text(type));
    m->bridge = str_from(b->settings->bridge.name);
    m->session = str_from(session);
    app_publish(b->worker->app, m);
}

void publish_started(struct worker_bridge *b, const struct claim *claim)
{
    struct message m;

    log_info("reconnect-started", "an attempt begins", KS("bridge", b->settings->bridge.name),
             KS("session", claim->session), KI("attempt", claim->attempt),
             KS("reason", retry_reason_text(claim->reason)), KS("cause", claim->cause),
             KI("token", claim->token));
    message_init(&m);
    m.attempt = claim->attempt;
    m.worker = str_from(b->worker->name);
    m.cause = text_or_none(claim->cause);
    publish(b, TOPIC_RECONNECT_STARTED, &m, claim->session);
}

static void publish_attempt(void *ctx, const struct attempt_row *a)
{
    bool succeeded = a->outcome == ATTEMPT_SUCCEEDED;
    struct worker_bridge *b = ctx;
    struct message m;

    metric_add_of(&worker_attempts, b->metrics, (int)a->outcome, 1);
    log_event(
        succeeded ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, succeeded ? "reconnect-succeeded" : "reconnect-failed",
        succeeded ? "the bridge reports it connected" : "the attempt did not bring it back",
        (const struct log_kv[]){ KS("bridge", a->bridge), KS("session", a->session),
                                 KI("attempt", a->attempt), KS("outcome", attempt_outcome_text(a->outcome)),
                                 KS("detail", a->detail), KS("worker", a->worker) },
        6);
    message_init(&m);
    m.attempt = a->attempt;
    m.http_status = a->http_status;
    if (a->took_ms >= 0)
        m.took_ms = a->took_ms;
    if (a->next_at > 0)
        m.next_at = a->next_at;
    m.worker = str_from(a->worker);
    m.cause = str_from(attempt_outcome_text(a->outcome));
    m.text = text_or_none(a->detail);
    publish(b, succeeded ? TOPIC_RECONNECT_SUCCEEDED : TOPIC_RECONNECT_FAILED, &m, a->session);
}

static void publish_park(void *ctx, const struct parked_session *park)
{
    struct worker_bridge *b = ctx;
    struct message m;

    metric_add_of(&worker_parked, b->metrics, 0, 1);
    log_warn("reconnect-parked", park->detail, KS("bridge", park->bridge), KS("session", park->session),
             KS("reason", retry_park_text(park->park)), KI("attempts", park->attempts));
    message_init(&m);
    m.attempt = park->attempts;
    m.worker = str_from(b->worker->name);
    m.cause = str_from(retry_park_text(park->park));
    m.text = text_or_none(park->detail);
    publish(b, TOPIC_RECONNECT_PARKED, &m, park->session);
}

int publish_ended(struct worker_bridge *b)
{
    bool more = b->worker->state.db != NULL;
    int r = 0;

    while (r == 0 && more)
        r = reconnect_collect(b->worker->state.db, b->settings->bridge.name, publish_attempt, publish_park, b,
                              &more);
    return r;
}
