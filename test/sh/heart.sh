# SPDX-License-Identifier: Apache-2.0
# heart when its port closes: the VM may go on for a while; the command is run when the VM is gone.
said() { sed -n 's/^heart: .*20[0-9][0-9]: /heart: /p' err; cat out; }
lose() { # the process heart ends, and with it the port; the VM ends half a second later
    erl -noshell -heart -eval "$1, spawn(fun() -> timer:sleep(250), io:format(\"still here~n\") end), exit(whereis(heart), kill)." >out 2>err
    echo "status $?"
    for i in $(seq 300); do grep -q Terminating err && break; sleep 0.1; done
    said
}
echo "without a command"; lose ok
echo "with a command"; lose 'heart:set_cmd("echo rebooted")'
export HEART_COMMAND='echo from the environment'
echo "with the environment's"; lose ok
echo "killed"
erl -noshell -heart -eval 'heart:set_cmd("echo killed"), io:format("ready~n"), receive after infinity -> ok end.' >out 2>err & vm=$!
for i in $(seq 300); do grep -q ready out && break; sleep 0.1; done
kill -KILL $vm; wait $vm 2>/dev/null
for i in $(seq 300); do grep -q Terminating err && break; sleep 0.1; done
said
