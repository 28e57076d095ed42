/* Which addresses are of the public internet. Pure. */
#pragma once

#include <stdbool.h>

struct sockaddr;

/* False for addresses that are private, loopback, link-local, shared (100.64/10), multicast, reserved or
 * unspecified, also in its IPv4-in-IPv6 forms; for a family that is neither IPv4 nor IPv6; and for IPv6
 * outside 2000::/3.
 */
bool net_is_public(const struct sockaddr *a);
