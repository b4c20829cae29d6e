/* SPDX-License-Identifier: Apache-2.0 */
/* utf8_test - every code point there and back, every malformed two-byte start. */
#include "base/utf8.h"

#include <check.h>

START_TEST(every_code_point)
{
    uint8_t b[4];
    for (uint32_t cp = 0; cp <= 0x10FFFF; cp++) {
        if (!utf8_is_scalar(cp))
            continue;
        size_t n = utf8_encode(cp, b);
        const uint8_t *at = b;
        uint32_t back = 0;
        if (n != utf8_size(cp) || utf8_decode(&at, b + n, &back) != UTF8_OK || back != cp ||
            at != b + n)
            ck_abort_msg("U+%04X", cp);
        for (size_t cut = 1; cut < n; cut++) {
            at = b;
            if (utf8_decode(&at, b + cut, &back) != UTF8_INCOMPLETE || at != b)
                ck_abort_msg("U+%04X cut to %zu", cp, cut);
        }
    }
}
END_TEST

START_TEST(malformed)
{
    static const char *const bad[] = {
        "\x80",         "\xBF",         "\xC0\x80",         "\xC1\xBF",        "\xC2\x41",
        "\xE0\x80\x80", "\xE0\x9F\xBF", "\xED\xA0\x80",     "\xED\xBF\xBF",    "\xE1\x80\x41",
        "\xF0\x80\x80", "\xF0\x8F\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF",
        "\xFE",         "\xF8\x88\x80", "\xF1\x80\x80\x41",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        size_t good, chars;
        char text[16] = "ab";
        strcat(text, bad[i]);
        ck_assert_int_eq(utf8_scan((const uint8_t *)text, strlen(text), &good, &chars), UTF8_BAD);
        ck_assert_uint_eq(good, 2);
        ck_assert_uint_eq(chars, 2);
    }
}
END_TEST

START_TEST(scan_counts)
{
    const char *text = "0123456789abcdef \xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80 end";
    size_t good, chars, n = strlen(text);
    ck_assert_int_eq(utf8_scan((const uint8_t *)text, n, &good, &chars), UTF8_OK);
    ck_assert_uint_eq(good, n);
    ck_assert_uint_eq(chars, 24);
    ck_assert_uint_eq(utf8_length((const uint8_t *)text, n), 24);
    ck_assert_int_eq(utf8_scan((const uint8_t *)text, n - 5, &good, &chars), UTF8_INCOMPLETE);
    ck_assert_uint_eq(good, 22);
    ck_assert(utf8_is_valid(NULL, 0));
}
END_TEST

START_TEST(latin1)
{
    uint8_t all[256], wide[512], back[512];
    for (int i = 0; i < 256; i++)
        all[i] = (uint8_t)i;
    ck_assert_uint_eq(utf8_size_of_latin1(all, 256), 384);
    ck_assert_uint_eq(utf8_from_latin1(all, 256, wide), 384);
    ck_assert_int_eq(utf8_to_latin1(wide, 384, back), 256);
    ck_assert_mem_eq(all, back, 256);
    ck_assert_int_eq(utf8_to_latin1((const uint8_t *)"\xC4\x80", 2, back), -1);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("utf8");
    tcase_add_test(t, every_code_point);
    tcase_add_test(t, malformed);
    tcase_add_test(t, scan_counts);
    tcase_add_test(t, latin1);
    Suite *s = suite_create("utf8");
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
