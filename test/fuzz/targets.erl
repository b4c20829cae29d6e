%% SPDX-License-Identifier: Apache-2.0
%% What the coverage-guided fuzzers (harness.c) do with an input: one function a target, called with the bytes. The
%% first bytes choose options. An input may end in any exception; what was accepted has to be good: it can be printed,
%% compared, sent, encoded again. What a target does when all is well costs time at each input, so it is little.
-module(targets).
-export([start/1, target/2, names/0, readable/1]).
-compile({nowarn_deprecated_function, {erlang, phash, 2}}).
-nifs([ready/0, done/1]).

-define(ATOMS_ENOUGH, 4000000). % then the VM is started afresh

names() -> [etf, dist, regexp, packet, match_spec, text, number, code].

start([Name]) ->
    ok = erlang:load_nif("harness", 0),
    logger:set_primary_config(level, none),
    spawn(fun() -> register(fuzz_target, self()), serve(Name, prepare(Name)) end).

serve(Name, State) ->
    ok = ready(),
    loop(Name, State).

loop(Name, State) ->
    receive
        Bin when is_binary(Bin) ->
            try target(Name, {State, Bin}) catch _:_ -> ok end,
            flush(),
            erlang:garbage_collect(),
            done(case erlang:system_info(atom_count) > ?ATOMS_ENOUGH of true -> 1; false -> 0 end)
    end,
    loop(Name, State).

flush() -> receive _ -> flush() after 0 -> ok end.

ready() -> erlang:nif_error(not_loaded).
done(_) -> erlang:nif_error(not_loaded).

prepare(code) -> target_code:prepare();
prepare(dist) -> target_dist:prepare();
prepare(_) -> none.

target(code, {Allowed, B}) -> target_code:run(Allowed, B);
target(dist, {_, B}) -> target_dist:run(B);
target(Name, {_, B}) -> one(Name, B).

one(etf, <<O, B/binary>>) ->
    Safe = [safe || O band 1 =:= 0],
    {T, N} = binary_to_term(B, [used | Safe]),
    true = N =< byte_size(B),
    use(O, T);
one(regexp, <<O:16, B/binary>>) -> regexp(O, zeros(B, 3));
one(packet, <<T, O, B/binary>>) -> packet(T, O, B);
one(match_spec, <<O, B/binary>>) -> match_spec(O, lists:sublist(target_terms:terms(B), 8));
one(text, <<F, T, B/binary>>) -> text(F, T, B);
one(number, <<O, B/binary>>) -> number(O, B);
one(_, _) -> ok.

%% ---- terms ----

%% A term that a decoder has made must be a whole one.
use(O, T) ->
    B = term_to_binary(T, choose(O bsr 1, [[], [compressed], [{minor_version, 1}], [deterministic], [local]])),
    must(same, T, binary_to_term(B)),
    _ = must(size, true, erlang:external_size(T) >= byte_size(term_to_binary(T))),
    Iovec = term_to_iovec(T),
    must(iovec, term_to_binary(T), iolist_to_binary(Iovec)),
    _ = erlang:phash2(T),
    _ = erlang:phash(T, 1 bsl 32),
    {backtrace, _} = erlang:process_info(self(), backtrace), % prints it
    _ = erts_debug:flat_size(T),
    must(order, true, T == T),
    must(order, true, (T < {T}) =/= (T > {T})),
    self() ! T,
    receive T1 -> must(sent, T, T1) end,
    persist(O, T).

persist(O, T) when O > 200 ->
    ets:insert(E = ets:new(fuzz, [set]), {T, T}),
    [{T1, T2}] = ets:lookup(E, T),
    must(ets, {T, T}, {T1, T2}),
    ets:delete(E),
    is_atom(catch list_to_atom(lists:flatten(io_lib:format("~p", [T]))));
persist(_, _) -> ok.

%% What is wrong without any crash: the fuzzer is told by one.
must(_, X, X) -> ok;
must(What, Expected, Got) -> wrong(What, Expected, Got).

wrong(What, Expected, Got) ->
    erlang:display({What, Expected, Got}),
    done(-1).

choose(N, L) -> lists:nth(N rem length(L) + 1, L).

%% ---- patterns ----

%% N parts, the first ones ended by a zero.
zeros(B, 1) -> [B];
zeros(B, N) ->
    case binary:split(B, <<0>>) of [A, R] -> [A | zeros(R, N - 1)]; [A] -> [A | lists:duplicate(N - 1, <<>>)] end.

regexp(O, [Pattern, Subject, Replacement]) ->
    Names = [unicode, anchored, caseless, dollar_endonly, dotall, extended, firstline, multiline, no_auto_capture,
             dupnames, ungreedy, bsr_anycrlf, ucp, never_utf, no_start_optimize],
    Options = [N || {N, I} <- lists:zip(Names, lists:seq(0, 14)), O band (1 bsl I) =/= 0],
    Limits = [{match_limit, 3000}, {match_limit_recursion, 300}],
    {ok, P} = re:compile(Pattern, Options),
    [_ = re:inspect(P, namelist),
     catch re:run(Subject, P, [global, {capture, all, choose(O, [index, list, binary])} | Limits]),
     catch re:run(Subject, P, [report_errors, notempty, {offset, O rem 7}, {capture, all_names, list} | Limits]),
     catch re:run([Subject, Subject], P, [{capture, [0, 2, 1, n, "n"], binary}, {newline, crlf} | Limits]),
     catch re:replace(Subject, P, Replacement, [global, {return, binary} | Limits]),
     catch re:split(Subject, P, [group, trim, {parts, O rem 5} | Limits])].

%% ---- packets ----

