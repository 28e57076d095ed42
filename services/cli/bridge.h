/*
 * The bridge, for commands: one call after the other, each awaited, with the problem in words.
 */
#pragma once

#include "common/bridge/detect.h"
#include "common/io/http_client.h"
#include "services/cli/cli.h"

struct cli_bridge {
    const struct bridge_settings *settings; /* kept by reference */
    struct bridge_target target;
    const struct bridge_driver *driver; /* NULL until cli_bridge_find_driver() */
    struct loop *loop;
    struct http_client *client;
};
#define CLI_BRIDGE_NULL ((struct cli_bridge){ 0 })

/* Loop and client, also without WHATSAPP_API_URL. Returns 0 or a negative. */
int cli_bridge_start(const struct bridge_settings *settings, struct cli_bridge *ret);
/* These two print a problem themselves. Return -1: go on; else the exit code. */
int cli_bridge_open(const struct bridge_settings *settings, struct cli_bridge *ret);
/* The driver that WHATSAPP_BRIDGE names, or for "auto" the one that the bridge's answers show. */
int cli_bridge_find_driver(struct cli_bridge *b);
void cli_bridge_close(struct cli_bridge *b); /* CLI_BRIDGE_NULL is nothing */

/* One answer; answer.body points into body. */
struct cli_reply {
    struct bridge_answer answer;
    enum http_error error;
    int64_t took_ms;
    char detail[128];
    struct buf body;
};
#define CLI_REPLY_NULL ((struct cli_reply){ 0 })
void cli_reply_fini(struct cli_reply *r); /* also for CLEANUP */

/* Makes the call and frees @req. @timeout_ms 0: the usual one. @ret is filled anew (its old body is freed).
 * Returns 0, also when no answer came (answer.status 0), or a negative. */
int cli_bridge_call(struct cli_bridge *b, struct bridge_request *req, int64_t timeout_ms,
                    struct cli_reply *ret);
/* Makes the calls of the driver's procedure that follow a first one, whose answer is in @reply and was read as @kind; each
 * takes @timeout_ms at most. Returns the result of all of it: 0, a bridge_answer_kind (the last answer in @reply), or a
 * negative. */
int cli_bridge_go_on(struct cli_bridge *b, enum bridge_op op, const char *id,
                     const struct subscription_want *hook, int kind, int64_t timeout_ms,
                     struct cli_reply *reply);
/* Lets time pass. */
int cli_bridge_sleep(struct cli_bridge *b, int64_t ms);

/* The message for the result of a call, with the next step: a bridge_answer_kind or a negative. Prints one
 * line "<what>: …" and returns the exit code (unreachable for transport and a refused key, else condition not met). */
int cli_bridge_problem(const struct cli_bridge *b, const char *what, int kind, const struct cli_reply *reply);
/* "http://host:3000", without user and password. */
char *cli_bridge_address(const struct cli_bridge *b, char *ret, size_t n);

/* Asks the probes of all drivers. Returns 0 and the driver, a detect_answer, or a negative; @ret holds the
 * answers and is freed by detection_fini() in each case. */
int cli_bridge_detect(struct cli_bridge *b, struct detection *ret, const struct bridge_driver **ret_driver);
