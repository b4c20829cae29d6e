%% SPDX-License-Identifier: Apache-2.0
%% Builds the native half of a test, NAME.c, against Joist's own headers, as ./NAME.so.
-module(native).
-export([build/1, build/2]).

build(Name) -> build(Name, Name).

build(Source, Library) ->
    Root = os:getenv("SRC"),
    Command = ["cc -std=c11 -D_GNU_SOURCE -Wall -O1 -shared -fPIC -pthread -I ", Root, "/vm/include -o ", Library, ".so ",
               Root, "/test/erl/native/", Source, ".c 2>&1"],
    io:put_chars(os:cmd(lists:flatten(Command))).
