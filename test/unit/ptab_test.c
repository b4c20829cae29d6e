/* SPDX-License-Identifier: Apache-2.0 */
/* ptab_test - identifiers grow, full table refuses, wrap skips occupied slots, concurrent use. */
#include "base/alloc.h"
#include "base/thread.h"
#include "proc/ptab.h"

#include <check.h>

typedef struct Entry {
    uint64_t pad, id, born;
} Entry;

#define SHIFT 4
#define TAG 3
static uint64_t number(const Entry *e) { return e->id >> SHIFT; }
static Ptab *table(size_t limit, unsigned bits)
{
    return ptab_new(limit, bits, offsetof(Entry, id), SHIFT, TAG);
}

START_TEST(numbers_grow)
{
    Ptab *t = table(10, 28);
    Entry e[10];
    for (unsigned i = 0; i < 10; i++) {
        ck_assert(ptab_insert(t, &e[i]));
        ck_assert_uint_eq(number(&e[i]), i);
        ck_assert_ptr_eq(ptab_lookup(t, e[i].id), &e[i]);
    }
    Entry more;
    ck_assert(!ptab_insert(t, &more));
    ck_assert_uint_eq(ptab_count(t), 10);
    ptab_remove(t, &e[4]);
    ck_assert_ptr_null(ptab_lookup(t, e[4].id));
    ck_assert(ptab_insert(t, &more));
    ck_assert_uint_eq(number(&more), 10);
    ck_assert_ptr_null(ptab_lookup(t, e[4].id));
    ptab_free(t);
}
END_TEST

START_TEST(wrap_skips_the_living)
{
    Ptab *t = table(4, 4); /* 4 slots, numbers 0..15 */
    Entry stay, e;
    ck_assert(ptab_insert(t, &stay));
    for (int i = 0; i < 100; i++) {
        ck_assert(ptab_insert(t, &e));
        ck_assert_uint_ne(number(&e) % 4, 0);
        ck_assert_ptr_eq(ptab_lookup(t, stay.id), &stay);
        ptab_remove(t, &e);
    }
    ptab_free(t);
}
END_TEST

static bool listed(const PtabScan *s, const Entry *e)
{
    for (size_t i = 0; i < s->ids.len; i += sizeof e->id)
        if (!memcmp(s->ids.data + i, &e->id, sizeof e->id)) return true;
    return false;
}

START_TEST(scan_lists_what_was_there)
{
    Ptab *t = table(8, 28);
    Entry e[6], late[2];
    PtabScan scan, second;
    for (unsigned i = 0; i < 6; i++) ck_assert(ptab_insert(t, &e[i]));
    ptab_scan_begin(t, &scan);
    ck_assert(!ptab_scan_step(t, &scan, 2));
    ck_assert(ptab_set_next_id(t, 6));
    ck_assert(ptab_insert(t, &late[0]));
    ptab_remove(t, &e[1]); /* the scan has it */
    ptab_remove(t, &e[4]); /* has yet to come to it */
    ptab_scan_begin(t, &second);
    ck_assert(ptab_insert(t, &late[1]));
    ptab_remove(t, &late[0]);
    ck_assert(ptab_scan_step(t, &scan, 8));
    ck_assert_uint_eq(scan.ids.len, 6 * sizeof(uint64_t));
    for (unsigned i = 0; i < 6; i++) ck_assert(listed(&scan, &e[i]));
    ck_assert(ptab_scan_step(t, &second, 8));
    ck_assert_uint_eq(second.ids.len, 5 * sizeof(uint64_t));
    ck_assert(listed(&second, &late[0]) && !listed(&second, &late[1]) && !listed(&second, &e[1]));
    ptab_scan_drop(t, &scan);
    ptab_scan_drop(t, &second);
    ptab_free(t);
}
END_TEST

#define THREADS 4
#define ROUNDS 20000
#define EACH 6
static Ptab *shared;

static void *churn(void *arg)
{
    static _Thread_local Entry e[EACH];
    (void)arg;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < EACH; i++)
            if (!ptab_insert(shared, &e[i])) return "full";
        for (int i = 0; i < EACH; i++) {
            if (ptab_lookup(shared, e[i].id) != &e[i]) return "lost";
            ptab_remove(shared, &e[i]);
        }
    }
    return NULL;
}

START_TEST(many_threads)
{
    shared = table(THREADS * EACH, 28);
    Thread t[THREADS];
    ThreadOptions options = {.name = "churn"};
    for (int i = 0; i < THREADS; i++) ck_assert_int_eq(thread_create(&t[i], &options, churn, NULL), 0);
    for (int i = 0; i < THREADS; i++) ck_assert_ptr_null(thread_join(&t[i]));
    ck_assert_uint_eq(ptab_count(shared), 0);
    ptab_free(shared);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("ptab");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, numbers_grow);
    tcase_add_test(t, wrap_skips_the_living);
    tcase_add_test(t, scan_lists_what_was_there);
    tcase_add_test(t, many_threads);
    Suite *s = suite_create("ptab");
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
