%% SPDX-License-Identifier: Apache-2.0
%% tls_tests - OTP's ssl over the inet driver, with natives that are bound during on_load.
-module(tls_tests).
-export([main/0]).

main() ->
    io:format("~p~n", [asn1rt_nif:encode_ber_tlv({16, [{2, <<1>>}]})]),
    {ok, _} = application:ensure_all_started(ssl),
    Key = [{digest, sha256}, {key, {namedCurve, secp256r1}}],
    Chain = #{root => Key, intermediates => [], peer => Key},
    #{server_config := S, client_config := C} =
        public_key:pkix_test_data(#{server_chain => Chain, client_chain => Chain}),
    [io:format("~p ~p~n", [V, talk(V, S, C)]) || V <- ['tlsv1.2', 'tlsv1.3']],
    ok.

talk(Version, S, C) ->
    Common = [{versions, [Version]}, {active, false}, binary],
    {ok, L} = ssl:listen(0, [{ip, {127,0,0,1}} | Common ++ S]),
    {ok, {_, Port}} = ssl:sockname(L),
    Big = binary:copy(<<"x">>, 100000),
    spawn_link(fun() ->
                   {ok, T} = ssl:transport_accept(L),
                   {ok, A} = ssl:handshake(T),
                   {ok, D} = ssl:recv(A, 5),
                   ok = ssl:send(A, [D, Big]),
                   receive after 5000 -> ok end
               end),
    {ok, K} = ssl:connect({127,0,0,1}, Port, [{verify, verify_none} | Common ++ proplists:delete(verify, C)], 20000),
    ok = ssl:send(K, "hello"),
    R = [ssl:recv(K, 5, 10000), ssl:recv(K, byte_size(Big), 10000) =:= {ok, Big}, ssl:connection_information(K, [protocol])],
    ssl:close(K),
    R.
