%% SPDX-License-Identifier: Apache-2.0
%% bench_library - OTP's own libraries at work: scanning, parsing, compiling, formatting, JSON, files, sockets.
-module(bench_library).
-export([cases/0]).

cases() ->
    [{io_lib_format, code, fun none/0, fun(_) -> length([io_lib:format("~p ~s ~w ~8.3f ~-10s~n", [{a, I, "b"}, "text", [1, 2], I / 3, "pad"]) || I <- lists:seq(1, 12000)]) end},
     {io_lib_print, code, fun() -> [{I, "string", #{k => I}, [a | b]} || I <- lists:seq(1, 1500)] end, fun(T) -> length(lists:flatten(io_lib:format("~p", [T]))) end},
     {erl_scan, code, fun source/0, fun(S) -> {ok, T, _} = erl_scan:string(S), length(T) end},
     {erl_parse, code, fun() -> [T || {ok, T} <- [tokens(F) || F <- forms(source())]] end,
      fun(Ts) -> length([F || T <- Ts, {ok, F} <- [erl_parse:parse_form(T)]]) end},
     {compile_module, code, fun() -> [element(2, erl_parse:parse_form(T)) || {ok, T} <- [tokens(F) || F <- forms(source(120))]] end,
      fun(Fs) -> {ok, M, B} = compile:forms(Fs, [deterministic]), {M, byte_size(B)} end},
     {json_decode, code, fun json/0, fun(J) -> {V, _} = value(J), length(V) end},
     {json_encode, code, fun() -> element(1, value(json())) end, fun(V) -> iolist_size(encode(V)) end},
     {gb_trees, code, fun none/0, fun(_) -> gb_trees:size(lists:foldl(fun(I, T) -> gb_trees:enter(I * 7919 rem 100003, I, T) end, gb_trees:empty(), lists:seq(1, 40000))) end},
     {dict_orddict, code, fun none/0, fun(_) -> dict:size(lists:foldl(fun(I, D) -> dict:update_counter(I rem 5000, 1, D) end, dict:new(), lists:seq(1, 60000))) end},
     {queue, code, fun none/0, fun(_) -> turn(700000, queue:from_list(lists:seq(1, 100))) end},
     {digraph, native, fun none/0, fun(_) -> graph(4000) end},
     {base64, code, fun() -> binary:copy(<<"0123456789abcde">>, 20000) end, fun(B) -> byte_size(base64:decode(base64:encode(B))) end},
     {rand_uniform, code, fun none/0, fun(_) -> uniform(500000, rand:seed_s(exsss, 7), 0) end},
     {file_lines, io, fun() -> F = "bench_lines.txt", ok = file:write_file(F, [["line ", integer_to_list(I), "\n"] || I <- lists:seq(1, 60000)]), F end,
      fun(F) -> {ok, D} = file:open(F, [read, raw, binary, {read_ahead, 65536}]), N = lines(D, 0), file:close(D), N end},
     {tcp_echo, io, fun echo_server/0, fun(Port) -> echo(Port, 10000) end}].

none() -> none.
source() -> source(400).
source(N) ->
    lists:flatten(["-module(generated).\n-export([f1/2]).\n" |
        [io_lib:format("f~w(X, Y) when X > ~w, is_list(Y) -> case Y of [{a, Z} | T] -> {ok, Z + ~w, [E * 2 || E <- T, E > 3]};"
                       " [] -> f~w(X - 1, [X]); _ -> try g(X) catch _:R -> {error, R, \"text\", <<X:16, 1>>} end end;\n"
                       "f~w(X, _) -> #{x => X}.\n", [I, I, I, I rem N + 1, I]) || I <- lists:seq(1, N)]] ++ ["g(X) -> 1 / X.\n"]).
forms(S) -> [F ++ "." || F <- string:split(S, ".\n", all), F =/= ""].
tokens(F) ->
    case erl_scan:string(F ++ " ") of {ok, T, _} -> {ok, T}; _ -> none end.

json() ->
    iolist_to_binary(["[", lists:join(",", [io_lib:format("{\"id\":~w,\"name\":\"user ~w\",\"tags\":[\"a\",\"b\\n\"],\"score\":~w.5,\"ok\":true,\"none\":null}", [I, I, I])
                      || I <- lists:seq(1, 2500)]), "]"]).
value(<<C, R/binary>>) when C =:= $\s; C =:= $\n -> value(R);
value(<<"{", R/binary>>) -> object(R, []);
value(<<"[", R/binary>>) -> array(R, []);
value(<<"\"", R/binary>>) -> string(R, <<>>);
value(<<"true", R/binary>>) -> {true, R};
value(<<"false", R/binary>>) -> {false, R};
value(<<"null", R/binary>>) -> {null, R};
value(B) -> number(B, []).
object(<<"}", R/binary>>, A) -> {maps:from_list(A), R};
object(<<",", R/binary>>, A) -> object(R, A);
object(<<"\"", R0/binary>>, A) ->
    {K, <<":", R1/binary>>} = string(R0, <<>>),
    {V, R2} = value(R1),
    object(R2, [{K, V} | A]).
array(<<"]", R/binary>>, A) -> {lists:reverse(A), R};
array(<<",", R/binary>>, A) -> array(R, A);
array(B, A) -> {V, R} = value(B), array(R, [V | A]).
string(<<"\"", R/binary>>, A) -> {A, R};
string(<<"\\n", R/binary>>, A) -> string(R, <<A/binary, $\n>>);
string(<<C, R/binary>>, A) -> string(R, <<A/binary, C>>).
number(<<C, R/binary>>, A) when C >= $0, C =< $9; C =:= $.; C =:= $- -> number(R, [C | A]);
number(R, A) ->
    S = lists:reverse(A),
    {case lists:member($., S) of true -> list_to_float(S); false -> list_to_integer(S) end, R}.
encode(M) when is_map(M) -> ["{", lists:join(",", [[encode(K), ":", encode(V)] || {K, V} <- lists:sort(maps:to_list(M))]), "}"];
encode(L) when is_list(L) -> ["[", lists:join(",", [encode(V) || V <- L]), "]"];
encode(B) when is_binary(B) -> ["\"", << <<(escape(C))/binary>> || <<C>> <= B >>, "\""];
encode(A) when is_atom(A) -> atom_to_binary(A);
encode(I) when is_integer(I) -> integer_to_binary(I);
encode(F) -> float_to_binary(F, [short]).
escape($\n) -> <<"\\n">>;
escape($") -> <<"\\\"">>;
escape(C) -> <<C>>.

turn(0, Q) -> queue:len(Q);
turn(N, Q) -> {{value, V}, R} = queue:out(Q), turn(N - 1, queue:in(V, R)).
graph(N) ->
    G = digraph:new(),
    [digraph:add_vertex(G, I) || I <- lists:seq(1, N)],
    [digraph:add_edge(G, I, I * 31 rem N + 1) || I <- lists:seq(1, N)],
    R = length(digraph_utils:strong_components(G)),
    digraph:delete(G),
    R.
uniform(0, _, A) -> A;
uniform(N, S, A) -> {V, S1} = rand:uniform_s(1000, S), uniform(N - 1, S1, A + V).
lines(D, N) ->
    case file:read_line(D) of {ok, _} -> lines(D, N + 1); eof -> N end.
echo_server() ->
    Me = self(),
    spawn(fun() ->
        {ok, L} = gen_tcp:listen(0, [binary, {active, false}, {ip, {127, 0, 0, 1}}, {nodelay, true}]),
        {ok, Port} = inet:port(L),
        Me ! {port, Port},
        serve(L)
    end),
    receive {port, P} -> P end.
serve(L) ->
    {ok, S} = gen_tcp:accept(L),
    bounce(S),
    serve(L).
bounce(S) ->
    case gen_tcp:recv(S, 0) of {ok, B} -> gen_tcp:send(S, B), bounce(S); {error, _} -> ok end.
echo(Port, N) ->
    {ok, S} = gen_tcp:connect({127, 0, 0, 1}, Port, [binary, {active, false}, {nodelay, true}]),
    R = exchange(S, N),
    gen_tcp:close(S),
    R.
exchange(_, 0) -> ok;
exchange(S, N) ->
    ok = gen_tcp:send(S, <<N:32, 0:480>>),
    {ok, <<N:32, _/binary>>} = gen_tcp:recv(S, 64),
    exchange(S, N - 1).
