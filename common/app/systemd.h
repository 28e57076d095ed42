/*
 * Reports to systemd (sd_notify's protocol: a datagram to the socket that NOTIFY_SOCKET names): that the
 * service is ready, that its loop still runs, that it stops. Without NOTIFY_SOCKET the calls do nothing.
 * For common/app only.
 */
#pragma once

#include <stdint.h>

/* @state as "READY=1". Failures are ignored: systemd will notice the silence. */
void systemd_notify(const char *state);
/* How often "WATCHDOG=1" is due (half of systemd's time-out), 0: no watchdog is set for this process. */
int64_t systemd_watchdog_ms(void);
