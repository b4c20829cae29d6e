%% SPDX-License-Identifier: Apache-2.0
%% Files in memory: file:open/2 with `ram`, in all modes.
-module(ram_file_tests).
-export([main/0]).

main() ->
 P=fun(L,X)->io:format("~p ~0p~n",[L,X]) end,
 [begin {ok,F}=file:open(<<"hello world">>,[ram|M]), P(open,M),
  P(read,file:read(F,5)), P(read,file:read(F,100)),P(read,file:read(F,1)),P(read0,file:read(F,0)),
  P(pos,file:position(F,bof)),P(pos,file:position(F,{eof,-3})),P(read,file:read(F,10)),P(pos,file:position(F,{cur,-20})),P(pos,file:position(F,-1)),P(pos,file:position(F,cur)),
  P(pos,file:position(F,20)),P(read,file:read(F,2)),P(w,file:write(F,"xyz")),P(sz,ram_file:get_size(F)),P(get,ram_file:get_file(F)),
  P(pread,file:pread(F,2,3)),P(pread,file:pread(F,200,3)),P(pread,file:pread(F,[{0,2},{5,0},{100,1}])),P(pread,file:pread(F,-1,1)),
  P(pwrite,file:pwrite(F,1,"EE")),P(pwrite,file:pwrite(F,[{0,"J"},{30,"!"}])),P(pwrite,file:pwrite(F,-1,"EE")),P(cur,file:position(F,cur)),
  P(pos,file:position(F,4)),P(tr,file:truncate(F)),P(get,ram_file:get_file(F)),P(sz,ram_file:get_size(F)),P(sync,file:sync(F)),P(ds,file:datasync(F)),
  P(alloc,file:allocate(F,0,100)),P(sz,ram_file:get_size(F)),P(adv,file:advise(F,0,10,normal)),P(close,file:close(F)),P(rd,file:read(F,1)) end||M<-[[],[read],[write],[read,write],[read,write,binary],[write,binary]]],
 ok.
