/* SPDX-License-Identifier: Apache-2.0 */
/* bitbuild_test - what is built can be matched again, at any position, size and byte order; known
 * images; failures; the writable tail; iolists. */
#include "base/hash.h"
#include "data/bitbuild.h"
#include "data/iolist.h"
#include "heap/gc.h"
#include "term/atom.h"

#include <check.h>

static uint64_t seed = 11;
static Heap h;

static unsigned rnd(unsigned n)
{
    return (unsigned)(random_next(&seed) % n);
}

static const unsigned orders[] = {0, BITS_LITTLE, BITS_SIGNED, BITS_SIGNED | BITS_LITTLE};

/* `pad` bits, the field, `pad` bits; a match context that stands before the field. */
static MatchContext *build_padded(term_t value, uint64_t bits, unsigned pad, unsigned flags)
{
    BitBuilder b;
    term_t t = build_start(&h, bits + 2 * pad, &b);
    ck_assert_int_eq(build_integer(&b, term_small(-1), pad, 0), BUILD_OK);
    ck_assert_int_eq(build_integer(&b, value, bits, flags), BUILD_OK);
    ck_assert_int_eq(build_integer(&b, term_small(0), pad, 0), BUILD_OK);
    MatchContext *m = match_ptr(match_start(&h, t));
    ck_assert(match_skip(m, pad));
    return m;
}

START_TEST(small_integers_round_trip)
{
    for (int i = 0; i < 20000; i++) {
        unsigned flags = orders[rnd(4)], pad = rnd(10), bits = 1 + rnd(58);
        int64_t v = (int64_t)(random_next(&seed) >> (64 - bits));
        if (flags & BITS_SIGNED)
            v = (int64_t)((uint64_t)v << (64 - bits)) >> (64 - bits);
        MatchContext *m = build_padded(term_small(v), bits, pad, flags);
        term_t got = match_get_integer(&h, m, bits, flags);
        ck_assert(got == term_small(v));
        ck_assert_uint_eq(match_left(m), pad);
        heap_dispose(&h);
        h = (Heap){0};
    }
}
END_TEST

START_TEST(big_integers_round_trip)
{
    for (int i = 0; i < 20000; i++) {
        unsigned flags = orders[rnd(4)], pad = rnd(10), limbs = 1 + rnd(4);
        term_t *hp = heap_alloc(&h, 1 + limbs);
        bool negative = (flags & BITS_SIGNED) && rnd(2);
        hp[0] = HEADER(limbs, negative ? BOXED_NEG_BIG : BOXED_POS_BIG);
        for (unsigned k = 1; k <= limbs; k++)
            hp[k] = rnd(3) ? random_next(&seed) : 0;
        hp[limbs] |= (uint64_t)1 << (60 + rnd(4));
        uint64_t bits = limbs * 64 + 1 + rnd(70);
        term_t value = term_make_boxed(hp);
        MatchContext *m = build_padded(value, bits, pad, flags);
        term_t got = match_get_integer(&h, m, bits, flags);
        ck_assert(term_is_big(got));
        ck_assert_mem_eq(boxed_ptr(got), hp, (1 + limbs) * sizeof(term_t));
        heap_dispose(&h);
        h = (Heap){0};
    }
}
END_TEST

static bool is_bytes(term_t t, const char *bytes, size_t n)
{
    size_t got;
    TempBytes temp = TEMP_BYTES_INIT;
    const uint8_t *p = binary_bytes(t, &got, &temp);
    bool same = p != NULL && got == n && memcmp(p, bytes, n) == 0;
    temp_bytes_free(&temp);
    return same;
}

