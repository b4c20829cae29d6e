%% SPDX-License-Identifier: Apache-2.0
%% The corpora and dictionaries that the coverage-guided fuzzers begin with: seeds TARGET OUT-DIR CORPUS-DIR, on the
%% reference. They are written from what can be read here and in the sources of CORPUS-DIR, not kept.
-module(seeds).
-export([main/1]).

main([Target, Out, Sources]) ->
    T = list_to_atom(Target),
    Dir = filename:join(Out, "seeds"),
    ok = filelib:ensure_dir(filename:join(Dir, "x")),
    Inputs = inputs(T, Sources),
    [ok = file:write_file(filename:join(Dir, io_lib:format("~3..0b", [I])), B)
     || {I, B} <- lists:zip(lists:seq(1, length(Inputs)), Inputs)],
    ok = file:write_file(filename:join(Out, "dict"), [["\"", [quoted(C) || <<C>> <= W], "\"\n"] || W <- words(T)]).

quoted(C) when C =:= $"; C =:= $\\ -> [$\\, C];
quoted(C) when C >= 32, C < 127 -> C;
quoted(C) -> io_lib:format("\\x~2.16.0b", [C]).

%% ---- terms ----

sample() ->
    [a, -1, 255, 256, 1 bsl 31, 1 bsl 100, -(1 bsl 2048), 1 bsl 2040, 1.5, <<"abc">>, <<5:3>>, "abc", [a | b], {1, {2, [3]}}, self(),
     make_ref(), #{a => 1, {b} => [c]}, maps:from_list([{I, I} || I <- lists:seq(1, 40)]), fun lists:map/2,
     fun() -> ok end, 'åäö', lists:seq(1, 300), [], {}, #{}, list_to_tuple(lists:seq(1, 260)), lists:duplicate(70000, $a),
     [#{}, {}, [], <<>>], hd(erlang:ports()), lists:seq(250, 260)].

inputs(etf, _) ->
    [<<0, (term_to_binary(T, O))/binary>> || T <- sample(), O <- [[], [compressed], [{minor_version, 0}]]] ++ old_terms();
inputs(regexp, _) ->
    [<<0, 0, P/binary, 0, S/binary, 0, R/binary>> ||
        P <- [<<"a(b|c)*d">>, <<"^(?<n>\\w+)\\s\\1$">>, <<"[[:alpha:]-z]{2,5}?">>, <<"(?i)(?=x)\\p{L}\\x{e9}">>, <<"((a+)+)+$">>,
              <<"(?(1)a|b)">>, <<"\\Q.*\\E|(?>a*)b">>, <<"(?R)?x">>, <<"[^\\d\\]]">>, <<"(?|(?<a>x)|(?<a>y))(?<b>z)?">>, <<"(*UTF8)\\X">>],
        {S, R} <- [{<<"abcd">>, <<"<\\1&>">>}, {<<"aaaaaaaa!">>, <<"\\g{1}">>}, {<<>>, <<>>}, {<<"x é z"/utf8>>, <<"\\\\&">>}]];
inputs(packet, _) ->
    [<<T, 0, B/binary>> || {T, B} <- [
        {0, <<"raw">>}, {1, <<"zero">>}, {2, <<3, "abc">>}, {3, <<0, 5, "hello">>}, {4, <<3:32, "abc">>}, {5, <<16#30, 3, 1, 2, 3>>},
        {5, <<16#30, 16#82, 0, 3, 1, 2, 3>>}, {5, <<16#3F, 16#81, 1, 1, 7>>}, {6, <<"GIOP", 1, 0, 0, 0, 3:32, "abc">>}, {7, <<3:32, "abc">>},
        {8, <<1, 7, 0, 3, 0, 2, 0, 0>>}, {9, <<3, 0, 0, 7, "abc">>}, {10, <<"line\r\nmore">>},
        {11, <<"GET /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n">>}, {11, <<"HTTP/1.0 200 OK\r\nServer: a\r\n b\r\n\r\n">>},
        {13, <<"POST http://h.x:80/p HTTP/1.1\r\nAccept: */*\r\nX-A: b\r\n\r\n">>}, {11, <<"OPTIONS * HTTP/0.9\r\n">>},
        {11, <<"CONNECT h:443 HTTP/1.1\r\n">>}, {12, <<"X-A: b\r\n c\r\n\r\n">>}, {14, <<"Set-Cookie: a\n\n">>},
        {15, <<22, 3, 1, 0, 2, 1, 2>>}, {15, <<16#80, 5, 1, 0, 2, 9, 9>>}]];
inputs(match_spec, _) ->
    Objects = [{1, 2}, {a, a}, [1, {2, 3}], {#{a => 1}, [1, 2]}, {5, <<1>>}, [a, [b]]],
    [iolist_to_binary([O, [target_terms:bytes(T) || T <- [Spec | Objects]]]) || Spec <- specs(), O <- [0, 1, 2]];
inputs(text, _) ->
    [<<F, T, B/binary>> || {F, B} <- [{0, <<"abc åäö"/utf8>>}, {0, <<16#10FFFF/utf8, 16#20AC/utf8, "e", 16#301/utf8>>}, {3, <<"aå"/utf16>>},
        {3, <<16#1F600/utf16>>}, {4, <<"aå"/utf16-little>>}, {5, <<"aå"/utf32>>}, {6, <<"aå"/utf32-little>>}, {1, <<"a", 229>>},
        {16, <<"parted åäö"/utf8>>}], T <- [0, 1, 3, 6]];
inputs(number, _) ->
    [<<O, B/binary>> || O <- [8, 14, 34], B <- [<<"123">>, <<"-1.5e10">>, <<"16#FF">>, <<"1.0">>, <<"999999999999999999999999">>, <<"+7">>,
        <<"0.1e-300">>, <<"<0.1.0>">>, <<"#Ref<0.1.2.3>">>, <<"#Port<0.5>">>, <<"YWJj">>, <<"ZZ">>, <<"-100000000000000000000000000000001">>]];
inputs(dist, _) ->
    Made = [iolist_to_binary([O, [target_terms:bytes(T) || T <- Ts]]) || O <- [1, 3, 5, 15], Ts <- controls()],
    Raw = [iolist_to_binary([0, [[byte_size(P), P] || P <- Ps]]) || Ps <- headers()],
    Made ++ Raw;
inputs(code, Sources) -> seeds_code:modules(Sources);
inputs(epmd, _) ->
    [iolist_to_binary([[C, Parts] || {C, Parts} <- S]) || S <- conversations()];
inputs(command_line, _) ->
    [iolist_to_binary(lists:join(0, [W || W <- Ws])) || Ws <- lines()].

%% Tags that nothing writes any more.
old_terms() ->
    [<<0, 131, T/binary>> || T <- [<<99, "1.50000000000000000000e+00", 0:40>>, <<100, 1:16, "a">>, <<115, 1, "a">>, <<101, 100, 1:16, "a", 1:32, 1>>,
        <<114, 2:16, 100, 1:16, "a", 1, 1:32, 2:32>>, <<103, 100, 1:16, "a", 1:32, 1:32, 1>>, <<102, 100, 1:16, "a", 1:32, 1>>,
        <<68, 1, 8, 0, 1, "a", 82, 0>>, <<113, 100, 1:16, "m", 100, 1:16, "f", 97, 1>>, <<88, 119, 1, "a", 1:32, 1:32, 7:32>>,
        <<120, 119, 1, "a", 1:64, 7:32>>, <<90, 2:16, 119, 1, "a", 7:32, 1:32, 2:32>>]].

specs() ->
    [[{{'$1', '$2'}, [{'>', '$1', 3}], ['$_']}], [{'_', [], [true]}], [{{'$1', '$1'}, [{'orelse', {is_atom, '$1'}, {'=:=',
      {element, 1, '$_'}, 2}}], [{{'$1', {const, a}}}]}], [{#{a => '$1'}, [], [#{b => '$1'}]}], [{['$1' | '$2'],
      [{'andalso', true, {hd, '$2'}}], ['$$', {map_size, '$1'}]}], [{{'$1', '$2'}, [], [{{'$2', '$1'}}]}],
     [{{'$1', '_'}, [{is_record, '$_', a, 2}, {is_map_key, a, '$1'}], [{map_get, a, '$1'}]}], [{'$1', [{'not',
      {is_list, '$1'}}], [{message, {self}}, {return_trace}, {silent, true}]}], [{{'_', '$2'}, [{'==', {'div', '$2', 1}, {binary_part,
      <<"abc">>, 0, 1}}], [{size, '$2'}, {'bsl', 1, '$2'}, {abs, {'-', '$2'}}]}],
     [{{1, '$1'}, [], [{{1, [{'$1'}, '$1' | a]}}]}, {{'$1', '_'}, [{'xor', true, {is_float, 1.5}}], ['$1', [], {}]}]].

%% ---- another node ----

%% Control messages and their payloads; what the words stand for is in target_dist:known/2.
controls() ->
    Ops = [[{1, '_', a}], [{1, '_', a}, {4, '_', a}], [{2, size, a}, {undefined, 1}, {22, '_', a}, [1]], [{3, '_', a, 'not'}], [{5}], [{6, '_', size, const}, [abs]],
           [{7, '_', a}], [{8, '_', a, min}], [{19, '_', a, '$$'}, {20, '_', a, '$$'}], [{19, '_', const, '$$'}, {20, '_', const, '$$'}],
           [{21, '_', a, '$1', 'rem'}], [{21, is_nil, a, '$2', 'rem'}], [{24, '_', a}, ['div']], [{26, '_', a}, ['div']], [{28, '_', a, '$1'}, ['div']],
           [{28, '_', a, '$3'}, ['div']], [{29, '$$', '_', '_', {'if', 'xor', 1}, ['or', 'and']}, [[]]], [{29, '$$', '_', '_', {'if', 'xor', 1}, []}, [[]]],
           [{31, '$0', a, 3, '$_'}], [{31, '$0', a, 0, hd}], [{33, '_', '$9'}, [abs]], [{33, '_', '$3'}, [abs]], [{35, 5, '_', a}], [{36, 1, '_', a}],
           [{12, '_', a, {0, 1, 1, '_', 0}}, [abs]], [{16, '_', size, const, {0, 1, 1, '_', 0}}, [abs]], [{34, '_', '$9', []}, [abs]],
           [{13, '_', a, {0, 1, 1, '_', 0}, 'not'}], [{25, '_', a, []}, ['div']], [{30, '$$', '_', '_', {'if', 'xor', 1}, ['and'], {0, 1, 1, '_', 0}}, [[]]],
           [{32, '$0', a, 3, '$_', {0, 1, 1, '_', 0}}], [{19, '_', a, '$$'}, {19, '_', b, '$$'}, {1, '$_', b}, {3, '$_', b, 'not'}]],
    Ops ++ [lists:append(Ops)].

%% Distribution headers: new atoms, atoms known, long ones, fragments.
headers() ->
    Send = <<104, 3, 97, 6, 82, 0, 82, 0>>,
    Name = <<131, 68, 1, 8, 0, 1, "a", Send/binary>>,
    [[Name, <<131, 68, 1, 0, 0, Send/binary>>], [<<131, 68, 2, 16#98, 1, 5, 2:16, "ab", 6, 3:16, "cde", 104, 1, 82, 1>>],
     [<<131, 69, 1:64, 3:64, 1, 8, 0, 1, "a", 104, 1>>, <<131, 70, 1:64, 2:64, 97>>, <<131, 70, 1:64, 1:64, 5>>], [<<>>, <<131, 68, 0, 104, 1, 97, 5>>],
     [<<131, 69, 1:64, 1:64, 0, 104, 1, 97, 5>>, <<131, 69, 1:64, 1:64, 0, 104, 1, 97, 5>>], [<<112, 131, 104, 1, 97, 5>>]].

%% ---- epmd and command lines ----

%% Connection (a byte) and what arrives on it: its length, the bytes.
conversations() ->
    Name = said(<<$x, 4711:16, 77, 0, 6:16, 5:16, 4:16, "name", 0:16>>),
    [[{0, Name}, {1, said(<<$z, "name">>)}], [{0, said(<<$n>>)}], [{0, said(<<$d>>)}], [{0, Name}, {1, said(<<$s, "name">>)}],
     [{0, Name}, {1, said(<<$x, 1:16, 72, 0, 5:16, 5:16, 4:16, "name", 3:16, "abc">>)}, {2, said(<<$n>>)}, {0, <<0>>}],
     [{0, said(<<$x, 1:16, 72, 0, 6:16, 5:16, 250:16, (binary:copy(<<"n">>, 230))/binary, 0:16>>)}], [{0, said(<<$k>>)}],
     [{0, <<1, 0>>}, {0, <<2, 1, $n>>}]].

said(B) -> <<(byte_size(B) + 2), (byte_size(B)):16, B/binary>>.

lines() ->
    [["+S", "2:1"], ["+SDcpu", "2:2", "+SDio", "3"], ["+P", "10000", "-sname", "a"], ["-noshell", "-s", "a", "b"], ["-env", "A", "b", "-detached"],
     ["-args_file", "f", "+A", "5"], ["+MBas", "aobf", "+hms", "300"], ["+SP", "50:50"], ["+fnu", "+pc", "unicode"], ["-emu_args", "-extra", "x"],
     ["-smp", "auto", "+W", "w"], ["+zdbbl", "1000", "+Jverify", "all"], ["-start_epmd", "false", "-proto_dist", "x"], ["+B", "+Bi", "+c", "false"],
     ["-compile", "a"], ["-make"], ["-version"], ["+sbt", "db", "+sct", "L0-1c0-1"], ["#", "+t", "100000", "\"a b\" 'c' \\d"], ["-configfd", "0"]].

%% ---- dictionaries ----

words(regexp) ->
    [<<"(?:">>, <<"(?=">>, <<"(?<!">>, <<"(?>">>, <<"(?<n>">>, <<"(?&n)">>, <<"(?1)">>, <<"(*ACCEPT)">>, <<"(*SKIP:a)">>, <<"\\K">>, <<"\\p{Lu}">>,
     <<"{2,}">>, <<"[:^alpha:]">>, <<"\\x{10ffff}">>, <<"(?(DEFINE)">>, <<"(*LIMIT_MATCH=1)">>, <<"(?C1)">>, <<"\\g{-1}">>, <<"\\k<n>">>];
words(packet) ->
    [<<"HTTP/1.1">>, <<"HTTP/1.0 ">>, <<"Content-Length: ">>, <<"Host: ">>, <<"GET ">>, <<"http://">>, <<"https://">>, <<"\r\n">>, <<"\r\n ">>,
     <<"*/*">>, <<"DELETE ">>, <<"TRACE ">>, <<":8080">>, <<"GIOP">>];
words(number) -> [<<"e+308">>, <<"e-324">>, <<".0">>, <<"#Ref<0.">>, <<"#Port<0.">>, <<"<0.">>, <<"18446744073709551616">>, <<"576460752303423488">>];
words(command_line) ->
    [list_to_binary(W) || L <- lines(), W <- L] ++
    [<<"+hmax">>, <<"+hmaxk">>, <<"+swct">>, <<"+stbt">>, <<"+IOt">>, <<"+SDPcpu">>, <<"+JPperf">>, <<"+rg">>, <<"-epmd">>, <<"-nohup">>, <<"-name">>,
     <<"-emu_flavor">>, <<"-emu_type">>, <<"-keep_window">>, <<"-no_epmd">>, <<"-man">>, <<"true">>, <<"--">>, <<"-1">>, <<"4294967296">>];
words(etf) -> [<<131>>, <<131, 80>>, <<104, 2>>, <<108, 0, 0, 0, 1>>, <<116, 0, 0, 0, 1>>, <<119, 1, "a">>, <<110, 8, 0>>, <<109, 0, 0, 0, 1>>, <<70>>];
words(_) -> [].
