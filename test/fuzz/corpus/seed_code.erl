%% SPDX-License-Identifier: Apache-2.0
%% Every kind of instruction, with no effect outside of the process.
-module(seed_code).
-compile([nowarn_export_all, export_all, {no_auto_import, [size/1]}]).

lists_of([H | T], Acc) -> lists_of(T, [{H, length(T)} | Acc]);
lists_of([], Acc) -> lists:reverse(Acc).

tuples({a, B, C}) -> {C, B};
tuples({b, _, _, D} = T) -> setelement(1, setelement(2, T, D), x);
tuples(T) when tuple_size(T) > 5 -> element(6, T);
tuples(_) -> none.

maps(#{a := A, b := B} = M) -> M#{a := B, c => A};
maps(M) when is_map_key(z, M) -> map_get(z, M);
maps(M) -> maps:fold(fun(K, V, Acc) -> [{K, V} | Acc] end, [], M).

bits(<<N, Rest:N/binary, Tail/bits>>) -> {Rest, Tail};
bits(<<F/float, R/binary>>) -> {F, R};
bits(<<C/utf8, R/binary>>) -> [C | bits(R)];
bits(<<A:3, B:13/little-signed, _/bits>>) -> <<B:16, A:8, "tail">>;
bits(<<"magic", R/bits>>) -> R;
bits(B) -> B.

build(A, B) when is_integer(A), is_binary(B) -> <<A:32, B/binary, (A + 1):7, "x", A/utf8>>;
build(A, B) -> << <<X:16>> || X <- lists:seq(1, 5), X > A, B =/= X >>.

floats(A, B) when is_float(A), is_float(B) -> (A * B + 1.5) / (A - B * 2.0);
floats(A, B) -> A * 2.0 - B.

ints(A, B) -> try (A bsl 3) + B * A div (B band 7) of N when N > 10 -> N; N -> -N catch error:badarith -> zero end.

caught(F) -> catch F().

tried(F, G) ->
    try F(G) of {ok, V} -> V; Other -> {other, Other}
    catch throw:T -> T; exit:{R, _} -> R; error:E:S -> {E, length(S)}
    after erase(x)
    end.

nested(F) -> try catch F(1) catch C:R:S -> erlang:raise(C, {again, R}, S) end.

selected(X) ->
    case X of a -> 1; b -> 2; c -> 3; d -> 4; 1 -> one; 2 -> two; 3 -> three; 4 -> four; {} -> e; [] -> n; 1.5 -> f; _ -> X end.

received(Ms) ->
    receive {P, hello} when is_pid(P) -> got; [X | Y] -> {X, Y}; N when is_integer(N), N > Ms -> N
    after 1 -> late end.

asked(X) ->
    R = make_ref(),
    self() ! {R, X},
    receive {R, Y} -> Y end.

funs(A, B) -> F = fun(X) -> {X, A, B} end, lists:map(F, [A | [B]]).

applied(M, F, A) -> {M, F, length(A), catch apply(lists, F, A)}.

loop(0, Acc) -> Acc;
loop(N, Acc) when is_integer(N), N > 0, N < 1000 -> loop(N - 1, [N bxor 5 | Acc]);
loop(_, Acc) -> Acc.

compared(A, B) -> [A < B, A == B, A =:= B, A >= B, A =/= B, min(A, B), not (A > B), (A =:= 1) xor (B =:= 2)].

typed(X) -> [is_atom(X), is_list(X), is_function(X, 2), is_bitstring(X), is_pid(X), is_map(X), self() =:= X, node()].

deep({A, {B, [C | D]}}, E) -> Y = lists_of([A, B], []), Z = deep(D, C), {Y, Z, E};
deep(_, E) -> E.
