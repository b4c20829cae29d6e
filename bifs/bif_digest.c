/* SPDX-License-Identifier: Apache-2.0 */
/* bif_digest - erlang:md5, crc32, adler32 and their relatives, over I/O lists, yielding.
 * An MD5 context is libcrypto's MD5_CTX as a binary: opaque to programs, as documented.
 * Semantics: erlang(3). Layer: bifs. */
#define OPENSSL_SUPPRESS_DEPRECATED 1 /* the one-shot interface cannot give contexts as binaries */
#include "base/alloc.h"
#include "bifs/bif.h"
#include "data/iolist.h"

#include <openssl/md5.h>
#include <zlib.h>

#define BYTES_PER_RED 128u
#define PIECE_BYTES 4096u     /* of unaligned data at a time */

enum DigestKind { DIGEST_MD5, DIGEST_MD5_UPDATE, DIGEST_CRC32, DIGEST_ADLER32 };

typedef struct Digest {
    NativeState base;         /* when kept between slices */
    enum DigestKind kind;
    IolistWalk todo;          /* its stack: what is left */
    term_t leaf;              /* root: binary being read, or nil */
    uint64_t leaf_at;         /* bytes of it that are done */
    union {
        MD5_CTX md5;
        uLong sum;
    } u;
} Digest;

/* ---- state ---- */

static void digest_destroy(NativeState *s)
{
    iolist_walk_free(&((Digest *)s)->todo);
    MEM_DELETE(TEMP, (Digest *)s);
}

static void digest_roots(NativeState *s, void (*visit)(void *, term_t *, size_t), void *ctx)
{
    Digest *d = (Digest *)s;
    visit(ctx, &d->leaf, 1);
    iolist_each_root(&d->todo, visit, ctx);
}

static void digest_keep(Process *p, const Digest *from)
{
    Digest *d = MEM_NEW(TEMP, Digest);
    *d = *from;
    if (from->todo.stack == from->todo.inline_stack)
        d->todo.stack = d->todo.inline_stack;
    d->base.destroy = digest_destroy;
    d->base.each_root = digest_roots;
    p->native_state = &d->base;
}

/* ---- bytes ---- */

static void feed(Digest *d, const uint8_t *bytes, size_t n)
{
    switch (d->kind) {
    case DIGEST_CRC32: d->u.sum = crc32_z(d->u.sum, bytes, n); break;
    case DIGEST_ADLER32: d->u.sum = adler32_z(d->u.sum, bytes, n); break;
    default: MD5_Update(&d->u.md5, bytes, n); break;
    }
}

static void feed_bits(Digest *d, const BitView *v, uint64_t from, uint64_t n)
{
    uint8_t piece[PIECE_BYTES];
    if (view_is_aligned(v)) {
        feed(d, view_bytes(v) + from, n);
        return;
    }
    for (uint64_t done = 0; done < n; done += sizeof piece) {
        size_t k = MIN(n - done, sizeof piece);
        bits_copy(piece, 0, v->base, v->offset + (from + done) * 8, (uint64_t)k * 8);
        feed(d, piece, k);
    }
}

/* Read on in the leaf; takes what it read off *budget (bytes). */
static void feed_leaf(Digest *d, int64_t *budget)
{
    BitView v = bitstring_view(d->leaf);
    uint64_t n = MIN(v.bits / 8 - d->leaf_at, (uint64_t)MAX(*budget, 1));
    feed_bits(d, &v, d->leaf_at, n);
    d->leaf_at += n;
    *budget -= (int64_t)n;
    if (d->leaf_at == v.bits / 8)
        d->leaf = TERM_NIL;
}

/* Runs of bytes in a list are gathered. Returns what follows them. */
static term_t feed_bytes_of_list(Digest *d, term_t t, int64_t *budget)
{
    uint8_t bytes[256];
    size_t n = 0;
    while (n < sizeof bytes && term_is_list_cell(t) && term_is_small(list_head(t))
           && (uint64_t)small_value(list_head(t)) < 256) {
        bytes[n++] = (uint8_t)small_value(list_head(t));
        t = list_tail(t);
    }
    if (n > 0)
        feed(d, bytes, n);
    *budget -= (int64_t)n * 8;
    return t;
}

/* Take the next thing to do off the stack. */
static enum IolistResult next_item(Digest *d, int64_t *budget)
{
    term_t t = d->todo.stack[--d->todo.depth];
    *budget -= 8;
    t = feed_bytes_of_list(d, t, budget);
    if (term_is_nil(t))
        return IOLIST_OK;
    if (term_is_list_cell(t)) {
        term_t head = list_head(t);
        if (!term_is_list(head) && !term_is_bitstring(head) && !term_is_small(head))
            return IOLIST_TYPE;
        if (term_is_small(head) && (uint64_t)small_value(head) > 255)
            return IOLIST_TYPE;
        if (term_is_small(head)) { /* the gathering buffer was full */
            iolist_walk_push(&d->todo, t);
            return IOLIST_OK;
        }
        if (!term_is_nil(list_tail(t)))
            iolist_walk_push(&d->todo, list_tail(t));
        if (term_is_list(head)) {
            iolist_walk_push(&d->todo, head);
            return IOLIST_OK;
        }
        t = head;
    }
    if (!term_is_binary(t))
        return IOLIST_TYPE;
    d->leaf = t;
    d->leaf_at = 0;
    return IOLIST_OK;
}

