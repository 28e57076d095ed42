/*
 * UTF-8 (RFC 3629). Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the sequence at @p (1 to 4; @n >= 1 are there), or 0 when it is none: overlong forms, surrogates and
 * values past U+10FFFF are none. */
size_t utf8_length(const unsigned char *p, size_t n);
bool utf8_is_valid(const char *p, size_t n);
/* Writes the code point, at most U+10FFFF, and returns its bytes. */
size_t utf8_encode(unsigned point, char ret[4]);
/* The code point of a sequence of @len bytes that utf8_length() has measured. */
unsigned utf8_point(const unsigned char *p, size_t len);
