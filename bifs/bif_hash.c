/* SPDX-License-Identifier: Apache-2.0 */
/* bif_hash - portable hashes of terms. Semantics: erlang(3) phash/2, phash2/1,2.
 * Errors: badarg for a range outside 1..2^32. Layer: bifs. */
#include "bifs/bif.h"
#include "base/alloc.h"
#include "data/term_hash.h"
#include "term/big.h"

#define PHASH2_DEFAULT_MASK ((1u << 27) - 1)
#define RANGE_MAX ((uint64_t)1 << 32)

/* 1..2^32, or 0. */
static uint64_t range_of(term_t t)
{
    if (!term_is_small(t) || small_value(t) < 1 || (uint64_t)small_value(t) > RANGE_MAX) return 0;
    return (uint64_t)small_value(t);
}

BIF(erlang, phash, 2, 0)
{
    uint64_t range = range_of(a[1]);
    return range ? term_small((int64_t)(term_phash(a[0]) % range + 1)) : bif_error(p, EXC_BADARG);
}

/* ---- phash2 ---- */

#define WORDS_PER_RED 64

typedef struct HashState {
    NativeState base;
    HashRun run;
} HashState;

static void hash_destroy(NativeState *base)
{
    HashState *s = (HashState *)base;
    hash_run_free(&s->run);
    MEM_DELETE(TEMP, s);
}

static void hash_each_root(NativeState *base, void (*visit)(void *ctx, term_t *first, size_t n), void *ctx)
{
    hash_run_each_root(&((HashState *)base)->run, visit, ctx);
}

static void end_run(Process *p, HashRun *run)
{
    if (native_state_of(p, hash_destroy)) process_drop_native_state(p);
    else hash_run_free(run);
}

/* The next slice; or, because of a long bit string, all of it elsewhere and from the beginning. */
static void go_on_later(Process *p, HashRun *run)
{
    if (hash_run_is_at_long(run)) {
        end_run(p, run);
        (void)bif_go_dirty(p);
        return;
    }
    if (!native_state_of(p, hash_destroy)) {
        HashState *s = MEM_NEW(TEMP, HashState);
        s->base.destroy = hash_destroy;
        s->base.each_root = hash_each_root;
        hash_run_move(&s->run, run);
        p->native_state = &s->base;
    }
    process_bump_reds(p, INT32_MAX);
    (void)bif_yield(p);
}

static bool is_short(term_t t)
{
    if (!term_is_boxed(t)) return term_is_immed(t);
    term_t header = boxed_header(t);
    return boxed_tag_is_leaf(HEADER_SUBTAG(header)) && HEADER_ARITY(header) <= WORDS_PER_RED;
}

/* False: not yet. */
static bool phash2(Process *p, term_t t, uint32_t *hash)
{
    if (is_short(t)) {
        *hash = term_phash2(t);
        return true;
    }
    HashState *begun = native_state_of(p, hash_destroy);
    HashRun first, *run = begun ? &begun->run : &first;
    if (!begun) hash_run_init(run, t);
    bool sliced = bif_is_long(SIZE_MAX);
    size_t words = sliced ? WORDS_PER_RED * (size_t)MAX(p->reds, 50) : SIZE_MAX;
    if (!hash_run(run, words, sliced ? BIF_LONG_WORDS : SIZE_MAX)) {
        go_on_later(p, run);
        return false;
    }
    if (sliced) process_bump_reds(p, (int32_t)((words - run->work.left) / WORDS_PER_RED));
    *hash = run->hash;
    end_run(p, run);
    return true;
}

BIF(erlang, phash2, 1, 0)
{
    uint32_t hash;
    return phash2(p, a[0], &hash) ? term_small(hash & PHASH2_DEFAULT_MASK) : TERM_NONE;
}

BIF(erlang, phash2, 2, 0)
{
    uint64_t range = range_of(a[1]);
    uint32_t hash;
    if (!range) return bif_error(p, EXC_BADARG);
    return phash2(p, a[0], &hash) ? term_small((int64_t)(hash % range)) : TERM_NONE;
}
