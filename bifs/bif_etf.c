/* SPDX-License-Identifier: Apache-2.0 */
/* bif_etf - term_to_binary, binary_to_term and their like. Semantics: erlang(3).
 * Large terms are worked on in slices: the progress stays in p->native_state, and the native is
 * called again with the same arguments. A large decode builds in a heap of its own, which no
 * collection touches, and which is adopted at the end. Layer: bifs. */
#include "bifs/bif.h"
#include "base/alloc.h"
#include "data/binary.h"
#include "etf/etf.h"
#include "sys/release.h"

#include <zlib.h>

#define ITEMS_PER_RED 8

static size_t slice_budget(const Process *p)
{
    return ITEMS_PER_RED * (size_t)MAX(p->reds, 50);
}

static term_t yield_with(Process *p, NativeState *s)
{
    p->native_state = s;
    process_bump_reds(p, INT32_MAX);
    return bif_yield(p);
}

/* ---- encoding ---- */

/* To be compressed: into a buffer first. */
typedef struct EncodeState {
    NativeState base;
    EtfEncode *encode;
    Buf out;
    z_stream packer;
    uint8_t *packed;   /* NULL: has not begun */
    size_t room;
    bool fits;         /* all of it is in `packed` */
} EncodeState;

static void encode_destroy(NativeState *base)
{
    EncodeState *s = (EncodeState *)base;
    etf_encode_free(s->encode);
    if (s->packed) {
        deflateEnd(&s->packer);
        mem_free(MEM_ETF, s->packed, s->room);
    }
    buf_free(&s->out);
    MEM_DELETE(ETF, s);
}

static void encode_each_root(NativeState *base, void (*visit)(void *ctx, term_t *first, size_t n), void *ctx)
{
    etf_encode_each_root(((EncodeState *)base)->encode, visit, ctx);
}

/* Runs the encoder: NULL when the native has to return what is in *result (a yield or an error). */
static EncodeState *encode(Process *p, term_t t, unsigned flags, term_t *result)
{
    EncodeState *s = native_state_of(p, encode_destroy);
    if (!s) {
        s = MEM_NEW(ETF, EncodeState);
        s->base.destroy = encode_destroy;
        s->base.each_root = encode_each_root;
        s->out = (Buf)BUF_INIT(ETF);
        s->encode = etf_encode_start(p->vm, t, flags, NULL);
    }
    switch (etf_encode_run(s->encode, &s->out, slice_budget(p))) {
    case ETF_DONE:
        p->native_state = &s->base;
        process_bump_reds(p, (int32_t)MIN(s->out.len / 256, (size_t)100000));
        return s;
    case ETF_MORE: *result = yield_with(p, &s->base); return NULL;
    default:
        p->native_state = &s->base;
        process_drop_native_state(p);
        *result = bif_error(p, EXC_SYSTEM_LIMIT);
        return NULL;
    }
}

/* Of an encoder without an output of ours. */
typedef struct BinaryState {
    NativeState base;
    EtfEncode *encode;
    /* term_to_iovec: bit strings that stay where they are, and where they go */
    struct Cut {
        size_t at;
        term_t bits;
    } *cuts;
    size_t ncuts, cap;
} BinaryState;

static void binary_destroy(NativeState *base)
{
    BinaryState *s = (BinaryState *)base;
    etf_encode_free(s->encode);
    mem_free(MEM_ETF, s->cuts, s->cap * sizeof *s->cuts);
    MEM_DELETE(ETF, s);
}

static void binary_each_root(NativeState *base, void (*visit)(void *ctx, term_t *first, size_t n), void *ctx)
{
    BinaryState *s = (BinaryState *)base;
    etf_encode_each_root(s->encode, visit, ctx);
    for (size_t i = 0; i < s->ncuts; i++) visit(ctx, &s->cuts[i].bits, 1);
}

static BinaryState *binary_state_new(EtfEncode *e)
{
    BinaryState *s = MEM_NEW(ETF, BinaryState);
    *s = (BinaryState){.base = {.destroy = binary_destroy, .each_root = binary_each_root}, .encode = e};
    return s;
}

static EtfEncode *encoder_of(Process *p, term_t t, unsigned flags)
{
    const BinaryState *s = native_state_of(p, binary_destroy);
    return s ? s->encode : etf_encode_start(p->vm, t, flags, NULL);
}

static void encoder_end(Process *p, EtfEncode *e)
{
    if (native_state_of(p, binary_destroy)) process_drop_native_state(p);
    else etf_encode_free(e);
}

