/* SPDX-License-Identifier: Apache-2.0 */
/* encode - see encode.h. Formats: ERTS User's Guide, "Distribution Header", "Protocol between Connected
 * Nodes". Layer: dist. */
#include "dist/encode.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "term/atom.h"

/* ---- older forms of control tuples ---- */

enum {
    OP_SEND = 2, OP_EXIT, OP_UNLINK, OP_EXIT2 = 8, OP_SEND_TT = 12, OP_EXIT_TT, OP_EXIT2_TT = 18,
    OP_DOWN = 21, OP_SEND_SENDER, OP_SEND_SENDER_TT, OP_PAYLOAD_EXIT, OP_PAYLOAD_EXIT_TT, OP_PAYLOAD_EXIT2,
    OP_PAYLOAD_EXIT2_TT, OP_PAYLOAD_DOWN, OP_SPAWN_REQUEST, OP_SPAWN_REQUEST_TT, OP_ALIAS_SEND = 33,
    OP_ALIAS_SEND_TT, OP_UNLINK_ID, OP_UNLINK_ID_ACK
};

/* {Op, Elements of t from `first` on ..., last}; last: TERM_NONE for none. */
static term_t renumber(Heap *h, int op, term_t t, size_t first, term_t last)
{
    term_t e[8];
    size_t n = 1, arity = tuple_arity(t);
    e[0] = term_small(op);
    for (size_t i = first; i <= arity; i++) e[n++] = tuple_element(t, i);
    if (last != TERM_NONE) e[n++] = last;
    return heap_tuple(h, n, e);
}

static int without_payload(int op)
{
    switch (op) {
    case OP_PAYLOAD_EXIT: return OP_EXIT;
    case OP_PAYLOAD_EXIT_TT: return OP_EXIT_TT;
    case OP_PAYLOAD_EXIT2: return OP_EXIT2;
    case OP_PAYLOAD_EXIT2_TT: return OP_EXIT2_TT;
    default: return OP_DOWN;
    }
}

bool control_for_flags(Heap *h, uint64_t flags, term_t *control, term_t *payload)
{
    term_t t = *control;
    int op = (int)small_value(tuple_element(t, 1));
    switch (op) {
    case OP_SEND_SENDER: case OP_SEND_SENDER_TT:
        if (flags & DFLAG_SEND_SENDER) return true;
        *control = renumber(h, op == OP_SEND_SENDER ? OP_SEND : OP_SEND_TT, t, 2, TERM_NONE);
        tuple_elements(*control)[1] = am_Empty;
        return true;
    case OP_PAYLOAD_EXIT: case OP_PAYLOAD_EXIT_TT: case OP_PAYLOAD_EXIT2: case OP_PAYLOAD_EXIT2_TT:
    case OP_PAYLOAD_DOWN:
        if (flags & DFLAG_EXIT_PAYLOAD) return true;
        *control = renumber(h, without_payload(op), t, 2, *payload);
        *payload = TERM_NONE;
        return true;
    case OP_UNLINK_ID:
        if (!(flags & DFLAG_UNLINK_ID)) *control = renumber(h, OP_UNLINK, t, 3, TERM_NONE);
        return true;
    case OP_UNLINK_ID_ACK: return flags & DFLAG_UNLINK_ID;
    case OP_SPAWN_REQUEST: case OP_SPAWN_REQUEST_TT: return flags & DFLAG_SPAWN;
    case OP_ALIAS_SEND: case OP_ALIAS_SEND_TT: return flags & DFLAG_ALIAS;
    default: return true;
    }
}

/* ---- atoms of a packet ---- */

static uint64_t atom_hash(term_t atom) { return hash_combine(atom, 7); }

/* Its index, or -1 when the table is full. */
static int ref_index(AtomRefs *r, term_t atom)
{
    for (size_t i = atom_hash(atom) % ATOM_REF_SLOTS;; i = (i + 1) % ATOM_REF_SLOTS) {
        if (r->slots[i] == 0) {
            if (r->count == ATOM_REFS_MAX) return -1;
            r->atoms[r->count] = atom;
            r->slots[i] = (uint16_t)++r->count;
            return (int)r->count - 1;
        }
        if (r->atoms[r->slots[i] - 1] == atom) return r->slots[i] - 1;
    }
}

static bool put_atom_ref(void *ctx, Buf *out, term_t atom)
{
    int i = ref_index(ctx, atom);
    if (i < 0) return false;
    buf_putc(out, (char)ETF_ATOM_CACHE_REF);
    buf_putc(out, (char)i);
    return true;
}

/* ---- encoding ---- */

static EtfEncode *start_term(DistEncode *e, term_t t)
{
    if (!e->refs) return etf_encode_start(e->vm, t, ETF_UTF8_ATOMS, NULL);
    EtfHooks hooks = {.atom = put_atom_ref, .ctx = e->refs};
    return etf_encode_start(e->vm, t, ETF_UTF8_ATOMS | ETF_PLAIN, &hooks);
}

#define PASS_THROUGH 112

void dist_encode_start(DistEncode *e, Vm *vm, uint64_t flags, term_t control, term_t payload)
{
    *e = (DistEncode){.vm = vm, .flags = flags, .out = BUF_INIT(DIST)};
    if (flags & DFLAG_HEADER) e->refs = MEM_NEW(DIST, AtomRefs);
    else buf_putc(&e->out, PASS_THROUGH);
    EtfEncode *c = start_term(e, control);
    (void)etf_encode_run(c, &e->out, SIZE_MAX);
    etf_encode_free(c);
    e->payload_at = e->out.len;
    if (payload != TERM_NONE) e->payload = start_term(e, payload);
}

