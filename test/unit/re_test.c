/* SPDX-License-Identifier: Apache-2.0 */
/* re_test - the cache of regular expressions; repairs and messages in the dialect of PCRE 8.44. */
#include "bifs/re_cache.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static ReCode *get(ReCache *c, const char *source, uint32_t options, ReError *e)
{
    ReHeader h = {.magic = {'J', 'R', 'E', '1'}, .options = options};
    return re_cache_get(c, &h, source, strlen(source), e);
}

static bool matches(ReCache *c, const char *source, const char *subject, size_t n)
{
    ReError e;
    ReCode *code = get(c, source, 0, &e);
    ck_assert_ptr_nonnull(code);
    pcre2_match_data *d = re_take_match_data(code);
    int rc = pcre2_match(code->code, (PCRE2_SPTR)subject, n, 0, 0, d, NULL);
    re_return_match_data(d);
    return rc > 0;
}

START_TEST(finds_again)
{
    ReCache *c = re_cache_new();
    ReError e;
    ReCode *x = get(c, "a(b)", 0, &e), *y = get(c, "a(b)", 0, &e), *z = get(c, "a(b)", PCRE2_CASELESS, &e);
    ck_assert_ptr_eq(x, y);
    ck_assert_ptr_ne(x, z);
    ck_assert_uint_eq(x->captures, 1);
    ck_assert_uint_eq(re_cache_count(c), 2);
    for (int i = 0; i < 3000; i++) {
        char text[20];
        snprintf(text, sizeof text, "x%d", i);
        ck_assert_ptr_nonnull(get(c, text, 0, &e));
    }
    ck_assert_uint_le(re_cache_count(c), 1001);
    re_cache_destroy(c);
}
END_TEST

START_TEST(dialect)
{
    ReCache *c = re_cache_new();
    ck_assert(matches(c, "^\\j[\\B]$", "jB", 2));
    ck_assert(matches(c, "^\\8$", "8", 1));
    ck_assert(matches(c, "^[\\d-z]+$", "5-z", 3));
    ck_assert(!matches(c, "^[\\d-z]+$", "q", 1));
    ck_assert(matches(c, "^\\w[[:upper:]](?i)\xE5$", "\xE5\xC5\xC5", 3));
    ck_assert(!matches(c, "\\w", "\xD7", 1));
    re_cache_destroy(c);
}
END_TEST

static const struct { const char *source, *text; size_t position; } errors[] = {
    {"a(", "missing )", 2},
    {"\\", "\\ at end of pattern", 1},
    {"a{3,1}", "numbers out of order in {} quantifier", 5},
    {"*", "nothing to repeat", 0},
    {"[z-a]", "range out of order in character class", 3},
    {"(?z)", "unrecognized character after (? or (?-", 2},
    {"\\2", "reference to non-existent subpattern", 2},
    {"(?<n>a)(?<n>b)", "two named subpatterns have the same name", 11},
    {"\\L", "PCRE does not support \\L, \\l, \\N{name}, \\U, or \\u", 1},
    {"a)", "unmatched parentheses", 1},
};

START_TEST(messages)
{
    ReCache *c = re_cache_new();
    ReError e;
    ck_assert_ptr_null(get(c, errors[_i].source, 0, &e));
    ck_assert_str_eq(e.text, errors[_i].text);
    ck_assert_uint_eq(e.position, errors[_i].position);
    re_cache_destroy(c);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("re");
    TCase *t = tcase_create("re");
    tcase_add_test(t, finds_again);
    tcase_add_test(t, dialect);
    tcase_add_loop_test(t, messages, 0, ARRAY_LEN(errors));
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
