/* SPDX-License-Identifier: Apache-2.0 */
/* interp_test - the interpreter on code assembled by hand, without a loader and without schedulers:
 * calls and returns, arithmetic of all sizes, collections, yields, catch and try, funs, selection. */
#include "base/alloc.h"
#include "base/epoch.h"
#include "code/code.h"
#include "code/funtab.h"
#include "data/arith.h"
#include "data/binary.h"
#include "data/node.h"
#include "data/term_cmp.h"
#include "exec/exec.h"
#include "exec/insn.h"
#include "heap/gc.h"
#include "heap/literal.h"
#include "proc/exit.h"
#include "proc/process_gc.h"
#include "proc/procops.h"
#include "proc/ptab.h"
#include "proc/spawn.h"
#include "proc/timer.h"
#include "term/atom.h"

#include <check.h>
#include <stdlib.h>

static Vm vm;
static EpochDomain domain;
static NodeTable nodes;
static EpochSection section;
static SchedSpace space;
static Sched *sched;

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
    code_init(&vm);
    ProcConfig config = {.process_limit = 20000, .port_limit = 100, .id_bits = 28};
    proc_init(&vm, &config);
    timers_init(&vm, 1, NULL);
    vm.procs->ops = &ops;
    vm.sched = &space;
    exec_init(&vm);
    sched = MEM_NEW(SCHED, Sched);
    sched->vm = &vm;
    sched->slice_reds = SCHED_SLICE_REDS;
    sched_self = sched;
    section = epoch_enter(&domain);
}

/* ---- a small assembler ---- */

#define LABELS 64
typedef struct Pending {
    unsigned at;
    InsnFix fix;
} Pending;
static code_t code[4096];
static unsigned pc;
static unsigned label_at[LABELS];
static Pending pending[256];
static unsigned pendings;

static InsnOperand opx(unsigned n) { return (InsnOperand){INSN_OP_X, n}; }
static InsnOperand opy(unsigned n) { return (InsnOperand){INSN_OP_Y, n}; }
static InsnOperand opt(term_t t) { return (InsnOperand){INSN_OP_TERM, t}; }
static InsnOperand opi(int64_t i) { return opt(term_small(i)); }
static InsnOperand opu(uint64_t n) { return (InsnOperand){INSN_OP_UINT, n}; }
static InsnOperand opl(unsigned n) { return (InsnOperand){INSN_OP_LABEL, n}; }

