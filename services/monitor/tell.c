/*
 * A round's sessions are looked at twice: first it is counted how many get which new alert, then each is
 * written; where they are more than rules.alert_group they are written as a group, with one row without a
 * session that is told for all of them.
 */
#include "services/monitor/tell.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"

/* Names of a group that are spelled out. */
#define NAMES_MAX 5

void teller_init(struct teller *t, const struct rules *rules, const char *bridge)
{
    *t = (struct teller){ .rules = rules, .bridge = bridge };
}

void teller_fini(struct teller *t)
{
    mem_free(t->news);
    t->news = NULL;
    t->n = t->cap = 0;
}

struct loading {
    struct teller *t;
    struct book *book;
};

static int on_alert(void *ctx, const struct alert_row *row)
{
    struct loading *l = ctx;
    enum alert_kind kind = alert_kind_find(row->name);
    struct held_session *s = row->session[0] ? book_find(l->book, row->session) : NULL;

    if (!row->session[0]) {
        l->t->active[kind] = true;
        l->t->since[kind] = row->since;
    } else if (s) {
        s->told = kind;
        s->told_since = row->since;
        s->grouped = row->grouped;
        l->t->grouped[kind] += row->grouped;
    }
    return 0;
}

int teller_load(struct teller *t, struct db *db, struct book *book)
{
    struct loading l = { t, book };

    memset(t->active, 0, sizeof t->active);
    memset(t->grouped, 0, sizeof t->grouped);
    t->n = 0;
    return alerts_each(db, t->bridge, on_alert, &l);
}

struct teller tell_mark(const struct teller *t)
{
    return *t;
}

void tell_undo(struct teller *t, const struct teller *mark)
{
    struct told *news = t->news;
    int cap = t->cap;

    *t = *mark;
    t->news = news;
    t->cap = cap;
}

/* ---- writing one ----------------------------------------------------------------------------- */

static int add_news(struct teller *t, const struct told *told)
{
    int cap = t->cap ? t->cap * 2 : 8;
    struct told *news;

    if (t->n == t->cap) {
        news = mem_realloc(t->news, (size_t)cap * sizeof *news);
        if (!news)
            return -ENOMEM;
        t->news = news;
        t->cap = cap;
    }
    t->news[t->n++] = *told;
    return 0;
}

/* For the sinks, and for whoever speaks of it after the commit. */
static int announce(struct teller *t, struct db *db, const struct told *told, int64_t at)
{
    int r = add_news(t, told);

    for (int k = 0; r == 0 && k < SINK_KIND_N; k++)
        if (t->sink[k])
            r = alerts_post(db, sink_text((enum sink_kind)k), &told->row, told->firing, at, &t->dropped);
    return r;
}

static void fill(struct teller *t, enum alert_kind kind, const char *session, const struct cause *cause,
                 int64_t since, struct told *ret)
{
    *ret = (struct told){ .kind = kind, .row.since = since };
    (void)snprintf(ret->row.name, sizeof ret->row.name, "%s", alert_kind_text(kind));
    (void)snprintf(ret->row.bridge, sizeof ret->row.bridge, "%s", t->bridge);
    (void)snprintf(ret->row.session, sizeof ret->row.session, "%s", session);
    (void)snprintf(ret->row.cause, sizeof ret->row.cause, "%s", cause ? cause->name : "");
}

static void put_words(struct told *told, const struct buf *words)
{
    (void)snprintf(told->row.detail, sizeof told->row.detail, "%s", buf_str(words));
}

static void say(struct told *told, bool firing, const char *why)
{
    CLEANUP(buf_fini) struct buf words = BUF_INIT(ALERTS_DETAIL_MAX - 1);

    told->firing = firing;
    alert_sentence(told->kind, firing, told->row.bridge, told->row.session, why, &words);
    put_words(told, &words);
}

/* ---- the bridge, and groups ------------------------------------------------------------------ */

