/* SPDX-License-Identifier: Apache-2.0 */
/* bif_setnode - this node gets its name, for as long as net_kernel lives.
 * Semantics: net_kernel(3) start/2, stop/0; the calls come from net_kernel.erl. Layer: dist. */
#include "bifs/bif.h"
#include "dist/node.h"
#include "proc/ptab.h"
#include "proc/registry.h"
#include "term/big.h"

#include <ctype.h>

/* name@host, where the name is of letters, digits, _ and -. */
static bool is_node_name(term_t t)
{
    const AtomText *a = atom_text(t);
    size_t n = 0;
    while (n < a->bytes && (isalnum((unsigned char)a->text[n]) || strchr("_-", a->text[n]))) n++;
    if (n == 0 || n >= a->bytes || a->text[n] != '@') return false;
    for (size_t i = n + 1; i < a->bytes; i++)
        if ((unsigned char)a->text[i] < ' ' || a->text[i] == '@') return false;
    return n + 1 < a->bytes;
}

BIF(erlang, setnode, 2, 0)
{
    uint64_t creation;
    if (!term_is_atom(a[0]) || !is_node_name(a[0]) || a[0] == am_nonode_at_nohost)
        return bif_error(p, EXC_BADARG);
    if (!term_to_uint64(a[1], &creation) || creation > UINT32_MAX) return bif_error(p, EXC_BADARG);
    term_t kernel = registry_find(p->vm, am_net_kernel);
    if (node_self_name(p->vm) != am_nonode_at_nohost || !term_is_local_pid(kernel))
        return bif_error(p, EXC_BADARG);
    atomic_store(&p->vm->dist->net_kernel, kernel);
    node_set_self(p->vm, a[0], (uint32_t)creation);
    return am_true;
}
