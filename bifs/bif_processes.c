/* SPDX-License-Identifier: Apache-2.0 */
/* bif_processes - processes/0: those there were when it was called, collected and made a list of in slices.
 * Semantics: erlang(3) processes/0: one that exits is listed until its exit signals are sent. Layer: bifs. */
#include "bifs/bif.h"

#include "heap/heap.h"
#include "proc/ptab.h"

#define CHUNK_REDS (PROCESSES_CHUNK / PROCESSES_PER_RED)

typedef struct ListingState {
    NativeState base;
    Ptab *table;
    PtabScan scan;
    bool scanned;
    size_t left;  /* of the identifiers, when scanned */
    term_t list;
} ListingState;

static void listing_destroy(NativeState *base)
{
    ListingState *s = (ListingState *)base;
    ptab_scan_drop(s->table, &s->scan);
    MEM_DELETE(TEMP, s);
}

static void listing_each_root(NativeState *base, void (*visit)(void *ctx, term_t *first, size_t n), void *ctx)
{
    visit(ctx, &((ListingState *)base)->list, 1);
}

static void listing_begin(Process *p)
{
    ListingState *s = MEM_NEW(TEMP, ListingState);
    s->base.destroy = listing_destroy;
    s->base.each_root = listing_each_root;
    s->table = p->vm->procs->procs;
    s->list = TERM_NIL;
    ptab_scan_begin(s->table, &s->scan);
    p->native_state = &s->base;
}

/* False: the slice is used up. */
static bool collect(Process *p, ListingState *s)
{
    while (!s->scanned) {
        s->scanned = ptab_scan_step(s->table, &s->scan, PROCESSES_CHUNK);
        bool out = process_bump_reds(p, CHUNK_REDS);
        if (s->scanned)
            s->left = s->scan.ids.len / sizeof(term_t);
        else if (out)
            return false;
    }
    return true;
}

static bool make_list(Process *p, ListingState *s)
{
    size_t n = MIN(s->left, (size_t)MAX(p->reds, 10) * PROCESSES_PER_RED);
    const term_t *ids = (const term_t *)(const void *)s->scan.ids.data;
    process_charge(p, n / PROCESSES_PER_RED);
    while (n-- > 0) s->list = heap_cons(&p->heap, ids[--s->left], s->list);
    return s->left == 0;
}

static term_t listing_go_on(Process *p)
{
    ListingState *s = (ListingState *)p->native_state;
    if (!collect(p, s) || !make_list(p, s)) return bif_yield(p);
    term_t list = s->list;
    process_drop_native_state(p);
    return list;
}

/* A listing that takes more than a slice goes on here: what a program sees of the caller meanwhile. */
BIF(erlang, ptab_list_continue, 2, 0)
{
    NativeState *s = p->native_state;
    if (!s || s->destroy != listing_destroy) return bif_error(p, EXC_BADARG);
    return listing_go_on(p);
}

BIF(erlang, processes, 0, 0)
{
    listing_begin(p);
    ListingState *s = (ListingState *)p->native_state;
    if (collect(p, s) && s->left <= PROCESSES_CHUNK) {
        (void)make_list(p, s);
        term_t list = s->list;
        process_drop_native_state(p);
        return list;
    }
    return bif_trap_mfa(p, am_erlang, am_ptab_list_continue, 2, (term_t[]){am_processes, TERM_NIL});
}
