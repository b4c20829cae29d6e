/* SPDX-License-Identifier: Apache-2.0 */
/* proc_test - signals, links, monitors, aliases, names, dictionary and death, without schedulers: a test
 * makes processes by hand and lets each of them handle its signals when it wants. */
#include "base/alloc.h"
#include "base/epoch.h"
#include "base/thread.h"
#include "data/node.h"
#include "heap/gc.h"
#include "heap/literal.h"
#include "proc/exit.h"
#include "proc/link.h"
#include "proc/procdict.h"
#include "proc/procops.h"
#include "proc/ptab.h"
#include "proc/receive.h"
#include "proc/registry.h"
#include "proc/signal.h"
#include "proc/spawn.h"
#include "proc/suspend.h"
#include "proc/timer.h"
#include "term/atom.h"

#include <check.h>

static Vm vm;
static EpochDomain domain;
static NodeTable nodes;
static EpochSection section;

static void wake(Process *p, uint32_t bits) { or_acq_rel(&p->state, bits); }
static void resume(Process *p) { and_acq_rel(&p->state, ~PS_SUSPENDED); }
static enum ProcPriority set_priority(Process *p, enum ProcPriority prio) { return (void)p, prio; }
static int32_t slice_used(const Process *p) { return (void)p, 0; }
static const ProcOps ops = {.wake = wake, .resume = resume, .set_priority = set_priority, .slice_used = slice_used};

static void setup(void)
{
    atom_table_init(100000);
    vm.epoch = &domain;
    epoch_domain_init(&domain);
    vm.dist = (struct DistSpace *)&nodes;
    node_table_init(&nodes);
    heap_policy_init(&vm);
    literal_space_init(&vm);
    ProcConfig config = {.process_limit = 1000, .port_limit = 100, .id_bits = 28};
    proc_init(&vm, &config);
    timers_init(&vm, 1, NULL);
    vm.procs->ops = &ops;
    section = epoch_enter(&domain);
}

static Process *make(void)
{
    Process *p = process_new(&vm, 0);
    ck_assert(ptab_insert(vm.procs->procs, p));
    return p;
}

static bool handle(Process *p)
{
    int32_t reds = 10000;
    return signal_fetch_handle(p, &reds);
}

static void end(Process *p, term_t reason)
{
    process_exit_begin(p, reason);
    do
        p->reds = 1000;
    while (!process_exit_run(p));
}

static term_t next_message(Process *p)
{
    Signal *m = receive_peek(p);
    if (m == NULL || m == RECEIVE_DEAD) return TERM_NONE;
    term_t t = m->term;
    receive_remove(p);
    return t;
}

static size_t queue_len(Process *p)
{
    size_t n;
    ck_assert(message_queue_len_of_other(p, &n));
    return n;
}

START_TEST(messages_in_order)
{
    Process *a = make(), *b = make();
    for (int i = 0; i < 100; i++) message_send(a, b, heap_tuple2(&a->heap, am_ok, term_small(i)));
    ck_assert_uint_eq(queue_len(b), 100);
    for (int i = 0; i < 100; i++) ck_assert_int_eq(small_value(tuple_element(next_message(b), 2)), i);
    ck_assert(next_message(b) == TERM_NONE);
}
END_TEST

START_TEST(selective_receive)
{
    Process *a = make(), *b = make();
    for (int i = 0; i < 5; i++) message_send(a, b, term_small(i));
    ck_assert(receive_peek(b)->term == term_small(0));
    receive_skip(b);
    receive_skip(b);
    ck_assert(receive_peek(b)->term == term_small(2));
    receive_remove(b);
    ck_assert(next_message(b) == term_small(0));
    ck_assert(next_message(b) == term_small(1));
    ck_assert(next_message(b) == term_small(3));
    for (int i = 0; i < 2; i++) receive_skip(b), b->sigq.save = &b->sigq.msg_first;
    ck_assert(next_message(b) == term_small(4));
    ck_assert_int_eq(receive_wait(b), RECEIVE_SLEEP);
}
END_TEST

