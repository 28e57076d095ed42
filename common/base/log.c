#include "common/base/log.h"

#include <ctype.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/json_out.h"
#include "common/base/mem.h"

/* The longest line; a longer value is cut. PIPE_BUF is 4096: one write of this size stays one line. */
#define LINE_MAX_BYTES 4096
#define VALUE_MAX      1024
#define LINE_END_BYTES 2 /* "}\n" */

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

/* Undoes an append that went over the ceiling. */
static void undo(struct buf *line, size_t len)
{
    line->len = len;
    line->data[len] = '\0';
    line->failed = 0;
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

static void add_json(struct buf *line, const struct log_kv *kv)
{
    struct json_out j = { .buf = line, .comma = true };

    if (kv->str.p)
        json_text(&j, kv->key, cut(kv->str));
    else
        json_int(&j, kv->key, kv->num);
}

static void write_head(struct buf *line, const char *at, enum log_level level, const char *id)
{
    struct json_out j = JSON_OUT(line);

    if (log_format == LOG_FORMAT_LOGFMT) {
        (void)buf_addf(line, "%s %s %s %s", at, level_names[level], log_service, id);
        return;
    }
    json_open(&j, NULL, '{');
    json_texts(&j, "at", at);
    json_texts(&j, "level", level_names[level]);
    json_texts(&j, "service", log_service);
    json_texts(&j, "id", id);
}

/* A pair that does not fit any more is left out; the next may. */
static void write_pair(struct buf *line, const struct log_kv *kv)
{
    size_t len = line->len;

    if (log_format == LOG_FORMAT_JSON)
        add_json(line, kv);
    else
        add_logfmt(line, kv);
    if (buf_error(line) != 0 && line->data)
        undo(line, len);
}

void log_event(enum log_level level, const char *id, const char *msg, const struct log_kv *kv, int n)
{
    CLEANUP(buf_fini) struct buf line = BUF_INIT(LINE_MAX_BYTES - LINE_END_BYTES);
    const struct log_kv words = { .key = "msg", .str = str_from(msg) };
    struct timespec now;
    char at[40];

    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)text_time((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, at, sizeof at);
    write_head(&line, at, level, id);
    write_pair(&line, &words);
    for (int i = 0; i < n; i++)
        write_pair(&line, &kv[i]);
    line.max = LINE_MAX_BYTES;
    (void)buf_adds(&line, log_format == LOG_FORMAT_JSON ? "}\n" : "\n");
    if (write(STDERR_FILENO, line.data, line.len) < 0)
        return; /* nowhere to say so */
}
