%% SPDX-License-Identifier: Apache-2.0
%% erl: +S 1
-module(file_fifo_tests).
-export([main/0]).

%% Files that block for as long as nobody is at the other end: the only scheduler goes on meanwhile.
main() ->
    Names = ["fifo." ++ integer_to_list(N) || N <- lists:seq(1, 5)],
    [[] = os:cmd("mkfifo " ++ Name) || Name <- Names],
    whole_reads(hd(Names)),
    Readers = [start(fun() -> read_all(Name) end) || Name <- Names],
    t:p(others_go_on, fun() -> [count(20), [process_info(R, status) || R <- Readers]] end),
    t:p(others_are_freed, fun t:freed/0),
    t:p(killed, fun() -> kill(lists:last(Readers)) end),
    Writers = [begin {ok, W} = file:open(Name, [write, raw]), W end || Name <- Names],
    [ok = file:write(W, lists:duplicate(N, $a + N)) || {N, W} <- lists:enumerate(lists:droplast(Writers))],
    [ok = file:close(W) || W <- Writers],
    t:p(read, fun() -> [receive {R, Data} -> Data end || R <- lists:droplast(Readers)] end),
    t:p(again, fun() -> [file:read_file("/proc/self/comm") =/= eof, count(3)] end),
    [ok = file:delete(Name) || Name <- Names].

start(F) ->
    Me = self(),
    spawn(fun() -> Me ! {self(), F()} end).

read_all(Name) ->
    {ok, F} = file:open(Name, [read, raw, binary]),
    Data = file:read(F, 100),
    ok = file:close(F),
    Data.

%% Timers and messages between two processes.
count(0) -> done;
count(N) ->
    Me = self(),
    spawn(fun() -> receive after 5 -> Me ! {tick, N} end end),
    receive {tick, N} -> count(N - 1) end.

%% The exit of one that is blocked does not wait either.
kill(Pid) ->
    Ref = monitor(process, Pid),
    exit(Pid, kill),
    receive {'DOWN', Ref, process, Pid, Reason} -> Reason end.

%% What comes in pieces is put together, up to the end.
whole_reads(Name) ->
    Reader = start(fun() ->
        {ok, F} = file:open(Name, [read, raw, binary]),
        Got = [file:read(F, N) || N <- [3, 4, 100, 7]],
        [file:pread(F, 3, 4), file:close(F) | Got]
    end),
    {ok, W} = file:open(Name, [write, raw]),
    [begin ok = file:write(W, Part), count(2) end || Part <- ["hel", "he", "llo"]],
    ok = file:close(W),
    t:p(whole_reads, fun() -> receive {Reader, Data} -> Data end end).
