/* An alert as a mail (RFC 5322): UTF-8 in base64, so that every server takes it as it is. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "common/base/base64.h"
#include "common/base/mem.h"
#include "common/sink/sink_text.h"
#include "common/sink/sink_writers.h"

#define TEXT_BYTES_MAX ((size_t)64 * 1024)
/* Bytes of a line of base64: 76 characters. */
#define LINE_BYTES 57
/* Of an encoded word in a header: at most 75 characters with its frame. */
#define WORD_BYTES 42

/* RFC 2047: several words, none ends within a character. */
static void add_words(struct buf *out, struct str text)
{
    char word[4 * ((WORD_BYTES + 2) / 3) + 1];
    bool first = true;

    while (text.n > 0) {
        struct str part = sink_text_cut(text, WORD_BYTES);

        base64_encode(part.p, part.n, word);
        (void)buf_addf(out, "%s=?UTF-8?B?%s?=", first ? "" : "\r\n ", word);
        text = (struct str){ text.p + part.n, text.n - part.n };
        first = false;
    }
}

static void add_base64(struct buf *out, struct str text)
{
    char line[4 * ((LINE_BYTES + 2) / 3) + 1];

    for (size_t at = 0; at < text.n; at += LINE_BYTES) {
        base64_encode(text.p + at, text.n - at < LINE_BYTES ? text.n - at : LINE_BYTES, line);
        (void)buf_addf(out, "%s\r\n", line);
    }
}

/* Names of days and months are English in every locale. */
static void add_date(struct buf *out, int64_t now_ms)
{
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t now = (time_t)(now_ms / 1000);
    struct tm t = { 0 };

    (void)gmtime_r(&now, &t);
    (void)buf_addf(out, "Date: %.3s, %d %.3s %d %02d:%02d:%02d +0000\r\n", days + 3 * t.tm_wday, t.tm_mday,
                   months + 3 * t.tm_mon, t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

static void add_subject(const struct sink_writing *w, struct buf *out)
{
    CLEANUP(buf_fini) struct buf subject = BUF_INIT(TEXT_BYTES_MAX);

    (void)buf_adds(&subject, "[zapkeep] ");
    sink_text_title(w->config->language, w->alerts, &subject);
    if (w->n > 1)
        (void)buf_addf(&subject, " (+%d)", w->n - 1);
    (void)buf_adds(out, "Subject: ");
    add_words(out, (struct str){ buf_str(&subject), subject.len });
    (void)buf_adds(out, "\r\n");
}

static void add_receivers(const struct sink_config *c, struct buf *out)
{
    (void)buf_adds(out, "To: ");
    for (int i = 0; i < c->to.n; i++)
        (void)buf_addf(out, "%s%.*s", i ? ", " : "", (int)c->to.item[i].n, c->to.item[i].p);
    (void)buf_adds(out, "\r\n");
}

void sink_write_email(const struct sink_writing *w, struct sink_message *m)
{
    CLEANUP(buf_fini) struct buf text = BUF_INIT(TEXT_BYTES_MAX);
    struct buf *out = &m->body;

    sink_text_all(w->config->language, w->console_url, w->alerts, w->n, &text);
    (void)buf_adds(&m->url, w->config->url);
    (void)buf_addf(out, "From: zapkeep <%s>\r\n", w->config->from);
    add_receivers(w->config, out);
    add_subject(w, out);
    add_date(out, w->now_ms);
    (void)buf_addf(out, "Message-ID: <%" PRId64 ".%" PRId64 ".zapkeep@%s>\r\n", w->alerts[0].started_at,
                   w->alerts[0].id, w->config->name);
    (void)buf_adds(out, "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                        "Content-Transfer-Encoding: base64\r\nAuto-Submitted: auto-generated\r\n\r\n");
    add_base64(out, (struct str){ buf_str(&text), text.len });
}
