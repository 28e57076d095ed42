/*
 * Everything that works between an opening of state.db and its closing: the watches over the bridges whose roles this monitor
 * has, the duties of the stack if it has that role, and the feeds that they share.
 */
#pragma once

#include "common/app/bridge_set.h"
#include "common/app/role_share.h"
#include "services/monitor/stack_duties.h"

/* The role of the stack; the one with a folder. Where bridges have roles, bridge i has role i + 1. */
#define PARTS_STACK_ROLE 0

struct parts;

/* All are kept by reference. */
struct parts_options {
    struct app *app;
    const struct monitor_settings *settings; /* of all bridges */
    const struct bridge_set *bridges;        /* … and of each */
    const struct alert_sender_options *sender;
    struct role_share *share;
    bool shares; /* there is a role for each bridge */
    struct store_status *store;
};
/* Nothing is open yet. Returns 0 or -ENOMEM. */
int parts_new(const struct parts_options *o, struct parts **ret);
void parts_free(struct parts *p); /* closes them; NULL is nothing */

/* Opens state.db and those parts that this monitor has the roles of and that are not open yet. Returns 0; STORE_ROLE_TAKEN:
 * other monitors have all; or -errno: close them. */
int parts_open(struct parts *p);
void parts_close(struct parts *p); /* staged changes are lost: commit first */
bool parts_are_open(const struct parts *p);
void parts_commit(struct parts *p);
/* The bridge is watched no more. With @commit staged changes are kept; without, another monitor has the bridge. */
void parts_end_bridge(struct parts *p, const char *name, bool commit);
void parts_end_duties(struct parts *p);

/* The bridges that the settings name change to @next. Returns 0 or -errno. */
int parts_mark(struct parts *p, const struct bridge_set *next);
/* Compares the phones of all sessions. */
void parts_read_owners(struct parts *p);
struct alert_sender *parts_sender(const struct parts *p); /* NULL: another monitor sends the alerts */

/* For /health: a bridge is watched, or the duties of the stack are had. */
bool parts_are_working(const struct parts *p);
bool parts_have_duties(const struct parts *p);
bool parts_are_live(const struct parts *p); /* notifications would reach them */
/* As a struct app_check: is a bridge in trouble? */
int parts_check_bridges(const struct parts *p, char *ret_why, size_t n);
