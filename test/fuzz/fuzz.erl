%% SPDX-License-Identifier: Apache-2.0
%% Decoders fed with what nobody would write. Usage: erl -s fuzz run TARGET SEED ROUNDS. Each target has
%% inputs that are right (its corpus) and damages them; a round may end in any exception. What counts is
%% that the VM lives, and that what was accepted is good: it can be printed, compared, sent, encoded again.
-module(fuzz).
-export([run/1, targets/0, pick/1, damaged/1, other/1]).

targets() -> [etf, packet, regexp, match_spec, utf8, number, beam_chunks].

run([Target, Seed, Rounds]) ->
    logger:set_primary_config(level, none),
    rand:seed(exsss, number_of(Seed)),
    Corpus = corpus(Target),
    Good = length([ok || _ <- lists:seq(1, number_of(Rounds)), round(Target, pick(Corpus)) =:= ok]),
    io:format("~p: ~p accepted~n", [Target, Good]).

number_of(A) -> list_to_integer(atom_to_list(A)).

round(Target, Input) ->
    try use(try_one(Target, Input)) catch error:R when R =/= not_supported -> refused; throw:_ -> refused end.

%% A term that a decoder has made must be a whole one.
use(T) ->
    true = T =:= binary_to_term(term_to_binary(T)) orelse has_fun_or_nan(T),
    _ = erlang:phash2(T),
    _ = io_lib:format("~p", [T]),
    self() ! T,
    receive T -> ok end.

has_fun_or_nan(T) -> is_tuple(T) orelse is_list(T) orelse is_map(T) orelse is_function(T) orelse is_reference(T).

%% ---- damage ----

pick(L) -> lists:nth(rand:uniform(length(L)), L).

damaged(B) -> damage(rand:uniform(3), B).
damage(0, B) -> B;
damage(N, B) -> damage(N - 1, damage_once(rand:uniform(6), B)).

damage_once(_, <<>>) -> <<(rand:uniform(256) - 1)>>;
damage_once(Kind, B) ->
    At = rand:uniform(byte_size(B)) - 1,
    <<L:At/binary, C, R/binary>> = B,
    case Kind of
        1 -> <<L/binary, (C bxor (1 bsl (rand:uniform(8) - 1))), R/binary>>;
        2 -> <<L/binary, (pick([0, 1, 127, 128, 255, rand:uniform(256) - 1])), R/binary>>;
        3 -> <<L/binary, R/binary>>;
        4 -> <<L/binary, C, C, R/binary>>;
        5 -> L;
        6 -> <<L/binary, (rand:bytes(rand:uniform(4)))/binary, C, R/binary>>
    end.

%% A part of the term replaced.
other([H | T]) -> case rand:uniform(3) of 1 -> [other(H) | T]; 2 -> [H | other(T)]; 3 -> pick([[H, H | T], T, leaf()]) end;
other(T) when is_tuple(T), tuple_size(T) > 0 ->
    I = rand:uniform(tuple_size(T)),
    pick([setelement(I, T, other(element(I, T))), erlang:delete_element(I, T), {T}]);
other(M) when map_size(M) > 0 -> maps:map(fun(_, V) -> other(V) end, M);
other(_) -> leaf().

leaf() ->
    pick(['$1', '$2', '$17', '$100000000', '_', '$_', '$$', true, {const, 1}, 5, [], {}, {{}}, #{}, {'+', '$1', 1}, {hd, '$1'},
          {self}, {element, 9, '$_'}, {'bsl', 1, 100000}, {length, '$$'}, <<1:3>>, {'not', '$1'}, {message, a}]).

%% ---- targets ----

