%% SPDX-License-Identifier: Apache-2.0
%% token_tests - the sequential trace token with messages of native functions (token_tests.c).
-module(token_tests).
-export([main/0, send/3, dirty_send/3]).

main() ->
    native:build("token_tests"),
    ok = erlang:load_nif("./token_tests", 0),
    Ways = [{F, How} || F <- [send, dirty_send], How <- [plain, own, thread]],
    [t:p(io_lib:format("~p", [W]), fun() -> with_token(W) end) || W <- Ways],
    [t:p(io_lib:format("~p", [{no_token, W}]), fun() -> without_token(W) end) || W <- Ways],
    [t:p(io_lib:format("~p", [{traced, W}]), fun() -> traced(W) end) || W <- Ways].

do({F, How}, To, Message) -> ?MODULE:F(To, Message, How).

%% The token that the receiver has after the message, without who sent it.
token_of_receiver() ->
    receive Message -> {Message, numbers(seq_trace:get_token())} after 5000 -> none end.

numbers([]) -> [];
numbers({Flags, Label, Serial, _, Last}) -> {Flags, Label, Serial, Last}.

receiver(Self, Token) ->
    seq_trace:set_token(label, Token),
    Self ! {self(), ready},
    Self ! {self(), token_of_receiver()}.

start(Token) ->
    Self = self(),
    P = spawn(fun() -> receiver(Self, Token) end),
    receive {P, ready} -> seq_trace:set_token([]), P end.

answer(P) -> receive {P, Answer} -> seq_trace:set_token([]), Answer end.

with_token(Way) ->
    P = start(theirs),
    seq_trace:set_token(label, ours),
    Sent = do(Way, P, {hello, [1, 2]}),
    Own = numbers(seq_trace:get_token()),
    {Sent, Own, answer(P)}.

without_token(Way) ->
    P = start(theirs),
    {do(Way, P, hello), numbers(seq_trace:get_token()), answer(P)}.

%% What the system tracer is told.
traced(Way) ->
    Self = self(),
    Tracer = spawn(fun() -> collect(Self, []) end),
    P = start(theirs),
    seq_trace:set_system_tracer(Tracer),
    seq_trace:set_token(label, ours),
    seq_trace:set_token(send, true),
    seq_trace:set_token('receive', true),
    do(Way, P, {hello, "you"}),
    seq_trace:set_token([]),
    Answer = answer(P),
    seq_trace:set_system_tracer(false),
    Tracer ! stop,
    receive {events, Events} -> {Answer, [event(E, #{Self => self, P => other}) || E <- Events, sends(E, Self)]} end.

sends({seq_trace, _, {send, _, From, _, _}}, Self) -> From =:= Self;
sends(_, _) -> false.

collect(To, Events) ->
    receive
        stop -> To ! {events, lists:reverse(Events)};
        E -> collect(To, [E | Events])
    end.

event({seq_trace, Label, {What, Serial, From, To, Message}}, Names) ->
    {Label, What, Serial, maps:get(From, Names), maps:get(To, Names), Message}.

send(_, _, _) -> erlang:nif_error(stub).
dirty_send(_, _, _) -> erlang:nif_error(stub).
