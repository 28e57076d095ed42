/*
 * Alerts about webhooks that do not reach anybody: all webhooks of a bridge are refused (a wrong token), or a sender with a token
 * of ours posts to a bridge that no monitor watches, whether webhook-ingest takes webhooks of that name or not. They are rows of the state, which the monitor sends to the sinks.
 * Several webhook-ingests on one database raise each alert once.
 */
#pragma once

#include "common/app/app.h"
#include "common/base/text.h"

struct arrival_alert;

/* @store is borrowed. @alert_after_ms: for so long it must have lasted: a token that is being
 * changed, a monitor that starts. Returns 0 or -ENOMEM. */
int arrival_alert_open(struct app *app, const char *store, int64_t alert_after_ms,
                       struct arrival_alert **ret);
void arrival_alert_close(struct arrival_alert *a); /* NULL is nothing */
/* A webhook of that bridge was answered with a status from 400 on, for @detail. An empty bridge is none. Bridges that the
 * settings name (@is_configured) are all kept; of other names some, and those without a token first give way. */
void arrival_alert_refused(struct arrival_alert *a, struct str bridge, bool is_configured, int status,
                           const char *detail, struct str peer);
/* … was stored, or had been before. */
void arrival_alert_accepted(struct arrival_alert *a, struct str bridge, bool is_configured);
/* … was refused because no bridge of that name is configured, and its sender presented the token of another one. */
void arrival_alert_astray(struct arrival_alert *a, struct str bridge);
/* Each second: raises and resolves. While the state cannot take it, it is tried again. May wait for the store; any thread, one at a time. */
void arrival_alert_second(struct arrival_alert *a);
