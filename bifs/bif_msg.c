/* SPDX-License-Identifier: Apache-2.0 */
/* bif_msg - sending messages. Semantics: erlang(3) send/2,3. Layer: bifs. */
#include "bifs/bif.h"

BIF_NAMED(erlang, "!", send_operator, 2, 0) { return message_send_any(p, a[0], a[1]); }
BIF(erlang, send, 2, 0) { return message_send_any(p, a[0], a[1]); }

BIF(erlang, send, 3, 0)
{
    uint32_t flags = 0;
    term_t list = a[2];
    for (; term_is_list_cell(list); list = list_tail(list)) {
        if (list_head(list) == am_nosuspend)
            flags |= REMOTE_NOSUSPEND;
        else if (list_head(list) == am_noconnect)
            flags |= REMOTE_NOCONNECT;
        else
            return bif_error_cause(p, EXC_BADARG, am_badopt);
    }
    if (!term_is_nil(list)) return bif_error_cause(p, EXC_BADARG, am_badopt);
    return message_send_opt(p, a[0], a[1], flags);
}
