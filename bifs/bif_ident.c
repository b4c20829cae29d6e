/* SPDX-License-Identifier: Apache-2.0 */
/* bif_ident - pids, ports and references to and from text. Semantics: erlang(3).
 * The first number of the text is 0 for this node, else the number of the node's name (term_print),
 * which must be that of a node seen before. Errors: badarg. Layer: bifs. */
#include "bifs/bif.h"
#include "data/node.h"
#include "data/term_print.h"

static term_t text_list(Process *p, Buf *b)
{
    term_t t = heap_string(&p->heap, buf_text(b), b->len, TERM_NIL);
    buf_free(b);
    return t;
}

BIF(erlang, pid_to_list, 1, 0)
{
    Buf b = BUF_INIT(TEMP);
    if (!term_is_pid(a[0])) return bif_error(p, EXC_BADARG);
    pid_print(&b, a[0]);
    return text_list(p, &b);
}

BIF(erlang, port_to_list, 1, 0)
{
    Buf b = BUF_INIT(TEMP);
    if (!term_is_port(a[0])) return bif_error(p, EXC_BADARG);
    port_print(&b, a[0]);
    return text_list(p, &b);
}

BIF(erlang, ref_to_list, 1, 0)
{
    Buf b = BUF_INIT(TEMP);
    if (!term_is_ref(a[0])) return bif_error(p, EXC_BADARG);
    ref_print(&b, a[0]);
    return text_list(p, &b);
}

/* ---- parsing ---- */

#define IDENT_NUMBERS_MAX 6
#define IDENT_TEXT_MAX 160

/* Numbers between `prefix` and ">", separated by dots; how many, or 0. Each fits 64 bits. */
static unsigned parse_numbers(term_t list, const char *prefix, uint64_t *numbers)
{
    unsigned n = 0;
    bool digits = false;
    for (; *prefix; prefix++, list = list_tail(list))
        if (!term_is_list_cell(list) || list_head(list) != term_small(*prefix)) return 0;
    numbers[0] = 0;
    for (size_t i = 0; term_is_list_cell(list) && i < IDENT_TEXT_MAX; i++, list = list_tail(list)) {
        term_t c = list_head(list);
        if (c >= term_small('0') && c <= term_small('9')) {
            if (__builtin_mul_overflow(numbers[n], (uint64_t)10, &numbers[n]) ||
                __builtin_add_overflow(numbers[n], (uint64_t)(small_value(c) - '0'), &numbers[n]))
                return 0;
            digits = true;
        } else if (c == term_small('.') && digits && n + 1 < IDENT_NUMBERS_MAX) {
            numbers[++n] = 0;
            digits = false;
        } else {
            return c == term_small('>') && digits && term_is_nil(list_tail(list)) ? n + 1 : 0;
        }
    }
    return 0;
}

typedef struct NodeSearch {
    word_t number;
    Node *found;
} NodeSearch;

static void match_node(Node *n, void *ctx)
{
    NodeSearch *s = ctx;
    if (atom_index(n->name) == s->number && (!s->found || n->creation > s->found->creation)) s->found = n;
}

/* The node shown as `number`; NULL when there is none. */
static Node *node_of_number(Vm *vm, uint64_t number)
{
    NodeSearch s = {number, NULL};
    if (number == 0) return node_self(vm);
    node_each(vm, match_node, &s);
    return s.found;
}

BIF(erlang, list_to_pid, 1, 0)
{
    uint64_t n[IDENT_NUMBERS_MAX];
    if (parse_numbers(a[0], "<", n) != 3 || n[1] > UINT32_MAX || n[2] > UINT32_MAX)
        return bif_error(p, EXC_BADARG);
    Node *node = node_of_number(p->vm, n[0]);
    if (!node) return bif_error(p, EXC_BADARG);
    term_t pid = node_make_pid(&p->heap, p->vm, node->name, (uint32_t)n[1], (uint32_t)n[2], node->creation);
    return pid == TERM_NONE ? bif_error(p, EXC_BADARG) : pid;
}

BIF(erlang, list_to_port, 1, 0)
{
    uint64_t n[IDENT_NUMBERS_MAX];
    Node *node = parse_numbers(a[0], "#Port<", n) == 2 ? node_of_number(p->vm, n[0]) : NULL;
    if (!node) return bif_error(p, EXC_BADARG);
    term_t port = node_make_port(&p->heap, p->vm, node->name, n[1], node->creation);
    return port == TERM_NONE ? bif_error(p, EXC_BADARG) : port;
}

BIF(erlang, list_to_ref, 1, 0)
{
    uint64_t n[IDENT_NUMBERS_MAX];
    uint32_t numbers[REF_NUMBERS_MAX];
    unsigned count = parse_numbers(a[0], "#Ref<", n);
    Node *node = count > 1 ? node_of_number(p->vm, n[0]) : NULL;
    if (!node || (n[0] == 0 && count != 4)) return bif_error(p, EXC_BADARG);
    for (unsigned i = 1; i < count; i++) {
        if (n[i] > UINT32_MAX) return bif_error(p, EXC_BADARG);
        numbers[count - 1 - i] = (uint32_t)n[i];
    }
    term_t ref = node_make_ref(&p->heap, p->vm, node->name, node->creation, numbers, count - 1);
    return ref == TERM_NONE ? bif_error(p, EXC_BADARG) : ref;
}
