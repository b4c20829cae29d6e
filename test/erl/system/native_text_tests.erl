%% SPDX-License-Identifier: Apache-2.0
%% erl: +pc unicode
%% native_text_tests - texts for the system: deep lists, binaries and what is neither, as names of files and programs,
%% arguments and environment; errors of natives name the arguments.
-module(native_text_tests).
-export([main/0]).

main() ->
    [pr(X, catch1(fun() -> prim_file:internal_name2native(X) end)) || X <- texts()],
    [pr(X, catch1(fun() -> prim_file:internal_native2name(X) end))
     || X <- [<<"ab">>, <<255>>, <<233/utf8>>, <<233/utf8, 0>>, "ab", [], <<>>]],
    [pr(X, [element(1, prim_file:read_file_info(X)), catch1(fun() -> prim_file:read_link(X) end)])
     || X <- [["/tmp", "/"], '/tmp', ["/tm" | p], [<<"/tmp">>], "/tmp\0x", "/tmp\0", <<"/tmp", 0>>]],
    pr(encoding, {file:native_name_encoding(), io:printable_range()}),
    [pr(N, catch1(F)) || {N, F} <- environment() ++ programs() ++ natives()],
    ok.

pr(What, X) -> io:format("~0p: ~0p~n", [What, X]).

catch1(F) ->
    try F()
    catch
        error:Reason:Stack -> {Reason, hide(element(3, hd(Stack)))}
    end.

texts() ->
    [["ab", "c"], ["ab", [["c"], $d] | []], [a, b], abc, ["a" | b], [[]], [], [[233], 233], ["a", <<"b">>], [<<"ab">>],
     <<"ab">>, ["a", 0, "b"], ["a", 0], [0], [0, [0]], [26085], [[26085], [26085]], [16#D800], -1, [16#110000],
     ["a" | ["b" | "c"]], 12, ["a", 1.0], [[], [$a], [[]]], <<>>, <<0>>, <<"a", 0>>, <<"a", 0, "b">>, <<255, 254>>, {a}].

environment() ->
    [{getenv, fun() -> os:putenv("AB", "x"), os:getenv(["A", "B"]) end},
     {putenv, fun() -> os:putenv(["A", [$C]], ["q", [[]]]), os:getenv("AC") end},
     {no_atom, fun() -> os:putenv(ab, "x") end},
     {no_binary, fun() -> os:putenv(<<"AD">>, "x") end},
     {unsetenv, fun() -> os:unsetenv(["A", "B"]), os:getenv("AB") end}].

programs() ->
    Run = fun(What, Options) -> said(open_port(What, [exit_status | Options])) end,
    Echo = {spawn_executable, ["/bin/", "echo"]},
    Sh = {spawn_executable, "/bin/sh"},
    [{args, fun() -> Run(Echo, [{args, [["a", "b"], <<"c">>, []]}]) end},
     {no_args, fun() -> Run(Echo, [{args, ["a", b]}]) end},
     {arg0, fun() -> Run(Sh, [{arg0, ["x", "y"]}, {args, ["-c", "echo $0"]}]) end},
     {spawn, fun() -> Run({spawn, ["echo ", ["a"]]}, []) end},
     {spawn_atom, fun() -> Run({spawn, 'echo a'}, []) end},
     {env, fun() -> Run({spawn, "sh -c 'echo $A$B'"}, [{env, [{["A", []], [[$1], "2"]}, {"B", "q"}]}]) end},
     {cd, fun() -> Run({spawn, "pwd"}, [{cd, ["/", "tmp"]}]) end},
     {cd_binary, fun() -> Run({spawn, "pwd"}, [{cd, <<"/tmp">>}]) end},
     {args_unicode, fun() -> Run(Echo, [binary, {args, [[233, 26085], <<233/utf8>>, <<233>>]}]) end},
     {session, fun() -> os:cmd("[ $(ps -o sid= -p $$) = $$ ] && grep SigIgn /proc/self/status") end}].

said(Port) ->
    receive
        {Port, {data, Data}} -> [Data | said(Port)];
        {Port, {exit_status, Status}} -> [Status]
    end.

natives() ->
    Buffer = prim_buffer:new(),
    Z = zlib:open(),
    [{zlib_close, fun() -> zlib:close(x) end},
     {zlib_inflate, fun() -> zlib:inflate(Z, <<"a">>) end},
     {write, fun() -> prim_buffer:write(Buffer, [a]) end},
     {skip, fun() -> prim_buffer:skip(Buffer, 100) end},
     {random, fun() -> crypto:strong_rand_bytes(x) end}].

hide(X) when is_reference(X) -> ref;
hide([H | T]) -> [hide(H) | hide(T)];
hide(X) -> X.
