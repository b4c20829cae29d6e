/* SPDX-License-Identifier: Apache-2.0 */
/* re_cache - see re_cache.h. Layer: bifs. */
#include "bifs/re_cache.h"

#include "base/alloc.h"
#include "base/thread.h"

enum { CACHE_ENTRIES = 1000, CACHE_BYTES = 16 << 20, AT_HAND = 8, KEEP_BYTES = 64 << 10 };

struct ReCache {
    Mutex lock;             /* class SYSTEM */
    HashTab table;          /* lock */
    size_t bytes;           /* lock: size of all compiled code */
    const uint8_t *tables;  /* const */
    uint64_t number;        /* const: among all there ever were */
};

/* What a thread used last, by hash. */
typedef struct AtHand {
    uint64_t cache;             /* number of the cache that the codes are from */
    ReCode *code[AT_HAND];      /* a reference each, or NULL */
    pcre2_match_data *data;     /* not in use, or NULL */
} AtHand;

static THREAD_LOCAL ThreadSpare at_hand;
static atomic_word_t caches;

typedef struct Key {
    const ReHeader *header;
    const char *source;
    size_t bytes;
} Key;

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9E3779B97F4A7C15u;
    return h ^ h >> 29;
}

static uint64_t hash_key(const Key *k)
{
    uint64_t h = mix(k->header->options, (uint64_t)k->header->newline << 16 | k->header->bsr << 8
                                             | k->header->flags);
    const char *s = k->source;
    size_t n = k->bytes;
    for (; n >= 8; s += 8, n -= 8) {
        uint64_t v;
        memcpy(&v, s, 8);
        h = mix(h, v);
    }
    uint64_t v = 0;
    memcpy(&v, s, n);
    return mix(mix(h, v), k->bytes);
}

static bool same_key(const HashNode *node, const void *key)
{
    const ReCode *c = container_of(node, ReCode, link);
    const Key *k = key;
    return c->key_bytes == sizeof *k->header + k->bytes
           && !memcmp(c->key, k->header, sizeof *k->header)
           && !memcmp(c->key + sizeof *k->header, k->source, k->bytes);
}

static size_t code_bytes(const ReCode *c)
{
    size_t n = 0;
    pcre2_pattern_info(c->code, PCRE2_INFO_SIZE, &n);
    return n + c->key_bytes + sizeof *c;
}

static void unref(ReCode *c)
{
    if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1) return;
    pcre2_code_free(c->code);
    mem_free(MEM_SYS, c, sizeof *c + c->key_bytes);
}

/* ---- at hand ---- */

static void forget_codes(AtHand *h)
{
    for (unsigned i = 0; i < AT_HAND; i++) {
        unref(h->code[i]);
        h->code[i] = NULL;
    }
}

static void at_hand_delete(void *object)
{
    AtHand *h = object;
    forget_codes(h);
    pcre2_match_data_free(h->data);
    MEM_DELETE(SYS, h);
}

static AtHand *at_hand_get(void)
{
    AtHand *h = at_hand.object;
    if (h) return h;
    h = mem_alloc_zero(MEM_SYS, sizeof *h);
    CHECK(thread_spare_keep(&at_hand, h, at_hand_delete));
    return h;
}

pcre2_match_data *re_take_match_data(const ReCode *code)
{
    AtHand *h = at_hand_get();
    pcre2_match_data *d = h->data;
    h->data = NULL;
    if (d && pcre2_get_ovector_count(d) > code->captures) return d;
    pcre2_match_data_free(d);
    return pcre2_match_data_create(MAX(code->captures + 1, 16), NULL);
}

/* Match data grows with what a match needed: large ones are not kept. */
void re_return_match_data(pcre2_match_data *d)
{
    if (!d) return; /* there was no memory for it */
    AtHand *h = at_hand_get();
    if (h->data || pcre2_get_match_data_size(d) > KEEP_BYTES) pcre2_match_data_free(d);
    else h->data = d;
}

/* ---- the table ---- */

ReCache *re_cache_new(void)
{
    ReCache *c = MEM_NEW(SYS, ReCache);
    mutex_init(&c->lock, LOCK_SYSTEM);
    hash_init(&c->table, MEM_SYS, 0);
    c->tables = re_tables_new();
    c->number = add_relaxed(&caches, 1) + 1;
    return c;
}

static void remove_code(ReCache *c, ReCode *code)
{
    hash_remove(&c->table, &code->link);
    c->bytes -= code_bytes(code);
    unref(code);
}

