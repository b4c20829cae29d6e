%% SPDX-License-Identifier: Apache-2.0
%% Integers of constant sizes, with all flags and at every bit: matched, and what is left; too little to match.
-module(bitstring_constant_tests).
-export([main/0]).

-define(SIZES, lists:seq(1, 72) ++ [127, 128, 200]).
-define(FLAGS, ["big-unsigned", "big-signed", "little-unsigned", "little-signed", "native-signed"]).

main() ->
    Clauses = [io_lib:format("f(~p, ~p, Pad, B) -> case B of <<P:Pad, V:~p/~s, R/bits>> -> {P, V, R}; _ -> none end", [S, I, S, F])
               || S <- ?SIZES, {I, F} <- lists:zip(lists:seq(1, length(?FLAGS)), ?FLAGS)],
    Text = lists:flatten(["-module(constant_sizes).\n-export([f/4]).\n", lists:join(";\n", Clauses), ".\n"]),
    {ok, Tokens, _} = erl_scan:string(Text),
    {ok, constant_sizes, Code} = compile:forms(forms(Tokens, []), [binary]),
    {module, _} = code:load_binary(constant_sizes, "none", Code),
    [io:format("~p ~p~n", [S, erlang:phash2([show(S, I) || I <- lists:seq(1, length(?FLAGS))])]) || S <- ?SIZES],
    io:format("~p~n", [[constant_sizes:f(S, I, 3, <<-2:3, -5:S>>) || S <- [1, 7, 8, 56, 57, 64, 72], I <- [1, 2, 3, 4]]]).

show(S, I) ->
    rand:seed(exsss, {S, I, 1}),
    [begin
         Bits = rand:bytes(S div 8 + 3),
         Few = S + Pad - 1,
         <<Short:Few/bits, _/bits>> = Bits,
         <<_:5, Inside/bits>> = <<0:5, Bits/bits>>,
         none = constant_sizes:f(S, I, Pad, Short),
         Same = constant_sizes:f(S, I, Pad, Bits),
         Same = constant_sizes:f(S, I, Pad, Inside),
         Same
     end || Pad <- lists:seq(0, 8), _ <- "some"].

forms([], []) -> [];
forms([{dot, _} = D | Rest], Form) ->
    {ok, F} = erl_parse:parse_form(lists:reverse(Form, [D])),
    [F | forms(Rest, [])];
forms([T | Rest], Form) -> forms(Rest, [T | Form]).
