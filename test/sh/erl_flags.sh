# SPDX-License-Identifier: Apache-2.0
# How erl takes its words, and with which status it leaves.
erl -noshell -eval 'io:format("~p~n", [1 + 1]), halt().'; echo "status $?"
erl -noshell -eval 'halt(3).'; echo "status $?"
erl -noshell -eval 'init:stop(4).'; echo "status $?"
erl -noshell -run erlang halt 5; echo "status $?"
erl -noshell -s init stop; echo "status $?"
erl -noshell -s no_such_module >out 2>&1; echo "status $?"; grep -c undef out; rm -f erl_crash.dump
erl -noshell -eval 'io:format("~p~n", [init:get_plain_arguments()]), halt().' -extra a "b c" -d +e
erl -noshell -foo 1 2 -bar -foo 3 -eval 'io:format("~p ~p ~p~n", [init:get_argument(foo), init:get_argument(bar), init:get_argument(baz)]), halt().'
erl -noshell -kernel my_parameter '{a, [1]}' -eval 'io:format("~p~n", [application:get_env(kernel, my_parameter)]), halt().'
ERL_AFLAGS="-a1 x" ERL_ZFLAGS="-z1 y" ERL_FLAGS="-f1 z" erl -noshell -eval 'io:format("~p~n", [[init:get_argument(A) || A <- [a1, z1, f1]]]), halt().'
printf -- '-one 1\n# comment\n-two "a b"\n' >args
erl -args_file args -noshell -eval 'io:format("~p~n", [[init:get_argument(A) || A <- [one, two]]]), halt().'
erl -env MY_VARIABLE value -noshell -eval 'io:format("~p~n", [os:getenv("MY_VARIABLE")]), halt().'
mkdir -p code && erl -pa code -noshell -eval 'io:format("~p~n", [filename:basename(hd(code:get_path()))]), halt().'
echo '[{kernel, [{from_config, 42}]}].' >sys.config
erl -config sys -noshell -eval 'io:format("~p~n", [application:get_env(kernel, from_config)]), halt().'
erl +P 5000 -noshell -eval 'io:format("~p~n", [erlang:system_info(process_limit)]), halt().'
erl +S 3:1 -noshell -eval 'io:format("~p~n", [[erlang:system_info(K) || K <- [schedulers, schedulers_online]]]), halt().'
erl -mode minimal -boot no_dot_erlang -noinput -eval 'io:format("~p~n", [init:get_argument(mode)]), halt().'
echo 'hello from a pipe' | erl -noshell -eval 'io:format("~p~n", [io:get_line("")]), halt().'
printf '1.\n[2].\n' | erl -noshell -eval 'io:format("~p ~p ~p~n", [io:read(""), io:read(""), io:read("")]), halt().'
erl -noshell -eval 'io:put_chars(standard_error, "to stderr\n"), halt().' 2>&1 >/dev/null
erl -noshell -eval 'io:format("~ts~n", ["é日"]), halt().'
erl -noshell -eval 'io:format("~p~n", [lists:sort([A || {A, _, _} <- application:which_applications()])]), halt().'
erl +B -noshell -eval 'io:format(lists:duplicate(200000, $x)), halt().' | wc -c
for f in "" "+W e" "+W i" "+pc unicode" "+pclatin1"; do
    erl $f -noshell -eval 'io:format("~p ~p~n", [error_logger:warning_map(), io:printable_range()]), halt().'
done
for f in +fnue +fnui +fnuw; do
    erl $f -noshell -eval 'io:format("~p~n", [prim_file:internal_native2name(<<"a", 229>>)]), halt().'
done
erl +MYtt 512 +MYtp 8 -noshell -eval '{_, V, _, S} = erlang:system_info(allocator), {_, O} = lists:keyfind(sys_alloc, 1, S), io:format("~p ~p~n", [length(V), O]), halt().'
erl +MYtt 2097152 -noshell -s init stop 2>&1 | head -n 1
script -qec "stty rows 40 cols 90; erl -noshell -eval 'io:format(\"~p ~p~n\", [io:columns(), io:rows()]), halt().'" /dev/null
erl -noshell -eval 'io:format("~p ~p~n", [io:columns(), io:rows()]), halt().' </dev/null | cat
echo '[{kernel, [{from_config, 43}]}].' >fd.config
erl -noshell -configfd 3 -eval 'io:format("~p~n", [application:get_env(kernel, from_config)]), halt().' 3<fd.config
erl -noshell -configfd 0 -eval 'io:format("~p~n", [application:get_env(kernel, from_config)]), halt().' <fd.config
erl -configfd 0 -eval 'io:format("~p~n", [application:get_env(kernel, from_config)]), halt().' <fd.config 2>&1
erl -emu_args_exit -configfd 0 -configfd 3 | grep -x -e '-noinput' -e '-noshell' -e '-configfd'
erl -configfd 2>&1; echo "status $?"
for f in "+SP 550550" "+SP -5:3" "+SP 50:-5" "+SDPcpu -5" "+SDPcpu 150:150" "+S 2:1 +SDcpu 5:2" "+SP 60000"; do
    erl $f -noshell -eval 'io:format("~p~n", [[erlang:system_info(K) || K <- [schedulers, schedulers_online, dirty_cpu_schedulers, dirty_cpu_schedulers_online]]]), halt().' 2>&1 | head -n 1
done
