%% SPDX-License-Identifier: Apache-2.0
%% trace_pattern(on_load, ...): functions of modules loaded from now on are traced.
-module(trace_pattern_on_load).
-export([main/0]).

main() ->
    Me = self(),
    Tracer = spawn_link(fun() -> collect([]) end),
    {ok, tol, _} = forms(0), % loads the compiler
    1 = erlang:trace(self(), true, [call, {tracer, Tracer}]),
    load(1),
    tol:f(not_traced),
    0 = erlang:trace_pattern(on_load, true, []),
    I1 = erlang:trace_info(on_load, traced),
    load(2),
    tol:f(global),
    I2 = erlang:trace_info({tol, f, 1}, traced),
    0 = erlang:trace_pattern(on_load, [{'_', [], [{return_trace}]}], [local]),
    load(3),
    tol:f(local),
    I3 = {erlang:trace_info({tol, g, 1}, traced), erlang:trace_info(on_load, match_spec)},
    0 = erlang:trace_pattern(on_load, false, [local]),
    load(4),
    tol:f(off),
    I4 = erlang:trace_info({tol, f, 1}, traced),
    erlang:trace(self(), false, [all]),
    D = erlang:trace_delivered(self()),
    receive {trace_delivered, Me, D} -> ok end,
    Tracer ! {stop, self()},
    receive {events, L} -> io:format("~p~n~p~n", [[I1, I2, I3, I4], L]) end.

collect(L) ->
    receive
        {stop, To} -> To ! {events, lists:reverse(L)};
        M -> collect([setelement(2, M, pid) | L])
    end.

load(N) ->
    code:purge(tol),
    {ok, tol, Code} = forms(N),
    {module, tol} = erlang:load_module(tol, Code).

forms(N) ->
    Arg = {var, 1, 'X'},
    compile:forms([{attribute, 1, module, tol}, {attribute, 1, export, [{f, 1}]},
        {function, 1, f, 1, [{clause, 1, [Arg], [], [{tuple, 1, [{integer, 1, N}, {call, 1, {atom, 1, g}, [Arg]}]}]}]},
        {function, 1, g, 1, [{clause, 1, [Arg], [], [Arg]}]}], [no_inline, no_copt]).
