/* SPDX-License-Identifier: Apache-2.0 */
/* node - identity of nodes: what external pids, ports and references point to.
 * A Node is found by name and creation; there is one per pair, so that pointer equality is node
 * equality. Each external object on a heap holds one reference. A node to which nothing refers stays in the
 * table for a while; then it goes when somebody asks for the known ones, or when the table has grown.
 * Whoever has found one without a reference may look at it to the end of the slice.
 * vm->dist begins with a NodeTable (dist/node.h adds the channels).
 * Threads: any; look-up takes the table's lock. Layer: data. */
#ifndef JOIST_DATA_NODE_H
#define JOIST_DATA_NODE_H

#include "base/epoch.h"
#include "base/hashtab.h"
#include "base/lock.h"
#include "base/vm.h"
#include "heap/heap.h"

typedef struct Node Node;
struct Node {
    NodeHead head;           /* counts the external objects; must be first: heap.h */
    HashNode link;           /* table lock */
    term_t name;             /* const: atom */
    uint32_t creation;       /* const */
    struct NodeTable *table; /* const: where `self` is found when only terms are at hand */
    void *channel;           /* dist/: connection entry of this name, or NULL */
    int64_t unused_since_ns; /* table lock: when it was first seen without references; NODE_USED: it was not */
    EpochNode defer;
    Node *next_dead;
};

typedef struct NodeTable {
    Mutex lock;              /* class LOCK_SYSTEM: a leaf */
    HashTab nodes;           /* lock */
    _Atomic(Node *) self;    /* this node; replaced by erlang:setnode/2 */
    _Atomic(int64_t) keep_ns; /* how long nodes stay without references */
    size_t sweep_at;         /* lock: so many nodes are a reason to look for such */
} NodeTable;

static inline NodeTable *node_table(const Vm *vm) { return (NodeTable *)vm->dist; }

void node_table_init(NodeTable *t);
#define NODE_USED INT64_MAX
#define NODE_KEEP_NS (60 * INT64_C(1000000000))

/* Find or create; the caller gets a reference (node_dec). */
Node *node_get(Vm *vm, term_t name, uint32_t creation);
/* This node (nonode@nohost, creation 0 until set). */
static inline Node *node_self(const Vm *vm)
{
    return atomic_load_explicit(&node_table(vm)->self, memory_order_acquire);
}
static inline term_t node_self_name(const Vm *vm) { return node_self(vm)->name; }
void node_set_self(Vm *vm, term_t name, uint32_t creation);
/* Order of the nodes of two identifiers (ident_node: NULL is this node): by name, then creation. */
int node_compare(const Node *a, const Node *b);
/* Drop nodes that have been without references for long enough. */
void node_sweep(Vm *vm);
/* Calls fn for every node under the lock. */
void node_each(Vm *vm, void (*fn)(Node *n, void *ctx), void *ctx);

/* ---- numbers inside identifiers ---- */
/* OTP 25 shows a pid as <node.number.serial>: 15 bits and 13 bits of the local identifier. */
#define PID_NUMBER_BITS 15
#define PID_SERIAL_BITS 13
static inline uint32_t pid_number(term_t pid)
{
    return term_is_local_pid(pid) ? (uint32_t)(local_pid_id(pid) & ((1u << PID_NUMBER_BITS) - 1))
                                  : (uint32_t)ext_ptr(pid)->data[0];
}
static inline uint32_t pid_serial(term_t pid)
{
    return term_is_local_pid(pid) ? (uint32_t)(local_pid_id(pid) >> PID_NUMBER_BITS)
                                  : (uint32_t)(ext_ptr(pid)->data[0] >> 32);
}
static inline uint64_t port_number(term_t port)
{
    return term_is_local_port(port) ? local_port_id(port) : ext_ptr(port)->data[0];
}
/* Numbers of any reference; at most REF_NUMBERS_MAX. Returns how many. */
#define REF_NUMBERS_MAX 5
unsigned ref_numbers(term_t ref, uint32_t numbers[REF_NUMBERS_MAX]);
/* The numbers as sent to other nodes: an alias carries its process, so that a message to a copy of it
 * that went through the external format still finds the way. */
unsigned ref_wire_numbers(term_t ref, uint32_t numbers[REF_NUMBERS_MAX]);
/* Node of an identifier; NULL means this node (no VM needed). */
static inline Node *ident_node(term_t t)
{
    return term_is_boxed(t) && HEADER_SUBTAG(boxed_header(t)) >= BOXED_EXT_PID ? ext_ptr(t)->node
                                                                               : NULL;
}

/* ---- construction; the local form when (name, creation) is this node ---- */
term_t node_make_pid(Heap *h, Vm *vm, term_t name, uint32_t number, uint32_t serial, uint32_t creation);
term_t node_make_port(Heap *h, Vm *vm, term_t name, uint64_t id, uint32_t creation);
term_t node_make_ref(Heap *h, Vm *vm, term_t name, uint32_t creation, const uint32_t *numbers,
                     unsigned count);

#endif
