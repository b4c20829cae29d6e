%% SPDX-License-Identifier: Apache-2.0
%% Module re: results, options and errors; then a few thousand patterns put together at random.
%% Left out, because PCRE2 does it differently (bifs/re_cache.h): recursions without end, (*ACCEPT:name).
-module(re_tests).
-export([main/0]).

main() ->
    fixed(),
    rand:seed(exsss, {7, 8, 9}),
    [random(I) || I <- lists:seq(1, 4000)],
    ok.

fixed() ->
    {ok, MP} = re:compile("a(b)(?<x>c)"),
    t:each(fun(O) -> re:run("zabc", MP, O) end,
           [[], [{capture, all_names}], [{capture, all_names, binary}], [{capture, [x, 1, "x", 0, 7, foo], list}],
            [{capture, [], list}], [{capture, none}], [{capture, first, list}], [{capture, all_but_first, list}],
            [{capture, all_but_first, foo}], [{capture, foo}], [{capture, [{a}]}], [{capture, ["a" | b]}], [anchored],
            [{newline, cr}, notbol, noteol, notempty, bsr_unicode], [{offset, 1}],
            [{offset, 2}], [{offset, -1}], [global], [global, {capture, all, list}], [foo], foo, [{match_limit, -1}],
            [{match_limit, foo}], [{match_limit, 1 bsl 40}], [report_errors]]),
    %% The tuples of the two libraries differ: only whether the options were taken is compared.
    [t:p(io_lib:format("compiled with ~p", [O]), fun() -> catch_class(fun() -> re:run("zabc", MP, [O]) end) end)
     || O <- [caseless, unicode, extended, never_utf, no_start_optimize]],
    t:each(fun(P) -> {re_pattern, N, U, C, _} = element(2, re:compile(P)), {N, U, C} end,
           ["(*CRLF)a", "(*ANY)a", "(*LF)a", "(*UTF8)a", "(a)(b(c))", ""]),
    t:each(fun(O) -> element(1, re:compile("a", O)) end,
           [[{newline, N}] || N <- [cr, lf, crlf, anycrlf, any, nul]] ++ [[notempty], [{offset, 3}], [global], [dotall | x],
            [{capture, none}], [report_errors], [unicode, never_utf], [bsr_unicode, bsr_anycrlf]]),
    t:each(fun(P) -> re:compile(P) end,
           ["a(", "\\", "a{3,1}", "*", "[z-a]", "(?z)", "\\2", "(?<n>a)(?<n>b)", "\\L", "a)", "[a", "(?<1>a)", "\\x{100}",
            "(?P<n", "[[:foo:]]", "\\p{foo}", "(?(1)a|b|c)", "(?<=a+)b", "\\g", "\\k", foo, [300]]),
    t:p("bad utf8", fun() -> re:compile(<<255>>, [unicode]) end),
    t:p("subject with bad utf8", fun() -> re:run(<<$a, 255>>, "a.", [unicode]) end),
    t:p("inside a character", fun() -> re:run(<<$a, 400/utf8>>, "a.", [unicode, {offset, 2}]) end),
    t:p("report", fun() -> re:run("abc", "b(", [report_errors]) end),
    t:p("limit", fun() -> re:run(lists:duplicate(30, $a) ++ "b", "(a+)+$", [report_errors]) end),
    t:p("no report", fun() -> re:run("aaaaaaaaaaaaab", "(a+)+$", [{match_limit, 10}]) end),
    t:p("foreign", fun() -> re:run("abc", {re_pattern, 1, 0, 0, <<"xx">>}) end),
    t:p("stored", fun() -> re:run("abc", binary_to_term(term_to_binary(MP))) end),
    t:p("inspect", fun() -> {re:inspect(MP, namelist), catch_class(fun() -> re:inspect(MP, foo) end)} end),
    t:p("same name", fun() -> {ok, M} = re:compile("(?J)(?<n>a)|(?<n>b)"),
        {re:run("b", M, [{capture, [n], list}]), re:inspect(M, namelist), re:run("b", M, [{capture, all_names, list}])} end),
    t:p("latin1", fun() -> [C || C <- lists:seq(0, 255), re:run([C], "\\w") =/= nomatch] end),
    t:p("latin1 case", fun() -> [{C, D} || C <- lists:seq(128, 255), D <- lists:seq(128, 255), C =/= D,
                                 re:run([D], <<"[", C, "]">>, [caseless]) =/= nomatch] end),
    t:p("unicode", fun() -> {re:run([$a, 400], "a.", [unicode, {capture, all, list}]), re:run("ÅÄÖ", "ä", [unicode, caseless]),
                             re:replace("größe", "ö", "oe", [unicode, {return, list}])} end),
    t:p("replace", fun() -> re:replace("abcd", "[bc]", "<&\\g0\\1>", [global, {return, list}]) end),
    t:p("split", fun() -> {re:split("a, b,c", ",\\s*"), re:split("abc", "", [{return, list}]), re:split("a1b", "(\\d)", [trim])} end).

