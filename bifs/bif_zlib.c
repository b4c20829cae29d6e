/* SPDX-License-Identifier: Apache-2.0 */
/* bif_zlib - natives of the preloaded module zlib: a stream behind a magic reference.
 * A stream is used by its controlling process only, so it needs no lock. Input waits in a queue of
 * binaries; each call works off a bounded piece and says {continue, Output} while there is more.
 * Semantics: zlib(3), zlib.erl of erts. Layer: bifs. */
#include "base/alloc.h"
#include "bifs/bif.h"
#include "data/iolist.h"

#include <zlib.h>

#define BYTES_PER_RED 256u
#define DEFAULT_BUFFER_BYTES 4000
#define MAX_CHUNK_BYTES (1u << 24)
#define INPUT_PER_CALL_BYTES 65536u

enum StreamState { STREAM_NONE, STREAM_DEFLATE, STREAM_INFLATE, STREAM_CLOSED };
enum AtEnd { AT_END_ERROR, AT_END_RESET, AT_END_CUT }; /* what zlib.erl calls EOS behaviour */

typedef struct Piece {
    struct Piece *next;
    Binary *storage;          /* one reference */
    size_t at, end;           /* bytes of it that wait */
} Piece;

typedef struct Stream {
    enum StreamState state;
    enum AtEnd at_end;
    bool raw, ended;          /* ended: the end of the stream was read or written */
    term_t owner;             /* local pid */
    z_stream z;
    Piece *first, **last;     /* input */
    uLong crc;                /* of the plain data of a raw stream */
    int64_t buffer_bytes;     /* only remembered for getBufSize */
    term_t stash;             /* TERM_NONE: empty */
    Heap stash_heap;
} Stream;

/* ---- life ---- */

static void input_drop(Stream *s)
{
    for (Piece *x = s->first, *next; x != NULL; x = next) {
        next = x->next;
        binary_unref(x->storage);
        MEM_DELETE(IO, x);
    }
    s->first = NULL;
    s->last = &s->first;
}

static void stash_clear(Stream *s)
{
    heap_dispose(&s->stash_heap);
    s->stash_heap = (Heap){0};
    s->stash = TERM_NONE;
}

static int stream_end(Stream *s, enum StreamState next)
{
    int r = Z_OK;
    if (s->state == STREAM_DEFLATE)
        r = deflateEnd(&s->z);
    else if (s->state == STREAM_INFLATE)
        r = inflateEnd(&s->z);
    input_drop(s);
    stash_clear(s);
    s->state = next;
    return r;
}

static void stream_destroy(Binary *b)
{
    (void)stream_end((Stream *)b->data, STREAM_CLOSED);
}

BIF(zlib, open_nif, 0, 0)
{
    Binary *b = binary_new_magic(sizeof(Stream), 0, stream_destroy);
    Stream *s = (Stream *)b->data;
    s->owner = p->id;
    s->last = &s->first;
    s->buffer_bytes = DEFAULT_BUFFER_BYTES;
    return heap_magic_ref(&p->heap, b, ref_new(p->vm));
}

/* ---- arguments and results ---- */

static term_t raise(Process *p, term_t reason)
{
    return bif_error_value(p, EXC_ERROR, reason);
}

static term_t raise_code(Process *p, int code)
{
    switch (code) {
    case Z_STREAM_ERROR: return raise(p, am_stream_error);
    case Z_DATA_ERROR: return raise(p, am_data_error);
    case Z_MEM_ERROR: return raise(p, am_mem_error);
    case Z_BUF_ERROR: return raise(p, am_buf_error);
    case Z_VERSION_ERROR: return raise(p, am_version_error);
    default: return raise(p, am_stream_error);
    }
}

static term_t ok_or_raise(Process *p, int code)
{
    return code == Z_OK ? am_ok : raise_code(p, code);
}

/* The caller's stream, open; NULL with the error raised otherwise. */
static Stream *open_stream(Process *p, term_t t)
{
    Binary *b = magic_ref_of(t, stream_destroy);
    if (b == NULL) {
        (void)bif_error(p, EXC_BADARG);
        return NULL;
    }
    Stream *s = (Stream *)b->data;
    if (s->owner != p->id)
        (void)raise(p, am_not_on_controlling_process);
    else if (s->state == STREAM_CLOSED)
        (void)raise(p, am_not_initialized);
    else
        return s;
    return NULL;
}

