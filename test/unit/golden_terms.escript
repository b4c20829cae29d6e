#!/usr/bin/env escript
%% SPDX-License-Identifier: Apache-2.0
%% golden_terms.escript FILE - writes golden_terms.h with the answers of the erl that runs this.
main([F]) ->
  Ts = [0,1,-1,255,256,134217727,134217728,-134217728,-134217729,1 bsl 31,-(1 bsl 31),1 bsl 59,-(1 bsl 59),(1 bsl 59)-1,1 bsl 64,-(1 bsl 64),1 bsl 100,(1 bsl 100)+1,1.0,-0.0,0.0,1.5,-2.5,9007199254740992.0,9007199254740993,1267650600228229401496703205376.0,foo,aa,ab,'',list_to_atom([229]),list_to_atom([1234]),
   {},{1},{a,1},{a,1.0},{1,2,3},#{},#{a=>1},#{a=>1.0},#{1=>a},#{1.0=>a},#{a=>1,b=>[x]},maps:from_list([{I,I*I}||I<-lists:seq(1,33)]),maps:from_list([{{I},<<I>>}||I<-lists:seq(1,40)]),maps:from_list([{float(I),[I|x]}||I<-lists:seq(1,40)]),
   [],[a],[a|b],"abc","abcde",[1,foo,[2]],[1,2],[1.0,2],[1|2],[[]],[[],[]],
   <<>>,<<"abc">>,<<5:3>>,<<1,2,3:4>>,<<0:800>>,
   binary_to_term(<<131,88,100,0,3,"a@b",1:32,2:32,3:32>>),binary_to_term(<<131,88,100,0,3,"a@b",2:32,1:32,3:32>>),binary_to_term(<<131,90,3:16,100,0,3,"a@b",3:32,1:32,2:32,3:32>>),binary_to_term(<<131,89,100,0,3,"a@b",7:32,3:32>>),binary_to_term(<<131,120,100,0,3,"a@b",(1 bsl 40):64,3:32>>), list_to_pid("<0.5.1>"),fun lists:map/2,fun a:b/1],
  S = lists:sort(Ts),
  G = fun Grp([H|T],R,Acc,P) -> R1=case P=/=none andalso element(2,P)==H of true->R; false->R+1 end, Grp(T,R1,[{R1,H}|Acc],{p,H}); Grp([],_,Acc,_)->lists:reverse(Acc) end,
  L = G(S,0,[],none),
  {ok,Fd}=file:open(F,[write]),
  io:format(Fd,"/* SPDX-License-Identifier: Apache-2.0 */~n/* golden_terms - terms in ascending order with what OTP 25 says of them: rank (equal ranks compare~n * equal with ==), phash in 2^32, phash2 in 2^32, external format.~n * Made by test/unit/golden_terms.escript. */~nstatic const struct GoldenTerm {~n    int rank;~n    unsigned phash, phash2;~n    unsigned bytes;~n    const char *etf;~n} golden_terms[] = {~n",[]),
  [begin B=term_to_binary(T), io:format(Fd,"    {~w, ~wu, ~wu, ~w,~n~s},~n",[R,(erlang:phash(T,1 bsl 32)) rem (1 bsl 32),erlang:phash2(T,1 bsl 32),size(B),lit(binary_to_list(B))]) end||{R,T}<-L],
  io:format(Fd,"};~n",[]), file:close(Fd).
lit([]) -> "";
lit(B) -> {A,R}=lists:split(min(20,length(B)),B), ["     \"",[io_lib:format("\\~3.8.0b",[C])||C<-A],"\"",case R of []->""; _->["\n",lit(R)] end].
