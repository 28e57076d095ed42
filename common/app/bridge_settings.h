/*
 * How a bridge is reached: from its settings to a target of the drivers.
 */
#pragma once

#include "common/app/app_spec.h"
#include "common/bridge/driver.h"
#include "common/io/http_client.h"

/* Do they fit together? Returns 0, or -EINVAL with one line in @problem that names the setting. */
int bridge_settings_check(const struct bridge_settings *s, struct buf *problem);
/* Borrows the texts of @s. */
struct bridge_target bridge_settings_target(const struct bridge_settings *s);
/* Before the first call of a client: the certificates that @t wants. */
void bridge_target_prepare(const struct bridge_target *t, struct http_client *client);
