%% SPDX-License-Identifier: Apache-2.0
%% Links, exits, monitors, spawn options, process dictionary and information.
-module(link_tests).
-export([main/0]).

main() ->
    logger:set_primary_config(level, none),
    process_flag(trap_exit, true),
    [t:p(io_lib:format("exit ~p", [R]), fun() -> died(spawn_link(fun() -> exit(R) end)) end)
     || R <- [normal, shutdown, {shutdown, x}, kill, oops]],
    t:p("error", fun() -> {R, [{M, F, A, _} | _]} = died(spawn_link(fun() -> error(bad) end)), {R, M, is_atom(F), A} end),
    t:p("nocatch", fun() -> element(1, died(spawn_link(fun() -> throw(ball) end))) end),
    t:p("kill", fun() -> P = spawn_link(fun() -> process_flag(trap_exit, true), receive after infinity -> ok end end),
        timer:sleep(5), exit(P, kill), died(P) end),
    t:p("exit/2 normal is ignored", fun() -> P = spawn(fun() -> receive stop -> ok end end), exit(P, normal), timer:sleep(5),
        A = is_process_alive(P), P ! stop, A end),
    t:p("exit/2 reason", fun() -> P = spawn_link(fun() -> receive stop -> ok end end), exit(P, reason), died(P) end),
    t:p("trapped", fun() -> Me = self(), P = spawn(fun() -> process_flag(trap_exit, true), Me ! ready,
        receive {'EXIT', From, R} -> Me ! {got, From =:= Me, R} end end), receive ready -> ok end, exit(P, hello),
        receive {got, _, _} = G -> G end end),
    t:p("chain", fun() -> P = spawn_link(fun() -> spawn_link(fun() -> exit(inner) end), receive after infinity -> ok end end), died(P) end),
    t:p("unlink", fun() -> P = spawn_link(fun() -> receive stop -> exit(x) end end), unlink(P), P ! stop,
        receive {'EXIT', P, R} -> R after 30 -> nothing end end),
    t:p("link to dead", fun() -> P = spawn(fun() -> ok end), timer:sleep(10), link(P), died(P) end),
    t:p("monitor", fun() -> {P, R} = spawn_monitor(fun() -> receive {go, X} -> exit(X) end end), P ! {go, 7}, down(R) end),
    t:p("monitor dead", fun() -> P = spawn(fun() -> ok end), timer:sleep(10), down(monitor(process, P)) end),
    t:p("monitor name", fun() -> R = monitor(process, no_such_name), receive {'DOWN', R, process, {N, Node}, Why} -> {N, Node =:= node(), Why} end end),
    t:p("demonitor", fun() -> {P, R} = spawn_monitor(fun() -> receive stop -> ok end end), D = demonitor(R, [flush, info]), P ! stop,
        {D, receive {'DOWN', R, _, _, _} -> down after 20 -> quiet end} end),
    t:p("two monitors", fun() -> P = spawn(fun() -> receive stop -> ok end end), Rs = [monitor(process, P) || _ <- "abc"], P ! stop, [down(R) || R <- Rs] end),
    t:p("monitor with alias", fun() -> P = spawn(fun() -> receive {A, X} -> A ! {A, X} end end),
        A = monitor(process, P, [{alias, reply_demonitor}]), P ! {A, hi}, receive {A, X} -> {X, receive {'DOWN', A, _, _, _} -> down after 20 -> quiet end} end end),
    t:p("monitor time_offset", fun() -> is_reference(monitor(time_offset, clock_service)) end),
    t:p("spawn_opt", fun() -> {P, R} = spawn_opt(fun() -> exit(process_info(self(), [priority, fullsweep_after])) end,
        [monitor, {priority, high}, {fullsweep_after, 10}, {min_heap_size, 1000}]), is_pid(P) andalso down(R) end),
    t:p("spawn_opt bad", fun() -> spawn_opt(fun() -> ok end, [{priority, none}]) end),
    t:p("max_heap_size", fun() -> {_, R} = spawn_opt(fun() -> lists:seq(1, 1000000) end, [monitor, {max_heap_size, #{size => 10000, error_logger => false}}]), down(R) end),
    t:p("dictionary", fun() -> [put(k, 1), put(k, 2), get(k), get(none), lists:sort(get()) =/= [], erase(k), get(k), get_keys(1)] end),
    t:p("info", fun() -> P = spawn(fun() -> put(x, y), receive stop -> ok end end), timer:sleep(10),
        I = [process_info(P, K) || K <- [status, message_queue_len, dictionary, trap_exit, links, monitors, registered_name, priority, current_function]], P ! stop, I end),
    t:p("info of dead", fun() -> P = spawn(fun() -> ok end), timer:sleep(10), {process_info(P), is_process_alive(P)} end),
    t:p("bad flag", fun() -> process_flag(nonsense, 1) end),
    t:p("10000 processes", fun() -> Rs = [element(2, spawn_monitor(fun() -> exit(I rem 3) end)) || I <- lists:seq(1, 10000)],
        lists:foldl(fun(R, N) -> N + down(R) end, 0, Rs) end),
    t:p("group leader", fun() -> group_leader() =:= element(2, process_info(self(), group_leader)) end),
    t:p("suspend", fun() -> Me = self(), P = spawn(fun() -> receive X -> Me ! X end end), erlang:suspend_process(P), P ! x,
        A = receive x -> early after 20 -> waiting end, erlang:resume_process(P), {A, receive x -> x after 1000 -> lost end} end).

died(P) -> receive {'EXIT', P, R} -> R after 5000 -> timeout end.
down(R) -> receive {'DOWN', R, process, _, Why} -> Why after 5000 -> timeout end.