START_TEST(markers_survive_removal)
{
    Process *a = make(), *b = make();
    for (int i = 0; i < 3; i++) message_send(a, b, term_small(i));
    ck_assert(handle(b));
    term_t marker = receive_marker_reserve(b);
    term_t ref = heap_new_ref(&b->heap, &vm);
    receive_marker_bind(b, marker, ref);
    message_send(a, b, am_ok);
    ck_assert(handle(b));
    for (int i = 0; i < 3; i++) ck_assert(next_message(b) == term_small(i));
    receive_marker_use(b, ref);
    ck_assert(receive_peek(b)->term == am_ok);
    receive_remove(b);
    receive_marker_clear(b, ref);
    message_send(a, b, am_true);
    ck_assert(next_message(b) == am_true);
}
END_TEST

START_TEST(kill_and_trap)
{
    Process *a = make(), *b = make(), *c = make();
    atomic_fetch_or(&b->state, PS_TRAP_EXIT);
    ck_assert(signal_send_exit(&vm, a->id, b->id, am_normal));
    term_t m = next_message(b);
    ck_assert(term_is_tuple_of(m, 3) && tuple_element(m, 1) == am_EXIT && tuple_element(m, 2) == a->id
              && tuple_element(m, 3) == am_normal);
    ck_assert(signal_send_exit(&vm, a->id, c->id, am_normal));
    ck_assert(handle(c));
    ck_assert(signal_send_exit(&vm, a->id, b->id, am_kill));
    ck_assert(!handle(b));
    ck_assert(b->fvalue == am_killed);
    end(b, am_normal);
    ck_assert(!signal_send_exit(&vm, a->id, b->id, am_kill));
}
END_TEST

START_TEST(linked_die_together)
{
    Process *a = make(), *b = make();
    ck_assert(link_to(a, b->id) == am_true);
    ck_assert(handle(b));
    ck_assert_ptr_nonnull(link_find(b, a->id));
    end(a, am_error);
    ck_assert(!handle(b));
    ck_assert(b->fvalue == am_error);
    end(b, am_error);
    ck_assert_uint_eq(process_count(&vm), 0);
}
END_TEST

START_TEST(unlink_is_a_handshake)
{
    Process *a = make(), *b = make();
    ck_assert(link_to(a, b->id) == am_true);
    ck_assert(handle(b));
    ck_assert(link_unlink(a, b->id) == am_true);
    ck_assert_ptr_nonnull(link_find(a, b->id)); /* until the answer */
    end(b, am_error);                           /* dies without having seen the unlink */
    ck_assert(handle(a));                       /* exit signal has no effect */
    ck_assert_ptr_null(link_find(a, b->id));
    ck_assert(link_to(a, b->id) == TERM_NONE);
    ck_assert_uint_eq(a->freason, EXC_NOPROC);

    Process *c = make();
    ck_assert(link_to(a, c->id) == am_true && handle(c));
    ck_assert(link_unlink(a, c->id) == am_true && link_to(a, c->id) == am_true);
    ck_assert(handle(c) && handle(a)); /* unlink, link, acknowledgement of the first */
    ck_assert_ptr_nonnull(link_find(a, c->id));
    ck_assert_ptr_nonnull(link_find(c, a->id));
}
END_TEST

