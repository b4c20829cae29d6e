%% SPDX-License-Identifier: Apache-2.0
%% Sequential trace tokens: with exit signals, spawned processes, aliases; what leaves a token alone; tracers.
-module(seq_token_tests).
-export([main/0]).

main() ->
    step("spawn", fun() -> in_family(fun spawns/0) end),
    step("spawn_link", fun() -> in_family(fun spawn_links/0) end),
    step("spawn_request", fun() -> in_family(fun requests/0) end),
    step("exit", fun() -> in_family(fun exits/0) end),
    step("alias", fun() -> in_family(fun aliases/0) end),
    step("kept", fun kept/0),
    step("dead tracer", fun dead_tracer/0),
    step("port tracer", fun port_tracer/0),
    step("numbers", fun numbers/0).

step(Name, F) ->
    io:format("~s~n", [Name]),
    {P, R} = spawn_monitor(F),
    receive {'DOWN', R, process, P, Why} -> io:format("  ended: ~p~n", [Why]) end,
    seq_trace:reset_trace().

%% Runs F with a tracer; prints what that got, with names for pids and references.
in_family(F) ->
    seq_trace:set_system_tracer(spawn(fun() -> collect([]) end)),
    seq_trace:set_token(label, family),
    [seq_trace:set_token(Flag, true) || Flag <- [send, 'receive', strict_monotonic_timestamp]],
    Known = F(),
    seq_trace:set_token([]),
    T = seq_trace:get_system_tracer(),
    T ! {get, self()},
    Events = receive {events, E} -> E end,
    seq_trace:set_system_tracer(false),
    [io:format("  ~p~n", [name(X, [{self(), me} | Known])]) || X <- Events].

collect(L) ->
    receive
        {get, P} -> P ! {events, [M || {M, _} <- lists:keysort(2, L)]};
        {seq_trace, family, M, Time} -> collect([{M, Time} | L])
    after 5000 -> ok
    end.

name(T, Known) when is_tuple(T) -> list_to_tuple(name(tuple_to_list(T), Known));
name([H | T], Known) -> [name(H, Known) | name(T, Known)];
name(P, Known) when is_pid(P) -> proplists:get_value(P, Known, a_pid);
name(R, Known) when is_reference(R) -> proplists:get_value(R, Known, a_ref);
name(F, _) when is_function(F) -> a_fun;
name(X, _) -> X.

spawns() ->
    Me = self(),
    A = spawn(fun() -> receive after infinity -> ok end end),
    [{A, a}] ++ [{Me, me}].

spawn_links() ->
    A = spawn_link(fun() -> receive after infinity -> ok end end),
    unlink(A),
    [{A, a}].

requests() ->
    Me = self(),
    Tag = make_ref(),
    Id = spawn_request(fun() -> receive Go -> Me ! Go end end, [monitor, {reply_tag, Tag}]),
    C = receive {Tag, Id, ok, P} -> P end,
    C ! go,
    receive go -> ok end,
    receive {'DOWN', Id, process, C, normal} -> ok end,
    [{C, c}, {Id, id}, {Tag, tag}].

exits() ->
    process_flag(trap_exit, true),
    seq_trace:set_token([]),
    A = spawn_link(fun() -> receive Why -> exit({because, Why}) end end),
    Me = self(),
    B = spawn_link(fun() -> process_flag(trap_exit, true), Me ! ready, receive Y -> Me ! {got, Y} end end),
    receive ready -> ok end,
    seq_trace:set_token(label, family),
    [seq_trace:set_token(Flag, true) || Flag <- [send, 'receive', strict_monotonic_timestamp]],
    A ! ask,
    receive {'EXIT', A, _} -> ok end,
    Token = seq_trace:get_token(),
    exit(B, up),
    receive {got, _} -> ok end,
    receive {'EXIT', B, normal} -> ok end,
    Token2 = seq_trace:get_token(),
    io:format("  ~p ~p~n", [name(Token, [{A, a}]), Token2]),
    [{A, a}, {B, b}].

aliases() ->
    Me = self(),
    seq_trace:set_token([]),
    A = spawn(fun() -> Me ! {alias, alias()}, receive X -> X end, Me ! thanks end),
    Alias = receive {alias, Al} -> Al end,
    seq_trace:set_token(label, family),
    [seq_trace:set_token(Flag, true) || Flag <- [send, 'receive', strict_monotonic_timestamp]],
    Alias ! please,
    receive thanks -> ok end,
    [{A, a}, {Alias, alias}].

