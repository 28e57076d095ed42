#include "common/base/bcrypt.h"

#include <crypt.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"

/* bcrypt's own order of the base64 characters. */
static const char digits[] = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/* 16 bytes as 22 digits of 6 bits, the first bits first. */
static void put_salt(const uint8_t *salt, char *ret)
{
    unsigned bits = 0, n = 0;

    for (int i = 0; i < BCRYPT_SALT_BYTES; i++) {
        bits = bits << 8 | salt[i];
        for (n += 8; n >= 6; n -= 6)
            *ret++ = digits[bits >> (n - 6) & 63];
    }
    *ret++ = digits[bits << (6 - n) & 63];
    *ret = '\0';
}

int bcrypt_hash(const char *text, int cost, const uint8_t salt[BCRYPT_SALT_BYTES], char ret[BCRYPT_BYTES])
{
    CLEANUP(mem_freep) struct crypt_data *data = mem_zalloc(sizeof *data);
    char setting[BCRYPT_BYTES], salt_text[32];
    const char *hash;

    if (!data)
        return -ENOMEM;
    put_salt(salt, salt_text);
    (void)snprintf(setting, sizeof setting, "$2b$%02d$%.22s", cost, salt_text);
    hash = crypt_r(text, setting, data);
    if (!hash || *hash == '*' || strlen(hash) != BCRYPT_BYTES - 1)
        return -EINVAL;
    memcpy(ret, hash, BCRYPT_BYTES);
    explicit_bzero(data, sizeof *data);
    return 0;
}
