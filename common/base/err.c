#include "common/base/err.h"

#include <string.h>

const char *err_text(int r)
{
    const char *text = r < 0 ? strerrordesc_np(-r) : "no error";

    return text ? text : "unknown error";
}