static int begin_without_session(struct teller *t, struct db *db, struct told *told, int64_t now_wall)
{
    int r = alerts_raise(db, &told->row);

    if (r != 0)
        return r;
    t->active[told->kind] = true;
    t->since[told->kind] = told->row.since;
    return announce(t, db, told, now_wall);
}

static int end_without_session(struct teller *t, struct db *db, enum alert_kind kind, int64_t now_wall)
{
    struct told told;
    int r = alerts_clear(db, alert_kind_text(kind), t->bridge, "");

    if (r < 0)
        return r;
    fill(t, kind, "", NULL, t->since[kind], &told);
    if (kind < ALERT_SESSION_FIRST) {
        say(&told, false, NULL);
    } else {
        (void)snprintf(told.row.detail, sizeof told.row.detail,
                       "the sessions on bridge %s that had %s no longer do", t->bridge,
                       alert_kind_text(kind));
    }
    t->active[kind] = false;
    return announce(t, db, &told, now_wall);
}

int tell_bridge(struct teller *t, struct db *db, enum alert_kind kind, bool on, const char *why,
                int64_t now_wall)
{
    struct told told;

    if (t->active[kind] == on)
        return 0;
    if (!on)
        return end_without_session(t, db, kind, now_wall);
    fill(t, kind, "", NULL, now_wall, &told);
    say(&told, true, why);
    return begin_without_session(t, db, &told, now_wall);
}

/* ---- sessions -------------------------------------------------------------------------------- */

static struct alert_facts facts_of(const struct held_session *s)
{
    return (struct alert_facts){ .state = s->held.state,
                                 .cause = s->held.cause,
                                 .parked = s->parked,
                                 .flapping = s->flap.suppressed_ms > 0,
                                 .silent = s->silent_since > 0,
                                 .told = s->told };
}

bool tell_is_due(const struct held_session *s)
{
    struct alert_facts f = facts_of(s);

    return alert_of_session(&f) != s->told;
}

int64_t tell_active(const struct teller *t, const struct book *book)
{
    int64_t n = 0;

    for (int k = 0; k < ALERT_KIND_N; k++)
        n += t->active[k];
    for (int i = 0; i < book_count(book); i++) {
        const struct held_session *s = book_at(book, i);

        n += s->told != ALERT_NONE && !s->grouped;
    }
    return n;
}

static int end_alert(struct teller *t, struct db *db, const struct held_session *s, enum alert_kind kind,
                     int64_t now_wall)
{
    struct told told;
    int r = alerts_clear(db, alert_kind_text(kind), t->bridge, s->id);

    if (r < 0)
        return r;
    if (s->grouped)
        return --t->grouped[kind] == 0 && t->active[kind] ? end_without_session(t, db, kind, now_wall) : 0;
    fill(t, kind, s->id, NULL, s->told_since, &told);
    say(&told, false, NULL);
    return announce(t, db, &told, now_wall);
}

static int begin_alert(struct teller *t, struct db *db, struct held_session *s, enum alert_kind kind,
                       bool group, int64_t now_wall)
{
    struct told told;
    int r;

    fill(t, kind, s->id, s->held.cause, now_wall, &told);
    told.row.grouped = group;
    say(&told, true, s->held.cause ? s->held.cause->meaning : NULL);
    r = alerts_raise(db, &told.row);
    if (r != 0)
        return r;
    s->told_since = now_wall;
    s->grouped = group;
    t->grouped[kind] += group;
    return group ? 0 : announce(t, db, &told, now_wall);
}

static int tell_one(struct teller *t, struct db *db, struct held_session *s, enum alert_kind want, bool group,
                    int64_t now_wall)
{
    enum alert_kind told = s->told;
    int r = 0;

    s->told = want;
    if (told != ALERT_NONE)
        r = end_alert(t, db, s, told, now_wall);
    s->grouped = false;
    if (r == 0 && want != ALERT_NONE)
        r = begin_alert(t, db, s, want, group, now_wall);
    return r;
}

