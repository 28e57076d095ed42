/*
 * The simulation: the services that ship, on a stepped clock and a seeded random source. monitor_open(), N times
 * worker_open(), ingest_open() and forwarder_open() run as simulated processes (tests/sim/io) against a simulated network, bus and
 * disk, and a bridge that fails in every way it can. The checks look from outside: at the requests to the bridge,
 * at the messages of the bus, and at the rows of the store.
 *
 *   bridge.c    the truth: the real state of each session, the bridge's answers, and when each request left
 *   neighbours.c  other bridges of the same stack: one hangs, one works, one answers garbage, one floods
 *   sender.c    the bridge's webhooks, and the fate of each
 *   backend.c   the receiver of the forwarder
 *   services.c  starts the programs, as their main() does
 *   chaos.c     the faults, and their times
 *   month.c     the faults of a fleet in a month, and its alerts
 *   observe.c   reads the store after each commit
 *   check*.c    R1 to R6, E1, E2 and F1, each held against the truth and not against the code's belief
 *
 * With --store the store is in a real PostgreSQL server (io/postgres_sim.h); the same checks hold. The faults of the disk are those
 * of the database then: it is slow, hangs, crashes, breaks connections. A restart of the machine is not one of the database's.
 * In a folder a seed is the same story each time. With a server it is nearly so: pipelined answers and notifications arrive when
 * the server has sent them, and a session whose client was killed ends by itself.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/domain/alert_kind.h"
#include "common/policy/policy.h"
#include "common/reconnect/reconnect.h"
#include "tests/sim/io/net.h"
#include "tests/sim/io/world.h"

#define SIM_BRIDGE      "main"
#define SIM_WORKERS_MAX 4
enum { SIM_SECOND_MONITOR, SIM_SECOND_FORWARDER, SIM_SECOND_N };
#define SIM_TICK_MS     5000        /* between two checks of R5 */
#define SIM_CHECK_MS    (60 * 1000) /* CHECK_INTERVAL */
#define SIM_INGEST_PORT 8000
#define SIM_REMOVED_MS  (10 * 60 * 1000) /* REMOVED_AFTER */

/* How a bridge answers. */
enum sim_mode {
    SIM_FINE,
    SIM_SLOW,        /* answers after up to 40 s: some later than the client waits, and acts nevertheless */
    SIM_LYING,       /* 200, and does nothing */
    SIM_FAILING,     /* 500 to every call, lists and health included */
    SIM_CALLS_FAIL,  /* 500 to reconnect calls only */
    SIM_REFUSING,    /* the connection is refused */
    SIM_HANGING,     /* takes the request and never answers */
    SIM_UNREACHABLE, /* not even the connection comes about */
    SIM_MODE_N
};

/* The character of a session. */
enum sim_kind {
    SIM_NORMAL,
    SIM_STUBBORN, /* never connects */
    SIM_REFUSED,  /* the bridge says no to each reconnect */
    SIM_SHAKY,    /* drops again soon after each connect */
    SIM_FLAPPER,  /* drops every few seconds, and is back at once */
    SIM_KIND_N
};

