#include "common/base/percent.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "common/base/hex.h"

int percent_decode(struct str s, enum percent_plus plus, char *ret, size_t max, size_t *ret_n)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        uint8_t byte = (uint8_t)s.p[i];

        if (n == max)
            return -EMSGSIZE;
        if (byte == '%') {
            if (s.n - i < 3 || hex_decode((struct str){ s.p + i + 1, 2 }, &byte, 1))
                return -EINVAL;
            i += 2;
        } else if (byte == '+' && plus == PERCENT_PLUS_IS_SPACE) {
            byte = ' ';
        }
        ret[n++] = (char)byte;
    }
    *ret_n = n;
    return 0;
}

struct str percent_field(struct str form, const char *name)
{
    size_t n_name = strlen(name);

    while (form.n > 0) {
        const char *amp = memchr(form.p, '&', form.n);
        size_t n = amp ? (size_t)(amp - form.p) : form.n;

        if (n > n_name && form.p[n_name] == '=' && memcmp(form.p, name, n_name) == 0)
            return (struct str){ form.p + n_name + 1, n - n_name - 1 };
        form.p += amp ? n + 1 : n;
        form.n -= amp ? n + 1 : n;
    }
    return STR_NULL;
}