/* A yield, or the error that ends it. */
static term_t not_encoded(Process *p, EtfEncode *e, enum EtfResult r)
{
    if (r != ETF_MORE) {
        encoder_end(p, e);
        return bif_error(p, EXC_SYSTEM_LIMIT);
    }
    BinaryState *s = native_state_of(p, binary_destroy);
    return yield_with(p, s ? &s->base : &binary_state_new(e)->base);
}

/* All of it; TERM_NONE: not yet, or an error. */
static term_t encoded(Process *p, EtfEncode *e)
{
    enum EtfResult r = etf_encode_binary(e, slice_budget(p));
    if (r != ETF_DONE) return not_encoded(p, e, r);
    term_t result = etf_encode_take(e, &p->heap);
    process_bump_reds(p, (int32_t)MIN(bitstring_bits(result) / 2048, (uint64_t)100000));
    return result;
}

static term_t plain_binary(Process *p, term_t t, unsigned flags)
{
    EtfEncode *e = encoder_of(p, t, flags);
    term_t result = encoded(p, e);
    if (result != TERM_NONE) encoder_end(p, e);
    return result;
}

/* Shared storage of whole bytes becomes an element of its own. */
static bool cut_bytes(void *ctx, Buf *out, term_t bits)
{
    (void)out;
    BinaryState *s = ctx;
    if (!bitstring_storage(bits) || bitstring_bits(bits) & 7) return false;
    if (s->ncuts == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 8;
        s->cuts = mem_realloc(MEM_ETF, s->cuts, s->cap * sizeof *s->cuts, cap * sizeof *s->cuts);
        s->cap = cap;
    }
    s->cuts[s->ncuts++] = (struct Cut){etf_encode_written(s->encode), bits};
    return true;
}

static BinaryState *iovec_state(Process *p, term_t t, unsigned flags)
{
    BinaryState *s = native_state_of(p, binary_destroy);
    if (s) return s;
    s = binary_state_new(NULL);
    s->encode = etf_encode_start(p->vm, t, flags, &(EtfHooks){.bytes = cut_bytes, .ctx = s});
    p->native_state = &s->base;
    return s;
}

/* [from, to) of all, in front of the others. */
static term_t add_part(Heap *h, term_t all, size_t from, size_t to, term_t others)
{
    if (from == to) return others;
    return heap_cons(h, heap_sub_bits(h, all, 8 * (uint64_t)from, 8 * (uint64_t)(to - from)), others);
}

static term_t plain_iovec(Process *p, term_t t, unsigned flags)
{
    const BinaryState *s = iovec_state(p, t, flags);
    term_t all = encoded(p, s->encode), result = TERM_NIL;
    if (all == TERM_NONE) return all;
    size_t end = bitstring_bits(all) / 8;
    for (size_t i = s->ncuts; i-- > 0; end = s->cuts[i].at) {
        result = add_part(&p->heap, all, s->cuts[i].at, end, result);
        result = heap_cons(&p->heap, s->cuts[i].bits, result);
    }
    result = add_part(&p->heap, all, 0, end, result);
    process_drop_native_state(p);
    return result;
}

typedef struct EncodeOptions {
    unsigned flags;
    int level;       /* of compression, 0: none */
} EncodeOptions;

static unsigned default_flags(const Process *p)
{
    return p->vm->release && p->vm->release->atoms_utf8_on_wire ? ETF_UTF8_ATOMS : 0;
}

static bool encode_pair(EncodeOptions *o, term_t name, term_t value)
{
    if (!term_is_small(value)) return false;
    int64_t n = small_value(value);
    if (name == am_minor_version && n >= 0 && n <= 2) {
        o->flags &= ~(ETF_MINOR_0 | ETF_MINOR_2);
        o->flags |= n == 0 ? ETF_MINOR_0 : n == 2 ? ETF_MINOR_2 : 0;
        return true;
    }
    if (name != am_compressed || n < 0 || n > 9) return false;
    o->level = (int)n;
    return true;
}

static bool encode_options(const Process *p, EncodeOptions *o, term_t list)
{
    *o = (EncodeOptions){default_flags(p), 0};
    for (; term_is_list_cell(list); list = list_tail(list)) {
        term_t t = list_head(list);
        if (t == am_compressed) o->level = Z_DEFAULT_COMPRESSION;
        else if (t == am_deterministic) o->flags |= ETF_DETERMINISTIC;
        else if (!term_is_tuple_of(t, 2) || !encode_pair(o, tuple_element(t, 1), tuple_element(t, 2)))
            return false;
    }
    return term_is_nil(list);
}