/* One session as it really is. */
struct sim_session {
    char id[16];
    enum sim_kind kind;
    enum session_state state;
    int code;                         /* why it is not connected */
    int64_t since;                    /* in this state */
    int64_t gen;                      /* a plan for an older generation does not happen */
    int64_t connected_since;          /* 0: it is not */
    int64_t reported;                 /* newest time the bridge reported it connected (webhook or answer) */
    int64_t shown;                    /* newest time the bridge said anything of it */
    int64_t last_sent;                /* R2: when the newest request left, 0: never */
    struct net_request *in_flight[4]; /* R1: requests that have not ended */
    int64_t request_t[4];             /* when their attempts were claimed */
    /* people */
    /* an attempt for this reason was asked for without spacing; RETRY_FOR_NONE: none */
    enum retry_reason forced;
    bool parked;
    enum alert_kind alert;
    int64_t raised_t;    /* its alert was raised last then */
    bool unread;         /* its last request was seen before its claim could be read */
    int64_t unalerted_t; /* T1: it is down, and no alert has said so since */
    const char *word;    /* the bridge's other word for it, NULL: as usual */
    int64_t word_t;      /* it was called so last then */
    int64_t known_t;     /* recorded for the first time then, or again after it was forgotten */
    bool removed;        /* at the bridge, by its own API; its state is SESSION_LOST then */
    int64_t
        missing_t; /* the bridge has shown since then that it is not there; 0: it is there, as far as it has shown */
    int64_t returned_t; /* it was created there again then, 0: never */
    int64_t reset_t;    /* the counters began again: ten good minutes, or an unpark */
    /* observed in the store */
    int64_t claimed_t[SIM_WORKERS_MAX]; /* the newest claim of each worker */
    int64_t leased_until;               /* 0: no claim */
    int64_t recorded_connected_t;       /* the store has it connected since; 0: it has not */
    int64_t unexplained_t;              /* a poll found it down then, and nothing has said why; 0: not so */
    bool exempt;                        /* the attempt under way may ignore the spacing */
    int64_t at_once_t;                  /* the last attempt at once */
    int64_t waiting;  /* R5: ms it has been eligible while nothing but the bucket stood in the way */
    int64_t position; /* R5: eligible ones when it became so, itself included */
    int64_t counted;  /* failures that were the session's own */
    bool eligible;
};

/* One attempt, as the store has it. */
struct sim_attempt {
    int session, worker;
    int64_t claimed_t;
    enum attempt_outcome outcome;
    bool ended;
};

struct sim_options {
    uint64_t seed;
    int64_t days; /* a month of a fleet, so many days of it; 0: chaos */
    /* differences from the design, too: flappers, lying lists, foreign clocks, spools, unknown words, removals */
    bool world;
};

struct sim {
    struct sim_options options;
    char dir[128];
    const char *store; /* postgresql://…, of this seed alone; NULL: dir */
    struct db *db;     /* our own connection to the state */
    struct policy policy;
    struct sim_session *sessions;
    int n_sessions;
    bool unchecked;           /* the store is not observed: only the cost is measured */
    bool outdated;            /* the bridge is parked as a whole */
    bool has_list;            /* the bridge answers a list call */
    const char *driver, *key; /* WHATSAPP_BRIDGE and its key; NULL: contract, and none */
    enum sim_mode mode;
    int64_t lied_t;       /* a list last lied */
    int lie;              /* how the next list lies; 0: it does not */
    int64_t steady_since; /* no session but a flapper has dropped since */
    int64_t powered_at;   /* before that the machine is off */

    struct process *monitor, *ingest, *forwarder, *workers[SIM_WORKERS_MAX];
    struct process
        *second[SIM_SECOND_N]; /* with a database: a monitor and a forwarder that share the roles */
    int n_workers;

    /* chaos, permille and ms */
    int64_t hook_loss, kill_every, stall_every;
    int64_t drop_every, mode_every, clock_every, reboot_every, operator_every, life_every, blind_every,
        disk_every, hub_every, message_every, backend_every;
    int64_t calm_at, end_at;

    /* observe.c */
    int64_t seen_change, seen_commit;
    bool was_incident, was_down;
    struct sim_attempt *attempts; /* by token */
    int64_t n_attempts, cap_attempts;
    int64_t open_from; /* no open attempt has a smaller token */

    /* check.c */
    double ref_tokens; /* R3: the bucket as a simple sum in true time */
    int64_t ref_at, ref_slow_from;
    int64_t n_ended, n_published;
    int64_t trouble_t[SIM_WORKERS_MAX]; /* a worker last died */
    int64_t disk_bad_t;                 /* the disk last failed */
    int64_t ended_in_calm, published_in_calm;
    int64_t half_open_ms;
    bool breaker_open;
    bool is_away;           /* the monitor is dead or stopped */
    int64_t away_t, back_t; /* when it last became so, and when it last came back */
};
extern struct sim sim; /* there is one in a program */

/* ---- sim.c ----------------------------------------------------------------------------------- */

