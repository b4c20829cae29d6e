/* SPDX-License-Identifier: Apache-2.0 */
/* etf_test - external term format, order, equality and hashes of the terms in golden_terms.h, and
 * decoding of damaged input. */
#include "base/alloc.h"
#include "base/epoch.h"
#include "base/thread.h"
#include "code/code.h"
#include "data/binary.h"
#include "data/term_cmp.h"
#include "data/term_hash.h"
#include "dist/node.h"
#include "etf/etf.h"
#include "heap/gc.h"
#include "term/atom.h"

#include <check.h>
#include <stdlib.h>

#include "golden_terms.h"

#define TERMS ARRAY_LEN(golden_terms)

static Vm vm;
static EpochDomain domain;
static EpochSection section;
static Heap heap;
static term_t terms[TERMS];

static const uint8_t *bytes_of(size_t i) { return (const uint8_t *)golden_terms[i].etf; }

static void setup(void)
{
    atom_table_init(1 << 20);
    epoch_domain_init(&domain);
    section = epoch_enter(&domain);
    dist_init(&vm);
    code_init(&vm);
    for (size_t i = 0; i < TERMS; i++) {
        terms[i] = etf_decode(&heap, &vm, bytes_of(i), golden_terms[i].bytes, 0);
        ck_assert_msg(terms[i] != TERM_NONE, "term %zu", i);
    }
}

static void teardown(void)
{
    heap_dispose(&heap);
    epoch_leave(&domain, section);
}

/* Counted in small steps. */
static size_t size_of(term_t t)
{
    size_t n;
    EtfEncode *e = etf_encode_start(&vm, t, 0, NULL);
    while (etf_encode_count(e, 1, &n) == ETF_MORE) continue;
    etf_encode_free(e);
    return n;
}

/* Into a binary that grows, in small steps. */
static BitView binary_of(term_t t)
{
    EtfEncode *e = etf_encode_start(&vm, t, 0, NULL);
    while (etf_encode_binary(e, 1) == ETF_MORE) continue;
    term_t taken = etf_encode_take(e, &heap);
    etf_encode_free(e);
    return bitstring_view(taken);
}

START_TEST(encodes_the_same_bytes)
{
    for (size_t i = 0; i < TERMS; i++) {
        Buf b = BUF_INIT(TEMP);
        ck_assert(etf_encode(&vm, &b, terms[i], 0));
        ck_assert_uint_eq(b.len, golden_terms[i].bytes);
        ck_assert_mem_eq(b.data, bytes_of(i), b.len);
        ck_assert_uint_eq(size_of(terms[i]), b.len);
        BitView v = binary_of(terms[i]);
        ck_assert_uint_eq(v.bits, 8 * b.len);
        ck_assert_mem_eq(v.base, b.data, b.len);
        buf_free(&b);
    }
}
END_TEST

START_TEST(encodes_in_slices)
{
    for (size_t i = 0; i < TERMS; i++) {
        Buf b = BUF_INIT(TEMP);
        EtfEncode *e = etf_encode_start(&vm, terms[i], 0, NULL);
        while (etf_encode_run(e, &b, 1) == ETF_MORE) continue;
        etf_encode_free(e);
        ck_assert_uint_eq(b.len, golden_terms[i].bytes);
        ck_assert_mem_eq(b.data, bytes_of(i), b.len);
        buf_free(&b);
    }
}
END_TEST

/* Integers of each size of the format and one past it, in lists longer than the room and the slices of an encoder. */
START_TEST(encodes_lists_of_integers)
{
    static const int64_t edges[] = {0, 255, 256, -1, INT32_MAX, INT32_MIN, (int64_t)INT32_MAX + 1,
                                    (int64_t)INT32_MIN - 1};
    for (size_t length = 1; length < 1500; length = 2 * length + 1) {
        Buf whole = BUF_INIT(TEMP);
        term_t list = TERM_NIL;
        for (size_t i = 0; i < length; i++)
            list = heap_cons(&heap, term_small(edges[i % ARRAY_LEN(edges)] + (int64_t)(i / 64)), list);
        ck_assert(etf_encode(&vm, &whole, list, 0));
        ck_assert_uint_eq(size_of(list), whole.len);
        BitView v = binary_of(list);
        ck_assert_uint_eq(v.bits, 8 * whole.len);
        ck_assert_mem_eq(v.base, whole.data, whole.len);
        term_t again = etf_decode(&heap, &vm, (const uint8_t *)whole.data, whole.len, 0);
        ck_assert(again != TERM_NONE && term_eq(again, list));
        buf_free(&whole);
    }
}
END_TEST

START_TEST(decodes_in_slices)
{
    for (size_t i = 0; i < TERMS; i++) {
        Heap h = {0};
        term_t t = TERM_NONE;
        size_t used = 0;
        EtfDecode *d = etf_decode_start(&vm, bytes_of(i), golden_terms[i].bytes, 0, NULL, 0);
        while (etf_decode_run(d, &h, 1, &t, &used) == ETF_MORE) continue;
        etf_decode_free(d);
        ck_assert(t != TERM_NONE && term_eq(t, terms[i]));
        ck_assert_uint_eq(used, golden_terms[i].bytes);
        heap_dispose(&h);
    }
}
END_TEST

