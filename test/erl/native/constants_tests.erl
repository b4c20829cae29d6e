%% SPDX-License-Identifier: Apache-2.0
%% Persistent terms that are erased while something still holds them. The collector of literal areas asks only
%% processes, and each of them once; then the memory is used again.
-module(constants_tests).
-export([main/0, keep/1, kept/0, add/2, added/0]).

main() ->
    native:build("constants_tests"),
    ok = erlang:load_nif("./constants_tests", 0),
    Cases = [{native_environment, fun native_environment/0}, {timer, fun timer/0}, {monitor_tag, fun monitor_tag/0},
             {port_data, fun port_data/0}, {spawn_argument, fun spawn_argument/0},
             {in_dirty_native, fun in_dirty_native/0}, {queue_of_dirty_native, fun queue_of_dirty_native/0},
             {native_of_the_dead, fun native_of_the_dead/0}, {exit_reason, fun exit_reason/0},
             {sent_to_one_asked_before, fun sent_late/0}],
    [t:p(Name, F) || {Name, F} <- Cases].

keep(_) -> erlang:nif_error(not_loaded).
kept() -> erlang:nif_error(not_loaded).
add(_, _) -> erlang:nif_error(not_loaded).
added() -> erlang:nif_error(not_loaded).

%% ---- a term, and its end ----

value() -> {value, lists:seq(1, 200), #{key => "text"}}.

constant() ->
    persistent_term:put({?MODULE, 1}, value()),
    persistent_term:get({?MODULE, 1}).

gone() ->
    true = persistent_term:erase({?MODULE, 1}),
    ok.

%% All areas are free, and hold something else of the same size.
reused() ->
    idle(collector()),
    [begin
         timer:sleep(20),
         persistent_term:put({?MODULE, I}, {value, lists:seq(I, I + 199), #{key => "other"}})
     end || I <- lists:seq(2, 11)],
    [persistent_term:erase({?MODULE, I}) || I <- lists:seq(2, 11)],
    ok.

collector() ->
    Start = {initial_call, {erts_literal_area_collector, start, 0}},
    [P] = [P || P <- processes(), process_info(P, initial_call) =:= Start],
    P.

idle(Collector) ->
    Collector ! {get_status, self(), self()},
    receive
        {Me, idle} when Me =:= self() -> ok;
        {Me, working} when Me =:= self() -> timer:sleep(10), idle(Collector)
    end.

%% In a process that is gone, with all it held, when this returns.
elsewhere(F) ->
    {P, Ref} = spawn_monitor(F),
    receive {'DOWN', Ref, process, P, Why} -> Why end.

right(Term) -> Term =:= value().

%% ---- what holds it ----

native_environment() ->
    elsewhere(fun() -> keep(constant()) end),
    gone(),
    reused(),
    right(kept()).

timer() ->
    Me = self(),
    Go = elsewhere(fun() -> exit(erlang:start_timer(1000, Me, constant())) end),
    gone(),
    reused(),
    receive {timeout, Go, X} -> right(X) end.

monitor_tag() ->
    P = spawn(fun() -> receive stop -> ok end end),
    Me = self(),
    Watcher = spawn(fun() ->
        Ref = monitor(process, P, [{tag, constant()}]),
        Me ! set,
        receive {Tag, Ref, process, P, normal} -> Me ! {tag, Tag} end
    end),
    receive set -> ok end,
    erlang:garbage_collect(Watcher),
    gone(),
    reused(),
    P ! stop,
    receive {tag, X} -> right(X) end.

port_data() ->
    Port = open_port({spawn, "cat"}, []),
    elsewhere(fun() -> erlang:port_set_data(Port, constant()) end),
    gone(),
    reused(),
    X = erlang:port_get_data(Port),
    port_close(Port),
    right(X).

spawn_argument() ->
    Me = self(),
    Child = elsewhere(fun() ->
        X = constant(),
        exit(spawn(fun() -> receive go -> Me ! {argument, right(X)} end end))
    end),
    gone(),
    reused(),
    Child ! go,
    receive {argument, R} -> R end.

%% It reads from a pipe, and has the term on its heap: the collector waits for it.
in_dirty_native() ->
    Me = self(),
    P = reader(fun(Pipe) -> X = constant(), Me ! ready, read(Pipe), Me ! {kept, right(X)} end),
    receive ready -> timer:sleep(100) end,
    gone(),
    timer:sleep(100),
    written(P),
    reused(),
    receive {kept, R} -> R end.

%% It has the term in its mailbox only: nobody waits.
queue_of_dirty_native() ->
    Me = self(),
    P = reader(fun(Pipe) -> read(Pipe), receive {term, X} -> Me ! {kept, right(X)} end end),
    elsewhere(fun() -> element(1, P) ! {term, constant()} end),
    gone(),
    reused(),
    written(P),
    receive {kept, R} -> R end.

%% It is killed in a native function that reads the term a second later.
native_of_the_dead() ->
    {P, Ref} = spawn_monitor(fun() -> add(constant(), 1000) end),
    timer:sleep(200),
    exit(P, kill),
    receive {'DOWN', Ref, process, P, killed} -> gone() end,
    reused(),
    R = t:wait(fun() -> added() =/= -1 end),
    {R, added() =:= lists:sum(lists:seq(1, 200))}.

%% {Process, Pipe}; it is left when something is written.
reader(F) ->
    Pipe = "constants.fifo",
    [] = os:cmd("mkfifo " ++ Pipe),
    P = spawn(fun() -> F(Pipe) end),
    timer:sleep(100),
    {P, Pipe}.

read(Pipe) -> {ok, _} = prim_file:read_file(Pipe).

written({_, Pipe}) ->
    ok = prim_file:write_file(Pipe, "end"),
    ok = file:delete(Pipe).

%% It dies with so many links that it takes long; the last to hear of it has the reason whole.
exit_reason() ->
    Me = self(),
    P = spawn(fun() -> receive {die, X} -> exit(X) end end),
    Linked = [spawn(fun() -> linked(P, Me) end) || _ <- lists:seq(1, 20000)],
    [receive {linked, L} -> ok end || L <- Linked],
    Ref = monitor(process, P),
    elsewhere(fun() -> P ! {die, constant()} end),
    gone(),
    reused(),
    {lists:usort([receive {reason, L, R} -> R end || L <- Linked]),
     receive {'DOWN', Ref, process, P, X} -> right(X) end}.

linked(P, To) ->
    process_flag(trap_exit, true),
    link(P),
    To ! {linked, self()},
    receive {'EXIT', P, X} -> To ! {reason, self(), right(X)} end.

%% One that was not asked yet sends it to one that was, and forgets it. Between the two is one that cannot
%% answer: it reads from a pipe.
sent_late() ->
    Was = erlang:system_flag(outstanding_system_requests_limit, 1),
    Me = self(),
    First = spawn(fun() -> receive X -> receive check -> Me ! {late, right(X)} end end end),
    {Reader, _} = Between = reader(fun read/1),
    Last = spawn(fun() -> X = constant(), Me ! ready, receive send -> First ! X end end),
    receive ready -> ok end,
    timer:sleep(200),
    gone(),
    timer:sleep(500),
    Last ! send,
    timer:sleep(200),
    false = is_process_alive(Last),
    true = is_process_alive(Reader),
    written(Between),
    reused(),
    First ! check,
    receive {late, R} -> ok end,
    erlang:system_flag(outstanding_system_requests_limit, Was),
    R.
