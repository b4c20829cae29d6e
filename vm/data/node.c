/* SPDX-License-Identifier: Apache-2.0 */
/* node - see node.h. Layer: data. */
#include "data/node.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/weak.h"
#include "data/binary.h"
#include "term/atom.h"

typedef struct NodeKey {
    term_t name;
    uint32_t creation;
} NodeKey;

static bool node_matches(const HashNode *link, const void *key)
{
    const Node *n = container_of(link, Node, link);
    const NodeKey *k = key;
    return n->name == k->name && n->creation == k->creation;
}

#define SWEEP_AT_LEAST 256

static Node *get_locked(NodeTable *t, term_t name, uint32_t creation)
{
    NodeKey key = {name, creation};
    uint64_t hash = hash_combine(name, creation);
    HashNode *link = hash_find(&t->nodes, hash, node_matches, &key);
    Node *n = link ? container_of(link, Node, link) : MEM_NEW(NODE, Node);
    node_inc(n);
    n->unused_since_ns = NODE_USED;
    if (link) return n;
    n->name = name;
    n->creation = creation;
    n->table = t;
    hash_insert(&t->nodes, &n->link, hash);
    return n;
}

/* Only get_locked makes a reference where there is none, so under the lock none means that nobody has one. */
static bool is_over(Node *n, int64_t now)
{
    if (__atomic_load_n((int64_t *)&n->head.refs, __ATOMIC_ACQUIRE) > 0) {
        n->unused_since_ns = NODE_USED;
        return false;
    }
    if (n->unused_since_ns == NODE_USED) n->unused_since_ns = now;
    return now - n->unused_since_ns >= load_relaxed(&n->table->keep_ns);
}

/* Takes those out that nobody needs; they are linked by next_dead. */
static Node *sweep_locked(NodeTable *t)
{
    Node *dead = NULL;
    int64_t now = clock_monotonic_ns();
    HashIter it;
    hash_iter_init(&it, &t->nodes);
    for (HashNode *link; (link = hash_iter_next(&it));) {
        Node *n = container_of(link, Node, link);
        if (!is_over(n, now)) continue;
        hash_iter_remove(&it);
        n->next_dead = dead;
        dead = n;
    }
    t->sweep_at = MAX(2 * hash_count(&t->nodes), (size_t)SWEEP_AT_LEAST);
    return dead;
}

static void node_free(void *arg) { MEM_DELETE(NODE, (Node *)arg); }

static void free_later(Vm *vm, Node *dead)
{
    for (Node *next; dead; dead = next) {
        next = dead->next_dead;
        epoch_defer(vm->epoch, &dead->defer, node_free, dead);
    }
}

void node_sweep(Vm *vm)
{
    NodeTable *t = node_table(vm);
    mutex_lock(&t->lock);
    Node *dead = sweep_locked(t);
    mutex_unlock(&t->lock);
    free_later(vm, dead);
}

void node_table_init(NodeTable *t)
{
    mutex_init(&t->lock, LOCK_SYSTEM);
    hash_init(&t->nodes, MEM_NODE, 0);
    atomic_init(&t->keep_ns, NODE_KEEP_NS);
    t->sweep_at = SWEEP_AT_LEAST;
    mutex_lock(&t->lock);
    Node *self = get_locked(t, atom_from_cstr("nonode@nohost"), 0);
    mutex_unlock(&t->lock);
    atomic_store_explicit(&t->self, self, memory_order_release);
}

Node *node_get(Vm *vm, term_t name, uint32_t creation)
{
    NodeTable *t = node_table(vm);
    ASSERT(epoch_is_reading());
    mutex_lock(&t->lock);
    Node *n = get_locked(t, name, creation);
    Node *dead = hash_count(&t->nodes) >= t->sweep_at ? sweep_locked(t) : NULL;
    mutex_unlock(&t->lock);
    free_later(vm, dead);
    return n;
}

void node_set_self(Vm *vm, term_t name, uint32_t creation)
{
    Node *n = node_get(vm, name, creation);
    node_dec(atomic_exchange_explicit(&node_table(vm)->self, n, memory_order_acq_rel));
}

int node_compare(const Node *a, const Node *b)
{
    if (a == b) return 0;
    if (!a) a = atomic_load_explicit(&b->table->self, memory_order_acquire);
    if (!b) b = atomic_load_explicit(&a->table->self, memory_order_acquire);
    if (a->name != b->name) return atom_compare(a->name, b->name);
    return a->creation == b->creation ? 0 : a->creation < b->creation ? -1 : 1;
}

void node_each(Vm *vm, void (*fn)(Node *n, void *ctx), void *ctx)
{
    NodeTable *t = node_table(vm);
    mutex_lock(&t->lock);
    HashIter it;
    hash_iter_init(&it, &t->nodes);
    for (HashNode *link; (link = hash_iter_next(&it));) fn(container_of(link, Node, link), ctx);
    mutex_unlock(&t->lock);
}

