/* SPDX-License-Identifier: Apache-2.0 */
/* ptab - lock-free table of processes or of ports, by identifier.
 * Identifiers grow; entry = identifier modulo the number of slots, and an occupied slot makes the next
 * number be tried. After the significant bits wrap, old numbers come again (for pids: the serial is the
 * upper part of the number). Readers see an entry or NULL; what they found stays valid
 * until their next quiescent state, since owners free through the epoch.
 *
 * A scan lists what was there when it began, in steps between which the table changes: entries born later are
 * left out (each carries the number of the last scan before its birth), and whoever removes one that a scan has
 * yet to come to adds it to the scan's list.
 * Threads: any. Layer: proc. */
#ifndef JOIST_PROC_PTAB_H
#define JOIST_PROC_PTAB_H

#include "base/atomic.h"
#include "base/buf.h"
#include "base/lock.h"
#include "base/vm.h"

typedef struct Ptab {
    size_t slots;            /* const: power of two, >= limit */
    size_t limit;            /* const: most entries */
    uint64_t id_mask;        /* const: significant bits */
    size_t id_offset;        /* const: where an entry keeps its identifier and `born` (two uint64_t) */
    unsigned id_shift;       /* const: entry's field >> shift is the identifier (tagged terms) */
    uint64_t id_tag;         /* const: low bits of the field */
    atomic_u32_t scan_all;   /* next was set: entries may stand anywhere */
    char apart1[CACHE_LINE]; /* from what each lookup reads */
    atomic_u64_t next;       /* next identifier to try */
    atomic_word_t count;
    char apart2[CACHE_LINE];
    Mutex scan_lock;         /* class PTAB */
    struct PtabScan *scans;  /* scan_lock: those under way */
    atomic_u32_t scan_count; /* of them */
    atomic_u64_t scan_last;  /* number of the last one begun */
    _Atomic(void *) at[];
} Ptab;

/* How processes/0 scans: slots at a time, slots a reduction. */
#define PROCESSES_CHUNK 1024
#define PROCESSES_PER_RED 64

typedef struct PtabScan {
    struct PtabScan *next;   /* scan_lock */
    uint64_t number;         /* const */
    size_t at, end;          /* scan_lock: slots before `at` are done */
    Buf ids;                 /* scan_lock: identifiers (uint64_t) so far, in no order */
} PtabScan;

/* id_offset: offset of the two fields that ptab_insert fills: the term id << shift | tag, and `born`. */
Ptab *ptab_new(size_t limit, unsigned id_bits, size_t id_offset, unsigned id_shift, uint64_t id_tag);
void ptab_free(Ptab *t);
/* Gives the entry an identifier (writes its field) and publishes it. False: the table is full. */
bool ptab_insert(Ptab *t, void *entry) MUST_CHECK;
void ptab_remove(Ptab *t, void *entry);
/* Entry whose identifier field equals `field`, or NULL. */
static inline void *ptab_lookup(const Ptab *t, uint64_t field)
{
    void *e = load_acquire(&t->at[(field >> t->id_shift) & (t->slots - 1)]);
    return e && *(uint64_t *)((char *)e + t->id_offset) == field ? e : NULL;
}
static inline size_t ptab_count(Ptab *t) { return load_relaxed(&t->count); }
/* Entry in slot i (0 .. ptab_scan_end), or NULL. */
static inline void *ptab_slot(const Ptab *t, size_t i) { return load_acquire(&t->at[i]); }
/* Next identifier to try; setting it leaves entries alone. */
static inline uint64_t ptab_next_id(Ptab *t) { return load_relaxed(&t->next) & t->id_mask; }
/* False: not an identifier. */
bool ptab_set_next_id(Ptab *t, uint64_t id);
/* Slots that have ever been used: enough to scan. */
size_t ptab_scan_end(Ptab *t);
void ptab_scan_begin(Ptab *t, PtabScan *s);
/* Go through `slots` more of them; true at the end, where s->ids is complete and changes no more. */
bool ptab_scan_step(Ptab *t, PtabScan *s, size_t slots);
/* Give up what the scan has. */
void ptab_scan_drop(Ptab *t, PtabScan *s);

#endif
