/* SPDX-License-Identifier: Apache-2.0 */
/* bif_monitor_node - erlang:monitor_node/2,3. On a node without a name nobody can be monitored but itself.
 * Semantics: erlang(3). Layer: bifs. */
#include "bifs/bif.h"
#include "data/node.h"

static term_t monitor_node(Process *p, term_t node, term_t flag)
{
    if (!term_is_atom(node)) return bif_error(p, EXC_BADARG);
    if (node == node_self_name(p->vm)) return term_is_bool(flag) ? am_true : bif_error(p, EXC_BADARG);
    if (node_self_name(p->vm) == am_nonode_at_nohost) return bif_error(p, EXC_NOTALIVE);
    return bif_not_supported(p);
}

BIF(erlang, monitor_node, 2, 0)
{
    return monitor_node(p, a[0], a[1]);
}

BIF(erlang, monitor_node, 3, 0)
{
    for (term_t l = a[2]; l != TERM_NIL; l = list_tail(l))
        if (!term_is_list_cell(l) || list_head(l) != am_allow_passive_connect)
            return bif_error_cause(p, EXC_BADARG, am_badopt);
    return monitor_node(p, a[0], a[1]);
}
