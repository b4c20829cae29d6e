/* SPDX-License-Identifier: Apache-2.0 */
/* gc_test - random graphs of terms survive collections: each root has a copy kept outside of the
 * heap, and both must stay equal; reference counts show that nothing leaks or dies early. */
#include "base/alloc.h"
#include "base/hash.h"
#include "data/binary.h"
#include "heap/gc.h"
#include "heap/literal.h"
#include "term/atom.h"

#include <check.h>
#include <stdlib.h>

#define ROOTS 24
#define STACK 12

static uint64_t seed = 42;
static Vm vm;

static unsigned rnd(unsigned n)
{
    return (unsigned)(random_next(&seed) % n);
}

typedef struct World {
    Heap heap;
    term_t root[ROOTS];
    Heap shadow_heap[ROOTS + STACK];
    term_t shadow[ROOTS + STACK];
} World;

static void each_root(void *owner, void (*visit)(void *, term_t *, size_t), void *ctx)
{
    visit(ctx, ((World *)owner)->root, ROOTS);
}

static term_t *slot(World *w, unsigned i)
{
    return i < ROOTS ? &w->root[i] : &w->heap.stop[i - ROOTS];
}

static bool same(term_t a, term_t b);

static bool same_words(const term_t *a, const term_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!same(a[i], b[i]))
            return false;
    return true;
}

static bool same_bits(term_t a, term_t b)
{
    BitView x = bitstring_view(a), y = bitstring_view(b);
    return x.bits == y.bits && bits_equal(x.base, x.offset, y.base, y.offset, x.bits);
}

static bool same(term_t a, term_t b)
{
    while (term_is_list_cell(a) && term_is_list_cell(b)) {
        if (!same(list_head(a), list_head(b)))
            return false;
        a = list_tail(a);
        b = list_tail(b);
    }
    if (!term_is_boxed(a) || !term_is_boxed(b))
        return a == b;
    if (term_is_bitstring(a))
        return term_is_bitstring(b) && same_bits(a, b);
    const term_t *x = boxed_ptr(a), *y = boxed_ptr(b);
    if (x[0] != y[0])
        return false;
    if (boxed_is_off_heap(x[0]))
        return x[2] == y[2];
    size_t raw = boxed_raw_words(x[0]), words = boxed_words(x);
    return memcmp(x + 1, y + 1, raw * sizeof(term_t)) == 0
           && same_words(x + 1 + raw, y + 1 + raw, words - 1 - raw);
}

static term_t any(World *w)
{
    return *slot(w, rnd(ROOTS + STACK));
}

static term_t make_map(World *w)
{
    term_t keys = heap_tuple3(&w->heap, term_small(1), term_small(2), term_small(3));
    term_t *hp = heap_alloc(&w->heap, FLAT_MAP_WORDS(3));
    hp[0] = MAP_HEADER(MAP_FLAT, 0, 0);
    hp[1] = 3;
    hp[2] = keys;
    hp[3] = any(w), hp[4] = any(w), hp[5] = any(w);
    return term_make_boxed(hp);
}

static term_t make_hamt(World *w)
{
    term_t *hp = heap_alloc(&w->heap, 4);
    hp[0] = MAP_HEADER(MAP_HEAD, 0x0110, 2);
    hp[1] = 77;
    hp[2] = any(w), hp[3] = any(w);
    term_t *node = heap_alloc(&w->heap, 3);
    node[0] = MAP_HEADER(MAP_NODE, 0x8001, 2);
    node[1] = term_make_boxed(hp), node[2] = any(w);
    return term_make_boxed(node);
}

static term_t make_fun(World *w)
{
    Fun *f = (Fun *)heap_alloc(&w->heap, FUN_WORDS(2));
    *f = (Fun){HEADER(5, BOXED_FUN), (struct FunEntry *)(uintptr_t)0x7F0000001001, 1 | 2 << 8,
               term_local_pid(3)};
    f->env[0] = any(w), f->env[1] = any(w);
    return term_make_boxed((term_t *)f);
}

static term_t make_big(World *w)
{
    term_t *hp = heap_alloc(&w->heap, 4);
    hp[0] = HEADER(3, BOXED_NEG_BIG);
    for (int i = 1; i <= 3; i++)
        hp[i] = random_next(&seed) | 1u; /* looks like a list pointer */
    return term_make_boxed(hp);
}

static term_t make_binary(World *w)
{
    uint8_t *data;
    size_t n = rnd(2) ? rnd(64) : 65 + rnd(5000);
    term_t t = heap_binary_new(&w->heap, n, &data);
    for (size_t i = 0; i < n; i++)
        data[i] = (uint8_t)rnd(256);
    return t;
}

static term_t make_part(World *w)
{
    term_t t = any(w);
    if (!term_is_bitstring(t) || bitstring_bits(t) == 0)
        t = make_binary(w);
    uint64_t bits = bitstring_bits(t), start = bits ? rnd((unsigned)bits) : 0;
    return heap_sub_bits(&w->heap, t, start, rnd((unsigned)(bits - start) + 1));
}

