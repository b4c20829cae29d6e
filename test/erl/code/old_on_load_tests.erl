%% SPDX-License-Identifier: Apache-2.0
%% old_on_load_tests - a module with -on_load comes while old code of the same name is in use: that stays old code.
-module(old_on_load_tests).
-export([main/0]).

main() ->
    logger:set_primary_config(level, none),
    [t:p(Name, fun() -> reload(Name, Body) end) || {Name, Body} <- [
        {ok, "f() -> ok."}, {again, "f() -> ok."}, {fails, "f() -> no."}, {fails_again, "f() -> no."},
        {waits, "f() -> register(ool_loader, self()), receive _ -> ok end."}]].

module(Lines) ->
    Forms = [begin {ok, T, _} = erl_scan:string(L), {ok, F} = erl_parse:parse_form(T), F end || L <- Lines],
    {ok, Name, Code} = compile:forms(Forms),
    {Name, Code}.

reload(Name, Body) ->
    Self = self(),
    {M, Old} = module(["-module(ool).", "-export([f/1]).", "f(P) -> P ! started, receive _ -> ok end."]),
    {module, M} = code:load_binary(M, "", Old),
    {User, Mon} = spawn_monitor(M, f, [Self]),
    receive started -> ok end,
    Deleted = {code:delete(M), erlang:check_old_code(M)},
    {_, New} = module(["-module(ool).", "-on_load(f/0).", Body]),
    Loaded = load(Name, M, New),
    Used = {erlang:check_old_code(M), code:soft_purge(M)},
    User ! stop,
    receive {'DOWN', Mon, _, _, R} -> R end,
    {Deleted, Loaded, Used, R, t:wait(fun() -> code:soft_purge(M) end), code:delete(M), code:soft_purge(M)}.

%% While one module waits in its function another is loaded.
load(waits, M, Code) ->
    {_, Mon} = spawn_monitor(fun() -> exit(code:load_binary(M, "", Code)) end),
    t:wait(fun() -> whereis(ool_loader) =/= undefined end),
    {Other, OtherCode} = module(["-module(ool_other)."]),
    Loaded = code:load_binary(Other, "", OtherCode),
    ool_loader ! go,
    receive {'DOWN', Mon, _, _, R} -> {Loaded, R} end;
load(_, M, Code) -> code:load_binary(M, "", Code).
