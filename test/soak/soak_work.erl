%% SPDX-License-Identifier: Apache-2.0
%% The pieces of work of soak: each returns ok, anything else or an exit is a failure.
-module(soak_work).
-export([all/0, term/1, forms/1, down/2, nothing_left/0]).

all() ->
    [{links, fun links/0}, {monitors, fun monitors/0}, {timers, fun timers/0}, {order, fun order/0},
     {table, fun table/0}, {counters, fun counters/0}, {shared, fun shared/0}, {give_away, fun give_away/0}, {fixed, fun fixed/0},
     {names, fun names/0}, {cat, fun cat/0}, {tcp, fun tcp/0}, {udp, fun udp/0}, {code, fun code/0},
     {garbage, fun garbage/0}, {binaries, fun binaries/0}, {killed, fun killed/0}, {constants, fun constants/0},
     {suspended, fun suspended/0}, {aliases, fun aliases/0}, {heap_limit, fun heap_limit/0}, {traced, fun traced/0}].

rnd(N) -> rand:uniform(N).
pick(L) -> lists:nth(rnd(length(L)), L).

%% A random term; Depth bounds it.
term(0) -> pick([rnd(1000), a, [], <<"binary">>, 1.5, self(), make_ref(), 1 bsl rnd(200)]);
term(D) ->
    N = rnd(4),
    case rnd(5) of
        1 -> [term(D - 1) || _ <- lists:seq(1, N)];
        2 -> list_to_tuple([term(D - 1) || _ <- lists:seq(1, N)]);
        3 -> maps:from_list([{term(0), term(D - 1)} || _ <- lists:seq(1, 10 * N)]);
        4 -> binary:copy(<<(rnd(255))>>, rnd(200));
        5 -> X = term(D - 1), fun() -> X end
    end.

down(Ref, P) ->
    receive {'DOWN', Ref, process, P, Why} -> Why after 60000 -> exit({no_down, P}) end.

nothing_left() ->
    receive M -> {left, M} after 0 -> ok end.

%% ---- processes ----

%% A random graph of links; one is killed: those that it reaches through processes that do not trap exits end for its reason.
links() ->
    N = rnd(30),
    Trap = [rnd(4) =:= 1 || _ <- lists:seq(1, N)],
    Me = self(),
    Pids = [spawn(fun() -> process_flag(trap_exit, T), Me ! {ready, self()}, linker() end) || T <- Trap],
    [receive {ready, P} -> ok end || P <- Pids], % one that has not run yet does not trap exits
    Edges = [{pick(Pids), pick(Pids)} || _ <- lists:seq(1, rnd(2 * N))],
    [A ! {link, self(), B} || {A, B} <- Edges],
    [receive {linked, A} -> ok end || {A, _} <- Edges],
    Refs = [{P, monitor(process, P)} || P <- Pids],
    Victim = pick(Pids),
    exit(Victim, kill),
    Gone = spread([Victim], Edges, [P || {P, true} <- lists:zip(Pids, Trap)], []),
    Reasons = [{P, down(R, P)} || {P, R} <- Refs, lists:member(P, Gone)],
    [] = [X || {P, Why} = X <- Reasons, Why =/= killed, P =/= Victim],
    true = lists:all(fun is_process_alive/1, Pids -- Gone),
    [exit(P, kill) || P <- Pids -- Gone],
    [killed = down(R, P) || {P, R} <- Refs, not lists:member(P, Gone)],
    nothing_left().

linker() ->
    receive
        {link, From, P} -> catch link(P), From ! {linked, self()}, linker();
        _ -> linker()
    end.

spread([], _, _, Gone) -> Gone;
spread([P | Ps], Edges, Traps, Gone) ->
    case lists:member(P, Gone) of
        true -> spread(Ps, Edges, Traps, Gone);
        false ->
            Next = [B || {A, B} <- Edges, A =:= P] ++ [A || {A, B} <- Edges, B =:= P],
            spread([X || X <- Next, not lists:member(X, Traps)] ++ Ps, Edges, Traps, [P | Gone])
    end.

