%% SPDX-License-Identifier: Apache-2.0
%% Without optimisation, code stays that nothing reaches, with labels of its own.
-module(dead_labels).
-export([main/0]).
-compile([no_copt, no_postopt, no_ssa_opt, no_bsm_opt, no_type_opt, no_bool_opt, no_fun_opt, no_module_opt]).

main() ->
    t:p("one", fun() -> one([1, 2, 3], <<4, 5>>) end),
    t:p("caught", fun() -> caught({a, 1}) end).

one(Length, Bytes) ->
    A = << <<X>> || X <- Length >>,
    B = << <<X>> || <<X>> <= Bytes >>,
    case case 3 of
             N when is_integer(N) -> N;
             _ -> receive whatever -> 1 end
         end of
        3 -> <<A/binary, B/binary>>
    end.

caught(X) ->
    Y = catch case X of
                  {a, N} when N > 0 -> exit({a, X});
                  {b, _} -> throw(X)
              end,
    Z = catch loop(Y),
    {Y, element(1, Z)}.

loop(Y) ->
    receive
        Y -> loop(Y)
    after 0 -> error({none, Y})
    end.