static Stream *stream_in(Process *p, term_t t, enum StreamState state)
{
    Stream *s = open_stream(p, t);
    if (s != NULL && s->state != state) {
        (void)raise(p, am_not_initialized);
        return NULL;
    }
    return s;
}

static bool int_arg(term_t t, int64_t low, int64_t high, int *v)
{
    if (!term_is_small(t) || small_value(t) < low || small_value(t) > high)
        return false;
    *v = (int)small_value(t);
    return true;
}

BIF(zlib, close_nif, 1, 0)
{
    Stream *s = open_stream(p, a[0]);
    if (s == NULL)
        return TERM_NONE;
    (void)stream_end(s, STREAM_CLOSED);
    return am_ok;
}

BIF(zlib, set_controller_nif, 2, 0)
{
    if (!term_is_local_pid(a[1]))
        return bif_error(p, EXC_BADARG);
    Stream *s = open_stream(p, a[0]);
    if (s == NULL)
        return TERM_NONE;
    if (a[1] != p->id && process_lookup(p->vm, a[1]) == NULL)
        return bif_error(p, EXC_BADARG);
    s->owner = a[1];
    return am_ok;
}

/* ---- input ---- */

static void input_add(Stream *s, term_t t)
{
    BitView v = bitstring_view(t);
    Binary *storage = bitstring_storage(t);
    size_t n = v.bits / 8, at = v.offset / 8;
    if (n == 0)
        return;
    if (storage != NULL && view_is_aligned(&v)) {
        binary_ref(storage);
    } else {
        storage = binary_new(n);
        bits_copy(binary_data(storage), 0, v.base, v.offset, v.bits);
        at = 0;
    }
    Piece *x = MEM_NEW(IO, Piece);
    *x = (Piece){NULL, storage, at, at + n};
    *s->last = x;
    s->last = &x->next;
}

static void input_consume(Stream *s, size_t n)
{
    Piece *x = s->first;
    x->at += n;
    if (x->at < x->end)
        return;
    s->first = x->next;
    if (s->first == NULL)
        s->last = &s->first;
    binary_unref(x->storage);
    MEM_DELETE(IO, x);
}

BIF(zlib, enqueue_nif, 2, 0)
{
    Stream *s = open_stream(p, a[0]);
    if (s == NULL)
        return TERM_NONE;
    if (s->state == STREAM_NONE)
        return raise(p, am_not_initialized);
    term_t t = a[1];
    while (term_is_list_cell(t) && term_is_binary(list_head(t)))
        t = list_tail(t);
    if (!term_is_nil(t))
        return bif_error(p, EXC_BADARG);
    for (t = a[1]; term_is_list_cell(t); t = list_tail(t))
        input_add(s, list_head(t));
    return am_ok;
}

/* ---- the work ---- */

typedef struct Chunk {
    Binary *out;
    int in_bytes, out_bytes, flush;
} Chunk;

static bool chunk_args(const term_t *a, Chunk *c)
{
    return int_arg(a[1], 1, MAX_CHUNK_BYTES, &c->in_bytes)
           && int_arg(a[2], 1, MAX_CHUNK_BYTES, &c->out_bytes)
           && int_arg(a[3], Z_NO_FLUSH, Z_FINISH, &c->flush);
}

static void chunk_start(Stream *s, Chunk *c)
{
    c->out = binary_new((size_t)c->out_bytes);
    s->z.next_out = binary_data(c->out);
    s->z.avail_out = (uInt)c->out_bytes;
}

/* The output so far as a list of at most one binary; takes over c->out. */
static term_t chunk_output(Process *p, Stream *s, Chunk *c)
{
    size_t n = (size_t)c->out_bytes - s->z.avail_out;
    if (n > HEAP_BITS_MAX_BYTES) {
        Binary *b = binary_resize(c->out, n);
        return heap_cons(&p->heap, heap_binary_of(&p->heap, b, 0, n), TERM_NIL);
    }
    term_t t = n ? heap_cons(&p->heap, heap_binary(&p->heap, c->out->data, n), TERM_NIL) : TERM_NIL;
    binary_unref(c->out);
    return t;
}

