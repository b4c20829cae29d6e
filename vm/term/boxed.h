/* SPDX-License-Identifier: Apache-2.0 */
/* boxed - layout of every boxed object. Word 0 is always the header (tag.h).
 *
 *   tuple      [hdr n][e1]..[en]
 *   float      [hdr 1][double]
 *   big        [hdr n][limb 0 (least)]..[limb n-1], sign in the subtag, no leading zero limb,
 *              never a value that fits a small
 *   heap bits  [hdr 1+k][size in bits][k data words]; last word padded with zero bytes
 *   binref     [hdr 2][next][Binary*]            off-heap object, reached from sub bits only
 *   sub bits   [hdr 4][start bit][end bit][flags][orig]    orig: boxed heap bits or binref
 *   match      same words as sub bits; `start` moves as the match proceeds
 *   fun        [hdr 3+n][FunEntry*][arity | nfree<<8][creator pid][free 1]..[free n]
 *   export     [hdr 1][Export*]
 *   ref        [hdr 2][num0 | num1<<32][num2]                      plain
 *              [hdr 3][num0 | num1<<32][num2][local pid]           alias (process reference)
 *              [hdr 4][next][Binary*][num0 | num1<<32][num2]       magic: off-heap object
 *   ext pid    [hdr 3][next][Node*][number | serial<<32]           off-heap objects
 *   ext port   [hdr 3][next][Node*][id 64]
 *   ext ref    [hdr 3+k][next][Node*][count of 32-bit numbers][numbers, 2 per word]
 *   flat map   [hdr map][size][keys tuple][value 1]..[value n], n <= MAP_FLAT_MAX, keys in term order
 *   hamt       head  [hdr map][size][child...]      node [hdr map][child...]   (data/map.h)
 *
 * An off-heap object keeps `next` in word 1: it is chained in its heap's off_heap list, and the
 * collector drops its reference count when it finds the object dead. Layer: term. */
#ifndef JOIST_TERM_BOXED_H
#define JOIST_TERM_BOXED_H

#include "term/term.h"

/* ---- float ---- */
#define FLOAT_WORDS 2
static inline double float_value(term_t t)
{
    double d;
    __builtin_memcpy(&d, boxed_ptr(t) + 1, sizeof d);
    return d;
}
static inline term_t float_put(term_t *hp, double d)
{
    hp[0] = HEADER(1, BOXED_FLOAT);
    __builtin_memcpy(hp + 1, &d, sizeof d);
    return term_make_boxed(hp);
}

/* ---- off-heap objects ---- */
typedef struct OffHeap {
    term_t header;
    struct OffHeap *next;
} OffHeap;

/* Reference-counted byte storage. `refs` is atomic; `bytes` is constant after creation except
 * for the writable tail protocol of data/binary.h. A magic binary has a destructor. */
typedef struct Binary {
    _Atomic(int64_t) refs;
    uint32_t flags;            /* BINARY_* */
    uint32_t type;             /* owner-defined tag of a magic binary */
    void (*destroy)(struct Binary *b); /* magic binaries: called before freeing; else NULL */
    size_t size;               /* bytes of capacity behind `data`; stands before it: what drivers see is these two */
    char data[] __attribute__((aligned(16)));
} Binary;
/* Its block has a few bytes more: native libraries, used to them, end what they write with a NUL. */
#define BINARY_BLOCK_BYTES(n) (sizeof(Binary) + (n) + 7)
#define BINARY_MAGIC 1u
#define BINARY_OWN_FREE 2u     /* destroy sees to the freeing (binary_free), perhaps later */
#define BINARY_OF_ROOT 4u       /* a file of the OTP root in use, as a whole */
#define BINARY_OUTSIDE 8u      /* the bytes are elsewhere: `data` begins with their address */
#define BINARY_DUMPED 16u      /* stands in the crash dump */

typedef struct BinRef {
    term_t header;
    OffHeap *next;
    Binary *bin;
} BinRef;
#define BINREF_WORDS 3

