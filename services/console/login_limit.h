/* How often a login may fail: for each address (of IPv6: for each network of 64 bits, which one host has), and for all.
 * An address that has logged in before is held to its own failures alone, so that nobody can lock others out. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/text.h"

/* Failures that an address has in a window, and all addresses together. A person mistypes a few times; a password of eight
 * letters lasts longer than anybody waits. */
#define LOGIN_LIMIT_PEER      10
#define LOGIN_LIMIT_ALL       100
#define LOGIN_LIMIT_WINDOW_MS (5 * 60 * 1000LL)
/* Addresses that are remembered; the one whose window began first goes for a new one. */
#define LOGIN_LIMIT_PEERS       256
#define LOGIN_LIMIT_ADDRESS_MAX 64

struct login_limit_peer {
    char address[LOGIN_LIMIT_ADDRESS_MAX];
    int failures;
    bool known; /* somebody has logged in from there */
    int64_t since_ms;
};
struct login_limit {
    struct login_limit_peer peer[LOGIN_LIMIT_PEERS];
    int n;
    struct login_limit_peer all;
};

/* How long this address has to wait, ms; 0: it may try. */
int64_t login_limit_wait_ms(const struct login_limit *l, const char *address, int64_t now_ms);
void login_limit_failed(struct login_limit *l, const char *address, int64_t now_ms);
/* A login succeeded: the address begins anew. */
void login_limit_succeeded(struct login_limit *l, const char *address, int64_t now_ms);
