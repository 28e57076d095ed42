#include "common/store/role.h"

#include "common/store/engine.h"

int store_role_renew(struct store_role *role)
{
    return role->engine->renew(role);
}

bool store_role_is_held(const struct store_role *role)
{
    return role->engine->is_held(role);
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
