%% SPDX-License-Identifier: Apache-2.0
%% Everything at once on several schedulers: food for the address and thread sanitizers.
%% erl: +S 4
-module(stress_tests).
-export([main/0]).

main() ->
    process_flag(trap_exit, true),
    T = ets:new(t, [public, {write_concurrency, true}, {read_concurrency, true}]),
    O = ets:new(o, [public, ordered_set, {write_concurrency, true}]),
    Jobs = [fun deaths/0, fun() -> tables(T, O) end, fun persistent/0, fun timers/0, fun binaries/0, fun ports/0,
            fun views/0, fun others/0],
    Round = fun() ->
        Ms = [element(2, spawn_monitor(F)) || F <- Jobs, _ <- [1, 2]],
        [receive {'DOWN', M, _, _, Why} -> Why end || M <- Ms]
    end,
    t:p("rounds", fun() -> lists:usort(Round() ++ Round()) end),
    t:p("code", fun code/0).

each(N, F) -> lists:foreach(F, lists:seq(1, N)).

deaths() ->
    each(200, fun(_) ->
        P = spawn(fun() -> receive stop -> ok end end),
        erlang:monitor(process, P),
        process_info(P),
        exit(P, kill)
    end).

tables(T, O) ->
    each(60, fun(I) ->
        ets:insert(T, {I, I}), ets:insert(O, {I, [I]}), ets:delete(O, I - 3), ets:update_counter(T, I, 1),
        ets:foldl(fun(_, A) -> A + 1 end, 0, T)
    end).

persistent() ->
    each(60, fun(I) -> persistent_term:put({?MODULE, I rem 3}, I), persistent_term:get({?MODULE, I rem 3}) end).

timers() ->
    each(100, fun(I) ->
        R = erlang:start_timer(I rem 10, self(), x),
        I rem 2 =:= 0 andalso erlang:cancel_timer(R),
        I rem 2 =:= 0 orelse receive {timeout, R, x} -> ok end
    end).

binaries() ->
    B = binary:copy(<<"abc">>, 1000),
    each(50, fun(_) -> spawn(fun() -> receive X -> byte_size(X) end end) ! B end).

ports() ->
    each(3, fun(_) ->
        P = open_port({spawn, "cat"}, [binary]),
        port_command(P, <<"x">>),
        receive {P, {data, <<"x">>}} -> port_close(P) end
    end).

views() ->
    each(30, fun(_) -> {statistics(run_queue), erlang:memory(), processes(), erlang:ports()} end).

others() ->
    lists:foreach(fun(P) ->
        catch erlang:garbage_collect(P),
        process_info(P, [messages, current_stacktrace, dictionary])
    end, processes()).

%% The first use of tracing, while others run the code that is replaced, and die.
code() ->
    Clause = {clause, 2, [{var, 2, 'X'}], [], [{cons, 2, {var, 2, 'X'}, {nil, 2}}]},
    {ok, y, Bin} = compile:forms([{attribute, 1, module, y}, {attribute, 1, export, [{f, 1}]},
                                  {function, 2, f, 1, [Clause]}]),
    Ps = [spawn_link(fun() -> each(2000, fun(_) -> catch y:f(1) end) end) || _ <- "abc"],
    each(10, fun(I) ->
        code:load_binary(y, "y", Bin), code:purge(y),
        erlang:trace_pattern({y, f, 1}, true, [local]),
        erlang:trace(all, I rem 2 =:= 0, [call])
    end),
    erlang:trace(all, false, [call]),
    [receive {'EXIT', P, _} -> ended end || P <- Ps]. % a purge may have killed it
