/*
 * Bytes as base64 (RFC 4648). Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/text.h"

/* Standard alphabet with padding. @ret has room for 4 * ((n + 2) / 3) + 1. */
void base64_encode(const void *p, size_t n, char *ret);
/* -EINVAL: not base64; -EMSGSIZE: more than @max bytes. Padding may be missing. */
int base64_decode(struct str s, uint8_t *ret, size_t max, size_t *ret_len);