%% Messages that no process sent leave the token alone.
kept() ->
    Token = fun(What) -> io:format("  ~s: ~p~n", [What, seq_trace:get_token(label)]) end,
    Fresh = fun() -> seq_trace:set_token(label, mine) end,
    Fresh(), erlang:send_after(1, self(), timer), receive timer -> ok end, Token("timer"),
    Fresh(), erlang:start_timer(1, self(), x), receive {timeout, _, x} -> ok end, Token("start_timer"),
    Fresh(), P = open_port({spawn, "cat"}, [binary]), P ! {self(), {command, <<"x">>}},
    receive {P, {data, _}} -> ok end, Token("port"),
    P ! {self(), close}, receive {P, closed} -> ok end, Token("port closed"),
    seq_trace:set_token([]),
    {Q, R} = spawn_monitor(fun() -> receive X -> exit(X) end end), Q ! atom, Fresh(),
    receive {'DOWN', R, _, _, _} -> ok end, Token("DOWN of an atom"),
    seq_trace:set_token([]),
    {Q2, R2} = spawn_monitor(fun() -> receive X -> exit(X) end end), Q2 ! {a, tuple}, Fresh(),
    receive {'DOWN', R2, _, _, _} -> ok end, Token("DOWN of a tuple"),
    Fresh(), R3 = monitor(process, Q2), receive {'DOWN', R3, _, _, _} -> ok end, Token("DOWN at once"),
    seq_trace:set_token([]),
    process_flag(trap_exit, true),
    Q3 = spawn_link(fun() -> receive X -> exit(X) end end), Q3 ! atom, Fresh(),
    receive {'EXIT', Q3, _} -> ok end, Token("EXIT"),
    Fresh(), link(Q3), receive {'EXIT', Q3, noproc} -> ok end, Token("EXIT at once"),
    Fresh(), self() ! me, receive me -> ok end, Token("own"),
    seq_trace:set_token([]),
    Me = self(),
    spawn(fun() -> receive go -> Me ! plain end end) ! go,
    Fresh(), receive plain -> ok end, io:format("  plain: ~p~n", [seq_trace:get_token()]).

dead_tracer() ->
    {P, R} = spawn_monitor(fun() -> ok end),
    receive {'DOWN', R, _, _, _} -> ok end,
    io:format("  ~p~n", [is_badarg(catch seq_trace:set_system_tracer(P))]),
    {Q, S} = spawn_monitor(fun() -> receive stop -> ok end end),
    seq_trace:set_system_tracer(Q),
    io:format("  ~p~n", [seq_trace:get_system_tracer() =:= Q]),
    Q ! stop,
    receive {'DOWN', S, _, _, _} -> ok end,
    io:format("  ~p~n", [seq_trace:get_system_tracer()]).

port_tracer() ->
    P = open_port({spawn, "cat"}, [binary, {packet, 4}]),
    seq_trace:set_system_tracer(P),
    io:format("  ~p~n", [seq_trace:get_system_tracer() =:= P]),
    seq_trace:set_token(label, 17),
    seq_trace:set_token(print, true),
    seq_trace:print(17, [small, term]),
    receive {P, {data, B}} -> io:format("  ~p~n", [name(binary_to_term(B), [{self(), me}])]) end,
    port_close(P),
    io:format("  ~p~n", [seq_trace:get_system_tracer()]),
    io:format("  ~p~n", [is_badarg(catch seq_trace:set_system_tracer(P))]).

is_badarg({'EXIT', {badarg, _}}) -> true.

%% The numbers of a process go on from token to token; a new token shows none before its first event.
numbers() ->
    P = spawn(fun echo/0),
    Ask = fun() -> P ! {self(), m}, receive {P, m} -> shown() end end,
    Tell = fun() -> self() ! x, T = shown(), receive x -> [T, shown()] end end,
    Set = fun(Item, Value) -> seq_trace:set_token(Item, Value), shown() end,
    A = [Set(label, 1), Ask(), Ask(), seq_trace:set_token([]), shown()],
    B = [Set(label, 2), Set(send, true), Tell(), Set(label, 3), seq_trace:set_token([]), Set(send, true), Set(serial, {3, 20}), Tell()],
    io:format("  ~p~n  ~p~n", [hide(A), hide(B)]).

echo() -> receive {From, m} -> From ! {self(), m}, echo() end.

shown() ->
    case seq_trace:get_token() of
        [] -> [];
        {Flags, Label, Serial, _, Last} -> {Flags, Label, Serial, Last}
    end.

hide(L) -> [case E of {A, B, C, _, D} -> {A, B, C, D}; _ -> E end || E <- L].
