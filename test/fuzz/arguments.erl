%% SPDX-License-Identifier: Apache-2.0
%% Natives called with arguments that nobody would give: erl -s arguments run SEED ROUNDS; a round is twenty calls of one
%% native. A call may end in any exception, or in the end of its process; what it returns has to be a whole term. The
%% calls of the last round are in the file `arguments.PID` of the working folder, for when the VM is gone.
-module(arguments).
-export([run/1, round/2]).

-define(CALLS, 20).
-define(PATIENCE, 10000).
-define(MOST_WORDS, 20000000). % of a caller's heap

run([Seed0, Rounds0]) ->
    [Seed, Rounds] = [list_to_integer(atom_to_list(A)) || A <- [Seed0, Rounds0]],
    logger:set_primary_config(level, none),
    rand:seed(exsss, Seed),
    Natives = list_to_tuple(natives()),
    [one(pick(Natives)) || _ <- lists:seq(1, Rounds)],
    file:delete(log_name()),
    io:format("arguments: ~p rounds of ~p natives~n", [Rounds, tuple_size(Natives)]).

pick(T) -> element(rand:uniform(tuple_size(T)), T).

%% ---- what is called ----

natives() ->
    [code:ensure_loaded(M) || M <- [zlib, re, unicode, math, prim_socket, prim_net, socket, prim_inet, prim_buffer, erl_ddll,
                                    net_kernel, counters, atomics, persistent_term, erts_debug, os, binary, maps, lists, ets, file]],
    lists:sort([{M, F, A} || {M, _} <- code:all_loaded(), {F, A} <- M:module_info(exports), A > 0, is_native(M, F, A), is_asked(M, F, A)]).

is_native(M, F, A) -> erlang:is_builtin(M, F, A) orelse lists:member({F, A}, M:module_info(nifs)).

%% Not those that do what they are for: end the VM or its processes, take its modules away, wait for ever, take memory.
is_asked(M, F, A) ->
    not lists:member({M, F}, [{erlang, F1} || F1 <- [halt, delete_module, purge_module, hibernate, system_flag, unregister, display, display_string]] ++
        [{erts_internal, F1} || F1 <- [purge_module, spawn_system_process, await_exit, counters_new, atomics_new, erase_persistent_terms]] ++
        [{atomics, new}, {counters, new}, {persistent_term, erase}, {prim_file, set_cwd_nif}, {os, set_signal}, {os, kill}])
    andalso {M, F, A} =/= {erts_debug, set_internal_state, 2} andalso not lists:member(M, [init, erl_tracer]).

