/*
 * Bytes as hexadecimal digits. Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/text.h"

/* @ret has room for 2 * n + 1. Lower case. */
void hex_encode(const void *p, size_t n, char *ret);
/* -EINVAL unless @s is exactly 2 * n hex digits. */
int hex_decode(struct str s, uint8_t *ret, size_t n);
