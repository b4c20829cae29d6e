/* SPDX-License-Identifier: Apache-2.0 */
/* bytesearch_test - random patterns in random texts, against trying every place. */
#include "base/alloc.h"
#include "base/hash.h"
#include "data/bytesearch.h"

#include <check.h>

#define TEXT 60

static uint64_t seed = 3;

static unsigned rnd(unsigned n)
{
    return (unsigned)(random_next(&seed) % n);
}

/* Leftmost, then longest. */
static bool slow_find(const BytePattern *p, size_t count, const uint8_t *text, size_t from,
                      size_t stop, size_t end, size_t *at, size_t *n)
{
    for (size_t i = from; i < stop; i++) {
        *n = 0;
        for (size_t k = 0; k < count; k++)
            if (p[k].n > *n && end - i >= p[k].n && memcmp(text + i, p[k].bytes, p[k].n) == 0)
                *n = p[k].n;
        *at = i;
        if (*n > 0)
            return true;
    }
    return false;
}

static void one_round(unsigned letters)
{
    uint8_t text[TEXT], bytes[8][8];
    BytePattern p[8];
    size_t count = 1 + rnd(8), end = rnd(TEXT + 1);
    for (size_t i = 0; i < TEXT; i++)
        text[i] = (uint8_t)rnd(letters);
    for (size_t k = 0; k < count; k++) {
        p[k] = (BytePattern){bytes[k], 1 + rnd(6)};
        for (size_t i = 0; i < p[k].n; i++)
            bytes[k][i] = (uint8_t)rnd(letters);
    }
    size_t size = byte_search_size(p, count);
    ByteSearch *s = mem_alloc(MEM_TEMP, size);
    byte_search_init(s, size, p, count);
    for (size_t from = 0; from <= end; from++) {
        size_t stop = from + rnd((unsigned)(end - from) + 1);
        size_t at = 0, n = 0, want_at = 0, want_n = 0;
        bool want = slow_find(p, count, text, from, stop, end, &want_at, &want_n);
        ck_assert_int_eq(byte_search_find(s, text, from, stop, end, &at, &n), want);
        if (want) {
            ck_assert_uint_eq(at, want_at);
            ck_assert_uint_eq(n, want_n);
        }
    }
    mem_free(MEM_TEMP, s, size);
}

START_TEST(same_as_trying_every_place)
{
    for (int i = 0; i < 20000; i++)
        one_round(1 + rnd(4));
    for (int i = 0; i < 2000; i++)
        one_round(256);
}
END_TEST

START_TEST(every_byte_value_in_patterns)
{
    uint8_t bytes[256];
    BytePattern p[256];
    for (unsigned i = 0; i < 256; i++) {
        bytes[i] = (uint8_t)i;
        p[i] = (BytePattern){&bytes[i], 1};
    }
    size_t size = byte_search_size(p, 256), at, n;
    ByteSearch *s = mem_alloc(MEM_TEMP, size);
    byte_search_init(s, size, p, 256);
    for (unsigned i = 0; i < 256; i++) {
        ck_assert(byte_search_find(s, bytes, i, 256, 256, &at, &n));
        ck_assert_uint_eq(at, i);
        ck_assert_uint_eq(n, 1);
    }
    mem_free(MEM_TEMP, s, size);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("bytesearch");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, same_as_trying_every_place);
    tcase_add_test(t, every_byte_value_in_patterns);
    Suite *s = suite_create("bytesearch");
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
