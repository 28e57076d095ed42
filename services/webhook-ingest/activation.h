/*
 * Socket activation (sd_listen_fds(3)): systemd holds the listening socket, so that a restart of ours refuses
 * no connection: they wait in the socket's backlog.
 */
#pragma once

/* The listening socket that was passed to this process, or -1. */
int activation_fd(void);
