%% SPDX-License-Identifier: Apache-2.0
%% What programs use of OTP: behaviours, supervisors, files, regular expressions, ports, code loading.
-module(otp_tests).
-behaviour(gen_server).
-export([main/0, start_link/1, init/1, handle_call/3, handle_cast/2, handle_info/2]).

main() ->
    logger:set_primary_config(level, none),
    process_flag(trap_exit, true),
    t:p("gen_server", fun() -> {ok, P} = start_link(5), gen_server:cast(P, {add, 2}), P ! {add, 3}, R = gen_server:call(P, get), gen_server:stop(P), R end),
    t:p("call timeout", fun() -> {ok, P} = start_link(5), try gen_server:call(P, sleep, 10) catch exit:{R, {gen_server, call, [_, M, T]}} -> {R, M, T} end end),
    t:p("crash", fun() -> {ok, P} = start_link(5), try gen_server:call(P, crash) catch exit:{{R, _}, _} -> R end end),
    t:p("supervisor", fun() ->
        {ok, S} = supervisor:start_link(?MODULE, sup),
        [{a, P1, worker, _}] = supervisor:which_children(S), exit(P1, kill),
        t:wait(fun() -> case supervisor:which_children(S) of [{a, P2, _, _}] -> is_pid(P2) andalso P2 =/= P1 end end),
        C = supervisor:count_children(S), exit(S, shutdown), receive {'EXIT', S, R} -> {C, R} end end),
    t:p("file", fun() ->
        ok = file:write_file("f.txt", ["line1\n", "line2\n", <<"é\n"/utf8>>]), {ok, D} = file:open("f.txt", [read, {encoding, utf8}]),
        L = [io:get_line(D, ""), io:get_line(D, ""), io:get_line(D, ""), io:get_line(D, "")], file:close(D),
        {ok, I} = file:read_file_info("f.txt"), {ok, B} = file:read_file("f.txt"),
        ok = file:rename("f.txt", "g.txt"), {ok, Ls} = file:list_dir("."), ok = file:delete("g.txt"),
        {L, element(2, I), element(3, I), B, Ls, file:read_file("nope"), file:make_dir("d"), file:del_dir("d"), filelib:is_dir(".")} end),
    t:p("raw file", fun() -> {ok, F} = file:open("r.bin", [read, write, raw, binary]), ok = file:write(F, <<"0123456789">>), {ok, 3} = file:position(F, 3),
        {ok, A} = file:read(F, 4), {ok, B} = file:pread(F, 8, 10), ok = file:pwrite(F, 0, "ab"), {ok, C} = file:pread(F, 0, 3), eof = file:pread(F, 100, 1), file:close(F), file:delete("r.bin"), {A, B, C} end),
    t:p("re", fun() -> {re:run("hello world", "(o) (w)", [{capture, all, list}]), re:run("abc", "x"), re:replace("a.b.c", "\\.", "-", [global, {return, list}]),
        re:split("a1b22c", "[0-9]+", [{return, list}]), re:run("ÅÄ", "ä", [unicode, caseless]), re:run("ab", "(?<x>b)", [{capture, [x], binary}]), element(1, re:compile("("))} end),
    t:p("os:cmd", fun() -> {os:cmd("echo hi; echo err >&2; exit 2"), os:getenv("NO_SUCH_VARIABLE"), os:putenv("JT", "v"), os:cmd("printf $JT")} end),
    t:p("port", fun() -> P = open_port({spawn_executable, "/bin/cat"}, [binary, {packet, 2}, exit_status]), port_command(P, <<"abc">>),
        R = receive {P, {data, D}} -> D end, port_close(P), {R, erlang:port_info(P)} end),
    t:p("port exit", fun() -> P = open_port({spawn, "sh -c 'read x; echo got $x; exit 7'"}, [exit_status, {line, 80}, use_stdio]), P ! {self(), {command, "in\n"}},
        [receive {P, X} -> X end || _ <- "ab"] end),
    t:p("gzip", fun() -> B = binary:copy(<<"joist ">>, 1000), {zlib:gunzip(zlib:gzip(B)) =:= B, zlib:uncompress(zlib:compress(B)) =:= B, byte_size(zlib:zip(B)) < 100} end),
    t:p("tcp", fun() -> {ok, L} = gen_tcp:listen(0, [binary, {active, false}, {ip, {127, 0, 0, 1}}]), {ok, Port} = inet:port(L), Me = self(),
        spawn_link(fun() -> {ok, S} = gen_tcp:accept(L), {ok, D} = gen_tcp:recv(S, 5), gen_tcp:send(S, [D, "!"]), gen_tcp:close(S), Me ! served end),
        {ok, C} = gen_tcp:connect({127, 0, 0, 1}, Port, [binary, {active, true}]), ok = gen_tcp:send(C, "hello"),
        R = [receive {tcp, C, D} -> D after 3000 -> lost end, receive {tcp_closed, C} -> closed after 3000 -> open end], gen_tcp:close(L), R end),
    t:p("udp", fun() -> {ok, A} = gen_udp:open(0, [binary, {ip, {127, 0, 0, 1}}, {active, false}]), {ok, B} = gen_udp:open(0, [binary, {ip, {127, 0, 0, 1}}]), {ok, PA} = inet:port(A),
        ok = gen_udp:send(B, {127, 0, 0, 1}, PA, "ping"), {ok, {_, _, D}} = gen_udp:recv(A, 0, 3000), gen_udp:close(A), gen_udp:close(B), D end),
    t:p("refused", fun() -> {ok, L} = gen_tcp:listen(0, []), {ok, P} = inet:port(L), gen_tcp:close(L), gen_tcp:connect({127, 0, 0, 1}, P, []) end),
    t:p("compile and load", fun() ->
        Forms = fun(N) -> [{attribute, 1, module, hot}, {attribute, 1, export, [{v, 0}]}, {function, 1, v, 0, [{clause, 1, [], [], [{integer, 1, N}]}]}] end,
        [begin {ok, hot, B} = compile:forms(Forms(N)), {module, hot} = code:load_binary(hot, "hot.erl", B), V = hot:v(), code:purge(hot), V end || N <- [1, 2, 3]] end),
    t:p("bad beam", fun() -> code:load_binary(broken, "broken.beam", <<"FOR1", 0, 0, 0, 4, "BEAM">>) end),
    t:p("eval", fun() -> {ok, Ts, _} = erl_scan:string("lists:sum([X * X || X <- lists:seq(1, 10)])."), {ok, Es} = erl_parse:parse_exprs(Ts), {value, V, _} = erl_eval:exprs(Es, []), V end),
    t:p("io_lib", fun() -> lists:flatten(io_lib:format("~5w|~-5w|~.3f|~s|~ts|~c|~8.16.0b|~e|~i~p", [1, ab, 3.14159, "str", "日", $x, 255, 1.5, skip, #{k => "v"}])) end),
    t:p("queue and friends", fun() -> {queue:to_list(queue:in(c, queue:from_list([a, b]))), gb_trees:to_list(gb_trees:from_orddict([{1, a}])), sets:size(sets:from_list([1, 1, 2])),
        orddict:store(a, 1, []), dict:fetch(x, dict:from_list([{x, y}])), array:to_list(array:set(2, x, array:new(3))), ordsets:union([1, 3], [2])} end),
    t:p("rand", fun() -> rand:seed(exsss, {1, 2, 3}), [rand:uniform(1000) || _ <- "12345"] end),
    t:p("calendar", fun() -> {calendar:gregorian_seconds_to_datetime(63871282800), calendar:day_of_the_week(2026, 11, 20), calendar:rfc3339_to_system_time("2024-02-29T12:00:00Z")} end),
    t:p("string", fun() -> {string:uppercase("straße"), string:split("a b c", " ", all), string:trim("  x "), string:pad("ab", 5, leading), string:length("e\x{301}"), string:lexemes("a,b;c", ",;")} end),
    t:p("base64", fun() -> {base64:encode("joist"), base64:decode("am9pc3Q=")} end),
    t:p("timer", fun() -> {T, V} = timer:tc(fun() -> timer:sleep(15), x end), {T >= 15000, V} end),
    t:p("gen_event", fun() -> {ok, P} = gen_event:start_link(), R = {gen_event:which_handlers(P), gen_event:stop(P)}, R end),
    t:p("gc", fun() -> garbage_collect() end),
    t:p("system_info", fun() -> [erlang:system_info(K) || K <- [wordsize, otp_release, system_architecture, port_count, multi_scheduling], K =/= port_count, K =/= system_architecture, K =/= multi_scheduling] end).

start_link(N) -> gen_server:start_link(?MODULE, N, []).

init(sup) ->
    {ok, {#{strategy => one_for_one}, [#{id => a, start => {?MODULE, start_link, [1]}}]}};
init(N) -> {ok, N}.

handle_call(get, _, N) -> {reply, N, N};
handle_call(sleep, _, N) -> timer:sleep(100), {reply, N, N};
handle_call(crash, _, _) -> error(crashed).
handle_cast({add, X}, N) -> {noreply, N + X}.
handle_info({add, X}, N) -> {noreply, N + X};
handle_info(_, N) -> {noreply, N}.
