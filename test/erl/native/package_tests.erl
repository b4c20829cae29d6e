%% SPDX-License-Identifier: Apache-2.0
%% Native libraries and drivers of Debian's packages, through what their Erlang half offers: erlang-p1-stringprep,
%% -zlib, -cache-tab, -tls, -iconv, -sqlite3, -yaml, -eimp and erlang-bitcask.
-module(package_tests).
-export([main/0]).

main() ->
    process_flag(trap_exit, true),
    stringprep(),
    zlib(),
    cache(),
    tls(),
    t:p("iconv", fun() ->
        ok = application:ensure_started(iconv),
        Latin1 = iconv:convert(<<"utf-8">>, <<"iso-8859-1">>, <<"h\x{e9}\x{fc}"/utf8>>),
        {Latin1, iconv:convert(<<"iso-8859-1">>, <<"utf-16be">>, Latin1),
         try iconv:convert(<<"nothing">>, <<"utf-8">>, <<"x">>) catch C:_ -> C end} end),
    sqlite(),
    t:p("yaml", fun() ->
        _ = fast_yaml:start(),
        [fast_yaml:decode(<<"a: 1\nb: [x, 2.5, \"q\"]\nc: {d: ~}\n">>),
         fast_yaml:decode(<<"a: 1\nb: !!int 7\n">>, [plain_as_atom]),
         fast_yaml:decode(<<"a: [">>),
         iolist_to_binary(fast_yaml:encode([{<<"k">>, [1, <<"v">>, 1.5]}]))] end),
    t:p("eimp", fun() ->
        {ok, _} = application:ensure_all_started(eimp),
        Png = base64:decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="),
        {ok, Gif} = eimp:convert(Png, gif),
        {eimp:supported_formats(), eimp:get_type(Png), eimp:identify(Png), eimp:get_type(Gif), eimp:convert(<<"no picture">>, png)} end),
    bitcask().

stringprep() ->
    stringprep:start(),
    t:each(fun(S) -> [catch stringprep:F(S) || F <- [tolower, nameprep, nodeprep, resourceprep, tolower_nofilter]] end,
           [<<"Plain">>, <<"\x{c4}\x{df}\x{130}"/utf8>>, <<"a b">>, <<"x@y">>, <<0>>, <<255>>, []]),
    t:p("much", fun() -> stringprep:nodeprep(binary:copy(<<"Ab">>, 5000)) =:= binary:copy(<<"ab">>, 5000) end).

%% A pair of sockets that compress what they send.
zlib() ->
    t:p("start", fun() -> {ok, _} = application:ensure_all_started(ezlib) end),
    t:p("zlib", fun() ->
        {ok, L} = gen_tcp:listen(0, [binary, {ip, {127,0,0,1}}, {active, false}]),
        {ok, Port} = inet:port(L),
        {ok, A} = gen_tcp:connect({127,0,0,1}, Port, [binary, {active, false}]),
        {ok, B} = gen_tcp:accept(L),
        {ok, ZA} = ezlib:enable_zlib(gen_tcp, A),
        {ok, ZB} = ezlib:enable_zlib(gen_tcp, B),
        Text = binary:copy(<<"compressible ">>, 3000),
        ok = ezlib:send(ZA, Text),
        R = gather(ZB, byte_size(Text), <<>>),
        ok = ezlib:send(ZB, <<"answer">>),
        {R =:= Text, gather(ZA, 6, <<>>), ezlib:recv_data(ZA, <<"junk">>)} end),
    t:p("deflate", fun() ->
        S = ezlib:new(), D = iolist_to_binary(ezlib:compress(S, <<"some text">>)), {is_binary(D), ezlib:decompress(ezlib:new(), D)} end).

gather(_, N, Acc) when byte_size(Acc) >= N -> Acc;
gather(Z, N, Acc) ->
    case ezlib:recv(Z, 0, 5000) of
        {ok, D} -> gather(Z, N, <<Acc/binary, D/binary>>);
        E -> E
    end.

cache() ->
    {ok, _} = application:ensure_all_started(cache_tab),
    t:p("cache", fun() ->
        ok = ets_cache:new(pt_cache, [{max_size, 100}]),
        Miss = ets_cache:lookup(pt_cache, key, fun() -> {ok, computed} end),
        Hit = ets_cache:lookup(pt_cache, key),
        N = ets_cache:update(pt_cache, other, {ok, 5}, fun() -> ok end),
        I = ets_cache:incr(pt_cache, counter, 3),
        [Miss, Hit, N, I, ets_cache:delete(pt_cache, key), ets_cache:lookup(pt_cache, key), ets_cache:info(pt_cache, type)] end),
    t:p("counter", fun() ->
        C = ets_cache:new_counter(), [ets_cache:get_counter(C), ets_cache:incr_counter(C), ets_cache:get_counter(C), ets_cache:delete_counter(C)] end).

