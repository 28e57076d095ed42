#include "common/ops/open_state.h"

#include <errno.h>
#include <unistd.h>

#include "common/base/own_file.h"
#include "common/store/store.h"

int ops_open_state(const char *dir, struct db **ret)
{
    char path[OWN_PATH_MAX];
    int r = store_is_server(dir) ? 0 : own_path(dir, STATE_DB_FILE, path, sizeof path);

    if (r != 0)
        return r;
    return store_is_server(dir) || access(path, F_OK) == 0 ? db_open_state(dir, ret) : -errno;
}