typedef struct SubBits {
    term_t header;
    uint64_t start, end;       /* bit positions in orig's data */
    uint64_t flags;            /* SUB_BITS_* */
    term_t orig;               /* boxed heap bits or binref, never another sub bits */
} SubBits;
#define SUB_BITS_WORDS 5
#define SUB_BITS_WRITABLE 1u   /* may append behind `end` in the binary (data/binary.h) */

typedef struct HeapBits {
    term_t header;
    uint64_t size;             /* bits */
    unsigned char data[];
} HeapBits;
#define HEAP_BITS_MAX_BYTES 64
#define HEAP_BITS_WORDS(bytes) (2 + ((bytes) + 7) / 8)
#define REFC_BITS_WORDS (BINREF_WORDS + SUB_BITS_WORDS)

/* ---- funs ---- */
struct FunEntry; /* code/funtab.h */
struct Export;   /* code/export.h */
typedef struct Fun {
    term_t header;
    struct FunEntry *entry;
    uint64_t arity_free;       /* arity | free count << 8 */
    term_t creator;
    term_t env[];
} Fun;
#define FUN_WORDS(nfree) (4 + (nfree))
static inline Fun *fun_ptr(term_t t) { return (Fun *)boxed_ptr(t); }
static inline unsigned fun_arity(const Fun *f) { return (unsigned)(f->arity_free & 0xFF); }
static inline unsigned fun_free_count(const Fun *f) { return (unsigned)(f->arity_free >> 8); }
static inline struct Export *export_of(term_t t) { return (struct Export *)boxed_ptr(t)[1]; }
#define EXPORT_FUN_WORDS 2
static inline term_t export_fun_put(term_t *hp, struct Export *e)
{
    hp[0] = HEADER(1, BOXED_EXPORT);
    hp[1] = (term_t)e;
    return term_make_boxed(hp);
}

/* ---- references: three 32-bit numbers, num0 has 18 bits; printed #Ref<0.num2.num1.num0> ---- */
typedef struct RefNum {
    uint64_t low;  /* num0, and num1 above it */
    uint32_t num2;
} RefNum;
#define REF_WORDS 3
#define ALIAS_REF_WORDS 4
#define MAGIC_REF_WORDS 5
static inline bool ref_is_alias(term_t t) { return HEADER_ARITY(boxed_header(t)) == 3; }
static inline bool ref_is_magic(term_t t) { return HEADER_ARITY(boxed_header(t)) == 4; }
static inline const term_t *ref_words(term_t t) { return boxed_ptr(t) + (ref_is_magic(t) ? 3 : 1); }
static inline RefNum ref_num(term_t t)
{
    const term_t *w = ref_words(t);
    return (RefNum){w[0], (uint32_t)w[1]};
}
static inline RefNum ref_num_of(uint32_t num0, uint32_t num1, uint32_t num2)
{
    return (RefNum){num0 | (uint64_t)num1 << 32, num2};
}
static inline bool ref_num_eq(RefNum a, RefNum b)
{
    return a.low == b.low && a.num2 == b.num2;
}
/* In the order of making. */
static inline int ref_num_compare(RefNum a, RefNum b)
{
    if (a.num2 != b.num2) return a.num2 < b.num2 ? -1 : 1;
    return a.low < b.low ? -1 : a.low > b.low;
}
static inline term_t ref_put(term_t *hp, RefNum r)
{
    hp[0] = HEADER(2, BOXED_REF);
    hp[1] = r.low;
    hp[2] = r.num2;
    return term_make_boxed(hp);
}
static inline term_t alias_ref_put(term_t *hp, RefNum r, term_t pid)
{
    ref_put(hp, r);
    hp[0] = HEADER(3, BOXED_REF);
    hp[3] = pid;
    return term_make_boxed(hp);
}
static inline term_t alias_ref_pid(term_t t) { return boxed_ptr(t)[3]; }
static inline Binary *magic_ref_binary(term_t t) { return (Binary *)boxed_ptr(t)[2]; }

