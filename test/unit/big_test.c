/* SPDX-License-Identifier: Apache-2.0 */
/* big_test - integers of any size: edges of the small range, identities, limits. */
#include "base/hash.h"
#include "data/arith.h"
#include "data/term_cmp.h"

#include <check.h>
#include <math.h>

static Heap heap;
static enum ArithError err;

static void setup(void)
{
    heap_init(&heap, 1000, 1 << 20);
}

static void teardown(void)
{
    heap_destroy(&heap);
}

static term_t integer(const char *text)
{
    term_t t = heap_int_from_text(&heap, text, strlen(text), 10, &err);
    ck_assert(t != TERM_NONE);
    return t;
}

static const char *text_of(term_t t)
{
    static char text[4][4000];
    static int turn;
    char *to = text[turn++ % 4];
    if (t == TERM_NONE)
        return err == ARITH_BADARITH       ? "badarith"
               : err == ARITH_SYSTEM_LIMIT ? "system_limit"
                                           : "badarg";
    ck_assert_uint_le(int_text_bytes(t, 10), 4000);
    to[int_to_text(t, 10, to)] = 0;
    return to;
}

/* Normal form: top limb not zero, nothing that fits a small. */
static void check_normal(term_t t)
{
    int64_t i;
    if (term_is_small(t))
        return;
    ck_assert(term_is_big(t));
    ck_assert_uint_ne(big_limb_ptr(t)[big_limbs(t) - 1], 0);
    ck_assert(!int_to_i64(t, &i) || !int_fits_small(i));
}

typedef term_t Binary2(Heap *h, term_t a, term_t b, enum ArithError *err);

#define MAX_SMALL "576460752303423487"
#define MIN_SMALL "-576460752303423488"
#define TWO_64 "18446744073709551616"

START_TEST(known_results)
{
    static const struct {
        Binary2 *op;
        const char *a, *b, *result;
    } table[] = {
        {arith_add, MAX_SMALL, "1", "576460752303423488"},
        {arith_sub, MIN_SMALL, "1", "-576460752303423489"},
        {arith_add, "576460752303423488", "-1", MAX_SMALL},
        {arith_sub, TWO_64, TWO_64, "0"},
        {arith_sub, TWO_64, "1", "18446744073709551615"},
        {arith_mul, "4294967296", "4294967296", TWO_64},
        {arith_mul, "-4294967296", "4294967296", "-" TWO_64},
        {arith_mul, TWO_64, "0", "0"},
        {arith_div, MIN_SMALL, "-1", "576460752303423488"},
        {arith_div, "-" TWO_64, TWO_64, "-1"},
        {arith_div, "1", TWO_64, "0"},
        {arith_rem, "-7", "3", "-1"},
        {arith_rem, "-7", TWO_64, "-7"},
        {arith_rem, "-18446744073709551619", TWO_64, "-3"},
        {arith_div, "5", "0", "badarith"},
        {arith_rem, TWO_64, "0", "badarith"},
        {arith_band, "-1", TWO_64, TWO_64},
        {arith_band, "-" TWO_64, "18446744073709551615", "0"},
        {arith_bor, "-" TWO_64, "1", "-18446744073709551615"},
        {arith_bxor, "-1", TWO_64, "-18446744073709551617"},
        {arith_bsl, "1", "64", TWO_64},
        {arith_bsl, "-1", "64", "-" TWO_64},
        {arith_bsl, "-5", "-" TWO_64, "-1"},
        {arith_bsl, "0", TWO_64, "0"},
        {arith_bsl, "1", TWO_64, "system_limit"},
        {arith_bsr, "-5", "-" TWO_64, "system_limit"},
        {arith_bsr, "-18446744073709551617", "64", "-2"},
        {arith_bsr, "-" TWO_64, "64", "-1"},
        {arith_bsr, "-" TWO_64, "1000", "-1"},
        {arith_bsr, TWO_64, "65", "0"},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        term_t t = table[i].op(&heap, integer(table[i].a), integer(table[i].b), &err);
        ck_assert_str_eq(text_of(t), table[i].result);
        if (t != TERM_NONE)
            check_normal(t);
    }
}
END_TEST

