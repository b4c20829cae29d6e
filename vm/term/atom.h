/* SPDX-License-Identifier: Apache-2.0 */
/* atom - the atom table: text <-> index, shared by all threads and VMs of the process.
 * Text is UTF-8, at most ATOM_MAX_CHARS characters. Look-up by index is lock-free; insertion takes
 * the table's lock. Atoms are never removed. Predefined atoms (atoms.gen.h) have fixed indexes.
 * Errors: TERM_NONE when the text is too long, not UTF-8, or the table is full (atom_table_full()).
 * Layer: term. */
#ifndef JOIST_TERM_ATOM_H
#define JOIST_TERM_ATOM_H

#include "base/atomic.h"
#include "term/term.h"

#define ATOM_MAX_CHARS 255
#define ATOM_MAX_BYTES (4 * ATOM_MAX_CHARS)

typedef struct AtomText {
    uint32_t hash;        /* PJW of the characters: what phash/2 and phash2/2 take */
    uint16_t bytes;       /* UTF-8 length */
    uint16_t chars;
    int32_t latin1_chars; /* number of characters if all are < 256, else -1 */
    uint32_t order;       /* first up to 4 bytes, big endian: quick ordering */
    char text[];          /* not terminated */
} AtomText;

void atom_table_init(size_t limit);
/* Insert or find. */
term_t atom_intern(const char *utf8, size_t bytes);
term_t atom_intern_latin1(const unsigned char *text, size_t bytes);
term_t atom_from_cstr(const char *text);
/* Find only; TERM_NONE when there is no such atom. */
term_t atom_find(const char *utf8, size_t bytes);

/* Texts by index, in chunks that never move. */
#define ATOM_CHUNK 1024u
typedef const AtomText *_Atomic AtomTextSlot;
extern AtomTextSlot *_Atomic *atom_text_chunks;

static inline const AtomText *atom_text_at(word_t index)
{
    AtomTextSlot *chunk = load_acquire(&atom_text_chunks[index / ATOM_CHUNK]);
    return load_acquire(&chunk[index % ATOM_CHUNK]);
}
static inline const AtomText *atom_text(term_t atom)
{
    ASSERT(term_is_atom(atom));
    return atom_text_at(atom_index(atom));
}

size_t atom_count(void);
size_t atom_limit(void);
bool atom_table_full(void);
size_t atom_table_bytes(void);
/* Order of two atoms by text: <0, 0, >0. */
int atom_compare_texts(const AtomText *x, const AtomText *y);
static inline int atom_compare(term_t a, term_t b)
{
    if (a == b) return 0;
    const AtomText *x = atom_text(a), *y = atom_text(b);
    if (x->order != y->order) return x->order < y->order ? -1 : 1;
    return atom_compare_texts(x, y);
}
bool atom_equals_cstr(term_t atom, const char *text);

#endif
