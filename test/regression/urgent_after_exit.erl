%% SPDX-License-Identifier: Apache-2.0
%% A system task that its target does not live to see is answered, even if the requester never lets anybody of the
%% target's priority execute on the scheduler that the target is bound to.
-module(urgent_after_exit).
-export([main/0]).

main() ->
    S = self(),
    {_, M} = spawn_opt(fun() -> S ! {results, [dead(Op) || Op <- [collect, check], _ <- [1, 2, 3]]} end,
                       [{scheduler, 1}, {priority, high}, monitor]),
    receive {results, R} -> io:format("~p~n", [R]) end,
    receive {'DOWN', M, _, _, Why} -> io:format("~p~n", [Why]) end.

dead(Op) ->
    P = spawn_opt(fun() -> receive after infinity -> ok end end, [{scheduler, 1}]),
    signals(P, 5000),
    exit(P, kill),
    R = make_ref(),
    async = case Op of
        collect -> erlang:garbage_collect(P, [{async, R}]);
        check -> erlang:check_process_code(P, ?MODULE, [{async, R}])
    end,
    busy(R).

signals(_, 0) -> ok;
signals(P, N) -> link(P), unlink(P), signals(P, N - 1).

busy(R) ->
    receive {_, R, Is} -> Is after 0 -> busy(R) end.
