/*
 * Helpers of the fuzz targets. A target is LLVMFuzzerTestOneInput(): it feeds the bytes to a reader and says with
 * MUST() which rules hold for any bytes; ASan and UBSan say the rest. Inputs are text where that can
 * be, so that a corpus file can be read and written by hand.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/base/text.h"
#include "common/bridge/webhook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define MUST(truth) ((truth) ? (void)0 : input_broke(#truth, __FILE__, __LINE__))
_Noreturn void input_broke(const char *truth, const char *file, int line);

/* Takes the text before the next @end off @rest; all of it when there is none. */
struct str input_until(struct str *rest, const char *end);
bool input_has(struct str bytes, const char *text);
/* A copy with a NUL behind it, of its own size so that ASan sees its end; free() it. */
char *input_copy(struct str s);

/* Byte for byte, padding too: nobody has touched it. */
bool input_same(const void *a, const void *b, size_t n);

/* A request: "name: value" lines, an empty line, the body. */
struct input_request {
    struct str headers; /* ctx of the header function */
    struct webhook_request request;
};
void input_request(struct str bytes, struct input_request *ret);