static term_t make_append(World *w)
{
    Appended a;
    term_t t = any(w);
    if (!term_is_bitstring(t))
        t = binary_writable(&w->heap, 10);
    unsigned n = rnd(300);
    ck_assert(binary_append(&w->heap, t, n, false, &a));
    for (unsigned i = 0; i < n; i++)
        bits_write(a.base, a.at + i, rnd(2), 1);
    return a.term;
}

static term_t make_term(World *w)
{
    switch (rnd(14)) {
    case 0: return heap_float(&w->heap, rnd(1000) / 7.0);
    case 1: return heap_tuple2(&w->heap, any(w), any(w));
    case 2: return heap_tuple(&w->heap, rnd(3), (term_t[]){any(w), any(w)});
    case 3: return make_map(w);
    case 4: return make_hamt(w);
    case 5: return make_fun(w);
    case 6: return make_big(w);
    case 7: return make_binary(w);
    case 8: return make_part(w);
    case 9: return make_append(w);
    case 10: return ref_put(heap_alloc(&w->heap, REF_WORDS), ref_num_of((uint32_t)rnd(9), 2, 3));
    case 11: return term_small(rnd(1000));
    case 12: return heap_string(&w->heap, "some text", 9, any(w));
    default: return heap_cons(&w->heap, any(w), any(w));
    }
}

static void set(World *w, unsigned i, term_t t)
{
    heap_dispose(&w->shadow_heap[i]);
    w->shadow_heap[i] = (Heap){0};
    *slot(w, i) = t;
    w->shadow[i] = term_copy_all(&w->shadow_heap[i], t);
}

static void compare_all(World *w)
{
    for (unsigned i = 0; i < ROOTS + STACK; i++)
        ck_assert(same(*slot(w, i), w->shadow[i]));
}

static void collect(World *w, bool major, bool exact, size_t need)
{
    RootSet roots = {each_root, w, NULL};
    Collection c = {.need_words = need, .major = major, .exact = exact, .roots = roots};
    heap_verify(&w->heap, &roots, "test, before");
    ck_assert_int_eq(heap_collect(&w->heap, &c), HEAP_OK);
    ck_assert_uint_ge(heap_room(&w->heap), need);
    ck_assert(w->heap.frags == NULL);
    heap_verify(&w->heap, &roots, "test, after");
    compare_all(w);
}

static void world_init(World *w)
{
    *w = (World){0};
    heap_init(&w->heap, 0, 0);
    w->heap.stop -= STACK;
    for (unsigned i = 0; i < ROOTS + STACK; i++)
        *slot(w, i) = w->shadow[i] = TERM_NIL;
}

static void world_destroy(World *w)
{
    for (unsigned i = 0; i < ROOTS + STACK; i++)
        heap_dispose(&w->shadow_heap[i]);
    heap_destroy(&w->heap);
}

/* Terms of at most so many words. */
static void survive(size_t most_words)
{
    World *w = malloc(sizeof *w);
    size_t before = mem_type_stats(MEM_BINARY).blocks, heaps = mem_type_stats(MEM_HEAP).bytes;
    for (int round = 0; round < 20; round++) {
        world_init(w);
        for (int step = 0; step < 300; step++) {
            term_t t = make_term(w);
            if (term_size_words(t) > most_words)
                t = TERM_NIL;
            set(w, rnd(ROOTS + STACK), t);
            if (rnd(8) == 0)
                set(w, rnd(ROOTS + STACK), TERM_NIL);
            if (rnd(12) == 0)
                collect(w, rnd(4) == 0, rnd(16) == 0, rnd(5) == 0 ? rnd(5000) : rnd(20));
        }
        world_destroy(w);
    }
    free(w);
    ck_assert_uint_eq(mem_type_stats(MEM_BINARY).blocks, before);
    ck_assert_uint_eq(mem_type_stats(MEM_HEAP).bytes, heaps);
}

START_TEST(random_graphs) { survive(100000); }
END_TEST

/* They go by way of the scratch area. */
START_TEST(small_random_graphs) { survive(12); }
END_TEST

START_TEST(block_of_one_that_works_grows)
{
    World *w = malloc(sizeof *w);
    world_init(w);
    w->heap.collections = 0;
    collect(w, true, true, 0); /* hibernates: exactly as large as what it holds */
    for (int i = 0; i < 7; i++) {
        collect(w, false, false, 10);
        ck_assert_uint_lt((size_t)(w->heap.end - w->heap.start), HEAP_MIN_WORDS);
    }
    collect(w, false, false, 10);
    ck_assert_uint_eq((size_t)(w->heap.end - w->heap.start), HEAP_MIN_WORDS);
    world_destroy(w);
    free(w);
}
END_TEST

START_TEST(sizes_follow_the_documented_sequence)
{
    static const size_t sizes[] = {233, 376, 610, 987, 1598, 2586, 4185, 6772, 10958, 17731,
        28690, 46422, 75113, 121536, 196650, 318187, 514838, 833026, 999631, 1199557, 1439468,
        1727361, 2072833, 2487399};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        ck_assert_uint_eq(heap_size_at_least(sizes[i]), sizes[i]);
        ck_assert_uint_gt(heap_size_at_least(sizes[i] + 1), sizes[i]);
    }
}
END_TEST

