%% SPDX-License-Identifier: Apache-2.0
%% Loading, replacing, deleting and purging modules; on_load; funs and literals of code that is gone.
-module(load_tests).
-export([main/0]).

main() ->
    process_flag(trap_exit, true),
    plain(), versions(), process_use(), funs(), literals(), on_load(), info(), broken(), several().

%% A module made of source lines.
make(Mod, Lines) ->
    Source = ["-module(" ++ atom_to_list(Mod) ++ ")." | Lines],
    Forms = [form(L) || L <- Source],
    {ok, Mod, Bin} = compile:forms(Forms, [nowarn_unused_function]),
    Bin.
form(Line) ->
    {ok, Tokens, _} = erl_scan:string(Line),
    {ok, Form} = erl_parse:parse_form(Tokens),
    Form.
load(Mod, Lines) -> code:load_binary(Mod, "nofile", make(Mod, Lines)).
gone(Mod) -> code:purge(Mod), code:delete(Mod), code:purge(Mod).

plain() ->
    t:p("undefined", fun() -> lt_a:f() end),
    t:p("load", fun() -> load(lt_a, ["-export([f/0]).", "f() -> one."]) end),
    t:p("call", fun() -> lt_a:f() end),
    t:p("loaded", fun() -> {erlang:module_loaded(lt_a), code:is_loaded(lt_a)} end),
    t:p("exported", fun() -> [erlang:function_exported(lt_a, F, A) || {F, A} <- [{f, 0}, {f, 1}]] end),
    t:p("delete", fun() -> code:delete(lt_a) end),
    t:p("after delete", fun() -> {erlang:module_loaded(lt_a), erlang:check_old_code(lt_a)} end),
    t:p("undefined again", fun() -> lt_a:f() end),
    t:p("purge", fun() -> code:purge(lt_a) end),
    t:p("purge again", fun() -> {code:purge(lt_a), code:soft_purge(lt_a)} end),
    t:p("delete unknown", fun() -> {code:delete(lt_none), erlang:delete_module(lt_none)} end).

versions() ->
    V = fun(N) -> ["-export([f/0,loop/0]).", "f() -> " ++ N ++ ".",
                   "loop() -> receive {stop,P} -> P ! {stopped,f()}; new -> lt_b:loop() end."] end,
    load(lt_b, V("1")),
    P = spawn(lt_b, loop, []),
    load(lt_b, V("2")),
    t:p("version", fun() -> lt_b:f() end),
    t:p("old code", fun() -> erlang:check_old_code(lt_b) end),
    t:p("not purged", fun() -> erlang:load_module(lt_b, make(lt_b, V("3"))) end),
    t:p("used", fun() -> erlang:check_process_code(P, lt_b) end),
    t:p("soft purge refused", fun() -> code:soft_purge(lt_b) end),
    P ! new,
    t:p("moved over", fun() -> t:wait(fun() -> not erlang:check_process_code(P, lt_b) end) end),
    t:p("soft purge", fun() -> code:soft_purge(lt_b) end),
    P ! {stop, self()},
    t:p("answer", fun() -> receive {stopped, V1} -> V1 after 2000 -> timeout end end),
    gone(lt_b).

process_use() ->
    load(lt_c, ["-export([hold/0])."
               , "hold() -> receive X -> X end, ok."]),
    {P, R} = spawn_monitor(lt_c, hold, []),
    t:wait(fun() -> process_info(P, status) =:= {status, waiting} end),
    code:delete(lt_c),
    t:p("hard purge", fun() -> code:purge(lt_c) end),
    t:p("killed", fun() -> receive {'DOWN', R, _, _, Why} -> Why after 2000 -> timeout end end).

funs() ->
    load(lt_d, ["-export([mk/1]).", "mk(X) -> fun(Y) -> {X,Y} end."]),
    F = lt_d:mk(a),
    t:p("fun", fun() -> F(b) end),
    t:p("fun holds", fun() -> erlang:check_process_code(self(), lt_d) end),
    code:delete(lt_d),
    t:p("fun of old code", fun() -> {F(c), erlang:check_process_code(self(), lt_d)} end),
    t:p("soft purge with fun", fun() -> code:soft_purge(lt_d) end),
    Keep = term_to_binary(F),
    erlang:garbage_collect(),
    t:p("fun after failed purge", fun() -> (binary_to_term(Keep))(d) end),
    t:p("info", fun() -> [erlang:fun_info(F, I) || I <- [module, arity, env, type, name]] end),
    ok.

literals() ->
    load(lt_e, ["-export([lit/0]).", "lit() -> {[a,\"text\",<<\"bin\">>],#{k => {v,1.5}},123456789012345678901234567890}."]),
    L = lt_e:lit(),
    P = spawn_link(fun() -> X = lt_e:lit(), receive {get, To} -> To ! {self(), X} end end),
    t:wait(fun() -> process_info(P, status) =:= {status, waiting} end),
    code:delete(lt_e),
    t:p("purge with literals", fun() -> code:purge(lt_e) end),
    timer:sleep(50),
    [load(lt_e2, ["-export([lit/0]).", "lit() -> {" ++ integer_to_list(N) ++ ",\"" ++
         lists:duplicate(100, $x) ++ "\"}."]) || N <- lists:seq(1, 10), code:purge(lt_e2) =/= oops],
    erlang:garbage_collect(),
    t:p("literal", fun() -> L end),
    P ! {get, self()},
    t:p("literal of another", fun() -> receive {P, X} -> X after 2000 -> timeout end end).

