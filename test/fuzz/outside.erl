%% SPDX-License-Identifier: Apache-2.0
%% What comes from outside before or beside the VM: the epmd protocol, boot files, command lines. Programs
%% of BIN are started with damaged input; a round may end in any message and any exit status, but not in a
%% signal, and not in silence. Usage: erl -s outside run TARGET SEED ROUNDS BIN.
-module(outside).
-export([run/1]).

-define(PATIENCE, 60000). % of a program that is asked to end

run([Target, Seed, Rounds, Bin0]) ->
    Bin = atom_to_list(Bin0),
    rand:seed(exsss, number_of(Seed)),
    {ok, N} = target(Target, number_of(Rounds), Bin),
    io:format("~p: ~p rounds~n", [Target, N]).

number_of(A) -> list_to_integer(atom_to_list(A)).

target(epmd, N, Bin) -> epmd(N, Bin);
target(boot, N, Bin) -> boot(N, Bin);
target(command_line, N, Bin) -> command_line(N, Bin).

%% ---- epmd ----

epmd(N, Bin) ->
    Port = free_port(),
    Daemon = open_port({spawn_executable, filename:join(Bin, "epmd")},
                       [{args, ["-port", integer_to_list(Port)]}, exit_status, stderr_to_stdout]),
    ok = answers(Port, 100),
    [ask(Port, fuzz:damaged(request(rand:uniform(6)))) || _ <- lists:seq(1, N)],
    ok = answers(Port, 100),
    {os_pid, Pid} = erlang:port_info(Daemon, os_pid),
    os:cmd("kill " ++ integer_to_list(Pid)),
    {ok, N}.

free_port() ->
    {ok, L} = gen_tcp:listen(0, [{ip, {127, 0, 0, 1}}]),
    {ok, Port} = inet:port(L),
    gen_tcp:close(L),
    Port.

%% A list of names is what a sound epmd gives.
answers(_, 0) -> silent;
answers(Port, N) ->
    case gen_tcp:connect({127, 0, 0, 1}, Port, [binary, {active, false}]) of
        {ok, S} ->
            ok = gen_tcp:send(S, <<1:16, $n>>),
            {ok, <<Port:32, _/binary>>} = gen_tcp:recv(S, 0, ?PATIENCE),
            gen_tcp:close(S);
        {error, _} -> timer:sleep(50), answers(Port, N - 1)
    end.

request(1) -> packet(<<$x, 4711:16, 77, 0, 6:16, 5:16, 4:16, "name", 0:16>>);
request(2) -> packet(<<$z, "name">>);
request(3) -> packet(<<$n>>);
request(4) -> packet(<<$d>>);
request(5) -> packet(<<$s, "name">>);
request(6) -> packet(<<$x, 1:16, 72, 0, 6:16, 5:16, 255:16, (binary:copy(<<"n">>, 255))/binary, 3:16, "abc">>).

packet(B) -> <<(byte_size(B)):16, B/binary>>.

%% The connection is closed with and without what was asked for having come.
ask(Port, Bytes) ->
    {ok, S} = gen_tcp:connect({127, 0, 0, 1}, Port, [binary, {active, false}]),
    _ = gen_tcp:send(S, Bytes),
    rand:uniform(2) =:= 1 andalso gen_tcp:shutdown(S, write),
    _ = gen_tcp:recv(S, 0, 20),
    gen_tcp:close(S).

%% ---- boot files ----

boot(N, Bin) ->
    {ok, Boot} = file:read_file(filename:join([code:root_dir(), "bin", "start_clean.boot"])),
    File = "fuzz-" ++ os:getpid(),
    [begin
         ok = file:write_file(File ++ ".boot", damaged_boot(rand:uniform(3), Boot)),
         ended(Bin, ["-boot", File])
     end || _ <- lists:seq(1, N)],
    file:delete(File ++ ".boot"),
    {ok, N}.

damaged_boot(1, Boot) -> fuzz:damaged(Boot);
damaged_boot(_, Boot) -> term_to_binary(fuzz:other(binary_to_term(Boot))).

%% ---- command lines ----

command_line(N, Bin) ->
    [ended(Bin, lists:append([word(rand:uniform(5)) || _ <- lists:seq(1, rand:uniform(4))])) || _ <- lists:seq(1, N)],
    {ok, N}.

flags() ->
    ["+S", "+SDcpu", "+SDio", "+P", "+Q", "+A", "+t", "+K", "+hms", "+hmbs", "+hmax", "+hpds", "+zdbbl", "+sbt",
     "+sbwt", "+swt", "+e", "+fnu", "+pc", "+R", "+W", "+n", "+c", "+C", "+MBas", "+T", "+B", "+JPperf", "+Jverify",
     "-boot", "-mode", "-config", "-env", "-args_file", "-pa", "-setcookie", "-kernel", "-start_epmd", "-extra", "--",
     "-x", "+", "-", "", "-noshell", "-smp", "-emu_args", "-heart", "-version"].

word(1) -> [fuzz:pick(flags())];
word(2) -> [fuzz:pick(flags()) ++ value()];
word(3) -> [fuzz:pick(flags()), value(), value()];
word(_) -> [fuzz:pick(flags()), value()].

value() ->
    fuzz:pick(["", "0", "1", "2", "-1", "4096", "99999999999999999999", "1:1", "1:0", "true", "false", "none", "u", "\x{e9}",
               "a b", "'", "\"", "{", "/nonexistent", "[]", binary_to_list(rand:bytes(3)) -- [0]]).

%% ---- programs ----

%% The child's standard input is at its end, so that a shell ends as well.
ended(Bin, Args0) ->
    Args = ["-noinput", "-eval", "halt()." | Args0],
    Words = [["'", string:replace([C || C <- A, C =/= 0], "'", "'\\''", all), "' "] || A <- Args],
    Command = ["timeout -k 5 50 ", filename:join(Bin, "erl"), " ", Words, "</dev/null >/dev/null 2>&1"],
    Port = open_port({spawn_executable, "/bin/sh"},
                     [{args, ["-c", iolist_to_binary(Command)]}, exit_status, {env, [{"ERL_CRASH_DUMP", "/dev/null"}]}]),
    receive
        {Port, {exit_status, S}} when S < 124 -> ok;
        {Port, {exit_status, S}} -> exit({status, S, Args})
    after ?PATIENCE -> exit({silent, Args})
    end.
