#include "common/base/base64.h"

#include <errno.h>
#include <openssl/evp.h>

void base64_encode(const void *p, size_t n, char *ret)
{
    (void)EVP_EncodeBlock((unsigned char *)ret, p, (int)n);
}

/* -1: none. */
static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int base64_decode(struct str s, uint8_t *ret, size_t max, size_t *ret_len)
{
    uint32_t bits = 0;
    int n_bits = 0;
    size_t len = 0;

    while (s.n > 0 && s.p[s.n - 1] == '=')
        s.n--;
    if (s.n % 4 == 1)
        return -EINVAL;
    for (size_t i = 0; i < s.n; i++) {
        int digit = base64_digit(s.p[i]);

        if (digit < 0)
            return -EINVAL;
        bits = bits << 6 | (uint32_t)digit;
        n_bits += 6;
        if (n_bits < 8)
            continue;
        if (len == max)
            return -EMSGSIZE;
        n_bits -= 8;
        ret[len++] = (uint8_t)(bits >> n_bits);
    }
    *ret_len = len;
    return 0;
}
