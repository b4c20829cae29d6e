/* SPDX-License-Identifier: Apache-2.0 */
/* cpus - see cpus.h: topologies as text and as terms, and the bind orders. The rest: cpus_bind.c. */
#include "sys/cpus.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "sys/cpus_priv.h"

#include <stdlib.h>

/* ---- order by place ---- */

static int compare(uint32_t a, uint32_t b) { return a < b ? -1 : a > b; }

/* Where an entry stands at the top: its node, or its processor when that holds the nodes. */
static uint32_t outer(const Cpu *c) { return c->node != CPU_NONE ? c->node : c->processor; }

static int compare_cpus(const void *x, const void *y)
{
    const Cpu *a = x, *b = y;
    int r = compare(a->processor, b->processor);
    if (r == 0) r = compare(a->node, b->node);
    if (r == 0) r = compare(a->inner_node, b->inner_node);
    if (r == 0) r = compare(a->core, b->core);
    return r ? r : compare(a->thread, b->thread);
}

static int compare_logical(const void *x, const void *y)
{
    return compare(*(const uint32_t *)x, *(const uint32_t *)y);
}

static bool has_node(const Cpu *c) { return c->node != CPU_NONE || c->inner_node != CPU_NONE; }

/* A node inside a processor counts, not one around it; a single node around all is none. */
static void simplify_nodes(Cpus *c)
{
    bool single = true;
    for (unsigned i = 0; i < c->count; i++) {
        if (c->cpu[i].inner_node != CPU_NONE) c->cpu[i].node = CPU_NONE;
        single &= c->cpu[i].node != CPU_NONE && c->cpu[i].node == c->cpu[0].node;
    }
    for (unsigned i = 0; single && i < c->count; i++) c->cpu[i].node = CPU_NONE;
}

static bool logical_ids_differ(const Cpus *c)
{
    uint32_t *ids = mem_alloc(MEM_TEMP, c->count * sizeof *ids);
    for (unsigned i = 0; i < c->count; i++) ids[i] = c->cpu[i].logical;
    qsort(ids, c->count, sizeof *ids, compare_logical);
    bool differ = true;
    for (unsigned i = 1; i < c->count; i++) differ &= ids[i - 1] != ids[i];
    mem_free(MEM_TEMP, ids, c->count * sizeof *ids);
    return differ;
}

const char *cpus_arrange(Cpus *c)
{
    if (!logical_ids_differ(c)) return "not unique logical identifiers";
    for (unsigned i = 1; i < c->count; i++)
        if (has_node(&c->cpu[i]) != has_node(&c->cpu[0])) return "not unique entities";
    simplify_nodes(c);
    qsort(c->cpu, c->count, sizeof(Cpu), compare_cpus);
    for (unsigned i = 1; i < c->count; i++) {
        const Cpu *a = &c->cpu[i - 1], *b = &c->cpu[i];
        if (compare_cpus(a, b) == 0) return "not unique entities";
        if (a->processor == b->processor && a->node != b->node) return "invalid nodes declaration";
    }
    return NULL;
}

static const Cpu nowhere = {CPU_NONE, CPU_NONE, CPU_NONE, CPU_NONE, CPU_NONE, CPU_NONE};

static size_t bytes_of(unsigned room) { return sizeof(Cpus) + room * sizeof(Cpu); }

Cpus *cpus_new(unsigned count)
{
    Cpus *c = mem_alloc(MEM_SYS, bytes_of(count));
    c->count = c->room = count;
    for (unsigned i = 0; i < count; i++) c->cpu[i] = nowhere;
    return c;
}

void cpus_free(Cpus *c)
{
    if (c) mem_free(MEM_SYS, c, bytes_of(c->room));
}

/* One more entry; c may have moved. */
static Cpus *with_one_more(Cpus *c)
{
    if (c->count == c->room) {
        unsigned room = 2 * c->room + 8;
        c = mem_realloc(MEM_SYS, c, bytes_of(c->room), bytes_of(room));
        c->room = room;
    }
    c->cpu[c->count++] = nowhere;
    return c;
}

static Cpus *arranged(Cpus *c, const char **why)
{
    if (!*why) *why = c->count ? cpus_arrange(c) : "no entries";
    if (!*why) return c;
    cpus_free(c);
    return NULL;
}

/* ---- text: L0-1t0-1c0p0n0:L2-3... ---- */

typedef struct SctReader {
    const char *at;
    const char *why;
    Cpus *cpus;
    unsigned first;   /* entry of cpus with which the present definition begins */
} SctReader;

