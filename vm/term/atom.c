/* SPDX-License-Identifier: Apache-2.0 */
/* atom - the atom table.
 * Two structures: texts in chunks that never move (index -> AtomText), and a hash table of
 * indexes with open addressing that is replaced as a whole when it gets full.
 * Threads:    readers take no lock. A writer, under `lock`, fills the text, then the chunk's
 *             slot, then the hash slot, each with release; readers pair with acquire. A reader
 *             of a replaced hash table can only miss new atoms: a miss is repeated under lock.
 * Ownership:  replaced hash tables stay allocated: together they are smaller than the present.
 * Layer: term. */
#include "term/atom.h"

#include "base/alloc.h"
#include "base/atomic.h"
#include "base/hash.h"
#include "base/lock.h"
#include "base/utf8.h"

#define FIRST_SLOTS 16384u
#define SLOT_FREE UINT32_MAX

typedef struct HashSlots {
    size_t mask;
    struct HashSlots *replaced; /* the smaller one before: readers may still look into it */
    atomic_u32_t slot[]; /* atom index or SLOT_FREE */
} HashSlots;

static struct {
    size_t chunk_count;        /* const after init */
    size_t limit;              /* const after init */
    HashSlots *_Atomic hash;
    atomic_word_t count;       /* written under lock */
    atomic_word_t bytes;       /* memory used by texts and tables */
    Mutex lock;
} table = {.lock = MUTEX_INIT(ATOM_TABLE)};

AtomTextSlot *_Atomic *atom_text_chunks;

/* The PJW hash (Aho, Sethi, Ullman: Compilers) over the characters as phash/2 counts them: one
 * step per Latin-1 character, one per UTF-8 byte of all others. */
static uint32_t text_hash(const uint8_t *p, size_t n)
{
    uint32_t h = 0;
    for (const uint8_t *end = p + n; p < end;) {
        uint32_t c = *p++;
        if ((c == 0xC2 || c == 0xC3) && p < end)
            c = (c & 3) << 6 | (*p++ & 0x3F);
        h = (h << 4) + c;
        uint32_t high = h & 0xF0000000u;
        h = (h ^ high >> 24) & ~high;
    }
    return h;
}

static size_t slot_of(const HashSlots *t, uint32_t hash)
{
    return (size_t)hash_mix(hash) & t->mask;
}

/* Index of the text, or SLOT_FREE; *at is the slot where the search ended. */
static uint32_t probe(HashSlots *t, uint32_t hash, const char *utf8, size_t bytes, size_t *at)
{
    for (size_t i = slot_of(t, hash);; i = (i + 1) & t->mask) {
        uint32_t index = load_acquire(&t->slot[i]);
        *at = i;
        if (index == SLOT_FREE)
            return SLOT_FREE;
        const AtomText *text = atom_text_at(index);
        if (text->hash == hash && text->bytes == bytes && memcmp(text->text, utf8, bytes) == 0)
            return index;
    }
}

static HashSlots *hash_slots_new(size_t slots)
{
    size_t size = sizeof(HashSlots) + slots * sizeof(atomic_u32_t);
    HashSlots *t = mem_alloc(MEM_ATOM, size);
    t->mask = slots - 1;
    t->replaced = NULL;
    for (size_t i = 0; i < slots; i++)
        atomic_init(&t->slot[i], SLOT_FREE);
    add_relaxed(&table.bytes, size);
    return t;
}

static void hash_slots_grow_locked(void)
{
    HashSlots *old = load_relaxed(&table.hash);
    HashSlots *new = hash_slots_new((old->mask + 1) * 2);
    for (size_t i = 0; i <= old->mask; i++) {
        uint32_t index = load_relaxed(&old->slot[i]);
        if (index == SLOT_FREE)
            continue;
        size_t to = slot_of(new, atom_text_at(index)->hash);
        while (load_relaxed(&new->slot[to]) != SLOT_FREE)
            to = (to + 1) & new->mask;
        store_relaxed(&new->slot[to], index);
    }
    new->replaced = old;
    store_release(&table.hash, new);
}

/* Bytes of the first 4 characters' encoding, as a number that orders like the text. */
static uint32_t text_order(const char *utf8, size_t bytes)
{
    uint32_t order = 0;
    for (size_t i = 0; i < 4; i++)
        order = order << 8 | (i < bytes ? (uint8_t)utf8[i] : 0);
    return order;
}

/* Characters of valid UTF-8, and whether all of them are below 256. */
static size_t count_chars(const char *utf8, size_t bytes, bool *latin1)
{
    size_t chars = 0;
    *latin1 = true;
    for (size_t i = 0; i < bytes; i++) {
        uint8_t c = (uint8_t)utf8[i];
        chars += (c & 0xC0) != 0x80;
        if (c > 0xC3)
            *latin1 = false;
    }
    return chars;
}

