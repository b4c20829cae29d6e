%% SPDX-License-Identifier: Apache-2.0
%% A native that had yielded was still told as the current function when it was long over.
-module(current_function_after_yield).
-export([main/0]).
-spec main() -> ok.
main() -> a(), b(), c(), d().
a() -> io:format("a ~p~n", [process_info(self(), current_function)]), ok.
b() -> erlang:garbage_collect(), io:format("b ~p~n", [process_info(self(), current_function)]), ok.
c() -> X = process_info(self(), current_function), io:format("c ~p~n", [X]), ok.
d() -> erlang:garbage_collect(), X = process_info(self(), current_function), Y=process_info(self(), current_function), io:format("d ~p~p~n", [X,Y]), ok.
