%% SPDX-License-Identifier: Apache-2.0
%% https_server - inets' httpd over ssl, one server for each protocol version; for test/sh/https.sh and tools/https-load.
%% Writes the ports to tlsv1.2.port and tlsv1.3.port in the current folder, prints "ready", and ends with its standard input.
-module(https_server).
-export([main/0, do/1]).
-include_lib("inets/include/httpd.hrl").

main() ->
    {ok, _} = application:ensure_all_started(ssl),
    {ok, _} = application:ensure_all_started(inets),
    Key = [{digest, sha256}, {key, {namedCurve, secp256r1}}],
    Chain = #{root => Key, intermediates => [], peer => Key},
    #{server_config := Server, client_config := Client} =
        public_key:pkix_test_data(#{server_chain => Chain, client_chain => Chain}),
    [Root | _] = proplists:get_value(cacerts, Client),
    ok = file:write_file("root.pem", public_key:pem_encode([{'Certificate', Root, not_encrypted}])),
    ok = filelib:ensure_dir("www/x"),
    ok = file:write_file("www/index.html", "<p>hello over tls</p>\n"),
    ok = file:write_file("www/big.bin", binary:copy(<<"0123456789abcdef">>, 65536)),
    [start(V, Server) || V <- ['tlsv1.2', 'tlsv1.3']],
    io:format("ready~n"),
    eof = io:get_line(""),
    ok = application:stop(inets),
    ok = application:stop(ssl).

start(Version, Options) ->
    {ok, Pid} = inets:start(httpd, [{port, 0}, {bind_address, {127,0,0,1}}, {server_name, "localhost"},
                                    {server_root, "."}, {document_root, "www"}, {directory_index, ["index.html"]},
                                    {modules, [?MODULE, mod_alias, mod_get, mod_head]},
                                    {max_keep_alive_request, 100000000},
                                    {socket_type, {ssl, [{versions, [Version]}, {nodelay, true} | Options]}}]),
    [{port, Port}] = httpd:info(Pid, [port]),
    ok = file:write_file(atom_to_list(Version) ++ ".port", integer_to_list(Port)).

do(#mod{request_uri = "/echo", method = Method, entity_body = Body}) ->
    Answer = [Method, " ", integer_to_list(erlang:phash2(Body)), "\n"],
    {proceed, [{response, {response, [{code, 200}, {content_type, "text/plain"},
                                      {content_length, integer_to_list(iolist_size(Answer))}], Answer}}]};
do(#mod{data = Data}) ->
    {proceed, Data}.