tls() ->
    t:p("sha", fun() -> [p1_sha:F(<<"text">>) || F <- [sha, sha224, sha256, sha384, sha512]] end),
    t:p("tls", fun() ->
        {ok, _} = application:ensure_all_started(fast_tls),
        {ok, _} = application:ensure_all_started(public_key),
        Curve = [{digest, sha256}, {key, {namedCurve, secp256r1}}],
        Chain = #{root => Curve, intermediates => [], peer => Curve},
        #{server_config := S} = public_key:pkix_test_data(#{server_chain => Chain, client_chain => Chain}),
        {KeyType, Key} = proplists:get_value(key, S),
        Pem = public_key:pem_encode([{'Certificate', proplists:get_value(cert, S), not_encrypted}, {KeyType, Key, not_encrypted}]),
        ok = file:write_file("pt.pem", Pem),
        {ok, L} = gen_tcp:listen(0, [binary, {ip, {127,0,0,1}}, {active, false}]),
        {ok, Port} = inet:port(L),
        Me = self(),
        spawn_link(fun() ->
            {ok, B} = gen_tcp:accept(L),
            {ok, T} = fast_tls:tcp_to_tls(B, [{certfile, <<"pt.pem">>}, verify_none]),
            Me ! {server, fast_tls:recv(T, 5, 5000)},
            Me ! {sent, fast_tls:send(T, binary:copy(<<"y">>, 50000))},
            receive stop -> ok after 5000 -> ok end end),
        {ok, A} = gen_tcp:connect({127,0,0,1}, Port, [binary, {active, false}]),
        {ok, T} = fast_tls:tcp_to_tls(A, [connect, verify_none]),
        ok = fast_tls:send(T, <<"hello">>),
        Much = read(T, 50000, 0),
        R = [receive {server, X} -> X after 5000 -> timeout end, receive {sent, Y} -> Y after 5000 -> timeout end],
        {ok, Cert} = fast_tls:get_peer_certificate(T),
        {R, Much, element(1, Cert), fast_tls:close(T)} end).

read(_, N, Got) when Got >= N -> Got;
read(T, N, Got) ->
    case fast_tls:recv(T, 0, 5000) of
        {ok, D} -> read(T, N, Got + byte_size(D));
        E -> {E, Got}
    end.

sqlite() ->
    t:p("sqlite", fun() ->
        {ok, P} = sqlite3:open(pt, [in_memory]),
        R = [sqlite3:sql_exec(pt, "create table t (a integer primary key, b text, c real, d blob)"),
             [sqlite3:write(pt, t, [{b, "row " ++ integer_to_list(I)}, {c, I / 2}, {d, {blob, <<I:32>>}}]) || I <- lists:seq(1, 3)],
             sqlite3:read_all(pt, t), sqlite3:sql_exec(pt, "select count(*), max(c) from t where a > ?", [1]),
             sqlite3:sql_exec(pt, "select nonsense from t"), sqlite3:list_tables(pt)],
        {ok, S} = sqlite3:prepare(pt, "select b from t where a = ?"),
        [R, sqlite3:bind(pt, S, [2]), sqlite3:next(pt, S), sqlite3:next(pt, S), sqlite3:finalize(pt, S), is_pid(P), sqlite3:close(pt)] end).

bitcask() ->
    t:p("bitcask", fun() ->
        B = bitcask:open("pt.bitcask", [read_write, {max_file_size, 20000}]),
        [ok = bitcask:put(B, <<"key", (I rem 300):16>>, binary:copy(<<I:16>>, 50)) || I <- lists:seq(1, 1000)],
        ok = bitcask:delete(B, <<"key", 7:16>>),
        Sum = bitcask:fold(B, fun(K, V, N) -> (N + erlang:phash2({K, V})) band 16#ffffff end, 0),
        R = [bitcask:get(B, <<"key", 7:16>>), length(bitcask:list_keys(B)), Sum, bitcask:sync(B)],
        ok = bitcask:close(B),
        C = bitcask:open("pt.bitcask"),
        [R, bitcask:get(C, <<"key", 6:16>>) =:= {ok, binary:copy(<<906:16>>, 50)}, bitcask:close(C), bitcask:merge("pt.bitcask")] end),
    t:p("bitcask again", fun() ->
        B = bitcask:open("pt.bitcask"), R = {length(bitcask:list_keys(B))}, bitcask:close(B), R end).
