/* SPDX-License-Identifier: Apache-2.0 */
/* bits_insn - out-of-line parts of the bit syntax instructions. */
#include "exec/exec_priv.h"

#include "base/utf8.h"

#define SEGMENT_WORDS 6 /* type, segment, unit, flags, source, size */

/* ---- matching ---- */

term_t exec_bs_get_integer(Process *p, term_t ctx, term_t size, unsigned unit, unsigned flags)
{
    uint64_t bits;
    MatchContext *m = match_ptr(ctx);
    if (!match_size(size, unit, &bits) || bits > match_left(m)) return TERM_NONE;
    return match_get_integer(&p->heap, m, bits, flags);
}

term_t exec_bs_get_float(Process *p, term_t ctx, term_t size, unsigned unit, unsigned flags)
{
    uint64_t bits;
    if (!match_size(size, unit, &bits)) return TERM_NONE;
    return match_get_float(&p->heap, match_ptr(ctx), bits, flags);
}

term_t exec_bs_get_binary(Process *p, term_t ctx, term_t size, unsigned unit, bool all)
{
    uint64_t bits;
    if (all) return match_get_all(&p->heap, match_ptr(ctx), unit);
    if (!match_size(size, unit, &bits)) return TERM_NONE;
    return match_get_binary(&p->heap, match_ptr(ctx), bits);
}

bool exec_bs_skip(term_t ctx, term_t size, unsigned unit, bool all)
{
    uint64_t bits;
    MatchContext *m = match_ptr(ctx);
    if (all) {
        if (!match_test_unit(m, unit)) return false;
        m->start = m->end;
        return true;
    }
    return match_size(size, unit, &bits) && match_skip(m, bits);
}

/* ---- bs_match: commands with their operands, one word each ---- */

typedef struct Commands {
    Sched *s;
    Process *p;
    term_t *e;
    MatchContext *m;
    const code_t *at;
} Commands;

static bool equals(Commands *c, uint64_t bits, uint64_t value)
{
    if (match_left(c->m) < bits) return false;
    if (bits <= 64) return match_read(c->m, (unsigned)bits) == value;
    while (bits > 64) {
        if (match_read(c->m, 64) != 0) return false;
        bits -= 64;
    }
    return match_read(c->m, (unsigned)bits) == value;
}

/* command Live Flags Size Unit Dst */
static bool get_field(Commands *c, bool integer)
{
    const code_t *a = c->at;
    uint64_t bits = a[2] * a[3];
    Heap *h = &c->p->heap;
    if (bits > match_left(c->m)) return false;
    term_t value = integer ? match_get_integer(h, c->m, bits, (unsigned)a[1]) : match_get_binary(h, c->m, bits);
    if (value == TERM_NONE) return false;
    *exec_register(c->s->x, c->e, a[4]) = value;
    c->at += 5;
    return true;
}

static bool command(Commands *c, term_t name)
{
    const code_t *a = c->at;
    if (name == am_ensure_at_least) {
        c->at += 2;
        return match_ensure_at_least(c->m, a[0], a[1]);
    }
    if (name == am_ensure_exactly) {
        c->at += 1;
        return match_ensure_exactly(c->m, a[0]);
    }
    if (name == am_integer || name == am_binary) return get_field(c, name == am_integer);
    if (name == am_skip) {
        c->at += 1;
        return match_skip(c->m, a[0]);
    }
    if (name == am_get_tail) { /* Live Unit Dst */
        c->at += 3;
        *exec_register(c->s->x, c->e, a[2]) = match_get_all(&c->p->heap, c->m, 1);
        return true;
    }
    if (name == am_Eq) { /* Live Size Value */
        c->at += 3;
        return equals(c, a[1], a[2]);
    }
    PANIC("bs_match command %#llx", (unsigned long long)name);
}

/* All or nothing: when a command fails the position is what it was. */
bool exec_bs_match(Sched *s, Process *p, term_t *e, term_t ctx, const code_t *commands, unsigned count)
{
    Commands c = {s, p, e, match_ptr(ctx), commands};
    uint64_t start = c.m->start;
    while (c.at < commands + count) {
        term_t name = *c.at++;
        if (command(&c, name)) continue;
        c.m->start = start;
        return false;
    }
    return true;
}

