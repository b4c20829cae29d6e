%% SPDX-License-Identifier: Apache-2.0
%% Bit syntax over pseudo-random values: every field type, size and byte order, at odd positions.
-module(bitstring_tests).
-export([main/0]).

main() ->
    rand:seed(exsss, {7, 8, 9}),
    t:p("integers", fun() -> hash(fun integer/0, 3000) end),
    t:p("floats", fun() -> hash(fun float_field/0, 2000) end),
    t:p("neighbours", fun() -> hash(fun neighbours/0, 3000) end),
    t:p("parts", fun() -> hash(fun part/0, 2000) end),
    t:p("unicode", fun() -> hash(fun unicode/0, 2000) end),
    t:p("bad unicode", fun() -> hash(fun bad_unicode/0, 3000) end),
    t:p("appending", fun appending/0),
    t:p("shared appending", fun shared_appending/0),
    t:p("comprehensions", fun comprehensions/0),
    t:p("order", fun order/0),
    t:p("iolists", fun() -> hash(fun iolist/0, 1000) end),
    t:p("searching", fun() -> hash(fun searching/0, 3000) end),
    t:p("splitting", fun() -> hash(fun splitting/0, 3000) end),
    t:p("numbers", fun() -> hash(fun numbers/0, 1000) end),
    t:p("long iolist", fun long_iolist/0),
    t:p("utf8 strings", fun utf8/0),
    failures().

%% One number for many results; failures count with their class and reason.
hash(Fun, N) ->
    lists:foldl(fun(_, Acc) ->
        R = try Fun() catch C:E -> {C, E} end,
        erlang:phash2({Acc, R})
    end, 0, lists:seq(1, N)).

int() ->
    case rand:uniform(4) of
        1 -> rand:uniform(256) - 128;
        2 -> rand:uniform(1 bsl 62) - (1 bsl 61);
        3 -> -(rand:uniform(1 bsl 130));
        4 -> rand:uniform(1 bsl 200)
    end.

integer() ->
    V = int(), Size = rand:uniform(210) - 1, Pad = rand:uniform(9) - 1, Tail = rand:uniform(9) - 1,
    Big = <<1:Pad, V:Size/big, 1:Tail>>,
    Little = <<1:Pad, V:Size/little, 1:Tail>>,
    <<_:Pad, A:Size/big, _/bits>> = Big,
    <<_:Pad, B:Size/big-signed, _/bits>> = Big,
    <<_:Pad, C:Size/little, _/bits>> = Little,
    <<_:Pad, D:Size/little-signed, R/bits>> = Little,
    <<_:Pad, E:Size/native-signed, _/bits>> = Little,
    {Big, Little, A, B, C, D, E, R}.

float_field() ->
    V = case rand:uniform(3) of
        1 -> rand:uniform() * math:pow(10, rand:uniform(40) - 20);
        2 -> rand:uniform(1 bsl 70);
        3 -> -rand:uniform()
    end,
    Size = lists:nth(rand:uniform(3), [16, 32, 64]), Pad = rand:uniform(9) - 1,
    B = <<1:Pad, V:Size/float, V:Size/float-little, 3:2>>,
    R = case B of
        <<_:Pad, X:Size/float, Y:Size/float-little, _/bits>> -> {X, Y};
        _ -> none
    end,
    <<Random:Size/bits, _/bits>> = rand:bytes(8),
    S = case Random of <<Z:Size/float>> -> Z; _ -> none end,
    {B, R, S}.

%% Fields of constant sizes and short strings next to each other, behind what may be at an odd position; now and then a
%% value that is large or no integer.
neighbours() ->
    [A, B, C, D] = [neighbour() || _ <- lists:seq(1, 4)],
    Odd = <<0:(rand:uniform(9) - 1)>>,
    [try F() catch error:R -> R end || F <- [
        fun() -> <<A:8, B:8, C:8, D:8>> end,
        fun() -> <<Odd/bits, A:1, B:7, C:16, D:40>> end,
        fun() -> <<Odd/bits, A:64, B:64>> end,
        fun() -> <<Odd/bits, A:33, B:31, C:1, D:63>> end,
        fun() -> <<"1234567", A:8, "12345678", B:8>> end,
        fun() -> <<Odd/bits, "a", A:3, "bc", B:5, "", "def", C:60>> end,
        fun() -> <<A:16/little, B:16, C:8/float, D:8>> end,
        fun() -> <<A:2/unit:8, B:3/unit:5, C/utf8, D:0, 5:8>> end,
        fun() -> <<A:65, B:4, C:4>> end,
        fun() -> << <<X:8, A:8, B:48>> || <<X>> <= <<1, 2, 3>> >> end,
        fun() -> << <<A:4, X:4, "z">> || X <- [B, C, 1, 2, 3] >> end,
        fun() -> <<Odd/binary, A:8, B:8>> end,
        fun() -> O = <<Odd/bits, A:8>>, {<<O/bits, B:8, C:8>>, <<O/bits, C:24>>, <<O/bits, D:7, 1:1>>} end]].

