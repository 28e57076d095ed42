#include "common/base/mem.h"
#include "services/console/console.h"
#include "services/console/web/web_file.h"

int main(int argc, char *argv[])
{
    CLEANUP(mem_freep) struct asset *files = mem_alloc(web_files_n * sizeof *files);
    const struct assets assets = { files, files ? web_files_n : 0 };
    struct console *x = NULL;
    int r;

    for (size_t i = 0; i < assets.n; i++)
        files[i] = (struct asset){ web_files[i].path, web_files[i].type, web_files[i].etag, web_files[i].gz,
                                   web_files[i].size };
    r = console_open(APP_START(argc, argv), &assets, &x);
    if (r == 0)
        r = console_run(x);
    return console_close(x, r);
}
