/*
 * Restarting a bridge that has no reconnect call (the released zapw): RECONNECT_HOOK says how.
 *
 *   docker:CONTAINER       POST /containers/CONTAINER/restart of the Docker Engine API at DOCKER_HOST
 *   systemd:UNIT           systemctl restart --no-block UNIT
 *   exec:/path/to/program  that program, with the bridge's name as its argument; exit status 0: restarted
 *
 * A restart bounces every session of the bridge, so it has a spacing of its own (kept in state.db, held by
 * reconnect_claim() over all workers and restarts) and a guard: sessions that are due wait until few enough others are
 * connected.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/app/hook_settings.h"
#include "common/base/buf.h"
#include "common/bridge/driver.h"
#include "common/io/http_client.h"
#include "common/io/loop.h"

/* A restart is over or given up before the claim's lease ends (policy.h: 30 s call, 5 s margin). */
#define HOOK_TIMEOUT_MS (25 * 1000)
/* How long Docker lets the bridge stop before it kills it; zapw saves its sessions within that. */
#define HOOK_DOCKER_STOP_S 10
#define HOOK_TARGET_MAX    256

enum hook_kind { HOOK_NONE, HOOK_DOCKER, HOOK_SYSTEMD, HOOK_EXEC };

struct hook {
    enum hook_kind kind;
    char target[HOOK_TARGET_MAX];      /* container, unit or path */
    char docker_url[HOOK_TARGET_MAX];  /* "http://host:port" */
    char docker_unix[HOOK_TARGET_MAX]; /* path of the socket, "": TCP */
};

/* Takes RECONNECT_HOOK and DOCKER_HOST apart. Returns 0 (kind HOOK_NONE for an empty one), or -EINVAL with
 * one line in @problem that lists the allowed values. */
int hook_parse(const struct hook_settings *s, struct buf *problem, struct hook *ret);

/*
 * The guard: may a bridge with so many sessions in each state be restarted? Not when more than @max_connected
 * percent of those a restart touches (connected, starting, disconnected) are connected; sessions that need a
 * person do not count. @ret_percent (may be NULL) gets the share.
 */
bool hook_may_restart(const int64_t count[SESSION_STATE_N], int64_t max_connected, int *ret_percent);

/* The outcome of a restart. */
struct hook_result {
    bool restarted;
    int64_t sent_ms;   /* from hook_run() until it was under way; -1: it never was (it may be tried again) */
    char message[160]; /* for people: "docker restarted container zapw"; or the failure and the next step */
};

struct hook_run;

/*
 * Restarts the bridge. @h and @client outlive it. @ret is valid until @done fires. @done fires once, never
 * before hook_run() has returned, in the loop's thread. Returns 0, -EINVAL (HOOK_NONE), -ENOMEM; a program
 * that cannot be run is reported by @done.
 */
int hook_run(const struct hook *h, struct loop *l, struct http_client *client, const char *bridge,
             void (*done)(void *ctx, const struct hook_result *r), void *ctx, struct hook_run **ret);
/* Waits for it no longer: @done fires soon, and says of a restart that is under way that it was done. */
void hook_let_go(struct hook_run *r);
/* Likewise, at the end of the loop, and without @done. False: it was asked of Docker; @done fires when the
 * client is closed. */
bool hook_drop(struct hook_run *r);

/* "set RECONNECT_HOOK=…" in one sentence, for a bridge that cannot be reconnected and has no hook. */
extern const char hook_missing_message[];
