#include "common/ops/open_state.h"

#include <errno.h>
#include <unistd.h>

#include "common/base/own_file.h"
#include "common/store/store.h"

int ops_open_state(const char *dir, struct db **ret)
{
    char path[OWN_PATH_MAX];
    int r = own_path(dir, STATE_DB_FILE, path, sizeof path);

    if (r != 0)
        return r;
    return access(path, F_OK) == 0 ? db_open_state(dir, ret) : -errno;
}
