#include "common/sink/sink_text.h"

#include <string.h>

#include "common/base/clean.h"
#include "common/base/mem.h"
#include "common/base/utf8.h"

void sink_text_title(enum language l, const struct sink_alert *a, struct buf *out)
{
    if (a->kind == ALERT_NONE) {
        (void)buf_adds(out, alert_word(l, ALERT_WORD_TEST));
        return;
    }
    (void)buf_addf(out, "%s: %s%s%s", alert_title(l, a->kind), a->bridge,
                   a->bridge[0] && a->session[0] ? "/" : "", a->session);
    if (!a->firing)
        (void)buf_addf(out, " (%s)", alert_word(l, ALERT_WORD_RESOLVED));
}

/* As encodeURIComponent of the page does. */
static void add_part(struct buf *out, const char *part)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()";

    for (; *part; part++) {
        if (strchr(plain, *part))
            (void)buf_add(out, part, 1);
        else
            (void)buf_addf(out, "%%%02X", (unsigned char)*part);
    }
}

void sink_text_link(const char *console_url, const struct sink_alert *a, struct buf *out)
{
    size_t n = strlen(console_url);

    if (n == 0)
        return;
    (void)buf_add(out, console_url, console_url[n - 1] == '/' ? n - 1 : n);
    if (!a->session[0] || alert_kind_scope(a->kind) != ALERT_OF_SESSION) {
        (void)buf_adds(out, a->kind == ALERT_DESTINATION_FAILING ? "/#/delivery" : "/#/alerts");
        return;
    }
    (void)buf_adds(out, "/#/session/");
    add_part(out, a->bridge);
    (void)buf_adds(out, "/");
    add_part(out, a->session);
}

/* A bridge's or a backend's words may be in it. */
static void add_line(struct buf *out, size_t from, const char *text)
{
    if (!*text)
        return;
    (void)buf_adds(out, out->len > from ? "\n" : "");
    (void)clean_add(out, str_from(text));
}

/* The sentence has the details, as the cause and a backend's answer; it is in English. */
void sink_text_rest(enum language l, const char *console_url, const struct sink_alert *a, struct buf *out)
{
    CLEANUP(buf_fini) struct buf link = BUF_INIT(4096);
    size_t from = out->len;

    if (a->firing && l != LANGUAGE_EN)
        add_line(out, from, alert_step(l, a->kind));
    add_line(out, from, a->text);
    sink_text_link(console_url, a, &link);
    add_line(out, from, link.len ? buf_str(&link) : "");
}

void sink_text_all(enum language l, const char *console_url, const struct sink_alert *alerts, int n,
                   struct buf *out)
{
    for (int i = 0; i < n; i++) {
        (void)buf_adds(out, i ? "\n\n" : "");
        sink_text_title(l, &alerts[i], out);
        (void)buf_adds(out, "\n");
        sink_text_rest(l, console_url, &alerts[i], out);
    }
}

struct str sink_text_cut(struct str text, size_t max)
{
    size_t at = 0, len;

    if (text.n <= max)
        return text;
    while (at < text.n) {
        len = utf8_length((const unsigned char *)text.p + at, text.n - at);
        len = len ? len : 1;
        if (at + len > max)
            break;
        at += len;
    }
    return (struct str){ text.p, at };
}

/* ---- names ------------------------------------------------------------------------- */

const char *sink_alert_name(const struct sink_alert *a)
{
    return a->kind == ALERT_NONE ? "zapkeep-test" : alert_kind_text(a->kind);
}

const char *sink_alert_severity(const struct sink_alert *a)
{
    return a->kind == ALERT_NONE ? "warning" : alert_severity(a->kind);
}

const char *sink_alert_status(const struct sink_alert *a)
{
    return a->firing ? "firing" : "resolved";
}
