%% SPDX-License-Identifier: Apache-2.0
%% late_error_tests - natives that find after several turns that their argument is wrong: the error is the caller's own.
-module(late_error_tests).
-export([main/0]).

main() ->
    Long = [lists:seq(0, 255) || _ <- lists:seq(1, 3000)],
    [t:p(atom_to_list(F), fun() -> late(M, F, [[Long, oops]]) end)
     || {M, F} <- [{erlang, list_to_binary}, {erlang, iolist_to_binary}, {erlang, list_to_bitstring}, {binary, list_to_bin}]],
    Elements = 2000000,
    Bad = list_to_binary([131, 105, <<Elements:32>>, lists:duplicate(Elements - 1, <<119, 1, $a>>), 100, 255, 255, "oops"]),
    t:p(binary_to_term_1, fun() -> late(erlang, binary_to_term, [Bad]) end),
    t:p(binary_to_term_2, fun() -> late(erlang, binary_to_term, [Bad, [safe]]) end).

%% How it ended, whether with its own arguments, and whether it was taken off its scheduler and put back.
late(M, F, A) ->
    Tracer = self(),
    {P, Mon} = spawn_monitor(fun() ->
        erlang:yield(),
        erlang:trace(self(), true, [running, {tracer, Tracer}]),
        exit(try apply(M, F, A) catch error:R:S -> {R, [{SM, SF, SA =:= A} || {SM, SF, SA, _} <- lists:sublist(S, 1)]} end)
    end),
    End = receive {'DOWN', Mon, _, _, R} -> R end,
    Delivered = erlang:trace_delivered(P),
    receive {trace_delivered, P, Delivered} -> ok end,
    Turns = turns(P, 0),
    {End, Turns > 2}.

turns(P, N) ->
    receive
        {trace, P, in, _} -> turns(P, N + 1);
        {trace, P, _, _} -> turns(P, N)
    after 0 -> N
    end.
