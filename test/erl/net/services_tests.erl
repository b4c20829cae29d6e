%% SPDX-License-Identifier: Apache-2.0
%% services_tests - OTP's own servers and their clients: inets, tftp, snmp, mnesia, os_mon, ftp start and work.
-module(services_tests).
-export([main/0]).

-define(LO, {127,0,0,1}).

main() ->
    logger:set_primary_config(level, none),
    [pr(T, catch t(T)) || T <- [httpd, httpc_errors, tftp, ftp, mnesia, os_mon, snmp]],
    ok.

pr(T, X) -> io:format("~w: ~0p~n", [T, X]).

folder(Name) ->
    Dir = filename:absname("services." ++ Name),
    file:del_dir_r(Dir),
    ok = filelib:ensure_dir(filename:join(Dir, "x")),
    Dir.

t(httpd) ->
    ok = inets:start(),
    Dir = folder("www"),
    ok = file:write_file(filename:join(Dir, "index.html"), "<p>hello</p>"),
    ok = file:write_file(filename:join(Dir, "big.txt"), binary:copy(<<"0123456789">>, 100000)),
    {ok, Server} = inets:start(httpd, [{port, 0}, {server_name, "x"}, {server_root, Dir}, {document_root, Dir},
                                       {bind_address, ?LO}, {directory_index, ["index.html"]},
                                       {modules, [mod_alias, mod_dir, mod_get, mod_head]}]),
    [{port, Port}] = httpd:info(Server, [port]),
    Url = "http://127.0.0.1:" ++ integer_to_list(Port) ++ "/",
    {ok, {_, Headers, Page}} = httpc:request(Url),
    {ok, {_, _, Big}} = httpc:request(Url ++ "big.txt"),
    {ok, Ref} = httpc:request(get, {Url ++ "big.txt", []}, [], [{sync, false}, {stream, self}]),
    Versions = [httpc:request(get, {Url, []}, [{version, V}], []) || V <- ["HTTP/1.0", "HTTP/1.1"]],
    Others = [httpc:request(M, {Url ++ "none", [{"connection", "close"}]}, [], []) || M <- [get, head, delete, options]],
    Result = {lists:keyfind("content-type", 1, Headers), Page, length(Big), stream(Ref, 0),
              [{Status, Body} || {ok, {Status, _, Body}} <- Versions],
              [Status || {ok, {Status, _, _}} <- Others]},
    ok = inets:stop(httpd, Server),
    Result;
t(httpc_errors) ->
    {error, {failed_connect, [_ | Why]}} = httpc:request("http://127.0.0.1:1/"),
    {Why, httpc:request("nonsense")};
t(tftp) ->
    Dir = folder("tftp"),
    ok = file:write_file(filename:join(Dir, "a"), binary:copy(<<"abc">>, 5000)),
    ok = application:start(tftp),
    {ok, Server} = tftp:start([{port, 0}, {host, "127.0.0.1"}, {callback, {"", tftp_file, [{root_dir, Dir}]}}]),
    {ok, Info} = tftp:info(Server),
    {port, Port} = lists:keyfind(port, 1, Info),
    Opts = [{port, Port}, {host, "127.0.0.1"}],
    {ok, Bytes} = tftp:read_file("a", binary, Opts),
    {ok, Written} = tftp:write_file("b", <<"xyz">>, Opts),
    {erlang:md5(Bytes), Written, file:read_file(filename:join(Dir, "b")), tftp:read_file("c", binary, Opts),
     application:stop(tftp)};
t(ftp) ->
    {application:start(ftp), ftp:open("127.0.0.1", [{port, 1}]), application:stop(ftp)};
t(mnesia) ->
    application:set_env(mnesia, dir, folder("mnesia")),
    ok = mnesia:create_schema([node()]),
    ok = mnesia:start(),
    [{atomic, ok} = mnesia:create_table(T, [{Kind, [node()]}, {attributes, [k, v]} | More])
     || {T, Kind, More} <- [{disc, disc_copies, [{index, [v]}]}, {only, disc_only_copies, []}, {ram, ram_copies, []}]],
    {atomic, ok} = mnesia:transaction(fun() ->
        [mnesia:write({T, I, I rem 10}) || T <- [disc, only, ram], I <- lists:seq(1, 200)], ok end),
    Aborted = mnesia:transaction(fun() -> mnesia:write({disc, 5000, 1}), mnesia:abort(no) end),
    stopped = mnesia:stop(),
    ok = mnesia:start(),
    ok = mnesia:wait_for_tables([disc, only, ram], 10000),
    Found = [length(mnesia:dirty_index_read(disc, 3, v)) | [mnesia:table_info(T, size) || T <- [disc, only, ram]]],
    {atomic, Some} = mnesia:transaction(fun() -> mnesia:select(only, [{{only, '$1', 3}, [{'<', '$1', 30}], ['$1']}]) end),
    {Aborted, Found, lists:sort(Some), mnesia:stop()};
t(os_mon) ->
    {ok, _} = application:ensure_all_started(os_mon),
    Memory = memsup:get_system_memory_data(),
    {lists:sort([K || {K, _} <- Memory]), length(disksup:get_disk_data()) > 0, is_integer(cpu_sup:avg1()),
     is_number(cpu_sup:util()), is_integer(cpu_sup:nprocs()), application:stop(os_mon)};
t(snmp) ->
    {ok, U} = gen_udp:open(0, [{ip, ?LO}]),
    {ok, Port} = inet:port(U),
    ok = gen_udp:close(U),
    Agent = folder("agent"),
    Manager = folder("manager"),
    [ok = file:make_dir(filename:join(D, "db")) || D <- [Agent, Manager]],
    ok = snmp_config:write_agent_snmp_files(Agent, [v2], transportDomainUdpIpv4, {?LO, 5000}, [#{addr => {?LO, Port}}],
                                            "joist", trap, none, "secretsecret", "anengine", 484),
    ok = snmp_config:write_manager_snmp_files(Manager, ?LO, 0, 484, "another", [], [], []),
    application:load(snmp),
    application:set_env(snmp, agent, [{db_dir, filename:join(Agent, "db")}, {versions, [v2]}, {agent_verbosity, silence},
                                      {config, [{dir, Agent}, {verbosity, silence}]}]),
    {ok, _} = application:ensure_all_started(snmp),
    ok = snmpm:start_link([{config, [{dir, Manager}, {db_dir, filename:join(Manager, "db")}]}, {versions, [v2]}]),
    ok = snmpm:register_user(user, snmpm_user_default, undefined),
    ok = snmpm:register_agent(user, "agent", [{engine_id, "anengine"}, {address, ?LO}, {port, Port}, {version, v2},
                                              {community, "public"}]),
    {ok, {noError, 0, Values}, _} = snmpm:sync_get2(user, "agent", [[1,3,6,1,2,1,1,5,0], [1,3,6,1,2,1,1,7,0]]),
    {Values, snmpm:stop(), application:stop(snmp)}.

stream(Ref, N) ->
    receive
        {http, {Ref, stream_start, _}} -> stream(Ref, N);
        {http, {Ref, stream, Part}} -> stream(Ref, N + byte_size(Part));
        {http, {Ref, stream_end, _}} -> N
    after 10000 -> {timeout, N}
    end.
