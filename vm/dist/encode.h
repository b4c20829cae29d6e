/* SPDX-License-Identifier: Apache-2.0 */
/* encode - from a signal to packets: control tuple and payload in the external format, atoms replaced by
 * indices into a table that goes with the packet, large payloads cut into fragments.
 * Layer: dist. */
#ifndef JOIST_DIST_ENCODE_H
#define JOIST_DIST_ENCODE_H

#include "dist/channel.h"
#include "etf/etf.h"

#define FRAGMENT_BYTES (64 * 1024)
#define ATOM_REFS_MAX 255
#define ATOM_REF_SLOTS 512

/* Atoms of one packet. */
typedef struct AtomRefs {
    unsigned count;
    term_t atoms[ATOM_REFS_MAX];
    uint16_t slots[ATOM_REF_SLOTS]; /* index + 1 of an atom, open addressing; 0: free */
} AtomRefs;

typedef struct DistEncode {
    Vm *vm;
    uint64_t flags;
    AtomRefs *refs;          /* NULL: atoms stand in the text */
    Buf out;
    size_t payload_at;       /* where the control tuple ends */
    EtfEncode *payload;      /* under way */
} DistEncode;

/* Turn {Op, ...} into the form that a node with these capabilities understands; both in and out, as the
 * payload may become part of the tuple. False: it has no form for that. */
bool control_for_flags(Heap *h, uint64_t flags, term_t *control, term_t *payload);
/* Begin with the control tuple, which is written at once. */
void dist_encode_start(DistEncode *e, Vm *vm, uint64_t flags, term_t control, term_t payload);
/* ETF_MORE: call again. roots: see etf_encode_each_root. */
enum EtfResult dist_encode_run(DistEncode *e, size_t budget);
/* The packets, in order; e is empty afterwards. `sequence` numbers the fragments. *bytes: their size. */
DistItem *dist_encode_finish(DistEncode *e, uint64_t sequence, size_t *bytes);
void dist_encode_free(DistEncode *e);
void dist_item_free(DistItem *i);
/* Append the header of a packet for the other end, whose cache is like this one. */
void dist_header_put(Buf *out, const DistItem *i, AtomCache *cache);

#endif
