/*
 * Texts from outside, made safe to show. A terminal obeys control characters (C0, DEL, C1), a reader is deceived by
 * characters that reverse the text after them (bidi overrides) or begin a new line. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/text.h"

/* Must this code point be neither shown nor printed as it is? */
bool clean_is_unsafe(unsigned point);
/* Appends @s with "?" for each unsafe code point and each byte that is no UTF-8. Returns 0 or the buf's error. */
int clean_add(struct buf *out, struct str s);
/* The same within the buffer itself, but for line breaks: a text of several lines whose own parts have none. */
void clean_lines(struct buf *b);
/* The same within @text itself, which only gets shorter. Returns @text. */
char *clean_text(char *text);
