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

int sessions_build_health(const struct bridge_target *t, struct bridge_request *ret);
int sessions_build_list(const struct bridge_target *t, struct bridge_request *ret);
int sessions_build_delete(const struct bridge_target *t, const char *id, struct bridge_request *ret);
/* On zapw this call has side effects: only for an operator who asked for the QR code. */
int sessions_build_qr(const struct bridge_target *t, const char *id, struct bridge_request *ret);
/* A QR code stays in the answer when it has long expired: it counts only while one is waited for. */
int sessions_read_qr(const struct bridge_answer *a, struct buf *ret_qr, struct bridge_session *ret);
