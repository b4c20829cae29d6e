%% SPDX-License-Identifier: Apache-2.0
%% A native library that breaks ends the VM, with a crash dump whose slogan names the library and the function; and so
%% does memory that has run out, with a slogan that says what it was wanted for. A dump that finds a process broken goes on.
-module(fault_tests).
-export([main/0, child/1, fall/1, fall_cpu/1, fall_io/1, deep_cpu/1, divide/1]).
-export([heap/1, queue/1, table/1]).

main() ->
    Code = filename:absname(filename:dirname(code:which(?MODULE))),
    Folder = filename:join(Code, "fault"),
    ok = filelib:ensure_dir(filename:join(Folder, "x")),
    ok = file:set_cwd(Folder),
    Source = <<"#include <erl_nif.h>\n"
               "static int deeper(volatile int n) { volatile char b[4096]; b[0] = n; return deeper(n + 1) + b[0]; }\n"
               "static ERL_NIF_TERM fall(ErlNifEnv *e, int c, const ERL_NIF_TERM a[])"
               "{ return *(volatile ERL_NIF_TERM *)16; }\n"
               "static ERL_NIF_TERM deep(ErlNifEnv *e, int c, const ERL_NIF_TERM a[])"
               "{ return enif_make_int(e, deeper(0)); }\n"
               "static ERL_NIF_TERM divide(ErlNifEnv *e, int c, const ERL_NIF_TERM a[])"
               "{ volatile int zero = 0; return enif_make_int(e, 7 * c / zero); }\n"
               "static ErlNifFunc f[] = {{\"fall\", 1, fall, 0}, {\"fall_cpu\", 1, fall, 1}, {\"fall_io\", 1, fall, 2},\n"
               " {\"deep_cpu\", 1, deep, 1}, {\"divide\", 1, divide, 0}};\n"
               "ERL_NIF_INIT(fault_tests, f, NULL, NULL, NULL, NULL)\n">>,
    ok = file:write_file("fault.c", Source),
    Root = os:getenv("SRC"),
    io:put_chars(os:cmd("cc -w -O0 -shared -fPIC -I " ++ Root ++ "/vm/include -o fault.so fault.c 2>&1")),
    [io:format("~s: ~p~n", [F, crash(F, Code)]) || F <- ["fall", "fall_cpu", "fall_io", "deep_cpu", "divide"]],
    [io:format("~s: ~p~n", [F, exhaust(F, Code)]) || F <- ["heap", "queue", "table"]],
    io:format("broken: ~p~n", [death("", "broken", Code)]).

%% Of the program that is to die: its exit status and the slogan of its dump, which is whole.
death(Before, F, Code) ->
    _ = file:delete("erl_crash.dump"),
    Erl = filename:join(os:getenv("BIN"), "erl"),
    Command = "sh -c '" ++ Before ++ "exec " ++ Erl ++ " -noshell -pa " ++ Code ++ " -s fault_tests child " ++ F ++ "'",
    Port = open_port({spawn, Command}, [exit_status, stderr_to_stdout, {env, [{"ERL_CRASH_DUMP", "erl_crash.dump"}]}]),
    Status = finished(Port),
    {ok, File} = file:open("erl_crash.dump", [read, raw, binary]),
    {ok, Head} = file:pread(File, 0, 1000),
    {ok, _} = file:position(File, {eof, -6}),
    {ok, <<"\n=end\n">>} = file:read(File, 6),
    ok = file:close(File),
    {match, [Slogan]} = re:run(Head, "^Slogan: (.*)$", [multiline, {capture, all_but_first, binary}]),
    {Status, Slogan}.

exhaust(F, Code) ->
    {Status, Slogan} = death("ulimit -v 350000; ", F, Code),
    {Status, re:run(Slogan, "^Cannot allocate [0-9]+ bytes of memory", [{capture, none}])}.

crash(F, Code) ->
    {Status, Slogan} = death("", F, Code),
    {Status, [re:run(Slogan, R, [{capture, none}]) || R <- ["^(Segmentation fault|Arithmetic exception) in .*fault.so, ",
                                                            "called by native function fault_tests:" ++ F ++ "/1 of "]]}.

finished(Port) ->
    receive
        {Port, {data, _}} -> finished(Port);
        {Port, {exit_status, S}} -> S
    after 60000 -> timeout
    end.

child([F]) when F =:= heap; F =:= queue; F =:= table -> ?MODULE:F(<<0:80000>>);
child([broken]) ->
    erts_debug:set_internal_state(available_internal_state, true),
    erts_debug:set_internal_state(broken_halt, slogan);
child([F]) ->
    ok = erlang:load_nif("./fault", 0),
    ?MODULE:F(x).

heap(L) -> heap([L, L | L]).
queue(B) -> self() ! binary_to_list(B), queue(B).
table(B) -> ets:insert(ets:new(t, []), {1, binary_to_list(B)}), table(B).

fall(_) -> erlang:nif_error(no).
fall_cpu(_) -> erlang:nif_error(no).
fall_io(_) -> erlang:nif_error(no).
deep_cpu(_) -> erlang:nif_error(no).
divide(_) -> erlang:nif_error(no).
