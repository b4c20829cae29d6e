%% SPDX-License-Identifier: Apache-2.0
%% Who sees that a module is loaded can call it; a module that is loaded again can be called all the time.
-module(load_visible_tests).
-export([main/0]).

main() ->
    Code = code(),
    t:p(first, fun() -> lists:sum([first(Code) || _ <- lists:seq(1, 10)]) end),
    t:p(again, fun() -> again(Code) end).

code() ->
    Names = [list_to_atom("f" ++ integer_to_list(N)) || N <- lists:seq(1, 300)],
    Functions = [{function, 1, F, 1, [{clause, 1, [{var, 1, 'X'}], [], [{tuple, 1, [{var, 1, 'X'}, {atom, 1, F}]}]}]} || F <- Names],
    {ok, load_visible, Code} = compile:forms(
        [{attribute, 1, module, load_visible}, {attribute, 1, export, [{F, 1} || F <- Names]} | Functions]),
    Code.

%% 0, or 1 when the last function was not there yet.
first(Code) ->
    Main = self(),
    Watcher = spawn_link(fun() -> Main ! {self(), ready}, Main ! {self(), wait_loaded()} end),
    receive {Watcher, ready} -> ok end,
    {module, _} = erlang:load_module(load_visible, Code),
    Missing = receive {Watcher, R} -> R end,
    true = erlang:delete_module(load_visible),
    true = erlang:purge_module(load_visible),
    Missing.

wait_loaded() ->
    case erlang:module_loaded(load_visible) of
        true -> case erlang:function_exported(load_visible, f300, 1) of true -> 0; false -> 1 end;
        false -> wait_loaded()
    end.

again(Code) ->
    {module, _} = erlang:load_module(load_visible, Code),
    Main = self(),
    Caller = spawn_link(fun() -> Main ! {self(), call(0)} end),
    [begin {module, _} = erlang:load_module(load_visible, Code), true = erlang:purge_module(load_visible) end || _ <- lists:seq(1, 10)],
    Caller ! stop,
    receive {Caller, Missing} -> Missing end.

call(Missing) ->
    receive stop -> Missing
    after 0 ->
        call(case erlang:module_loaded(load_visible) andalso erlang:function_exported(load_visible, f1, 1) of true -> Missing; false -> Missing + 1 end)
    end.
