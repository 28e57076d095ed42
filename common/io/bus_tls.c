/*
 * TLS for tls+tcp:// addresses: each program has one certificate, and all of them trust one authority. A peer
 * without a certificate of it is refused in both directions.
 */
#include <errno.h>
#include <nng/nng.h>
#include <nng/supplemental/tls/tls.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/url.h"
#include "common/io/bus_nng.h"
#include "common/io/bus_url.h"

/* Of the process: it is one party on the bus, with any number of sockets. */
static struct {
    char *cert_file, *ca_file;
} identity;

int bus_identity(const char *cert_file, const char *ca_file)
{
    mem_free(identity.cert_file);
    mem_free(identity.ca_file);
    identity.cert_file = *cert_file ? mem_strdup(cert_file) : NULL;
    identity.ca_file = *ca_file ? mem_strdup(ca_file) : NULL;
    return (*cert_file && !identity.cert_file) || (*ca_file && !identity.ca_file) ? -ENOMEM : 0;
}

static int load(nng_tls_config *config)
{
    int rv = nng_tls_config_auth_mode(config, NNG_TLS_AUTH_MODE_REQUIRED);

    if (rv == 0)
        rv = nng_tls_config_ca_file(config, identity.ca_file);
    return rv == 0 ? nng_tls_config_cert_key_file(config, identity.cert_file, NULL) : rv;
}

int bus_tls_config(const char *url, bool server, nng_tls_config **ret)
{
    nng_tls_config *config;
    int rv;

    *ret = NULL;
    if (bus_url_reach(url) != BUS_REACH_TLS)
        return 0;
    if (!identity.cert_file || !identity.ca_file)
        return -EKEYREJECTED;
    rv = nng_tls_config_alloc(&config, server ? NNG_TLS_MODE_SERVER : NNG_TLS_MODE_CLIENT);
    if (rv != 0)
        return bus_error(rv);
    rv = load(config);
    if (rv != 0) {
        nng_tls_config_free(config);
        return rv == NNG_ENOMEM ? -ENOMEM : -EKEYREJECTED;
    }
    *ret = config;
    return 0;
}

/* The name that the hub's certificate must have: the host of the address. */
static int expect_host(nng_tls_config *config, const char *url)
{
    nng_url *parsed;
    int rv = nng_url_parse(&parsed, url);

    if (rv != 0)
        return rv;
    rv = nng_tls_config_server_name(config, parsed->u_hostname);
    nng_url_free(parsed);
    return rv;
}

static int dial_one(nng_socket s, const char *url)
{
    nng_tls_config *config;
    nng_dialer dialer;
    int r = bus_tls_config(url, false, &config);

    if (r != 0)
        return r;
    r = bus_error(nng_dialer_create(&dialer, s, url));
    if (r == 0 && config)
        r = bus_error(expect_host(config, url));
    if (r == 0 && config)
        r = bus_error(nng_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, config));
    if (config)
        nng_tls_config_free(config); /* the dialer holds it */
    return r == 0 ? bus_error(nng_dialer_start(dialer, NNG_FLAG_NONBLOCK)) : r;
}

int bus_dial(nng_socket s, const char *urls)
{
    char url[URL_BUS_MAX];
    int r = *urls ? 0 : -EINVAL;

    while (r == 0 && url_bus_next(&urls, url))
        r = dial_one(s, url);
    return r;
}
