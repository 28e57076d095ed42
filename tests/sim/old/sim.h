/*
 * The simulation: a monitor, workers, a bridge and its sessions on a stepped clock and a seeded random
 * source. The decisions (common/policy, the monitor's judge, incident, health, flap, book and round) and the
 * store's functions are the real ones; what is played is what lies between them: time, the network, bells,
 * processes that die, and a bridge that fails in every way it can.
 *
 *   bridge.c   the truth: what each session really is, and when which request really left
 *   monitor.c  sweeps, webhooks and looks, as services/monitor does them
 *   worker.c   claims, calls and records, as services/reconnect-worker does them
 *   chaos.c    what goes wrong, and when
 *   check.c    R1 to R6, each held against the truth and not against what the code believes
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/clock.h"
#include "common/base/rng.h"
#include "common/reconnect/reconnect.h"
#include "services/monitor/book.h"
#include "services/monitor/health.h"
#include "services/monitor/incident.h"
#include "services/monitor/round.h"

#define SIM_BRIDGE      "main"
#define SIM_WORKERS_MAX 4
#define SIM_CALLS_MAX   256
#define SIM_T0          ((int64_t)1000 * 1000 * 1000) /* the truth's time of the start, ms */
#define SIM_TICK_MS     5000                          /* between two checks of R5 */

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

/* What a session is like. */
enum sim_kind {
    SIM_NORMAL,
    SIM_STUBBORN, /* never connects */
    SIM_REFUSED,  /* the bridge says no to each reconnect */
    SIM_SHAKY,    /* drops again soon after each connect */
    SIM_KIND_N
};

/* One session as it really is. */
struct sim_session {
    char id[16];
    enum sim_kind kind;
    enum session_state state;
    int code;                /* why it is not connected */
    int64_t since;           /* in this state */
    int64_t gen;             /* what is planned for an older generation does not happen */
    int64_t connected_since; /* 0: it is not */
    int64_t reported;        /* newest time the bridge reported it connected (webhook or answer) */
    int64_t reported_shown;  /* the same, as the monitor has taken it in */
    int64_t last_sent;       /* R2: when the newest request left, 0: never */
    int64_t attempts;
    /* people */
    enum retry_reason
        forced; /* an attempt for this reason was asked for without spacing; RETRY_FOR_NONE: none */
    bool parked;
    int64_t looked_t; /* the monitor has taken in a word about it */
    int64_t reset_t;  /* the counters began again: ten good minutes, or an unpark */
    /* check.c */
    int64_t leased_until; /* true time, 0: no claim */
    int64_t unsaid_t;     /* a look found it down then, and nothing has said why; 0: not so */
    bool exempt;          /* the attempt under way may ignore the spacing */
    int64_t at_once_t;    /* the last attempt at once */
    int64_t waiting;      /* R5: ms it has been eligible while the bridge's gate was open */
    int64_t place;        /* R5: eligible ones when it became so, itself included */
    int64_t counted;      /* failures that were the session's own */
    bool eligible;
};

struct sim;

/* One attempt of one worker. */
struct sim_call {
    bool used;
    int worker;
    int64_t life; /* unique: what is planned for an earlier call in this place does not happen */
    int session;
    struct claim claim;
    int64_t claimed_t; /* true time */
    int64_t began_boot;
    int64_t sent_t; /* true time the request left, 0: it has not */
    int64_t sent_after;
    int64_t closed_t; /* the connection is gone at the latest then */
    struct call_result result;
};

struct sim_worker {
    bool alive;
    int64_t life;
    int64_t stalled_until; /* stopped, as by SIGSTOP or a frozen disk */
    int64_t look_at;       /* the next look that is planned */
    int calls;
};

struct sim_heard {
    int session;
    enum session_state state;
    int code;
    int64_t at_wall, occurred_at;
};

struct sim_monitor {
    bool alive;
    int64_t life;
    int64_t sweep_at; /* true time */
    int64_t sweep_no;
    struct book *book;
    struct round round;
    struct health health;
    struct incident incident;
    int64_t drops; /* since the last sweep */
    bool loaded;
};

struct sim_token {
    int session;
    int64_t claimed_t;
    bool told;
};

struct sim_event {
    int64_t t, order;
    void (*fn)(struct sim *s, int64_t a, int64_t b);
    int64_t a, b;
};

struct sim_options {
    uint64_t seed;
    bool verbose;
};

