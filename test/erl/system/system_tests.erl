%% SPDX-License-Identifier: Apache-2.0
%% erlang:system_info, system_flag, statistics, memory; os:getenv and its family.
-module(system_tests).
-export([main/0]).

main() ->
    allocators(),
    same_values(), same_shapes(), flags(), counters(), environment(), scheduling().

%% Items whose value does not depend on the VM.
same_values() ->
    [t:p(io_lib:format("~p", [I]), fun() -> erlang:system_info(I) end) ||
        I <- [otp_release, version, nif_version, driver_version, machine, wordsize, {wordsize, internal}, {wordsize, external},
              schedulers, schedulers_online, dirty_cpu_schedulers, dirty_cpu_schedulers_online, dirty_io_schedulers,
              multi_scheduling, multi_scheduling_blockers, normal_multi_scheduling_blockers, scheduler_bind_type, scheduler_bindings,
              process_limit, port_limit, atom_limit, ets_limit, min_heap_size, min_bin_vheap_size, fullsweep_after, max_heap_size,
              garbage_collection, message_queue_data, time_correction, time_warp_mode, time_offset, start_time, end_time,
              os_type, os_version, endian, threads, thread_pool_size, smp_support, kernel_poll, heap_type, debug_compiled,
              creation, dist_ctrl, dist_buf_busy_limit, port_parallelism, compat_rel, trace_control_word, taints,
              modified_timing_level, tolerant_timeofday, logical_processors, logical_processors_available, logical_processors_online,
              delayed_node_table_gc, cpu_quota, outstanding_system_requests_limit, alloc_util_allocators, break_ignored,
              system_architecture, sequential_tracer, eager_check_io, dynamic_trace, update_cpu_info,
              foo, {foo, bar}, 1, [], {cpu_topology, defined}, {wordsize, foo}]],
    t:p("heap_sizes", fun() -> lists:sublist([S || S <- erlang:system_info(heap_sizes), S >= 233], 20) end).

same_shapes() ->
    [t:p(io_lib:format("~p", [I]), fun() -> shape(erlang:system_info(I)) end) ||
        I <- [system_version, process_count, port_count, atom_count, ets_count, scheduler_id, system_logger, procs, info, loaded, dist,
              os_monotonic_time_source, os_system_time_source, c_compiler_used]],
    t:p("memory keys", fun() -> [K || {K, V} <- erlang:memory(), is_integer(V), V > 0] end),
    t:p("memory sums", fun() -> M = erlang:memory(), G = fun(K) -> proplists:get_value(K, M) end,
        G(total) =:= G(processes) + G(system) andalso G(system) >= G(atom) + G(binary) + G(code) + G(ets) end),
    t:p("memory types", fun() -> [{binary, B}, {ets, E}] = erlang:memory([binary, ets]), B > 0 andalso E > 0 end),
    t:p("memory of a binary", fun() -> B0 = erlang:memory(binary), X = binary:copy(<<1>>, 10000000), D = erlang:memory(binary) - B0,
        {byte_size(X), D >= 9000000 andalso D < 11000000} end),
    t:p("memory bad", fun() -> erlang:memory(foo) end).

