/*
 * A claim that the programs of this machine see: an abstract Unix socket, which the kernel lets go when the program ends,
 * however it ends. It proves nothing about a program of another machine or container, and any user can take it.
 */
#pragma once

#define HOST_CLAIM_TAKEN 1

/* Claims @text (a hash of it is shown to others). It is held as long as *ret_fd is open. Returns 0, HOST_CLAIM_TAKEN by another
 * program, or this one, or -errno. */
int host_claim_take(const char *text, int *ret_fd);
