%% SPDX-License-Identifier: Apache-2.0
%% Opening ports: bad environments, files that cannot be executed, too large packets; names of ports that close.
-module(port_open_tests).
-export([main/0]).

main() ->
    process_flag(trap_exit, true),
    t:each(fun(E) -> run({spawn, "true"}, [{env, E}]) end,
           [[{name, "v"}], [{<<"A">>, "v"}], [{"A", <<"b">>}], [{"A=B", "c"}], [{"", ""}], [{"A", value}], [{"A\0", "x"}],
            [{"A", "x\0"}], [{[1000], [300]}], [{"A", ["a", [[$b] | "c"]]}], [{"A", []}], [{"=A", "a"}], [abbb], 42,
            [{"a", "b"} | {"c", "d"}], [{"a", "b", "c"}], [{"A", false}]]),
    t:p("deep value", fun() -> run({spawn, "test \"$AB\" = xyz"}, [{env, [{["A", [$B]], ["x", ["yz"]]}]}]) end),
    file("noexec", "hello\n"),
    file("noint", "#!/nonexistent\n"),
    t:each(fun(F) -> run({spawn_executable, F}, []) end, ["./noexec", "./noint", "./missing", "/tmp"]),
    t:p("huge environment", fun() ->
        run({spawn, "true"}, [{env, [{"V" ++ integer_to_list(I), lists:duplicate(1000, $x)} || I <- lists:seq(1, 5000)]}]) end),
    t:each(fun too_large/1, [1, 2]),
    logger:set_primary_config(level, none), % the reference also reports some of these
    t:each(fun no_descriptor/1, [{99, 99, []}, {99, 98, [in]}, {99, 98, [out]}, {99, 98, [in, eof]}, {5000000, 5000001, []}]),
    t:p("name", fun name/0),
    t:p("registered_name", fun info/0),
    t:p("taints", fun() -> is_list(erlang:system_info(taints)) end),
    t:p("check_io", fun() -> [[{name, N} | _] | _] = erlang:system_info(check_io), N end).

run(What, Options) ->
    P = open_port(What, [exit_status | Options]),
    R = receive {P, {exit_status, S}} -> S after 5000 -> timeout end,
    receive {'EXIT', P, Why} -> {R, Why} end.

file(Name, Text) ->
    ok = file:write_file(Name, Text),
    ok = file:change_mode(Name, 8#755).

%% No descriptor of that number is open.
no_descriptor({In, Out, Options}) ->
    {ok, #{level := Level}} = {ok, logger:get_primary_config()},
    logger:set_primary_config(level, none),
    R = try P = open_port({fd, In, Out}, Options) of
            _ -> {port_command(P, "x"), receive {'EXIT', P, W} -> W after 500 -> lives end}
        catch _:E -> E end,
    logger:set_primary_config(level, Level),
    R.

%% The port ends, the caller does not fail.
too_large(N) ->
    Data = lists:duplicate(1 bsl (8 * N), 0),
    P = open_port({spawn, "cat"}, [{packet, N}]),
    A = port_command(P, Data),
    B = receive {'EXIT', P, X} -> X end,
    Q = open_port({spawn, "cat"}, [{packet, N}]),
    Q ! {self(), {command, Data}},
    {A, B, receive {'EXIT', Q, Y} -> Y end}.

name() ->
    P = open_port({spawn, "cat"}, []),
    true = register(a_port, P),
    P = whereis(a_port),
    a_port ! {self(), close},
    receive {P, closed} -> ok end,
    {whereis(a_port), lists:member(a_port, registered()),
     try register(a_port, P) catch C:R:S -> [{_, F, _, I} | _] = S, {C, R, F, I} end}.

info() ->
    P = open_port({spawn, "cat"}, []),
    A = erlang:port_info(P, registered_name),
    true = register(a_port, P),
    B = erlang:port_info(P, registered_name),
    C = hd(erlang:port_info(P)),
    true = unregister(a_port),
    D = {A, B, C, erlang:port_info(P, registered_name), erlang:port_info(P, monitors)},
    port_close(P),
    {D, erlang:port_info(P)}.
