/* Paths, queries and cookies of requests as values. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/text.h"

/* The path below @base ("" or "/zapkeep"), beginning with '/'. STR_NULL: it is not below it. "/zapkeep" itself gives "". */
struct str web_path_below(struct str path, struct str base);
#define WEB_PATH_PARAMS_MAX 2
#define WEB_PATH_PARAM_MAX  160
/* Matches "/sessions/{}/{}/timeline": each {} is one segment, decoded into ret. False: it does not match, or
 * a segment is empty, too long, or has a broken escape or a control character. */
bool web_path_matches(struct str path, const char *pattern,
                      char ret[WEB_PATH_PARAMS_MAX][WEB_PATH_PARAM_MAX]);

/* The value of @key in "a=1&b=2", decoded. Returns false (and "") when it is absent or cannot be decoded. */
bool web_path_query(struct str query, const char *key, char *ret, size_t n);
/* The value of a cookie. STR_NULL: there is none. */
struct str web_path_cookie(struct str header, const char *name);
