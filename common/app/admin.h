/*
 * GET /health, /ready, /metrics, for every service (common/app only; services use app.h).
 *
 * /health  200 as long as the loop runs: {"status":"ok","service":…,"checks":{"bus":"no hub yet",…}}
 * /ready   200, or 503 when a check that counts is not fine
 * /metrics Prometheus text
 */
#pragma once

#include "common/app/app_spec.h"
#include "common/io/http_server.h"
#include "common/io/loop.h"

#define ADMIN_CHECKS_MAX 8

struct admin;

/* Keeps @service and @host_names (NULL: none). */
int admin_new(const char *service, const char *host_names, struct admin **ret);
/* "off" listens nowhere. Returns 0 or a negative of http_server_open(). */
int admin_listen(struct admin *a, struct loop *l, const char *listen, bool any_port);
uint16_t admin_port(const struct admin *a); /* 0: off */
void admin_check_add(struct admin *a, const struct app_check *check);
bool admin_serve(struct admin *a, struct http_req *r);
bool admin_is_own_host(const struct admin *a, struct str host);
void admin_free(struct admin *a);
