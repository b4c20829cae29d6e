/* SPDX-License-Identifier: Apache-2.0 */
/* etf_size - bytes of a small term in the external format, added up without an encoder.
 * Layer: etf. */
#include "etf/etf_priv.h"

#include "code/export.h"
#include "code/funtab.h"
#include "data/binary.h"
#include "data/map.h"
#include "data/node.h"
#include "heap/termstack.h"
#include "term/atom.h"

/* Terms that one call looks at; the encoder, which can stop in between, counts larger ones. */
#define TERMS_MAX 2000

#define TAG_BYTES 1
#define LENGTH_BYTES 4

typedef struct Sizer {
    const Vm *vm;
    unsigned flags;
    size_t bytes, left;    /* left: how many terms may still come */
    bool given_up;
    TermStack todo;
} Sizer;

static size_t atom_bytes(const Sizer *s, term_t atom)
{
    const AtomText *a = atom_text(atom);
    if (!(s->flags & ETF_UTF8_ATOMS) && a->latin1_chars >= 0) return TAG_BYTES + 2 + (size_t)a->latin1_chars;
    return TAG_BYTES + (a->bytes <= UINT8_MAX ? 1 : 2) + (size_t)a->bytes;
}

static size_t big_bytes(const term_t *limbs, size_t n)
{
    size_t bytes = 8 * n - (size_t)__builtin_clzll(limbs[n - 1]) / 8;
    return TAG_BYTES + (bytes <= UINT8_MAX ? 1 : LENGTH_BYTES) + 1 + bytes;
}

static inline size_t small_bytes(int64_t i)
{
    if ((uint64_t)i <= UINT8_MAX) return TAG_BYTES + 1;
    if (i == (int32_t)i) return TAG_BYTES + 4;
    term_t limb = i < 0 ? -(uint64_t)i : (uint64_t)i;
    return big_bytes(&limb, 1);
}

static size_t node_bytes(const Sizer *s, term_t ident)
{
    const Node *n = ident_node(ident) ? ident_node(ident) : node_self(s->vm);
    return atom_bytes(s, n->name) + 4; /* and the creation */
}

static size_t pid_bytes(const Sizer *s, term_t pid) { return TAG_BYTES + node_bytes(s, pid) + 8; }

static size_t ref_bytes(const Sizer *s, term_t ref)
{
    uint32_t numbers[REF_NUMBERS_MAX];
    return TAG_BYTES + 2 + node_bytes(s, ref) + 4 * (size_t)ref_wire_numbers(ref, numbers);
}

static inline size_t immed_bytes(const Sizer *s, term_t t)
{
    if (term_is_small(t)) return small_bytes(small_value(t));
    if (term_is_nil(t)) return TAG_BYTES;
    if (term_is_local_pid(t)) return pid_bytes(s, t);
    if (term_is_local_port(t)) return TAG_BYTES + node_bytes(s, t) + (port_number(t) >> OLD_PORT_BITS ? 8 : 4);
    return atom_bytes(s, t);
}

/* t counts now, or, if there is more in it, later. */
static inline void add(Sizer *s, term_t t)
{
    if (term_is_immed(t)) s->bytes += immed_bytes(s, t);
    else if (term_is_float(t) && !(s->flags & ETF_MINOR_0)) s->bytes += TAG_BYTES + 8;
    else term_stack_push(&s->todo, t);
}

static bool may_look_at(Sizer *s, size_t n)
{
    if (n > s->left) s->given_up = true;
    else s->left -= n;
    return !s->given_up;
}

static void add_all(Sizer *s, const term_t *terms, size_t n)
{
    if (!may_look_at(s, n)) return;
    for (size_t i = 0; i < n; i++) add(s, terms[i]);
}

static void add_map(Sizer *s, term_t t)
{
    MapIter it;
    term_t key, value;
    size_t n = map_size(t);
    s->bytes += TAG_BYTES + LENGTH_BYTES;
    if (map_is_flat(t)) {
        add_all(s, flat_map_key_ptr(t), n);
        add_all(s, flat_map_values(t), n);
        return;
    }
    if (!may_look_at(s, 2 * n)) return;
    map_iter_init(&it, t);
    while (map_iter_next(&it, &key, &value)) {
        add(s, key);
        add(s, value);
    }
}

static void add_list(Sizer *s, term_t t)
{
    size_t n = string_length(t);
    if (n > 0) {
        if (may_look_at(s, n / CELLS_A_TERM)) s->bytes += TAG_BYTES + 2 + n;
        return;
    }
    s->bytes += TAG_BYTES + LENGTH_BYTES;
    for (; term_is_list_cell(t); t = list_next(t)) {
        if (!may_look_at(s, 1)) return;
        add(s, list_head(t));
    }
    add(s, t);
}

/* erlang:external_size/1 takes it for a large one. */
static size_t fun_number_bytes(uint32_t n) { return n <= UINT8_MAX ? TAG_BYTES + 4 : small_bytes(n); }

static void add_fun(Sizer *s, term_t t)
{
    const Fun *f = fun_ptr(t);
    const FunEntry *e = f->entry;
    s->bytes += TAG_BYTES + LENGTH_BYTES + 1 + sizeof e->uniq + 4 + 4; /* size, arity, unique, index, free variables */
    s->bytes += atom_bytes(s, e->module) + fun_number_bytes(e->old_index) + fun_number_bytes(e->old_uniq);
    s->bytes += pid_bytes(s, f->creator);
    add_all(s, f->env, fun_free_count(f));
}

static size_t export_bytes(const Sizer *s, const Mfa *m)
{
    return TAG_BYTES + atom_bytes(s, m->module) + atom_bytes(s, m->function) + TAG_BYTES + 1;
}

static void add_boxed(Sizer *s, term_t t)
{
    term_t header = boxed_header(t);
    size_t n = HEADER_ARITY(header);
    switch (HEADER_SUBTAG(header)) {
    case BOXED_TUPLE:
        s->bytes += TAG_BYTES + (n <= UINT8_MAX ? 1 : LENGTH_BYTES);
        add_all(s, tuple_elements(t), n);
        break;
    case BOXED_POS_BIG: case BOXED_NEG_BIG: s->bytes += big_bytes(boxed_ptr(t) + 1, n); break;
    case BOXED_HEAP_BITS: case BOXED_SUB_BITS: s->bytes += bits_bytes(t); break;
    case BOXED_MAP: add_map(s, t); break;
    case BOXED_REF: case BOXED_EXT_REF: s->bytes += ref_bytes(s, t); break;
    case BOXED_EXT_PID: s->bytes += pid_bytes(s, t); break;
    case BOXED_FUN: add_fun(s, t); break;
    case BOXED_EXPORT: s->bytes += export_bytes(s, &export_of(t)->mfa); break;
    default: s->given_up = true; /* ports of other nodes, and what no term of the format is */
    }
}

size_t etf_size_of_small(const Vm *vm, term_t t, unsigned flags)
{
    Sizer s = {.vm = vm, .flags = flags, .bytes = 1, .left = TERMS_MAX}; /* the version */
    term_stack_init(&s.todo);
    add(&s, t);
    while (!s.given_up && term_stack_pop(&s.todo, &t)) {
        if (term_is_list_cell(t)) add_list(&s, t);
        else add_boxed(&s, t);
    }
    term_stack_free(&s.todo);
    return s.given_up ? 0 : s.bytes;
}
