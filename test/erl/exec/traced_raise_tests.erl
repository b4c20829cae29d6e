%% SPDX-License-Identifier: Apache-2.0
-module(traced_raise_tests).
-export([main/0]).
%% Who raises shows in the trace, whether error, exit and throw are traced or not, and however they are called.

main() ->
    run(off),
    M = [{'_', [], [{exception_trace}]}],
    Tracer = spawn(fun() -> receive after infinity -> ok end end),
    _ = erlang:trace_pattern({?MODULE, '_', '_'}, M, [local]),
    [1 = erlang:trace_pattern({erlang, F, A}, M, [local]) || {F, A} <- raisers()],
    _ = erlang:trace(all, true, [call, return_to, timestamp, {tracer, Tracer}]),
    R = results(),
    _ = erlang:trace(all, false, [call, return_to, timestamp]),
    [_ = erlang:trace_pattern({erlang, F, A}, false, [local]) || {F, A} <- raisers()],
    _ = erlang:trace_pattern({?MODULE, '_', '_'}, false, [local]),
    print(traced, R).

raisers() -> [{error, 1}, {error, 2}, {exit, 1}, {throw, 1}].

run(Name) -> print(Name, results()).

results() -> [{K, A, outer(K, A)} || K <- kinds(), A <- [[oops], [oops, [K]], exit, throw]].

print(Name, L) ->
    [io:format("~p ~p ~p ~p~n", [Name, K, A, R]) || {K, A, R} <- L],
    ok.

kinds() -> [last, apply, list_last, list, double_last, double].

outer(K, A) ->
    try inner(K, A) of V -> V
    catch C:R:S -> {C, R, [{M, F, if is_list(Ar) -> length(Ar); true -> Ar end} || {M, F, Ar, _} <- S, M =:= ?MODULE orelse M =:= erlang]}
    end.

inner(K, exit) -> through(K, exit, [oops]);
inner(K, throw) -> through(K, throw, [oops]);
inner(K, Args) -> through(K, error, Args).

through(K, F, Args) ->
    _ = raise(K, id(erlang), id(F), Args),
    ok.

raise(last, M, F, [A]) -> M:F(A);
raise(last, M, F, [A, B]) -> M:F(A, B);
raise(apply, M, F, [A]) -> M:F(A), ok;
raise(apply, M, F, [A, B]) -> M:F(A, B), ok;
raise(list_last, M, F, Args) -> erlang:apply(M, F, id(Args));
raise(list, M, F, Args) -> erlang:apply(M, F, id(Args)), ok;
raise(double_last, M, F, Args) -> erlang:apply(M, id(apply), [M, F, Args]);
raise(double, M, F, Args) -> erlang:apply(M, id(apply), [M, F, Args]), ok.

id(X) -> X.
