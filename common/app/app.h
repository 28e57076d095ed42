/*
 * One way to boot: settings, log, loop, bus, stores, /health /ready /metrics, orderly stop.
 *
 *   int main(int argc, char *argv[])
 *   {
 *       struct x x = X_NULL;
 *       int r = x_open(&x, APP_START(argc, argv));        (app_open(): --help, or one line on a problem)
 *       if (r == 0) r = app_run(x.app);                   (until SIGTERM, SIGINT or app_fail())
 *       x_stop(&x);
 *       return app_close(x.app, r);                       (the exit code)
 *   }
 */
#pragma once

#include "common/app/app_spec.h"
#include "common/app/backoff.h"
#include "common/io/bus.h"
#include "common/io/http_server.h"
#include "common/io/loop.h"
#include "proto/message.h"

struct app;

/* One line on stderr, "<program>: <message>": the error and its remedy. Returns APP_EXIT(code). */
int app_exit(struct app *a, enum exit_code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Prints help or a problem by itself. Returns 0, or APP_EXIT(...): stop now; *ret is untouched then. */
/* @settings is the program's settings struct: filled here, freed by app_close(). @spec is kept, @start is not. */
int app_open(const struct app_spec *spec, const struct app_start *start, void *settings, struct app **ret);
int app_run(struct app *a);
/* Stops the loop with this exit code, for faults that cannot be survived; logs nothing. */
void app_fail(struct app *a, enum exit_code code);
/* Closes all that app_open() opened; NULL is nothing. @r is the last result: 0 (then the code of app_fail(), or
 * done), APP_EXIT(...), or a negative (one line with its text, EXIT_NEGATIVE). Returns the exit code for main.
 */
int app_close(struct app *a, int r);

struct loop *app_loop(struct app *a);
struct clock *app_clock(struct app *a);
int64_t app_wall_ms(struct app *a); /* of its clock: the time now, for people */
int64_t app_boot_ms(struct app *a); /* … and for intervals */
struct rng *app_rng(struct app *a);
void app_check_add(struct app *a, const struct app_check *check); /* copied; at most 8 */
/* Called once at SIGTERM, before the loop ends: the service stops accepting, finishes within 10 s and calls
 * app_stopped(). Without one the loop stops at once. */
void app_on_stop(struct app *a, void (*fn)(void *ctx), void *ctx);
void app_stopped(struct app *a);
bool app_stopping(const struct app *a);
/* The store is in a database that does not answer, and a line of the log says so: parts that find the same have nothing to
 * add. role_share.h sets it, for programs that have roles. */
void app_set_store_away(struct app *a, bool away);
bool app_store_is_away(const struct app *a);
/* Handles GET /health, /ready, /metrics; returns false for another path. For services with an HTTP server of
 * their own. */
bool app_admin_serve(struct app *a, struct http_req *r);
/* Is this Host one of ours (http_host.h, ZAPKEEP_HOST_NAMES)? */
bool app_is_own_host(const struct app *a, struct str host);

/* Fills id ("msg_…"), at, src and v where unset, and encodes: @m is free at once. It goes to the bus a few
 * milliseconds later, in order, together with the other messages of that time. Drops are counted
 * (zapkeep_bus_dropped_total), never an error: a notification is a hint. @m->bridge should be set. */
void app_publish(struct app *a, struct message *m);
