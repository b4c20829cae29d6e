%% SPDX-License-Identifier: Apache-2.0
%% Errors of file:rename/2 around directories; access of an open file is what its owner may do.
-module(rename_and_access).
-export([main/0]).

main() ->
    Dir = filename:join(os:getenv("TMPDIR", "/tmp"), "joist_rename_" ++ os:getpid()),
    ok = file:make_dir(Dir),
    [ok = file:make_dir(filename:join(Dir, D)) || D <- ["empty", "full"]],
    [ok = file:write_file(filename:join(Dir, F), "x") || F <- ["file", "full/file"]],
    [io:format("~s -> ~s: ~p~n", [A, B, file:rename(abs_name(Dir, A), abs_name(Dir, B))])
     || {A, B} <- [{"file", "empty"}, {"file", "full"}, {"empty", "file"}, {"full", "file"}, {"empty", "full"},
                   {"/", "new"}, {"full", "full/below"}, {"none", "new"}]],
    File = filename:join(Dir, "file"),
    {ok, Fd} = file:open(File, [read, raw]),
    [begin
         ok = file:change_mode(File, Mode),
         {ok, Info} = file:read_file_info(Fd),
         io:format("~.8B ~p~n", [Mode, element(4, Info)])
     end || Mode <- [8#700, 8#400, 8#200, 8#077, 8#644]],
    ok = file:close(Fd),
    ok = file:del_dir_r(Dir),
    io:format("~p ~p~n", [erlang:is_builtin(lists, reverse, -1), erlang:is_builtin(lists, reverse, 256)]).

abs_name(_, "/") -> "/";
abs_name(Dir, Name) -> filename:join(Dir, Name).
