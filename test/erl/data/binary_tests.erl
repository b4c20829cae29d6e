%% SPDX-License-Identifier: Apache-2.0
%% Building and matching binaries and bit strings; the binary module.
-module(binary_tests).
-export([main/0]).

main() ->
    t:p("build", fun() -> N = t:id(300), <<N, N:16, N:16/little, N:4, -1:12/signed, 1.5/float, 1.5:32/float>> end),
    t:p("big build", fun() -> N = t:id(1 bsl 100 + 5), <<N:128, N:128/little, (-N):128>> end),
    t:p("wide build", fun() -> [{W, [<<A:Bits, N:W, N:W/little, A:3>> || Bits <- [0, 5, 8], N <- [t:id(0), 7, -7, 1 bsl 64, -(1 bsl 64), 1 bsl 100 + 5, -(1 bsl 128)], A <- [5]]} || W <- [64, 65, 127, 128, 129, 192, 200, 320, 333]] end),
    t:p("utf", fun() -> C = t:id(16#1F600), {<<C/utf8>>, <<C/utf16>>, <<C/utf16-little>>, <<C/utf32>>} end),
    t:p("bad utf", fun() -> C = t:id(16#D800), <<C/utf8>> end),
    t:p("bad size", fun() -> N = t:id(-1), <<1:N>> end),
    t:p("bad value", fun() -> N = t:id(a), <<N>> end),
    t:p("match ints", fun() -> <<A, B:16/little, C:4, D:12/signed, _/bits>> = t:id(<<1, 2, 3, 16#F8, 1, 99>>), {A, B, C, D} end),
    t:p("match floats", fun() -> <<A/float, B:32/float, C:16/float>> = t:id(<<0.1/float, 2.5:32/float, 1.0:16/float>>), {A, B, C} end),
    t:p("match nan", fun() -> case t:id(<<-1:64>>) of <<F/float>> -> F; _ -> no end end),
    t:p("match sized", fun() -> <<N, B:N/binary, R/binary>> = t:id(<<3, "abcdef">>), {N, B, R} end),
    t:p("match unaligned", fun() -> <<_:3, A:13, R/bitstring>> = t:id(<<16#12345678:32, 5:3>>), {A, R} end),
    t:p("match utf8", fun() -> [C || <<C/utf8>> <= <<"aé日😀"/utf8>>] end),
    t:p("match bad utf8", fun() -> case t:id(<<255, 1>>) of <<C/utf8, _/binary>> -> C; _ -> no end end),
    t:p("tail", fun() -> count(list_to_binary(lists:seq(0, 255)), 0) end),
    t:p("append", fun() -> byte_size(lists:foldl(fun(I, B) -> <<B/binary, I>> end, <<>>, lists:seq(1, 20000))) end),
    t:p("append shares nothing", fun() -> A = t:id(<<1, 2>>), B = <<A/binary, 3>>, C = <<A/binary, 4>>, D = <<B/binary, 5>>, {A, B, C, D} end),
    t:p("bit append", fun() -> lists:foldl(fun(I, B) -> <<B/bits, I:3>> end, <<>>, lists:seq(0, 20)) end),
    t:p("sub", fun() -> B = t:id(<<"hello world">>), {binary:part(B, 6, 5), binary_part(B, {11, -5}), split_binary(B, 5)} end),
    t:p("binary module", fun() -> B = <<"a,b,,c">>,
        {binary:split(B, <<",">>), binary:split(B, <<",">>, [global, trim_all]), binary:match(B, [<<"c">>, <<"b">>]),
         binary:matches(B, <<",">>), binary:replace(B, <<",">>, <<"--">>, [global]), binary:copy(<<"ab">>, 3),
         binary:longest_common_prefix([<<"abc">>, <<"abd">>]), binary:bin_to_list(B, 1, 2),
         binary:encode_unsigned(1 bsl 70), binary:decode_unsigned(<<1, 0, 0>>, little), binary:last(B)} end),
    t:p("compare", fun() -> [<<1>> < <<1, 0>>, <<1:1>> < <<1>>, <<>> < <<0>>, <<"a">> =:= <<"a">>, <<255>> > <<1, 2, 3>>] end),
    t:p("lists", fun() -> {list_to_binary([1, [2, <<3, 4>>], "ab"]), bitstring_to_list(<<1, 2, 3:4>>), list_to_bitstring([1, <<1:3>>])} end),
    t:p("iolist", fun() -> {iolist_size([1, <<"abc">>, [[["x"]]]]), iolist_to_binary([<<1>>, [2 | <<3>>]])} end),
    t:p("hash", fun() -> {erlang:crc32(<<"hello">>), erlang:adler32(["he", <<"llo">>]), erlang:md5("hello"), erlang:phash2(<<"hello">>, 1000)} end),
    t:p("unicode", fun() -> {unicode:characters_to_binary([16#e9, <<"日"/utf8>>]), unicode:characters_to_list(<<"aé"/utf8>>),
                             unicode:characters_to_binary(<<233>>, latin1), unicode:characters_to_list(<<"a", 255>>)} end),
    t:p("large", fun() -> B = binary:copy(<<"0123456789">>, 100000), {byte_size(B), binary:at(B, 999999), erlang:crc32(B)} end),
    t:p("term round trip", fun() -> T = {a, "s", [1.5, 1 bsl 99], #{k => <<1:3>>}, <<"b">>, fun lists:map/2}, binary_to_term(term_to_binary(T)) =:= T end),
    t:p("term bytes", fun() -> [term_to_binary(T) || T <- [1, 256, -1, 1 bsl 40, 1.5, abc, "ab", [a], {}, <<1>>, #{a => 1}, [a | b], 'é']] end),
    t:p("compressed", fun() -> T = lists:duplicate(1000, a), B = term_to_binary(T, [compressed]), {byte_size(B) < 200, binary_to_term(B) =:= T} end).

count(<<X, Rest/binary>>, N) -> count(Rest, N + X);
count(<<>>, N) -> N.
