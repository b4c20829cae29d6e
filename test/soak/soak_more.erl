%% SPDX-License-Identifier: Apache-2.0
%% More pieces of work of soak: code that comes and goes with what it left elsewhere, what looks at everybody, files,
%% codecs, tracing, OTP's own behaviours. Each returns ok, anything else or an exit is a failure.
-module(soak_more).
-export([all/0, sleeper/2]).
-behaviour(gen_server).
-export([init/1, handle_call/3, handle_cast/2]).

all() ->
    [{literals, fun literals/0}, {dead_funs, fun dead_funs/0}, {upgrade, fun upgrade/0}, {raises, fun raises/0},
     {hibernate, fun hibernate/0}, {priorities, fun priorities/0}, {schedulers, fun schedulers/0},
     {inspect, fun inspect/0}, {statistics, fun statistics/0}, {call_trace, fun call_trace/0},
     {tracer_dies, fun tracer_dies/0}, {files, fun files/0}, {zlib, fun zlib/0}, {terms, fun terms/0},
     {text, fun text/0}, {numbers, fun numbers/0}, {maps, fun maps/0}, {continuations, fun continuations/0},
     {heir, fun heir/0}, {replace, fun replace/0}, {cancels, fun cancels/0}, {exit_status, fun exit_status/0},
     {port_owner, fun port_owner/0}, {queue_data, fun queue_data/0}, {server, fun server/0},
     {spawn_requests, fun spawn_requests/0}, {packets, fun packets/0}, {large_messages, fun large_messages/0},
     {exits_cross, fun exits_cross/0}].

rnd(N) -> rand:uniform(N).
pick(L) -> lists:nth(rnd(length(L)), L).
bytes(N) -> rand:bytes(rnd(N)).
nothing_left() -> soak_work:nothing_left().

%% Everything that is in the mailbox, where what comes cannot be foreseen.
forget() ->
    receive _ -> forget() after 0 -> ok end.

%% ---- code that comes and goes ----

module(What) ->
    {_, I, _} = get(place),
    list_to_atom(lists:concat(["soak_", What, I])).

