/* SPDX-License-Identifier: Apache-2.0 */
/* bits_test - every operation against the same one done bit by bit. */
#include "base/hash.h"
#include "data/bits.h"

#include <check.h>

#define BYTES 64

static uint64_t seed = 7;

static unsigned rnd(unsigned n)
{
    return (unsigned)(random_next(&seed) % n);
}

static void fill(uint8_t *p)
{
    for (int i = 0; i < BYTES; i++)
        p[i] = (uint8_t)rnd(256);
}

static unsigned bit(const uint8_t *p, uint64_t at)
{
    return p[at / 8] >> (7 - at % 8) & 1;
}

START_TEST(read_and_write)
{
    uint8_t a[BYTES], b[BYTES];
    for (int i = 0; i < 2000; i++) {
        unsigned n = rnd(65), at = rnd(BYTES * 8 - 64);
        fill(a);
        uint64_t v = 0;
        for (unsigned k = 0; k < n; k++)
            v = v << 1 | bit(a, at + k);
        ck_assert_uint_eq(bits_read(a, at, n), v);
        memcpy(b, a, BYTES);
        uint64_t w = random_next(&seed);
        bits_write(b, at, w, n);
        unsigned wrong = 0; /* an assertion for each bit takes longer than the rest */
        for (unsigned k = 0; k < BYTES * 8; k++)
            wrong += bit(b, k) != (k >= at && k < at + n ? w >> (n - 1 - (k - at)) & 1 : bit(a, k));
        ck_assert_uint_eq(wrong, 0);
    }
}
END_TEST

START_TEST(copy_clear_equal_compare)
{
    uint8_t a[BYTES], b[BYTES], before[BYTES];
    for (int i = 0; i < 2000; i++) {
        unsigned n = rnd(300), from = rnd(BYTES * 8 - n), to = rnd(BYTES * 8 - n);
        if (rnd(4) == 0)
            from &= ~7u, to &= ~7u;
        fill(a);
        fill(b);
        memcpy(before, b, BYTES);
        bits_copy(b, to, a, from, n);
        unsigned wrong = 0;
        for (unsigned k = 0; k < BYTES * 8; k++)
            wrong += bit(b, k) != (k >= to && k < to + n ? bit(a, from + k - to) : bit(before, k));
        ck_assert_uint_eq(wrong, 0);
        ck_assert(bits_equal(b, to, a, from, n));
        ck_assert_int_eq(bits_compare(b, to, n, a, from, n), 0);
        if (n > 0) {
            unsigned at = to + rnd(n);
            bool was_set = bit(b, at);
            bits_write(b, at, !was_set, 1);
            ck_assert(!bits_equal(b, to, a, from, n));
            int d = bits_compare(b, to, n, a, from, n);
            ck_assert(was_set ? d < 0 : d > 0);
            bits_write(b, at, was_set, 1);
            ck_assert_int_lt(bits_compare(b, to, n - 1, a, from, n), 0);
        }
        bits_clear(b, to, n);
        for (unsigned k = 0; k < BYTES * 8; k++)
            wrong += bit(b, k) != (k >= to && k < to + n ? 0 : bit(before, k));
        ck_assert_uint_eq(wrong, 0);
    }
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("bits");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, read_and_write);
    tcase_add_test(t, copy_clear_equal_compare);
    Suite *s = suite_create("bits");
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