enum EtfResult dist_encode_run(DistEncode *e, size_t budget)
{
    return e->payload ? etf_encode_run(e->payload, &e->out, budget) : ETF_DONE;
}

void dist_encode_free(DistEncode *e)
{
    if (e->payload) etf_encode_free(e->payload);
    if (e->refs) MEM_DELETE(DIST, e->refs);
    buf_free(&e->out);
}

/* ---- packets ---- */

static DistItem *new_item(const uint8_t *bytes, size_t n)
{
    DistItem *i = MEM_NEW(DIST, DistItem);
    i->bytes = mem_alloc(MEM_DIST, n + 1);
    memcpy(i->bytes, bytes, n);
    i->n = n;
    return i;
}

void dist_item_free(DistItem *i)
{
    mem_free(MEM_DIST, i->bytes, i->n + 1);
    mem_free(MEM_DIST, i->atoms, i->atom_count * sizeof *i->atoms);
    MEM_DELETE(DIST, i);
}

static void give_atoms(DistItem *i, const AtomRefs *r)
{
    i->headed = i->first = true;
    i->atom_count = r->count;
    i->atoms = mem_alloc(MEM_DIST, r->count * sizeof *i->atoms);
    memcpy(i->atoms, r->atoms, r->count * sizeof *i->atoms);
}

/* The control tuple and the start of the payload go with the first one. */
static DistItem *cut(DistEncode *e, uint64_t sequence, size_t count)
{
    const uint8_t *at = (const uint8_t *)e->out.data, *end = at + e->out.len;
    DistItem *first = NULL, **last = &first;
    for (size_t left = count; left > 0; left--) {
        size_t n = left == count ? e->payload_at + FRAGMENT_BYTES : FRAGMENT_BYTES;
        DistItem *i = new_item(at, MIN(n, (size_t)(end - at)));
        if (left == count) give_atoms(i, e->refs);
        i->headed = true;
        i->sequence = sequence;
        i->fragment = left;
        at += i->n;
        *last = i;
        last = &i->next;
    }
    return first;
}

DistItem *dist_encode_finish(DistEncode *e, uint64_t sequence, size_t *bytes)
{
    DistItem *first;
    size_t payload = e->out.len - e->payload_at, count = (payload + FRAGMENT_BYTES - 1) / FRAGMENT_BYTES;
    *bytes = e->out.len;
    if (e->refs && e->flags & DFLAG_FRAGMENTS && count > 1) {
        first = cut(e, sequence, count);
    } else {
        first = new_item((const uint8_t *)buf_text(&e->out), e->out.len);
        if (e->refs) give_atoms(first, e->refs);
    }
    dist_encode_free(e);
    return first;
}

/* ---- headers ---- */

static void put64(Buf *out, uint64_t v)
{
    for (int shift = 56; shift >= 0; shift -= 8) buf_putc(out, (char)(v >> shift));
}

/* One half byte per atom, and one for the packet, which comes last. */
static void set_flag(uint8_t *flags, unsigned index, unsigned value)
{
    flags[index / 2] |= (uint8_t)(value << index % 2 * 4);
}

static void put_new_atom(Buf *out, const AtomText *a, bool wide)
{
    if (wide) buf_putc(out, (char)(a->bytes >> 8));
    buf_putc(out, (char)a->bytes);
    buf_append(out, a->text, a->bytes);
}

#define NEW_ENTRY 8u
#define LONG_ATOMS 1u

static void put_atoms(Buf *out, const DistItem *i, AtomCache *cache)
{
    uint8_t flags[ATOM_REFS_MAX / 2 + 1] = {0};
    size_t flag_bytes = i->atom_count / 2 + 1;
    bool wide = false;
    for (unsigned k = 0; k < i->atom_count; k++) wide |= atom_text(i->atoms[k])->bytes > UINT8_MAX;
    if (wide) set_flag(flags, i->atom_count, LONG_ATOMS);
    size_t at = out->len;
    buf_append(out, flags, flag_bytes);
    for (unsigned k = 0; k < i->atom_count; k++) {
        unsigned slot = etf_atom_cache_slot(i->atoms[k]);
        bool new = cache->atoms[slot] != i->atoms[k];
        set_flag(flags, k, slot >> 8 | (new ? NEW_ENTRY : 0));
        cache->atoms[slot] = i->atoms[k];
        buf_putc(out, (char)slot);
        if (new) put_new_atom(out, atom_text(i->atoms[k]), wide);
    }
    memcpy(out->data + at, flags, flag_bytes);
}

void dist_header_put(Buf *out, const DistItem *i, AtomCache *cache)
{
    if (!i->headed) return;
    buf_putc(out, (char)ETF_VERSION);
    buf_putc(out, (char)(i->fragment == 0 ? ETF_DIST_HEADER : i->first ? ETF_DIST_FRAG : ETF_DIST_FRAG_CONT));
    if (i->fragment > 0) {
        put64(out, i->sequence);
        put64(out, i->fragment);
    }
    if (!i->first) return;
    buf_putc(out, (char)i->atom_count);
    if (i->atom_count > 0) put_atoms(out, i, cache);
}
