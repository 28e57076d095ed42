#include "services/forwarder/destination_report.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/domain/alert_kind.h"
#include "common/store/alerts.h"

#define DETAIL_MAX ALERTS_DETAIL_MAX

void destination_report_init(struct destination_report *r, struct app *app, struct state_store *state_db,
                             struct forward_destination *row)
{
    *r = (struct destination_report){ .app = app, .state_db = state_db, .row = row };
}

static int64_t wall_ms(const struct destination_report *r)
{
    return app_wall_ms(r->app);
}

/* ---- the last failure ------------------------------------------------------------------------ */

/* A backend's text cannot steer a terminal, and takes one line. */
static void copy_excerpt(struct str answer, char *ret, size_t n)
{
    size_t len = answer.n < n - 1 ? answer.n : n - 1;

    for (size_t i = 0; i < len; i++)
        ret[i] = iscntrl((unsigned char)answer.p[i]) ? ' ' : answer.p[i];
    while (len > 0 && ((unsigned char)ret[len - 1] & 0xc0) == 0x80) /* not within a letter */
        len--;
    if (len > 0 && (unsigned char)ret[len - 1] >= 0xc0)
        len--;
    ret[len] = '\0';
    (void)clean_text(ret); /* also a character that was cut */
}

void destination_report_failed(struct destination_report *r, const struct delivery_error *error)
{
    struct forward_destination *d = r->row;

    str_copy(str_from(error->detail), d->last_error, sizeof d->last_error);
    str_copy(error->session, d->last_session, sizeof d->last_session);
    copy_excerpt(error->answer, d->last_answer, sizeof d->last_answer);
    d->last_status = error->status;
    d->last_error_at = wall_ms(r);
}

/* ---- a change of the state ------------------------------------------------------------------- */

static void describe(const struct destination_report *r, struct buf *out)
{
    const struct forward_destination *d = r->row;

    (void)buf_addf(out, "destination %s %s%s", d->name,
                   dest_state_is_well(r->state) ? "takes events again" : "is ",
                   dest_state_is_well(r->state) ? "" : dest_state_text(r->state));
    if (dest_state_is_well(r->state))
        return;
    (void)buf_addf(out, ": %s", d->last_error[0] ? d->last_error : "by an operator");
    if (d->last_session[0])
        (void)buf_addf(out, ", session %s", d->last_session);
    if (d->last_answer[0])
        (void)buf_addf(out, ", answer: %.200s", d->last_answer);
}

static void log_change(const struct destination_report *r)
{
    const struct forward_destination *d = r->row;

    if (dest_state_is_well(r->state))
        log_info("destination-well", "the destination takes events", KS("destination", d->name),
                 KS("state", dest_state_text(r->state)));
    else
        log_warn("destination-state", "the destination does not take every event; they wait",
                 KS("destination", d->name), KS("state", dest_state_text(r->state)),
                 KS("error", d->last_error), KI("http_status", d->last_status),
                 KS("session", d->last_session), KS("answer", d->last_answer));
}

static void publish(const struct destination_report *r, const char *detail)
{
    struct message m;

    message_init(&m);
    m.type = str_from(topic_type_text(TOPIC_FORWARD_DESTINATION));
    m.destination = str_from(r->row->name);
    m.status = str_from(dest_state_text(r->state));
    m.text = str_from(detail);
    app_publish(r->app, &m);
}

void destination_report_state(struct destination_report *r, enum dest_state state)
{
    CLEANUP(buf_fini) struct buf detail = BUF_INIT(DETAIL_MAX);
    bool news =
        !r->known || (state != r->state && !(dest_state_is_well(state) && dest_state_is_well(r->state)));
    bool first = !r->known;

    if (state == r->state && r->known)
        return;
    if (news)
        r->row->state_since = wall_ms(r);
    r->state = state;
    r->known = true;
    str_copy(str_from(dest_state_text(state)), r->row->state, sizeof r->row->state);
    if (!news)
        return;
    r->unposted = true;
    if (!first || !dest_state_is_well(state)) {
        describe(r, &detail);
        log_change(r);
        publish(r, buf_str(&detail));
    }
    destination_report_post(r);
}

/* ---- the alert ------------------------------------------------------------------------------- */

static int write_alert(struct destination_report *r, struct db *db, bool firing)
{
    CLEANUP(buf_fini) struct buf detail = BUF_INIT(DETAIL_MAX);
    struct alert_row row = { .since = r->row->state_since };
    int64_t dropped = 0;
    int result;

    (void)snprintf(row.name, sizeof row.name, "%s", alert_kind_text(ALERT_DESTINATION_FAILING));
    (void)snprintf(row.session, sizeof row.session, "%s", r->row->name);
    (void)snprintf(row.cause, sizeof row.cause, "%s", dest_state_text(r->state));
    describe(r, &detail);
    str_copy((struct str){ buf_str(&detail), detail.len }, row.detail, sizeof row.detail);
    result = firing ? alerts_raise(db, &row) : alerts_clear(db, row.name, row.bridge, row.session);
    if (result != 0) /* ALERTS_NONE: there is nothing to take back */
        return result;
    result = alerts_note_change(db, &row, firing, wall_ms(r));
    return result == 0 ? alerts_post(db, ALERTS_SINK_ALL, &row, firing, wall_ms(r), &dropped) : result;
}

void destination_report_post(struct destination_report *r)
{
    struct db *db;
    int result;

    if (!r->unposted)
        return;
    result = state_store_open(r->state_db);
    db = r->state_db->db;
    if (result == 0)
        result = db_begin(db);
    if (result == 0) {
        result = write_alert(r, db, dest_state_is_alert(r->state));
        if (result >= 0)
            result = db_commit(db);
        db_rollback(db);
    }
    r->unposted = result != 0;
    (void)state_store_result(r->state_db, result < 0 ? result : 0);
}