START_TEST(monitor_down)
{
    Process *a = make(), *b = make();
    term_t ref = heap_new_ref(&a->heap, &vm), other = heap_new_ref(&a->heap, &vm);
    term_t refs[2] = {ref, other};
    for (int i = 0; i < 2; i++) {
        (void)monitor_insert(a, MONITOR_PROCESS, refs[i], b->id, TERM_NONE, TERM_NONE, ALIAS_NONE, am_DOWN);
        ck_assert(signal_send_monitor(&vm, a->id, b->id, refs[i], TERM_NONE));
    }
    ck_assert(handle(b));
    monitor_demonitor(a, monitor_find(a, ref_num(other)));
    ck_assert(handle(b));
    end(b, atom_from_cstr("foo"));
    term_t m = next_message(a);
    ck_assert(term_is_tuple_of(m, 5) && tuple_element(m, 1) == am_DOWN);
    ck_assert(ref_num_eq(ref_num(tuple_element(m, 2)), ref_num(ref)));
    ck_assert(tuple_element(m, 3) == am_process && tuple_element(m, 4) == b->id);
    ck_assert(tuple_element(m, 5) == atom_from_cstr("foo"));
    ck_assert(next_message(a) == TERM_NONE);
    ck_assert(rb_is_empty(&a->monitors));
}
END_TEST

START_TEST(dying_answers_what_is_queued)
{
    Process *a = make(), *b = make();
    process_exit_begin(b, am_normal);
    term_t ref = heap_new_ref(&a->heap, &vm);
    (void)monitor_insert(a, MONITOR_PROCESS, ref, b->id, TERM_NONE, TERM_NONE, ALIAS_NONE, am_DOWN);
    ck_assert(signal_send_monitor(&vm, a->id, b->id, ref, TERM_NONE));
    end(b, am_normal);
    ck_assert(tuple_element(next_message(a), 5) == am_noproc);
}
END_TEST

START_TEST(alias_takes_one_reply)
{
    Process *a = make(), *b = make();
    term_t ref = monitor_make_ref(a, ALIAS_REPLY);
    (void)monitor_insert(a, MONITOR_PROCESS, ref, b->id, TERM_NONE, TERM_NONE, ALIAS_REPLY, am_DOWN);
    ck_assert(message_send_any(b, ref, am_ok) == am_ok);
    ck_assert(message_send_any(b, ref, am_error) == am_error);
    ck_assert(next_message(a) == am_ok);
    ck_assert(next_message(a) == TERM_NONE);
    ck_assert_ptr_null(monitor_find(a, ref_num(ref)));
}
END_TEST

START_TEST(suspension)
{
    Process *a = make(), *b = make();
    ck_assert(suspend_process(a, b->id, false, SUSPEND_ASYNC, TERM_NIL) == am_true);
    ck_assert(suspend_process(a, b->id, false, SUSPEND_ASYNC, TERM_NIL) == am_true);
    ck_assert(handle(b) && process_state(b) & PS_SUSPENDED);
    ck_assert(suspend_resume(a, b->id));
    ck_assert(handle(b) && process_state(b) & PS_SUSPENDED);
    end(a, am_normal); /* takes back the other one */
    ck_assert(handle(b) && !(process_state(b) & PS_SUSPENDED));
}
END_TEST

START_TEST(names)
{
    Process *a = make(), *b = make();
    ck_assert_int_eq(registry_add_process(&vm, atom_from_cstr("foo"), a), REG_OK);
    ck_assert_int_eq(registry_add_process(&vm, atom_from_cstr("foo"), b), REG_NAME_TAKEN);
    ck_assert_int_eq(registry_add_process(&vm, atom_from_cstr("bar"), a), REG_HAS_NAME);
    ck_assert(registry_find(&vm, atom_from_cstr("foo")) == a->id);
    ck_assert(registry_name_of(&vm, a->id) == atom_from_cstr("foo"));
    ck_assert(registry_find(&vm, atom_from_cstr("bar")) == TERM_NONE);
    end(a, am_normal);
    ck_assert(registry_find(&vm, atom_from_cstr("foo")) == TERM_NONE);
    process_exit_begin(b, am_normal);
    ck_assert_int_eq(registry_add_process(&vm, atom_from_cstr("foo"), b), REG_DEAD);
}
END_TEST