static term_t random_integer(uint64_t *rng)
{
    size_t n = random_next(rng) % 10, used;
    term_t *hp = heap_alloc(&heap, BIG_WORDS(n));
    for (size_t i = 0; i < n; i++) {
        uint64_t x = random_next(rng);
        hp[1 + i] = x % 5 == 0 ? 0 : x % 5 == 1 ? UINT64_MAX : random_next(rng) >> x % 64;
    }
    term_t t = big_finish(hp, n, random_next(rng) % 2, &used);
    heap_release_end(&heap, hp + used, hp + BIG_WORDS(n));
    return t;
}

static void same(term_t a, term_t b)
{
    check_normal(a);
    check_normal(b);
    ck_assert_str_eq(text_of(a), text_of(b));
    ck_assert_int_eq(number_cmp(a, b), 0);
}

#define OP2(name, a, b) arith_##name(&heap, (a), (b), &err)

static void check_identities(term_t a, term_t b, int64_t by)
{
    same(OP2(sub, OP2(add, a, b), b), a);
    same(OP2(mul, OP2(add, a, b), OP2(sub, a, b)), OP2(sub, OP2(mul, a, a), OP2(mul, b, b)));
    if (b != term_small(0))
        same(OP2(add, OP2(mul, OP2(div, a, b), b), OP2(rem, a, b)), a);
    same(OP2(add, OP2(band, a, b), OP2(bor, a, b)), OP2(add, a, b));
    same(OP2(sub, OP2(bor, a, b), OP2(band, a, b)), OP2(bxor, a, b));
    same(arith_bnot(&heap, arith_bnot(&heap, a, &err), &err), a);
    same(arith_neg(&heap, arith_neg(&heap, a, &err), &err), a);
    same(OP2(bsr, OP2(bsl, a, term_small(by)), term_small(by)), a);
    same(OP2(bsl, a, term_small(by)), OP2(mul, a, OP2(bsl, term_small(1), term_small(by))));
    term_t sign = OP2(sub, a, b);
    int c = number_cmp(a, b);
    ck_assert_int_eq(c < 0, int_is_negative(sign));
    ck_assert_int_eq(c == 0, sign == term_small(0));
}

START_TEST(identities)
{
    uint64_t rng = 7;
    for (int i = 0; i < 3000; i++) {
        term_t a = random_integer(&rng), b = random_integer(&rng);
        check_identities(a, b, (int64_t)(random_next(&rng) % 300));
        teardown();
        setup();
    }
}
END_TEST

START_TEST(texts)
{
    uint64_t rng = 11;
    char text[4000];
    for (int i = 0; i < 2000; i++) {
        term_t a = random_integer(&rng);
        unsigned base = 2 + (unsigned)(random_next(&rng) % 35);
        size_t n = int_to_text(a, base, text);
        ck_assert_uint_le(n, int_text_bytes(a, base));
        same(heap_int_from_text(&heap, text, n, base, &err), a);
    }
    Buf b = BUF_INIT(TEMP);
    buf_put_int(&b, term_small(-255), 16);
    ck_assert_str_eq(buf_text(&b), "-FF");
    buf_free(&b);
    static const char *const bad[] = {"", "-", "+", "--1", "1 ", "12345678901234567890x", "0x1"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ck_assert(heap_int_from_text(&heap, bad[i], strlen(bad[i]), 10, &err) == TERM_NONE);
        ck_assert_int_eq(err, ARITH_BADARG);
    }
}
END_TEST