literals_of(V) -> {V, lists:seq(V, V + 20), binary:copy(<<V>>, 100), #{V => "text"}, 1.5, 1 bsl 100 + V}.

load(M, V) ->
    Key = {?MODULE, M, V},
    Binary = case persistent_term:get(Key, none) of
        none -> compiled(M, V);
        Known -> Known
    end,
    persistent_term:put(Key, Binary),
    {module, M} = code:load_binary(M, "", Binary).

compiled(M, V) ->
    Text = io_lib:format("-module(~p). -export([version/0, literals/0, of_fun/0, serve/0, fail/1]). version() -> ~p. "
                         "literals() -> ~w. of_fun() -> fun() -> literals() end. fail(X) -> [error({X, literals()})]. "
                         "serve() -> receive {version, P} -> P ! {self(), version()}, ~p:serve(); stop -> ok end.",
                         [M, V, literals_of(V), M]),
    {ok, Tokens, _} = erl_scan:string(lists:flatten(Text)),
    {ok, M, Binary} = compile:forms(soak_work:forms(Tokens), []),
    Binary.

unload(M) ->
    true = code:delete(M),
    code:purge(M).

%% Its literals are in processes, a table, timers, this mailbox and that of one that may get them late.
literals() ->
    M = module(literals),
    V = rnd(3),
    load(M, V),
    L = M:literals(),
    Me = self(),
    T = ets:new(t, []),
    ets:insert(T, {x, L}),
    Holders = [spawn_link(fun() -> hold(M, Me) end) || _ <- lists:seq(1, rnd(5))],
    [receive {P, holds} -> ok end || P <- Holders],
    [erlang:send_after(rnd(30), Me, {timer, I, L}) || I <- [1, 2, 3]],
    Me ! {message, L},
    Late = spawn_link(fun() -> receive {late, X} -> Me ! {self(), X}, unlink(Me) end end),
    spawn(fun() -> Late ! {late, M:literals()} end),
    unload(M),
    [P ! go || P <- Holders],
    Late ! {late, literals_of(V)}, % its other sender may have found no code any more
    Got = [receive {P, X} -> X end || P <- [Late | Holders]] ++ [receive {timer, I, X} -> X end || I <- [1, 2, 3]]
        ++ [receive {message, X} -> X end, ets:lookup_element(T, x, 2)],
    true = lists:all(fun(Y) -> Y =:= literals_of(V) end, Got),
    ets:delete(T),
    nothing_left().

hold(M, To) ->
    X = M:literals(),
    To ! {self(), holds},
    receive go -> To ! {self(), X}, unlink(To) end.

dead_funs() ->
    M = module(funs),
    load(M, 1),
    F = M:of_fun(),
    T = ets:new(t, []),
    ets:insert(T, {f, F}),
    self() ! {f, F},
    erlang:send_after(1, self(), {g, F}),
    Binary = term_to_binary(F),
    unload(M),
    Found = [F, receive {f, X} -> X end, receive {g, Y} -> Y end, binary_to_term(Binary), ets:lookup_element(T, f, 2)],
    lists:foreach(fun(G) -> {'EXIT', {undef, _}} = (catch G()) end, Found),
    ets:delete(T),
    load(M, 1),
    true = lists:all(fun(G) -> G() =:= literals_of(1) end, Found),
    unload(M),
    nothing_left().

upgrade() ->
    M = module(upgrade),
    load(M, 1),
    Ps = [spawn_link(M, serve, []) || _ <- lists:seq(1, rnd(10))],
    [begin
         code:purge(M),
         load(M, V),
         [P ! {version, self()} || P <- Ps, _ <- [1, 2]],
         [receive {P, _} -> ok end || P <- Ps],
         [receive {P, Now} -> Now = V end || P <- Ps],
         true = code:soft_purge(M)
     end || V <- [2, 3, 1, 2]],
    [begin
         Ref = monitor(process, P),
         P ! stop,
         normal = soak_work:down(Ref, P)
     end || P <- Ps],
    unload(M),
    nothing_left().

%% A stack trace outlives its code.
raises() ->
    M = module(raises),
    load(M, 2),
    {L, Stack} = try M:fail(x) catch error:{x, X}:S -> {X, S} end,
    [{M, fail, 1, _} | _] = Stack,
    unload(M),
    {'EXIT', {again, [{M, fail, 1, _} | _]}} = (catch erlang:raise(error, again, Stack)),
    true = L =:= literals_of(2),
    true = deep(rnd(3000)) > 0,
    nothing_left().

deep(0) -> try error(x) catch _:_:S -> length(S) end;
deep(N) -> try 1 + deep(N - 1) catch throw:_ -> no end.

%% ---- processes ----

hibernate() ->
    Me = self(),
    P = spawn_link(?MODULE, sleeper, [Me, soak_work:term(3)]),
    [begin
         P ! {say, X},
         receive {P, Y} -> true = X =:= Y end,
         erlang:garbage_collect(P)
     end || X <- [soak_work:term(2), 1, lists:seq(1, rnd(1000))]],
    P ! stop,
    nothing_left().

sleeper(To, Kept) ->
    receive
        stop -> unlink(To);
        {say, X} -> To ! {self(), X}, erlang:hibernate(?MODULE, sleeper, [To, [X | Kept]])
    end.

priorities() ->
    Me = self(),
    Ps = [spawn_opt(fun() ->
              N = lists:foldl(fun(X, A) -> (A * 31 + X) rem 1000003 end, 0, lists:seq(1, 5000)),
              process_flag(priority, normal),
              Me ! {self(), N},
              unlink(Me)
          end, [link, {priority, P}]) || P <- [low, normal, high, low, high, max]],
    [_] = lists:usort([receive {P, N} -> N end || P <- Ps]),
    nothing_left().

schedulers() ->
    All = erlang:system_info(schedulers),
    case rnd(10) of
        1 ->
            erlang:system_flag(schedulers_online, rnd(All)),
            erlang:yield(),
            erlang:system_flag(schedulers_online, All);
        2 ->
            erlang:system_flag(multi_scheduling, block),
            erlang:yield(),
            erlang:system_flag(multi_scheduling, unblock);
        _ -> ok
    end,
    nothing_left().

%% Large, and switched between on_heap and off_heap on the way.
queue_data() ->
    Me = self(),
    P = spawn_link(fun() ->
        [begin
             process_flag(message_queue_data, pick([on_heap, off_heap])),
             receive {I, X} -> Me ! {I, X} end
         end || I <- lists:seq(1, 200)],
        unlink(Me)
    end),
    Sent = [{I, soak_work:term(1)} || I <- lists:seq(1, 200)],
    [P ! X || X <- Sent],
    [receive {I, Y} -> true = X =:= Y end || {I, X} <- Sent],
    nothing_left().

large_messages() ->
    Me = self(),
    P = spawn_link(fun() -> receive X -> Me ! X, unlink(Me) end end),
    B = bytes(500000),
    P ! {x, [B, <<B/binary, 1:3>>, binary:part(B, 0, size(B) div 2)]},
    receive {x, [C, <<D:(size(B))/binary, 1:3>>, _]} -> true = C =:= B, true = D =:= B end,
    nothing_left().

exits_cross() ->
    process_flag(trap_exit, true),
    Ps = [spawn_link(fun() -> receive go -> exit({went, soak_work:term(2)}) end end) || _ <- lists:seq(1, 30)],
    [case rnd(3) of
         1 -> exit(P, kill);
         2 -> exit(P, {sent, soak_work:term(1)});
         3 -> P ! go
     end || P <- Ps],
    [receive {'EXIT', P, _} -> ok end || P <- Ps],
    nothing_left().

spawn_requests() ->
    Refs = [{I, spawn_request(fun() -> exit(I) end, [{monitor, [{tag, {down, I}}]}, {reply_tag, {reply, I}}])}
            || I <- lists:seq(1, 20)],
    [receive {{reply, I}, Ref, ok, P} -> receive {{down, I}, Ref, process, P, I} -> ok end end || {I, Ref} <- Refs],
    nothing_left().

cancels() ->
    Ts = [erlang:start_timer(rnd(2000), self(), I) || I <- lists:seq(1, 200)],
    [case rnd(3) of
         1 -> erlang:cancel_timer(T);
         2 -> erlang:cancel_timer(T, [{async, true}, {info, false}]);
         3 -> erlang:cancel_timer(T, [{async, true}]), receive {cancel_timer, T, _} -> ok end
     end || T <- Ts],
    forget_timeouts(),
    nothing_left().

forget_timeouts() ->
    receive {timeout, _, _} -> forget_timeouts() after 10 -> ok end.

init(X) -> {ok, X}.
handle_call({get, X}, _, S) -> {reply, {X, S}, S};
handle_call(crash, _, _) -> exit(crash).
handle_cast(X, _) -> {noreply, X}.

server() ->
    process_flag(trap_exit, true),
    {ok, P} = gen_server:start_link(?MODULE, 1, []),
    [begin X = soak_work:term(1), {Y, 1} = gen_server:call(P, {get, X}), true = X =:= Y end || _ <- lists:seq(1, 20)],
    gen_server:cast(P, two),
    {a, two} = gen_server:call(P, {get, a}),
    {'EXIT', {crash, _}} = (catch gen_server:call(P, crash)),
    receive {'EXIT', P, crash} -> nothing_left() end.

%% ---- what looks at everybody ----

inspect() ->
    P = pick(processes()),
    Items = [registered_name, current_function, initial_call, status, message_queue_len, links, dictionary, trap_exit,
             error_handler, priority, group_leader, total_heap_size, heap_size, stack_size, reductions, suspending,
             garbage_collection, monitors, monitored_by, memory, current_stacktrace, binary, catchlevel, last_calls,
             min_heap_size, garbage_collection_info, message_queue_data, sequential_trace_token, backtrace],
    case process_info(P, Items) of
        undefined -> ok;
        List -> Items = [I || {I, _} <- List]
    end,
    [process_info(P, I) || I <- Items],
    Ref = make_ref(),
    case catch erlang:garbage_collect(P, [{async, Ref}, {type, pick([major, minor])}]) of
        async -> receive {garbage_collect, Ref, _} -> ok end;
        {'EXIT', {badarg, _}} -> false = is_process_alive(P)
    end,
    nothing_left().

statistics() ->
    [_ = erlang:statistics(S) || S <- [context_switches, garbage_collection, io, reductions, runtime, wall_clock,
                                       run_queue, run_queue_lengths_all, active_tasks_all, scheduler_wall_time]],
    [_ = erlang:system_info(I) || I <- [process_count, port_count, ets_count, atom_count, procs, info, loaded]],
    [erlang:port_info(P) || P <- erlang:ports()],
    [ets:info(T) || T <- ets:all()],
    true = lists:sum([N || {I, N} <- erlang:memory(), lists:member(I, [processes, system])]) > 0,
    nothing_left().

%% One actor at a time may have its pattern; messages may come or not.
call_trace() ->
    Me = self(),
    P = spawn_link(fun() ->
        receive go -> ok end,
        [lists:reverse([I, 2]) || I <- lists:seq(1, 20)],
        receive stop -> unlink(Me) end
    end),
    1 = erlang:trace(P, true, [call, {tracer, Me}, pick([timestamp, arity, return_to])]),
    erlang:trace_pattern({lists, reverse, 1}, pick([true, false, [{'_', [], [{return_trace}]}]]), [local]),
    P ! go,
    erlang:yield(),
    erlang:trace(P, false, [call]),
    Ref = erlang:trace_delivered(P),
    receive {trace_delivered, P, Ref} -> ok end,
    P ! stop,
    forget().

tracer_dies() ->
    Tracer = spawn(fun() -> receive stop -> ok end end),
    {P, Ref} = spawn_monitor(fun() -> receive go -> to_oneself(200) end end),
    1 = erlang:trace(P, true, [send, 'receive', procs, running, garbage_collection, {tracer, Tracer}]),
    P ! go,
    erlang:yield(),
    exit(Tracer, kill),
    normal = soak_work:down(Ref, P),
    nothing_left().

to_oneself(0) -> ok;
to_oneself(N) ->
    self() ! {x, lists:seq(1, 50)},
    receive {x, _} -> to_oneself(N - 1) end.

%% ---- files, ports, sockets ----

files() ->
    {_, I, _} = get(place),
    Name = "soak_file_" ++ integer_to_list(I),
    Data = bytes(100000),
    ok = file:write_file(Name, Data),
    {ok, Data} = file:read_file(Name),
    {ok, F} = file:open(Name, [read, write, binary | pick([[raw], [], [raw, delayed_write], [raw, read_ahead]])]),
    Place = rnd(size(Data)) - 1,
    {ok, Place} = file:position(F, Place),
    ok = file:write(F, <<"xyz">>),
    {ok, 0} = file:position(F, bof),
    {ok, Changed} = file:read(F, size(Data) + 3),
    <<"xyz">> = binary:part(Changed, Place, 3),
    ok = file:close(F),
    {P, Ref} = spawn_monitor(fun() -> {ok, _} = file:open(Name, [read]), exit(left_open) end),
    left_open = soak_work:down(Ref, P),
    ok = file:rename(Name, Name ++ "_"),
    ok = file:delete(Name ++ "_"),
    {error, enoent} = file:read_file(Name),
    nothing_left().

exit_status() ->
    N = rnd(200),
    Port = open_port({spawn, "sh -c 'exit " ++ integer_to_list(N) ++ "'"}, [exit_status]),
    receive {Port, {exit_status, N}} -> ok end,
    forget_ports(),
    nothing_left().

forget_ports() ->
    receive {'EXIT', P, normal} when is_port(P) -> forget_ports() after 0 -> ok end.

port_owner() ->
    Me = self(),
    {P, Ref} = spawn_monitor(fun() ->
        Port = open_port({spawn, "cat"}, [binary, {packet, 4}]),
        port_connect(Port, Me),
        unlink(Port),
        exit({port, Port})
    end),
    {port, Port} = soak_work:down(Ref, P),
    Data = bytes(200000),
    true = port_command(Port, Data),
    receive {Port, {data, Back}} -> true = Back =:= Data end,
    port_close(Port),
    forget_ports(),
    nothing_left().

packets() ->
    Packet = pick([1, 2, 4, line]),
    {ok, L} = gen_tcp:listen(0, [binary, {active, false}, {packet, Packet}]),
    {ok, Number} = inet:port(L),
    {P, Ref} = spawn_monitor(fun() ->
        {ok, S} = gen_tcp:connect("localhost", Number, [binary, {active, pick([true, once, 5])}, {packet, Packet}]),
        echo(S)
    end),
    {ok, A} = gen_tcp:accept(L),
    Data = list_to_binary([lists:duplicate(rnd(200), $x), $\n]),
    [begin ok = gen_tcp:send(A, Data), {ok, Data} = gen_tcp:recv(A, 0, 60000) end || _ <- lists:seq(1, 10)],
    gen_tcp:close(A),
    gen_tcp:close(L),
    closed = soak_work:down(Ref, P),
    nothing_left().

echo(S) ->
    receive
        {tcp, S, Data} -> gen_tcp:send(S, Data), inet:setopts(S, [{active, once}]), echo(S);
        {tcp_passive, S} -> inet:setopts(S, [{active, once}]), echo(S);
        {tcp_closed, S} -> exit(closed)
    end.

%% ---- data ----

zlib() ->
    Data = iolist_to_binary([bytes(2000), binary:copy(<<"abcde">>, rnd(10000))]),
    Data = zlib:gunzip(zlib:gzip(Data)),
    Data = zlib:unzip(zlib:zip(Data)),
    Z = zlib:open(),
    zlib:inflateInit(Z),
    Data = iolist_to_binary(zlib:inflate(Z, zlib:compress(Data))),
    case rnd(2) of 1 -> zlib:close(Z); 2 -> left_open end,
    {'EXIT', {data_error, _}} = (catch zlib:uncompress(<<1, 2, 3>>)),
    nothing_left().

%% Damaged, a term in the external format is another one or none.
terms() ->
    T = [soak_work:term(3), soak_work:term(3)],
    B = term_to_binary(T),
    true = binary_to_term(B) =:= T,
    true = binary_to_term(term_to_binary(T, [compressed])) =:= T,
    true = erlang:phash2(T) =:= erlang:phash2(binary_to_term(B)),
    Place = rnd(size(B)) - 1,
    <<Front:Place/binary, _, Back/binary>> = B,
    _ = (catch binary_to_term(<<Front/binary, (rnd(256) - 1), Back/binary>>, pick([[], [safe]]))),
    nothing_left().

text() ->
    S = [pick([$a, $b, 228, 8364, 128512]) || _ <- lists:seq(1, rnd(3000))],
    U = unicode:characters_to_binary(S),
    S = unicode:characters_to_list(U),
    S = unicode:characters_to_list(unicode:characters_to_binary(S, utf8, utf16), utf16),
    {match, ["needle", "ee"]} = re:run([S, "needle"], "n(e+)dle", [unicode, {capture, all, list}]),
    S = lists:flatten(lists:join("b", re:split(U, "b", [unicode, {return, list}]))),
    X = bytes(3000),
    X = base64:decode(base64:encode(X)),
    X = << <<C>> || <<C>> <= X >>,
    nothing_left().

numbers() ->
    [A, B] = [binary:decode_unsigned(<<1, (bytes(3000))/binary>>) || _ <- [1, 2]],
    true = (A * B) div B =:= A,
    true = (A div B) * B + A rem B =:= A,
    A = list_to_integer(integer_to_list(A)),
    A = binary_to_integer(integer_to_binary(A, 16), 16),
    true = (A bxor B) bxor B =:= A,
    nothing_left().

maps() ->
    L = [{rnd(5000), I} || I <- lists:seq(1, rnd(5000))],
    M = maps:from_list(L),
    true = M =:= lists:foldl(fun({K, V}, A) -> A#{K => V} end, #{}, L),
    true = lists:sort(maps:to_list(M)) =:= lists:sort(maps:fold(fun(K, V, A) -> [{K, V} | A] end, [], M)),
    #{} = Empty = lists:foldl(fun({K, _}, A) -> maps:remove(K, A) end, M, L),
    0 = map_size(Empty),
    nothing_left().

%% ---- tables ----

%% Objects that stay are found once each while others come and go.
continuations() ->
    T = ets:new(t, [pick([set, ordered_set, bag, duplicate_bag]), public, {write_concurrency, pick([true, false])}]),
    N = rnd(3000),
    ets:insert(T, [{I, soak_work:term(0)} || I <- lists:seq(1, N)]),
    Me = self(),
    Busy = spawn_link(fun() ->
        [begin ets:insert(T, {N + rnd(100), x}), ets:delete(T, N + rnd(100)) end || _ <- lists:seq(1, 500)],
        receive stop -> unlink(Me), Me ! stopped end
    end),
    ets:safe_fixtable(T, true),
    Found = go_on(ets:select(T, [{{'$1', '_'}, [{'=<', '$1', N}], ['$1']}], rnd(100))),
    true = lists:sort(Found) =:= lists:seq(1, N),
    ets:safe_fixtable(T, false),
    Busy ! stop,
    receive stopped -> ets:delete(T) end,
    nothing_left().

go_on('$end_of_table') -> [];
go_on({L, C}) -> L ++ go_on(ets:select(C)).

heir() ->
    X = soak_work:term(2),
    Me = self(),
    {P, Ref} = spawn_monitor(fun() ->
        T = ets:new(t, [{heir, Me, X}]),
        ets:insert(T, {a, X}),
        exit(T)
    end),
    T = soak_work:down(Ref, P),
    receive {'ETS-TRANSFER', T, P, Y} -> true = X =:= Y end,
    true = ets:lookup(T, a) =:= [{a, X}],
    ets:delete(T),
    nothing_left().

replace() ->
    T = ets:new(t, [pick([set, ordered_set])]),
    N = rnd(2000),
    ets:insert(T, [{I, 0} || I <- lists:seq(1, N)]),
    N = ets:select_replace(T, [{{'$1', '$2'}, [], [{{'$1', {'+', '$2', '$1'}}}]}]),
    true = lists:all(fun({A, B}) -> A =:= B end, ets:tab2list(T)),
    Even = N div 2,
    Even = ets:select_delete(T, [{{'$1', '_'}, [{'=:=', {'rem', '$1', 2}, 0}], [true]}]),
    true = ets:info(T, size) =:= N - Even,
    nothing_left().