/* One step of deflate or inflate over the first piece of input. */
static int stream_step(Stream *s, const Chunk *c, size_t *used)
{
    static const Bytef nothing[1];
    Piece *x = s->first;
    size_t have = x ? MIN(x->end - x->at, (size_t)c->in_bytes) : 0;
    bool last = x == NULL || (x->next == NULL && have == x->end - x->at);
    const uint8_t *in = x ? binary_data(x->storage) + x->at : nothing;
    const uint8_t *out = s->z.next_out;
    s->z.next_in = (Bytef *)in;
    s->z.avail_in = (uInt)have;
    int r = s->state == STREAM_DEFLATE ? deflate(&s->z, last ? c->flush : Z_NO_FLUSH)
                                       : inflate(&s->z, Z_NO_FLUSH);
    *used = have - s->z.avail_in;
    if (s->raw)
        s->crc = s->state == STREAM_DEFLATE
            ? crc32_z(s->crc, in, *used)
            : crc32_z(s->crc, out, (size_t)(s->z.next_out - out));
    if (*used > 0)
        input_consume(s, *used);
    return r;
}

/* Until the output is full, the input is used up, or the stream ends. Buffer errors only say that
 * nothing could be done. */
static int stream_run(Process *p, Stream *s, Chunk *c)
{
    size_t input = 0;
    int r;
    do {
        size_t used;
        r = stream_step(s, c, &used);
        input += used;
        if (r == Z_BUF_ERROR) {
            r = Z_OK;
            if (used == 0)
                break;
        }
    } while (r == Z_OK && s->first != NULL && s->z.avail_out > 0 && input < INPUT_PER_CALL_BYTES);
    size_t output = (size_t)c->out_bytes - s->z.avail_out;
    process_bump_reds(p, (int32_t)((input + output) / BYTES_PER_RED) + 1);
    return r;
}

/* A full chunk always says continue, as in the reference, even when it holds the last byte. */
static term_t finished_or_continue(Process *p, Stream *s, Chunk *c)
{
    bool more = s->first != NULL || s->z.avail_out == 0;
    term_t output = chunk_output(p, s, c);
    return heap_tuple2(&p->heap, more ? am_continue : am_finished, output);
}

BIF(zlib, deflate_nif, 4, 0)
{
    Chunk c;
    Stream *s = stream_in(p, a[0], STREAM_DEFLATE);
    if (s == NULL)
        return TERM_NONE;
    if (!chunk_args(a, &c))
        return bif_error(p, EXC_BADARG);
    if (s->ended && s->first != NULL)
        return raise(p, am_stream_error);
    chunk_start(s, &c);
    if (s->ended)
        return finished_or_continue(p, s, &c);
    int r = stream_run(p, s, &c);
    if (r != Z_OK && r != Z_STREAM_END) {
        binary_unref(c.out);
        return raise_code(p, r);
    }
    s->ended = r == Z_STREAM_END;
    return finished_or_continue(p, s, &c);
}

/* Data behind the end of the stream. False: an error. */
static bool begin_after_end(Stream *s)
{
    switch (s->at_end) {
    case AT_END_RESET:
        s->ended = false;
        s->crc = 0;
        return inflateReset(&s->z) == Z_OK;
    case AT_END_CUT:
        input_drop(s);
        return true;
    default:
        return false;
    }
}

BIF(zlib, inflate_nif, 4, 0)
{
    Chunk c;
    Stream *s = stream_in(p, a[0], STREAM_INFLATE);
    if (s == NULL)
        return TERM_NONE;
    if (!chunk_args(a, &c))
        return bif_error(p, EXC_BADARG);
    if (s->ended && s->first != NULL && !begin_after_end(s))
        return raise(p, am_data_error);
    chunk_start(s, &c);
    if (s->ended)
        return finished_or_continue(p, s, &c);
    int r = stream_run(p, s, &c);
    if (r == Z_NEED_DICT) {
        term_t output = chunk_output(p, s, &c);
        return heap_tuple3(&p->heap, am_need_dictionary, heap_uint(&p->heap, s->z.adler), output);
    }
    if (r != Z_OK && r != Z_STREAM_END) {
        binary_unref(c.out);
        return raise_code(p, r);
    }
    s->ended = r == Z_STREAM_END;
    return finished_or_continue(p, s, &c);
}

