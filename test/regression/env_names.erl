%% SPDX-License-Identifier: Apache-2.0
%% Names and values of the environment are deep lists of characters, not binaries.
-module(env_names).
-export([main/0]).
t(F) -> try F() of X when is_list(X) -> list; X -> X catch C:R -> {C,R} end.
main() -> os:putenv("ABC","1"), [io:format("~p~n",[t(F)]) || F <- [fun() -> os:getenv(<<"ABC">>) end, fun() -> os:putenv(<<"A">>,"x") end, fun() -> os:putenv("A",<<"x">>) end, fun() -> os:getenv(["A","BC"]) end,
   fun() -> os:getenv(["A",<<"BC">>]) end, fun() -> os:getenv('ABC') end, fun() -> os:unsetenv(<<"ABC">>) end, fun() -> os:getenv("") end,fun() -> os:putenv("","x") end,fun() -> os:unsetenv("") end, fun() -> os:getenv("A"++[16#d800]) end, fun() -> os:getenv(["AB"|<<"C">>]) end,fun() -> os:putenv("A","x=y") end,
   fun() -> os:putenv([1024,$A],[1025]), os:getenv([1024,$A]) end, fun() -> os:getenv([['ABC']]) end]].