static void emit(int family, const InsnOperand *o, unsigned n)
{
    InsnFix fixes[64];
    const InsnVariant *v = insn_select(family, o, n);
    if (!v) ck_abort_msg("no variant of %s", insn_family_name(family));
    unsigned nfixes = insn_encode(v, o, n, code + pc, fixes);
    for (unsigned i = 0; i < nfixes; i++) pending[pendings++] = (Pending){pc, fixes[i]};
    ck_assert_uint_eq(insn_length(code + pc), insn_words(v, n));
    pc += insn_words(v, n);
}
#define EMIT(name, ...) \
    do { \
        const InsnOperand o_[] = {__VA_ARGS__}; \
        emit(INSN_##name, o_, ARRAY_LEN(o_)); \
    } while (0)
#define EMIT0(name) emit(INSN_##name, NULL, 0)

static void label(unsigned n) { label_at[n] = pc; }
static void function(const char *name, unsigned arity, unsigned entry)
{
    EMIT(func_info, opt(am_erlang), opt(atom_from_cstr(name)), opu(arity));
    label(entry);
}

static void begin(void)
{
    pc = pendings = 0;
    memset(label_at, 0, sizeof label_at);
    EMIT0(int_code_end);
}

static void link_labels(void)
{
    for (unsigned i = 0; i < pendings; i++)
        insn_fix(code + pending[i].at, &pending[i].fix,
                 (int64_t)label_at[pending[i].fix.label] - pending[i].at);
}

static Process *p;
static unsigned slices;

/* Call the code at a label; a process that ends with exit tells its value through `exit(Value)`. */
static enum RunResult run(unsigned entry, unsigned n, const term_t *args)
{
    enum RunResult r;
    link_labels();
    p = process_new(&vm, 0);
    ck_assert(ptab_insert(vm.procs->procs, p));
    p->pc = code + label_at[entry];
    memcpy(p->x_saved, args, n * sizeof(term_t));
    p->x_live = (uint16_t)n;
    *--p->heap.stop = (term_t)(code + label_at[LABELS - 1]);
    slices = 0;
    do {
        p->reds = SCHED_SLICE_REDS;
        sched->slice_reds = SCHED_SLICE_REDS;
        r = interp_run(sched, p);
        slices++;
    } while (r == RUN_YIELD && p->pc != code + label_at[LABELS - 1]);
    return r;
}

/* Where the function returns to: waits for ever, so that the test can look at x0. */
static void bottom(void)
{
    label(LABELS - 1);
    EMIT(wait, opl(LABELS - 1));
}

static term_t call(unsigned entry, unsigned n, const term_t *args)
{
    bottom();
    enum RunResult r = run(entry, n, args);
    ck_assert_int_eq(r, RUN_WAIT);
    return sched->x[0];
}

/* ---- tests ---- */

static void fib_code(void)
{
    begin();
    function("fib", 1, 1);
    EMIT(is_lt, opl(2), opx(0), opi(2));
    EMIT0(return);
    label(2);
    EMIT(allocate, opu(2), opu(1));
    EMIT(move, opx(0), opy(0));
    EMIT(init_y1, opy(1));
    EMIT(sub, opl(0), opx(0), opi(1), opx(0));
    EMIT(call, opu(1), opl(1));
    EMIT(move, opx(0), opy(1));
    EMIT(sub, opl(0), opy(0), opi(2), opx(0));
    EMIT(init_y1, opy(0));
    EMIT(call, opu(1), opl(1));
    EMIT(add, opl(0), opy(1), opx(0), opx(0));
    EMIT(deallocate_return, opu(2));
}

START_TEST(fib_yields_and_returns)
{
    fib_code();
    ck_assert_int_eq(small_value(call(1, 1, (term_t[]){term_small(22)})), 17711);
    ck_assert_uint_gt(slices, 5);
}
END_TEST

START_TEST(factorial_uses_bignums)
{
    begin();
    function("fac", 2, 1);
    EMIT(is_eq_exact, opl(2), opx(0), opi(0));
    EMIT(move, opx(1), opx(0));
    EMIT0(return);
    label(2);
    EMIT(mul, opl(0), opx(0), opx(1), opx(1));
    EMIT(sub, opl(0), opx(0), opi(1), opx(0));
    EMIT(call_only, opu(2), opl(1));
    term_t f = call(1, 2, (term_t[]){term_small(1000), term_small(1)});
    enum ArithError err;
    for (int i = 1; i <= 1000; i++) f = arith_div(&p->heap, f, term_small(i), &err);
    ck_assert_int_eq(small_value(f), 1);
}
END_TEST

/* Build a list of N..1, then sum it; the heap must grow and be collected on the way. */
START_TEST(lists_survive_collections)
{
    begin();
    function("make", 2, 1);
    EMIT(is_eq_exact, opl(2), opx(0), opi(0));
    EMIT(move, opx(1), opx(0));
    EMIT(move, opi(0), opx(1));
    EMIT(jump, opl(3));
    label(2);
    EMIT(test_heap, opu(2), opu(2));
    EMIT(put_list, opx(0), opx(1), opx(1));
    EMIT(sub, opl(0), opx(0), opi(1), opx(0));
    EMIT(call_only, opu(2), opl(1));
    function("sum", 2, 3);
    EMIT(is_nonempty_list_get_list, opl(4), opx(0), opx(2), opx(0));
    EMIT(add, opl(0), opx(1), opx(2), opx(1));
    EMIT(call_only, opu(2), opl(3));
    label(4);
    EMIT(move, opx(1), opx(0));
    EMIT0(return);
    ck_assert_int_eq(small_value(call(1, 2, (term_t[]){term_small(100000), TERM_NIL})), 5000050000);
}
END_TEST

/* try 1 + a catch error:R -> {R} */
START_TEST(try_catches_a_native_error)
{
    begin();
    function("f", 1, 1);
    EMIT(allocate, opu(1), opu(1));
    EMIT(try, opy(0), opl(2));
    EMIT(add, opl(0), opx(0), opi(1), opx(0));
    EMIT(try_end, opy(0));
    EMIT(deallocate_return, opu(1));
    label(2);
    EMIT(try_case, opy(0));
    EMIT(test_heap, opu(3), opu(3));
    EMIT(put_tuple2, opx(0), opx(0), opx(1));
    EMIT(deallocate_return, opu(1));
    ck_assert_int_eq(small_value(call(1, 1, (term_t[]){term_small(4)})), 5);
    term_t t = call(1, 1, (term_t[]){am_eof});
    ck_assert(term_is_tuple_of(t, 2));
    ck_assert_uint_eq(tuple_element(t, 1), am_error);
    ck_assert_uint_eq(tuple_element(t, 2), am_badarith);
    ck_assert_int_eq(p->catches, 0);
}
END_TEST

START_TEST(catch_makes_exit_tuples_with_a_trace)
{
    begin();
    function("g", 1, 5);
    EMIT(case_end, opx(0));
    function("f", 1, 1);
    EMIT(allocate, opu(1), opu(1));
    EMIT(catch, opy(0), opl(2));
    EMIT(call, opu(1), opl(5));
    label(2);
    EMIT(catch_end, opy(0));
    EMIT(deallocate_return, opu(1));
    term_t t = call(1, 1, (term_t[]){am_eof});
    ck_assert(term_is_tuple_of(t, 2));
    ck_assert_uint_eq(tuple_element(t, 1), am_EXIT);
    term_t reason = tuple_element(tuple_element(t, 2), 1);
    ck_assert_uint_eq(tuple_element(reason, 1), am_case_clause);
    ck_assert_uint_eq(tuple_element(reason, 2), am_eof);
    ck_assert(term_is_list(tuple_element(tuple_element(t, 2), 2)));
}
END_TEST

START_TEST(uncaught_errors_end_the_process)
{
    begin();
    function("f", 1, 1);
    EMIT(badmatch, opx(0));
    bottom();
    ck_assert_int_eq(run(1, 1, (term_t[]){am_eof}), RUN_EXIT);
}
END_TEST

START_TEST(funs_get_arguments_then_environment)
{
    begin();
    uint8_t uniq[16] = {1};
    FunEntry *f = fun_entry_get(&vm, am_erlang, 0, 1, uniq, 1);
    function("-fun-", 2, 1);
    EMIT(sub, opl(0), opx(0), opx(1), opx(0));
    EMIT0(return);
    function("f", 1, 2);
    EMIT(test_heap, opu(5), opu(1));
    EMIT(make_fun3, opu((uintptr_t)f), opx(1), opx(0));
    EMIT(move, opi(50), opx(0));
    EMIT(allocate, opu(0), opu(2));
    EMIT(call_fun, opu(1));
    EMIT(deallocate_return, opu(0));
    fun_entry_set_addr(f, code + label_at[1]);
    ck_assert_int_eq(small_value(call(2, 1, (term_t[]){term_small(8)})), 42);
}
END_TEST

START_TEST(select_finds_values_and_tuples)
{
    begin();
    function("f", 1, 1);
    EMIT(select_tuple_arity, opx(0), opl(2), opu(1), opl(3), opu(2), opl(4));
    label(2);
    EMIT(jump_table, opx(0), opl(5), opi(-1), opl(6), opl(0), opl(7));
    label(3);
    EMIT(move, opi(100), opx(0));
    EMIT0(return);
    label(4);
    EMIT(bif_element, opl(0), opi(2), opx(0), opx(0));
    EMIT0(return);
    label(5);
    EMIT(move, opi(105), opx(0));
    EMIT0(return);
    label(6);
    EMIT(move, opi(106), opx(0));
    EMIT0(return);
    label(7);
    EMIT(move, opi(107), opx(0));
    EMIT0(return);
    Heap h = {0};
    term_t two = heap_tuple2(&h, am_true, term_small(9));
    ck_assert_int_eq(small_value(call(1, 1, (term_t[]){two})), 9);
    ck_assert_int_eq(small_value(call(1, 1, (term_t[]){term_small(-1)})), 106);
    ck_assert_int_eq(small_value(call(1, 1, (term_t[]){term_small(0)})), 105);
    ck_assert_int_eq(small_value(call(1, 1, (term_t[]){term_small(1)})), 107);
    ck_assert_int_eq(small_value(call(1, 1, (term_t[]){term_small(2)})), 105);
    ck_assert_int_eq(small_value(call(1, 1, (term_t[]){am_eof})), 105);
    heap_dispose(&h);
}
END_TEST

/* All small and mixed operations agree with the ones of data/arith. */
START_TEST(arithmetic_agrees_with_the_slow_forms)
{
    static const struct {
        int family;
        term_t (*fn)(Heap *, term_t, term_t, enum ArithError *);
    } table[] = {{INSN_add, arith_add}, {INSN_sub, arith_sub}, {INSN_mul, arith_mul},
                 {INSN_intdiv, arith_div}, {INSN_rem, arith_rem}, {INSN_band, arith_band},
                 {INSN_bor, arith_bor}, {INSN_bxor, arith_bxor}, {INSN_bsl, arith_bsl},
                 {INSN_bsr, arith_bsr}};
    static const int64_t values[] = {0, 1, -1, 2, -2, 7, 58, 59, 60, 61, -59, 1000003, SMALL_MAX,
                                     SMALL_MIN, SMALL_MAX / 2, SMALL_MIN / 2, 1 << 29, -(1 << 30)};
    Heap h = {0};
    for (size_t op = 0; op < ARRAY_LEN(table); op++) {
        for (size_t i = 0; i < ARRAY_LEN(values); i++) {
            for (size_t j = 0; j < ARRAY_LEN(values); j++) {
                bool shift = table[op].family == INSN_bsl || table[op].family == INSN_bsr;
                if (shift && llabs(values[j]) > 100) continue;
                enum ArithError err;
                term_t a = term_small(values[i]), b = term_small(values[j]);
                term_t want = table[op].fn(&h, a, b, &err);
                begin();
                function("f", 2, 1);
                const InsnOperand o[] = {opl(2), opx(0), opx(1), opx(0)};
                emit(table[op].family, o, 4);
                EMIT0(return);
                label(2);
                EMIT(move, opt(am_error), opx(0));
                EMIT0(return);
                term_t got = call(1, 2, (term_t[]){a, b});
                if (want == TERM_NONE) ck_assert_uint_eq(got, am_error);
                else ck_assert_msg(term_eq(got, want), "%s %lld %lld", insn_family_name(table[op].family),
                                   (long long)values[i], (long long)values[j]);
            }
        }
    }
    heap_dispose(&h);
}
END_TEST

/* <<A:8, 1:4, B:4/signed, C/bits>> in the form of OTP 26, then a record update with the parts. */
static void match_code(void)
{
    begin();
    function("f", 2, 1);
    EMIT(bs_start_match4, opl(2), opu(2), opx(0), opx(2));
    EMIT(bs_match, opl(2), opx(2), opt(am_ensure_at_least), opu(16), opu(1),
         opt(am_integer), opu(3), opu(0), opu(8), opu(1), opx(3),
         opt(am_Eq), opu(4), opu(4), opu(1),
         opt(am_integer), opu(4), opu(4), opu(4), opu(1), opx(4),
         opt(am_get_tail), opu(5), opu(1), opx(5));
    EMIT(test_heap, opu(5), opu(6));
    EMIT(update_record, opt(am_copy), opu(4), opx(1), opx(0), opu(2), opx(3), opu(3), opx(4), opu(4), opx(5));
    EMIT0(return);
    label(2);
    EMIT(move, opt(am_false), opx(0));
    EMIT0(return);
}

START_TEST(bs_match_and_update_record)
{
    Heap h = {0};
    term_t none = term_small(0);
    term_t record = heap_tuple4(&h, am_true, none, none, none);
    match_code();
    term_t t = call(1, 2, (term_t[]){heap_binary(&h, "\x07\x1F\xAB", 3), record});
    ck_assert(term_is_tuple_of(t, 4));
    ck_assert_uint_eq(tuple_element(t, 1), am_true);
    ck_assert_int_eq(small_value(tuple_element(t, 2)), 7);
    ck_assert_int_eq(small_value(tuple_element(t, 3)), -1);
    ck_assert(term_eq(tuple_element(t, 4), heap_binary(&h, "\xAB", 1)));
    ck_assert_uint_eq(call(1, 2, (term_t[]){heap_binary(&h, "\x07\x2F\xAB", 3), record}), am_false);
    ck_assert_uint_eq(call(1, 2, (term_t[]){heap_binary(&h, "\x07", 1), record}), am_false);
    ck_assert_uint_eq(tuple_element(record, 2), none);
    heap_dispose(&h);
}
END_TEST

/* <<X:8, "ab", Y/utf8>>; a bad X fails with the segment in error_info. */
START_TEST(bs_create_bin_builds_and_blames)
{
    Heap h = {0};
    begin();
    function("f", 2, 1);
    EMIT(allocate, opu(1), opu(2));
    EMIT(catch, opy(0), opl(2));
    EMIT(bs_create_bin, opl(0), opu(0), opu(2), opu(1), opx(0),
         opt(am_integer), opu(1), opu(1), opu(0), opx(0), opi(8),
         opt(am_string), opu(2), opu(8), opu(0), opu((uintptr_t)"ab"), opi(2),
         opt(am_utf8), opu(3), opu(0), opu(0), opx(1), opt(am_undefined));
    label(2);
    EMIT(catch_end, opy(0));
    EMIT(deallocate_return, opu(1));
    term_t t = call(1, 2, (term_t[]){term_small(65), term_small(0xE5)});
    ck_assert(term_eq(t, heap_binary(&h, "Aab\xC3\xA5", 5)));
    t = call(1, 2, (term_t[]){am_eof, term_small(0xE5)});
    ck_assert(term_is_tuple_of(t, 2));
    ck_assert_uint_eq(tuple_element(tuple_element(t, 2), 1), am_badarg);
    heap_dispose(&h);
}
END_TEST

/* Growth by append must stay linear and keep earlier values. */
START_TEST(appending_keeps_the_old_binary)
{
    Heap h = {0};
    begin();
    function("f", 1, 1);
    EMIT(bs_create_bin, opl(0), opu(0), opu(1), opu(1), opx(1),
         opt(am_append), opu(1), opu(1), opu(0), opx(0), opt(am_all),
         opt(am_integer), opu(2), opu(1), opu(0), opi(1), opi(8));
    EMIT(bs_create_bin, opl(0), opu(0), opu(2), opu(1), opx(2),
         opt(am_append), opu(1), opu(1), opu(0), opx(1), opt(am_all),
         opt(am_integer), opu(2), opu(1), opu(0), opi(2), opi(8));
    EMIT(bs_create_bin, opl(0), opu(0), opu(3), opu(1), opx(3),
         opt(am_append), opu(1), opu(1), opu(0), opx(1), opt(am_all),
         opt(am_integer), opu(2), opu(1), opu(0), opi(3), opi(8));
    EMIT(test_heap, opu(3), opu(4));
    EMIT(put_tuple2, opx(0), opx(2), opx(3));
    EMIT0(return);
    term_t t = call(1, 1, (term_t[]){heap_binary(&h, "", 0)});
    ck_assert(term_eq(tuple_element(t, 1), heap_binary(&h, "\1\2", 2)));
    ck_assert(term_eq(tuple_element(t, 2), heap_binary(&h, "\1\3", 2)));
    heap_dispose(&h);
}
END_TEST

START_TEST(operands_that_do_not_fit_are_refused)
{
    InsnOperand move[] = {opx(0), opl(1)}, big[] = {opt(term_small(1)), opx(SCHED_X_REGS)};
    ck_assert_ptr_null(insn_select(INSN_move, move, 2));
    ck_assert_ptr_null(insn_select(INSN_move, big, 2));
    ck_assert_ptr_null(insn_select(INSN_move, move, 1));
    ck_assert_int_eq(insn_family("no_such_instruction"), -1);
    ck_assert_int_eq(insn_family("put_tuple2"), INSN_put_tuple2);
    ck_assert_int_eq(insn_guard_family(am_element, 2), INSN_bif_element);
}
END_TEST

/* An address among the trailing words may have the bits of an atom that nobody has made. */
START_TEST(addresses_disassemble)
{
    char text[200];
    begin();
    unsigned at = pc;
    EMIT(put_tuple2, opx(0), opt(am_error), opt(term_atom(UINT64_C(1) << 40)), opx(1));
    ck_assert_uint_eq(insn_disassemble(code + at, NULL, text, sizeof text), pc - at);
    ck_assert_msg(strstr(text, "'error' #") != NULL, "%s", text);
}
END_TEST

START_TEST(code_disassembles)
{
    char text[200];
    fib_code();
    link_labels();
    insn_disassemble(code + label_at[1], code + label_at[1], text, sizeof text);
    ck_assert_str_eq(text, "is_lt_fxn  @3, x0, 2");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("interp");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, fib_yields_and_returns);
    tcase_add_test(t, factorial_uses_bignums);
    tcase_add_test(t, lists_survive_collections);
    tcase_add_test(t, try_catches_a_native_error);
    tcase_add_test(t, catch_makes_exit_tuples_with_a_trace);
    tcase_add_test(t, uncaught_errors_end_the_process);
    tcase_add_test(t, funs_get_arguments_then_environment);
    tcase_add_test(t, select_finds_values_and_tuples);
    tcase_add_test(t, arithmetic_agrees_with_the_slow_forms);
    tcase_add_test(t, bs_match_and_update_record);
    tcase_add_test(t, bs_create_bin_builds_and_blames);
    tcase_add_test(t, appending_keeps_the_old_binary);
    tcase_add_test(t, operands_that_do_not_fit_are_refused);
    tcase_add_test(t, code_disassembles);
    tcase_add_test(t, addresses_disassemble);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
