#include "common/store/role.h"

#include "common/base/mem.h"
#include "common/store/engine.h"

static int64_t lease_ms = STORE_ROLE_LEASE_MS;

void store_role_set_lease(int64_t value)
{
    lease_ms = value;
}

int64_t store_role_lease_ms(void)
{
    return lease_ms;
}

int64_t store_role_renew_ms(void)
{
    return lease_ms / 5;
}

int64_t store_role_margin_ms(void)
{
    return lease_ms / 7;
}

void store_crew_close(struct store_crew *crew)
{
    if (crew)
        crew->engine->close(crew);
}

int store_crew_renew(struct store_crew *crew, struct store_crew_view *ret)
{
    return crew->engine->renew(crew, ret);
}

bool store_crew_is_free(const struct store_crew *crew, const char *role)
{
    return crew->engine->is_free(crew, role);
}

int store_crew_take(struct store_crew *crew, const char *role, struct store_role **ret)
{
    return crew->engine->take(crew, role, ret);
}

int64_t store_role_left_ms(const struct store_role *role)
{
    return role->engine->left_ms(role);
}

bool store_role_is_held(const struct store_role *role)
{
    return store_role_left_ms(role) > 0;
}

void store_role_fence(const struct store_role *role, struct db *db)
{
    role->engine->fence(role, db);
}

void store_role_release(struct store_role *role)
{
    if (role)
        role->engine->release(role);
}
