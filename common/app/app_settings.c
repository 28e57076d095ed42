/* The settings of every program, and of those that talk to the bridge. */
#include "common/app/app_spec.h"
#include "common/bridge/drivers.h"

const struct setting app_settings_table[] = {
    { .name = "ZAPKEEP_DATA_DIR",
      .at = offsetof(struct app_settings, data_dir),
      .def = "/var/lib/zapkeep",
      .help = "folder of events.db and state.db; with ZAPKEEP_STORE of sockets and signs of life alone" },
    { .name = "ZAPKEEP_STORE",
      .at = offsetof(struct app_settings, store),
      .def = "",
      .secret = true,
      .help = "database server instead of files in ZAPKEEP_DATA_DIR, for several machines, as "
              "postgresql://zapkeep@db1,db2/zapkeep?sslmode=verify-full" },
    { .name = "ZAPKEEP_STORE_PASSWORD",
      .at = offsetof(struct app_settings, store_password),
      .def = "",
      .secret = true,
      .help = "password for ZAPKEEP_STORE; without it libpq's own ways hold (.pgpass)" },
    { .name = "ZAPKEEP_ROLE_LEASE",
      .kind = SETTING_DURATION,
      .at = offsetof(struct app_settings, role_lease_ms),
      .def = "10s",
      .min = 1000,
      .max = 300000,
      .help =
          "with ZAPKEEP_STORE: a monitor or forwarder that is silent for so long loses its work to another "
          "one; the same in all programs" },
    { .name = "ZAPKEEP_BUS_IN",
      .kind = SETTING_BUS,
      .at = offsetof(struct app_settings, bus_in),
      .help = "where publishers dial the hub, or several, with commas; default: "
              "ipc://ZAPKEEP_DATA_DIR/bus-in.sock" },
    { .name = "ZAPKEEP_BUS_OUT",
      .kind = SETTING_BUS,
      .at = offsetof(struct app_settings, bus_out),
      .help = "where subscribers dial the hub, or several, with commas; default: "
              "ipc://ZAPKEEP_DATA_DIR/bus-out.sock" },
    { .name = "ZAPKEEP_BUS_FEED",
      .kind = SETTING_BUS,
      .at = offsetof(struct app_settings, bus_feed),
      .help = "where zapkeep's own programs subscribe, to many messages at once; default: "
              "ipc://ZAPKEEP_DATA_DIR/bus-feed.sock, or ZAPKEEP_BUS_OUT where that is set" },
    { .name = "ZAPKEEP_BUS_CERT",
      .at = offsetof(struct app_settings, bus_cert),
      .help = "for tls+tcp:// addresses: PEM file with this program's certificate and its key" },
    { .name = "ZAPKEEP_BUS_CA",
      .at = offsetof(struct app_settings, bus_ca),
      .help = "for tls+tcp:// addresses: PEM file of the authority that signed the certificates of all "
              "programs" },
    { .name = "ZAPKEEP_LOG",
      .kind = SETTING_CHOICE,
      .at = offsetof(struct app_settings, log_level),
      .def = "info",
      .choices = "debug info warn error",
      .help = "least important level that is logged" },
    { .name = "ZAPKEEP_HOST_NAMES",
      .at = offsetof(struct app_settings, host_names),
      .def = "",
      .help = "full domain names by which the admin ports are asked, comma-separated; addresses, localhost, "
              "names "
              "without a dot and the machine's own name are always answered" },
    { .name = "ZAPKEEP_LOG_FORMAT",
      .kind = SETTING_CHOICE,
      .at = offsetof(struct app_settings, log_format),
      .def = "logfmt",
      .choices = "logfmt json",
      .help = "form of a log line" },
    { 0 },
};

const struct setting bridge_settings_table[] = {
    { .name = "WHATSAPP_API_URL",
      .kind = SETTING_URL,
      .at = offsetof(struct bridge_settings, url),
      .help = "base URL of the bridge, as http://127.0.0.1:3000" },
    { .name = "WHATSAPP_API_KEY",
      .at = offsetof(struct bridge_settings, api_key),
      .secret = true,
      .help = "key of the bridge, sent as its driver says" },
    { .name = "WHATSAPP_API_KEY_HEADER",
      .at = offsetof(struct bridge_settings, key_header),
      .help =
          "header that carries the key in place of the driver's, for a bridge behind a proxy, as X-Api-Key" },
    { .name = "WHATSAPP_API_BASIC",
      .at = offsetof(struct bridge_settings, basic),
      .secret = true,
      .help = "user:password that a proxy before the bridge wants, sent beside the key" },
    { .name = "WHATSAPP_API_CA",
      .at = offsetof(struct bridge_settings, ca_file),
      .help = "PEM file of a certificate authority of your own, for an https bridge" },
    { .name = "WHATSAPP_BRIDGE",
      .kind = SETTING_CHOICE,
      .at = offsetof(struct bridge_settings, driver),
      .def = "auto",
      .choices = BRIDGE_CHOICES,
      .help = "what the bridge speaks; auto finds out" },
    { .name = "WHATSAPP_BRIDGE_NAME",
      .kind = SETTING_ID,
      .at = offsetof(struct bridge_settings, name),
      .def = "main",
      .help = "name of the bridge in topics and rows" },
    { .name = BRIDGES_SETTING,
      .at = offsetof(struct bridge_settings, file),
      .help = "file of [bridge NAME] sections, one for each bridge; in place of WHATSAPP_*" },
    { 0 },
};

const char *app_store(const struct app_settings *s)
{
    return *s->store ? s->store : s->data_dir;
}

const char *app_bus_name(const struct app_settings *s)
{
    return *s->bus_feed ? "ZAPKEEP_BUS_FEED" : "ZAPKEEP_BUS_OUT";
}

const char *app_bus(const struct app_settings *s)
{
    return *s->bus_feed ? s->bus_feed : s->bus_out;
}