flags() ->
    [t:p(io_lib:format("~p ~p", [F, V]), fun() -> erlang:system_flag(F, V) end) ||
        {F, V} <- [{backtrace_depth, 9}, {backtrace_depth, 8}, {backtrace_depth, -1}, {fullsweep_after, 10}, {fullsweep_after, 65535},
                   {min_heap_size, 500}, {min_heap_size, 233}, {min_bin_vheap_size, 50000}, {min_bin_vheap_size, 46422},
                   {max_heap_size, #{size => 1000000}}, {max_heap_size, 0}, {max_heap_size, foo}, {schedulers_online, 0},
                   {schedulers_online, 99999}, {dirty_cpu_schedulers_online, 0}, {scheduler_wall_time, foo}, {system_logger, foo},
                   {trace_control_word, 3}, {trace_control_word, 0},
                   {time_offset, finalize}, {time_offset, foo}, {outstanding_system_requests_limit, 8},
                   {outstanding_system_requests_limit, 4}, {outstanding_system_requests_limit, 0}, {foo, bar}, {1, 2}]].

counters() ->
    [t:p(io_lib:format("~p", [S]), fun() -> shape(erlang:statistics(S)) end) ||
        S <- [context_switches, exact_reductions, garbage_collection, io, reductions, run_queue, run_queue_lengths,
              run_queue_lengths_all, runtime, total_active_tasks, total_active_tasks_all, total_run_queue_lengths,
              total_run_queue_lengths_all, active_tasks, active_tasks_all, wall_clock, scheduler_wall_time, scheduler_wall_time_all,
              foo]],
    t:p("wall clock", fun() -> statistics(wall_clock), timer:sleep(30), {_, D} = statistics(wall_clock), D >= 29 end),
    t:p("reductions", fun() -> {A, _} = statistics(exact_reductions), burn(100000), {B, _} = statistics(exact_reductions), B - A >= 99000 end),
    t:p("scheduler_wall_time", fun() -> erlang:system_flag(scheduler_wall_time, true), L = statistics(scheduler_wall_time), burn(1000000),
        L2 = statistics(scheduler_wall_time), F = erlang:system_flag(scheduler_wall_time, false),
        {F, length(L2), lists:all(fun({I, A, T}) -> {I, A0, T0} = lists:keyfind(I, 1, L), A >= A0 andalso T > T0 andalso T >= A end, L2)} end).

environment() ->
    t:p("no such", fun() -> os:getenv("NO_SUCH_VARIABLE_AT_ALL") end),
    t:p("put", fun() -> {os:putenv("JT_X", "a b"), os:getenv("JT_X"), lists:keyfind("JT_X", 1, os:env()), os:unsetenv("JT_X"), os:getenv("JT_X")} end),
    t:p("empty", fun() -> {os:putenv("JT_X", ""), os:getenv("JT_X")} end),
    t:p("seen by children", fun() -> os:putenv("JT_Y", "child"), os:cmd("echo $JT_Y") end),
    [t:p(io_lib:format("~p~p", [F, A]), fun() -> apply(os, F, A) end) ||
        {F, A} <- [{getenv, [foo]}, {getenv, ["a=b"]}, {getenv, [[0]]}, {putenv, ["a=", "b"]}, {putenv, ["a", b]}, {unsetenv, [x]},
                   {unsetenv, ["a=b"]}, {set_signal, [sigfoo, handle]}, {set_signal, [sigusr2, foo]}, {set_signal, [sigint, handle]},
                   {set_signal, [sighup, ignore]}, {set_signal, [sighup, default]}]],
    t:p("pid", fun() -> os:cmd("kill -0 " ++ os:getpid() ++ " && echo yes") end).

scheduling() ->
    t:p("priorities", fun() -> [begin P = process_flag(priority, X), Q = process_flag(priority, P), {P, Q} end || X <- [low, normal, high, max]] end),
    t:p("block", fun() -> A = erlang:system_flag(multi_scheduling, block), B = erlang:system_info(multi_scheduling_blockers) =:= [self()],
        C = erlang:system_flag(multi_scheduling, unblock), {A, B, C} end),
    t:p("blocker dies", fun() -> {P, R} = spawn_monitor(fun() -> erlang:system_flag(multi_scheduling, block) end),
        receive {'DOWN', R, process, P, normal} -> ok end, t:wait(fun() -> erlang:system_info(multi_scheduling) =/= blocked end) end),
    t:p("online", fun() -> N = erlang:system_info(schedulers_online), [erlang:system_flag(schedulers_online, 1) =:= N,
        erlang:system_info(schedulers_online), work(), erlang:system_flag(schedulers_online, N), work()] end),
    t:p("busy and served", fun() -> Ps = [spawn(fun() -> burn(-1) end) || _ <- lists:seq(1, 8)],
        T = erlang:monotonic_time(millisecond), [begin spawn_monitor(fun() -> ok end), receive {'DOWN', _, _, _, _} -> ok end end || _ <- lists:seq(1, 20)],
        D = erlang:monotonic_time(millisecond) - T, [exit(P, kill) || P <- Ps], D < 3000 end),
    t:p("low is not starved", fun() -> Ps = [spawn(fun() -> burn(-1) end) || _ <- lists:seq(1, 4)], Me = self(),
        spawn_opt(fun() -> Me ! low_ran end, [{priority, low}]), R = receive X -> X after 5000 -> starved end, [exit(P, kill) || P <- Ps], R end).

%% What tools that judge memory read of each allocator.
allocators() ->
    t:p("allocators", fun() -> lists:usort([allocator(A) || A <- erlang:system_info(alloc_util_allocators), lists:member(A, [eheap_alloc, binary_alloc, ets_alloc, std_alloc])]) end),
    t:p("mmap", fun() -> lists:keymember(default_mmap, 1, erlang:system_info({allocator, erts_mmap})) end).

allocator(A) ->
    [length(Facts) || {instance, _, Props} <- erlang:system_info({allocator, A}), {mbcs, Carriers} <- Props,
        {blocks, [{_, [{count, C, _, _}, {size, S, _, _}]}]} <- Carriers, S >= C,
        Facts <- [[K || K <- [carriers, carriers_size], {_, Now, _, Max} <- [lists:keyfind(K, 1, Carriers)], Max >= Now]]] =/= []
        andalso lists:usort([tuple_size(lists:keyfind(K, 1, Carriers)) || {instance, _, Props} <- erlang:system_info({allocator, A}),
            {T, Carriers} <- Props, T =:= mbcs orelse T =:= sbcs, K <- [carriers, carriers_size, sys_alloc_carriers, mseg_alloc_carriers_size]]).

work() -> Me = self(), [spawn(fun() -> burn(1000), Me ! done end) || _ <- lists:seq(1, 50)], length([receive done -> x end || _ <- lists:seq(1, 50)]).
burn(0) -> ok;
burn(N) -> burn(N - 1).

shape(T) when is_tuple(T) -> list_to_tuple([shape(E) || E <- tuple_to_list(T)]);
shape([C | _] = L) when is_integer(C), C > 31, C < 127 -> case io_lib:printable_list(L) of true -> string; false -> [shape(E) || E <- L] end;
shape(L) when is_list(L) -> [shape(E) || E <- L];
shape(I) when is_integer(I) -> integer;
shape(B) when is_binary(B) -> binary;
shape(P) when is_pid(P) -> pid;
shape(A) -> A.
