#include "services/cli/event_line.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "common/base/clean.h"
#include "common/ops/event_text.h"
#include "services/cli/terminal.h"

#define TYPE_COLUMNS 20
/* More words than any terminal shows. */
#define WORDS_BYTES 1000
/* A message of 1 MiB has one line; bytes after the first words are not read. */
#define BODY_BYTES (64 * 1024)

static void add_time(struct buf *out, int64_t wall_ms)
{
    time_t s = (time_t)(wall_ms / 1000);
    char text[16] = "--:--:--";
    struct tm tm;

    if (wall_ms > 0 && localtime_r(&s, &tm))
        (void)strftime(text, sizeof text, "%H:%M:%S", &tm);
    (void)buf_addf(out, "%s  ", text);
}

static void add_padded(struct buf *out, struct str s, size_t columns)
{
    (void)clean_add(out, s);
    (void)buf_addf(out, "%*s", s.n < columns ? (int)(columns - s.n) : 0, "");
}

static void add_names(struct buf *out, struct str bridge, struct str session)
{
    (void)buf_adds(out, "  ");
    (void)clean_add(out, bridge);
    if (session.n) {
        (void)buf_adds(out, "/");
        (void)clean_add(out, session);
    }
    (void)buf_adds(out, "  ");
}

static void add_who(struct buf *out, struct str json)
{
    char who[128];

    if (!*event_sender(json, who, sizeof who))
        return;
    (void)clean_add(out, str_from(who));
    (void)buf_adds(out, ": ");
}

/* The first words of the text, or the body as it is where none is known. */
static void add_words(struct buf *out, struct str json)
{
    char words[WORDS_BYTES];

    if (*event_text(json, words, sizeof words))
        (void)clean_add(out, str_from(words));
    else
        (void)clean_add(out, (struct str){ json.p, json.n < BODY_BYTES ? json.n : BODY_BYTES });
}

void event_line(const struct event *e, int columns, struct buf *out)
{
    (void)buf_addf(out, "%7" PRId64 "  ", e->seq);
    add_time(out, e->at);
    add_padded(out, e->type, TYPE_COLUMNS);
    add_names(out, e->bridge, e->session);
    add_who(out, e->body);
    add_words(out, e->body);
    terminal_cut(out, columns);
    (void)buf_adds(out, "\n");
}

static void add_field(struct buf *out, const char *before, struct str s)
{
    if (!s.n)
        return;
    (void)buf_adds(out, before);
    (void)clean_add(out, s);
}

void event_line_message(const struct message *m, int columns, struct buf *out)
{
    add_time(out, m->at == MESSAGE_UNSET ? 0 : m->at);
    add_padded(out, m->type, TYPE_COLUMNS);
    add_names(out, m->bridge, m->session);
    if (m->body.p) {
        add_who(out, m->body);
        add_words(out, m->body);
    }
    add_field(out, "", m->alert);
    add_field(out, m->alert.n ? " " : "", m->status);
    add_field(out, m->from.n ? "" : "-> ", m->from.n ? m->from : m->to);
    if (m->from.n)
        add_field(out, " -> ", m->to);
    add_field(out, m->to.n ? " (" : " ", m->cause);
    add_field(out, m->to.n && m->cause.n ? ")" : "", STR_LIT(" "));
    if (m->attempt != MESSAGE_UNSET)
        (void)buf_addf(out, "attempt %" PRId64, m->attempt);
    add_field(out, ": ", m->text);
    terminal_cut(out, columns);
    (void)buf_adds(out, "\n");
}
