%% SPDX-License-Identifier: Apache-2.0
%% cpus_tests - CPU topologies, told on the command line and by system_flag, and the order of binding.
%% erl: +sctL1,0,2-3c0-1,0-1p1,1,0,0n0,0,1,1 +sbt ns +hmax 576460752303423487
-module(cpus_tests).
-export([main/0]).

main() ->
    logger:set_primary_config(level, none),
    true = not erts_debug:set_internal_state(available_internal_state, true),
    t:p(hmax, fun() -> maps:get(size, element(2, process_info(self(), max_heap_size))) end),
    t:p(told, fun() -> [erlang:system_info(cpu_topology), erlang:system_info(scheduler_bind_type) | infos()] end),
    orders(),
    [define(T) || T <- topologies()],
    t:p(back, fun() -> [erlang:system_flag(cpu_topology, undefined) | infos()] end),
    t:p(none, fun() -> erlang:system_flag(scheduler_bind_type, spread) end),
    t:p(bad, fun() -> erlang:system_flag(scheduler_bind_type, t:id(foo)) end),
    t:p(unbound, fun() -> [erlang:system_flag(scheduler_bind_type, unbound), erlang:system_info(scheduler_bind_type)] end).

infos() -> [erlang:system_info({cpu_topology, I}) || I <- [used, defined, detected]].

define(T) ->
    t:p(define, fun() -> erlang:system_flag(cpu_topology, t:id(T)), erlang:system_info({cpu_topology, defined}) end),
    orders().

orders() ->
    [t:p(B, fun() -> erts_debug:get_internal_state({fake_scheduler_bindings, B}) end)
     || B <- [no_spread, thread_spread, processor_spread, spread, no_node_thread_spread, no_node_processor_spread,
              thread_no_node_processor_spread, default_bind, unbound, foo]].

c(N) -> {core, [{thread, {logical, N}}, {thread, {logical, N + 1}}]}.
p(N) -> {processor, [c(N), c(N + 2)]}.
l(Kind, N) -> {Kind, {logical, N}}.

topologies() ->
    [[p(0), p(4)], [{node, [p(0), p(4)]}, {node, [p(8)]}], [{processor, [{node, [c(0), c(2)]}, {node, [c(4)]}]}, {node, [p(6)]}],
     [{processor, [l(core, 5), l(core, 2)]}, l(processor, 7)], [p(0), {node, [p(4)]}], [{processor, [{node, [c(0)]}, l(core, 3)]}],
     [l(node, 0)], [l(node, 0), l(node, 1)], [l(core, 0)], [l(core, 0), l(processor, 1)], [{logical, 0}], [], foo,
     [l(processor, 0), l(processor, 0)], [{processor, [l(processor, 0)]}], [{processor, []}], [l(processor, -1)],
     [l(processor, 65536)], [l(processor, 65535)], {processor, {logical, 0}}, [l(processor, 0) | x],
     [{node, [{processor, [l(node, 3)]}]}], [{core, [l(processor, 1)]}], [l(foo, 1)], [l(processor, a)]].