START_TEST(doubles)
{
    double d;
    ck_assert(int_to_double(integer("18446744073709553664"), &d));
    ck_assert(d == 18446744073709551616.0); /* a tie goes to even */
    ck_assert(!int_to_double(OP2(bsl, term_small(1), term_small(1024)), &d));
    same(heap_int_from_double(&heap, 1e22), integer("10000000000000000000000"));
    same(heap_int_from_double(&heap, -18446744073709551616.0), integer("-" TWO_64));
    same(heap_int_from_double(&heap, -0.5), term_small(0));
    ck_assert_int_lt(number_cmp(integer("9007199254740993"), heap_float(&heap, 9007199254740994.0)), 0);
    ck_assert_int_gt(number_cmp(integer("9007199254740993"), heap_float(&heap, 9007199254740992.0)), 0);
    ck_assert_int_eq(number_cmp(integer(TWO_64), heap_float(&heap, 18446744073709551616.0)), 0);
    ck_assert_int_lt(number_cmp(term_small(1), heap_float(&heap, 1.5)), 0);
    ck_assert_int_gt(number_cmp(term_small(-1), heap_float(&heap, -1.5)), 0);
    ck_assert_int_gt(number_cmp(OP2(bsl, term_small(1), term_small(2000)), heap_float(&heap, 1.7e308)), 0);
}
END_TEST

START_TEST(mixed_operands)
{
    term_t half = heap_float(&heap, 0.5), huge = heap_float(&heap, 1e300);
    ck_assert(float_value(OP2(add, term_small(1), half)) == 1.5);
    ck_assert(float_value(OP2(divide, term_small(1), term_small(4))) == 0.25);
    ck_assert(OP2(mul, huge, huge) == TERM_NONE && err == ARITH_BADARITH);
    ck_assert(OP2(divide, half, term_small(0)) == TERM_NONE && err == ARITH_BADARITH);
    ck_assert(OP2(add, term_small(1), am_true) == TERM_NONE && err == ARITH_BADARITH);
    ck_assert(OP2(band, term_small(1), half) == TERM_NONE && err == ARITH_BADARITH);
    ck_assert(arith_float(&heap, TERM_NIL, &err) == TERM_NONE && err == ARITH_BADARG);
    ck_assert(arith_round(&heap, half, &err) == term_small(1));
    ck_assert(arith_floor(&heap, heap_float(&heap, -0.5), &err) == term_small(-1));
    ck_assert(signbit(float_value(arith_neg(&heap, heap_float(&heap, 0.0), &err))));
    ck_assert(signbit(float_value(arith_plus(&heap, heap_float(&heap, -0.0), &err))));
}
END_TEST

START_TEST(limits)
{
    term_t top = OP2(bsl, term_small(1), term_small(33554367));
    ck_assert(top != TERM_NONE);
    ck_assert_uint_eq(big_limbs(top), BIG_LIMBS_MAX);
    ck_assert(OP2(bsl, term_small(1), term_small(33554368)) == TERM_NONE);
    ck_assert_int_eq(err, ARITH_SYSTEM_LIMIT);
    ck_assert(OP2(add, top, top) == TERM_NONE);
    term_t most = OP2(add, OP2(sub, top, term_small(1)), top);
    ck_assert_uint_eq(big_limbs(most), BIG_LIMBS_MAX);
    ck_assert(OP2(add, most, term_small(1)) == TERM_NONE);
    ck_assert(arith_bnot(&heap, most, &err) == TERM_NONE);
    ck_assert(OP2(mul, top, term_small(2)) == TERM_NONE);
    ck_assert(OP2(mul, top, top) == TERM_NONE);
    ck_assert(OP2(mul, top, term_small(1)) != TERM_NONE);
    term_t half = OP2(bsl, term_small(1), term_small(33554367 / 2));
    ck_assert(OP2(mul, half, half) != TERM_NONE);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("big");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, known_results);
    tcase_add_test(t, identities);
    tcase_add_test(t, texts);
    tcase_add_test(t, doubles);
    tcase_add_test(t, mixed_operands);
    tcase_add_test(t, limits);
    Suite *s = suite_create("big");
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