START_TEST(known_images)
{
    BitBuilder b;
    term_t t = build_start(&h, 24, &b);
    build_integer(&b, term_small(197121), 20, BITS_LITTLE);
    build_integer(&b, term_small(0), 4, 0);
    ck_assert(is_bytes(t, "\1\2\60", 3));
    t = build_start(&h, 128, &b);
    build_float(&b, heap_float(&h, 1.0e300), 32, 0);
    build_float(&b, heap_float(&h, 65520.0), 16, 0);
    build_float(&b, heap_float(&h, 1.00146484375), 16, 0);
    build_float(&b, term_small(-2), 64, BITS_LITTLE);
    ck_assert(is_bytes(t, "\177\200\0\0\174\0\74\2\0\0\0\0\0\0\0\300", 16));
    uint64_t bits = 0;
    int64_t text[] = {'a', 0xE5, 0x20AC, 0x1F600};
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(build_add_utf8(&bits, term_small(text[i])), BUILD_OK);
    t = build_start(&h, bits, &b);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(build_utf8(&b, term_small(text[i])), BUILD_OK);
    ck_assert(is_bytes(t, "a\303\245\342\202\254\360\237\230\200", 10));
    MatchContext *m = match_ptr(match_start(&h, t));
    for (int i = 0; i < 4; i++)
        ck_assert(match_get_utf8(m) == term_small(text[i]));
    ck_assert(match_get_utf8(m) == TERM_NONE);
    for (unsigned flags = 0; flags <= BITS_LITTLE; flags += BITS_LITTLE) {
        t = build_start(&h, 16 * 5 + 3 + 32, &b);
        build_integer(&b, term_small(5), 3, 0);
        for (int i = 0; i < 4; i++)
            ck_assert_int_eq(build_utf16(&b, term_small(text[i]), flags), BUILD_OK);
        build_utf32(&b, term_small(text[3]), flags);
        m = match_ptr(match_start(&h, t));
        ck_assert(match_skip(m, 3));
        for (int i = 0; i < 4; i++)
            ck_assert(match_get_utf16(m, flags) == term_small(text[i]));
        ck_assert(match_get_utf32(m, flags) == term_small(text[3]));
        ck_assert(match_test_tail(m, 0));
    }
}
END_TEST

START_TEST(failures)
{
    BitBuilder b;
    uint64_t bits = 0;
    ck_assert_int_eq(build_add_size(&bits, term_small(-1), 8), BUILD_SIZE);
    ck_assert_int_eq(build_add_size(&bits, am_true, 8), BUILD_SIZE);
    ck_assert_int_eq(build_add_size(&bits, term_small(SMALL_MAX), 256), BUILD_LIMIT);
    ck_assert_int_eq(build_add_size(&bits, heap_uint(&h, UINT64_MAX), 1), BUILD_LIMIT);
    ck_assert_int_eq(build_add_size(&bits, heap_int(&h, INT64_MIN), 1), BUILD_SIZE);
    ck_assert_int_eq(build_add_utf16(&bits, term_small(0xD800)), BUILD_TYPE);
    (void)build_start(&h, 512, &b);
    ck_assert_int_eq(build_float(&b, term_small(1), 17, 0), BUILD_INVALID);
    ck_assert_int_eq(build_float(&b, am_true, 32, 0), BUILD_TYPE);
    ck_assert_int_eq(build_integer(&b, am_true, 8, 0), BUILD_TYPE);
    term_t two = heap_binary(&h, "ab", 2);
    ck_assert_int_eq(build_binary(&b, two, 17), BUILD_SHORT);
    ck_assert_int_eq(build_binary_all(&b, heap_sub_bits(&h, two, 1, 9), 8), BUILD_UNIT);
    MatchContext *m = match_ptr(match_start(&h, heap_binary(&h, "\x7c\0\xd8\0", 4)));
    ck_assert(match_get_float(&h, m, 16, 0) == TERM_NONE);
    ck_assert(match_get_integer(&h, m, 33, 0) == TERM_NONE);
    ck_assert(match_skip(m, 16));
    ck_assert(match_get_utf16(m, 0) == TERM_NONE);
    ck_assert(match_start(&h, am_true) == TERM_NONE);
}
END_TEST

