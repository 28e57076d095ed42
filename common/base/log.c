#include "common/base/log.h"

#include <ctype.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/json.h"
#include "common/base/mem.h"

/* The longest line; a longer value is cut. PIPE_BUF is 4096: one write of this size stays one line. */
#define LINE_MAX_BYTES 4096
#define VALUE_MAX      1024

static const char *const level_names[] = { "debug", "info", "warn", "error" };

static const char *log_service = "zapkeep";
static enum log_level log_level = LOG_LEVEL_INFO;
static enum log_format log_format = LOG_FORMAT_LOGFMT;

void log_setup(const char *service, enum log_level level, enum log_format format)
{
    log_service = service;
    log_level = level;
    log_format = format;
}

bool log_enabled(enum log_level level)
{
    return level >= log_level;
}

const char *log_text(const char *s)
{
    return s ? s : "";
}

/* A value that needs no quotes in logfmt. */
static bool is_bare(struct str s)
{
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 0x7f)
            return false;
    }
    return true;
}

static struct str cut(struct str s)
{
    return s.n > VALUE_MAX ? (struct str){ s.p, VALUE_MAX } : s;
}

static void add_logfmt(struct buf *line, const struct log_kv *kv)
{
    struct json_out quoted = JSON_OUT(line);

    (void)buf_addf(line, " %s=", kv->key);
    if (!kv->str.p)
        (void)buf_addf(line, "%lld", (long long)kv->num);
    else if (is_bare(cut(kv->str)))
        (void)buf_add(line, kv->str.p, cut(kv->str).n);
    else
        json_text(&quoted, NULL, cut(kv->str));
}

static void write_logfmt(struct buf *line, const char *at, enum log_level level, const char *id,
                         const char *msg, const struct log_kv *kv, int n)
{
    const struct log_kv words = { .key = "msg", .str = str_from(msg) };

    (void)buf_addf(line, "%s %s %s %s", at, level_names[level], log_service, id);
    add_logfmt(line, &words);
    for (int i = 0; i < n; i++)
        add_logfmt(line, &kv[i]);
}

static void write_json(struct buf *line, const char *at, enum log_level level, const char *id,
                       const char *msg, const struct log_kv *kv, int n)
{
    struct json_out j = JSON_OUT(line);

    json_open(&j, NULL, '{');
    json_texts(&j, "at", at);
    json_texts(&j, "level", level_names[level]);
    json_texts(&j, "service", log_service);
    json_texts(&j, "id", id);
    json_texts(&j, "msg", msg);
    for (int i = 0; i < n; i++) {
        if (kv[i].str.p)
            json_text(&j, kv[i].key, cut(kv[i].str));
        else
            json_int(&j, kv[i].key, kv[i].num);
    }
    json_close(&j, '}');
}

void log_event(enum log_level level, const char *id, const char *msg, const struct log_kv *kv, int n)
{
    CLEANUP(buf_fini) struct buf line = BUF_INIT(LINE_MAX_BYTES);
    struct timespec now;
    char at[40];

    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)text_time((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, at, sizeof at);
    if (log_format == LOG_FORMAT_JSON)
        write_json(&line, at, level, id, msg, kv, n);
    else
        write_logfmt(&line, at, level, id, msg, kv, n);
    line.failed = 0; /* too long: what fits is written */
    if (line.len == line.max)
        line.len--;
    (void)buf_add(&line, "\n", 1);
    if (write(STDERR_FILENO, line.data, line.len) < 0)
        return; /* nowhere to say so */
}
