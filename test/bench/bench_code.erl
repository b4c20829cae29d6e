%% SPDX-License-Identifier: Apache-2.0
%% bench_code - the language itself: calls, terms, pattern matching, bit syntax, numbers, exceptions, closures.
-module(bench_code).
-export([cases/0]).
-compile([{inline_size, 0}]).

cases() ->
    [{fib, code, fun none/0, fun(_) -> fib(30) end},
     {tak, code, fun none/0, fun(_) -> tak(18, 12, 6), tak(20, 14, 6) end},
     {list_build, code, fun none/0, fun(_) -> repeat(1000, fun() -> sum(seq(1, 2000), 0) end) end},
     {nreverse, code, fun() -> lists:seq(1, 500) end, fun(L) -> repeat(60, fun() -> nrev(L) end) end},
     {quicksort, code, fun() -> random(20000) end, fun(L) -> repeat(4, fun() -> hd(qsort(L)) end) end},
     {tuple_state, code, fun none/0, fun(_) -> machine({idle, 0, 0, []}, 3000000) end},
     {record_update, code, fun none/0, fun(_) -> record(1000000, {r, 0, 1, 2, 3, 4, 5, 6}) end},
     {map_small, code, fun none/0, fun(_) -> map_small(600000, #{a => 0, b => 1, c => 2}) end},
     {map_make, code, fun none/0, fun(_) -> map_make(400000, #{}) end},
     {map_match, code, fun() -> #{id => 1, "name" => {x, y}, kind => 3, size => 4, rest => []} end, fun(M) -> map_match(600000, M, 0) end},
     {map_large, native, fun() -> maps:from_list([{K, K} || K <- random(10000)]) end, fun map_large/1},
     {map_fold, native, fun() -> maps:from_list([{K, K} || K <- random(10000)]) end,
      fun(M) -> repeat(60, fun() -> maps:fold(fun(_, V, A) -> V + A end, 0, M) end) end},
     {bits_parse, code, fun() -> crypto_free_bytes(400000) end, fun(B) -> repeat(6, fun() -> packets(B, 0) end) end},
     {bits_fields, code, fun() -> crypto_free_bytes(400000) end, fun(B) -> repeat(6, fun() -> fields(B, 0) end) end},
     {bits_build, code, fun none/0, fun(_) -> repeat(10, fun() -> byte_size(frames(40000, <<>>)) end) end},
     {bits_comprehension, code, fun() -> crypto_free_bytes(300000) end,
      fun(B) -> repeat(6, fun() -> byte_size(<< <<(X bxor 85)>> || <<X>> <= B >>) end) end},
     {float_nbody, code, fun none/0, fun(_) -> nbody(60000) end},
     {float_mandelbrot, code, fun none/0, fun(_) -> mandelbrot(120) end},
     {floats_of_lists, code, fun() -> [I * 0.5 || I <- lists:seq(1, 10000)] end,
      fun(L) -> repeat(40, fun() -> lists:foldl(fun(X, A) -> A + X * X end, 0.0, L) end) end},
     {big_small, native, fun none/0, fun(_) -> big_small(400000, 1) end},
     {big_factorial, native, fun none/0, fun(_) -> erlang:phash2(fact(4000)) end},
     {big_fibonacci, native, fun none/0, fun(_) -> erlang:phash2(bigfib(40000, 0, 1)) end},
     {big_modpow, native, fun none/0, fun(_) -> modpow(3, (1 bsl 1024) - 159, (1 bsl 1024) - 105) end},
     {try_catch, code, fun none/0, fun(_) -> throws(400000, 0) end},
     {error_stacktrace, native, fun none/0, fun(_) -> errors(100000, 0) end},
     {closures, code, fun() -> lists:seq(1, 1000) end,
      fun(L) -> repeat(700, fun() -> lists:foldl(fun(X, A) -> X + A end, 0, lists:map(fun(X) -> X * 3 end, L)) end) end},
     {comprehension, code, fun none/0,
      fun(_) -> length([{X, Y, Z} || X <- lists:seq(1, 160), Y <- lists:seq(X, 160), Z <- [X * X + Y * Y], Z rem 7 =:= 0]) end},
     {apply_dynamic, code, fun none/0, fun(_) -> dynamic(1500000, ?MODULE, 0) end},
     {select_atoms, code, fun none/0, fun(_) -> atoms(3000000, a, 0) end}].

none() -> none.
repeat(1, F) -> F();
repeat(N, F) -> F(), repeat(N - 1, F).
random(N) -> random(N, 42, []).
random(0, _, L) -> L;
random(N, S, L) -> random(N - 1, (S * 1103515245 + 12345) band 16#7fffffff, [S | L]).
crypto_free_bytes(N) -> list_to_binary([X band 255 || X <- random(N)]).

fib(N) when N < 2 -> N;
fib(N) -> fib(N - 1) + fib(N - 2).
tak(X, Y, Z) when Y >= X -> Z;
tak(X, Y, Z) -> tak(tak(X - 1, Y, Z), tak(Y - 1, Z, X), tak(Z - 1, X, Y)).
seq(N, N) -> [N];
seq(I, N) -> [I | seq(I + 1, N)].
sum([H | T], A) -> sum(T, A + H);
sum([], A) -> A.
nrev([H | T]) -> app(nrev(T), [H]);
nrev([]) -> [].
app([H | T], L) -> [H | app(T, L)];
app([], L) -> L.
qsort([]) -> [];
qsort([P | T]) -> qsort([X || X <- T, X < P]) ++ [P | qsort([X || X <- T, X >= P])].

machine(S, 0) -> S;
machine({idle, N, M, L}, I) -> machine({busy, N + 1, M, L}, I - 1);
machine({busy, N, M, L}, I) when N band 3 =:= 0 -> machine({done, N, M + 1, L}, I - 1);
machine({busy, N, M, L}, I) -> machine({idle, N, M, L}, I - 1);
machine({done, N, M, _}, I) -> machine({idle, N, M, [M]}, I - 1).
record(0, R) -> R;
record(N, R) -> record(N - 1, setelement(4, setelement(3, R, N), element(2, R) + element(4, R))).
map_small(0, M) -> M;
map_small(N, #{a := A, b := B} = M) -> map_small(N - 1, M#{a := B + 1, b := A, d => N}).
map_make(0, M) -> M;
map_make(N, M) -> map_make(N - 1, #{id => N, name => a, next => #{value => N, kind => odd}, size => map_size(M)}).
map_match(0, _, A) -> A;
map_match(N, #{kind := K, id := I, size := S} = M, A) -> map_match(N - 1, M#{id := I bxor N, kind := K}, (A + K + S) band 65535).
map_large(M) -> lists:foldl(fun(K, A) -> A#{K band 8191 => K} end, M, random(100000)).

packets(<<Type:4, Len:4, Id:16, Body:Len/binary, Rest/binary>>, A) -> packets(Rest, A + Type + Id + byte_size(Body));
packets(_, A) -> A.
fields(<<A:32/little, B:16/signed, C:24/little-signed, D:8, Rest/binary>>, Sum) -> fields(Rest, (Sum + A + B + C + D) band 16#ffffffff);
fields(_, Sum) -> Sum.
frames(0, B) -> B;
frames(N, B) -> frames(N - 1, <<B/binary, N:16, (N band 7):3, 5:5, "x">>).

nbody(N) ->
    nbody(N, 0.0, 0.0, 1.0, 0.5, -0.3, 0.2).
nbody(0, X, Y, _, _, _, _) -> round((X + Y) * 1.0e6);
nbody(N, X, Y, M, VX, VY, D) ->
    R = math:sqrt(X * X + Y * Y + D),
    AX = -M * X / (R * R * R), AY = -M * Y / (R * R * R),
    nbody(N - 1, X + VX * 0.01, Y + VY * 0.01, M, VX + AX * 0.01, VY + AY * 0.01, D).
mandelbrot(N) -> lists:sum([escape(-2.0 + 3.0 * X / N, -1.5 + 3.0 * Y / N, 0.0, 0.0, 50) || X <- lists:seq(1, N), Y <- lists:seq(1, N)]).
escape(_, _, _, _, 0) -> 0;
escape(_, _, X, Y, I) when X * X + Y * Y > 4.0 -> I;
escape(A, B, X, Y, I) -> escape(A, B, X * X - Y * Y + A, 2.0 * X * Y + B, I - 1).

fact(0) -> 1;
fact(N) -> N * fact(N - 1).
bigfib(0, A, _) -> A;
bigfib(N, A, B) -> bigfib(N - 1, B, A + B).
modpow(_, 0, _) -> 1;
modpow(B, E, M) when E band 1 =:= 1 -> B * modpow(B, E - 1, M) rem M;
modpow(B, E, M) -> modpow(B * B rem M, E bsr 1, M).

throws(0, A) -> A;
throws(N, A) -> throws(N - 1, try thrower(N) catch throw:{odd, X} -> A + X; error:_ -> A end).
thrower(N) when N band 1 =:= 1 -> throw({odd, N});
thrower(N) -> N.
errors(0, A) -> A;
errors(N, A) -> errors(N - 1, try hd(element(1, {[] , N})) catch error:badarg:S -> A + length(S) band 1 end).
dynamic(0, _, A) -> A;
dynamic(N, M, A) -> F = case N band 1 of 0 -> fun none/0; 1 -> fun one/0 end, F(), dynamic(N - 1, M, A + 1).
one() -> 1.
atoms(0, _, A) -> A;
atoms(N, S, A) ->
    {T, V} = case S of a -> {b, 1}; b -> {c, 2}; c -> {d, 3}; d -> {e, 4}; e -> {f, 5}; f -> {a, 6} end,
    atoms(N - 1, T, A + V).

%% A generator of 64 bits, as hashes and random numbers are computed.
big_small(0, X) -> X;
big_small(N, X) -> big_small(N - 1, (X * 6364136223846793005 + N) band 16#ffffffffffffffff bxor (X bsr 33)).
