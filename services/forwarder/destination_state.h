/*
 * In which state a destination is, as operators see it. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum dest_state {
    DEST_OK,         /* everything was delivered */
    DEST_DELIVERING, /* events are on their way, none has failed */
    DEST_FAILING,    /* events have failed and wait */
    DEST_LIMITED,    /* it limits the rate: nothing is sent for a while */
    DEST_DOWN,       /* its breaker is not closed */
    DEST_PAUSED,     /* by an operator */
    DEST_OFF,        /* by an operator, or by a 410 */
    DEST_STATES
};

struct dest_facts {
    bool off, paused, down, limited;
    bool failing;    /* some event failed and was not delivered since */
    int64_t waiting; /* events that are not delivered */
};
enum dest_state dest_state_of(const struct dest_facts *f);
const char *dest_state_text(enum dest_state s);
/* A change between these two is nothing to speak of: it happens with every event. */
bool dest_state_is_well(enum dest_state s);
/* Somebody should know. A pause is the wish of an operator. */
bool dest_state_is_alert(enum dest_state s);