/* ---- deflate ---- */

static Stream *fresh_stream(Process *p, term_t t)
{
    Stream *s = open_stream(p, t);
    if (s != NULL && s->state != STREAM_NONE) {
        (void)raise(p, am_already_initialized);
        return NULL;
    }
    return s;
}

static void stream_begin(Stream *s, enum StreamState state, int window_bits)
{
    s->state = state;
    s->raw = window_bits < 0;
    s->ended = false;
    s->crc = 0;
}

BIF(zlib, deflateInit_nif, 6, 0)
{
    int level, method, bits, memory, strategy;
    if (!int_arg(a[1], INT_MIN, INT_MAX, &level) || !int_arg(a[2], INT_MIN, INT_MAX, &method)
        || !int_arg(a[3], INT_MIN, INT_MAX, &bits) || !int_arg(a[4], INT_MIN, INT_MAX, &memory)
        || !int_arg(a[5], INT_MIN, INT_MAX, &strategy))
        return bif_error(p, EXC_BADARG);
    Stream *s = fresh_stream(p, a[0]);
    if (s == NULL)
        return TERM_NONE;
    memset(&s->z, 0, sizeof s->z);
    int r = deflateInit2(&s->z, level, method, bits, memory, strategy);
    if (r == Z_OK)
        stream_begin(s, STREAM_DEFLATE, bits);
    return ok_or_raise(p, r);
}

/* Contents of a dictionary argument: MEM_TEMP of *n + 1 bytes, or NULL. */
static uint8_t *dictionary_of(term_t t, size_t *n)
{
    enum IolistResult r;
    return iolist_to_bytes(t, n, &r);
}

typedef int SetDictionary(z_streamp z, const Bytef *bytes, uInt n);

static term_t set_dictionary(Process *p, const term_t *a, enum StreamState state,
                             SetDictionary *set)
{
    Stream *s = stream_in(p, a[0], state);
    if (s == NULL)
        return TERM_NONE;
    size_t n;
    uint8_t *bytes = dictionary_of(a[1], &n);
    if (bytes == NULL)
        return bif_error(p, EXC_BADARG);
    int r = set(&s->z, bytes, (uInt)n);
    mem_free(MEM_TEMP, bytes, n + 1);
    if (r != Z_OK)
        return raise_code(p, r);
    return state == STREAM_DEFLATE ? heap_uint(&p->heap, s->z.adler) : am_ok;
}

BIF(zlib, deflateSetDictionary_nif, 2, 0)
{
    return set_dictionary(p, a, STREAM_DEFLATE, deflateSetDictionary);
}

static term_t reset(Process *p, term_t t, enum StreamState state, int (*fn)(z_streamp z))
{
    Stream *s = stream_in(p, t, state);
    if (s == NULL)
        return TERM_NONE;
    input_drop(s);
    stash_clear(s);
    s->ended = false;
    s->crc = 0;
    return ok_or_raise(p, fn(&s->z));
}

BIF(zlib, deflateReset_nif, 1, 0) { return reset(p, a[0], STREAM_DEFLATE, deflateReset); }
BIF(zlib, inflateReset_nif, 1, 0) { return reset(p, a[0], STREAM_INFLATE, inflateReset); }

BIF(zlib, deflateParams_nif, 3, 0)
{
    int level, strategy;
    if (!int_arg(a[1], INT_MIN, INT_MAX, &level) || !int_arg(a[2], INT_MIN, INT_MAX, &strategy))
        return bif_error(p, EXC_BADARG);
    Stream *s = stream_in(p, a[0], STREAM_DEFLATE);
    if (s == NULL)
        return TERM_NONE;
    Bytef room[64]; /* everything was flushed just before */
    s->z.avail_in = 0;
    s->z.next_out = room;
    s->z.avail_out = sizeof room;
    int r = deflateParams(&s->z, level, strategy);
    return ok_or_raise(p, r == Z_BUF_ERROR ? Z_OK : r);
}

