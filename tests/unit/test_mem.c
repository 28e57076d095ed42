/* The allocator's door, and the memory that start-up gives back. */
#include "tests/unit/cmocka_all.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>

#include "common/base/buf.h"
#include "common/base/digest.h"
#include "common/base/hmac.h"
#include "common/base/mem.h"

static void the_nth_allocation_fails(void **state)
{
    void *p;

    mem_fail_after(2);
    for (int i = 0; i < 2; i++) {
        p = mem_alloc(1);
        assert_non_null(p);
        mem_free(p);
    }
    assert_null(mem_alloc(1));
    assert_null(mem_zalloc(1)); /* and the ones after it */
    assert_null(mem_strdup("x"));
    mem_fail_after(-1);
    p = mem_alloc(1);
    assert_non_null(p);
    mem_free(p);
}

static void what_lives_is_counted(void **state)
{
    long live = mem_live();
    void *p = mem_alloc(0);
    char *s = mem_strndup("abcdef", 3);
    char *taken;

    assert_int_equal(mem_live(), live + 2);
    assert_string_equal(s, "abc");
    p = mem_realloc(p, 100000);
    assert_int_equal(mem_live(), live + 2);
    taken = TAKE(s);
    assert_null(s);
    mem_freep(&s); /* nothing */
    mem_freep(&taken);
    assert_null(taken);
    mem_free(p);
    mem_free(NULL);
    p = mem_realloc(NULL, 5); /* an allocation like any other */
    assert_int_equal(mem_live(), live + 1);
    mem_free(p);
    assert_int_equal(mem_live(), live);
}

static void a_failed_realloc_keeps_the_block(void **state)
{
    char *p = mem_strdup("kept");

    mem_fail_after(0);
    assert_null(mem_realloc(p, 100000));
    mem_fail_after(-1);
    assert_string_equal(p, "kept");
    mem_free(p);
}

static void zalloc_is_zero(void **state)
{
    char *p = mem_zalloc(4096);

    for (int i = 0; i < 4096; i++)
        assert_int_equal(p[i], 0);
    mem_free(p);
}

/* Resident KiB of file-backed pages (RssFile). */
static long resident_file_kib(void)
{
    FILE *f = fopen("/proc/self/status", "re");
    char line[256];
    long kib = -1;

    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        (void)sscanf(line, "RssFile: %ld", &kib);
    (void)fclose(f);
    return kib;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__clang__)
#define MAY_BE_SANITIZED 1
#else
#define MAY_BE_SANITIZED 0
#endif

/* A dropped page comes back when it is touched: code, constants, and relocated tables (those were never
 * dropped). */
static void a_program_works_after_its_pages_were_dropped(void **state)
{
    uint8_t before[SHA256_BYTES], after[SHA256_BYTES];
    long kib = resident_file_kib();
    struct str part = STR_LIT("x");

    assert_int_equal(hmac_sha256(STR_LIT("k"), &part, 1, before), 0);
    mem_trim_startup();
    if (!MAY_BE_SANITIZED)
        assert_in_range(resident_file_kib(), 1, kib - 1);
    assert_int_equal(hmac_sha256(STR_LIT("k"), &part, 1, after), 0);
    assert_memory_equal(before, after, sizeof before);
    assert_non_null(dlsym(RTLD_DEFAULT, "malloc")); /* the linker's own tables */
    mem_trim_startup();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nth_allocation_fails),
        cmocka_unit_test(what_lives_is_counted),
        cmocka_unit_test(a_failed_realloc_keeps_the_block),
        cmocka_unit_test(zalloc_is_zero),
        cmocka_unit_test(a_program_works_after_its_pages_were_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