/* ---- bs_create_bin ---- */

typedef struct Segment {
    term_t type;
    uint64_t number, unit, flags, raw; /* raw: source word, or address of a string */
    term_t value, size;
    bool all;                          /* size is the constant `all` */
} Segment;

static Segment segment_at(Sched *s, const term_t *e, const code_t *w)
{
    bool string = w[0] == am_string;
    return (Segment){w[0], (uint32_t)w[1], w[2], w[3], w[4], string ? TERM_NIL : exec_source(s->x, e, w[4]),
                     exec_source(s->x, e, w[5]), w[5] == am_all};
}

static bool is_append(term_t type) { return type == am_append || type == am_private_append; }

/* The name of a type as error_info shows it. */
static term_t shown_type(term_t type) { return is_append(type) ? am_binary : type; }

/* The exception of one bad segment, with its place in error_info. */
static term_t segment_failed(Process *p, const Segment *g, enum BuildResult r)
{
    Heap *h = &p->heap;
    bool about_size = r == BUILD_SIZE || r == BUILD_LIMIT || r == BUILD_INVALID;
    term_t cause = heap_tuple4(h, term_small((int64_t)g->number), shown_type(g->type),
                               build_result_atom(r), about_size ? g->size : g->value);
    term_t pairs[] = {am_cause, cause, am_function, am_format_bs_fail, am_module, am_erl_erts_errors};
    p->freason = (build_result_is_limit(r) ? EXC_SYSTEM_LIMIT : EXC_BADARG) | EXC_INFO;
    p->fcause = map_from_pairs(h, pairs, 3, NULL);
    return TERM_NONE;
}

/* What is no character, or not of whole units, is found when it is written: segments behind it may fail first.
 * Not so UTF-32. */
static enum BuildResult add_size(const Segment *g, uint64_t *bits)
{
    if (g->type == am_utf8) return (void)build_add_utf8(bits, g->value), BUILD_OK;
    if (g->type == am_utf16) return (void)build_add_utf16(bits, g->value), BUILD_OK;
    if (g->type == am_utf32) return build_add_utf32(bits, g->value);
    if (g->all) return build_add_all(bits, g->value, 1);
    return build_add_size(bits, g->size, g->unit ? g->unit : 8);
}

static enum BuildResult fill(BitBuilder *b, const Segment *g)
{
    uint64_t bits = 0;
    unsigned flags = (unsigned)g->flags;
    if (g->type == am_string) {
        build_string(b, (const uint8_t *)(uintptr_t)g->raw, (size_t)small_value(g->size));
        return BUILD_OK;
    }
    if (g->type == am_utf8) return build_utf8(b, g->value);
    if (g->type == am_utf16) return build_utf16(b, g->value, flags);
    if (g->type == am_utf32) return build_utf32(b, g->value, flags);
    if (g->all) return build_binary_all(b, g->value, g->unit);
    (void)build_add_size(&bits, g->size, g->unit);
    if (g->type == am_integer) return build_integer(b, g->value, bits, flags);
    if (g->type == am_float) return build_float(b, g->value, bits, flags);
    return build_binary(b, g->value, bits);
}

/* The usual segment, an integer of a constant size that a word can hold: so the loader found. Else 0. */
static inline unsigned plain_bits(const code_t *w) { return (unsigned)(w[1] >> 32); }

/* The lowest n of 1 to 64 bits of v. */
static inline void put_bits(BitBuilder *b, uint64_t v, unsigned n)
{
    if (((b->at | n) & 7) == 0) {
        uint8_t *to = b->base + (b->at >> 3);
        for (unsigned left = n; left > 0; left -= 8) *to++ = (uint8_t)(v >> (left - 8));
    } else {
        bits_write(b->base, b->at, v, n);
    }
    b->at += n;
}

/* Plain segments next to each other, from w on, as one integer of up to 64 bits in *v, if their values are small.
 * Gives the segment behind them. */
