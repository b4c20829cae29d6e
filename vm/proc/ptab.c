/* SPDX-License-Identifier: Apache-2.0 */
/* ptab - lock-free table of processes or of ports; see ptab.h.
 *
 *   insert:  count++ (refused at the limit); take the next number; slot := number mod slots;
 *            write the number into the entry, then slot: NULL -> entry (release)
 *   remove:  slot := NULL (release); count--
 * Proof that insert ends: count <= limit <= slots, so while we hold one count some slot is free or is
 * about to be; numbers are tried in turn, so each slot is met within one round. Two inserters
 * that take different numbers for one slot are decided by the compare-and-swap; the loser goes on
 * and the number it had written is overwritten before anybody could see it.
 * Layer: proc. */
#include "proc/ptab.h"

#include "base/alloc.h"

static size_t ptab_bytes(size_t slots) { return sizeof(Ptab) + slots * sizeof(void *); }

Ptab *ptab_new(size_t limit, unsigned id_bits, size_t id_offset, unsigned id_shift, uint64_t id_tag)
{
    size_t slots = next_power_of_two(limit);
    Ptab *t = mem_alloc_zero(MEM_PTAB, ptab_bytes(slots));
    t->slots = slots;
    t->limit = limit;
    t->id_mask = ((uint64_t)1 << id_bits) - 1;
    t->id_offset = id_offset;
    t->id_shift = id_shift;
    t->id_tag = id_tag;
    return t;
}

void ptab_free(Ptab *t)
{
    mem_free(MEM_PTAB, t, ptab_bytes(t->slots));
}

static uint64_t *id_field(const Ptab *t, void *entry)
{
    return (uint64_t *)((char *)entry + t->id_offset);
}

bool ptab_insert(Ptab *t, void *entry)
{
    if (add_relaxed(&t->count, 1) >= t->limit) {
        sub_relaxed(&t->count, 1);
        return false;
    }
    for (;;) {
        uint64_t id = add_relaxed(&t->next, 1) & t->id_mask;
        _Atomic(void *) *slot = &t->at[id & (t->slots - 1)];
        if (load_relaxed(slot)) continue;
        *id_field(t, entry) = id << t->id_shift | t->id_tag;
        void *none = NULL;
        if (cas_acq_rel(slot, &none, entry)) return true; /* pairs with ptab_lookup */
    }
}

void ptab_remove(Ptab *t, void *entry)
{
    uint64_t id = *id_field(t, entry) >> t->id_shift;
    ASSERT(load_relaxed(&t->at[id & (t->slots - 1)]) == entry);
    store_release(&t->at[id & (t->slots - 1)], NULL);
    sub_relaxed(&t->count, 1);
}

bool ptab_set_next_id(Ptab *t, uint64_t id)
{
    if (id > t->id_mask) return false;
    store_relaxed(&t->scan_all, 1);
    store_relaxed(&t->next, id);
    return true;
}

size_t ptab_scan_end(Ptab *t)
{
    uint64_t next = load_relaxed(&t->next); /* once: it may grow meanwhile */
    return load_relaxed(&t->scan_all) ? t->slots : (size_t)MIN(next, (uint64_t)t->slots);
}