on_load() ->
    Ok = ["-export([f/0,init/0]).", "-on_load(init/0).", "init() -> persistent_term:put(lt_f, yes), ok.", "f() -> x."],
    t:p("on_load", fun() -> load(lt_f, Ok) end),
    t:p("on_load ran", fun() -> {persistent_term:get(lt_f, no), lt_f:f()} end),
    Bad = ["-export([f/0]).", "-on_load(init/0).", "init() -> sorry.", "f() -> x."],
    logger:set_primary_config(level, none),
    t:p("on_load refuses", fun() -> load(lt_g, Bad) end),
    t:p("not loaded", fun() -> {code:is_loaded(lt_g), catch lt_g:f()} =:= {false, x} end),
    t:p("refuses to replace", fun() ->
        load(lt_f, [L || L <- Ok -- [lists:nth(3, Ok)]] ++ ["init() -> error(no)."]) end),
    t:p("still there", fun() -> lt_f:f() end),
    t:p("prepared", fun() ->
        P = erlang:prepare_loading(lt_f, make(lt_f, Ok)), erlang:has_prepared_code_on_load(P) end),
    gone(lt_f).

info() ->
    load(lt_h, ["-export([f/0,g/2]).", "-vsn(7).", "-my(attr).", "f() -> g(1,2).", "g(A,_) -> A.", "h() -> 1."]),
    t:p("exports", fun() -> lists:sort(lt_h:module_info(exports)) end),
    t:p("functions", fun() -> lists:sort(lt_h:module_info(functions)) end),
    t:p("attributes", fun() -> lists:sort(lt_h:module_info(attributes)) end),
    t:p("keys", fun() -> [K || {K, _} <- lt_h:module_info()] end),
    t:p("md5", fun() -> lt_h:module_info(md5) =:= erlang:get_module_info(lt_h, md5) end),
    t:p("bad key", fun() -> lt_h:module_info(nothing) end),
    t:p("builtin", fun() -> [erlang:is_builtin(M, F, A) || {M, F, A} <-
        [{erlang, abs, 1}, {erlang, apply, 2}, {lists, reverse, 2}, {lists, map, 2}, {lt_h, f, 0}]] end),
    B = make(lt_h, ["-export([f/0]).", "f() -> 1."]),
    t:p("module_md5", fun() -> {ok, {_, Md5}} = beam_lib:md5(B), code:module_md5(B) =:= Md5 end),
    t:p("chunk", fun() -> [is_binary(code:get_chunk(B, C)) || C <- ["Code", "Atom", "AtU8", "StrT"]] end),
    t:p("chunk of garbage", fun() -> {code:get_chunk(<<"xx">>, "Code"), code:module_md5(<<>>)} end).

broken() ->
    logger:set_primary_config(level, none),
    B = make(lt_i, ["-export([f/0]).", "f() -> {1,2,\"three\"}."]),
    Half = binary:part(B, 0, byte_size(B) div 2),
    t:each(fun({_, Bin}) -> erlang:load_module(lt_i, Bin) end,
           [{empty, <<>>}, {text, <<"FOR1">>}]),
    t:p("half", fun() -> erlang:load_module(lt_i, Half) end),
    t:p("wrong name", fun() -> erlang:load_module(lt_j, B) end),
    t:p("no binary", fun() -> erlang:load_module(lt_i, abc) end),
    t:p("zipped", fun() -> erlang:load_module(lt_i, zlib:gzip(B)) end),
    t:p("bit offset", fun() -> <<_:3, Off/bits>> = <<0:3, B/binary>>, gone(lt_i), erlang:load_module(lt_i, Off) end),
    t:p("works", fun() -> lt_i:f() end),
    gone(lt_i).

several() ->
    Bin = fun(M, N) -> {M, "nofile", make(M, ["-export([f/0]).", "f() -> " ++ N ++ "."])} end,
    t:p("atomic", fun() -> code:atomic_load([Bin(lt_k, "1"), Bin(lt_l, "2")]) end),
    t:p("both", fun() -> {lt_k:f(), lt_l:f()} end),
    t:p("again", fun() -> code:atomic_load([Bin(lt_k, "3"), Bin(lt_m, "4")]) end),
    t:p("blocked", fun() -> code:atomic_load([Bin(lt_k, "5"), Bin(lt_n, "6")]) end),
    t:p("state", fun() -> {lt_k:f(), lt_m:f(), code:is_loaded(lt_n)} end),
    t:p("twice", fun() -> code:atomic_load([Bin(lt_o, "5"), Bin(lt_o, "6")]) end),
    t:p("not prepared", fun() -> erlang:finish_loading([make_ref()]) end),
    [gone(M) || M <- [lt_k, lt_l, lt_m]].