static const AtomText *text_new(const char *utf8, size_t bytes, size_t chars, bool latin1,
                                uint32_t hash)
{
    AtomText *t = mem_alloc(MEM_ATOM, sizeof *t + bytes);
    *t = (AtomText){
        .hash = hash,
        .bytes = (uint16_t)bytes,
        .chars = (uint16_t)chars,
        .latin1_chars = latin1 ? (int32_t)chars : -1,
        .order = text_order(utf8, bytes),
    };
    memcpy(t->text, utf8, bytes);
    add_relaxed(&table.bytes, sizeof *t + bytes);
    return t;
}

static void publish_text_locked(word_t index, const AtomText *text)
{
    AtomTextSlot *chunk = load_relaxed(&atom_text_chunks[index / ATOM_CHUNK]);
    if (chunk == NULL) {
        chunk = mem_alloc_zero(MEM_ATOM, ATOM_CHUNK * sizeof *chunk);
        add_relaxed(&table.bytes, ATOM_CHUNK * sizeof *chunk);
        store_release(&atom_text_chunks[index / ATOM_CHUNK], chunk);
    }
    store_release(&chunk[index % ATOM_CHUNK], text);
}

/* The text is valid and not in the hash table that the caller probed; it may be by now. */
static term_t insert_locked(const char *utf8, size_t bytes, size_t chars, bool latin1,
                            uint32_t hash)
{
    ASSERT_LOCKED(&table.lock);
    size_t at;
    uint32_t index = probe(load_relaxed(&table.hash), hash, utf8, bytes, &at);
    if (index != SLOT_FREE)
        return term_atom(index);
    word_t count = load_relaxed(&table.count);
    if (count >= table.limit)
        return TERM_NONE;
    publish_text_locked(count, text_new(utf8, bytes, chars, latin1, hash));
    store_release(&load_relaxed(&table.hash)->slot[at], (uint32_t)count);
    store_release(&table.count, count + 1);
    if ((count + 1) * 2 > load_relaxed(&table.hash)->mask)
        hash_slots_grow_locked();
    return term_atom(count);
}

void atom_table_init(size_t limit)
{
    if (atom_text_chunks != NULL)
        return;
    table.limit = MAX(limit, (size_t)atom_predefined_count + 8192);
    table.chunk_count = table.limit / ATOM_CHUNK + 1;
    atom_text_chunks = mem_alloc_zero(MEM_ATOM, table.chunk_count * sizeof *atom_text_chunks);
    add_relaxed(&table.bytes, table.chunk_count * sizeof *atom_text_chunks);
    store_release(&table.hash, hash_slots_new(FIRST_SLOTS));
    for (word_t i = 0; i < atom_predefined_count; i++) {
        term_t t = atom_from_cstr(atom_predefined_names[i]);
        CHECK(t == term_atom(i));
    }
}

term_t atom_find(const char *utf8, size_t bytes)
{
    uint32_t hash = text_hash((const uint8_t *)utf8, bytes);
    size_t at;
    uint32_t index = probe(load_acquire(&table.hash), hash, utf8, bytes, &at);
    if (index != SLOT_FREE)
        return term_atom(index);
    mutex_lock(&table.lock);
    index = probe(load_relaxed(&table.hash), hash, utf8, bytes, &at);
    mutex_unlock(&table.lock);
    return index == SLOT_FREE ? TERM_NONE : term_atom(index);
}

term_t atom_intern(const char *utf8, size_t bytes)
{
    if (bytes > ATOM_MAX_BYTES)
        return TERM_NONE;
    uint32_t hash = text_hash((const uint8_t *)utf8, bytes);
    size_t at;
    uint32_t index = probe(load_acquire(&table.hash), hash, utf8, bytes, &at);
    if (index != SLOT_FREE)
        return term_atom(index);
    bool latin1;
    size_t chars = count_chars(utf8, bytes, &latin1);
    if (chars > ATOM_MAX_CHARS || !utf8_is_valid((const uint8_t *)utf8, bytes))
        return TERM_NONE;
    mutex_lock(&table.lock);
    term_t t = insert_locked(utf8, bytes, chars, latin1, hash);
    mutex_unlock(&table.lock);
    return t;
}

term_t atom_intern_latin1(const unsigned char *text, size_t bytes)
{
    uint8_t utf8[2 * ATOM_MAX_CHARS];
    if (bytes > ATOM_MAX_CHARS)
        return TERM_NONE;
    return atom_intern((char *)utf8, utf8_from_latin1(text, bytes, utf8));
}

term_t atom_from_cstr(const char *text)
{
    return atom_intern(text, strlen(text));
}

size_t atom_count(void)
{
    return load_acquire(&table.count);
}

size_t atom_limit(void)
{
    return table.limit;
}

bool atom_table_full(void)
{
    return atom_count() >= table.limit;
}

size_t atom_table_bytes(void)
{
    return load_relaxed(&table.bytes);
}

int atom_compare_texts(const AtomText *x, const AtomText *y)
{
    int d = memcmp(x->text, y->text, MIN(x->bytes, y->bytes));
    return d != 0 ? d : (int)x->bytes - (int)y->bytes;
}

bool atom_equals_cstr(term_t atom, const char *text)
{
    const AtomText *t = atom_text(atom);
    return strlen(text) == t->bytes && memcmp(t->text, text, t->bytes) == 0;
}
