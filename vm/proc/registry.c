/* SPDX-License-Identifier: Apache-2.0 */
/* registry - see registry.h.
 *
 *   pages[atom / 1024][atom % 1024] = pid or port, TERM_NONE when the name is free
 *   by_id: pid or port -> name, for ports and for unregistering at exit
 * Readers load the page (acquire) and the entry (acquire) without a lock. Pages are never freed
 * while the VM lives. A process keeps its RegName in p->reg under the same lock.
 * Layer: proc. */
#include "proc/registry.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "base/hashtab.h"
#include "term/atom.h"

#define PAGE_ATOMS 1024

typedef struct RegName {
    HashNode link;           /* by_id */
    term_t name, id;
} RegName;

typedef struct RegPage {
    _Atomic(term_t) at[PAGE_ATOMS];
} RegPage;

typedef struct Registry {
    Mutex lock;
    HashTab by_id;           /* lock */
    RegPage *_Atomic pages[];
} Registry;

static size_t registry_bytes(size_t pages)
{
    return sizeof(Registry) + pages * sizeof(RegPage *);
}

void registry_init(Vm *vm)
{
    size_t pages = atom_limit() / PAGE_ATOMS + 1;
    Registry *r = mem_alloc_zero(MEM_REGISTRY, registry_bytes(pages));
    mutex_init(&r->lock, LOCK_REGISTRY);
    hash_init(&r->by_id, MEM_REGISTRY, 32);
    vm->procs->registry = r;
}

term_t registry_find(Vm *vm, term_t name)
{
    Registry *r = vm->procs->registry;
    word_t i = atom_index(name);
    RegPage *page = load_acquire(&r->pages[i / PAGE_ATOMS]);
    return page ? load_acquire(&page->at[i % PAGE_ATOMS]) : TERM_NONE;
}

Process *registry_find_process(Vm *vm, term_t name)
{
    term_t id = registry_find(vm, name);
    return term_is_local_pid(id) ? process_lookup(vm, id) : NULL;
}

static _Atomic(term_t) *slot_locked(Registry *r, term_t name)
{
    word_t i = atom_index(name);
    RegPage *page = load_relaxed(&r->pages[i / PAGE_ATOMS]);
    if (!page) {
        page = mem_alloc_zero(MEM_REGISTRY, sizeof(RegPage));
        store_release(&r->pages[i / PAGE_ATOMS], page);
    }
    return &page->at[i % PAGE_ATOMS];
}

static bool id_equal(const HashNode *node, const void *key)
{
    return container_of(node, RegName, link)->id == *(const term_t *)key;
}

static RegName *by_id_locked(Registry *r, term_t id)
{
    HashNode *n = hash_find(&r->by_id, hash_mix(id), id_equal, &id);
    return n ? container_of(n, RegName, link) : NULL;
}

static enum RegisterResult add_locked(Registry *r, term_t name, term_t id)
{
    _Atomic(term_t) *slot = slot_locked(r, name);
    if (load_relaxed(slot) != TERM_NONE) return REG_NAME_TAKEN;
    if (by_id_locked(r, id)) return REG_HAS_NAME;
    RegName *n = MEM_NEW(REGISTRY, RegName);
    n->name = name;
    n->id = id;
    hash_insert(&r->by_id, &n->link, hash_mix(id));
    store_release(slot, id);
    return REG_OK;
}

/* PS_EXITING is set before the dying process looks for PS_NAMED and takes the lock to give up its name: so either we
 * see it here, or it sees the name there. */
enum RegisterResult registry_add_process(Vm *vm, term_t name, Process *p)
{
    Registry *r = vm->procs->registry;
    or_acq_rel(&p->state, PS_NAMED);
    mutex_lock(&r->lock);
    enum RegisterResult result = REG_DEAD;
    if (!process_is_exiting(p)) result = add_locked(r, name, p->id);
    if (result == REG_OK) p->reg = by_id_locked(r, p->id);
    mutex_unlock(&r->lock);
    return result;
}

enum RegisterResult registry_add_port(Vm *vm, term_t name, term_t port)
{
    Registry *r = vm->procs->registry;
    mutex_lock(&r->lock);
    enum RegisterResult result = add_locked(r, name, port);
    mutex_unlock(&r->lock);
    return result;
}

/* The structure of a registered process cannot go away while we hold the lock: its exit needs it. */
static void drop_locked(Vm *vm, Registry *r, RegName *n)
{
    store_release(slot_locked(r, n->name), TERM_NONE);
    hash_remove(&r->by_id, &n->link);
    Process *p = term_is_local_pid(n->id) ? process_lookup(vm, n->id) : NULL;
    if (p) p->reg = NULL;
    MEM_DELETE(REGISTRY, n);
}

term_t registry_remove(Vm *vm, term_t name)
{
    Registry *r = vm->procs->registry;
    mutex_lock(&r->lock);
    term_t id = registry_find(vm, name);
    if (id != TERM_NONE) drop_locked(vm, r, by_id_locked(r, id));
    mutex_unlock(&r->lock);
    return id;
}

term_t registry_remove_id(Vm *vm, term_t id)
{
    Registry *r = vm->procs->registry;
    mutex_lock(&r->lock);
    RegName *n = by_id_locked(r, id);
    term_t name = n ? n->name : TERM_NONE;
    if (n) drop_locked(vm, r, n);
    mutex_unlock(&r->lock);
    return name;
}

term_t registry_remove_process(Vm *vm, Process *p)
{
    Registry *r = vm->procs->registry;
    if (!(process_state(p) & PS_NAMED)) return TERM_NONE;
    mutex_lock(&r->lock);
    RegName *n = p->reg;
    term_t name = n ? n->name : TERM_NONE;
    if (n) drop_locked(vm, r, n);
    mutex_unlock(&r->lock);
    return name;
}

term_t registry_name_of(Vm *vm, term_t id)
{
    Registry *r = vm->procs->registry;
    mutex_lock(&r->lock);
    RegName *n = by_id_locked(r, id);
    term_t name = n ? n->name : TERM_NONE;
    mutex_unlock(&r->lock);
    return name;
}

term_t registry_names(Vm *vm, Heap *h)
{
    Registry *r = vm->procs->registry;
    term_t list = TERM_NIL;
    mutex_lock(&r->lock);
    HashIter it;
    hash_iter_init(&it, &r->by_id);
    for (HashNode *n; (n = hash_iter_next(&it)) != NULL;)
        list = heap_cons(h, container_of(n, RegName, link)->name, list);
    mutex_unlock(&r->lock);
    return list;
}
