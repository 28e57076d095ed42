#include "common/store/sqlite/role.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/instance_lock.h"
#include "common/base/mem.h"
#include "common/store/engine.h"

#define FILE_MAX 64

struct role {
    struct store_role role; /* first */
    int fd;
};

static void file_of(const char *name, char ret[FILE_MAX])
{
    (void)snprintf(ret, FILE_MAX, "%.40s.lock", name);
}

/* The lock ends with the process: there is no lease. */
static int renew(struct store_role *role)
{
    (void)role;
    return 0;
}

static bool is_held(const struct store_role *role)
{
    (void)role;
    return true;
}

static void fence(const struct store_role *role, struct db *db)
{
    (void)role;
    (void)db;
}

static void release(struct store_role *role)
{
    (void)close(((struct role *)role)->fd);
    mem_free(role);
}

static const struct store_role_engine role_engine = { renew, is_held, fence, release };

int sqlite_role_take(const char *dir, const char *name, struct store_role **ret)
{
    struct role *role = mem_zalloc(sizeof *role);
    char file[FILE_MAX];
    int r;

    if (!role)
        return -ENOMEM;
    role->role.engine = &role_engine;
    file_of(name, file);
    r = instance_lock_take(dir, file, &role->fd, NULL);
    if (r == 0)
        *ret = &role->role;
    else
        mem_free(role);
    return r;
}

bool sqlite_role_is_taken(const char *dir, const char *name)
{
    char file[FILE_MAX];

    file_of(name, file);
    return instance_lock_is_taken(dir, file) == INSTANCE_LOCK_TAKEN;
}
