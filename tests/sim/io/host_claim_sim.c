/* One stack runs in the simulated machine: nobody else claims anything. */
#include <fcntl.h>

#include "common/io/host_claim.h"

int host_claim_take(const char *text, int *ret_fd)
{
    *ret_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return 0;
}
