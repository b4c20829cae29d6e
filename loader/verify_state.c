/* SPDX-License-Identifier: Apache-2.0 */
/* verify_state - values, states, and what is kept of them at labels. */
#include "base/alloc.h"
#include "loader/verify.h"
#include "term/boxed.h"

#define BLOCK_BYTES ((size_t)64 << 10)
#define KEPT_BYTES_MAX ((size_t)256 << 20) /* of one function: no compiler comes near */

/* ---- values ---- */

Val val_new(uint16_t bits)
{
    return (Val){bits, bits & V_TUPLE ? ARITY_MIN : 0, 0};
}

Val val_tuple(uint32_t arity)
{
    return (Val){V_TUPLE | V_SHARED, arity, 0};
}

Val val_literal(term_t t)
{
    if (t == TERM_NIL) return val_new(V_NIL | V_SHARED);
    if (term_is_list_cell(t)) return val_new(V_CELL | V_SHARED);
    if (term_is_tuple(t)) return val_tuple((uint32_t)MIN(tuple_arity(t), (size_t)ARITY_MIN - 1));
    if (term_is_small(t) || term_is_big(t)) return val_new(V_INT | V_SHARED);
    if (term_is_float(t)) return val_new(V_FLOAT | V_SHARED);
    if (term_is_map(t)) return val_new(V_MAP | V_SHARED);
    return val_new((term_is_bitstring(t) ? V_BITS : V_OTHER) | V_SHARED);
}

static uint32_t merge_arity(uint32_t a, uint32_t b)
{
    if (a == b) return a;
    a &= ~ARITY_MIN;
    b &= ~ARITY_MIN;
    return MIN(a, b) | ARITY_MIN;
}

/* What holds a mark on some ways only: its label is still known. */
static uint32_t merge_mark(Val a, Val b)
{
    if (!(a.bits & b.bits & V_CATCH)) return a.bits & V_CATCH ? a.info : b.info;
    return a.info == b.info ? a.info : 0;
}

Val val_merge(Val a, Val b)
{
    if (!a.bits || !b.bits) return (Val){0, 0, 0};
    Val v = {a.bits | b.bits, 0, a.id == b.id ? a.id : 0};
    if (v.bits & V_CATCH) v.info = merge_mark(a, b);
    else if (a.bits & b.bits & V_TUPLE) v.info = merge_arity(a.info, b.info);
    else if (v.bits & V_TUPLE) v.info = a.bits & V_TUPLE ? a.info : b.info;
    return v;
}

/* ---- memory ---- */

typedef struct VerifyBlock {
    struct VerifyBlock *next;
    size_t bytes;
    max_align_t data[];
} VerifyBlock;

static void *keep(Verifier *v, size_t bytes)
{
    bytes = (bytes + 15) & ~(size_t)15;
    if (v->block_left < bytes) {
        size_t room = MAX(BLOCK_BYTES, bytes);
        VerifyBlock *b = mem_alloc(MEM_LOADER, sizeof *b + room);
        *b = (VerifyBlock){v->blocks, room};
        v->blocks = b;
        v->block_left = room;
        v->kept += room;
    }
    v->block_left -= bytes;
    return (char *)v->blocks->data + v->block_left;
}

void state_forget(Verifier *v)
{
    while (v->blocks) {
        VerifyBlock *b = v->blocks;
        v->blocks = b->next;
        mem_free(MEM_LOADER, b, sizeof *b + b->bytes);
    }
    v->block_left = v->kept = 0;
}

/* ---- states at labels ---- */

static Saved *save(Verifier *v)
{
    const State *s = &v->s;
    unsigned ny = (unsigned)state_slots(s);
    Saved *k = keep(v, sizeof *k + (s->nx + ny) * sizeof(Val));
    *k = (Saved){s->frame, s->nx, ny, s->fr};
    memcpy(k->regs, s->x, s->nx * sizeof(Val));
    memcpy(k->regs + s->nx, s->y, ny * sizeof(Val));
    return k;
}

static bool merge_regs(Val *to, const Val *from, unsigned n)
{
    bool changed = false;
    for (unsigned i = 0; i < n; i++) {
        Val was = to[i];
        if (was.bits == from[i].bits && was.info == from[i].info && was.id == from[i].id) continue;
        to[i] = val_merge(was, from[i]);
        changed |= to[i].bits != was.bits || to[i].info != was.info || to[i].id != was.id;
    }
    return changed;
}

/* The x registers stand first, so fewer of them move the others. */
static bool merge_sizes(Saved *k, const State *s)
{
    int frame = frame_merge(k->frame, s->frame);
    unsigned nx = MIN(k->nx, s->nx), ny = MIN(k->ny, (unsigned)state_slots(s));
    uint64_t fr = k->fr & s->fr;
    bool changed = frame != k->frame || nx != k->nx || fr != k->fr;
    if (nx != k->nx) memmove(k->regs + nx, k->regs + k->nx, ny * sizeof(Val));
    k->frame = frame;
    k->nx = nx;
    k->ny = ny;
    k->fr = fr;
    return changed;
}

bool state_merge_into(Verifier *v, Place *to)
{
    const State *s = &v->s;
    if (!to->at) {
        if (v->kept > KEPT_BYTES_MAX) return verify_fail(v, "function too large to follow");
        to->at = save(v);
        to->dirty = true;
        return true;
    }
    Saved *k = to->at;
    bool changed = merge_sizes(k, s);
    changed |= merge_regs(k->regs, s->x, k->nx);
    changed |= merge_regs(k->regs + k->nx, s->y, k->ny);
    to->dirty |= changed;
    return true;
}

void state_load(Verifier *v, const Saved *k)
{
    State *s = &v->s;
    s->frame = k->frame;
    s->nx = k->nx;
    s->fr = k->fr;
    s->building = false;
    v->fresh = true; /* some may be */
    memcpy(s->x, k->regs, k->nx * sizeof(Val));
    memcpy(s->y, k->regs + k->nx, k->ny * sizeof(Val));
    v->y_version++;
}
