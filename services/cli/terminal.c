#include "services/cli/terminal.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/base/mem.h"

bool terminal_is_one(void)
{
    return isatty(STDOUT_FILENO) == 1;
}

int terminal_columns(void)
{
    struct winsize size = { 0 };

    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : TERMINAL_COLUMNS;
}

bool terminal_colours(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

    return terminal_is_one() && !(no && *no) && !(term && strcmp(term, "dumb") == 0);
}

void terminal_paint(struct buf *out, bool on, enum terminal_colour c, const char *text)
{
    static const char *const codes[] = { "", "\033[31m", "\033[33m", "\033[32m" };

    if (on && c != TERMINAL_PLAIN)
        (void)buf_addf(out, "%s%s\033[0m", codes[c], text);
    else
        (void)buf_adds(out, text);
}

/* Columns of a text: bytes that begin a character. Double-width characters count as one. */
static int width_of(const char *p, size_t n)
{
    int width = 0;

    for (size_t i = 0; i < n; i++)
        width += ((unsigned char)p[i] & 0xc0) != 0x80;
    return width;
}

void terminal_wrap(struct buf *out, const char *text, int columns, int at, int indent)
{
    bool first = true;

    while (*text) {
        size_t n = strcspn(text, " ");
        int width = width_of(text, n);

        if (!first && at + 1 + width > columns) {
            (void)buf_addf(out, "\n%*s", indent, "");
            at = indent;
        } else if (!first) {
            (void)buf_adds(out, " ");
            at++;
        }
        (void)buf_add(out, text, n);
        at += width;
        first = false;
        text += n + (text[n] == ' ');
    }
    (void)buf_adds(out, "\n");
}

void terminal_print(const char *text, int indent)
{
    CLEANUP(buf_fini) struct buf line = BUF_INIT(SIZE_MAX / 2);
    CLEANUP(buf_fini) struct buf out = BUF_INIT(SIZE_MAX / 2);
    int columns = terminal_columns();

    if (!terminal_is_one()) {
        (void)fputs(text, stdout);
        return;
    }
    while (*text) {
        size_t n = strcspn(text, "\n");

        buf_reset(&line);
        (void)buf_add(&line, text, n);
        terminal_wrap(&out, buf_str(&line), columns, 0, indent);
        text += n + (text[n] == '\n');
    }
    (void)fputs(buf_str(&out), stdout);
}

void terminal_cut(struct buf *out, int columns)
{
    const char *line = out->len ? memrchr(out->data, '\n', out->len) : NULL;
    size_t begin = line ? (size_t)(line - out->data) + 1 : 0, end = begin;
    int width = 0;

    if (columns <= 0 || width_of(buf_str(out) + begin, out->len - begin) <= columns)
        return;
    while (end < out->len && width < columns - 1) {
        end++;
        while (end < out->len && ((unsigned char)out->data[end] & 0xc0) == 0x80)
            end++;
        width++;
    }
    out->len = end;
    (void)buf_adds(out, "…");
}