static inline const code_t *gather(const Sched *s, const term_t *e, const code_t *w, const code_t *end, uint64_t *v,
                                   unsigned *bits)
{
    for (*v = *bits = 0; w < end; w += SEGMENT_WORDS) {
        unsigned n = plain_bits(w);
        term_t value = n ? exec_source(s->x, e, w[4]) : TERM_NIL;
        if (*bits + n > 64 || !term_is_small(value)) break;
        uint64_t low = (uint64_t)small_value(value) & UINT64_MAX >> (64 - n);
        *v = n == 64 ? low : *v << n | low;
        *bits += n;
    }
    return w;
}

/* Writing costs a reduction a kilobyte; enlarging the storage of an append a quarter of that. */
static void charge(Process *p, uint64_t bits) { p->reds -= (int32_t)MIN(bits >> 13, UINT64_C(1000000)); }

static bool is_whole(uint64_t bits, uint64_t unit)
{
    return (unit & (unit - 1)) == 0 ? (bits & (unit - 1)) == 0 || unit == 0 : bits % unit == 0;
}

static inline enum BuildResult append_start(Process *p, term_t t, uint64_t unit, bool private, uint64_t bits,
                                             BitBuilder *b, term_t *out)
{
    Appended a;
    if (!term_is_bitstring(t)) return BUILD_TYPE;
    if (!is_whole(bitstring_bits(t), unit)) return BUILD_UNIT;
    if (bits == 0) {
        *b = (BitBuilder){NULL, 0};
        *out = t;
        return BUILD_OK;
    }
    if (!binary_append(&p->heap, t, bits, private, &a)) return BUILD_LIMIT;
    if (a.moved) charge(p, bitstring_bits(t) / 4);
    *b = (BitBuilder){a.base, a.at};
    *out = a.term;
    return BUILD_OK;
}

/* What the loop of a binary comprehension does: bytes of integers behind the private binary, which is returned.
 * TERM_NONE: it is something else, nothing was done. */
static inline term_t append_integers(const Sched *s, const term_t *e, const code_t *w, const code_t *end)
{
    uint64_t v;
    unsigned bits;
    if (gather(s, e, w + SEGMENT_WORDS, end, &v, &bits) != end || (bits & 7) != 0) return TERM_NONE;
    term_t to = exec_source(s->x, e, w[4]);
    if (!term_is_bitstring(to) || !is_whole(bitstring_bits(to), w[2])) return TERM_NONE;
    BitBuilder b = {binary_append_bytes(to, bits >> 3), 0};
    if (!b.base) return TERM_NONE;
    put_bits(&b, v, bits);
    return to;
}

/* What a segment gives: false, and the exception is set, unless it is BUILD_OK. */
static bool segment_done(Sched *s, Process *p, const term_t *e, const code_t *w, enum BuildResult r)
{
    if (LIKELY(r == BUILD_OK)) return true;
    Segment g = segment_at(s, e, w);
    (void)segment_failed(p, &g, r);
    return false;
}

static bool add_sizes(Sched *s, Process *p, const term_t *e, const code_t *w, const code_t *end, uint64_t *bits)
{
    for (; w < end; w += SEGMENT_WORDS) {
        *bits += plain_bits(w);
        if (plain_bits(w) || is_append(w[0])) continue;
        Segment g = segment_at(s, e, w);
        if (!segment_done(s, p, e, w, add_size(&g, bits))) return false;
    }
    return true;
}

static bool fill_segments(Sched *s, Process *p, const term_t *e, const code_t *w, const code_t *end, BitBuilder *b)
{
    while (w < end) {
        uint64_t v;
        unsigned n;
        w = gather(s, e, w, end, &v, &n);
        if (n > 0) {
            put_bits(b, v, n);
            continue;
        }
        Segment g = segment_at(s, e, w);
        if (!segment_done(s, p, e, w, fill(b, &g))) return false;
        w += SEGMENT_WORDS;
    }
    return true;
}

