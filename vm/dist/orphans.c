/* SPDX-License-Identifier: Apache-2.0 */
/* orphans - spawn requests with a link whose parent leaves before the answer comes (channel.h). Answer and end of
 * the parent come in any order; the first leaves a record, the second takes it. Layer: dist. */
#include "dist/channel.h"

#include "base/alloc.h"

typedef struct Orphan {
    HashNode link;
    RefNum ref;
    term_t term;         /* child or reason */
    HeapPiece piece;
} Orphan;

static bool has_ref(const HashNode *link, const void *key)
{
    return ref_num_eq(container_of(link, Orphan, link)->ref, *(const RefNum *)key);
}

static uint64_t ref_hash(RefNum r) { return hash_combine(r.low, r.num2); }

static void orphan_free(Orphan *o)
{
    heap_piece_dispose(&o->piece);
    MEM_DELETE(NODE, o);
}

/* The record of the other side, or NULL after leaving one if `leave`. */
static Orphan *meet(Channel *c, uint32_t conn, RefNum ref, term_t t, bool leave)
{
    Orphan *o = MEM_NEW(NODE, Orphan);
    o->ref = ref;
    o->term = heap_piece_copy_all(&o->piece, t);
    mutex_lock(&c->members_lock);
    HashNode *link = hash_take(&c->orphans, ref_hash(ref), has_ref, &ref);
    leave = leave && !link && conn > c->closed_conn;
    if (leave) hash_insert(&c->orphans, &o->link, ref_hash(ref));
    mutex_unlock(&c->members_lock);
    if (!leave) orphan_free(o);
    return link ? container_of(link, Orphan, link) : NULL;
}

static void send_exit(Channel *c, uint32_t conn, term_t parent, term_t child, term_t reason)
{
    Heap h = {0};
    term_t control = heap_tuple3(&h, term_small(24), parent, child);
    channel_send(c, NULL, conn, control, reason);
    heap_dispose(&h);
}

void orphan_child(Channel *c, uint32_t conn, RefNum ref, term_t parent, term_t child)
{
    Orphan *o = meet(c, conn, ref, child, term_is_pid(child));
    if (!o) return;
    if (term_is_pid(child)) send_exit(c, conn, parent, child, o->term);
    orphan_free(o);
}

void orphan_reason(Channel *c, uint32_t conn, RefNum ref, term_t parent, term_t reason)
{
    Orphan *o = meet(c, conn, ref, reason, true);
    if (!o) return;
    send_exit(c, conn, parent, o->term, reason);
    orphan_free(o);
}

void orphans_free(HashTab *t)
{
    HashIter it;
    hash_iter_init(&it, t);
    for (HashNode *link; (link = hash_iter_next(&it));) {
        hash_iter_remove(&it);
        orphan_free(container_of(link, Orphan, link));
    }
    hash_destroy(t);
}