neighbour() ->
    case rand:uniform(20) of
        1 -> atom;
        2 -> 1 bsl 70 + rand:uniform(1000);
        3 -> -(1 bsl 64);
        4 -> 1.5;
        N when N < 10 -> rand:uniform(1 bsl 59) - 1;
        N when N < 14 -> -rand:uniform(1 bsl 59);
        _ -> rand:uniform(300) - 20
    end.

part() ->
    B = rand:bytes(rand:uniform(200)),
    Start = rand:uniform(bit_size(B)), Len = rand:uniform(bit_size(B)),
    case B of
        <<_:Start, X:Len/bits, Rest/bits>> ->
            <<A:3/bits, Mid/bits>> = <<X/bits, Rest/bits, X/bits>>,
            {X, Rest, A, Mid, bit_size(Mid), byte_size(Mid), bitstring_to_list(Mid)};
        <<_:Start, Rest/bits>> -> Rest
    end.

unicode() ->
    C = case rand:uniform(4) of
        1 -> rand:uniform(128) - 1;
        2 -> rand:uniform(2048) - 1;
        3 -> rand:uniform(16#D800) - 1;
        4 -> 16#E000 + rand:uniform(16#110000 - 16#E000) - 1
    end,
    Pad = rand:uniform(8) - 1,
    B = <<0:Pad, C/utf8, C/utf16, C/utf16-little, C/utf32, C/utf32-little, 5:3>>,
    <<_:Pad, A1/utf8, A2/utf16, A3/utf16-little, A4/utf32, A5/utf32-little, _:3>> = B,
    {B, [A1, A2, A3, A4, A5] =:= [C, C, C, C, C]}.

bad_unicode() ->
    B = case rand:uniform(2) of
        1 -> rand:bytes(4);
        2 -> <<(lists:nth(rand:uniform(5), [16#C0, 16#E0, 16#ED, 16#F0, 16#F4])),
               (127 + rand:uniform(100)), (127 + rand:uniform(100)), (127 + rand:uniform(64))>>
    end,
    {case B of <<X/utf8, R/bits>> -> {X, R}; _ -> no end,
     case B of <<X/utf16, R/bits>> -> {X, R}; _ -> no end,
     case B of <<X/utf16-little, R/bits>> -> {X, R}; _ -> no end,
     case B of <<X/utf32, R/bits>> -> {X, R}; _ -> no end}.

appending() ->
    B = lists:foldl(fun(I, Acc) -> <<Acc/bits, I:(I rem 19)>> end, <<>>, lists:seq(1, 20000)),
    {bit_size(B), erlang:phash2(B), erlang:md5(<<B/bits, 0:(-bit_size(B) band 7)>>)}.

shared_appending() ->
    A = <<(t:id(<<"start">>))/binary, "more">>,
    B = [<<A/binary, I>> || I <- lists:seq(1, 5)],
    self() ! A,
    C = <<A/binary, "tail">>,
    M = receive X -> <<X/binary, "received">> end,
    garbage_collect(),
    D = <<C/binary, "after gc">>,
    {A, B, C, M, D}.

comprehensions() ->
    B = << <<(X * 3):5>> || <<X:3>> <= <<"some bytes">> >>,
    {B, [X || <<X:7/signed>> <= B], << <<X>> || X <- [1, 2, 3], X > 1 >>,
     [{X, Y} || <<X, Y:4>> <= <<1, 2:4, 3, 4:4, 5>>]}.

order() ->
    L = [<<>>, <<0:1>>, <<0>>, <<1>>, <<0, 0>>, <<255:7>>, <<255>>, <<1:3>>, <<"a">>, <<"ab">>, <<"b">>],
    {lists:sort(L), [A == B || A <- L, B <- L]}.

iolist() ->
    L = deep(rand:uniform(5)),
    {iolist_to_binary(L), iolist_size(L), list_to_bitstring([L, <<1:3>>]),
     iolist_to_binary(erlang:iolist_to_iovec(L)), erlang:md5(L), erlang:crc32(L), erlang:adler32(L)}.

deep(0) -> rand:bytes(rand:uniform(100));
deep(N) ->
    case rand:uniform(4) of
        1 -> [rand:uniform(256) - 1 | deep(N - 1)];
        2 -> [deep(N - 1), deep(N - 1)];
        3 -> [[], [deep(N - 1)] | rand:bytes(3)];
        4 -> [deep(N - 1), binary:part(rand:bytes(400), 7, rand:uniform(300))]
    end.

text() -> list_to_binary([lists:nth(rand:uniform(4), "abc,") || _ <- lists:seq(1, rand:uniform(60))]).

pattern() ->
    case rand:uniform(3) of
        1 -> binary:part(text(), 0, 1);
        2 -> [binary:part(<<(text())/binary, "abcd">>, 0, rand:uniform(4)) || _ <- lists:seq(1, rand:uniform(5))];
        3 -> binary:part(<<(text())/binary, "ab">>, 0, 2)
    end.

searching() ->
    T = text(), P = pattern(), S = rand:uniform(byte_size(T)) - 1, L = byte_size(T) - S,
    CP = binary:compile_pattern(P),
    <<_:3, Odd/binary>> = <<0:3, T/binary>>,
    {binary:match(T, P), binary:matches(T, P), binary:match(T, CP), binary:matches(Odd, CP),
     binary:match(T, P, [{scope, {S, L}}]), binary:matches(T, P, [{scope, {S + L, -L}}])}.

splitting() ->
    T = text(), P = pattern(), O = [X || X <- [global, trim, trim_all], rand:uniform(2) =:= 1],
    {binary:split(T, P), binary:split(T, P, O), binary:replace(T, P, <<"[]">>, [{insert_replaced, 1}, global]),
     string:split(T, ","), binary:longest_common_prefix([T, text(), T]), binary:longest_common_suffix([T, text()])}.

numbers() ->
    N = abs(int()), B = binary:encode_unsigned(N), L = binary:encode_unsigned(N, little),
    <<_:5, Odd/binary>> = <<0:5, B/binary>>,
    {B, L, binary:decode_unsigned(B) =:= N, binary:decode_unsigned(L, little) =:= N,
     binary:decode_unsigned(Odd) =:= N, binary:at(B, 0), binary:first(L), binary:last(L), binary:copy(B, 3)}.

long_iolist() ->
    L = [[integer_to_list(I), <<I:16>>, [$x | <<"y">>]] || I <- lists:seq(1, 200000)],
    B = iolist_to_binary(L),
    {byte_size(B), iolist_size(L), erlang:md5(B), erlang:md5(L), erlang:crc32(L), erlang:crc32(B),
     erlang:md5(list_to_bitstring([L, <<1:1, 127:7>>])), length(binary:matches(B, [<<"1x">>, <<"2x">>])),
     length(binary:split(B, <<"y">>, [global])), try iolist_size([L | bad]) catch error:R -> R end}.

utf8() ->
    S = << <<C/utf8>> || C <- lists:seq(0, 16#11FFF), C < 16#D800 orelse C > 16#DFFF >>,
    L = [C || <<C/utf8>> <= S],
    {length(L), erlang:phash2(L), erlang:md5(S)}.

failures() ->
    t:each(fun(F) -> F() end, []),
    t:p("size", fun() -> <<1:(t:id(-1))>> end),
    t:p("size atom", fun() -> <<1:(t:id(a))>> end),
    t:p("limit", fun() -> <<1:(t:id(1 bsl 80))>> end),
    t:p("type", fun() -> <<(t:id(a))>> end),
    t:p("float size", fun() -> <<(t:id(1.0)):(t:id(17))/float>> end),
    t:p("float range", fun() -> <<(t:id(1 bsl 2000))/float>> end),
    t:p("unit", fun() -> <<1, (t:id(<<1:3>>))/binary>> end),
    t:p("short", fun() -> <<1, (t:id(<<1>>)):2/binary>> end),
    t:p("utf", fun() -> <<(t:id(16#D800))/utf8>> end),
    t:p("match", fun() -> <<_:16>> = t:id(<<1>>) end),
    t:p("part", fun() -> binary_part(t:id(<<1, 2>>), 1, 2) end),
    t:p("split_binary", fun() -> split_binary(t:id(<<1, 2>>), 3) end),
    t:p("list_to_binary", fun() -> list_to_binary(t:id([256])) end),
    t:p("list_to_binary tail", fun() -> list_to_binary(t:id([1 | 2])) end),
    t:p("at", fun() -> binary:at(t:id(<<1>>), 1) end),
    t:p("first", fun() -> binary:first(t:id(<<>>)) end),
    t:p("pattern", fun() -> binary:compile_pattern(t:id([<<"a">>, <<>>])) end),
    t:p("no patterns", fun() -> binary:match(t:id(<<"a">>), []) end),
    t:p("scope", fun() -> binary:match(t:id(<<"a">>), <<"a">>, [{scope, {0, 2}}]) end),
    t:p("option", fun() -> binary:split(t:id(<<"a">>), <<"a">>, [bad]) end).
