# SPDX-License-Identifier: Apache-2.0
# escript: interpreted, compiled, with flags, and how scripts fail.
cat >s.escript <<'END'
#!/usr/bin/env escript
%% -*- erlang -*-
%%! -my_flag 1 +S 1
-export([helper/0]).
main(["fail"]) -> error(bad);
main(["halt"]) -> halt(7);
main(["exit"]) -> exit(x);
main(["throw"]) -> throw(x);
main(["fun"]) -> io:format("~p~n", [lists:map(fun(X) -> X * helper() end, [1, 2])]);
main(Args) ->
    io:format("~p ~p ~p~n", [Args, init:get_argument(my_flag), erlang:system_info(schedulers)]),
    io:format("~ts~n", [filename:basename(escript:script_name())]).
helper() -> 21.
END
escript s.escript a "b c"; echo "status $?"
escript -c s.escript fun; echo "status $?"
escript s.escript fun; echo "status $?"
for how in fail halt exit throw; do escript s.escript $how >out 2>&1; echo "$how: status $? lines $(wc -l <out)"; done
chmod +x s.escript; ./s.escript direct; echo "status $?"
printf '#!/usr/bin/env escript\nmain(_) -> no_such(1).\n' >broken.escript
escript broken.escript; echo "status $?"
escript -s s.escript; echo "status $?"
escript nope; echo "status $?"
echo 'main(_) -> io:format("~p~n", [io:get_line("")]).' >r.escript; sed -i '1i #!/usr/bin/env escript' r.escript
echo input | escript r.escript