int sim_open(const struct sim_options *o);
const char *sim_where(void);       /* the store: sim.store, or sim.dir */
void sim_clock(struct clock *ret); /* the machine's, as it is now */
struct now sim_steady(void);       /* as a process would read it now */
int sim_find(const char *id);
/* A function of the store failed: that is a bug of the simulation or of the store. */
void sim_must(int r, const char *what);
/* The state, on either engine. */
int64_t sim_store_commits(void); /* a number that changes with each commit, maybe more often */
bool sim_store_is_free(void);    /* nobody is in the middle of a commit */
bool sim_store_may_write(void);  /* nor in a transaction that writes: the world may */
bool sim_store_is_well(void);    /* no fault of the disk, or of the database, is under way */
void sim_store_heal(void);

/* ---- services.c ------------------------------------------------------------------------------ */

void services_make(void);
void services_start_all(void);
void services_kill_all(void);
void services_let_live(void);          /* none dies or stops any more */
int services_worker(const char *name); /* the number of the worker of that name; -1 */
bool services_is_forwarder(const struct process *p);

/* ---- bridge.c -------------------------------------------------------------------------------- */

void bridge_open(void);
/* The state really changes; plans for the session are off. */
void bridge_set(int session, enum session_state state);
void bridge_drop(int session, int code);
void bridge_connect(int session, int64_t gen);
/* It is deleted by the bridge's own API; and created there again, with the same phone. */
void bridge_remove(int session);
void bridge_return(int session);
int64_t bridge_took_us(void); /* processor time of its answers so far */
/* Can lists, health and status be asked? */
bool bridge_answers(void);

/* ---- neighbours.c ---------------------------------------------------------------------------- */

/* Makes the other bridges of this seed, and the file that names all of them: sim.dir/bridges.conf. */
void neighbours_open(void);
int neighbours_n(void); /* 0: there is no such file */
void neighbours_check_end(void);

/* ---- sender.c -------------------------------------------------------------------------------- */

void sender_event(int session, enum session_state state, int code);
void sender_message(int session);
/* In the calm: from now on each webhook is stored at once. */
void sender_expect(void);
void sender_check_end(void);

/* The number of a webhook that was sent, by its body; -1: none was. */
int64_t sender_number(struct str body, int *ret_session);

/* ---- backend.c ------------------------------------------------------------------------------- */

void backend_open(void);
void backend_set(int mode); /* 0: fine */
int backend_modes(void);
/* So many more deliveries may be repeated. */
void backend_excuse(int64_t n);
void backend_forwarder_died(void);
/* Every event of the log up to seq @head is delivered, or a dead letter. */
void backend_check_end(int64_t head);

/* ---- chaos.c --------------------------------------------------------------------------------- */

void chaos_plan(void);
/* A worker has just claimed, or its request has just arrived: the moments at which trouble tells most. */
void chaos_on_claim(struct process *worker);
void chaos_on_request(struct process *worker);

/* ---- observe.c ------------------------------------------------------------------------------- */

void observe_open(void);

/* ---- check.c --------------------------------------------------------------------------------- */

void check_start(void);
void check_claim(const struct sim_attempt *a, const struct attempt_row *row);
void check_sent(int session, struct net_request *r);
void check_ended(struct sim_attempt *a, const struct attempt_row *row);
void check_published(void);
/* A process died now. */
void check_trouble(const struct process *p);
/* Counters begin again: of this session, or of all when the bridge is not parked any more. */
void check_reset(struct sim_session *x);
/* A session is recorded as lost. */
void check_lost_session(const struct sim_session *x);
void check_slow_start(int64_t t);
void check_end(void);

/* ---- check_alerts.c -------------------------------------------------------------------------- */

/* T1 and T2; every SIM_TICK_MS. */
void check_alerts(const struct bridge_row *bridge);

/* ---- month.c --------------------------------------------------------------------------------- */

/* In place of chaos_plan(): a fleet, and the faults of so many days. */
void month_plan(int64_t days);
/* Prints the alerts; returns 1 when a person could act upon fewer than 95 % of them. */
int month_report(int64_t days);

/* ---- scale.c --------------------------------------------------------------------------------- */

/* Prints the cost of @n sessions; the world is open and nothing is in it. Returns 0, or 1 when something broke. */
int scale_main(int n);
