%% SPDX-License-Identifier: Apache-2.0
%% bound_tests - processes bound to a scheduler, and processes that save their last calls.
%% erl: +S 8 +S2:2 +SDPcpu 50 +Meamin +e 9000
-module(bound_tests).
-export([main/0, first/1, second/0]).

main() ->
    bound(), stolen(), high(), saving(), limits().

here() -> erlang:system_info(scheduler_id).

bound() ->
    t:p(spawn_opt, fun() ->
        [begin {P, M} = spawn_opt(fun() -> exit([begin erlang:yield(), here() end || _ <- lists:seq(1, 20)]) end, [{scheduler, S}, monitor]),
               receive {'DOWN', M, _, P, L} -> lists:usort(L) end end || S <- [1, 2, 1, 2]] end),
    t:p(flag, fun() -> [{process_flag(scheduler, S), S =:= 0 orelse here() =:= S} || S <- [1, 2, 2, 1, 0, 2, 0]] end),
    [t:p(io_lib:format("~p", [B]), fun() -> process_flag(scheduler, B) end) || B <- [3, -1, x]],
    t:p(bad_opt, fun() -> spawn_opt(fun() -> ok end, [{scheduler, 3}]) end).

%% Many bound to one scheduler, next to many that are not.
stolen() ->
    Loop = fun F(0, Bad) -> Bad; F(N, Bad) -> erlang:yield(), case here() of 2 -> F(N - 1, Bad); _ -> F(N - 1, Bad + 1) end end,
    Bound = [spawn_opt(fun() -> exit({moved, Loop(200, 0)}) end, [{scheduler, 2}, monitor]) || _ <- lists:seq(1, 50)],
    Free = [spawn_monitor(fun() -> Loop(200, 0), exit(done) end) || _ <- lists:seq(1, 50)],
    t:p(stay, fun() -> lists:usort([receive {'DOWN', M, _, P, R} -> R end || {P, M} <- Bound ++ Free]) end).

%% One of high priority is not held up by bound ones of normal priority.
high() ->
    Busy = [spawn_opt(fun F() -> F() end, [{scheduler, S}]) || S <- [1, 2, 1, 2]],
    Self = self(),
    process_flag(priority, high),
    t:p(high, fun() -> [begin P = spawn_opt(fun() -> Self ! {self(), here()} end, [{scheduler, S}, {priority, high}]),
                              receive {P, H} -> H end end || S <- [1, 2, 2, 1]] end),
    process_flag(priority, normal),
    [exit(B, kill) || B <- Busy].

first(T) -> receive X -> X after T -> ok end.
second() -> ok.

mine() ->
    {last_calls, L} = process_info(self(), last_calls),
    [C || C <- L, is_atom(C) orelse element(1, C) =:= ?MODULE].

saving() ->
    t:p(none, fun() -> {process_flag(save_calls, 10), process_info(self(), last_calls) =/= {last_calls, false}} end),
    t:p(calls, fun() -> ?MODULE:first(0), first(0), self() ! x, ?MODULE:first(5), apply(t:id(?MODULE), second, []), mine() end),
    t:p(natives, fun() -> process_flag(save_calls, 6), lists:reverse([1, 2, 3], t:id([4])), t:id(erlang:list_to_tuple([1])),
                          {last_calls, L} = process_info(self(), last_calls), [C || C <- L, lists:member(element(2, C), [reverse, list_to_tuple])] end),
    t:p(work, fun() -> lists:sum(lists:map(fun(I) -> length(lists:seq(1, I)) end, lists:seq(1, 300))) end),
    t:p(big, fun() -> byte_size(term_to_binary(lists:seq(1, 100000))) end),
    t:p(off, fun() -> {process_flag(save_calls, 0), process_info(self(), last_calls)} end),
    P = spawn(fun() -> receive stop -> ok end end),
    t:p(other, fun() -> {process_flag(P, save_calls, 3), process_flag(P, save_calls, 0), process_info(P, last_calls)} end),
    P ! stop.

limits() ->
    t:p(threads, fun() -> [erlang:system_info(I) || I <- [schedulers, schedulers_online, dirty_cpu_schedulers, dirty_cpu_schedulers_online]] end),
    t:p(ets_limit, fun() -> erlang:system_info(ets_limit) end),
    t:p(controllers, fun() -> erlang:system_info(dist_ctrl) end),
    Names = ["32-bit native atomics", "64-bit native atomics", "Double word native atomics"],
    t:p(atomics, fun() -> [{N, tuple_size(lists:keyfind(N, 1, erlang:system_info(ethread_info)))} || N <- Names] end).
