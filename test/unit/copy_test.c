/* SPDX-License-Identifier: Apache-2.0 */
/* copy_test - deep copies, what they share and count; fragments, adoption, giving words back. */
#include "base/alloc.h"
#include "data/binary.h"
#include "heap/gc.h"
#include "term/atom.h"

#include <check.h>

static int destroyed;
static int node_released;

static void on_destroy(Binary *b)
{
    (void)b;
    destroyed++;
}

static void on_release(struct Node *n)
{
    (void)n;
    node_released++;
}

static NodeHead node = {.refs = 1, .release = on_release};

static term_t ext_pid(Heap *h)
{
    ExtThing *x = (ExtThing *)heap_alloc(h, EXT_PID_WORDS);
    x->header = HEADER(EXT_PID_WORDS - 1, BOXED_EXT_PID);
    x->node = (struct Node *)&node;
    x->data[0] = 17;
    node_inc(x->node);
    heap_link_off_heap(h, (OffHeap *)x);
    return term_make_boxed((term_t *)x);
}

START_TEST(size_is_what_the_copy_takes)
{
    Heap from = {0}, to = {0};
    uint8_t *data;
    term_t big = heap_binary_new(&from, 300, &data);
    term_t parts[] = {heap_float(&from, 1.5), heap_int(&from, INT64_MAX), ext_pid(&from), big,
                      heap_sub_bits(&from, big, 3, 100), heap_binary(&from, "abc", 3), am_true};
    term_t t = heap_list(&from, 7, parts, heap_tuple(&from, 0, parts));
    size_t words = term_size_unshared(t);
    ck_assert_uint_eq(words, 14 + 1 + 2 + 2 + EXT_PID_WORDS + 2 * REFC_BITS_WORDS
                                 + HEAP_BITS_WORDS(3));
    (void)term_copy(&to, t);
    ck_assert_uint_eq(to.frag_words, words);
    ck_assert_uint_eq(to.frags->words, words); /* exact for a message */
    heap_verify_term(&to, term_copy(&to, t), "copy");
    heap_dispose(&from);
    heap_dispose(&to);
}
END_TEST

START_TEST(part_of_heap_bits_is_cut_out)
{
    Heap from = {0}, to = {0};
    char text[64];
    for (int i = 0; i < 64; i++)
        text[i] = (char)(i * 7);
    term_t whole = heap_binary(&from, text, 64);
    for (unsigned start = 0; start < 512; start += 5) {
        for (unsigned n = 0; start + n <= 512; n += 37) {
            term_t part = heap_sub_bits(&from, whole, start, n);
            term_t copy = term_copy(&to, part);
            BitView x = bitstring_view(part), y = bitstring_view(copy);
            ck_assert_uint_eq(y.bits, n);
            ck_assert(bits_equal(x.base, x.offset, y.base, y.offset, n));
            ck_assert(HEADER_SUBTAG(boxed_header(copy)) == BOXED_HEAP_BITS);
        }
    }
    heap_dispose(&from);
    heap_dispose(&to);
}
END_TEST

START_TEST(counts_follow_copies)
{
    Heap from = {0}, to = {0}, last = {0};
    destroyed = node_released = 0;
    term_t ref = heap_magic_ref(&from, binary_new_magic(8, 0, on_destroy), ref_num_of(1, 2, 3));
    term_t t = heap_tuple2(&from, ref, ext_pid(&from));
    ck_assert(magic_ref_of(ref, on_destroy) != NULL);
    (void)term_copy(&to, t);
    ck_assert_int_eq(binary_refs(magic_ref_binary(ref)), 2);
    ck_assert_int_eq(node.refs, 3);
    heap_dispose(&from);
    ck_assert_int_eq(destroyed, 0);
    heap_adopt(&last, &to);
    ck_assert(to.frags == NULL && to.off_heap == NULL && to.frag_words == 0);
    heap_dispose(&last);
    ck_assert_int_eq(destroyed, 1);
    ck_assert_int_eq(node.refs, 1);
    ck_assert_int_eq(node_released, 0);
    node_dec((struct Node *)&node);
    ck_assert_int_eq(node_released, 1);
    node.refs = 1;
}
END_TEST

START_TEST(words_are_given_back)
{
    Heap h = {0};
    term_t *first = heap_alloc(&h, 10);
    heap_release_end(&h, first + 4, first + 10);
    ck_assert_uint_eq(h.frag_words, 4);
    ck_assert_ptr_eq(heap_alloc(&h, 6), first + 4);
    heap_dispose(&h);
    Heap p = {0};
    heap_init(&p, 0, 0);
    term_t *hp = heap_alloc(&p, 8);
    heap_release_end(&p, hp, hp + 8);
    ck_assert_ptr_eq(p.top, p.start);
    (void)heap_alloc(&p, 500); /* too large for the block */
    ck_assert_ptr_eq(p.top, p.start);
    ck_assert_uint_eq(p.frag_words, 500);
    heap_destroy(&p);
}
END_TEST

START_TEST(adopted_fragments_do_not_take_over_bumping)
{
    Heap p = {0}, m = {0};
    heap_init(&p, 0, 0);
    (void)heap_alloc(&p, 100);
    HeapFrag *own = p.frags;
    term_t t = heap_cons(&m, term_small(1), TERM_NIL);
    heap_adopt(&p, &m);
    ck_assert_ptr_eq(p.frags, own);
    ck_assert_uint_eq(p.frag_words, 102);
    heap_verify_term(&p, t, "adopted");
    heap_destroy(&p);
}
END_TEST

int main(void)
{
    checked_init();
    atom_table_init(0);
    TCase *t = tcase_create("copy");
    tcase_add_test(t, size_is_what_the_copy_takes);
    tcase_add_test(t, part_of_heap_bits_is_cut_out);
    tcase_add_test(t, counts_follow_copies);
    tcase_add_test(t, words_are_given_back);
    tcase_add_test(t, adopted_fragments_do_not_take_over_bumping);
    Suite *s = suite_create("copy");
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
