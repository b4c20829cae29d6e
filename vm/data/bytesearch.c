/* SPDX-License-Identifier: Apache-2.0 */
/* bytesearch - see bytesearch.h.
 * Automaton: node 0 is the root. out[v] is the length of the longest pattern that is a suffix of
 * v's path (0: none); depth[v] the length of that path, so a partial match in state v at position i
 * began at i - depth[v]. Layer: data. */
#include "data/bytesearch.h"

#include "base/alloc.h"

static size_t total_bytes(const BytePattern *patterns, size_t count)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += patterns[i].n;
    return n;
}

/* Number the bytes that occur, from 1; returns the number of classes, 0 included. */
static size_t number_classes(uint8_t class_of[256], const BytePattern *patterns, size_t count)
{
    bool used[256] = {false};
    size_t classes = 1;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < patterns[i].n; k++)
            used[patterns[i].bytes[k]] = true;
    memset(class_of, 0, 256);
    for (unsigned b = 0; b < 256 && classes < 256; b++)
        if (used[b])
            class_of[b] = (uint8_t)classes++;
    return classes;
}

/* When all 256 byte values are in use, byte 255 shares class 0, which nobody else has then. */
size_t byte_search_size(const BytePattern *patterns, size_t count)
{
    if (count == 1)
        return sizeof(ByteSearch) + patterns[0].n;
    uint8_t class_of[256];
    size_t classes = number_classes(class_of, patterns, count);
    size_t nodes = total_bytes(patterns, count) + 1;
    return sizeof(ByteSearch) + nodes * (classes + 2) * sizeof(uint32_t);
}

static uint32_t *out_of(ByteSearch *s) { return s->data; }
static uint32_t *depth_of(ByteSearch *s) { return s->data + s->nodes; }
static uint32_t *next_of(ByteSearch *s) { return s->data + 2 * s->nodes; }

static void trie_add(ByteSearch *s, const BytePattern *p, uint32_t *used)
{
    uint32_t *next = next_of(s), *depth = depth_of(s), v = 0;
    for (size_t k = 0; k < p->n; k++) {
        uint32_t *to = &next[v * s->classes + s->class_of[p->bytes[k]]];
        if (*to == 0) {
            *to = (*used)++;
            depth[*to] = (uint32_t)(k + 1);
        }
        v = *to;
    }
    out_of(s)[v] = (uint32_t)p->n;
}

/* Breadth first: complete the transitions and outputs of each node from its failure node, whose
 * path is shorter and which is complete already. */
static void trie_complete(ByteSearch *s, uint32_t used)
{
    uint32_t *next = next_of(s), *out = out_of(s);
    uint32_t *queue = mem_alloc(MEM_TEMP, 2 * (size_t)used * sizeof(uint32_t));
    uint32_t *fail = queue + used, first = 0, last = 1;
    queue[0] = 0;
    fail[0] = 0;
    while (first < last) {
        uint32_t v = queue[first++];
        if (out[v] == 0)
            out[v] = out[fail[v]];
        for (size_t c = 0; c < s->classes; c++) {
            uint32_t *to = &next[v * s->classes + c];
            uint32_t other = v == 0 ? 0 : next[fail[v] * s->classes + c];
            if (*to == 0) {
                *to = other;
            } else {
                fail[*to] = other;
                queue[last++] = *to;
            }
        }
    }
    mem_free(MEM_TEMP, queue, 2 * (size_t)used * sizeof(uint32_t));
}

void byte_search_init(ByteSearch *s, size_t bytes, const BytePattern *patterns, size_t count)
{
    s->bytes = bytes;
    s->count = count;
    s->longest = 0;
    s->nodes = s->classes = 0;
    for (size_t i = 0; i < count; i++)
        s->longest = MAX(s->longest, patterns[i].n);
    if (count == 1) {
        memcpy(s->data, patterns[0].bytes, patterns[0].n);
        return;
    }
    s->classes = number_classes(s->class_of, patterns, count);
    s->nodes = total_bytes(patterns, count) + 1;
    memset(s->data, 0, s->nodes * (s->classes + 2) * sizeof(uint32_t));
    memset(s->starts, 0, sizeof s->starts);
    uint32_t used = 1;
    for (size_t i = 0; i < count; i++) {
        s->starts[patterns[i].bytes[0]] = 1;
        trie_add(s, &patterns[i], &used);
    }
    trie_complete(s, used);
}

/* memchr passes over text many times faster than memmem's steps; where the first byte is frequent those are better. */
static const uint8_t *find_bytes(const uint8_t *text, size_t size, const uint8_t *pattern, size_t n)
{
    const uint8_t *at = text, *last = text + size - n;
    for (size_t tries = 1; at <= last; tries++) {
        at = memchr(at, pattern[0], (size_t)(last - at) + 1);
        if (at == NULL || memcmp(at, pattern, n) == 0)
            return at;
        at++;
        if (tries * 16 > (size_t)(at - text) + 256)
            return memmem(at, (size_t)(text + size - at), pattern, n);
    }
    return NULL;
}

static bool find_one(const ByteSearch *s, const uint8_t *text, size_t from, size_t stop,
                     size_t end, size_t *at)
{
    size_t limit = MIN(end, stop + s->longest - 1);
    if (from >= stop || limit - from < s->longest)
        return false;
    const uint8_t *p = s->longest == 1
        ? memchr(text + from, *(const uint8_t *)s->data, limit - from)
        : find_bytes(text + from, limit - from, (const uint8_t *)s->data, s->longest);
    if (p == NULL)
        return false;
    *at = (size_t)(p - text);
    return true;
}

static bool find_any(const ByteSearch *s, const uint8_t *text, size_t from, size_t stop,
                     size_t end, size_t *at, size_t *n)
{
    const uint32_t *out = s->data, *depth = out + s->nodes, *next = depth + s->nodes;
    size_t best = SIZE_MAX, best_n = 0;
    uint32_t v = 0;
    for (size_t i = from; i < end; i++) {
        if (v == 0) { /* nothing is matched partly, so nothing was found yet */
            while (i < stop && !s->starts[text[i]])
                i++;
            if (i >= stop)
                break;
        }
        v = next[v * s->classes + s->class_of[text[i]]];
        if (out[v] != 0 && i + 1 - out[v] <= best) {
            best = i + 1 - out[v];
            best_n = out[v];
        }
        /* what is matched only partly begins later than the best, or than we look for */
        size_t begin = i + 1 - depth[v];
        if (begin > best || begin >= stop)
            break;
    }
    if (best >= stop)
        return false;
    *at = best;
    *n = best_n;
    return true;
}

bool byte_search_find(const ByteSearch *s, const uint8_t *text, size_t from, size_t stop,
                      size_t end, size_t *at, size_t *n)
{
    if (s->count > 1)
        return find_any(s, text, from, stop, end, at, n);
    *n = s->longest;
    return find_one(s, text, from, stop, end, at);
}