monitors() ->
    Reasons = [pick([normal, a, {term, 1.5}, kill]) || _ <- lists:seq(1, rnd(200))],
    Ps = [{spawn_opt(fun() -> receive go -> exit(R) end end, [monitor, {priority, pick([low, normal, high])}]), R}
          || R <- Reasons],
    {Kept, Dropped} = lists:partition(fun(_) -> rnd(4) > 1 end, Ps),
    [true = demonitor(Ref, [flush]) || {{_, Ref}, _} <- Dropped],
    [P ! go || {{P, _}, _} <- Ps],
    [R = down(Ref, P) || {{P, Ref}, R} <- Kept],
    [wait_gone(P) || {{P, _}, _} <- Dropped],
    nothing_left().

wait_gone(P) ->
    Ref = monitor(process, P),
    down(Ref, P).

%% A timer is cancelled or it fires, not both.
timers() ->
    Ts = [{erlang:start_timer(rnd(30), self(), I), I} || I <- lists:seq(1, rnd(300))],
    receive after rnd(30) -> ok end,
    Cancelled = [{T, erlang:cancel_timer(T), I} || {T, I} <- Ts, I rem 2 =:= 0],
    Must = [{T, I} || {T, I} <- Ts, I rem 2 =:= 1] ++ [{T, I} || {T, false, I} <- Cancelled],
    [receive {timeout, T, I} -> ok after 60000 -> exit({no_timeout, I}) end || {T, I} <- Must],
    receive after 40 -> ok end,
    nothing_left().

%% Messages of one sender arrive in order.
order() ->
    Me = self(),
    N = rnd(300),
    Ps = [spawn_link(fun() -> [Me ! {self(), I, term(1)} || I <- lists:seq(1, N)], unlink(Me) end)
          || _ <- lists:seq(1, rnd(6))],
    [[receive {P, I, _} -> ok after 60000 -> exit({no_message, I}) end || I <- lists:seq(1, N)] || P <- lists:reverse(Ps)],
    nothing_left().

%% The victim is in the middle of something long.
killed() ->
    Long = pick([fun(L) -> term_to_binary(L) end, fun(L) -> L -- [x, y] end, fun(L) -> list_to_tuple(L) end,
                 fun(L) -> ets:insert(ets:new(t, []), [{X} || X <- L]) end, fun(L) -> erlang:md5([<<X:32>> || X <- L]) end,
                 fun(L) -> maps:from_list([{X, X} || X <- L]) end, fun(L) -> length(L) end,
                 fun(L) -> unicode:characters_to_binary(L) end, fun(L) -> lists:sort(L) end,
                 fun(L) -> binary_to_list(<< <<X:16>> || X <- L>>) end, fun(L) -> erlang:phash2(L) end]),
    Ps = [spawn_opt(fun() -> long(Long, lists:seq(1, 20000 + rnd(100000))) end, [monitor]) || _ <- lists:seq(1, rnd(3))],
    receive after rnd(30) -> ok end,
    [exit(P, kill) || {P, _} <- Ps],
    [killed = down(R, P) || {P, R} <- Ps],
    nothing_left().

long(F, L) -> F(L), long(F, L).

suspended() ->
    P = spawn_link(fun() -> echo() end),
    [begin
         erlang:suspend_process(P),
         P ! {self(), I},
         receive {P, I} -> exit(not_suspended) after 1 -> ok end,
         erlang:resume_process(P),
         receive {P, I} -> ok after 60000 -> exit(not_resumed) end
     end || I <- lists:seq(1, rnd(5))],
    unlink(P),
    exit(P, kill),
    wait_gone(P),
    nothing_left().

echo() -> receive {From, X} -> From ! {self(), X}, echo() end.