/* How many sessions of the round get which new alert, and the names of some. */
struct crowd {
    int64_t n[ALERT_KIND_N];
    const struct held_session *some[ALERT_KIND_N][NAMES_MAX];
};

static void count(const struct round *round, struct crowd *ret)
{
    memset(ret, 0, sizeof *ret);
    for (int i = 0; i < round->n; i++) {
        const struct held_session *s = round->changes[i].s;
        struct alert_facts f = facts_of(s);
        enum alert_kind want = alert_of_session(&f);

        if (want == s->told || s->gone)
            continue;
        if (ret->n[want] < NAMES_MAX)
            ret->some[want][ret->n[want]] = s;
        ret->n[want]++;
    }
}

static int tell_group(struct teller *t, struct db *db, const struct crowd *c, enum alert_kind kind,
                      int64_t now_wall)
{
    CLEANUP(buf_fini) struct buf words = BUF_INIT(ALERTS_DETAIL_MAX - 1);
    const struct cause *cause = c->some[kind][0]->held.cause;
    struct told told;

    fill(t, kind, "", cause, now_wall, &told);
    told.firing = true;
    told.many = c->n[kind];
    alert_crowd_sentence(kind, t->bridge, c->n[kind], &words);
    for (int i = 0; i < NAMES_MAX && i < c->n[kind]; i++)
        (void)buf_addf(&words, "%s%s", i ? ", " : ": ", c->some[kind][i]->id);
    (void)buf_adds(&words, " and others");
    put_words(&told, &words);
    return begin_without_session(t, db, &told, now_wall);
}

int tell_sessions(struct teller *t, struct db *db, const struct round *round)
{
    struct crowd crowd;
    int r = 0;

    count(round, &crowd);
    for (int i = 0; r == 0 && i < round->n; i++) {
        struct held_session *s = round->changes[i].s;
        struct alert_facts f = facts_of(s);
        enum alert_kind want = alert_of_session(&f);

        if (want != s->told && !s->gone)
            r = tell_one(t, db, s, want, crowd.n[want] > t->rules->alert_group, round->now_wall);
    }
    for (enum alert_kind k = ALERT_SESSION_FIRST; r == 0 && k < ALERT_KIND_N; k++)
        if (crowd.n[k] > t->rules->alert_group)
            r = tell_group(t, db, &crowd, k, round->now_wall);
    return r;
}

int tell_forgotten(struct teller *t, struct db *db, const struct held_session *s, int64_t now_wall)
{
    return s->told == ALERT_NONE ? 0 : end_alert(t, db, s, s->told, now_wall);
}

/* ---- speaking -------------------------------------------------------------------------------- */

static void ring(struct app *app, const struct told *told)
{
    struct message m;

    message_init(&m);
    m.type = str_from(topic_type_text(TOPIC_ALERT));
    m.bridge = str_from(told->row.bridge);
    if (told->row.session[0])
        m.session = str_from(told->row.session);
    m.alert = str_from(told->row.name);
    m.status = str_from(told->firing ? "firing" : "resolved");
    m.text = str_from(told->row.detail);
    if (told->row.cause[0])
        m.cause = str_from(told->row.cause);
    app_publish(app, &m);
}

static void write_line(const struct told *told)
{
    if (told->firing)
        log_warn("alert", told->row.detail, KS("alert", told->row.name), KS("bridge", told->row.bridge),
                 KS("session", told->row.session), KS("status", "firing"), KS("cause", told->row.cause));
    else
        log_info("alert", told->row.detail, KS("alert", told->row.name), KS("bridge", told->row.bridge),
                 KS("session", told->row.session), KS("status", "resolved"));
}

void tell_speak(struct teller *t, struct app *app)
{
    for (int i = 0; i < t->n; i++) {
        write_line(&t->news[i]);
        ring(app, &t->news[i]);
    }
    t->n = 0;
}
