/* SPDX-License-Identifier: Apache-2.0 */
/* execmem_test - what is handed out is counted, and comes back. */
#include "base/execmem.h"

#include <check.h>

START_TEST(used_is_counted)
{
    void *write_a, *write_b;
    size_t before = execmem_used();
    void *a = execmem_alloc(1000, &write_a);
    if (!a) return; /* a system that allows no such memory */
    ck_assert(execmem_contains(a));
    size_t one = execmem_used();
    ck_assert_uint_ge(one, before + 1000);
    void *b = execmem_alloc(5000, &write_b);
    ck_assert_uint_ge(execmem_used(), one + 5000);
    execmem_free(a, 1000);
    execmem_free(b, 5000);
    ck_assert_uint_eq(execmem_used(), before);
}
END_TEST

START_TEST(too_much_is_refused)
{
    void *write_at;
    size_t before = execmem_used();
    ck_assert_ptr_null(execmem_alloc(2 * EXECMEM_BYTES, &write_at));
    ck_assert_uint_eq(execmem_used(), before);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("execmem");
    tcase_add_test(t, used_is_counted);
    tcase_add_test(t, too_much_is_refused);
    Suite *s = suite_create("execmem");
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