corpus(etf) ->
    [term_to_binary(T, O) || O <- [[], [compressed], [{minor_version, 1}]],
                             T <- [a, -1, 1 bsl 100, 1.5, <<"abc">>, <<5:3>>, "abc", [a | b], {1, {2, [3]}}, self(),
                                   make_ref(), #{a => 1, {b} => [c]}, maps:from_list([{I, I} || I <- lists:seq(1, 40)]),
                                   fun lists:map/2, fun() -> ok end, 'åäö', lists:seq(1, 300), [], {}, #{}]];
corpus(packet) -> [<<"GET /a HTTP/1.1\r\nHost: x\r\n\r\n">>, <<0, 5, "hello">>, <<0, 0, 0, 3, "abc">>, <<3, "abc">>,
                   <<16#30, 3, 1, 2, 3>>, <<16#83, 1, 2>>, <<22, 3, 1, 0, 2, 1, 2>>, <<"HTTP/1.0 200 OK\r\n">>,
                   <<131, 107, 0, 3, "abc">>, <<1, 7, 0, 3, 0, 2, 0, 0>>, <<"X-A: b\r\n c\r\n">>];
corpus(regexp) -> [<<"a(b|c)*d">>, <<"^(?<n>\\w+)\\s\\1$">>, <<"[[:alpha:]-z]{2,5}?">>, <<"(?i)(?=x)\\p{L}\\x{e9}">>,
                   <<"((a+)+)+$">>, <<"(?(1)a|b)">>, <<"\\Q.*\\E|(?>a*)b">>, <<"(?R)?x">>, <<"[^\\d\\]]">>];
corpus(match_spec) -> [term_to_binary(T) || T <- [[{{'$1', '$2'}, [{'>', '$1', 3}], ['$_']}], [{'_', [], [true]}],
    [{{'$1', '$1'}, [{'orelse', {is_atom, '$1'}, {'=:=', {element, 1, '$_'}, 2}}], [{{'$1', {const, x}}}]}],
    [{#{a => '$1'}, [], [#{b => '$1'}]}], [{['$1' | '$2'], [{'andalso', true, {hd, '$2'}}], ['$$', {map_size, '$1'}]}]]];
corpus(utf8) -> [<<"abc">>, <<"åäö"/utf8>>, <<16#10FFFF/utf8>>, <<"aå"/utf16>>, <<"aå"/utf32>>, <<"aå"/utf16-little>>];
corpus(number) -> [<<"123">>, <<"-1.5e10">>, <<"16#FF">>, <<"1.0">>, <<"999999999999999999999999">>, <<"+7">>, <<"0.1e-300">>];
corpus(beam_chunks) ->
    [element(2, {ok, _} = file:read_file(code:which(M))) || M <- [lists, ordsets, queue, gb_sets, proplists]].

try_one(etf, B) ->
    D = damaged(B),
    {_, N} = binary_to_term(D, [used, safe]),
    true = N =< byte_size(D),
    binary_to_term(D);
try_one(packet, B) ->
    T = pick([raw, 0, 1, 2, 4, asn1, cdr, sunrm, fcgi, tpkt, line, http, httph, http_bin, httph_bin, ssl_tls]),
    erlang:decode_packet(T, damaged(B), pick([[], [{packet_size, 10}], [{line_length, 3}]]));
try_one(regexp, B) ->
    Options = pick([[], [unicode], [caseless, dotall], [extended, multiline], [dupnames], [ungreedy]]),
    {ok, P} = re:compile(damaged(B), Options),
    Subject = pick([<<"abcd">>, <<"aaaaaaaaaaaaaaaaaaaa!">>, <<>>, <<"x é z"/utf8>>]),
    {re:run(Subject, P, [{match_limit, 10000}, {capture, all, pick([index, list, binary])}]),
     re:inspect(P, namelist)};
try_one(match_spec, B) ->
    Spec = other(other(binary_to_term(B))),
    {catch ets:test_ms({1, 2}, Spec),
     ets:match_spec_run([{1, 2}, {a, a}, {#{a => 1}, [1, 2 | 3]}, {5, <<1>>}], ets:match_spec_compile(Spec))};
try_one(utf8, B) ->
    D = damaged(B),
    From = pick([utf8, latin1, utf16, {utf16, little}, utf32, {utf32, little}]),
    {unicode:characters_to_binary([D | D], From, pick([utf8, utf16, {utf32, little}, latin1])),
     unicode:characters_to_list(D, From), catch binary_to_atom(binary:part(D, 0, min(2, byte_size(D))), utf8)};
try_one(number, B) ->
    D = damaged(B),
    {catch binary_to_integer(D), catch binary_to_float(D), catch list_to_integer(binary_to_list(D), 36),
     catch list_to_float(binary_to_list(D)), catch list_to_pid(binary_to_list(D)),
     catch list_to_ref(binary_to_list(D)), string:to_float(binary_to_list(D))};
try_one(beam_chunks, B) ->
    D = damaged(B),
    {is_list(catch beam_lib:info(D)), catch code:module_md5(D),
     case erlang:prepare_loading(damaged, D) of {error, _} -> refused; _ -> prepared end}.