static uint32_t read_id(SctReader *r)
{
    char *end;
    if (*r->at < '0' || *r->at > '9') {
        r->why = "invalid identifier";
        return 0;
    }
    unsigned long id = strtoul(r->at, &end, 10);
    r->at = end;
    if (id > CPU_ID_MAX) r->why = "invalid identifier";
    return (uint32_t)id;
}

static uint32_t *field(Cpu *c, char kind, bool inner)
{
    switch (kind) {
    case 'L': return &c->logical;
    case 't': return &c->thread;
    case 'c': return &c->core;
    case 'p': return &c->processor;
    default: return inner ? &c->inner_node : &c->node;
    }
}

/* Identifier number n of a list: a new entry when they are logical ones. */
static void store_id(SctReader *r, char kind, bool inner, unsigned n, uint32_t id)
{
    if (kind == 'L')
        r->cpus = with_one_more(r->cpus);
    else if (r->first + n >= r->cpus->count)
        r->why = "invalid identifier range";
    if (!r->why) *field(&r->cpus->cpu[r->first + n], kind, inner) = id;
}

/* ID or ID-ID, and more of them behind commas. A single one is that of all entries. */
static void read_list(SctReader *r, char kind, bool inner)
{
    unsigned n = 0, all;
    do {
        if (n) r->at++;
        uint32_t id = read_id(r), last = id;
        if (!r->why && *r->at == '-') {
            r->at++;
            last = read_id(r);
        }
        for (; !r->why && id != last; id += id < last ? 1 : -1u) store_id(r, kind, inner, n++, id);
        if (!r->why) store_id(r, kind, inner, n++, last);
    } while (!r->why && *r->at == ',');
    all = r->cpus->count - r->first;
    if (r->why || n == all) return;
    if (n > 1) r->why = "invalid identifier range";
    for (unsigned i = 1; i < all; i++)
        *field(&r->cpus->cpu[r->first + i], kind, inner) = *field(&r->cpus->cpu[r->first], kind, inner);
}

/* Levels come from the inside to the outside, each at most once; nodes before or after processors. */
static void read_definition(SctReader *r)
{
    static const char levels[] = "LtcpP"; /* P: behind p */
    unsigned level = 0;
    bool node = false;
    r->first = r->cpus->count;
    for (bool begin = true; !r->why && *r->at && *r->at != ':'; begin = false) {
        char kind = *r->at == 'L' ? 'L' : *r->at == 'N' ? 'n' : (char)(*r->at | 0x20);
        if (!strchr("Ltcpn", kind) || *r->at == 'l') {
            r->why = "invalid identifier type";
            return;
        }
        const char *found = kind == 'n' ? NULL : strchr(levels + level, kind);
        if (begin != (kind == 'L') || (kind == 'n' ? node : !found)) {
            r->why = "invalid hierarchy";
            return;
        }
        node |= kind == 'n';
        bool inner = kind == 'n' && level < 4;
        if (found) level = (unsigned)(found - levels) + 1;
        if (kind == 'n' && level < 3) level = 3;
        r->at++;
        read_list(r, kind, inner);
    }
}

/* Processors may be left out, but then everywhere: all is one processor. */
static void complete(SctReader *r)
{
    bool chips = r->cpus->count && r->cpus->cpu[0].processor != CPU_NONE;
    for (unsigned i = 0; i < r->cpus->count; i++) {
        Cpu *c = &r->cpus->cpu[i];
        if (!r->why && (c->processor != CPU_NONE) != chips) r->why = "not unique entities";
        if (chips) continue;
        if (c->inner_node != CPU_NONE) c->node = c->inner_node;
        c->inner_node = CPU_NONE;
        c->processor = 0;
    }
}

Cpus *cpus_parse(const char *text, const char **why)
{
    SctReader r = {text, NULL, cpus_new(0), 0};
    do {
        read_definition(&r);
        if (*r.at == ':') r.at++;
    } while (!r.why && *r.at);
    complete(&r);
    *why = r.why;
    return arranged(r.cpus, why);
}

/* ---- terms ---- */

enum Level { NODE, PROCESSOR, INNER_NODE, CORE, THREAD, LOGICAL };

typedef struct TermReader {
    Cpus *cpus;
    uint32_t next[LOGICAL]; /* ids are given out in the order of appearance */
    bool bad;
} TermReader;

