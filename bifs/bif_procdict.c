/* SPDX-License-Identifier: Apache-2.0 */
/* bif_procdict - the process dictionary. Semantics: erlang(3) get/0,1, put/2, erase/0,1, get_keys/0,1.
 * Layer: bifs. */
#include "bifs/bif.h"
#include "proc/procdict.h"

BIF(erlang, get, 0, 0) { return dict_list(p, &p->heap); }
BIF(erlang, get, 1, GUARD) { return dict_get(p, a[0]); }
BIF(erlang, put, 2, 0) { return dict_put(p, a[0], a[1]); }
BIF(erlang, erase, 1, 0) { return dict_erase(p, a[0]); }
BIF(erlang, get_keys, 0, 0) { return dict_keys(p, TERM_NONE); }
BIF(erlang, get_keys, 1, 0) { return dict_keys(p, a[0]); }

BIF(erlang, erase, 0, 0)
{
    term_t all = dict_list(p, &p->heap);
    dict_free(p);
    return all;
}
