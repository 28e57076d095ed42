#include "common/ops/status_roles.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/store/programs.h"

/* Of a monitor with more bridges the rest is counted. */
#define NAMES_MAX 6

#define MONITOR "monitor"

struct roles {
    struct store_role_row row[STORE_CREW_ROLES];
    int n;
    struct program_row program[STORE_CREW_ROLES]; /* without roles */
    int n_programs;
};

static int on_role(void *ctx, const struct store_role_row *row)
{
    struct roles *roles = ctx;

    if (roles->n < STORE_CREW_ROLES)
        roles->row[roles->n++] = *row;
    return 0;
}

/* ---- problems -------------------------------------------------------------------------------- */

/* "" for the duties of the stack; NULL: it is no role of the monitor's. */
static const char *bridge_of(const struct store_role_row *row)
{
    size_t n = strlen(MONITOR);

    if (strncmp(row->name, MONITOR, n) != 0)
        return NULL;
    return row->name[n] == '.' ? row->name + n + 1 : row->name + n;
}

static bool is_wanted(struct db *state, const char *bridge)
{
    struct bridge_row row;

    return !*bridge || (bridges_find(state, bridge, &row) == 0 && row.unwatched_since == 0);
}

static void add_free(const struct store_role_row *row, const char *bridge, struct problems *ret)
{
    enum problem_level level = row->given && row->members > 0 ? PROBLEM_WARN : PROBLEM_BAD;
    struct problem *p;
    char text[400];

    if (row->members == 0)
        (void)snprintf(
            text, sizeof text,
            "no monitor is at work, %.95s was the last: all below is as it left it; start zapkeep-monitor",
            row->holder);
    else
        (void)snprintf(
            text, sizeof text,
            "no monitor has the role %.95s, %.95s was the last: another one takes it within seconds, if its "
            "settings name the bridge",
            row->name, row->holder);
    p = status_add_problem(ret, level, PROBLEM_AREA_MONITOR,
                           row->members == 0 ? "monitors-gone" : "role-free", text);
    str_copy(str_from(bridge), p->bridge, sizeof p->bridge);
    str_copy(str_from(row->name), p->name, sizeof p->name);
    str_copy(str_from(row->holder), p->detail, sizeof p->detail);
}

/* Without any monitor one line says it all. */
static void add_problems(const struct roles *roles, struct db *state, struct problems *ret)
{
    for (int i = 0; i < roles->n; i++) {
        const struct store_role_row *row = &roles->row[i];
        const char *bridge = row->held ? NULL : bridge_of(row);

        if (bridge && (row->members > 0 ? is_wanted(state, bridge) : !*bridge))
            add_free(row, bridge, ret);
    }
}

/* ---- programs that are gone ------------------------------------------------------------------ */

static const struct {
    const char *kind, *service, *program;
    enum problem_area area;
    bool alone; /* nobody else says that none is alive */
} programs[] = {
    { "monitor", "monitor", "zapkeep-monitor", PROBLEM_AREA_MONITOR, false },
    { "forward", "forwarder", "zapkeep-forward", PROBLEM_AREA_DELIVERY, false },
    { "ingest", "webhook-ingest", "zapkeep-ingest", PROBLEM_AREA_INGEST, true },
    { "worker", "reconnect-worker", "zapkeep-reconnect", PROBLEM_AREA_WORKERS, true },
};

static int on_program(void *ctx, const struct program_row *row)
{
    struct roles *roles = ctx;

    if (!*row->role && roles->n_programs < STORE_CREW_ROLES)
        roles->program[roles->n_programs++] = *row;
    return 0;
}

/* One that started after its death stands for it, under another name, as containers do; also one that was stopped since. Each stands for one. */
static bool is_replaced(const struct roles *roles, const struct program_row *dead, bool *taken)
{
    for (int i = 0; i < roles->n_programs; i++) {
        const struct program_row *p = &roles->program[i];

        if (taken[i] || p->life == PROGRAM_DEAD || strcmp(p->kind, dead->kind) != 0 ||
            p->since < dead->signed_at)
            continue;
        taken[i] = true;
        return true;
    }
    return false;
}