packet(T, O, B) ->
    Type = choose(T, [raw, 0, 1, 2, 4, asn1, cdr, sunrm, fcgi, tpkt, line, http, httph, http_bin, httph_bin, ssl_tls]),
    Options = choose(O, [[], [{packet_size, 10}], [{line_length, 3}], [{line_delimiter, $x}], [{packet_size, 1 bsl 27}]]),
    packets(Type, B, Options, 20).

packets(_, _, _, 0) -> ok;
packets(Type, B, Options, N) ->
    case erlang:decode_packet(Type, B, Options) of
        {ok, P, Rest} ->
            must(shorter, true, byte_size(Rest) < byte_size(B) orelse Type =:= raw),
            use(0, P),
            packets(following(Type, P), Rest, Options, N - 1);
        Other -> Other
    end.

following(http, {http_request, _, _, _}) -> httph;
following(http, {http_response, _, _, _}) -> httph;
following(T, _) -> T.

%% ---- match specifications ----

match_spec(O, [Spec | Objects]) ->
    [catch ets:test_ms(Object, Spec) || Object <- lists:sublist(Objects, 2), is_tuple(Object)],
    [catch erlang:match_spec_test(Args, Spec, trace) || Args <- Objects, is_list(Args)],
    C = ets:match_spec_compile(Spec),
    [use(0, R) || R <- ets:match_spec_run(Objects, C)],
    T = ets:new(fuzz, [choose(O, [set, ordered_set, bag, duplicate_bag])]),
    try tables(T, O, Spec, Objects) after ets:delete(T) end;
match_spec(_, _) -> ok.

tables(T, O, Spec, Objects) ->
    [ets:insert(T, Object) || Object <- Objects, is_tuple(Object), tuple_size(Object) > 0],
    [catch use(0, ets:select(T, Spec)), catch ets:select_reverse(T, Spec, 1), catch ets:select_count(T, Spec),
     catch ets:match(T, hd(Objects)), catch ets:select(ets:select(T, Spec, 1)),
     catch case O band 64 of 0 -> ets:select_replace(T, Spec); _ -> ets:select_delete(T, Spec) end,
     use(0, ets:tab2list(T))].

%% ---- texts ----

text(F, T, B) ->
    Encodings = [utf8, latin1, unicode, utf16, {utf16, little}, utf32, {utf32, little}],
    From = choose(F, Encodings),
    To = choose(T, Encodings),
    Parts = parts(F bsr 3, B),
    [readable(catch unicode:characters_to_binary(Parts, From, To)),
     readable(catch unicode:characters_to_list(Parts, From)),
     readable(catch unicode:bin_is_7bit(B)),
     readable(catch unicode:characters_to_nfc_list(B)),
     readable(catch file:native_name_encoding()),
     readable(catch prim_file:internal_native2name(B)),
     readable(catch prim_file:internal_name2native(Parts)),
     readable(catch prim_file:internal_normalize_utf8(B)),
     readable(catch [C || <<C/utf8>> <= B]), readable(catch [C || <<C/utf16-little>> <= B]),
     readable(catch << <<C/utf16>> || <<C/utf8>> <= B >>), readable(catch << <<C/utf8>> || <<C/utf32>> <= B >>),
     readable(catch atoms(B)), readable(catch io_lib:format("~ts ~ts", [Parts, B]))].

%% The same bytes as one, in a list, as a sub-binary, character by character.
parts(0, B) -> B;
parts(N, B) ->
    At = min(N, byte_size(B)),
    <<L:At/binary, R/binary>> = B,
    choose(N, [[L, R], [L | R], [binary_to_list(L), [[], [R]]], R, [[L], 16#20AC | R], unicode:characters_to_list(R)]).

atoms(B) ->
    Short = binary:part(B, 0, min(byte_size(B), 3)),
    [catch binary_to_existing_atom(B, utf8), catch binary_to_existing_atom(B, latin1), binary_to_atom(Short, utf8),
     catch list_to_existing_atom(unicode:characters_to_list(B)), atom_to_list(binary_to_atom(Short, latin1))].

readable(T) -> use(0, T).

%% ---- numbers and other terms as texts ----

number(O, B) ->
    L = binary_to_list(B),
    Base = 2 + O rem 35,
    [same_back(catch binary_to_integer(B), fun(N) -> binary_to_integer(integer_to_binary(N)) end),
     same_back(catch binary_to_integer(B, Base), fun(N) -> list_to_integer(integer_to_list(N, Base), Base) end),
     same_back(catch list_to_integer(L, Base), fun(N) -> binary_to_integer(integer_to_binary(N, Base), Base) end),
     same_back(catch binary_to_float(B), fun(N) -> list_to_float(float_to_list(N)) end),
     same_back(catch list_to_float(L), fun(N) -> binary_to_float(float_to_binary(N, [short])) end),
     readable(catch float_to_binary(list_to_float(L), [{decimals, O}, compact])),
     readable(catch float_to_list(list_to_float(L), [{scientific, O}])),
     readable(catch list_to_pid(L)), readable(catch list_to_ref(L)), readable(catch list_to_port(L)),
     readable(catch string:to_integer(L)), readable(catch string:to_float(L)),
     readable(catch erlang:split_binary(B, O)), readable(catch base64:decode(B)),
     readable(catch binary:decode_unsigned(B, choose(O, [big, little]))),
     readable(catch binary:split(B, [binary:part(B, 0, min(O, byte_size(B))), <<"e">>], [global])),
     readable(catch binary:matches(B, [<<(O rem 256)>>, <<".">>, <<"00">>])),
     readable(catch erlang:md5(B)), readable(catch erlang:crc32(B)), readable(catch erlang:adler32(O, B))].

same_back(N, Back) when is_number(N) -> must(back, N, Back(N)), use(0, N);
same_back(_, _) -> ok.