static enum Level level_of(term_t name, enum Level least)
{
    switch (name) {
    case am_node: return least <= NODE ? NODE : least <= INNER_NODE && least > PROCESSOR ? INNER_NODE : LOGICAL;
    case am_processor: return PROCESSOR;
    case am_core: return CORE;
    case am_thread: return THREAD;
    default: return LOGICAL;
    }
}

static uint32_t *level_field(Cpu *c, enum Level l)
{
    uint32_t *fields[] = {&c->node, &c->processor, &c->inner_node, &c->core, &c->thread, &c->logical};
    return fields[l];
}

static void read_logical(TermReader *r, term_t id, const Cpu *above)
{
    if (!term_is_small(id) || small_value(id) < 0 || small_value(id) > CPU_ID_MAX || r->cpus->count > CPU_ID_MAX) {
        r->bad = true;
        return;
    }
    r->cpus = with_one_more(r->cpus);
    Cpu *c = &r->cpus->cpu[r->cpus->count - 1];
    *c = *above;
    c->logical = (uint32_t)small_value(id);
    if (c->processor == CPU_NONE) c->processor = 0;
}

/* A list of {Level, {logical, N} | List} whose levels are `least` or further inside. Depth: the levels. */
static void read_level(TermReader *r, term_t list, enum Level least, const Cpu *above)
{
    enum Level kind = LOGICAL;
    if (!term_is_list_cell(list)) r->bad = true;
    for (; !r->bad && term_is_list_cell(list); list = list_tail(list)) {
        term_t t = list_head(list);
        enum Level l = term_is_tuple_of(t, 2) ? level_of(tuple_element(t, 1), least) : LOGICAL;
        enum Level peer = l == PROCESSOR && least == NODE ? NODE : l; /* one may stand beside the other */
        r->bad |= l == LOGICAL || l < least || (kind != LOGICAL && peer != kind);
        if (r->bad) return;
        kind = peer;
        Cpu c = *above;
        *level_field(&c, l) = r->next[l]++;
        uint32_t processors = c.processor = l == NODE ? r->next[PROCESSOR] : c.processor;
        term_t inside = tuple_element(t, 2);
        if (term_is_tuple_of(inside, 2) && tuple_element(inside, 1) == am_logical)
            read_logical(r, tuple_element(inside, 2), &c);
        else
            read_level(r, inside, l + 1, &c);
        r->next[PROCESSOR] += l == NODE && r->next[PROCESSOR] == processors;
    }
    r->bad |= !term_is_nil(list);
}

Cpus *cpus_of_term(term_t t)
{
    TermReader r = {cpus_new(0), {0}, false};
    read_level(&r, t, NODE, &nowhere);
    const char *why = r.bad ? "" : NULL;
    return arranged(r.cpus, &why);
}

/* Entries from `first` that agree with it at this level, behind the last of them. */
static unsigned group_end(const Cpus *c, unsigned first, unsigned end, enum Level l)
{
    Cpu *a = (Cpu *)(uintptr_t)&c->cpu[first];
    unsigned i = first + 1;
    for (; i < end; i++) {
        Cpu *b = (Cpu *)(uintptr_t)&c->cpu[i];
        if (*level_field(a, l) != *level_field(b, l)) break;
        if (l == NODE && a->node == CPU_NONE && a->processor != b->processor) break;
    }
    return i;
}

static bool is_shown(const Cpus *c, unsigned first, unsigned end, enum Level l)
{
    switch (l) {
    case NODE: return true;
    case PROCESSOR: return c->cpu[first].node != CPU_NONE;
    case INNER_NODE: return c->cpu[first].inner_node != CPU_NONE;
    default: return group_end(c, first, end, l) != end;
    }
}

static term_t entries_term(Heap *h, const Cpus *c, unsigned first, unsigned end, enum Level l)
{
    static const term_t names[] = {am_node, am_processor, am_node, am_core, am_thread};
    while (l < LOGICAL && !is_shown(c, first, end, l)) l++;
    if (l == LOGICAL) return heap_tuple2(h, am_logical, term_small(c->cpu[first].logical));
    term_t list = TERM_NIL, *last = &list;
    for (unsigned next; first < end; first = next) {
        next = group_end(c, first, end, l);
        term_t inside = entries_term(h, c, first, next, l + 1);
        term_t name = l == NODE && c->cpu[first].node == CPU_NONE ? am_processor : names[l];
        term_t *cell = heap_alloc(h, 2);
        *last = list_put(cell, heap_tuple2(h, name, inside), TERM_NIL);
        last = cell + 1;
    }
    return list;
}