/* Drop what has not been looked up since the last sweep; all when everything was. */
static void sweep(ReCache *c, bool all)
{
    HashNode *drop[CACHE_ENTRIES + 1];
    size_t n = 0;
    for (size_t b = 0; b < hash_buckets(&c->table); b++)
        for (HashNode *node = c->table.buckets[b]; node; node = node->next) {
            ReCode *code = container_of(node, ReCode, link);
            bool used = atomic_exchange_explicit(&code->used, 0, memory_order_relaxed);
            if ((all || !used) && n < ARRAY_LEN(drop)) drop[n++] = node;
        }
    for (size_t i = 0; i < n; i++) remove_code(c, container_of(drop[i], ReCode, link));
}

void re_cache_destroy(ReCache *c)
{
    sweep(c, true);
    hash_destroy(&c->table);
    mutex_destroy(&c->lock);
    re_tables_free(c->tables);
    MEM_DELETE(SYS, c);
}

size_t re_cache_count(ReCache *c)
{
    mutex_lock(&c->lock);
    size_t n = hash_count(&c->table);
    mutex_unlock(&c->lock);
    return n;
}

static ReCode *lookup_locked(ReCache *c, const Key *k, uint64_t hash)
{
    HashNode *node = hash_find(&c->table, hash, same_key, k);
    if (!node) return NULL;
    ReCode *code = container_of(node, ReCode, link);
    atomic_fetch_add_explicit(&code->refs, 1, memory_order_relaxed);
    atomic_store_explicit(&code->used, 1, memory_order_relaxed);
    return code;
}

static ReCode *new_code(const Key *k, pcre2_code *compiled)
{
    size_t key_bytes = sizeof *k->header + k->bytes;
    ReCode *code = mem_alloc_zero(MEM_SYS, sizeof *code + key_bytes);
    atomic_store(&code->refs, 1);
    code->code = compiled;
    code->key_bytes = key_bytes;
    memcpy(code->key, k->header, sizeof *k->header);
    memcpy(code->key + sizeof *k->header, k->source, k->bytes);
    pcre2_pattern_info(compiled, PCRE2_INFO_CAPTURECOUNT, &code->captures);
    uint32_t newline = 0;
    pcre2_pattern_info(compiled, PCRE2_INFO_NEWLINE, &newline);
    code->any_crlf = newline == PCRE2_NEWLINE_CRLF || newline == PCRE2_NEWLINE_ANY
                     || newline == PCRE2_NEWLINE_ANYCRLF;
    return code;
}

/* Put in a code just made, unless another thread was faster; returns the one to use. */
static ReCode *insert(ReCache *c, const Key *k, uint64_t hash, ReCode *fresh)
{
    mutex_lock(&c->lock);
    ReCode *code = lookup_locked(c, k, hash);
    if (!code) {
        if (hash_count(&c->table) >= CACHE_ENTRIES || c->bytes > CACHE_BYTES) {
            sweep(c, false);
            if (hash_count(&c->table) >= CACHE_ENTRIES || c->bytes > CACHE_BYTES) sweep(c, true);
        }
        atomic_fetch_add(&fresh->refs, 1);
        hash_insert(&c->table, &fresh->link, hash);
        c->bytes += code_bytes(fresh);
    }
    mutex_unlock(&c->lock);
    if (!code) return fresh;
    unref(fresh);
    return code;
}

static ReCode *get_shared(ReCache *c, const Key *k, uint64_t hash, ReError *error)
{
    mutex_lock(&c->lock);
    ReCode *code = lookup_locked(c, k, hash);
    mutex_unlock(&c->lock);
    if (code) return code;
    pcre2_code *compiled = re_compile(k->header, k->source, k->bytes, c->tables, error);
    return compiled ? insert(c, k, hash, new_code(k, compiled)) : NULL;
}

ReCode *re_cache_get(ReCache *c, const ReHeader *header, const char *source, size_t bytes,
                     ReError *error)
{
    Key k = {header, source, strnlen(source, bytes)};
    uint64_t hash = hash_key(&k);
    AtHand *h = at_hand_get();
    ReCode **at = &h->code[hash % AT_HAND];
    if (h->cache != c->number) forget_codes(h);
    h->cache = c->number;
    if (*at && same_key(&(*at)->link, &k)) {
        if (!load_relaxed(&(*at)->used)) store_relaxed(&(*at)->used, 1);
        return *at;
    }
    unref(*at);
    return *at = get_shared(c, &k, hash, error);
}