NOINLINE static term_t create_bin(Sched *s, Process *p, const term_t *e, const code_t *w, const code_t *end)
{
    BitBuilder b;
    uint64_t bits = 0;
    term_t result = TERM_NONE;
    if (!add_sizes(s, p, e, w, end, &bits)) return TERM_NONE;
    if (w < end && is_append(w[0])) {
        term_t to = exec_source(s->x, e, w[4]);
        enum BuildResult r = append_start(p, to, w[2], w[0] == am_private_append, bits, &b, &result);
        if (!segment_done(s, p, e, w, r)) return TERM_NONE;
        w += SEGMENT_WORDS;
    } else if ((result = build_start(&p->heap, bits, &b)) == TERM_NONE) {
        exec_error(p, EXC_SYSTEM_LIMIT);
        return TERM_NONE;
    }
    charge(p, bits);
    return fill_segments(s, p, e, w, end, &b) ? result : TERM_NONE;
}

/* <<Char/utf8>>, or TERM_NONE: it is no character. */
static term_t one_char(Process *p, term_t c)
{
    uint8_t text[UTF8_MAX];
    if (!term_is_small(c) || (uint64_t)small_value(c) > UINT32_MAX) return TERM_NONE;
    uint32_t cp = (uint32_t)small_value(c);
    return utf8_is_scalar(cp) ? heap_binary(&p->heap, text, utf8_encode(cp, text)) : TERM_NONE;
}

/* <<Float/float>>, or TERM_NONE: another size or order, or no float. */
static term_t one_float(const Sched *s, Process *p, const term_t *e, const code_t *w)
{
    term_t t = exec_source(s->x, e, w[4]);
    if (w[2] != 1 || bits_is_little((unsigned)w[3]) || exec_source(s->x, e, w[5]) != term_small(64)) return TERM_NONE;
    if (!term_is_float(t)) return TERM_NONE;
    double d = float_value(t);
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    bits = __builtin_bswap64(bits);
    return heap_binary(&p->heap, &bits, sizeof bits);
}

term_t exec_bs_create_bin(Sched *s, Process *p, term_t *e, const code_t *segments, unsigned count)
{
    const code_t *end = segments + count;
    if (count == SEGMENT_WORDS && segments[0] == am_float) {
        term_t t = one_float(s, p, e, segments);
        if (t != TERM_NONE) return t;
    }
    if (count == SEGMENT_WORDS && segments[0] == am_utf8) {
        term_t t = one_char(p, exec_source(s->x, e, segments[4]));
        if (t != TERM_NONE) return t;
    }
    if (count > SEGMENT_WORDS && segments[0] == am_private_append) {
        term_t t = append_integers(s, e, segments, end);
        if (t != TERM_NONE) return t;
    }
    return create_bin(s, p, e, segments, end);
}

/* ---- the old instructions: the builder's position is kept in Exec between them ---- */

static term_t failed(Process *p, enum BuildResult r)
{
    exec_error(p, build_result_is_limit(r) ? EXC_SYSTEM_LIMIT : EXC_BADARG);
    return TERM_NONE;
}

static bool put_result(Process *p, enum BuildResult r)
{
    if (r != BUILD_OK) failed(p, r);
    return r == BUILD_OK;
}

term_t exec_bs_init_writable(Process *p, term_t size)
{
    int64_t n = term_is_small(size) ? small_value(size) : 1024;
    return binary_writable(&p->heap, n >= 0 && n < (INT64_C(1) << 30) ? (size_t)n : 1024);
}

term_t exec_bs_init(Sched *s, Process *p, term_t size, unsigned unit)
{
    uint64_t bits = 0;
    enum BuildResult r = build_add_size(&bits, size, unit);
    if (r != BUILD_OK) return failed(p, r);
    exec_of(s)->bits_end = bits;
    term_t t = build_start(&p->heap, bits, &exec_of(s)->bits);
    return t != TERM_NONE ? t : failed(p, BUILD_LIMIT);
}

term_t exec_bs_append(Sched *s, Process *p, term_t size, unsigned unit, term_t bin)
{
    uint64_t bits = 0;
    term_t result = TERM_NONE;
    enum BuildResult r = build_add_size(&bits, size, 1);
    if (r == BUILD_OK) r = append_start(p, bin, unit, false, bits, &exec_of(s)->bits, &result);
    exec_of(s)->bits_end = exec_of(s)->bits.at + bits;
    return r == BUILD_OK ? result : failed(p, r);
}

