/* Values in, judgements out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/json_in.h"
#include "common/base/mem.h"
#include "services/cli/doctor.h"

/* Ingest stops at a full disk; a day of a busy bridge is about a gigabyte. */
#define DISK_BAD_BYTES  (INT64_C(100) * 1024 * 1024)
#define DISK_WARN_BYTES (INT64_C(1024) * 1024 * 1024)
#define DISK_WARN_SHARE 20 /* a twentieth of the disk */

#define SKEW_FINE_MS 5000
#define SKEW_BAD_MS  60000

/* Bytes of the header that say how a SQLite file is written and read: 1 rollback journal, 2 WAL. */
#define HEAD_WRITE 18
#define HEAD_READ  19
#define HEAD_WAL   2

bool doctor_has_wal_reset_race(const char *version)
{
    static const struct {
        int minor, patch; /* of 3, from this patch on it is repaired */
    } repaired[] = { { 44, 6 }, { 50, 7 }, { 51, 3 } };
    char *end;
    long major = strtol(version, &end, 10), minor = *end == '.' ? strtol(end + 1, &end, 10) : 0;
    long patch = *end == '.' ? strtol(end + 1, &end, 10) : 0;

    for (size_t i = 0; i < ARRAY_LEN(repaired); i++) {
        if (major == 3 && minor == repaired[i].minor)
            return patch < repaired[i].patch;
    }
    return major == 3 && minor >= 7 && minor <= 51;
}

bool doctor_is_wal(const uint8_t *head, size_t n)
{
    return n > HEAD_READ && (head[HEAD_WRITE] == HEAD_WAL || head[HEAD_READ] == HEAD_WAL);
}

enum finding_level doctor_disk_level(int64_t free_bytes, int64_t total_bytes)
{
    if (free_bytes < DISK_BAD_BYTES)
        return FINDING_BAD;
    return free_bytes < DISK_WARN_BYTES && free_bytes < total_bytes / DISK_WARN_SHARE ? FINDING_WARN
                                                                                      : FINDING_OK;
}

enum finding_level doctor_age_level(int64_t age_ms)
{
    const int64_t half_a_year_ms = 183 * 24 * 3600 * 1000LL;

    return age_ms > half_a_year_ms ? FINDING_WARN : FINDING_OK;
}

enum finding_level doctor_skew_level(int64_t skew_ms)
{
    int64_t off = skew_ms < 0 ? -skew_ms : skew_ms;

    if (off >= SKEW_BAD_MS)
        return FINDING_BAD;
    return off > SKEW_FINE_MS ? FINDING_WARN : FINDING_OK;
}

/* -- the extension -- */

/* One row of features.js each; deploy/whatsapp-bridge describes each. */
static const char *const features[] = { "status",      "reconnect", "create",    "qr",          "webhooks",
                                        "receipts",    "offline",   "oneClient", "keepPairing", "ids",
                                        "sessionList", "logLevel",  "survive",   "probe" };

static void add(char *ret, size_t n, const char *label, const char *word, int count)
{
    size_t at = strlen(ret);

    (void)snprintf(ret + at, n - at, "%s%s", count ? ", " : label, word);
}

int doctor_read_features(struct str json, char *ret, size_t n)
{
    struct json_path paths[ARRAY_LEN(features) + 1] = { { 0, { "extension" } } };
    struct json_value v[ARRAY_LEN(paths)];
    int on = 0, off = 0;

    for (size_t i = 0; i < ARRAY_LEN(features); i++)
        paths[i + 1] = (struct json_path){ 0, { "features", features[i] } };
    (void)json_in_find(json, paths, ARRAY_LEN(paths), v);
    if (v[0].kind != JSON_IN_TEXT)
        return -1;
    ret[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(features); i++) {
        if (v[i + 1].kind == JSON_IN_TRUE)
            add(ret, n, "on: ", features[i], on++);
    }
    for (size_t i = 0; i < ARRAY_LEN(features); i++) {
        if (v[i + 1].kind == JSON_IN_FALSE)
            add(ret, n, on ? "; off: " : "off: ", features[i], off++);
    }
    return off;
}