BIF(zlib, deflateEnd_nif, 1, 0)
{
    Stream *s = stream_in(p, a[0], STREAM_DEFLATE);
    if (s == NULL)
        return TERM_NONE;
    bool input_left = s->first != NULL;
    int r = stream_end(s, STREAM_NONE);
    return ok_or_raise(p, input_left ? Z_DATA_ERROR : r);
}

/* ---- inflate ---- */

BIF(zlib, inflateInit_nif, 3, 0)
{
    int bits, at_end;
    if (!int_arg(a[1], INT_MIN, INT_MAX, &bits)
        || !int_arg(a[2], AT_END_ERROR, AT_END_CUT, &at_end))
        return bif_error(p, EXC_BADARG);
    Stream *s = fresh_stream(p, a[0]);
    if (s == NULL)
        return TERM_NONE;
    memset(&s->z, 0, sizeof s->z);
    int r = inflateInit2(&s->z, bits);
    if (r == Z_OK)
        stream_begin(s, STREAM_INFLATE, bits);
    s->at_end = (enum AtEnd)at_end;
    return ok_or_raise(p, r);
}

BIF(zlib, inflateSetDictionary_nif, 2, 0)
{
    return set_dictionary(p, a, STREAM_INFLATE, inflateSetDictionary);
}

BIF(zlib, inflateGetDictionary_nif, 1, 0)
{
    Stream *s = stream_in(p, a[0], STREAM_INFLATE);
    if (s == NULL)
        return TERM_NONE;
    Bytef dictionary[32768];
    uInt n = sizeof dictionary;
    int r = inflateGetDictionary(&s->z, dictionary, &n);
    return r == Z_OK ? heap_binary(&p->heap, dictionary, n) : raise_code(p, r);
}

BIF(zlib, inflateEnd_nif, 1, 0)
{
    Stream *s = stream_in(p, a[0], STREAM_INFLATE);
    if (s == NULL)
        return TERM_NONE;
    bool premature = s->first != NULL || !s->ended;
    int r = stream_end(s, STREAM_NONE);
    return ok_or_raise(p, premature ? Z_DATA_ERROR : r);
}

/* ---- stash, sums, sizes ---- */

BIF(zlib, getStash_nif, 1, 0)
{
    Stream *s = open_stream(p, a[0]);
    if (s == NULL)
        return TERM_NONE;
    if (s->stash == TERM_NONE)
        return am_empty;
    return heap_tuple2(&p->heap, am_ok, term_copy(&p->heap, s->stash));
}

BIF(zlib, clearStash_nif, 1, 0)
{
    Stream *s = open_stream(p, a[0]);
    if (s == NULL)
        return TERM_NONE;
    if (s->stash == TERM_NONE)
        return bif_error(p, EXC_BADARG);
    stash_clear(s);
    return am_ok;
}

/* Literals are copied: the stream may outlive their module. */
BIF(zlib, setStash_nif, 2, 0)
{
    Stream *s = open_stream(p, a[0]);
    if (s == NULL)
        return TERM_NONE;
    if (s->stash != TERM_NONE)
        return bif_error(p, EXC_BADARG);
    s->stash = term_copy_all(&s->stash_heap, a[1]);
    return am_ok;
}

BIF(zlib, crc32_nif, 1, 0)
{
    Stream *s = open_stream(p, a[0]);
    if (s == NULL)
        return TERM_NONE;
    if (s->state == STREAM_NONE)
        return raise(p, am_not_initialized);
    return heap_uint(&p->heap, s->crc);
}

BIF(zlib, getBufSize_nif, 1, 0)
{
    Stream *s = open_stream(p, a[0]);
    return s ? term_small(s->buffer_bytes) : TERM_NONE;
}

BIF(zlib, setBufSize_nif, 2, 0)
{
    int bytes;
    Stream *s = open_stream(p, a[0]);
    if (s == NULL)
        return TERM_NONE;
    if (!int_arg(a[1], 1, MAX_CHUNK_BYTES, &bytes))
        return bif_error(p, EXC_BADARG);
    s->buffer_bytes = bytes;
    return am_ok;
}
