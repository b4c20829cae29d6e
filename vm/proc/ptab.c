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
 *
 * A scan and a removal: who removes looks at scan_count; if it saw none, the removal counts as before the
 * scan, which may find the entry or not; else lock, and the place of the scan decides who lists it.
 * A scan and an insertion: `born` was read before the entry was published, so who is published before a
 * scan begins has a lower number than the scan. One that read its number before and is published after
 * may be found or not, but whatever its thread inserts afterwards is not.
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
    mutex_init(&t->scan_lock, LOCK_PTAB);
    return t;
}

void ptab_free(Ptab *t)
{
    mutex_destroy(&t->scan_lock);
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
        id_field(t, entry)[1] = atomic_load(&t->scan_last);
        void *none = NULL;
        if (cas_acq_rel(slot, &none, entry)) return true; /* pairs with ptab_lookup */
    }
}

static void scan_add_locked(Ptab *t, PtabScan *s, void *entry)
{
    const uint64_t *id = id_field(t, entry);
    if (id[1] < s->number) buf_append(&s->ids, id, sizeof *id);
}

static void remove_scanned(Ptab *t, void *entry, size_t slot)
{
    mutex_lock(&t->scan_lock);
    for (PtabScan *s = t->scans; s; s = s->next)
        if (slot >= s->at && slot < s->end) scan_add_locked(t, s, entry);
    store_release(&t->at[slot], NULL);
    mutex_unlock(&t->scan_lock);
}

void ptab_remove(Ptab *t, void *entry)
{
    uint64_t id = *id_field(t, entry) >> t->id_shift;
    size_t slot = id & (t->slots - 1);
    ASSERT(load_relaxed(&t->at[slot]) == entry);
    if (UNLIKELY(atomic_load(&t->scan_count)))
        remove_scanned(t, entry, slot);
    else
        store_release(&t->at[slot], NULL);
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

void ptab_scan_begin(Ptab *t, PtabScan *s)
{
    buf_init(&s->ids, MEM_PTAB);
    s->at = 0;
    mutex_lock(&t->scan_lock);
    s->next = t->scans;
    t->scans = s;
    atomic_fetch_add(&t->scan_count, 1);
    s->number = atomic_fetch_add(&t->scan_last, 1) + 1;
    s->end = ptab_scan_end(t);
    mutex_unlock(&t->scan_lock);
}

static void scan_end_locked(Ptab *t, PtabScan *scan)
{
    PtabScan **s = &t->scans;
    while (*s && *s != scan) s = &(*s)->next;
    if (!*s) return;
    *s = scan->next;
    atomic_fetch_sub(&t->scan_count, 1);
}

bool ptab_scan_step(Ptab *t, PtabScan *s, size_t slots)
{
    mutex_lock(&t->scan_lock);
    for (size_t to = MIN(s->end, s->at + slots); s->at < to; s->at++) {
        void *entry = ptab_slot(t, s->at);
        if (entry) scan_add_locked(t, s, entry);
    }
    bool done = s->at == s->end;
    if (done) scan_end_locked(t, s);
    mutex_unlock(&t->scan_lock);
    return done;
}

void ptab_scan_drop(Ptab *t, PtabScan *s)
{
    mutex_lock(&t->scan_lock);
    scan_end_locked(t, s);
    mutex_unlock(&t->scan_lock);
    buf_free(&s->ids);
}
