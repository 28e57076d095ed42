/*
 * May this request's body be read? Pure: the header in, a verdict out.
 */
#pragma once

#include <stdbool.h>

#include "common/bridge/signature.h"

struct check_input {
    struct str method, path, query;
    struct webhook_request headers; /* its body is not looked at */
    const struct tokens *tokens;
    const int *schemes; /* signatures that may stand for a token, 0-ended; NULL: none */
    struct str default_bridge;
};

struct check_result {
    int status; /* 0: read the body; else the answer */
    const char *error, *detail, *headers;
    struct str bridge; /* status 0: whose webhook it is */
    bool is_signed;    /* status 0: the signature is still to be checked, with the body */
};

/* The bridge a path is of, STR_NULL: no path of a webhook. */
struct str check_bridge(struct str path, struct str default_bridge);
struct check_result check_request(const struct check_input *in);

/* The 401 for an auth_answer. */
struct check_result check_refused(int auth);