unsigned ref_numbers(term_t ref, uint32_t numbers[REF_NUMBERS_MAX])
{
    if (term_is_local_ref(ref)) {
        RefNum r = ref_num(ref);
        numbers[0] = (uint32_t)r.low;
        numbers[1] = (uint32_t)(r.low >> 32);
        numbers[2] = r.num2;
        return 3;
    }
    const ExtThing *e = ext_ptr(ref);
    unsigned count = MIN((unsigned)e->data[0], REF_NUMBERS_MAX);
    for (unsigned i = 0; i < count; i++)
        numbers[i] = (uint32_t)(e->data[1 + i / 2] >> (i % 2 * 32));
    return count;
}

unsigned ref_wire_numbers(term_t ref, uint32_t numbers[REF_NUMBERS_MAX])
{
    unsigned n = ref_numbers(ref, numbers);
    if (!term_is_local_ref(ref)) return n;
    if (ref_is_magic(ref)) weak_add(numbers, magic_ref_binary(ref)); /* local_ref finds it again */
    if (!ref_is_alias(ref)) return n;
    uint64_t id = local_pid_id(alias_ref_pid(ref));
    numbers[3] = (uint32_t)id;
    numbers[4] = (uint32_t)(id >> 32);
    return REF_NUMBERS_MAX;
}

/* ---- construction ---- */

/* A reference to the node, or NULL when (name, creation) is this node. A creation of 0 names any incarnation
 * that this node's own name had. */
static Node *foreign(Vm *vm, term_t name, uint32_t creation)
{
    Node *self = node_self(vm);
    if (self->name == name && (self->creation == creation || creation == 0)) return NULL;
    return node_get(vm, name, creation);
}

/* The reference to the node is the object's from now on. */
static term_t ext_put(Heap *h, Node *node, enum BoxedTag tag, const uint64_t *data, size_t n)
{
    ExtThing *e = (ExtThing *)heap_alloc(h, 3 + n);
    e->header = HEADER(2 + n, tag);
    e->node = node;
    memcpy(e->data, data, n * sizeof *data);
    heap_link_off_heap(h, (OffHeap *)e);
    return term_make_boxed((term_t *)e);
}

term_t node_make_pid(Heap *h, Vm *vm, term_t name, uint32_t number, uint32_t serial, uint32_t creation)
{
    Node *node = foreign(vm, name, creation);
    if (node)
        return ext_put(h, node, BOXED_EXT_PID, (uint64_t[]){number | (uint64_t)serial << 32}, 1);
    if (number >> PID_NUMBER_BITS || serial >> PID_SERIAL_BITS) return TERM_NONE;
    return term_local_pid(number | (uint64_t)serial << PID_NUMBER_BITS);
}

term_t node_make_port(Heap *h, Vm *vm, term_t name, uint64_t id, uint32_t creation)
{
    Node *node = foreign(vm, name, creation);
    if (node) return ext_put(h, node, BOXED_EXT_PORT, &id, 1);
    return id >> 60 ? TERM_NONE : term_local_port(id);
}

#define REF_FIRST_MAX (1u << 18) /* local references use 18 bits of the first number */

static bool hold_binary(void *b) { return binary_ref_try(b); }

/* Five numbers: an alias, with the identifier of its process in the last two (ref_wire_numbers). */
static term_t local_ref(Heap *h, const uint32_t *numbers, unsigned count)
{
    uint32_t n[3] = {0};
    if (numbers[0] >= REF_FIRST_MAX || (count > 3 && count != REF_NUMBERS_MAX)) return TERM_NONE;
    memcpy(n, numbers, MIN(count, 3u) * sizeof *numbers);
    RefNum r = ref_num_of(n[0], n[1], n[2]);
    if (count <= 3) {
        Binary *b = weak_find(n, hold_binary); /* it was magic when it was encoded */
        return b ? heap_magic_ref(h, b, r) : ref_put(heap_alloc(h, REF_WORDS), r);
    }
    uint64_t id = numbers[3] | (uint64_t)numbers[4] << 32;
    if (id >> (PID_NUMBER_BITS + PID_SERIAL_BITS)) return TERM_NONE;
    return alias_ref_put(heap_alloc(h, ALIAS_REF_WORDS), r, term_local_pid(id));
}

term_t node_make_ref(Heap *h, Vm *vm, term_t name, uint32_t creation, const uint32_t *numbers,
                     unsigned count)
{
    if (count == 0 || count > REF_NUMBERS_MAX) return TERM_NONE;
    Node *node = foreign(vm, name, creation);
    if (!node) return local_ref(h, numbers, count);
    uint64_t data[1 + (REF_NUMBERS_MAX + 1) / 2] = {count};
    for (unsigned i = 0; i < count; i++) data[1 + i / 2] |= (uint64_t)numbers[i] << (i % 2 * 32);
    return ext_put(h, node, BOXED_EXT_REF, data, 1 + (count + 1) / 2);
}