static enum IolistResult digest_step(Process *p, Digest *d)
{
    int64_t before = (int64_t)MAX(p->reds, 1) * BYTES_PER_RED, budget = before;
    enum IolistResult r = IOLIST_OK;
    while (r == IOLIST_OK && (d->leaf != TERM_NIL || d->todo.depth > 0)) {
        if (budget <= 0)
            r = IOLIST_MORE;
        else if (d->leaf != TERM_NIL)
            feed_leaf(d, &budget);
        else
            r = next_item(d, &budget);
    }
    process_bump_reds(p, (int32_t)((before - budget) / BYTES_PER_RED) + 1);
    return r;
}

static term_t digest_result(Process *p, Digest *d)
{
    uint8_t sum[MD5_DIGEST_LENGTH];
    switch (d->kind) {
    case DIGEST_MD5:
        MD5_Final(sum, &d->u.md5);
        return heap_binary(&p->heap, sum, sizeof sum);
    case DIGEST_MD5_UPDATE:
        return heap_binary(&p->heap, &d->u.md5, sizeof d->u.md5);
    default:
        return heap_uint(&p->heap, d->u.sum);
    }
}

static Digest *digest_in_progress(Process *p)
{
    NativeState *s = p->native_state;
    return s != NULL && s->destroy == digest_destroy ? (Digest *)s : NULL;
}

static term_t digest_continue(Process *p, Digest *d)
{
    enum IolistResult r = digest_step(p, d);
    if (r == IOLIST_MORE)
        return bif_yield(p);
    term_t result = r == IOLIST_OK ? digest_result(p, d) : bif_error(p, EXC_BADARG);
    p->native_state = NULL;
    digest_destroy(&d->base);
    return result;
}

/* d: kind and u are set. */
static term_t digest_start(Process *p, Digest *d, term_t data)
{
    d->leaf = TERM_NIL;
    iolist_walk_init(&d->todo, data, false);
    enum IolistResult r = digest_step(p, d);
    if (r == IOLIST_MORE) {
        digest_keep(p, d);
        return bif_yield(p);
    }
    iolist_walk_free(&d->todo);
    return r == IOLIST_OK ? digest_result(p, d) : bif_error(p, EXC_BADARG);
}

/* ---- MD5 ---- */

BIF(erlang, md5, 1, 0)
{
    if (digest_in_progress(p))
        return digest_continue(p, digest_in_progress(p));
    Digest d = {.kind = DIGEST_MD5};
    MD5_Init(&d.u.md5);
    return digest_start(p, &d, a[0]);
}

BIF(erlang, md5_init, 0, 0)
{
    MD5_CTX c;
    memset(&c, 0, sizeof c);
    MD5_Init(&c);
    return heap_binary(&p->heap, &c, sizeof c);
}

static bool context_of(term_t t, MD5_CTX *c)
{
    size_t n;
    TempBytes temp = TEMP_BYTES_INIT;
    const uint8_t *bytes = binary_bytes(t, &n, &temp);
    bool ok = bytes != NULL && n == sizeof *c;
    if (ok) {
        memcpy(c, bytes, n);
        ok = c->num < MD5_CBLOCK;
    }
    temp_bytes_free(&temp);
    return ok;
}

BIF(erlang, md5_update, 2, 0)
{
    if (digest_in_progress(p))
        return digest_continue(p, digest_in_progress(p));
    Digest d = {.kind = DIGEST_MD5_UPDATE};
    if (!context_of(a[0], &d.u.md5))
        return bif_error(p, EXC_BADARG);
    return digest_start(p, &d, a[1]);
}

BIF(erlang, md5_final, 1, 0)
{
    Digest d = {.kind = DIGEST_MD5};
    if (!context_of(a[0], &d.u.md5))
        return bif_error(p, EXC_BADARG);
    return digest_result(p, &d);
}

/* ---- check sums ---- */

/* An integer of 32 bits without sign. */
static bool word32_of(term_t t, uLong *v)
{
    if (!term_is_small(t) || (uint64_t)small_value(t) > UINT32_MAX)
        return false;
    *v = (uLong)small_value(t);
    return true;
}

static term_t checksum(Process *p, enum DigestKind kind, uLong start, term_t data)
{
    if (digest_in_progress(p))
        return digest_continue(p, digest_in_progress(p));
    Digest d = {.kind = kind};
    d.u.sum = start;
    return digest_start(p, &d, data);
}

static term_t checksum_from(Process *p, enum DigestKind kind, const term_t *a)
{
    uLong start;
    if (!word32_of(a[0], &start))
        return bif_error(p, EXC_BADARG);
    return checksum(p, kind, start, a[1]);
}

BIF(erlang, crc32, 1, 0) { return checksum(p, DIGEST_CRC32, 0, a[0]); }
BIF(erlang, crc32, 2, 0) { return checksum_from(p, DIGEST_CRC32, a); }
BIF(erlang, adler32, 1, 0) { return checksum(p, DIGEST_ADLER32, 1, a[0]); }
BIF(erlang, adler32, 2, 0) { return checksum_from(p, DIGEST_ADLER32, a); }

static term_t combine(Process *p, const term_t *a, uLong (*fn)(uLong, uLong, z_off_t))
{
    uLong first, second, n;
    if (!word32_of(a[0], &first) || !word32_of(a[1], &second) || !word32_of(a[2], &n))
        return bif_error(p, EXC_BADARG);
    return heap_uint(&p->heap, fn(first, second, (z_off_t)n));
}

BIF(erlang, crc32_combine, 3, 0) { return combine(p, a, crc32_combine); }
BIF(erlang, adler32_combine, 3, 0) { return combine(p, a, adler32_combine); }
