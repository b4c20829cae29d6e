%% SPDX-License-Identifier: Apache-2.0
%% Tracer modules where the reference ends: calls with meta trace, and natives that reschedule themselves.
-module(tracer_module_tests).
-export([main/0, g/1]).

g(X) -> X * 2.

main() ->
    Dir = string:trim(os:cmd("mktemp -d")),
    {ok, Here} = file:get_cwd(),
    ok = file:set_cwd(Dir),
    Source = os:getenv("SRC") ++ "/test/erl/native/",
    [{ok, _} = compile:file(Source ++ M, [{outdir, Dir}]) || M <- ["native", "tracer_basic"]],
    code:add_path(Dir),
    native:build("tracer_basic"),
    {module, _} = code:load_file(tracer_basic),
    [io:format("~p: ~p~n", [S, meta(S)]) || S <- [#{}, #{call => discard}, #{call => remove}]],
    io:format("~p~n", [gone()]),
    io:format("~p~n", [reschedules()]),
    file:set_cwd(Here),
    file:del_dir_r(Dir).

collector() -> spawn_link(fun() -> collect([]) end).
collect(L) -> receive {get, P} -> P ! {told, lists:reverse(L)}, collect([]); M -> collect([M | L]) end.
told(C) ->
    C ! {get, self()},
    receive {told, L} -> [[case T of _ when T =:= self() -> self; _ -> T end || T <- tuple_to_list(E)] || E <- L] end.

calls() -> g(1), catch g(a).

meta(Answers) ->
    C = collector(),
    erlang:trace_pattern({?MODULE, g, 1}, [{'_', [], [{exception_trace}]}], [{meta, tracer_basic, {Answers, C}}]),
    calls(),
    erlang:garbage_collect(),
    {meta, M} = erlang:trace_info({?MODULE, g, 1}, meta),
    erlang:trace_pattern({?MODULE, g, 1}, false, [meta]),
    {M =:= {tracer_basic, {Answers, C}}, told(C)}.

%% Without its module there is no tracer.
gone() ->
    C = collector(),
    erlang:trace_pattern({?MODULE, g, 1}, true, [{meta, tracer_basic, {#{}, C}}]),
    code:purge(tracer_basic), code:delete(tracer_basic), code:purge(tracer_basic),
    calls(),
    I = erlang:trace_info({?MODULE, g, 1}, meta),
    erlang:trace_pattern({?MODULE, g, 1}, false, [meta]),
    {module, _} = code:load_file(tracer_basic),
    {I, told(C)}.

reschedules() ->
    C = collector(),
    erlang:trace(self(), true, [call, {tracer, tracer_basic, {#{}, C, and_its_natives, reschedule}}]),
    erlang:trace_pattern({?MODULE, g, 1}, true, [local]),
    calls(),
    erlang:trace(self(), false, [all]),
    told(C).