START_TEST(block_stays_small_for_a_loop_and_shrinks)
{
    World *w = malloc(sizeof *w);
    world_init(w);
    for (int i = 0; i < 2000; i++) {
        while (heap_room(&w->heap) >= 2 + HEAP_STACK_RESERVE)
            heap_cons(&w->heap, term_small(i), TERM_NIL);
        collect(w, false, false, 10);
    }
    ck_assert_uint_le((size_t)(w->heap.end - w->heap.start), 610);
    collect(w, false, false, 200000);
    ck_assert_uint_ge(heap_room(&w->heap), 200000);
    collect(w, true, false, 10);
    collect(w, true, false, 10);
    ck_assert_uint_le((size_t)(w->heap.end - w->heap.start), 3000);
    collect(w, true, true, 0);
    ck_assert_uint_eq((size_t)(w->heap.end - w->heap.start), STACK);
    world_destroy(w);
    free(w);
}
END_TEST

START_TEST(limit_is_reported)
{
    World *w = malloc(sizeof *w);
    world_init(w);
    Collection c = {.need_words = 5000, .max_words = 1000, .roots = {each_root, w, NULL}};
    ck_assert_int_eq(heap_collect(&w->heap, &c), HEAP_LIMIT);
    ck_assert_uint_ge(heap_room(&w->heap), 5000);
    world_destroy(w);
    free(w);
}
END_TEST

START_TEST(deep_list_and_nested_tuples)
{
    World *w = malloc(sizeof *w);
    world_init(w);
    term_t list = TERM_NIL, nest = TERM_NIL;
    for (int i = 0; i < 300000; i++) {
        list = heap_cons(&w->heap, term_small(i), list);
        nest = heap_tuple2(&w->heap, term_small(i), nest);
    }
    w->root[0] = list;
    w->root[1] = nest;
    RootSet roots = {each_root, w, NULL};
    for (int k = 0; k < 4; k++) {
        Collection c = {.need_words = 10, .major = k == 3, .roots = roots};
        (void)heap_collect(&w->heap, &c);
        heap_verify(&w->heap, &roots, "deep");
    }
    Heap out = {0};
    ck_assert_uint_eq(term_size_unshared(w->root[1]), 3 * 300000);
    term_t copy = term_copy(&out, w->root[1]);
    int i = 300000;
    for (term_t t = copy; t != TERM_NIL; t = tuple_element(t, 2))
        ck_assert_int_eq(small_value(tuple_element(t, 1)), --i);
    heap_dispose(&out);
    world_destroy(w);
    free(w);
}
END_TEST

START_TEST(literals_are_shared_then_copied)
{
    World *w = malloc(sizeof *w);
    world_init(w);
    Heap tmp = {0};
    uint8_t *data;
    term_t big = heap_binary_new(&tmp, 1000, &data);
    memset(data, 7, 1000);
    term_t terms[2] = {heap_list(&tmp, 2, (term_t[]){big, am_true}, TERM_NIL), term_small(5)};
    LiteralArea *area = literal_area_of_terms(&vm, terms, 2);
    heap_dispose(&tmp);
    term_t literal = terms[0];
    ck_assert_uint_eq(term_size_unshared(literal), 0);
    set(w, 0, heap_tuple2(&w->heap, literal, literal));
    set(w, ROOTS, literal);
    collect(w, true, false, 5);
    ck_assert(*slot(w, ROOTS) == literal);
    ck_assert(tuple_element(w->root[0], 1) == literal);
    Heap message = {0};
    term_t sent = term_copy(&message, w->root[0]);
    ck_assert(tuple_element(sent, 2) == literal);
    const term_t *start = literal_area_start(area), *end = literal_area_end(area);
    Collection c = {.roots = {each_root, w, NULL}};
    ck_assert(heap_copy_literals(&w->heap, &c, start, end));
    c = (Collection){.roots = {each_root, w, NULL}};
    ck_assert(!heap_copy_literals(&w->heap, &c, start, end));
    ck_assert(heap_copy_message_literals(&message, &sent, 1, start, end));
    ck_assert(tuple_element(w->root[0], 1) == tuple_element(w->root[0], 2));
    literal_area_free(area);
    memset((void *)start, 0xEE, (size_t)((char *)end - (char *)start)); /* its chunk stays */
    compare_all(w);
    ck_assert(same(sent, w->shadow[0]));
    heap_dispose(&message);
    world_destroy(w);
    free(w);
}
END_TEST

int main(void)
{
    checked_init();
    atom_table_init(0);
    literal_space_init(&vm);
    TCase *t = tcase_create("gc");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, random_graphs);
    tcase_add_test(t, small_random_graphs);
    tcase_add_test(t, block_of_one_that_works_grows);
    tcase_add_test(t, sizes_follow_the_documented_sequence);
    tcase_add_test(t, block_stays_small_for_a_loop_and_shrinks);
    tcase_add_test(t, limit_is_reported);
    tcase_add_test(t, deep_list_and_nested_tuples);
    tcase_add_test(t, literals_are_shared_then_copied);
    Suite *s = suite_create("gc");
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
