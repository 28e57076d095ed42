/*
 * zapkeep doctor: every link of the chain, one check each, with advice where it is broken.
 *
 *   doctor_bridge.c   the bridge: reachable, key, dialect, extension, a way to reconnect, its clock
 *   doctor_chain.c    the way in: webhook-ingest, token, hub, a probe from webhook to log and bus
 *   doctor_identity.c the same bridge as before, and no other zapkeep on it
 *   doctor_arrival.c  the bridge's own webhooks, by a probe that it sends where it can
 *   doctor_webhooks.c  the webhook subscriptions at the bridge, as they were found last
 *   doctor_store.c    the stores: folder, disk, SQLite, each database; monitor and workers
 *   doctor_verdict.c    the judgements that need no more than values
 */
#pragma once

#include "common/store/bridges.h"
#include "services/cli/bridge.h"

enum finding_level {
    FINDING_OK,
    FINDING_NOTE, /* nothing to do, good to know */
    FINDING_WARN, /* it works, but not well or not for long */
    FINDING_BAD,  /* this link is broken */
    FINDING_SKIP, /* cannot be looked at, because of another finding or a setting */
};
const char *finding_level_text(enum finding_level l); /* "ok", "note", "warn", "bad", "skip" */

struct finding {
    enum finding_level level;
    char message[400]; /* the result */
    char advice[400];  /* advice; "": none */
};
/* Fill a finding; @advice "" for none. Return nothing: a check ends with one of these. */
void finding_set(struct finding *f, enum finding_level level, const char *advice, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

struct doctor_settings {
    struct cli_settings cli;
    const char *webhook_url, *ingest_listen, *token, *secret, *hook;
    bool no_probe;
};

struct doctor {
    struct doctor_settings settings;
    struct clock clock;
    struct cli_bridge bridge;
    bool key_good, has_probe; /* the extension sends one if asked */
    struct cli_reply health;
    const struct bridge_driver *found; /* by the bridge's answers, NULL: none */
    int detection;                     /* 0: found; else a detect_answer or a negative */
    int refused_status;                /* the HTTP status that helps most when none was found */
    int64_t sessions, connected;       /* in the bridge's list, -1: not known */
    char webhook_url[SETTINGS_VALUE_MAX];
    const char *token; /* the first of WEBHOOK_AUTH_TOKEN, "" : none */
    char token_text[SETTINGS_VALUE_MAX];
    bool ingest_good, token_good;
    struct bus_sub *sub;
    int64_t bus_seq;  /* the newest seq that the bus announced */
    int64_t wait_seq; /* a notification of at least this seq ends the loop; 0: none */
    int64_t probe_seq;
};

typedef void doctor_check(struct doctor *d, struct finding *f);
doctor_check doctor_bridge, doctor_key, doctor_dialect, doctor_version, doctor_capabilities, doctor_extension,
    doctor_reconnect, doctor_clock, doctor_identity;
doctor_check doctor_ingest, doctor_token, doctor_webhooks, doctor_bus, doctor_hub, doctor_probe,
    doctor_arrival;
doctor_check doctor_folder, doctor_disk, doctor_sqlite, doctor_state, doctor_log, doctor_forward,
    doctor_monitor, doctor_workers;
/* doctor_database.c: of a database server alone */
doctor_check doctor_database, doctor_roles;

/* METHOD base URL + path with the key, as cli_bridge_call(). */
int doctor_ask(struct doctor *d, const char *method, const char *path, struct cli_reply *ret);

/* GET of webhook-ingest: WEBHOOK_URL with @path instead of its own. As cli_bridge_call(). */
int doctor_get_ingest(struct doctor *d, const char *path, struct cli_reply *ret);

/* ---- judgements ------------------------------------------------------------------------------ */

/* Has this SQLite the WAL-reset race (sqlite.org/wal.html)? Fixed in 3.51.3, and in 3.50.7 and 3.44.6. */
bool doctor_has_wal_reset_race(const char *version);
/* Is the SQLite file that begins with these bytes in WAL mode? */
bool doctor_is_wal(const uint8_t *head, size_t n);
/* Room for the stores. */
enum finding_level doctor_disk_level(int64_t free_bytes, int64_t total_bytes);
/* How old a bridge is, -1: it does not tell. WhatsApp refuses clients that are some months old (405). */
enum finding_level doctor_age_level(int64_t age_ms);
/* How far another clock is off; 5 s do no harm, a minute makes signatures stale. */
enum finding_level doctor_skew_level(int64_t skew_ms);
/* "on: status, reconnect; off: offline" of an answer to GET /extension. Returns how many are off, -1: that is
 * no such answer. */
int doctor_read_features(struct str json, char *ret, size_t n);
