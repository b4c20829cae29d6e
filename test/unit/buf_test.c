/* SPDX-License-Identifier: Apache-2.0 */
/* buf_test - growing text; also the small tables: oserr, clock, litmap, queue. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/litmap.h"
#include "base/log.h"
#include "base/oserr.h"
#include "base/queue.h"

#include <check.h>
#include <errno.h>

START_TEST(grows)
{
    Buf b = BUF_INIT(TEMP);
    ck_assert_str_eq(buf_text(&b), "");
    buf_clear(&b);
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "%d,", i);
    ck_assert_uint_eq(b.len, 3890);
    ck_assert_str_eq(buf_text(&b) + 3886, "999,");
    buf_clear(&b);
    buf_puts(&b, "x");
    buf_putc(&b, 0);
    buf_put_codepoint(&b, 0x20AC);
    buf_put_codepoint(&b, 0xD800);
    buf_fill(&b, '-', 100);
    ck_assert_uint_eq(b.len, 2 + 3 + 3 + 100);
    ck_assert_mem_eq(b.data, "x\0\xE2\x82\xAC\xEF\xBF\xBD--", 10);
    buf_truncate(&b, 1);
    size_t len;
    char *text = buf_take(&b, &len);
    ck_assert_str_eq(text, "x");
    mem_free(MEM_TEMP, text, len + 1);
    buf_free(&b);
}
END_TEST

START_TEST(long_printf)
{
    Buf b = BUF_INIT(TEMP);
    buf_printf(&b, "%s%*d", "ab", 5000, 7);
    ck_assert_uint_eq(b.len, 5002);
    ck_assert_int_eq(b.data[5001], '7');
    ck_assert_int_eq(b.data[5002], 0);
    buf_free(&b);
}
END_TEST

START_TEST(os_errors)
{
    ck_assert_str_eq(oserr_name(ENOENT), "enoent");
    ck_assert_str_eq(oserr_name(EAGAIN), "eagain");
    ck_assert_str_eq(oserr_name(EDEADLK), "edeadlk");
    ck_assert_str_eq(oserr_name(ENOTSUP), "enotsup");
    ck_assert_str_eq(oserr_name(0), "unknown");
    ck_assert_str_eq(oserr_name(-5), "unknown");
    ck_assert_str_eq(oserr_name(100000), "unknown");
}
END_TEST

START_TEST(clocks)
{
    clock_init(CLOCK_NO_WARP);
    int64_t a = clock_monotonic_ns();
    ck_assert(a < 0 && a >= clock_start_ns());
    ck_assert(clock_monotonic_ns() >= a);
    int64_t apart = clock_system_ns() - clock_os_system_ns();
    ck_assert(apart < NS_PER_S && apart > -NS_PER_S);
    int64_t u = clock_unique_us();
    ck_assert(clock_unique_us() > u);
    ck_assert_int_eq(clock_offset_state(), CLOCK_OFFSET_FINAL);
    ck_assert(clock_cpu_process_ns() > 0);
}
END_TEST

START_TEST(literal_chunks)
{
    size_t got;
    char *p = litmap_chunk_alloc(5 << 20, &got);
    int on_stack;
    ck_assert_uint_eq(got, 8 << 20);
    ck_assert_uint_eq((uintptr_t)p % LITMAP_CHUNK_BYTES, 0);
    ck_assert(litmap_contains(p));
    ck_assert(litmap_contains(p + got - 1));
    ck_assert(!litmap_contains(p + got));
    ck_assert(!litmap_contains(p - 1));
    ck_assert(!litmap_contains(&on_stack));
    p[got - 1] = 1;
    litmap_chunk_free(p, got);
    ck_assert(!litmap_contains(p));
}
END_TEST

typedef struct Item {
    ListNode link;
    FifoNode next;
    int n;
} Item;

START_TEST(lists)
{
    Item i[4] = {{.n = 0}, {.n = 1}, {.n = 2}, {.n = 3}};
    List l, m;
    list_init(&l);
    list_init(&m);
    for (int k = 0; k < 3; k++)
        list_push_back(&l, &i[k].link);
    list_push_front(&m, &i[3].link);
    list_append_all(&l, &m);
    ck_assert(list_is_empty(&m));
    int expect = 0;
    LIST_FOR_EACH(&l, n) {
        ck_assert_int_eq(container_of(n, Item, link)->n, expect++);
        list_remove(n);
    }
    ck_assert_int_eq(expect, 4);
    ck_assert(list_is_empty(&l));
    Fifo f;
    AtomicStack s;
    fifo_init(&f);
    atomic_stack_init(&s);
    for (int k = 0; k < 4; k++)
        ck_assert_int_eq(atomic_stack_push(&s, &i[k].next), k == 0);
    FifoNode *chain = fifo_chain_reverse(atomic_stack_take_all(&s));
    for (FifoNode *n = chain, *next; n; n = next) {
        next = n->next;
        fifo_push(&f, n);
    }
    for (int k = 0; k < 4; k++)
        ck_assert_int_eq(container_of(fifo_pop(&f), Item, next)->n, k);
    ck_assert_ptr_null(fifo_pop(&f));
}
END_TEST

START_TEST(trace_names)
{
    ck_assert(log_enable("gc,sched"));
    ck_assert(log_is_on(LOG_gc) && log_is_on(LOG_sched) && !log_is_on(LOG_load));
    ck_assert(!log_enable("gc,nonsense"));
    ck_assert(log_enable("all"));
    ck_assert(log_is_on(LOG_epoch));
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("buf");
    tcase_add_test(t, grows);
    tcase_add_test(t, long_printf);
    tcase_add_test(t, os_errors);
    tcase_add_test(t, clocks);
    tcase_add_test(t, literal_chunks);
    tcase_add_test(t, lists);
    tcase_add_test(t, trace_names);
    Suite *s = suite_create("buf");
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