static int n_alive(const struct roles *roles, const char *kind)
{
    int n = 0;

    for (int i = 0; i < roles->n_programs; i++)
        n += roles->program[i].life == PROGRAM_ALIVE && strcmp(roles->program[i].kind, kind) == 0;
    return n;
}

static void add_dead(const struct program_row *row, size_t k, int alive, struct problems *ret)
{
    struct problem *p;
    char text[400], ago[32];

    (void)snprintf(text, sizeof text,
                   "%s on %.95s has given no sign of life for %s, %d other%s alive: start %s there again; "
                   "one that does not come "
                   "back is forgotten after a day",
                   programs[k].service, row->holder, text_age(row->gone_ms, ago, sizeof ago), alive,
                   alive == 1 ? " is" : "s are", programs[k].program);
    p = status_add_problem(ret, alive == 0 ? PROBLEM_BAD : PROBLEM_WARN, programs[k].area, "program-dead",
                           text);
    p->since = row->until;
    str_copy(str_from(programs[k].service), p->name, sizeof p->name);
    str_copy(str_from(row->holder), p->detail, sizeof p->detail);
}

static void add_programs(const struct roles *roles, struct problems *ret)
{
    bool taken[STORE_CREW_ROLES] = { false };

    for (int i = 0; i < roles->n_programs; i++) {
        const struct program_row *row = &roles->program[i];
        int alive = n_alive(roles, row->kind);

        for (size_t k = 0; k < ARRAY_LEN(programs); k++) {
            if (row->life == PROGRAM_DEAD && strcmp(row->kind, programs[k].kind) == 0 &&
                (alive > 0 || programs[k].alone) && !is_replaced(roles, row, taken))
                add_dead(row, k, alive, ret);
        }
    }
}

/* ---- the line -------------------------------------------------------------------------------- */

static bool is_first_of_holder(const struct roles *roles, int i)
{
    for (int k = 0; k < i; k++) {
        if (roles->row[k].held && strcmp(roles->row[k].holder, roles->row[i].holder) == 0)
            return false;
    }
    return true;
}

static void add_holder(const struct roles *roles, int first, struct buf *text)
{
    int n = 0;

    (void)buf_addf(text, "; %s has ", roles->row[first].holder);
    for (int i = first; i < roles->n; i++) {
        const struct store_role_row *row = &roles->row[i];

        if (!row->held || strcmp(row->holder, roles->row[first].holder) != 0)
            continue;
        if (n++ < NAMES_MAX)
            (void)buf_addf(text, "%s%s", n > 1 ? ", " : "", row->name);
    }
    if (n > NAMES_MAX)
        (void)buf_addf(text, " and %d more", n - NAMES_MAX);
}

static void describe(const struct roles *roles, struct buf *text)
{
    int held = 0;

    for (int i = 0; i < roles->n; i++)
        held += roles->row[i].held;
    (void)buf_addf(text, "%d of %d are held", held, roles->n);
    for (int i = 0; i < roles->n; i++) {
        if (roles->row[i].held && is_first_of_holder(roles, i))
            add_holder(roles, i, text);
    }
}

int status_roles(const char *where, struct db *state, struct problems *problems, struct buf *text)
{
    struct roles *roles = mem_zalloc(sizeof *roles);
    int r = roles ? store_roles_each(where, on_role, roles) : -ENOMEM;

    if (r == 0)
        r = programs_each(state, on_program, roles);
    if (r == 0) {
        add_problems(roles, state, problems);
        add_programs(roles, problems);
    }
    if (r == 0 && text && roles->n > 0)
        describe(roles, text);
    mem_free(roles);
    return r;
}

int status_monitor_gone(const char *where, struct db *state, const char *bridge, char *ret, size_t n)
{
    CLEANUP(mem_freep) struct problems *problems = mem_zalloc(sizeof *problems);
    int r = problems ? status_roles(where, state, problems, NULL) : -ENOMEM;

    ret[0] = '\0';
    for (int i = 0; r == 0 && i < problems->n && !ret[0]; i++) {
        const struct problem *p = &problems->item[i];

        if (strcmp(p->key, "monitors-gone") == 0 || strcmp(p->bridge, bridge) == 0)
            (void)snprintf(ret, n, "%s", p->text);
    }
    return r;
}
