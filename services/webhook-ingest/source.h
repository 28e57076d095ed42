/*
 * The bridges whose webhooks are taken, each with the tokens and signatures that prove them: of ZAPKEEP_BRIDGES, or the one
 * of WHATSAPP_* (then the token is good for any name, and the signature for the bridge's own).
 */
#pragma once

#include "common/app/bridge_set.h"
#include "common/bridge/driver.h"
#include "common/bridge/signature.h"
#include "services/webhook-ingest/settings.h"

/* Schemes of all drivers and the closing 0. */
#define SOURCE_SCHEMES_MAX 16

struct source {
    const char *bridge;              /* its name; NULL: any other name */
    struct tokens tokens;            /* a request may present one of them … */
    struct tokens secrets;           /* … or be signed with one of these; WEBHOOK_SECRET, else the tokens */
    int schemes[SOURCE_SCHEMES_MAX]; /* signatures that are accepted, 0-ended */
    bool must_be_signed;             /* it has a secret and no token */
    const struct bridge_driver *driver; /* reads the webhooks; NULL: the one that claims the body */
    int metrics;                        /* the bridge's number in metrics.h */
};

struct sources;

/* @settings of the program, kept by reference. Returns 0; -EINVAL with one line in @problem; -ENOMEM. */
int sources_open(const struct ingest_settings *settings, struct buf *problem, struct sources **ret);
void sources_close(struct sources *s); /* NULL is nothing */
/* The file of bridges is read anew, and taken whole or not at all: logged. */
void sources_reload(struct sources *s);

/* NULL: no webhooks of such a bridge are taken. Valid until the next sources_reload(). */
const struct source *sources_find(const struct sources *s, struct str bridge);
/* Do the settings name this bridge? */
bool sources_name(const struct sources *s, struct str bridge);
/* The bridge of the path without a name: the first one. */
struct str sources_default(const struct sources *s);
/* Has this request a token of some bridge? With no token configured none has. */
bool sources_know(const struct sources *s, const struct webhook_request *headers, struct str query);
