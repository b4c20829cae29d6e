/* SPDX-License-Identifier: Apache-2.0 */
/* float_test - texts as OTP 25 writes them, and that every shortest text reads back. */
#include "base/hash.h"
#include "term/float.h"
#include "term/float_digits.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

START_TEST(short_texts)
{
    static const struct {
        double d;
        const char *text;
    } table[] = {
        {0.0, "0.0"},       {-0.0, "-0.0"},         {1.0, "1.0"},
        {0.1, "0.1"},       {-1.5, "-1.5"},         {100.0, "100.0"},
        {1e3, "1.0e3"},     {1e5, "1.0e5"},         {123456.0, "123456.0"},
        {12340.0, "12340.0"}, {1.23e4, "1.23e4"},   {1e22, "1.0e22"},
        {0.0001, "0.0001"}, {0.00012, "1.2e-4"},    {1e-5, "1.0e-5"},
        {0.0012, "0.0012"}, {5e-324, "5.0e-324"},   {1.7976931348623157e308, "1.7976931348623157e308"},
        {9007199254740991.0, "9007199254740991.0"}, {9007199254740992.0, "9.007199254740992e15"},
        {9007199254740990.0, "9007199254740990.0"}, {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {9.5367431640625e-7, "9.5367431640625e-7"}, {1.2345678901234568e17, "1.2345678901234568e17"},
    };
    char text[FLOAT_TEXT_MAX];
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        ck_assert_uint_eq(float_print_short(table[i].d, text), strlen(table[i].text));
        ck_assert_str_eq(text, table[i].text);
    }
}
END_TEST

START_TEST(fixed_texts)
{
    static const struct {
        double d;
        int decimals;
        const char *full, *compact;
    } table[] = {
        {1.5, 0, "2", "2"},         {2.5, 0, "3", "3"},       {-0.5, 0, "-1", "-1"},
        {1.25, 1, "1.3", "1.3"},    {1.005, 2, "1.00", "1.0"}, {100.0, 4, "100.0000", "100.0"},
        {100.0, 0, "100", "100"},   {-0.0, 2, "-0.00", "-0.0"}, {999.9999, 2, "1000.00", "1000.0"},
        {0.1, 18, "0.100000000000000000", "0.1"},
        {0.1, 20, "0.10000000000000000555", "0.10000000000000000555"},
        {58.805, 16, "58.8049999999999997", "58.8049999999999997"},
        {1e22, 2, "10000000000000000000000.00", "10000000000000000000000.0"},
    };
    char text[FLOAT_TEXT_MAX];
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        ck_assert_uint_eq(float_print_decimals(table[i].d, table[i].decimals, false, text),
                          strlen(table[i].full));
        ck_assert_str_eq(text, table[i].full);
        float_print_decimals(table[i].d, table[i].decimals, true, text);
        ck_assert_str_eq(text, table[i].compact);
    }
    ck_assert_uint_eq(float_print_decimals(1e200, 54, false, text), 255);
    ck_assert_uint_eq(float_print_decimals(1e200, 55, false, text), 0);
    float_print_scientific(0.1, 20, text);
    ck_assert_str_eq(text, "1.00000000000000005551e-01");
    float_print_scientific(1.5, 0, text);
    ck_assert_str_eq(text, "2e+00");
}
END_TEST

START_TEST(reading)
{
    static const char *const good[] = {"1.0", "+1.0", "-1.0", "1.0e5", "1.0E+5", "1.0e-5",
                                       "00001.5", "1.0e0005", "1,0", "1.0e-400", "4.9e-324"};
    static const char *const bad[] = {"", "1", "1.", ".5", "1e5", "1.0e", "1.0e+", "1.0e400", " 1.0",
                                      "1.0 ", "inf", "nan", "0x1.0p3", "1_0.0", "--1.0", "1.0f", "1.0.0"};
    double d;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        ck_assert(float_parse(good[i], strlen(good[i]), &d));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert(!float_parse(bad[i], strlen(bad[i]), &d));
    ck_assert_uint_eq(float_scan("1.5e", 4), 3);
    ck_assert_uint_eq(float_scan("-2.25e+3xyz", 11), 8);
    ck_assert_uint_eq(float_scan("12", 2), 0);
    char digits[400];
    memset(digits, '7', sizeof digits);
    digits[200] = '.';
    ck_assert(float_parse(digits, sizeof digits, &d) && d > 7e199);
    ck_assert(float_parse("-0.0", 4, &d) && signbit(d));
}
END_TEST

/* One digit fewer, rounded by the C library, does not read back; as many, so rounded, are the digits. At powers of two
 * the nearest may not be what reads back. */
START_TEST(as_few_digits_as_can_be)
{
    uint64_t bits = 0x9E3779B97F4A7C15;
    for (unsigned i = 0; i < 50000; i++) {
        double d;
        char text[64];
        Decimal x;
        bits = hash_combine(bits, i);
        uint64_t b = i % 3 == 0 ? bits >> 1 : i % 3 == 1 ? bits >> 12 >> i % 50 : bits % (1 << 20);
        memcpy(&d, &b, sizeof d);
        if (i % 3 == 2) d = (double)b / 1000;
        int exponent;
        if (!isfinite(d) || d <= 0 || frexp(d, &exponent) == 0.5) continue;
        float_shortest_digits(d, &x);
        snprintf(text, sizeof text, "%.*e", x.count - 1, d);
        ck_assert(strtod(text, NULL) == d && text[0] == x.digits[0]);
        ck_assert(strncmp(text + 2, x.digits + 1, (size_t)x.count - 1) == 0);
        ck_assert_int_eq(atoi(strchr(text, 'e') + 1), x.point - 1);
        if (x.count < 2) continue;
        snprintf(text, sizeof text, "%.*e", x.count - 2, d);
        ck_assert(strtod(text, NULL) != d);
    }
}
END_TEST

START_TEST(round_trip)
{
    uint64_t rng = 3;
    char text[FLOAT_TEXT_MAX];
    for (int i = 0; i < 200000; i++) {
        double d, back;
        uint64_t bits = random_next(&rng);
        if (i % 4 == 0)
            bits &= UINT64_C(0xFFF0000000000000);
        memcpy(&d, &bits, sizeof d);
        if (!isfinite(d))
            continue;
        size_t n = float_print_short(d, text);
        if (!float_parse(text, n, &back) || memcmp(&d, &back, sizeof d) != 0)
            ck_abort_msg("%a printed as %s", d, text);
    }
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("float");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, short_texts);
    tcase_add_test(t, fixed_texts);
    tcase_add_test(t, reading);
    tcase_add_test(t, as_few_digits_as_can_be);
    tcase_add_test(t, round_trip);
    Suite *s = suite_create("float");
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