catch_class(F) -> try F() catch C:R -> {C, R} end.

random(I) ->
    P = lists:append([pick(tokens()) || _ <- lists:seq(1, rand:uniform(3))]),
    C = pick(compile_options()),
    S = pick(subjects()),
    R = pick(run_options()),
    try re:compile(P, C) of
        {ok, {re_pattern, N, U, L, _} = MP} ->
            io:format("~w ~0tp ~0tp ~0tp ~0tp: ~0tp~n",
                      [I, P, C, S, R, {N, U, L, re:inspect(MP, namelist), catch_class(fun() -> re:run(S, MP, R) end),
                       catch_class(fun() -> re:run(S, P, R ++ C) end), catch_class(fun() -> re:split(S, MP, [{return, list}]) end),
                       catch_class(fun() -> re:replace(S, MP, "<&\\1>", [global, {return, list}]) end)}]);
        {error, _} -> io:format("~w ~0tp ~0tp: error~n", [I, P, C])
    catch
        Class:Reason -> io:format("~w ~0tp ~0tp: ~0tp~n", [I, P, C, {Class, Reason}])
    end.

pick(T) -> element(rand:uniform(tuple_size(T)), T).

tokens() ->
    {"a", "b", "c", "ab", ".", "(a)", "(b|c)", "a*", "[a-c]+", "\\w", "x?", "a|b", "(?<n>b)", "(?:a|b)", "[^a]", "$", "^", "\\b",
     "(?=b)", "(?!b)", "(?<=a)", "(?<!a)", "(?i)", "(?s)", "\\R", "\\X", "\\d", "\\W", "\\j", "\\8", "\\1", "\\x{41}", "\\Q.\\E",
     "\\N", "\\p{Lu}", "\\pL", "\\K", "\\h", "\\A", "\\z", "\\Z", "\\G", "{2}", "+", "*", "?", "*?", "++", "(?>a|ab)", "(?|(a)|(b))",
     "(?(1)b|c)", "[[:alpha:]]", "[\\d-z]", "[\\B]", "-", " ", "#", "\n", "\\g{-1}", "(?P=n)", "(?'m'c)", "[[:punct:]]", "(*F)",
     "(?#c)", "\\cA", "\\C", "(*COMMIT)", "(*PRUNE)", "(*SKIP)", "(a", "b)", "[", "\\400", "(?1)"}.

compile_options() ->
    {[], [], [caseless], [multiline], [dotall], [extended], [unicode], [unicode, ucp], [ungreedy], [dollar_endonly],
     [firstline], [anchored], [{newline, crlf}], [{newline, any}], [bsr_anycrlf], [dupnames], [no_auto_capture]}.

subjects() ->
    {"zz", "a", "abc", "aab", "ab\nab", "ABC", "xaxbxc", "aaaa", "1 2", "\r\na\r\n", <<"åäö"/utf8>>, [229, 228, 246],
     [$a, 400, $b], "a-b c"}.

run_options() ->
    {[], [], [global], [global, {capture, all, list}], [{capture, all, binary}], [{capture, all_but_first, list}],
     [{capture, first}], [{capture, none}], [{capture, all_names, binary}], [{capture, [1, 2, 0, "n", n], list}], [notbol],
     [noteol], [notempty], [notempty_atstart], [{offset, 1}], [report_errors], [global, {capture, all, binary}],
     [{newline, cr}]}.
