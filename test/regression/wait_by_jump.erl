%% SPDX-License-Identifier: Apache-2.0
%% A receive without clauses whose way back to itself is a jump elsewhere: a message in the queue must not make it spin.
-module(wait_by_jump).
-export([main/0]).
-compile([no_copt, no_postopt, no_ssa_opt, no_bsm_opt, no_type_opt, no_bool_opt, no_fun_opt, no_recv_opt]).

main() ->
    t:p("with a wait", fun() -> go(t:id(0)) end),
    t:p("without", fun() -> go(t:id(1)) end).

go(N) ->
    Ref = make_ref(),
    self() ! Ref,
    case N rem 2 of
        0 -> receive after 1 -> ok end;
        1 -> nothing
    end,
    receive Ref -> ok end,
    receive after 1 -> done end.
