/* The users that can reach an address of the bus, or any of a list. Pure. */
#pragma once

enum bus_reach {
    BUS_REACH_FILE,    /* ipc://: the users that the file's permissions admit */
    BUS_REACH_TLS,     /* tls+tcp://: every owner of a certificate */
    BUS_REACH_MACHINE, /* plain, on loopback: every user of this machine */
    BUS_REACH_NETWORK, /* plain, on any other address: everybody who reaches it */
};
enum bus_reach bus_url_reach(const char *urls);