START_TEST(append_keeps_older_values)
{
    Appended a, c;
    term_t empty = heap_binary(&h, "", 0);
    ck_assert(binary_append(&h, empty, 16, false, &a));
    bits_write(a.base, a.at, 0x6162, 16);
    term_t first = a.term;
    ck_assert(binary_append(&h, first, 8, false, &a));
    bits_write(a.base, a.at, 'c', 8);
    ck_assert(bitstring_storage(first) == bitstring_storage(a.term));
    ck_assert(binary_append(&h, first, 8, false, &c));
    bits_write(c.base, c.at, 'x', 8);
    ck_assert(bitstring_storage(first) != bitstring_storage(c.term));
    ck_assert(is_bytes(first, "ab", 2) && is_bytes(a.term, "abc", 3));
    ck_assert(is_bytes(c.term, "abx", 3));
    Heap other = {0};
    term_t sent = term_copy(&other, a.term);
    term_t grown = a.term;
    for (int i = 0; i < 5000; i++) {
        ck_assert(binary_append(&h, grown, 3, false, &a));
        bits_write(a.base, a.at, 5, 3);
        grown = a.term;
    }
    ck_assert(is_bytes(sent, "abc", 3));
    ck_assert_uint_eq(bitstring_bits(grown), 24 + 15000);
    BitView v = bitstring_view(grown);
    for (int i = 0; i < 5000; i++)
        ck_assert_uint_eq(bits_read(v.base, v.offset + 24 + 3 * (unsigned)i, 3), 5);
    term_t w = binary_writable(&h, 0);
    for (int i = 0; i < 3000; i++) {
        ck_assert(binary_append(&h, w, 8, true, &a));
        a.base[a.at / 8] = (uint8_t)i;
        w = a.term;
    }
    ck_assert_uint_eq(bitstring_bits(w), 24000);
    heap_dispose(&other);
}
END_TEST

START_TEST(iolists)
{
    term_t deep = heap_binary(&h, "end", 3);
    for (int i = 0; i < 100000; i++)
        deep = heap_cons(&h, deep, heap_cons(&h, term_small('x'), TERM_NIL));
    uint64_t size;
    ck_assert_int_eq(iolist_size(deep, &size), IOLIST_OK);
    ck_assert_uint_eq(size, 100003);
    IolistWalk w;
    iolist_walk_init(&w, deep, false);
    enum IolistResult r;
    int calls = 0;
    do {
        int64_t budget = 1000;
        r = iolist_walk_size(&w, &budget);
        calls++;
    } while (r == IOLIST_MORE);
    ck_assert_int_eq(r, IOLIST_OK);
    ck_assert_uint_eq(w.size_bits, 100003 * 8);
    ck_assert_int_gt(calls, 100);
    iolist_walk_free(&w);
    term_t t, list = heap_list(&h, 2, (term_t[]){term_small(65), heap_binary(&h, "BC", 2)},
                               heap_binary(&h, "D", 1));
    ck_assert_int_eq(iolist_to_binary(&h, list, false, &t), IOLIST_OK);
    ck_assert(is_bytes(t, "ABCD", 4));
    term_t part = heap_sub_bits(&h, t, 3, 10);
    list = heap_list(&h, 2, (term_t[]){part, term_small(255)}, TERM_NIL);
    ck_assert_int_eq(iolist_to_binary(&h, list, false, &t), IOLIST_TYPE);
    ck_assert_int_eq(iolist_to_binary(&h, list, true, &t), IOLIST_OK);
    ck_assert_uint_eq(bitstring_bits(t), 18);
    ck_assert_int_eq(iolist_size(heap_cons(&h, term_small(256), TERM_NIL), &size), IOLIST_TYPE);
    ck_assert_int_eq(iolist_size(heap_cons(&h, term_small(1), term_small(1)), &size), IOLIST_TYPE);
}
END_TEST

static void teardown(void)
{
    heap_dispose(&h);
    h = (Heap){0};
}

int main(void)
{
    checked_init();
    atom_table_init(0);
    TCase *t = tcase_create("bitbuild");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, NULL, teardown);
    tcase_add_test(t, small_integers_round_trip);
    tcase_add_test(t, big_integers_round_trip);
    tcase_add_test(t, known_images);
    tcase_add_test(t, failures);
    tcase_add_test(t, append_keeps_older_values);
    tcase_add_test(t, iolists);
    Suite *s = suite_create("bitbuild");
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