term_t cpus_term(Heap *h, const Cpus *c) { return c ? entries_term(h, c, 0, c->count, NODE) : am_undefined; }

/* ---- bind orders ---- */

/* Places counted from 0 within the parent; NUMA: in all, 0 everywhere when there are no nodes; CORE_OF_CHIP: within
 * the processor. */
enum Place { P_END, P_NUMA, P_PROCESSOR, P_INNER, P_CORE_OF_CHIP, P_CORE, P_THREAD, P_COUNT };

/* What schedulers are spread over first; what is equal in all of these stays in the order of the topology. */
static const struct BindType {
    term_t name;
    const char *letters;
    uint8_t by[4];
} bind_types[] = {
    {am_unbound, "u", {0}},
    {am_no_spread, "ns", {0}},
    {am_thread_spread, "ts", {P_THREAD}},
    {am_processor_spread, "ps", {P_THREAD, P_CORE_OF_CHIP}},
    {am_spread, "s", {P_THREAD, P_CORE, P_INNER, P_PROCESSOR}},
    {am_no_node_thread_spread, "nnts", {P_NUMA, P_THREAD}},
    {am_no_node_processor_spread, "nnps", {P_NUMA, P_THREAD, P_CORE}},
    {am_thread_no_node_processor_spread, "tnnps", {P_THREAD, P_NUMA, P_CORE}},
    {am_default_bind, "db", {P_THREAD, P_NUMA, P_CORE}},
};

term_t bind_type_of_letters(const char *letters)
{
    for (size_t i = 0; i < ARRAY_LEN(bind_types); i++)
        if (strcmp(bind_types[i].letters, letters) == 0) return bind_type_of_atom(bind_types[i].name);
    return TERM_NONE;
}

term_t bind_type_of_atom(term_t name)
{
    if (name == am_default_bind) return am_thread_no_node_processor_spread;
    for (size_t i = 0; i < ARRAY_LEN(bind_types); i++)
        if (bind_types[i].name == name) return name;
    return TERM_NONE;
}

typedef struct Ranked {
    uint64_t key;
    uint32_t position, logical;
    uint16_t place[P_COUNT];
} Ranked;

/* Places of entry c, whose predecessor is `before` (NULL: none) with the places in r[-1]. */
static void count_places(const Cpu *c, const Cpu *before, Ranked *r)
{
    if (!before) return;
    memcpy(r->place, r[-1].place, sizeof r->place);
    bool top = outer(c) != outer(before) || c->node != before->node, chip = top || c->processor != before->processor;
    bool inner = chip || c->inner_node != before->inner_node, core = inner || c->core != before->core;
    r->place[P_THREAD] = core ? 0 : r->place[P_THREAD] + 1;
    r->place[P_CORE] = inner ? 0 : r->place[P_CORE] + core;
    r->place[P_CORE_OF_CHIP] = chip ? 0 : r->place[P_CORE_OF_CHIP] + core;
    r->place[P_INNER] = chip ? 0 : r->place[P_INNER] + inner;
    r->place[P_PROCESSOR] = top ? 0 : r->place[P_PROCESSOR] + chip;
    r->place[P_NUMA] += has_node(c) && (top || c->inner_node != before->inner_node);
}

static int compare_ranked(const void *x, const void *y)
{
    const Ranked *a = x, *b = y;
    if (a->key != b->key) return a->key < b->key ? -1 : 1;
    return compare(a->position, b->position);
}

bool cpus_order(const Cpus *c, term_t name, uint32_t *order)
{
    const struct BindType *type = bind_types + 1, *end = bind_types + ARRAY_LEN(bind_types);
    while (type < end && type->name != name) type++;
    if (type == end) return false;
    Ranked *r = mem_alloc_zero(MEM_TEMP, c->count * sizeof *r);
    for (unsigned i = 0; i < c->count; i++) {
        count_places(&c->cpu[i], i ? &c->cpu[i - 1] : NULL, &r[i]);
        r[i].position = i;
        r[i].logical = c->cpu[i].logical;
        for (size_t k = 0; k < ARRAY_LEN(type->by); k++)
            r[i].key = r[i].key << 16 | (type->by[k] == P_END ? 0 : r[i].place[type->by[k]]);
    }
    qsort(r, c->count, sizeof *r, compare_ranked);
    for (unsigned i = 0; i < c->count; i++) order[i] = r[i].logical;
    mem_free(MEM_TEMP, r, c->count * sizeof *r);
    return true;
}
