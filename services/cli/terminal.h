/*
 * Width and colours of the terminal. Without one (a pipe, a file) lines are whole and plain, so that
 * a program reads them all.
 */
#pragma once

#include <stdbool.h>

#include "common/base/buf.h"

/* Columns when it does not say: every terminal has so many. */
#define TERMINAL_COLUMNS 80

bool terminal_is_one(void);  /* stdout is a terminal */
int terminal_columns(void);  /* of stdout; TERMINAL_COLUMNS when it is none or does not say */
bool terminal_colours(void); /* a terminal, TERM is not "dumb", and NO_COLOR (no-color.org) is not set */

enum terminal_colour { TERMINAL_PLAIN, TERMINAL_RED, TERMINAL_YELLOW, TERMINAL_GREEN };
/* Appends @text in this colour if @on, else as it is. */
void terminal_paint(struct buf *out, bool on, enum terminal_colour c, const char *text);

/* Appends @text and a line break, broken between words at @columns; further lines begin with @indent blanks.
 * The first begins @at columns from the left. A word that is too long for a line is kept whole. */
void terminal_wrap(struct buf *out, const char *text, int columns, int at, int indent);
/* Prints @text, which is whole lines. On a terminal each is broken between words at its width, and its further
 * lines begin with @indent blanks. */
void terminal_print(const char *text, int indent);
/* Cuts the last line of @out (after its last line break) to @columns, "…" at its end. @columns 0: not. */
void terminal_cut(struct buf *out, int columns);
