%% SPDX-License-Identifier: Apache-2.0
%% Terms in each other, of all kinds and to any depth, in the external format: the same bytes, the same size, and back.
-module(nested_encode_tests).
-export([main/0]).

main() ->
    lists:foreach(fun random/1, lists:seq(1, 40)),
    funs(),
    lists:foreach(fun chain/1, [1, 7, 8, 9, 15, 16, 17, 100, 5000]),
    lists:foreach(fun long/1, [1 bsl 16 - 1, 1 bsl 16, 1 bsl 16 + 1, 200001]),
    sliced().

%% Bit strings that are copied in pieces.
long(N) ->
    B = << <<I:32>> || I <- lists:seq(1, N div 4 + 1) >>,
    <<Whole:N/binary, _/bits>> = B,
    <<_:5, Shifted:N/binary, _/bits>> = <<B/binary, 0>>,
    <<Part:(8 * N - 3)/bits, _/bits>> = B,
    <<_:7, ShiftedPart:(8 * N - 5)/bits, _/bits>> = B,
    show(io_lib:format("long ~p", [N]), {Whole, [Shifted, {Part}, #{k => ShiftedPart}, x | Whole], Part}).

%% The options that give other bytes.
options() -> [[], [{minor_version, 0}], [{minor_version, 2}], [compressed]].

show(Name, T) ->
    Bytes = [term_to_binary(T, O) || O <- options()],
    [true = binary_to_term(B) =:= T || B <- Bytes],
    true = iolist_to_binary(term_to_iovec(T)) =:= hd(Bytes),
    io:format("~s ~p ~p~n", [Name, erlang:external_size(T), [erlang:md5(B) || B <- Bytes]]).

random(Seed) ->
    rand:seed(exsss, {Seed, Seed, Seed}),
    show(["random ", integer_to_list(Seed)], term(Seed)).

term(0) -> leaf();
term(Depth) ->
    N = rand:uniform(4),
    case rand:uniform(9) of
        1 -> leaf();
        2 -> list_to_tuple(terms(N, Depth));
        3 -> terms(N, Depth);
        4 -> terms(N, Depth) ++ leaf();
        5 -> maps:from_list([{leaf(), T} || T <- terms(N, Depth)]);
        6 -> #{{term(min(Depth - 1, 3))} => leaf(), leaf() => term(Depth - 1)};
        7 -> T = term(Depth - 1), {[T], T};
        8 -> maps:from_list([{I, leaf()} || I <- lists:seq(1, 40)]);
        9 -> lists:seq(-N, 300)
    end.

terms(1, Depth) -> [term(Depth - 1)];
terms(N, Depth) -> lists:duplicate(N - 1, leaf()) ++ [term(Depth - 1)].

leaf() ->
    element(rand:uniform(10), {rand:uniform(300) - 20, 1 bsl rand:uniform(200), -(1 bsl rand:uniform(80)), 1.5, atom, "string", [],
                               <<"binary">>, <<5:3>>, {}}).

%% The size of a fun has the bytes of binaries that stay where they are.
funs() ->
    B = binary:copy(<<"x">>, 1000),
    F = fun() -> {B, [B]} end,
    [begin
        Bin = term_to_binary(T),
        io:format("fun ~p~n", [iolist_to_binary(term_to_iovec(T)) =:= Bin]),
        true = binary_to_term(Bin) =:= T
     end || T <- [F, {F, [1, F], [B, B | tl]}, fun() -> {F, B} end]].

%% Only the innermost holds more: what comes after it is written by all that are around it.
chain(N) ->
    Around = [fun(T) -> {1, T, after_it} end, fun(T) -> [a, T, 2 | tail] end, fun(T) -> #{k => T, l => 1} end, fun(T) -> #{T => v} end,
              fun(T) -> [T] end],
    [show(io_lib:format("chain ~p ~p", [N, I]), lists:foldl(fun(_, T) -> F(T) end, x, lists:seq(1, N)))
     || {I, F} <- lists:enumerate(Around), N =< 100 orelse I =/= 4],
    Mixed = lists:foldl(fun(J, T) -> (lists:nth(J rem 5 + 1, Around))(T) end, x, lists:seq(1, min(N, 100))),
    show("mixed", Mixed).

%% More than one slice can write.
sliced() ->
    Row = fun(I) -> {I, [I, {I, <<I:32>>}, [[I]]], #{a => {I, [I | I]}, {I} => #{b => [[]]}}} end,
    T = [Row(I) || I <- lists:seq(1, 20000)],
    show("list", T),
    show("tuple", list_to_tuple(T)),
    show("improper", T ++ {last, [T]}).
