%% SPDX-License-Identifier: Apache-2.0
%% Trace events of a process that is scheduled: they come in pairs, from within the slice in which the tracing begins
%% up to the death, which has events of its own.
-module(running_trace_tests).
-export([main/0]).

main() ->
    t:p("waits", fun() -> traced([running], fun() -> receive after 5 -> ok end end) end),
    t:p("exits", fun() -> traced([running_procs, exiting], fun() -> receive after 5 -> exit(done) end end) end),
    t:p("long death", fun() -> death(traced([running], fun many_links/0)) end),
    t:p("slices", fun() -> pairs(traced([running], fun() -> length(lists:seq(1, 200000)) end)) end),
    t:p("natives", fun() -> pairs(traced([running], fun() -> natives(lists:seq(1, 100000)) end)) end).

natives(L) -> map_size(maps:from_list([{X, X} || X <- L])) + length(lists:reverse(L, [])) + byte_size(term_to_binary(L)).

many_links() ->
    _ = [spawn_link(fun() -> receive _ -> ok end end) || _ <- lists:seq(1, 3000)],
    receive after 5 -> ok end.

traced(Flags, F) ->
    Tracer = self(),
    {P, M} = spawn_monitor(fun() -> 1 = erlang:trace(self(), true, [{tracer, Tracer} | Flags]), F() end),
    receive {'DOWN', M, process, P, _} -> ok end,
    D = erlang:trace_delivered(P),
    receive {trace_delivered, P, D} -> ok end,
    events(P).

events(P) -> receive {trace, P, Event, Where} -> [{Event, Where} | events(P)] after 0 -> [] end.

pairs([{out, Where}, {in, Where} | L]) -> pairs(L);
pairs([]) -> true;
pairs(L) -> lists:sublist(L, 4).

%% How often the links cost a slice is another matter.
death(L) -> {pairs(L), lists:last(L)}.
