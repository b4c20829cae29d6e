%% SPDX-License-Identifier: Apache-2.0
%% Every kind of instruction once or more: results, and what is raised with which stack trace.
-module(instruction_tests).
-compile([export_all, nowarn_export_all, nowarn_unused_function]).

main() -> run().
d(X) -> io:format("~p~n", [X]).
t(F) -> d(try F() catch C:R:S -> {C, R, own(S)} end).
own(S) -> lists:takewhile(fun(E) -> element(1, E) =/= init end, S).
id(X) -> X.
run() ->
  d({fib, fib(20)}),
  d({fac, fac(50)}),
  d([X*X || X <- seq(1,10), X rem 2 =:= 0]),
  d(<< <<(X+1):8>> || <<X>> <= <<"abc">> >>),
  d([{A,B} || {A,B} <- [{1,2},x,{3,4}]]),
  A = id(a),
  t(fun() -> 1 + A end),
  t(fun() -> hd(A) end),
  t(fun() -> element(3,{1,2}) end),
  t(fun() -> case A of b -> ok end end),
  t(fun() -> if A =:= b -> ok end end),
  t(fun() -> {b,_} = A end),
  t(fun() -> A() end),
  t(fun() -> F = fun(X) -> X end, F(1,2) end),
  t(fun() -> apply(fun fib/1, [10]) end),
  t(fun() -> apply(?MODULE, fib, [id(10)]) end),
  t(fun() -> M = id(?MODULE), M:fib(12) end),
  t(fun() -> M = id(?MODULE), M:nosuch(12) end),
  t(fun() -> only(c) end),
  t(fun() -> throw(hello) end),
  t(fun() -> exit(bye) end),
  t(fun() -> erlang:error(oops) end),
  t(fun() -> erlang:error(oops, [A,b]) end),
  t(fun() -> erlang:raise(throw, x, [{a,b,1,[]}]) end),
  t(fun() -> try throw(1) catch throw:X -> X + 1 end end),
  t(fun() -> try erlang:error(1) after put(k, v) end end),
  d(get(k)),
  t(fun() -> try ok of ok2 -> 1 catch _:_ -> 2 end end),
  d(catch throw(a)), d(catch exit(a)), d(catch A + 1),
  t(fun() -> try try throw(a) catch throw:b -> no end catch throw:Z -> {outer,Z} end end),
  t(fun() -> #{a := X} = id(#{a => 5}), X end),
  t(fun() -> (id(#{a => 5}))#{b => 1, c => 2} end),
  t(fun() -> (id(#{a => 5}))#{b := 1} end),
  t(fun() -> (id(x))#{b := 1} end),
  t(fun() -> map_get(z, id(#{})) end),
  t(fun() -> maps:get(z, id(#{})) end),
  t(fun() -> is_map_key(a, id(#{a=>1})) end),
  d(lists_rev([1,2,3],[])),
  d(bin(<<1,2,3,4,5,6,7,8,9,10>>)),
  d(bin(<<"abc">>)),
  t(fun() -> <<X:16/little-signed, Y:4, Z:4, F:64/float, R/binary>> = id(<<255,254,16#AB,3.5/float,"rest">>), {X,Y,Z,F,R} end),
  t(fun() -> <<X/utf8, Y/utf8, R/binary>> = id(<<"åß"/utf8, 1, 2>>), {X,Y,R} end),
  t(fun() -> <<X/utf16, R/binary>> = id(<<16#10437/utf16, 7>>), {X,R} end),
  t(fun() -> <<N:8, B:N/binary, _/bits>> = id(<<3,"hello">>), B end),
  t(fun() -> <<A:8>> end),
  t(fun() -> <<A/binary>> end),
  t(fun() -> N = id(5), <<N:3, 1:5, 3.14:32/float, "xyz", (id(<<1,2>>))/binary, 16#1234:16/little>> end),
  t(fun() -> N = id(300), <<N/utf8, (id($a))/utf16, (id($b))/utf32-little>> end),
  %% The atom all in a variable is no size.
  d([case id(<<1, 2>>) of <<X9:S9/binary, _/bits>> -> X9; _ -> nomatch end || S9 <- [1, all, -1, x, 1 bsl 70]]),
  [t(fun() -> <<(id(<<1, 2>>)):S8/binary>> end) || S8 <- [1, all, -1, x, 1 bsl 70]],
  d(app(<<>>, 10)),
  t(fun() -> <<_:7, R/bits>> = id(<<255,255>>), R end),
  d({id(1) == id(1.0), id(1) =:= id(1.0), id(a) < id(b), [1] > [], {1} < {2}, #{} < [], "abc" > "ab"}),
  d([id(7) div 2, id(-7) div 2, id(-7) rem 2, id(7) bsl 70, id(1 bsl 70) bsr 68, id(5) bxor 3, bnot id(5), -id(5), id(6)/4]),
  t(fun() -> id(1) div id(0) end), t(fun() -> id(1) / id(0) end), t(fun() -> id(1.5) band 1 end),
  t(fun() -> id(1.0e308) * id(10.0) end),
  d(float_test(id(2.0), id(3))),
  self() ! one, self() ! two, self() ! three,
  d(receive two -> got_two end), d(receive X1 -> X1 end), d(receive X2 -> X2 end),
  d(receive nothing -> x after 10 -> timeout end), d(receive nothing -> x after 0 -> timeout0 end),
  t(fun() -> receive after id(foo) -> ok end end),
  Me = self(),
  P = spawn(fun() -> receive {Me, ping} -> Me ! {self(), pong} end end),
  P ! {Me, ping}, d(receive {P, M1} -> M1 after 1000 -> none end),
  {P2, R2} = spawn_monitor(fun() -> exit(reason) end),
  d(receive {'DOWN', R2, process, P2, Rs} -> Rs after 1000 -> none end),
  {P3, R3} = spawn_monitor(fun() -> receive stop -> ok end end),
  P3 ! stop, d(receive {'DOWN', R3, process, P3, Rs3} -> Rs3 after 1000 -> none end),
  {P4, R4} = spawn_monitor(fun() -> loop(10000000) end),
  exit(P4, kill), d(receive {'DOWN', R4, process, P4, Rs4} -> Rs4 after 5000 -> none end),
  process_flag(trap_exit, true), 
  P5 = spawn_link(fun() -> exit(linked) end), d(receive {'EXIT', P5, W} -> W after 1000 -> none end),
  {P6, R6} = spawn_monitor(fun() -> erlang:hibernate(?MODULE, woken, [Me]) end),
  P6 ! wake, d(receive {woken, P6} -> woken after 1000 -> none end),
  d(receive {'DOWN', R6, process, P6, Rs6} -> Rs6 after 1000 -> none end),
  d(big(id(30000))),
  d({sel(a), sel(b), sel(1), sel(100000000000000000000), sel(1.5), sel("x"), sel({a,1}), sel({1,2,3})}),
  d({jt(0), jt(1), jt(2), jt(3), jt(9), jt(10), jt(x)}),
  F2 = id(fun ?MODULE:fib/1), d(F2(10)), d(is_function(F2, 1)), d(is_function(F2, 2)), d(is_function(A)),
  t(fun() -> F2(1,2) end),
  t(fun() -> apply(A, b) end), t(fun() -> apply(A, b, c) end), t(fun() -> apply(id(1), b, []) end),
  d(element(1, erlang:make_tuple(3, x))), d(setelement(2, {a,b}, c)),
  d(tuple_size(list_to_tuple(seq(1, 300)))),
  d(length(seq(1,1000))), t(fun() -> length(id([a|b])) end),
  d(rec()), d(lc(5)), d(ack(2,3)),
  t(fun() -> deep(5) end),
  t(fun() -> list_to_integer(id("x")) end),
  t(fun() -> binary_to_atom(id(1)) end),
  t(fun() -> id(A) and true end), t(fun() -> not id(A) end),
  d(all_bools(true, false)),
  t(fun() -> lists:reverse(a, b) end),
  d(arith(id(a), id([]))),
  d(done).
-record(r, {a=1, b, c}).
rec() -> R = id(#r{b=2}), R2 = R#r{c=3, a=x}, {R, R2, R2#r.c, is_record(R2, r), catch (id(zz))#r.a}.
deep(0) -> erlang:error(bottom); deep(N) -> 1 + deep(N-1).
all_bools(A, B) -> {A and B, A or B, A xor B, not A, A andalso B, A orelse B}.
lc(N) -> [{X,Y} || X <- seq(1,N), Y <- seq(X,N), X + Y =:= N].
ack(0,N) -> N+1; ack(M,0) -> ack(M-1,1); ack(M,N) -> ack(M-1, ack(M,N-1)).
sel(a) -> 1; sel(b) -> 2; sel(1) -> 3; sel(100000000000000000000) -> 4; sel(1.5) -> 5; sel("x") -> 6; sel({a,X}) -> {7,X}; sel({_,_,_}) -> 8.
jt(0) -> zero; jt(1) -> one; jt(2) -> two; jt(3) -> three; jt(4) -> four; jt(5) -> five; jt(6) -> six; jt(7) -> seven; jt(8) -> eight; jt(9) -> nine; jt(_) -> other.
big(N) -> L = seq(1, N), M = maps_from(L, #{}), {map_size(M), sum(L, 0), map_get(N, M)}.
maps_from([], M) -> M; maps_from([H|T], M) -> maps_from(T, M#{H => {H}}).
sum([], A) -> A; sum([H|T], A) -> sum(T, A+H).
woken(Me) -> Me ! {woken, self()}, receive wake -> exit(hib) end.
loop(0) -> ok; loop(N) -> loop(N-1).
float_test(A, B) -> C = A * 2.5 + B, D = C / 2.0 - A, {C, D, -D, trunc(D), round(C), A * B}.
app(B, 0) -> B; app(B, N) -> app(<<B/binary, N:16>>, N-1).
bin(<<A:8,B:16,C:24/little,D/binary>>) -> {A,B,C,D}; bin(<<"abc">>) -> abc; bin(_) -> other.
lists_rev([H|T], A) -> lists_rev(T, [H|A]); lists_rev([], A) -> A.
only(a) -> 1; only(b) -> 2.
fib(N) when N < 2 -> N; fib(N) -> fib(N-1) + fib(N-2).
fac(0) -> 1; fac(N) -> N * fac(N-1).
seq(A, B) when A > B -> []; seq(A, B) -> [A | seq(A+1, B)].

%% Which operators stand in a trace, and which raise in the name of their caller.
first(F) -> try F() catch _:_:S -> hd(S) end.
arith(A, B) ->
  [first(F) || F <- [
    fun() -> A + 1 end, fun() -> 1 + A end, fun() -> A - 1 end, fun() -> 1 - A end, fun() -> A + B end,
    fun() -> A * 2 end, fun() -> -A end, fun() -> bnot A end, fun() -> A bsl 1 end, fun() -> A bsr B end,
    fun() -> A / B end, fun() -> A div 2 end, fun() -> A rem B end, fun() -> A band 1 end, fun() -> A bor B end,
    fun() -> A bxor B end, fun() -> abs(A) end, fun() -> hd(A) end, fun() -> tl(A) end, fun() -> length(A) end,
    fun() -> size(A) end, fun() -> element(1, B) end, fun() -> map_size(A) end, fun() -> map_get(A, B) end,
    fun() -> is_map_key(A, B) end, fun() -> tuple_size(A) end, fun() -> byte_size(A) end, fun() -> float(A) end,
    fun() -> trunc(A) end, fun() -> not A end, fun() -> A and B end, fun() -> A or B end, fun() -> node(A) end,
    fun() -> binary_part(A, 1, 1) end, fun() -> A + 1.5 end, fun() -> A ! B end, fun() -> A ++ B end,
    fun() -> is_function(A, B) end, fun() -> setelement(1, A, B) end, fun() -> A:B() end, fun() -> apply(A, A, B) end,
    fun() -> A(1) end, fun() -> X = (B):x(), {X} end]].
