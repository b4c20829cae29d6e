/* SPDX-License-Identifier: Apache-2.0 */
/* Large blocks: sizes, reuse, limits, growth. */
#include "base/large.h"

#include <check.h>
#include <string.h>

#define MB ((size_t)1 << 20)
#define HEADER ((size_t)64)

START_TEST(sizes_grow_by_an_eighth_at_most)
{
    for (size_t n = LARGE_MIN; n < (size_t)1 << 40; n += n / 7 + 4097) {
        size_t got = large_bytes(n);
        ck_assert_uint_ge(got, n);
        ck_assert_uint_le(got, n + n / 8 + 65536 + HEADER);
        ck_assert_uint_eq(large_bytes(got - HEADER), got);
        ck_assert_uint_eq(got % 4096, 0);
    }
}
END_TEST

START_TEST(a_freed_block_is_used_again)
{
    char *p = large_alloc(3 * MB);
    memset(p, 7, 3 * MB);
    ck_assert_uint_eq((size_t)p % (2 * MB), HEADER);
    large_free(p);
    ck_assert_uint_eq(large_kept_bytes(), large_bytes(3 * MB));
    ck_assert_ptr_eq(large_alloc(3 * MB), p);
    ck_assert_uint_eq(large_kept_bytes(), 0);
    large_free(p);
    large_release();
    ck_assert_uint_eq(large_kept_bytes(), 0);
}
END_TEST

START_TEST(zero_means_zero)
{
    char *p = large_alloc(MB);
    memset(p, 7, MB);
    large_free(p);
    char *z = large_alloc_zero(MB);
    size_t other = 0;
    for (size_t i = 0; i < MB; i++) other += z[i] != 0;
    ck_assert_uint_eq(other, 0);
    large_free(z);
    large_release();
}
END_TEST

START_TEST(no_more_is_kept_than_allowed)
{
    void *p[LARGE_KEPT_BLOCKS + 10];
    for (size_t i = 0; i < LARGE_KEPT_BLOCKS + 10; i++) p[i] = large_alloc(LARGE_MIN);
    for (size_t i = 0; i < LARGE_KEPT_BLOCKS + 10; i++) large_free(p[i]);
    ck_assert_uint_eq(large_kept_bytes(), LARGE_KEPT_BLOCKS * large_bytes(LARGE_MIN));
    large_free(large_alloc(LARGE_KEPT_MAX - HEADER));
    ck_assert_uint_eq(large_kept_bytes(), LARGE_KEPT_MAX);
    large_free(large_alloc(LARGE_KEPT_MAX * 2));
    ck_assert_uint_eq(large_kept_bytes(), LARGE_KEPT_MAX);
    large_release();
}
END_TEST

/* Erlang's monotonic time may be negative. */
START_TEST(an_idle_vm_releases_once_a_second)
{
    const int64_t start = -INT64_C(576460752303423488);
    ck_assert_int_eq(large_release_idle(start), -1);
    large_free(large_alloc(MB));
    ck_assert_int_eq(large_release_idle(start), 1000000000); /* the first pause is in the middle of a boot */
    ck_assert_int_eq(large_release_idle(start + 400000000), 600000000);
    ck_assert_uint_ne(large_kept_bytes(), 0);
    ck_assert_int_eq(large_release_idle(start + 1000000000), -1);
    ck_assert_uint_eq(large_kept_bytes(), 0);
    large_free(large_alloc(MB));
    ck_assert_int_eq(large_release_idle(start + 1500000000), 500000000);
    ck_assert_uint_ne(large_kept_bytes(), 0);
    ck_assert_int_eq(large_release_idle(start + 2000000000), -1);
    ck_assert_uint_eq(large_kept_bytes(), 0);
}
END_TEST

START_TEST(growing_and_shrinking_keep_the_contents)
{
    size_t old = LARGE_MIN;
    unsigned char *p = large_alloc(old);
    for (size_t i = 0; i < old; i++) p[i] = (unsigned char)(i * 31);
    for (size_t n = 2 * old; n < 64 * MB; n *= 3) {
        p = large_realloc(p, n);
        old = n;
    }
    p = large_realloc(p, LARGE_MIN);
    size_t other = 0;
    for (size_t i = 0; i < LARGE_MIN; i++) other += p[i] != (unsigned char)(i * 31);
    ck_assert_uint_eq(other, 0);
    large_free(p);
    large_release();
}
END_TEST

START_TEST(a_block_cut_a_little_is_as_large_when_it_comes_back)
{
    char *p = large_alloc(3 * MB);
    ck_assert_ptr_eq(large_realloc(p, 2 * MB), p);
    large_free(p);
    ck_assert_uint_eq(large_kept_bytes(), large_bytes(3 * MB));
    ck_assert_ptr_eq(large_alloc(2 * MB), p);
    p = large_realloc(p, MB / 2);
    large_free(p);
    ck_assert_uint_eq(large_kept_bytes(), large_bytes(MB / 2));
    large_release();
}
END_TEST

START_TEST(what_the_kernel_refuses_is_null)
{
    ck_assert_ptr_null(large_alloc(SIZE_MAX / 4));
    ck_assert_ptr_null(large_alloc(SIZE_MAX));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("large");
    TCase *t = tcase_create("large");
    tcase_add_test(t, sizes_grow_by_an_eighth_at_most);
    tcase_add_test(t, a_freed_block_is_used_again);
    tcase_add_test(t, zero_means_zero);
    tcase_add_test(t, no_more_is_kept_than_allowed);
    tcase_add_test(t, an_idle_vm_releases_once_a_second);
    tcase_add_test(t, growing_and_shrinking_keep_the_contents);
    tcase_add_test(t, a_block_cut_a_little_is_as_large_when_it_comes_back);
    tcase_add_test(t, what_the_kernel_refuses_is_null);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