START_TEST(dictionary)
{
    Process *p = make();
    for (int i = 0; i < 1000; i++) ck_assert(dict_put(p, term_small(i), term_small(i * 2)) == am_undefined);
    ck_assert(dict_put(p, term_small(7), am_ok) == term_small(14));
    for (int i = 0; i < 1000; i += 2) ck_assert(dict_erase(p, term_small(i)) == term_small(i * 2));
    for (int i = 0; i < 1000; i++)
        ck_assert(dict_get(p, term_small(i)) == (i % 2 == 0 ? am_undefined : i == 7 ? am_ok : term_small(i * 2)));
    ck_assert_uint_eq(dict_count(p), 500);
    for (int i = 1; i < 1000; i += 2) (void)dict_erase(p, term_small(i));
    ck_assert_ptr_null(p->dict);
}
END_TEST

/* ---- threads: each sender's messages and exit signals arrive in its own order ---- */

#define SENDERS 4
#define COUNT 5000
static Process *target, *sender[SENDERS];

static void *send_many(void *arg)
{
    Process *me = arg;
    EpochSection mine = epoch_enter(&domain);
    for (int i = 0; i < COUNT; i++) {
        Heap h = {0};
        if (i % 3 == 0) {
            (void)signal_send_exit(&vm, me->id, target->id, term_small(i));
        } else {
            term_t t = heap_tuple3(&h, am_EXIT, me->id, term_small(i));
            message_send_heap(&vm, me->id, target, t, &h);
        }
    }
    epoch_leave(&domain, mine);
    return NULL;
}

START_TEST(order_between_pairs)
{
    target = make();
    atomic_fetch_or(&target->state, PS_TRAP_EXIT);
    Thread t[SENDERS];
    ThreadOptions options = {.name = "sender"};
    for (int i = 0; i < SENDERS; i++) sender[i] = make();
    for (int i = 0; i < SENDERS; i++)
        ck_assert_int_eq(thread_create(&t[i], &options, send_many, sender[i]), 0);
    int64_t seen[SENDERS] = {0};
    for (int n = 0; n < SENDERS * COUNT;) {
        target->reds = 4000;
        term_t m = next_message(target);
        if (m == TERM_NONE) continue;
        n++;
        int i = 0;
        while (sender[i]->id != tuple_element(m, 2)) i++;
        ck_assert_int_eq(small_value(tuple_element(m, 3)), seen[i]);
        seen[i]++;
    }
    for (int i = 0; i < SENDERS; i++) (void)thread_join(&t[i]);
    ck_assert_uint_eq(queue_len(target), 0);
}
END_TEST

START_TEST(registry_under_threads)
{
    target = make();
    (void)registry_add_process(&vm, atom_from_cstr("foo"), target);
    Thread t;
    ThreadOptions options = {.name = "sender"};
    sender[0] = make();
    ck_assert_int_eq(thread_create(&t, &options, send_many, sender[0]), 0);
    for (int i = 0; i < 2000; i++) {
        ck_assert(registry_remove(&vm, atom_from_cstr("foo")) == target->id);
        ck_assert_int_eq(registry_add_process(&vm, atom_from_cstr("foo"), target), REG_OK);
    }
    (void)thread_join(&t);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("proc");
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, messages_in_order);
    tcase_add_test(t, selective_receive);
    tcase_add_test(t, markers_survive_removal);
    tcase_add_test(t, kill_and_trap);
    tcase_add_test(t, linked_die_together);
    tcase_add_test(t, unlink_is_a_handshake);
    tcase_add_test(t, monitor_down);
    tcase_add_test(t, dying_answers_what_is_queued);
    tcase_add_test(t, alias_takes_one_reply);
    tcase_add_test(t, suspension);
    tcase_add_test(t, names);
    tcase_add_test(t, dictionary);
    tcase_add_test(t, order_between_pairs);
    tcase_add_test(t, registry_under_threads);
    Suite *s = suite_create("proc");
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