#define COMPRESSED_HEAD 6 /* 131, 80, size:32 */

#define PACK_AT_ONCE 4096  /* bytes, between two looks at the reductions */
#define PACKED_A_RED 16

/* Room for all that is smaller than the plain form. */
static void pack_begin(EncodeState *s, int level)
{
    size_t plain = s->out.len - 1, room = plain - MIN(plain, (size_t)5);
    if (plain > UINT32_MAX || room == 0 || deflateInit(&s->packer, level) != Z_OK) return;
    s->room = room;
    s->packed = mem_alloc(MEM_ETF, room);
    s->packer.next_in = (Bytef *)s->out.data + 1;
    s->packer.next_out = s->packed;
    s->packer.avail_out = (uInt)room;
}

/* False: the slice is used up. */
static bool pack_some(Process *p, EncodeState *s)
{
    z_stream *z = &s->packer;
    do {
        size_t left = s->out.len - 1 - z->total_in;
        z->avail_in = (uInt)MIN(left, (size_t)PACK_AT_ONCE);
        int r = deflate(z, left > PACK_AT_ONCE ? Z_NO_FLUSH : Z_FINISH);
        s->fits = r == Z_STREAM_END;
        if (s->fits || r != Z_OK || z->avail_out == 0) return true;
    } while (!process_bump_reds(p, PACK_AT_ONCE / PACKED_A_RED));
    return false;
}

static term_t packed_binary(Process *p, const EncodeState *s)
{
    uint8_t *to;
    size_t plain = s->out.len - 1, used = s->packer.total_out;
    term_t t = heap_binary_new(&p->heap, COMPRESSED_HEAD + used, &to);
    to[0] = ETF_VERSION;
    to[1] = ETF_COMPRESSED;
    for (int i = 0; i < 4; i++) to[2 + i] = (uint8_t)(plain >> 8 * (3 - i));
    memcpy(to + COMPRESSED_HEAD, s->packed, used);
    return t;
}

static term_t to_binary(Process *p, term_t t, const EncodeOptions *o)
{
    term_t result;
    if (o->level == 0) return plain_binary(p, t, o->flags);
    EncodeState *s = native_state_of(p, encode_destroy);
    if (!s || !s->packed) {
        s = encode(p, t, o->flags, &result);
        if (!s) return result;
        pack_begin(s, o->level);
    }
    if (s->packed && !pack_some(p, s)) return yield_with(p, &s->base);
    result = s->fits ? packed_binary(p, s) : heap_binary(&p->heap, buf_text(&s->out), s->out.len);
    process_drop_native_state(p);
    return result;
}

static term_t to_iovec(Process *p, term_t t, const EncodeOptions *o)
{
    if (o->level == 0) return plain_iovec(p, t, o->flags);
    term_t result = to_binary(p, t, o);
    return result == TERM_NONE ? result : heap_cons(&p->heap, result, TERM_NIL);
}

BIF(erlang, term_to_binary, 1, 0)
{
    EncodeOptions o;
    encode_options(p, &o, TERM_NIL);
    return to_binary(p, a[0], &o);
}

BIF(erlang, term_to_binary, 2, 0)
{
    EncodeOptions o;
    return encode_options(p, &o, a[1]) ? to_binary(p, a[0], &o) : bif_error(p, EXC_BADARG);
}

BIF(erlang, term_to_iovec, 1, 0)
{
    EncodeOptions o;
    encode_options(p, &o, TERM_NIL);
    return to_iovec(p, a[0], &o);
}

BIF(erlang, term_to_iovec, 2, 0)
{
    EncodeOptions o;
    return encode_options(p, &o, a[1]) ? to_iovec(p, a[0], &o) : bif_error(p, EXC_BADARG);
}

static term_t external_size(Process *p, term_t t, term_t options)
{
    unsigned flags = default_flags(p);
    for (; term_is_list_cell(options); options = list_tail(options)) {
        EncodeOptions o = {flags, 0};
        term_t option = list_head(options);
        if (!term_is_tuple_of(option, 2) || tuple_element(option, 1) != am_minor_version ||
            !encode_pair(&o, am_minor_version, tuple_element(option, 2)))
            return bif_error(p, EXC_BADARG);
        flags = o.flags;
    }
    if (!term_is_nil(options)) return bif_error(p, EXC_BADARG);
    size_t n = native_state_of(p, binary_destroy) ? 0 : etf_size_of_small(p->vm, t, flags);
    if (n == 0) {
        EtfEncode *e = encoder_of(p, t, flags | ETF_AS_SIZE);
        enum EtfResult r = etf_encode_count(e, slice_budget(p), &n);
        if (r != ETF_DONE) return not_encoded(p, e, r);
        encoder_end(p, e);
    }
    process_bump_reds(p, (int32_t)MIN(n / 256, (size_t)100000));
    return heap_uint(&p->heap, n);
}

