%% SPDX-License-Identifier: Apache-2.0
%% Collections as a program sees them: limits, hibernation, binaries let go, literals of purged code.
-module(gc_tests).
-export([main/0, sleep_after/1]).

main() ->
    t:p("min sizes", fun() -> [min_size(N) || N <- [0, 234, 1000, 30000, 900000]] end),
    t:p("default", fun() -> in_process([], fun() -> setting(min_heap_size) end) end),
    t:p("max heap kills", fun() -> limited(#{size => 20000, kill => true, error_logger => false}) end),
    t:p("max heap spares", fun() -> limited(#{size => 20000, kill => false, error_logger => false}) end),
    t:p("max heap off", fun() -> limited(0) end),
    t:p("hibernate shrinks", fun hibernated/0),
    t:p("binaries are let go", fun binaries/0),
    t:p("binaries drive collections", fun many_binaries/0),
    t:p("deep message", fun deep_message/0),
    t:p("dictionary survives", fun dictionary/0),
    t:p("literals outlive their code", fun literals/0),
    t:p("literal in a waiting message", fun waiting_literal/0),
    t:p("fullsweep_after", fun() -> in_process([{fullsweep_after, 3}], fun sweeps/0) end),
    t:p("garbage_collect other", fun other/0),
    t:p("info keys", fun info_keys/0),
    t:p("statistics", fun statistics_grow/0).

in_process(Opts, Fun) ->
    {Pid, Ref} = spawn_opt(fun() -> exit({result, Fun()}) end, [monitor | Opts]),
    receive {'DOWN', Ref, process, Pid, Reason} -> Reason end.

setting(Key) ->
    {garbage_collection, L} = process_info(self(), garbage_collection),
    proplists:get_value(Key, L).

min_size(N) -> in_process([{min_heap_size, N}], fun() -> setting(min_heap_size) end).

limited(Max) ->
    in_process([{max_heap_size, Max}], fun() -> length(lists:seq(1, t:id(100000))) end).

sleep_after(_) -> receive stop -> ok end.

hibernated() ->
    Pid = spawn(fun() ->
        put(list, lists:seq(1, 20000)),
        erase(list),
        erlang:hibernate(?MODULE, sleep_after, [{some, args}])
    end),
    Small = t:wait(fun() ->
        {total_heap_size, S} = process_info(Pid, total_heap_size),
        S < 500
    end),
    Pid ! stop,
    Small.

binaries() ->
    in_process([], fun() ->
        B = binary:copy(<<"x">>, 100000),
        {binary, [{_, 100000, _} | _]} = process_info(self(), binary),
        Size = byte_size(t:id(B)),
        garbage_collect(),
        {Size, process_info(self(), binary)}
    end).

many_binaries() ->
    in_process([], fun() ->
        [binary:copy(<<"y">>, 100000) || _ <- lists:seq(1, 100)],
        _ = [byte_size(binary:copy(<<"z">>, 1000000)) || _ <- lists:seq(1, 200)],
        {binary, L} = process_info(self(), binary),
        length(L) < 200
    end).

deep_message() ->
    Deep = lists:foldl(fun(I, Acc) -> [Acc, {I}] end, [], lists:seq(1, 200000)),
    Self = self(),
    Pid = spawn(fun() -> receive T -> garbage_collect(), Self ! {self(), T} end end),
    Pid ! Deep,
    receive {Pid, T} -> T =:= Deep end.

dictionary() ->
    in_process([], fun() ->
        [put({key, I}, lists:seq(1, I rem 10)) || I <- lists:seq(1, 1000)],
        garbage_collect(),
        [garbage_collect(self(), [{type, minor}]) || _ <- [1, 2, 3]],
        lists:sum([length(get({key, I})) || I <- lists:seq(1, 1000)])
    end).

%% A module with one function that returns a literal, loaded from forms.
load(Name, Value) ->
    Forms = [{attribute, 1, module, Name}, {attribute, 1, export, [{v, 0}]},
             {function, 1, v, 0, [{clause, 1, [], [], [erl_parse:abstract(Value)]}]}],
    {ok, Name, Code} = compile:forms(Forms),
    {module, Name} = code:load_binary(Name, "none", Code),
    ok.

unload(Name) ->
    true = code:delete(Name),
    _ = code:purge(Name),
    %% the literal area collector works after the purge
    timer:sleep(100).

value() -> {a, [1, 2, {b, 1.5}], #{k => "text"}, <<"binary">>, binary:copy(<<"big">>, 100), 1 bsl 70}.

literals() ->
    load(gc_literal_1, value()),
    in_process([], fun() ->
        V = gc_literal_1:v(),
        put(v, {V, element(2, V)}),
        unload(gc_literal_1),
        garbage_collect(),
        {V =:= value(), get(v) =:= {value(), element(2, value())}, erlang:function_exported(gc_literal_1, v, 0)}
    end).

waiting_literal() ->
    load(gc_literal_2, value()),
    Self = self(),
    Pid = spawn(fun() -> receive {go, V} -> Self ! {self(), V =:= value()} end end),
    Waiting = spawn(fun() -> receive go -> receive {x, V} -> Self ! {self(), V =:= value()} end end end),
    Waiting ! {x, gc_literal_2:v()},
    V = gc_literal_2:v(),
    unload(gc_literal_2),
    Pid ! {go, V},
    Waiting ! go,
    [receive {P, R} -> R end || P <- [Pid, Waiting]].

sweeps() ->
    Max = lists:max([begin lists:seq(1, 3000), setting(minor_gcs) end || _ <- lists:seq(1, 200)]),
    Max =< 3.

other() ->
    Pid = spawn(fun() -> L = lists:seq(1, 1000), receive {P, sum} -> P ! {self(), lists:sum(L)} end end),
    R = {garbage_collect(Pid), garbage_collect(Pid, [{type, minor}]), garbage_collect(Pid, [{async, ref}])},
    receive {garbage_collect, ref, A} -> ok end,
    Pid ! {self(), sum},
    receive {Pid, S} -> ok end,
    {R, A, S, t:wait(fun() -> not is_process_alive(Pid) end), garbage_collect(Pid),
     try garbage_collect(not_a_pid) catch C1:R1 -> {C1, R1} end,
     try garbage_collect(self(), [bad]) catch C2:R2 -> {C2, R2} end}.

info_keys() ->
    {garbage_collection, L1} = process_info(self(), garbage_collection),
    {garbage_collection_info, L2} = process_info(self(), garbage_collection_info),
    {lists:sort([K || {K, _} <- L1]), lists:sort([K || {K, _} <- L2]), [V >= 0 || {_, V} <- L2]}.

statistics_grow() ->
    {N1, W1, 0} = statistics(garbage_collection),
    [garbage_collect() || _ <- lists:seq(1, 10), is_list(lists:seq(1, 1000))],
    {N2, W2, 0} = statistics(garbage_collection),
    {N2 - N1 >= 10, W2 > W1}.
