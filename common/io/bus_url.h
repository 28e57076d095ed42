/* Who can reach an address of the bus. Pure. */
#pragma once

enum bus_reach {
    BUS_REACH_FILE,    /* ipc://: whoever the file's permissions let */
    BUS_REACH_TLS,     /* tls+tcp://: whoever has a certificate */
    BUS_REACH_MACHINE, /* plain, on loopback: every user of this machine */
    BUS_REACH_NETWORK, /* plain, on any other address: everybody who reaches it */
};
enum bus_reach bus_url_reach(const char *url);
