%% SPDX-License-Identifier: Apache-2.0
%% erl: +fnl
%% latin1_names_tests - names of files and the environment with +fnl: a character is a byte.
-module(latin1_names_tests).
-export([main/0]).

main() ->
    pr(encoding, file:native_name_encoding()),
    [pr(X, catch prim_file:internal_native2name(X)) || X <- [<<255, 65>>, <<233/utf8>>]],
    pr(name, {prim_file:internal_name2native([233, [255]]), try prim_file:internal_name2native([8364]) catch error:R -> R end}),
    os:putenv([88, 233], [233]),
    pr(env, {os:getenv([88, 233]), [X || [88, 233 | _] = X <- os:getenv()]}),
    pr(sub, os:cmd("env | grep -a ^X | od -An -tx1")),
    Dir = "latin1.names",
    file:del_dir_r(Dir),
    ok = file:make_dir(Dir),
    ok = file:write_file(filename:join(Dir, [97, 233]), "x"),
    pr(list, [file:list_dir(Dir), os:cmd("ls -b " ++ Dir)]),
    pr(wide, file:write_file(filename:join(Dir, [8364]), "x")),
    file:del_dir_r(Dir).

pr(What, X) -> io:format("~0p: ~0p~n", [What, X]).
