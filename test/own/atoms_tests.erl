%% SPDX-License-Identifier: Apache-2.0
%% erl: +t 20000
%% A full table of atoms is a system_limit, whoever asks for a new one; the reference ends.
-module(atoms_tests).
-export([main/0]).

main() ->
    io:format("~p~n", [{loads, "what printing needs"}]),
    io:format("~p ~p~n", [erlang:system_info(atom_limit), outcome(fun() -> fill(1) end)]),
    New = iolist_to_binary(["new", erlang:system_info(otp_release)]), % unknown to the compiler
    NewTerm = <<131, 119, 8, "new_atom">>,
    Bad = <<131, 119, 2, 255, 255>>,
    io:format("~p~n", [[outcome(F) || F <- [fun() -> binary_to_atom(New) end, fun() -> binary_to_term(NewTerm) end,
                                            fun() -> binary_to_term(Bad) end,
                                            fun() -> list_to_atom("atom1") end]]]),
    io:format("~p~n", [erlang:system_info(atom_count) =< erlang:system_info(atom_limit)]).

fill(N) ->
    _ = list_to_atom("atom" ++ integer_to_list(N)),
    fill(N + 1).

outcome(F) -> try F() catch C:R -> {C, R} end.
