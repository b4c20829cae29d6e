%% SPDX-License-Identifier: Apache-2.0
%% Native libraries as Debian ships them: jiffy, fast_xml (p1-xml), megaco's scanner driver, asn1.
-module(library_tests).
-export([main/0]).

main() ->
    process_flag(trap_exit, true),
    t:p("jiffy decode", fun() -> jiffy:decode(<<"{\"a\":[1,2.5,null,\"x\\u00e9\"],\"b\":{}}">>) end),
    t:p("jiffy maps", fun() -> jiffy:decode(<<"[{\"b\":1,\"a\":-3e2},123456789012345678901234567890]">>, [return_maps]) end),
    t:p("jiffy encode", fun() -> iolist_to_binary(jiffy:encode({[{<<"k">>, [1, true, 1.5, <<"v">>]}]}, [pretty])) end),
    t:p("jiffy error", fun() -> jiffy:decode(<<"{">>) end),
    t:p("jiffy much", fun() ->
        L = [{[{<<"id">>, I}, {<<"n">>, integer_to_binary(I)}]} || I <- lists:seq(1, 20000)],
        B = iolist_to_binary(jiffy:encode(L)), {byte_size(B), erlang:phash2(jiffy:decode(B)), jiffy:decode(B) =:= L} end),
    t:p("xml element", fun() -> fxml_stream:parse_element(<<"<a x='1'><b>t&amp;u</b><c/></a>">>) end),
    t:p("xml text", fun() -> fxml:element_to_binary({xmlel, <<"a">>, [{<<"k">>, <<"<v>">>}], [{xmlcdata, <<"x&y">>}]}) end),
    t:p("xml stream", fun() ->
        S = fxml_stream:parse(fxml_stream:new(self()), <<"<s><m>1</m><m>2</m></s>">>),
        R = [receive {'$gen_event', X} -> X after 5000 -> timeout end || _ <- lists:seq(1, 4)],
        fxml_stream:close(S), R end),
    t:p("megaco", fun() ->
        {ok, Port} = megaco_flex_scanner:start(),
        R = megaco_flex_scanner:scan(<<"MEGACO/1 [123.123.123.4]:55555 Transaction = 9998 { Context = - { Modify = A4444 } }">>, Port),
        megaco_flex_scanner:stop(Port), R end),
    t:p("der", fun() -> K = {'RSAPublicKey', 12345678901234567890, 65537}, B = public_key:der_encode('RSAPublicKey', K),
        {B, public_key:der_decode('RSAPublicKey', B) =:= K} end),
    t:p("bad der", fun() ->
        try public_key:der_decode('RSAPublicKey', <<48, 200>>)
        catch error:{badmatch, {error, {asn1, {Reason, _}}}} -> Reason
        end end).