/* Code that was not made by a compiler may put more than it has made room for. */
static enum BuildResult room_for(Sched *s, uint64_t bits)
{
    const Exec *x = exec_of(s);
    return bits <= x->bits_end && x->bits.at <= x->bits_end - bits ? BUILD_OK : BUILD_SIZE;
}

/* Most segments are whole bytes. False: there is no room for this one, or the place is between two. */
static inline bool put_byte(Sched *s, uint8_t byte)
{
    Exec *x = exec_of(s);
    if ((x->bits.at & 7) || x->bits_end < 8 || x->bits.at > x->bits_end - 8) return false;
    x->bits.base[x->bits.at >> 3] = byte;
    x->bits.at += 8;
    return true;
}

bool exec_bs_put_integer(Sched *s, Process *p, term_t size, unsigned unit, unsigned flags, term_t src)
{
    uint64_t bits = 0;
    bool is_byte = (unit == 1 && size == term_small(8)) || (unit == 8 && size == term_small(1));
    if (is_byte && term_is_small(src) && put_byte(s, (uint8_t)small_value(src))) return true;
    enum BuildResult r = build_add_size(&bits, size, unit);
    if (r == BUILD_OK) r = room_for(s, bits);
    if (r == BUILD_OK) r = build_integer(&exec_of(s)->bits, src, bits, flags);
    return put_result(p, r);
}

bool exec_bs_put_float(Sched *s, Process *p, term_t size, unsigned unit, unsigned flags, term_t src)
{
    uint64_t bits = 0;
    enum BuildResult r = build_add_size(&bits, size, unit);
    if (r == BUILD_OK) r = room_for(s, bits);
    if (r == BUILD_OK) r = build_float(&exec_of(s)->bits, src, bits, flags);
    return put_result(p, r);
}

bool exec_bs_put_binary(Sched *s, Process *p, term_t size, unsigned unit, term_t src, bool all)
{
    uint64_t bits = 0;
    enum BuildResult r = all ? build_add_all(&bits, src, unit) : build_add_size(&bits, size, unit);
    if (r == BUILD_OK) r = room_for(s, bits);
    if (r == BUILD_OK) r = build_binary(&exec_of(s)->bits, src, bits);
    return put_result(p, r);
}

void exec_bs_put_string(Sched *s, const char *text, unsigned bytes)
{
    if (room_for(s, (uint64_t)bytes * 8) == BUILD_OK)
        build_string(&exec_of(s)->bits, (const uint8_t *)text, bytes);
}

static inline bool is_ascii(term_t t) { return term_is_small(t) && (uint64_t)small_value(t) < 0x80; }

bool exec_bs_put_utf(Sched *s, Process *p, term_t src, unsigned size, unsigned flags)
{
    BitBuilder *b = &exec_of(s)->bits;
    uint64_t bits = 0;
    if (size == 8 && is_ascii(src) && put_byte(s, (uint8_t)small_value(src))) return true;
    enum BuildResult r = size == 8    ? build_add_utf8(&bits, src)
                         : size == 16 ? build_add_utf16(&bits, src)
                                      : build_add_utf32(&bits, src);
    if (r == BUILD_OK) r = room_for(s, bits);
    if (r != BUILD_OK) return put_result(p, r);
    return put_result(p, size == 8    ? build_utf8(b, src)
                         : size == 16 ? build_utf16(b, src, flags)
                                      : build_utf32(b, src, flags));
}

term_t exec_bs_utf_size(Process *p, term_t src, unsigned size)
{
    (void)p;
    if (size == 8 && is_ascii(src)) return term_small(1);
    return size == 8 ? build_utf8_size(src) : build_utf16_size(src);
}

term_t exec_bs_add(Process *p, term_t a, term_t b, unsigned unit)
{
    uint64_t sum = 0;
    enum BuildResult r = build_add_size(&sum, a, 1);
    if (r == BUILD_OK) r = build_add_size(&sum, b, unit);
    return r == BUILD_OK ? heap_uint(&p->heap, sum) : failed(p, r);
}