BIF(erlang, external_size, 1, 0) { return external_size(p, a[0], TERM_NIL); }
BIF(erlang, external_size, 2, 0) { return external_size(p, a[0], a[1]); }

/* ---- decoding ---- */

#define DECODE_AT_ONCE 16384 /* bytes */

typedef struct DecodeState {
    NativeState base;
    EtfDecode *decode;
    TempBytes temp;
    Heap heap;
} DecodeState;

static void decode_destroy(NativeState *base)
{
    DecodeState *s = (DecodeState *)base;
    etf_decode_free(s->decode);
    temp_bytes_free(&s->temp);
    heap_dispose(&s->heap);
    MEM_DELETE(ETF, s);
}

static term_t decoded(Process *p, term_t t, size_t used, bool want_used)
{
    process_bump_reds(p, (int32_t)MIN(used / 256, (size_t)100000));
    return want_used ? heap_tuple2(&p->heap, t, heap_uint(&p->heap, used)) : t;
}

static term_t not_decoded(Process *p, enum EtfResult r)
{
    return bif_error(p, r == ETF_FULL ? EXC_SYSTEM_LIMIT : EXC_BADARG);
}

static term_t decode_small(Process *p, const uint8_t *bytes, size_t n, unsigned flags, bool want_used)
{
    size_t used;
    term_t t;
    EtfDecode *d = etf_decode_start(p->vm, bytes, n, flags | ETF_TRAILING, NULL, 0);
    enum EtfResult r = etf_decode_run(d, &p->heap, SIZE_MAX, &t, &used);
    etf_decode_free(d);
    return r == ETF_DONE ? decoded(p, t, used, want_used) : not_decoded(p, r);
}

static term_t decode_on(Process *p, DecodeState *s, bool want_used)
{
    term_t t = TERM_NONE;
    size_t used = 0;
    p->native_state = &s->base;
    enum EtfResult r = etf_decode_run(s->decode, &s->heap, slice_budget(p), &t, &used);
    switch (r) {
    case ETF_MORE: return yield_with(p, &s->base);
    case ETF_DONE:
        heap_adopt(&p->heap, &s->heap);
        process_drop_native_state(p);
        return decoded(p, t, used, want_used);
    default: process_drop_native_state(p); return not_decoded(p, r);
    }
}

static term_t from_binary(Process *p, term_t binary, unsigned flags, bool want_used)
{
    DecodeState *s = native_state_of(p, decode_destroy);
    if (s) return decode_on(p, s, want_used);
    TempBytes temp = TEMP_BYTES_INIT;
    size_t n;
    const uint8_t *bytes = term_is_bitstring(binary) ? binary_bytes(binary, &n, &temp) : NULL;
    if (!bytes) return bif_error(p, EXC_BADARG);
    bool packed = n > 1 && bytes[1] == ETF_COMPRESSED;
    if (n <= DECODE_AT_ONCE && !packed) {
        term_t t = decode_small(p, bytes, n, flags, want_used);
        temp_bytes_free(&temp);
        return t;
    }
    s = MEM_NEW(ETF, DecodeState);
    s->base.destroy = decode_destroy;
    s->temp = temp;
    s->decode = etf_decode_start(p->vm, bytes, n, flags | ETF_TRAILING, NULL, 0);
    return decode_on(p, s, want_used);
}

BIF(erlang, binary_to_term, 1, 0) { return from_binary(p, a[0], 0, false); }

BIF(erlang, binary_to_term, 2, 0)
{
    unsigned flags = 0;
    bool used = false;
    term_t list = a[1];
    for (; term_is_list_cell(list); list = list_tail(list)) {
        if (list_head(list) == am_safe) flags |= ETF_SAFE;
        else if (list_head(list) == am_used) used = true;
        else break;
    }
    if (!term_is_nil(list)) return bif_error_cause(p, EXC_BADARG, am_badopt);
    return from_binary(p, a[0], flags, used);
}
