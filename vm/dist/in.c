/* SPDX-License-Identifier: Apache-2.0 */
/* in - the input side of a channel: headers, the atom cache of the other end, fragments, decoding.
 * Nothing that comes in is believed: whatever does not fit the formats ends the connection.
 * Semantics: ERTS User's Guide, "Distribution Header". Layer: dist. */
#include "dist/channel.h"

#include "base/alloc.h"
#include "etf/etf.h"
#include "term/atom.h"

#define PASS_THROUGH 112
#define ATOM_REFS_MAX 255

/* A message of which not all fragments are here. */
typedef struct Sequence {
    struct Sequence *next;
    uint64_t id, last;       /* number of the last fragment that came; 1 is the end */
    term_t atoms[ATOM_REFS_MAX];
    unsigned atom_count;
    Buf bytes;
} Sequence;

typedef struct DistInput {
    term_t cache[ATOM_CACHE_SLOTS]; /* TERM_NONE: nothing there yet */
    Sequence *sequences;
    bool bad;                       /* what came did not fit: nothing more is taken */
} DistInput;

typedef struct Reader {
    Channel *c;
    DistInput *in;
    const uint8_t *at, *end;
    bool bad;
} Reader;

/* ---- reading ---- */

static uint64_t get_n(Reader *r, unsigned n)
{
    uint64_t v = 0;
    if ((size_t)(r->end - r->at) < n) {
        r->bad = true;
        return 0;
    }
    while (n-- > 0) v = v << 8 | *r->at++;
    return v;
}

static const uint8_t *get_bytes(Reader *r, size_t n)
{
    const uint8_t *at = r->at;
    if (r->bad || (size_t)(r->end - at) < n) {
        r->bad = true;
        return NULL;
    }
    r->at += n;
    return at;
}

static unsigned flag_of(const uint8_t *flags, unsigned index) { return flags[index / 2] >> index % 2 * 4 & 15; }

/* One reference: an entry of the cache, or a new one. */
static term_t get_atom_ref(Reader *r, unsigned flag, bool wide)
{
    unsigned slot = (flag & 7) << 8 | (unsigned)get_n(r, 1);
    if (flag & 8) {
        size_t n = (size_t)get_n(r, wide ? 2 : 1);
        const uint8_t *text = get_bytes(r, n);
        r->in->cache[slot] = text ? atom_intern((const char *)text, n) : TERM_NONE;
    }
    if (r->in->cache[slot] == TERM_NONE) r->bad = true;
    return r->in->cache[slot];
}

/* The atoms of a packet; returns how many. */
static unsigned get_atoms(Reader *r, term_t atoms[ATOM_REFS_MAX])
{
    unsigned count = (unsigned)get_n(r, 1);
    if (count == 0) return 0;
    const uint8_t *flags = get_bytes(r, count / 2 + 1);
    if (!flags) return 0;
    bool wide = flag_of(flags, count) & 1;
    for (unsigned i = 0; i < count && !r->bad; i++) atoms[i] = get_atom_ref(r, flag_of(flags, i), wide);
    return count;
}

/* ---- a whole message ---- */

static term_t decode(Reader *r, Heap *h, unsigned flags, const term_t *atoms, unsigned count)
{
    term_t t = TERM_NONE;
    size_t used = 0;
    EtfDecode *d = etf_decode_start(r->c->vm, r->at, (size_t)(r->end - r->at), flags | ETF_TRAILING, atoms, count);
    if (etf_decode_run(d, h, SIZE_MAX, &t, &used) != ETF_DONE) r->bad = true;
    etf_decode_free(d);
    r->at += used;
    return t;
}

static bool message(Reader *r, uint32_t conn, unsigned flags, const term_t *atoms, unsigned count)
{
    Heap h = {0};
    term_t control = decode(r, &h, flags, atoms, count), payload = TERM_NONE;
    if (!r->bad && r->at < r->end) payload = decode(r, &h, flags, atoms, count);
    bool ok = !r->bad && control_received(r->c, conn, control, payload, &h);
    heap_dispose(&h);
    return ok;
}

/* ---- fragments ---- */

static Sequence **find_sequence(DistInput *in, uint64_t id)
{
    Sequence **at = &in->sequences;
    while (*at && (*at)->id != id) at = &(*at)->next;
    return at;
}

static void free_sequence(Sequence *s)
{
    buf_free(&s->bytes);
    MEM_DELETE(DIST, s);
}

/* All there: it is a message. */
static bool end_sequence(Reader *r, uint32_t conn, Sequence **at)
{
    Sequence *s = *at;
    *at = s->next;
    Reader all = {r->c, r->in, (const uint8_t *)buf_text(&s->bytes),
                  (const uint8_t *)buf_text(&s->bytes) + s->bytes.len, false};
    bool ok = message(&all, conn, ETF_NO_VERSION, s->atoms, s->atom_count);
    free_sequence(s);
    return ok;
}

static bool fragment(Reader *r, uint32_t conn, bool first)
{
    uint64_t id = get_n(r, 8), number = get_n(r, 8);
    Sequence **at = find_sequence(r->in, id), *s = *at;
    if (r->bad || number == 0 || first == (s != NULL)) return false;
    if (first) {
        s = *at = MEM_NEW(DIST, Sequence);
        s->id = id;
        s->bytes = (Buf)BUF_INIT(DIST);
        s->atom_count = get_atoms(r, s->atoms);
        if (r->bad) return false;
    } else if (number != s->last - 1) {
        return false;
    }
    s->last = number;
    buf_append(&s->bytes, r->at, (size_t)(r->end - r->at));
    return number > 1 || end_sequence(r, conn, at);
}

/* ---- packets ---- */

static bool headed(Reader *r, uint32_t conn)
{
    term_t atoms[ATOM_REFS_MAX];
    switch (get_n(r, 1)) {
    case ETF_DIST_HEADER: {
        unsigned count = get_atoms(r, atoms);
        return !r->bad && message(r, conn, ETF_NO_VERSION, atoms, count);
    }
    case ETF_DIST_FRAG: return fragment(r, conn, true);
    case ETF_DIST_FRAG_CONT: return fragment(r, conn, false);
    default: return false;
    }
}

static void count_packet(Channel *c)
{
    mutex_lock(&c->lock);
    c->packets_in++;
    mutex_unlock(&c->lock);
}

bool channel_input(Channel *c, uint32_t conn, const uint8_t *bytes, size_t n)
{
    ASSERT_LOCKED(&c->input_lock);
    count_packet(c);
    if (n == 0) return true; /* a tick */
    if (!c->input) c->input = MEM_NEW(DIST, DistInput);
    DistInput *in = c->input;
    Reader r = {c, in, bytes + 1, bytes + n, false};
    if (in->bad) return false;
    if (bytes[0] == PASS_THROUGH) in->bad = !message(&r, conn, 0, NULL, 0);
    else in->bad = bytes[0] != ETF_VERSION || !headed(&r, conn);
    return !in->bad;
}

void channel_drop_input(Channel *c)
{
    DistInput *in = c->input;
    c->input = NULL;
    if (!in) return;
    for (Sequence *s = in->sequences, *next; s; s = next) {
        next = s->next;
        free_sequence(s);
    }
    MEM_DELETE(DIST, in);
}
