#include "common/store/programs.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/rng.h"
#include "common/store/engine.h"
#include "common/store/log_engine.h"

/* A sign costs a transaction; an idle stack has few of those to spare. */
#define LEASES_BETWEEN 3

/* As a crew names its members (postgres/role.c): for people, and a number, for containers may have the same host and process. */
void program_sign_init(struct program_sign *s, const char *kind)
{
    char host[40] = "";
    uint32_t n = 0;

    (void)gethostname(host, sizeof host - 1);
    for (char *p = host; *p; p++) {
        if (*p == '\'' || *p == '\\' || *p == '%' || *p == '@')
            *p = '-';
    }
    rng_secret(&n, sizeof n);
    *s = (struct program_sign){ 0 };
    (void)snprintf(s->kind, sizeof s->kind, "%s", kind);
    (void)snprintf(s->holder, sizeof s->holder, "%s pid %d (%04x)", host, (int)getpid(), n & 0xffff);
    (void)snprintf(s->member, sizeof s->member, "%s@%s.%d.%08x", s->kind, host, (int)getpid(), n);
}

static int note(struct program_sign *s, struct db *db)
{
    int r = db->engine->sign_program(db, s, true);

    if (r == 0)
        s->next_ms = clock_machine_boot_ms() + LEASES_BETWEEN * store_role_lease_ms();
    return r;
}

static bool is_due(const struct program_sign *s)
{
    return clock_machine_boot_ms() >= s->next_ms;
}

int program_sign_give(struct program_sign *s, struct db *db)
{
    return db->engine->sign_program && is_due(s) ? note(s, db) : 0;
}

int event_log_sign(struct event_log *l, struct program_sign *s)
{
    struct db *db = l->engine->connection && is_due(s) ? l->engine->connection(l) : NULL;

    return db ? note(s, db) : 0;
}

void program_sign_stop(struct program_sign *s, struct db *db)
{
    if (db && db->engine->sign_program && s->next_ms > 0)
        (void)db->engine->sign_program(db, s, false);
}

void event_log_sign_stop(struct event_log *l, struct program_sign *s)
{
    if (l && l->engine->connection)
        program_sign_stop(s, l->engine->connection(l));
}

int programs_each(struct db *db, int (*on_row)(void *ctx, const struct program_row *row), void *ctx)
{
    return db->engine->programs_each ? db->engine->programs_each(db, on_row, ctx) : 0;
}