struct sim {
    struct sim_options options;
    struct rng rng;   /* what happens */
    struct rng draws; /* what the code under test draws */
    struct db *db;
    struct clock_stepped clock;
    int64_t t; /* the truth */
    int64_t boot_offset, wall_offset;
    int64_t powered_at; /* before that the machine is off: nobody reads a clock */
    struct sim_event *heap;
    int n_events, cap_events;
    int64_t order;

    struct policy policy;
    struct rules rules;
    struct sim_session *sessions;
    int n_sessions;
    bool outdated; /* the bridge is parked as a whole */
    enum sim_mode mode;
    struct sim_worker workers[SIM_WORKERS_MAX];
    int n_workers;
    struct sim_call calls[SIM_CALLS_MAX];
    struct sim_monitor monitor;
    struct sim_heard *heard; /* the event log */
    int n_heard, cap_heard;

    /* chaos, permille and ms */
    int64_t bell_loss, hook_loss, kill_permille, stall_permille;
    int64_t drop_every, mode_every, clock_every, reboot_every, hand_every, life_every, blind_every;
    int64_t calm_at, end_at;

    /* check.c */
    double ref_tokens; /* R3: the bucket as a simple sum in true time */
    int64_t ref_at, ref_slow_from;
    int64_t n_claims, n_told;
    struct sim_token *tokens; /* by token */
    int64_t cap_tokens;
    int64_t half_open_ms;
    int64_t breaker_allows; /* claims, before the one that is made now */
    bool gate_open;
    bool failed;
};

/* ---- sim.c: time ----------------------------------------------------------------------------- */

int sim_open(struct sim *s, const struct sim_options *o);
void sim_close(struct sim *s);
void sim_at(struct sim *s, int64_t t, void (*fn)(struct sim *s, int64_t a, int64_t b), int64_t a, int64_t b);
void sim_run(struct sim *s, int64_t until);
struct now sim_now(struct sim *s); /* what a process reads; inside a transaction it anchors */
int64_t sim_wall(const struct sim *s);
int64_t sim_draw(struct sim *s, int64_t below);
bool sim_chance(struct sim *s, int64_t permille);
void sim_log(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A promise is broken: says where, and the run ends. */
void sim_fail(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A function of the store failed: that is a bug of the simulation or of the store. */
void sim_must(struct sim *s, int r, const char *what);
int sim_find(struct sim *s, const char *id);

/* ---- bridge.c -------------------------------------------------------------------------------- */

/* The state really changes; what was planned for the session is off. */
void bridge_set(struct sim *s, int session, enum session_state state);
void bridge_drop(struct sim *s, int session, int code);
void bridge_connect(struct sim *s, int64_t session, int64_t gen);
/* A request arrives; @call is in s->calls. Plans its answer. */
void bridge_called(struct sim *s, int call);
/* Can lists, health and status be asked? */
bool bridge_answers(const struct sim *s);
struct bridge_session bridge_shows(struct sim *s, int session);

/* ---- monitor.c ------------------------------------------------------------------------------- */

void monitor_start(struct sim *s);
void monitor_kill(struct sim *s);
void monitor_ring(struct sim *s); /* something is in the log, or in state.db */

/* ---- worker.c -------------------------------------------------------------------------------- */

void worker_start(struct sim *s, int w);
void worker_kill(struct sim *s, int w);
void worker_bell(struct sim *s); /* to each worker, if it does not get lost */
void worker_answered(struct sim *s, int64_t call, int64_t life);

/* ---- chaos.c --------------------------------------------------------------------------------- */

void chaos_plan(struct sim *s);

/* ---- check.c --------------------------------------------------------------------------------- */

void check_start(struct sim *s);
/* Around each claim: what the breaker allowed before it. */
void check_before_claim(struct sim *s);
void check_breaker(struct sim *s, const struct claims *c);
void check_claim(struct sim *s, const struct sim_call *c);
void check_sent(struct sim *s, struct sim_call *c);
void check_called(struct sim *s, const struct sim_call *c, int r);
void check_told(struct sim *s, const struct attempt_row *row);
/* Counters begin again: of this session, or of all when the bridge is not parked any more. */
void check_reset(struct sim *s, struct sim_session *x);
void check_slow_start(struct sim *s);
void check_tick(struct sim *s, int64_t a, int64_t b);
void check_end(struct sim *s);

/* ---- scale.c --------------------------------------------------------------------------------- */

/* Prints what @n sessions cost; @s is open and nothing is in it. Returns 0, or 1 when a promise broke. */
int scale_main(struct sim *s, int n);
