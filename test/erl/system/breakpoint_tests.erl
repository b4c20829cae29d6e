%% SPDX-License-Identifier: Apache-2.0
%% erts_debug:breakpoint/2: calls go to error_handler:breakpoint/3; and the debugger's interpreter, which lives on it.
-module(breakpoint_tests).
-export([main/0, called/2, breakpoint/3, undefined_function/3]).

main() ->
    counts(), calls(), interpreted().

counts() ->
    t:p("one", fun() -> erts_debug:breakpoint({?MODULE, called, 2}, true) end),
    t:p("by name", fun() -> erts_debug:breakpoint({?MODULE, called, '_'}, true) end),
    t:p("none", fun() -> erts_debug:breakpoint({?MODULE, nothing, 2}, true) end),
    t:p("no module", fun() -> erts_debug:breakpoint({no_such_module, '_', '_'}, true) end),
    t:p("off", fun() -> erts_debug:breakpoint({?MODULE, called, 2}, false) end),
    t:each(fun(X) -> erts_debug:breakpoint(X, true) end, [{1, b, 2}, {lists, '_', 1}, {lists, map, x}]),
    t:p("flag", fun() -> erts_debug:breakpoint({?MODULE, called, 2}, maybe_so) end).

calls() ->
    process_flag(error_handler, ?MODULE),
    erts_debug:breakpoint({?MODULE, called, 2}, true),
    erts_debug:breakpoint({?MODULE, local, 2}, true),
    t:p("exported", fun() -> ?MODULE:called(1, 2) end),
    t:p("from inside", fun() -> called(1, [2]) end),
    t:p("local", fun() -> local(<<1, 2>>, 3) end),
    t:p("apply", fun() -> apply(?MODULE, called, [5, self() =:= self()]) end),
    erts_debug:breakpoint({?MODULE, '_', '_'}, false),
    t:p("off again", fun() -> {called(1, 2), local(<<1, 2>>, 3)} end),
    process_flag(error_handler, error_handler).

called(A, B) -> {not_stopped, A, B}.
local(<<A, _/binary>>, B) -> {not_stopped, A, B}.

breakpoint(M, F, Args) -> {stopped, M, F, Args}.
undefined_function(M, F, Args) -> error_handler:undefined_function(M, F, Args).

interpreted() ->
    Source = "-module(stepped).\n-export([fact/1, fail/1]).\n"
             "fact(0) -> 1;\nfact(N) ->\n    N * fact(N - 1).\n"
             "fail(X) -> try lists:reverse(X) catch error:E -> {caught, E} end.\n",
    ok = file:write_file("stepped.erl", Source),
    {ok, _} = compile:file("stepped.erl", [debug_info]),
    true = code:add_patha("."),
    t:p("interpret", fun() -> int:i("stepped.erl") end),
    t:p("interpreted", fun() -> int:interpreted() end),
    t:p("fact", fun() -> stepped:fact(20) end),
    t:p("fail", fun() -> stepped:fail(a) end),
    t:p("error", fun() -> stepped:fact(a) end),
    t:p("no more", fun() -> int:n(stepped) end),
    t:p("interpreted", fun() -> int:interpreted() end),
    t:p("fact", fun() -> stepped:fact(20) end).
