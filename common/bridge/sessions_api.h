/*
 * The calls and answers that zapw and the contract share: GET /health, /sessions and /sessions/ID, DELETE
 * /sessions/ID. Used inside common/bridge only.
 */
#pragma once

#include "common/bridge/answer.h"

#define SESSIONS_KEY_HEADER "Authorization: Bearer "
/* A route that only the contract has. No bridge has a session of this name. */
#define SESSIONS_PROBE_PATH "/sessions/zapkeep-probe/status"

extern const struct bridge_word sessions_words[];
extern const struct answer_form sessions_form;

/* clang-format off */
#define SESSIONS_OPS                                  \
    [BRIDGE_HEALTH] = { "GET", "/health" },           \
    [BRIDGE_LIST] = { "GET", "/sessions" },           \
    [BRIDGE_DELETE] = { "DELETE", "/sessions/%s" },   \
    [BRIDGE_QR] = { "GET", "/sessions/%s" } /* on zapw this call has side effects */
/* clang-format on */

/* The released zapw removes the folder of that name, without a check of the name: "../x" is somebody else's. */
bool sessions_may_name(enum bridge_op op, const char *id);
/* A QR code stays in the answer when it has long expired: it counts only while one is waited for. */
int sessions_read_qr(const struct bridge_answer *a, struct buf *ret_qr, struct bridge_session *ret);
