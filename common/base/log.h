/*
 * One line per event on stderr: logfmt, or JSON with ZAPKEEP_LOG_FORMAT=json. Only programs (services/) log.
 *
 *   2026-11-22T10:04:35.123Z info monitor bridge-up msg="the bridge answers" bridge=main took_ms=4
 *
 * `id` is a constant of the call site that can be searched for. Pairs follow as key, value until NULL:
 *   log_info("bridge-up", "the bridge answers", KS("bridge", name), KI("took_ms", 4));
 * Values are escaped and cut at 1 KiB; a line is at most 4 KiB, a pair that does not fit is left out. Secrets
 * never go into a pair.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/text.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

struct log_kv {
    const char *key;
    int64_t num;
    struct str str; /* when p is set the value is text, else num */
};
#define KS(k, v) ((struct log_kv){ .key = (k), .str = str_from(log_text(v)) })
#define KI(k, v) ((struct log_kv){ .key = (k), .num = (int64_t)(v) })
#define KR(k, s) ((struct log_kv){ .key = (k), .str = (s) }) /* a struct str */

/* Once, before threads start. @service is kept, not copied. */
void log_setup(const char *service, enum log_level level, enum log_format format);
bool log_enabled(enum log_level level);
void log_event(enum log_level level, const char *id, const char *msg, const struct log_kv *kv, int n);
const char *log_text(const char *s); /* s, or "" for NULL */

#define LOG_KV_(...)  ((const struct log_kv[]){ { 0 }, ##__VA_ARGS__ })
#define LOG_KVN_(...) ((int)(sizeof(LOG_KV_(__VA_ARGS__)) / sizeof(struct log_kv)) - 1)
#define LOG_AT_(level, id, msg, ...)                                                    \
    do {                                                                                \
        if (log_enabled(level))                                                         \
            log_event(level, id, msg, LOG_KV_(__VA_ARGS__) + 1, LOG_KVN_(__VA_ARGS__)); \
    } while (0)
#define log_debug(id, msg, ...) LOG_AT_(LOG_LEVEL_DEBUG, id, msg, ##__VA_ARGS__)
#define log_info(id, msg, ...)  LOG_AT_(LOG_LEVEL_INFO, id, msg, ##__VA_ARGS__)
#define log_warn(id, msg, ...)  LOG_AT_(LOG_LEVEL_WARN, id, msg, ##__VA_ARGS__)
#define log_error(id, msg, ...) LOG_AT_(LOG_LEVEL_ERROR, id, msg, ##__VA_ARGS__)
