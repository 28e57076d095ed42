#include "common/io/host_claim.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/digest.h"
#include "common/base/hex.h"

/* A name in the abstract namespace begins with a NUL. */
static int make_address(const char *text, struct sockaddr_un *ret, socklen_t *ret_n)
{
    char hex[2 * SHA256_BYTES + 1];
    uint8_t digest[SHA256_BYTES];
    int r = digest_sha256(text, strlen(text), digest);

    if (r != 0)
        return r;
    hex_encode(digest, sizeof digest, hex);
    *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
    r = snprintf(ret->sun_path + 1, sizeof ret->sun_path - 1, "zapkeep-%s", hex);
    *ret_n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)r);
    return 0;
}

int host_claim_take(const char *text, int *ret_fd)
{
    struct sockaddr_un address;
    socklen_t n;
    int r = make_address(text, &address, &n);
    int fd;

    if (r != 0)
        return r;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (bind(fd, (const struct sockaddr *)&address, n) == 0) {
        *ret_fd = fd;
        return 0;
    }
    r = errno == EADDRINUSE ? HOST_CLAIM_TAKEN : -errno;
    (void)close(fd);
    return r;
}
