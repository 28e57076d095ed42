/*
 * When to look whether an attempt has worked: 2, 5, 10 and 20 s after the call. Pure; steady ms.
 */
#pragma once

#include <stdint.h>

/* The next time to ask the bridge about a session whose call was answered at @called_ms and whose
 * verification ends at @until_ms. @polled_ms: when the newest poll that was taken in was asked. 0: it was
 * asked at or after the end, there is nothing more to look at. */
int64_t verify_next_ms(int64_t called_ms, int64_t until_ms, int64_t polled_ms);
