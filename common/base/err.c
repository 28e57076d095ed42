#include "common/base/err.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

/* Codes that mean something else here than errno's text says, or that ask for something to be done. */
static const struct {
    int r;
    const char *text;
} texts[] = {
    { -EBADMSG, "not a zapkeep database, or damaged: restore a backup" },
    { -EPROTONOSUPPORT, "written by a newer zapkeep: use that version" },
    { -EPROTO, "the database does not understand a statement: a mistake in zapkeep, please report it" },
    { -ENOTCONN, "the database does not answer" },
    { -ESTALE, "the file was replaced or removed while it was in use" },
    { -ENOSPC, "disk full" },
    { -EDQUOT, "disk full (quota)" },
    { -EFBIG, "disk full (limit on the size of a file)" },
    { -EIO, "the disk fails (input/output error): see the kernel's log" },
    { -EAGAIN, "in use by another process for too long" },
    { -ELOOP, "it is a symbolic link, which is not followed in the data folder" },
};

const char *err_text(int r)
{
    const char *text;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i].r == r)
            return texts[i].text;
    }
    text = r < 0 ? strerrordesc_np(-r) : "no error";
    return text ? text : "unknown error";
}