one({M, F, A}) ->
    Limit = {max_heap_size, #{size => ?MOST_WORDS, kill => true, error_logger => false}},
    {P, Ref} = spawn_opt(?MODULE, round, [{M, F, A}, rand:uniform(1 bsl 50)], [monitor, Limit]),
    receive {'DOWN', Ref, process, P, _} -> ok
    after ?PATIENCE ->
        exit(P, kill),
        receive {'DOWN', Ref, process, P, _} -> ok after ?PATIENCE -> exit({stuck, {M, F, A}}) end
    end,
    [exit(Left, kill) || Left <- processes(), Left > P]. % what the calls made

round({M, F, A}, Seed) ->
    rand:seed(exsss, Seed),
    group_leader(spawn(fun sink/0), self()),
    {ok, Log} = file:open(log_name(), [raw, write]),
    Terms = list_to_tuple(terms()),
    [begin
        Args = [term(rand:uniform(20), Terms) || _ <- lists:seq(1, A)],
        file:write(Log, io_lib:format("~0P~n", [{M, F, Args}, 60])),
        catch use(catch erlang:apply(M, F, Args))
     end || _ <- lists:seq(1, ?CALLS)].

log_name() -> "arguments." ++ os:getpid().

use(T) ->
    _ = erlang:phash2(T),
    _ = erts_debug:flat_size(T),
    self() ! T,
    receive T -> ok after 0 -> ok end.

sink() ->
    receive
        {io_request, From, Ref, _} -> From ! {io_reply, Ref, {error, enotsup}};
        _ -> ok
    end,
    sink().

%% ---- arguments ----

term(1, T) -> [term(9, T) || _ <- lists:seq(1, rand:uniform(4))];
term(2, T) -> list_to_tuple(term(1, T));
term(3, T) -> [term(9, T) | term(9, T)];
term(4, T) -> #{term(9, T) => term(9, T)};
term(5, T) -> {term(9, T), term(rand:uniform(9), T)};
term(_, T) -> pick(T).

terms() -> things() ++ bits() ++ numbers() ++ words() ++ compounds() ++ options().

%% Tables, processes, ports, references, funs: here, gone, of other nodes.
things() ->
    Tables = [ets:new(a, [Type, public]) || Type <- [set, ordered_set, bag, duplicate_bag]],
    [ets:insert(T, [{I, I}, {{I}, a, b}]) || T <- Tables, I <- [1, 2, 3]],
    Other = spawn(fun sink/0),
    {ok, Pattern} = re:compile("a(b)"),
    Tables ++ [Other, spawn(fun() -> ok end), self(), open_port({spawn_driver, "udp_inet"}, [binary]), zlib:open(), make_ref(), Pattern,
        atomics:new(3, []), counters:new(2, [write_concurrency]), alias(), monitor(process, Other), erlang:start_timer(100000, Other, x),
        ets:match_spec_compile([{{'$1', '$2'}, [], ['$1']}]), fun(X) -> X end, fun() -> ok end, fun(X, _) -> X end, fun lists:map/2,
        binary_to_term(<<131, 88, 119, 3, "a@b", 1:32, 0:32, 1:32>>), binary_to_term(<<131, 90, 3:16, 119, 3, "a@b", 1:32, 1:32, 2:32, 3:32>>),
        binary_to_term(<<131, 89, 119, 3, "a@b", 1:32, 1:32>>)].

bits() ->
    B = binary:copy(<<"abcdefghij">>, 30),
    <<_:3, Part:70/bits, _/bits>> = B,
    [B, Part, binary:part(B, 5, 100), <<>>, <<1:1>>, <<255, 254>>, <<"abc">>, <<131, 97, 1>>, <<0:4096>>].

numbers() ->
    [erlang:monotonic_time(), 0, 1, 2, 3, -1, 7, 255, 256, 65536, 1 bsl 31, -(1 bsl 31), (1 bsl 59) - 1, 1 bsl 59, -(1 bsl 59), 1 bsl 63,
     -(1 bsl 63), 1 bsl 64, 1 bsl 200, -(1 bsl 3000), 0.0, 1.5, -1.0e308, 1.0e-300].

words() ->
    [a, b, true, false, undefined, infinity, all, nil, latin1, utf8, unicode, big, little, native, set, bag, '', ok, '$1', global, second,
     millisecond, nanosecond, scheduler, process_count, trap_exit, priority, high, max, min_heap_size, message_queue_data, off_heap,
     heap_size, links, dictionary, messages, keypos, type, protection, public, lock, extended, info, size, memory, call, return_to, send,
     'receive', garbage_collection, set_on_spawn, on_load, allocator, cpu_topology, dist, procs, loaded, microstate_accounting,
     scheduler_wall_time, reductions, io, get, put, md5, inet, inet6, stream, tcp, local, reuseaddr, read].

compounds() ->
    [[], "abc", [a | b], [[1], [2 | <<3>>]], lists:seq(1, 100), [{a, 1}, {b, 2}], [$a, 16#10FFFF], [300], [-1], [a, b, c], [{a, b, c} | d],
     ["abc", <<"d">>], {}, {a}, {a, 1}, {1, 2, 3}, {a, b, c, d, e}, list_to_tuple(lists:seq(1, 300)), #{}, #{a => 1}, #{1 => 2, b => [c]},
     maps:from_list([{I, I} || I <- lists:seq(1, 100)]), {'$1', '$2'}, {'_', '_', '_'}, {lists, map, 2}, {0, 1}, {-1, 5}, {127, 0, 0, 1}].

options() ->
    [[{{'$1', '$2'}, [], ['$1']}], [{'_', [], [true]}], [global], [{return, binary}], [{capture, all, index}], [compressed], [safe], [used],
     [named_table], [binary, {packet, 4}], [{scope, {0, 1}}], [monitor], [link], [{alias, reply}], [{tag, x}], [read, write, raw], {read, 3},
     {allocator, temp_alloc}, #{family => inet, addr => {127, 0, 0, 1}, port => 0}].
