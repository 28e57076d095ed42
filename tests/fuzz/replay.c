/* Without libFuzzer: every file of the folders given goes through the target once, in the order of its name.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "tests/fuzz/input.h"

#define FILE_BYTES_MAX (2 << 20)

static void replay(const char *path)
{
    FILE *f = fopen(path, "rbe");
    uint8_t *all = malloc(FILE_BYTES_MAX), *exact;
    size_t n;

    MUST(f && all);
    n = fread(all, 1, FILE_BYTES_MAX, f);
    (void)fclose(f);
    exact = malloc(n ? n : 1); /* so that ASan sees its end */
    MUST(exact);
    memcpy(exact, all, n);
    free(all);
    (void)fprintf(stderr, "%s\n", path);
    (void)LLVMFuzzerTestOneInput(exact, n);
    free(exact);
}

static int replay_folder(const char *folder)
{
    struct dirent **names;
    int n = scandir(folder, &names, NULL, alphasort), files = 0;
    char path[1024];

    for (int i = 0; i < n; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        if (names[i]->d_name[0] != '.') {
            replay(path);
            files++;
        }
        free(names[i]);
    }
    if (n >= 0)
        free(names);
    return files;
}

int main(int argc, char *argv[])
{
    int files = 0;

    for (int i = 1; i < argc; i++)
        files += replay_folder(argv[i]);
    (void)printf("%d inputs\n", files);
    return files > 0 ? 0 : 1; /* no input is no test */
}
