%% SPDX-License-Identifier: Apache-2.0
%% erlang:decode_packet/3: every packet type, limits, HTTP lines and headers, bad input.
-module(packet_tests).
-export([main/0]).

d(T, B, O) ->
    io:format("~0p~n    ~0p~n", [{T, B, O}, try erlang:decode_packet(T, B, O) catch C:R:S -> {C, R, element(4, hd(S))} end]).

main() ->
    D = fun d/3,
    D(raw, <<>>, []), D(raw, <<"abc">>, []), D(0, <<"abc">>, [{packet_size, 1}]),
    [D(N,B,[])||N<-[1,2,4],B<-[<<>>,<<0>>,<<1>>,<<0,1>>,<<1,65>>,<<0,1,65,66>>,<<0,0,0,1>>,<<0,0,0,1,65,66>>,<<0,0,0>>,<<255,255,255,255,1>>]],
    [D(N,<<0,0,0,9,65>>,[{packet_size,S}])||N<-[1,2,4],S<-[0,1,5,13,8,9]],
    [D(sunrm,B,[])||B<-[<<>>,<<0,0,0,2>>,<<0,0,0,2,65,66,67>>,<<128,0,0,2,65,66,67>>,<<128,0,0,2,65>>]],
    [D(cdr,B,[])||B<-[<<>>,<<"GIOP",1,0,0,0,0,0,0,2>>,<<"GIOP",1,0,0,0,0,0,0,2,65,66,67>>,<<"GIOP",1,0,1,0,2,0,0,0,65,66,67>>,<<"XIOP",1,0,1,0,2,0,0,0,65,66,67>>]],
    [D(fcgi,B,[])||B<-[<<>>,<<1,0,0,0,0,2,1,0>>,<<1,0,0,0,0,2,1,0,65,66,67>>,<<1,0,0,0,0,2,1,0,65,66,67,68>>,<<2,0,0,0,0,2,1,0,65,66,67,68>>]],
    [D(tpkt,B,[])||B<-[<<>>,<<3,0,0>>,<<3,0,0,6,65,66,67>>,<<3,0,0,6,65>>,<<3,1,0,6,65>>,<<4,0,0,6,65,66,67>>,<<3,0,0,3,65>>,<<3,0,0,4,65>>]],
    [D(ssl_tls,B,[])||B<-[<<>>,<<22,3,1,0,2,65,66,67>>,<<22,3,1,0,2,65>>,<<22,3,1,0>>,<<128,5,1,0,2,65,66,67>>,<<128,5,1,3,1,65,66,67>>,<<128,5,1,3,1,65>>,<<1,2,3,4,5,6>>,<<128,5,2,3,1,65,66,67>>, <<23,9,9,0,0>>]],
    [D(asn1,B,[])||B<-[<<>>,<<48>>,<<48,3,1,2,3,4>>,<<48,3,1>>,<<48,129,3,1,2,3,4>>,<<48,130,0,3,1,2,3,4>>,<<48,128,1,2,3>>,<<63,129,1,3,1,2,3,4>>,<<63,129>>,<<48,133,1,1,1,1,1>>,<<48,132,255,255,255,255>>,<<48,132,0,0,0,2,1,2,3>>]],
    [D(line,B,O)||B<-[<<>>,<<"abc">>,<<"ab\nc">>,<<"ab\r\nc">>,<<"abcdef\nc">>,<<"\n">>,<<"ab;c\nd">>],O<-[[],[{line_length,3}],[{packet_size,3}],[{line_delimiter,$;}],[{line_length,3},{packet_size,5}],[{line_length,0}],[{packet_size,4}]]],
    H=[<<"GET / HTTP/1.1\r\n">>,<<"GET / HTTP/1.1\r\nHost: a\r\n">>,<<"GET / HTTP/1.1\nX">>,<<"GET /\r\n">>,<<"GET\r\n">>,<<"get /x HTTP/1.0\r\n\r\n">>,<<"PUT http://a.b:80/c?d HTTP/1.1\r\n">>,<<"PUT http://a.b/c?d HTTP/1.1\r\n">>,<<"PUT https://a.b:443 HTTP/1.1\r\n">>,<<"PUT https://a.b: HTTP/1.1\r\n">>,<<"PUT http://[::1]:8080/x HTTP/1.1\r\n">>,<<"PUT HTTP://a.b:99x/x HTTP/1.1\r\n">>,<<"OPTIONS * HTTP/1.1\r\n">>,<<"OPTIONS *a HTTP/1.1\r\n">>,<<"CONNECT a:80 HTTP/1.1\r\n">>,<<"CONNECT a HTTP/1.1\r\n">>,<<"POST foo:bar HTTP/1.1\r\n">>,<<"POST ftp://x HTTP/1.1\r\n">>,<<"POST foo HTTP/1.1\r\n">>,<<"HEAD  /  HTTP/1.1\r\n">>,<<"DELETE / HTTP/1.\r\n">>,<<"TRACE / HTTP/a.1\r\n">>,<<"PATCH / HTTP/12.34\r\n">>,<<"LONGMETHODNAMEWHICHISREALLYLONG / HTTP/1.1\r\n">>,<<"GET / HTTP/1.1 \r\n">>,<<"GET /a b HTTP/1.1\r\n">>,<<"GET / FTP/1.1\r\n">>,<<"HTTP/1.1 200 OK\r\n">>,<<"HTTP/1.1 200\r\n">>,<<"HTTP/1.1 200 \r\n">>,<<"HTTP/1.1  404  Not Found \r\n">>,<<"HTTP/1.0 abc OK\r\n">>,<<"HTTP/x 200 OK\r\n">>,<<"HTTP/1 200 OK\r\n">>,<<"HTTP 200 OK\r\n">>,<<"\r\n">>,<<"\r\n\r\nGET / HTTP/1.1\r\n">>,<<" GET / HTTP/1.1\r\n">>,<<"GE T / HTTP/1.1\r\n">>,<<"G(T / HTTP/1.1\r\n">>,<<"">>,<<"GET">>,<<"GET / HTTP/1.1\r\n Host">>,<<"HTTP/1.1 99999999999 OK\r\n">>,<<"GET * HTTP/1.1\r\n">>,<<"GET /\tHTTP/1.1\r\n">>,<<"GET\t/ HTTP/1.1\r\n">>,<<"GET http:/x HTTP/1.1\r\n">>,<<"GET http:// HTTP/1.1\r\n">>,<<"GET http://x:0/ HTTP/1.1\r\n">>,<<"GET http://x:70000/ HTTP/1.1\r\n">>,<<"GET http://x/y:3/ HTTP/1.1\r\n">>,<<"HTTP/11.1x 200 OK\r\n">>],
    [D(T,B,[])||T<-[http,http_bin],B<-H],
    HH=[<<"\r\n">>,<<"\r\nx">>,<<"Host: a\r\n">>,<<"Host: a\r\nX">>,<<"Host: a\r\n\r\n">>,<<"host:a\nX">>,<<"HOST :a \t \r\nX">>,<<"X-Foo-bAr: a\r\n b\r\nX">>,<<"X-Foo: a\r\n\tb\r\n c\r\nX">>,<<"foo\r\nX">>,<<": a\r\nX">>,<<"a b: a\r\nX">>,<<"a: \r\nX">>,<<"a:\r\nX">>,<<"content-TYPE: x\r\nX">>,<<"averyveryveryveryverylongheaderName-foo: 1\r\nX">>,<<"aveRyveryveryveryvEr: 1\r\nX">>,<<"aveRyveryveryveryverl: 1\r\nX">>,<<"Host: a\rb\r\nX">>,<<"Host">>,<<"Host: a">>,<<"(x): a\r\nX">>,<<"a_b-c_d: a\r\nX">>,<<"\n">>,<<"\nX">>,<<"a-1b: a\r\nX">>,<<"-a: a\r\nX">>,<<195,165,": a\r\nX">>],
    [D(T,B,[])||T<-[httph,httph_bin],B<-HH],
    [D(http,<<"GET / HTTP/1.1\r\nX">>,O)||O<-[[{packet_size,5}],[{packet_size,16}],[{packet_size,15}],[{line_length,5}],[{line_length,16}]]],
    [D(httph,<<"Host: a\r\n">>,O)||O<-[[{packet_size,5}],[{packet_size,9}],[{packet_size,8}],[{line_length,5}],[{line_length,9}]]],
    D(foo,<<>>,[]),D(1,foo,[]),D(1,<<1:1>>,[]),D(1,<<>>,foo),D(1,<<>>,[foo]),D(1,<<>>,[{packet_size,-1}]),D(1,<<>>,[{foo,1}]),D(8,<<>>,[]),D(line,<<"a">>,[{line_delimiter,300}]),D(line,<<"a",0>>,[{line_delimiter,0}]),
    <<_:1,U:24/bits,_/bits>> = <<0:1,2,65,66,67,0:7>>, D(1,U,[]), <<_:1,V:48/bits,_/bits>> = <<0:1,"ab\ncd\n",0:7>>, D(line,V,[]),
    Names=["Cache-Control","Connection","Date","Pragma","Transfer-Encoding","Upgrade","Via","Accept","Accept-Charset","Accept-Encoding","Accept-Language","Authorization","From","Host","If-Modified-Since","If-Match","If-None-Match","If-Range","If-Unmodified-Since","Max-Forwards","Proxy-Authorization","Range","Referer","User-Agent","Age","Location","Proxy-Authenticate","Public","Retry-After","Server","Vary","Warning","Www-Authenticate","Allow","Content-Base","Content-Encoding","Content-Language","Content-Length","Content-Location","Content-Md5","Content-Range","Content-Type","Etag","Expires","Last-Modified","Accept-Ranges","Set-Cookie","Set-Cookie2","X-Forwarded-For","Cookie","Keep-Alive","Proxy-Connection","Te","Trailer","Expect","Origin","Forwarded","Dnt","X","Upgrade-Insecure-Requests"],
    [begin {ok,{http_header,Nr,At,Raw,Val},_}=erlang:decode_packet(httph,list_to_binary([N,": v\r\nX"]),[]), io:format("~p~n",[{Nr,At,Raw,Val}]) end||N<-Names++["WWW-authenticate","TE","eTAG","content-MD5"]],
    [begin {ok,{http_request,M,_,_},_}=erlang:decode_packet(http,list_to_binary([N," / HTTP/1.1\r\nX"]),[]), io:format("~p~n",[{M}]) end||N<-["OPTIONS","GET","HEAD","POST","PUT","DELETE","TRACE","CONNECT","PATCH","LINK","Get"], N=/="CONNECT"],
    D(httph,<<"Host:a \t \r\nX">>,[]),D(httph,<<"Host: \t a\r\nX">>,[]),D(httph,<<"Host:\t\r\n \r\nX">>,[]),D(httph,<<"Host:a\r\r\nX">>,[]),D(httph,<<"Host:a\r\n b \r\n c \r\nX">>,[]),
    D(http,<<"GET / HTTP/1.1 foo\r\nX">>,[]),D(http,<<"GET / HTTP/1.1foo\r\nX">>,[]), D(http,<<"GET / http/1.1\r\nX">>,[]),D(http,<<"http/1.1 200 OK\r\nX">>,[]),
    D(http,<<"HTTP/1.1 200OK\r\nX">>,[]),D(http,<<"HTTP/1.1\r\nX">>,[]),D(http,<<"GET  \r\nX">>,[]),D(http,<<"GET / HTTP/\r\nX">>,[]),D(http,<<"GET /",1,"a HTTP/1.1\r\nX">>,[]),
    D(http,<<"G",229,"T / HTTP/1.1\r\nX">>,[]),D(http,<<"GET /",229," HTTP/1.1\r\nX">>,[]),D(http,<<"GET / HTTP/1.1\r\r\nX">>,[]),
    D(http,<<"GET http://h:12345678901234567890/ HTTP/1.1\r\nX">>,[]), D(http,<<"GET https:/ HTTP/1.1\r\nX">>,[]),D(http,<<"GET :x HTTP/1.1\r\nX">>,[]),D(http,<<"GET  / HTTP/99999999999.1\r\nX">>,[]),D(http,<<"GET http://h:-1/ HTTP/1.1\r\nX">>,[]),
    [D(T,B,[{packet_size,S}])||S<-[2,3,4,5,6,8,9,10,11,14],{T,B}<-[{1,<<3,1,2,3>>},{2,<<0,3,1,2,3>>},{asn1,<<48,3,1,2,3>>},{sunrm,<<0,0,0,3,1,2,3>>},{tpkt,<<3,0,0,7,1,2,3>>},{fcgi,<<1,0,0,0,0,2,1,0,1,2,3>>},{cdr,<<"GIOP",1,0,0,0,0,0,0,2,1,2>>},{ssl_tls,<<22,3,1,0,2,1,2>>}]],
    [D(T,B,[])||{T,B}<-[{asn1,<<31,1,3,1,2,3>>},{asn1,<<31,129,130>>},{asn1,<<63,255,255,255,255,127,1,9>>},{asn1,<<48,131,0,0,1,1>>},{cdr,<<"GIOP",1,0,0,0,255,255,255,255>>},{sunrm,<<255,255,255,255>>},{tpkt,<<3,0,255,255>>},{fcgi,<<1,2,3>>},{fcgi,<<2>>},{cdr,<<"GIOX">>},{cdr,<<"XIOP12345678">>},{tpkt,<<4>>}, {ssl_tls,<<128,3,1,0,2,1>>},{ssl_tls,<<128,2,1,0,2,1>>},{ssl_tls,<<128,1,1,0,2>>},{ssl_tls,<<255,255,1,3,3,2>>}]],
    ok.