/* No prefix of a term is a term, and every change of a byte gives a term or TERM_NONE, nothing worse. */
START_TEST(survives_damage)
{
    for (size_t i = 0; i < TERMS; i++) {
        size_t n = golden_terms[i].bytes;
        uint8_t *copy = malloc(n);
        for (size_t cut = 0; cut < n; cut++) {
            Heap h = {0};
            memcpy(copy, bytes_of(i), n);
            ck_assert(etf_decode(&h, &vm, copy, cut, ETF_SAFE) == TERM_NONE);
            copy[cut] ^= (uint8_t)(1u << cut % 8);
            etf_decode(&h, &vm, copy, n, ETF_SAFE);
            copy[cut] = 0xFF;
            etf_decode(&h, &vm, copy, n, ETF_SAFE);
            heap_dispose(&h);
        }
        free(copy);
    }
}
END_TEST

START_TEST(orders_as_the_reference)
{
    for (size_t i = 0; i < TERMS; i++)
        for (size_t k = 0; k < TERMS; k++) {
            int want = golden_terms[i].rank - golden_terms[k].rank, c = term_cmp(terms[i], terms[k]);
            ck_assert_msg(c == 0 ? want == 0 : c < 0 ? want < 0 : want > 0, "terms %zu and %zu", i, k);
            ck_assert_int_eq(term_cmp_exact(terms[i], terms[k]) == 0, term_eq(terms[i], terms[k]));
            ck_assert_int_eq(term_eq_loose(terms[i], terms[k]), want == 0);
            if (term_eq(terms[i], terms[k])) ck_assert_uint_eq(term_hash(terms[i]), term_hash(terms[k]));
        }
}
END_TEST

START_TEST(hashes_as_the_reference)
{
    for (size_t i = 0; i < TERMS; i++) {
        ck_assert_msg(term_phash2(terms[i]) == golden_terms[i].phash2, "phash2 of term %zu", i);
        ck_assert_msg(term_phash(terms[i]) + 1 == golden_terms[i].phash, "phash of term %zu", i);
    }
}
END_TEST

#define DEEP 1000000

/* Nesting costs memory, not C stack. */
START_TEST(depth_has_no_limit)
{
    Buf b = BUF_INIT(TEMP);
    buf_putc(&b, (char)ETF_VERSION);
    for (int i = 0; i < DEEP; i++) buf_append(&b, "h\1", 2);
    buf_putc(&b, ETF_NIL);
    term_t t = etf_decode(&heap, &vm, (uint8_t *)b.data, b.len, 0);
    term_t u = etf_decode(&heap, &vm, (uint8_t *)b.data, b.len, 0);
    ck_assert(t != TERM_NONE);
    ck_assert(term_eq(t, u));
    ck_assert_int_eq(term_cmp(t, u), 0);
    ck_assert_uint_eq(term_phash2(t), term_phash2(u));
    ck_assert_uint_eq(size_of(t), b.len);
    buf_free(&b);
}
END_TEST

static void *round_trip(void *arg)
{
    Heap h = {0};
    EtfEncode *e = etf_encode_start(&vm, terms[0], 0, NULL);
    while (etf_encode_binary(e, 1) == ETF_MORE) continue;
    etf_encode_free(e);
    (void)etf_decode(&h, &vm, bytes_of(0), golden_terms[0].bytes, 0);
    heap_dispose(&h);
    return arg;
}

/* It keeps an encoder and a decoder for the next term: threads come and go when schedulers are lent. */
START_TEST(a_thread_leaves_nothing)
{
    size_t etf = mem_type_stats(MEM_ETF).bytes, binaries = mem_type_stats(MEM_BINARY).bytes;
    for (int i = 0; i < 20; i++) {
        Thread t;
        ck_assert_int_eq(thread_create(&t, &(ThreadOptions){0}, round_trip, NULL), 0);
        (void)thread_join(&t);
    }
    ck_assert_uint_eq(mem_type_stats(MEM_ETF).bytes, etf);
    ck_assert_uint_eq(mem_type_stats(MEM_BINARY).bytes, binaries);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("etf");
    TCase *c = tcase_create("golden");
    tcase_add_unchecked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, encodes_the_same_bytes);
    tcase_add_test(c, encodes_in_slices);
    tcase_add_test(c, encodes_lists_of_integers);
    tcase_add_test(c, decodes_in_slices);
    tcase_add_test(c, survives_damage);
    tcase_add_test(c, orders_as_the_reference);
    tcase_add_test(c, hashes_as_the_reference);
    tcase_add_test(c, depth_has_no_limit);
    tcase_add_test(c, a_thread_leaves_nothing);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    SRunner *r = srunner_create(suite());
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
