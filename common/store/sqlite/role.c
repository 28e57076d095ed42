#include "common/store/sqlite/role.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/instance_lock.h"
#include "common/base/mem.h"
#include "common/store/engine.h"
#include "common/store/role.h"

#define FILE_MAX 64

struct crew {
    struct store_crew crew; /* first */
    char *dir;
    char file[FILE_MAX];
    int fd;      /* the lock, while a role is had */
    int n_roles; /* that are had */
    bool taken;  /* another program had it when it was tried last, since the last renewal */
};

struct role {
    struct store_role role; /* first */
    struct crew *crew;
};

static void file_of(const char *kind, char ret[FILE_MAX])
{
    (void)snprintf(ret, FILE_MAX, "%.40s.lock", kind);
}

/* ---- roles ----------------------------------------------------------------------------------- */

/* The lock ends with the process: there is no lease. */
static int64_t left_ms(const struct store_role *role)
{
    (void)role;
    return INT64_MAX;
}

static void fence(const struct store_role *role, struct db *db)
{
    (void)role;
    (void)db;
}

static void release(struct store_role *role)
{
    struct crew *c = ((struct role *)role)->crew;

    if (--c->n_roles == 0)
        (void)close(c->fd);
    mem_free(role);
}

static const struct store_role_engine role_engine = { left_ms, fence, release };

/* ---- the crew -------------------------------------------------------------------------------- */

static int renew(struct store_crew *crew, struct store_crew_view *ret)
{
    ((struct crew *)crew)->taken = false;
    *ret = (struct store_crew_view){ .members = 1 };
    return 0;
}

static bool is_free(const struct store_crew *crew, const char *role)
{
    (void)role;
    return !((const struct crew *)crew)->taken; /* the lock says it when it is tried: once for all roles */
}

static int take(struct store_crew *crew, const char *name, struct store_role **ret)
{
    struct crew *c = (struct crew *)crew;
    struct role *role = mem_zalloc(sizeof *role);
    int r = role ? 0 : -ENOMEM;

    (void)name;
    if (r == 0 && c->n_roles == 0)
        r = instance_lock_take(c->dir, c->file, &c->fd, NULL);
    c->taken = r == INSTANCE_LOCK_TAKEN;
    if (r != 0) {
        mem_free(role);
        return r;
    }
    *role = (struct role){ .role.engine = &role_engine, .crew = c };
    c->n_roles++;
    *ret = &role->role;
    return 0;
}

static void crew_close(struct store_crew *crew)
{
    struct crew *c = (struct crew *)crew;

    mem_free(c->dir);
    mem_free(c);
}

static const struct store_crew_engine crew_engine = { renew, is_free, take, crew_close };

int sqlite_crew_open(const char *dir, const char *kind, struct store_crew **ret)
{
    struct crew *c = mem_zalloc(sizeof *c);

    if (!c || !(c->dir = mem_strdup(dir))) {
        mem_free(c);
        return -ENOMEM;
    }
    c->crew.engine = &crew_engine;
    file_of(kind, c->file);
    *ret = &c->crew;
    return 0;
}

bool sqlite_role_is_taken(const char *dir, const char *kind)
{
    char file[FILE_MAX];

    file_of(kind, file);
    return instance_lock_is_taken(dir, file) == INSTANCE_LOCK_TAKEN;
}
