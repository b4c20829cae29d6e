%% SPDX-License-Identifier: Apache-2.0
%% A segment of 2^32 bits and more after which nothing may follow: its size is no number of an instruction.
-module(huge_tail).
-export([main/0]).

main() ->
    t:each(fun(B) -> {a(B), b(B), c(B), d(B)} end, [<<1>>, <<1, 0:16#1001>>, <<1, 0:200>>]).

a(<<B:8, _:16#1001>>) -> B;
a(_) -> no.
b(<<B:8, _:16#1_0000_0000>>) -> B;
b(_) -> no.
c(<<B:8, _:16#8000_0000_0000_0000>>) -> B;
c(_) -> no.
d(<<B:8, _:16#1_0000_0000_0000_0000_0000>>) -> B;
d(_) -> no.
