/* One request to the API under way: its parameters, its sender, and the answers. */
#pragma once

#include "common/base/buf.h"
#include "common/base/json_in.h"
#include "common/base/json_out.h"
#include "common/store/audit.h"
#include "services/console/context.h"
#include "services/console/login.h"
#include "services/console/web_path.h"

/* An answer at most: 500 events of a page without their bodies; one event has up to 8 MiB. */
#define EXCHANGE_ANSWER_MAX (16 * 1024 * 1024)
#define EXCHANGE_LIMIT_MAX  500

struct exchange {
    const struct console_context *c;
    struct http_req *http;                               /* gone after an answer */
    char param[WEB_PATH_PARAMS_MAX][WEB_PATH_PARAM_MAX]; /* of the path, decoded */
    struct identity who;
    char address[AUDIT_ADDRESS_MAX];
    const char *misfit; /* exchange_fits() */
};

/* ---- of the request -------------------------------------------------------------------------- */

/* "" when it is absent. A value that is longer than n - 1 bytes or no text is a misfit: a filter that was cut, or left out, would
 * match what nobody asked for. */
void exchange_query(struct exchange *e, const char *key, char *ret, size_t n);
/* False: one of the values read so far was a misfit, and that is answered with 400. Before anything is done. */
bool exchange_fits(struct exchange *e);
/* @fallback when it is absent or no number; brought between @min and @max. */
int64_t exchange_query_int(struct exchange *e, const char *key, int64_t fallback, int64_t min, int64_t max);
/* Of the JSON body. @part NULL: at the top, else inside that object. "" or false or 0 when it is absent or null. A value of
 * another kind is a misfit, and so is a text that is too long. */
void exchange_text(struct exchange *e, const char *part, const char *key, char *ret, size_t n);
bool exchange_bool(struct exchange *e, const char *key);
int64_t exchange_int(struct exchange *e, const char *part, const char *key);
/* Calls @on_item for each element of a list of the body; its non-zero return ends it. */
void exchange_each(struct exchange *e, const char *key, int (*on_item)(void *ctx, struct json_value item),
                   void *ctx);
/* An item of the list @key; one without a text is a misfit, too. */
void exchange_item_text(struct exchange *e, const char *key, struct json_value item, char *ret, size_t n);
bool exchange_has(struct exchange *e, const char *key, enum json_in_kind kind);

/* ---- answers; the request is over after each ------------------------------------------------- */

void exchange_answer(struct exchange *e, int status, struct buf *json);
void exchange_nothing(struct exchange *e); /* 204 */
void exchange_error(struct exchange *e, int status, const char *error, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* 503 with a sentence about a part of the store (STATE_DB_FILE …). */
void exchange_store_error(struct exchange *e, const char *part, int r);

/* ---- the audit list -------------------------------------------------------------------------- */

/* Writes a row, and tells those who watch. A failure is logged: the change itself stays. */
void exchange_audit(const struct exchange *e, const char *action, const char *bridge, const char *session,
                    bool ok, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