/* ---- external identifiers ---- */
struct Node; /* dist/node.h; reference counted */
typedef struct ExtThing {
    term_t header;
    OffHeap *next;
    struct Node *node;
    uint64_t data[];
} ExtThing;
#define EXT_PID_WORDS 4
#define EXT_PORT_WORDS 4
#define EXT_REF_WORDS(nums) (4 + ((nums) + 1) / 2)
static inline ExtThing *ext_ptr(term_t t) { return (ExtThing *)boxed_ptr(t); }

/* ---- maps; the header's arity field of a MAP boxed: kind:2, then kind-specific bits ----
 *   flat      [hdr FLAT][size][keys][v1..vn]      the words behind hdr are not counted by the header
 *   head      [hdr HEAD | bitmap16 | count][size][children: count]
 *   node      [hdr NODE | bitmap16 | count][children: count]
 * count: the bits set in the bitmap, which takes longer to find than to read. A leaf child is a list cell
 * [Key|Value]; two keys with the same complete hash share a collision node: a tuple of leaf cells.
 * data/map.h owns the algorithms. */
#define MAP_FLAT_MAX 32
enum MapKind { MAP_FLAT = 0, MAP_HEAD = 1, MAP_NODE = 2 };
#define MAP_HEADER(kind, bitmap, count) \
    HEADER((word_t)(kind) | (word_t)(bitmap) << 2 | (word_t)(count) << 18, BOXED_MAP)
#define MAP_HEADER_KIND(h) ((enum MapKind)(HEADER_ARITY(h) & 3))
#define MAP_HEADER_BITMAP(h) ((unsigned)(HEADER_ARITY(h) >> 2 & 0xFFFF))
#define MAP_HEADER_COUNT(h) ((unsigned)(HEADER_ARITY(h) >> 18))
#define FLAT_MAP_WORDS(n) (3 + (n)) /* plus the keys tuple, 1 + n, unless shared */
static inline bool map_is_flat(term_t t) { return MAP_HEADER_KIND(boxed_header(t)) == MAP_FLAT; }
static inline word_t map_size(term_t t) { return boxed_ptr(t)[1]; }
static inline term_t flat_map_keys(term_t t) { return boxed_ptr(t)[2]; }
static inline term_t *flat_map_key_ptr(term_t t) { return tuple_elements(flat_map_keys(t)); }
static inline term_t *flat_map_values(term_t t) { return boxed_ptr(t) + 3; }

/* Words of a boxed object including its header (all kinds; the only place that decides). */
static inline word_t boxed_words(const term_t *p)
{
    term_t h = *p;
    if (HEADER_SUBTAG(h) != BOXED_MAP) return HEADER_ARITY(h) + 1;
    switch (MAP_HEADER_KIND(h)) {
    case MAP_FLAT: return FLAT_MAP_WORDS(p[1]);
    case MAP_HEAD: return 2 + (word_t)MAP_HEADER_COUNT(h);
    default: return 1 + (word_t)MAP_HEADER_COUNT(h);
    }
}

/* Numbers and bit strings whose words hold no terms and all of them are theirs alone. */
#define BOXED_LEAF_TAGS (1u << BOXED_POS_BIG | 1u << BOXED_NEG_BIG | 1u << BOXED_FLOAT | 1u << BOXED_HEAP_BITS)

static inline bool boxed_tag_is_leaf(unsigned tag) { return BOXED_LEAF_TAGS >> tag & 1; }

/* True for boxed objects chained in an off_heap list (word 1 is `next`). */
static inline bool boxed_is_off_heap(term_t header)
{
    switch (HEADER_SUBTAG(header)) {
    case BOXED_BINREF: case BOXED_EXT_PID: case BOXED_EXT_PORT: case BOXED_EXT_REF: return true;
    case BOXED_REF: return HEADER_ARITY(header) == 4;
    default: return false;
    }
}

#endif