%% After unalias nothing comes.
aliases() ->
    P = spawn_link(fun() -> echo_alias() end),
    [begin
         A = alias(pick([[explicit_unalias], [reply]])),
         P ! {A, I, rnd(3)},
         receive {A, I} -> ok after rnd(4) - 1 -> ok end,
         unalias(A)
     end || I <- lists:seq(1, rnd(100))],
    unlink(P),
    exit(P, kill),
    wait_gone(P),
    flush(),
    receive after 5 -> ok end,
    nothing_left().

echo_alias() -> receive {A, I, N} -> [A ! {A, I} || _ <- lists:seq(1, N)], echo_alias() end.
flush() -> receive _ -> flush() after 0 -> ok end.

heap_limit() ->
    {P, R} = spawn_opt(fun() -> grow([]) end,
                       [monitor, {max_heap_size, #{size => 5000 + rnd(50000), kill => true, error_logger => false}}]),
    killed = down(R, P),
    nothing_left().

grow(L) -> grow([L, L | L]).

traced() ->
    P = spawn_link(fun() -> echo() end),
    erlang:trace(P, true, [send, 'receive', procs, running, garbage_collection]),
    [begin P ! {self(), I}, receive {P, I} -> ok end end || I <- lists:seq(1, rnd(50))],
    unlink(P),
    exit(P, kill),
    wait_gone(P),
    Ref = erlang:trace_delivered(all),
    receive {trace_delivered, all, Ref} -> ok end,
    flush_traces(P),
    nothing_left().

flush_traces(P) -> receive T when element(1, T) =:= trace, element(2, T) =:= P -> flush_traces(P) after 0 -> ok end.

names() ->
    Me = self(),
    Name = list_to_atom("soak_" ++ integer_to_list(rnd(20))),
    Ps = [spawn_link(fun() -> Me ! {self(), catch register(Name, self())}, receive stop -> unlink(Me) end end)
          || _ <- lists:seq(1, 5)],
    Won = [P || P <- Ps, receive {P, X} -> X =:= true end],
    true = length(Won) =< 1,
    case Won of [W] -> W = whereis(Name); [] -> ok end,
    [P ! stop || P <- Ps],
    [wait_gone(P) || P <- Ps],
    [true = whereis(Name) =/= W || W <- Won],
    nothing_left().

%% ---- tables and constants ----

%% A table and a map see the same operations.
table() ->
    T = ets:new(t, [pick([set, ordered_set]), pick([public, protected, private]), {write_concurrency, rnd(2) =:= 1}]),
    M = table(T, #{}, rnd(2000)),
    true = lists:sort(ets:tab2list(T)) =:= lists:sort(maps:to_list(M)),
    true = ets:info(T, size) =:= maps:size(M),
    ets:delete(T),
    undefined = ets:info(T),
    nothing_left().

table(_, M, 0) -> M;
table(T, M, N) ->
    K = rnd(200),
    V = term(1),
    table(T, case rnd(8) of
        1 -> ets:delete(T, K), maps:remove(K, M);
        2 -> Was = [{K, X} || {ok, X} <- [maps:find(K, M)]], Was = ets:take(T, K), maps:remove(K, M);
        3 -> true = ets:insert_new(T, {K, V}) =/= maps:is_key(K, M), maps:merge(#{K => V}, M);
        4 -> L = [{X, V} || X <- lists:seq(K, K + rnd(20))], ets:insert(T, L), maps:merge(M, maps:from_list(L));
        5 -> D = maps:size(maps:filter(fun(X, _) -> X < 20 end, M)),
             D = ets:select_delete(T, [{{'$1', '_'}, [{'<', '$1', 20}], [true]}]),
             maps:filter(fun(X, _) -> X >= 20 end, M);
        _ -> ets:insert(T, {K, V}), M#{K => V}
    end, N - 1).

counters() ->
    T = ets:new(t, [public, {write_concurrency, true}]),
    A = atomics:new(1, []),
    N = rnd(2000),
    Ps = [spawn_monitor(fun() -> [begin ets:update_counter(T, X rem 7, 1, {0, 0}), atomics:add(A, 1, 1) end
                                  || X <- lists:seq(1, N)] end) || _ <- lists:seq(1, rnd(6))],
    [normal = down(R, P) || {P, R} <- Ps],
    Sum = N * length(Ps),
    Sum = atomics:get(A, 1),
    Sum = lists:sum([V || {_, V} <- ets:tab2list(T)]),
    nothing_left().

%% Each of several processes has keys of its own in one table, which grows and shrinks.
shared() ->
    T = ets:new(t, [public, pick([set, bag, duplicate_bag, ordered_set]), {write_concurrency, pick([false, true, auto])}]),
    N = rnd(3000),
    Ps = [spawn_monitor(fun() -> own_keys(T, P, N) end) || P <- lists:seq(1, rnd(4))],
    [_ = ets:select_count(T, [{{{'_', '$1'}, '_'}, [{'<', '$1', 10}], [true]}]) || _ <- lists:seq(1, rnd(5))],
    [normal = down(R, P) || {P, R} <- Ps],
    true = length(Ps) =:= ets:info(T, size),
    ets:delete(T),
    nothing_left().

own_keys(T, P, N) ->
    Keys = [{P, I} || I <- lists:seq(1, N)],
    [true = ets:insert_new(T, {K, here}) || K <- Keys],
    [[{K, here}] = ets:lookup(T, K) || K <- Keys],
    [true = ets:delete(T, K) || K <- tl(Keys)].

give_away() ->
    Me = self(),
    P = spawn(fun() -> receive {'ETS-TRANSFER', T, Me, data} -> receive stop -> ets:info(T, size) end end end),
    T = ets:new(t, [public, {heir, self(), back}]),
    ets:insert(T, [{I, term(1)} || I <- lists:seq(1, rnd(500))]),
    Size = ets:info(T, size),
    true = ets:give_away(T, P, data),
    P ! stop,
    receive {'ETS-TRANSFER', T, P, back} -> ok after 60000 -> exit(no_transfer) end,
    Size = ets:info(T, size),
    Me = ets:info(T, owner),
    nothing_left().

%% A traversal of a fixed table sees each object that was there all the time once.
fixed() ->
    T = ets:new(t, [public, pick([set, bag, ordered_set]), {write_concurrency, pick([false, true, auto])}]),
    N = rnd(1000),
    ets:insert(T, [{I, keep} || I <- lists:seq(1, N)]),
    {P, R} = spawn_monitor(fun() -> disturb(T, N, 500) end),
    ets:safe_fixtable(T, true),
    Seen = [K || K <- walk(T, ets:first(T)), K =< N],
    ets:safe_fixtable(T, false),
    true = lists:sort(Seen) =:= lists:seq(1, N),
    normal = down(R, P),
    N = length(ets:match(T, {'_', keep})),
    nothing_left().

walk(_, '$end_of_table') -> [];
walk(T, K) -> [K | walk(T, ets:next(T, K))].

disturb(_, _, 0) -> ok;
disturb(T, N, Times) ->
    ets:insert(T, {N + rnd(1000), other}),
    ets:delete(T, N + rnd(1000)),
    disturb(T, N, Times - 1).

constants() ->
    Key = {?MODULE, rnd(3), self()},
    V = term(3),
    persistent_term:put(Key, V),
    Me = self(),
    Ps = [spawn_link(fun() -> X = persistent_term:get(Key), receive erased -> ok end, erlang:garbage_collect(),
                              Me ! {self(), X}, unlink(Me) end) || _ <- lists:seq(1, 3)],
    [wait_reading(P) || P <- Ps],
    {Q, Late} = spawn_monitor(fun() -> hold_elsewhere(Key, V) end),
    persistent_term:erase(Key),
    [P ! erased || P <- Ps],
    [receive {P, X} -> true = X =:= V end || P <- Ps],
    held = down(Late, Q),
    nothing_left().

%% Where no collector of literal areas asks for it: in a timer, in the tag of a monitor, with a port, as a reason.
hold_elsewhere(Key, V) ->
    X = persistent_term:get(Key, V),
    Timer = erlang:start_timer(rnd(50), self(), X),
    {P, Ref} = spawn_opt(fun() -> receive X -> exit(X) end end, [{monitor, [{tag, X}]}]),
    Port = open_port({spawn_executable, os:find_executable("cat")}, []),
    erlang:port_set_data(Port, X),
    receive {timeout, Timer, Y} -> true = Y =:= V end,
    P ! V,
    receive {Tag, Ref, process, P, Why} -> true = Tag =:= V, true = Why =:= V end,
    true = erlang:port_get_data(Port) =:= V,
    port_close(Port),
    exit(held).

%% Until it stands in its receive.
wait_reading(P) ->
    case process_info(P, status) of
        {status, waiting} -> ok;
        _ -> erlang:yield(), wait_reading(P)
    end.

%% ---- ports and sockets ----

cat() ->
    Port = open_port({spawn_executable, os:find_executable("cat")}, [binary, stream, use_stdio, exit_status]),
    Data = iolist_to_binary([<<(rnd(1 bsl 32)):32>> || _ <- lists:seq(1, rnd(20000))]),
    true = port_command(Port, Data),
    Data = from_port(Port, size(Data), []),
    true = port_close(Port),
    undefined = erlang:port_info(Port),
    flush(),
    ok.

from_port(_, 0, Acc) -> iolist_to_binary(lists:reverse(Acc));
from_port(Port, N, Acc) ->
    receive {Port, {data, D}} -> from_port(Port, N - size(D), [D | Acc]) after 60000 -> exit(no_data) end.

tcp() ->
    {ok, L} = gen_tcp:listen(0, [binary, {active, false}, {ip, {127, 0, 0, 1}}]),
    {ok, Number} = inet:port(L),
    Packet = pick([0, 1, 2, 4]),
    {P, R} = spawn_monitor(fun() -> server(L, Packet) end),
    Active = pick([true, false, once]),
    {ok, S} = gen_tcp:connect({127, 0, 0, 1}, Number, [binary, {active, Active}, {packet, Packet}]),
    [begin
         D = binary:copy(<<(rnd(255))>>, rnd(200)),
         ok = gen_tcp:send(S, D),
         D = from_socket(S, size(D), Packet, Active)
     end || _ <- lists:seq(1, rnd(20))],
    ok = gen_tcp:close(S),
    normal = down(R, P),
    ok = gen_tcp:close(L),
    nothing_left().

server(L, Packet) ->
    {ok, S} = gen_tcp:accept(L),
    inet:setopts(S, [{packet, Packet}]),
    server_loop(S).

server_loop(S) ->
    case gen_tcp:recv(S, 0) of
        {ok, D} -> ok = gen_tcp:send(S, D), server_loop(S);
        {error, closed} -> ok
    end.

from_socket(S, N, Packet, Active) ->
    D = case Active of
        false when Packet =:= 0 -> {ok, X} = gen_tcp:recv(S, N, 60000), X;
        false -> {ok, X} = gen_tcp:recv(S, 0, 60000), X;
        _ -> receive {tcp, S, X} -> X after 60000 -> exit(no_data) end
    end,
    Active =:= once andalso inet:setopts(S, [{active, once}]),
    case N - size(D) of
        0 -> D;
        Left -> <<D/binary, (from_socket(S, Left, Packet, Active))/binary>>
    end.

udp() ->
    {ok, A} = gen_udp:open(0, [binary, {active, false}, {ip, {127, 0, 0, 1}}]),
    {ok, B} = gen_udp:open(0, [binary, {active, false}, {ip, {127, 0, 0, 1}}]),
    {ok, PA} = inet:port(A),
    {ok, PB} = inet:port(B),
    [begin
         D = binary:copy(<<(rnd(255))>>, rnd(500)),
         ok = gen_udp:send(A, {127, 0, 0, 1}, PB, D),
         {ok, {_, PA, D}} = gen_udp:recv(B, 0, 60000)
     end || _ <- lists:seq(1, rnd(20))],
    gen_udp:close(A),
    gen_udp:close(B),
    nothing_left().

%% ---- code ----

%% Two versions of a module of this actor; who stays in the old one is killed by purge, not by soft_purge.
code() ->
    {_, I, _} = get(place),
    M = list_to_atom("soak_code_" ++ integer_to_list(I)),
    [One, Two] = [version(M, V) || V <- [1, 2]],
    {module, M} = code:load_binary(M, "", One),
    1 = M:version(),
    F = M:fun_of(),
    {P, R} = spawn_monitor(fun() -> M:stay() end),
    wait_reading(P),
    {module, M} = code:load_binary(M, "", Two),
    2 = M:version(),
    1 = F(),
    false = code:soft_purge(M),
    true = is_process_alive(P),
    true = code:purge(M),
    killed = down(R, P),
    2 = M:version(),
    true = code:delete(M),
    code:purge(M),
    {'EXIT', {undef, _}} = (catch M:version()),
    nothing_left().

version(M, V) ->
    case persistent_term:get({?MODULE, M, V}, none) of
        none ->
            Text = io_lib:format("-module(~p). -export([version/0, stay/0, fun_of/0, lits/0]). version() -> ~p. "
                                 "stay() -> receive _ -> stay() end. fun_of() -> fun version_/0. version_() -> ~p. "
                                 "lits() -> [{~p, \"literal\"}, <<\"and a binary that is long enough to be shared, of more than "
                                 "sixty-four bytes\">>].", [M, V, V, V]),
            {ok, Tokens, _} = erl_scan:string(lists:flatten(Text)),
            {ok, M, Binary} = compile:forms(forms(Tokens), []),
            persistent_term:put({?MODULE, M, V}, Binary),
            Binary;
        Binary -> Binary
    end.

forms([]) -> [];
forms(Tokens) ->
    {Form, [Dot | Rest]} = lists:splitwith(fun(T) -> element(1, T) =/= dot end, Tokens),
    {ok, F} = erl_parse:parse_form(Form ++ [Dot]),
    [F | forms(Rest)].

%% ---- memory ----

garbage() ->
    T = term(4),
    B = term_to_binary(T, [{minor_version, 2}]),
    process_flag(fullsweep_after, rnd(10)),
    Me = self(),
    T = garbage(T, rnd(30)),
    B = term_to_binary(T, [{minor_version, 2}]),
    P = spawn_link(fun() -> receive X -> erlang:garbage_collect(), Me ! {back, X}, unlink(Me) end end),
    P ! T,
    receive {back, T} -> ok end,
    nothing_left().

garbage(T, 0) -> T;
garbage(T, N) ->
    Waste = lists:seq(1, rnd(20000)),
    true = length(Waste) > 0,
    case rnd(3) of
        1 -> erlang:garbage_collect();
        2 -> erlang:garbage_collect(self(), [{type, minor}]);
        3 -> ok
    end,
    [X] = garbage([T], N - 1),
    X.

binaries() ->
    L = [binary:copy(<<(rnd(255))>>, rnd(300)) || _ <- lists:seq(1, rnd(200))],
    B = lists:foldl(fun(X, Acc) -> <<Acc/binary, X/binary>> end, <<>>, L),
    B = iolist_to_binary(L),
    Sum = erlang:crc32(L),
    Parts = cut(B),
    erlang:garbage_collect(),
    Sum = erlang:crc32(Parts),
    Me = self(),
    P = spawn_link(fun() -> receive X -> Me ! {sum, erlang:crc32(X)}, unlink(Me) end end),
    P ! Parts,
    receive {sum, Sum} -> ok end,
    nothing_left().

cut(<<>>) -> [];
cut(B) ->
    N = min(size(B), rnd(100)),
    <<X:N/binary, Rest/binary>> = B,
    [X | cut(Rest)].
