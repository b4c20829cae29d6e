# SPDX-License-Identifier: Apache-2.0
# The operating system's clock is set while the VM runs: a library in front of the real one adds what stands in a file.
# What shows it at once, what follows it in multi_time_warp alone, and the message to who monitors the offset.
cat > shift.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long shift(void)
{
    long s = 0;
    FILE *f = fopen(getenv("SHIFT"), "r");
    if (f && fscanf(f, "%ld", &s) != 1) s = 0;
    if (f) fclose(f);
    return s;
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int r = real(id, ts);
    if (id == CLOCK_REALTIME) ts->tv_sec += shift();
    return r;
}

int gettimeofday(struct timeval *tv, void *zone)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    *tv = (struct timeval){ts.tv_sec, ts.tv_nsec / 1000};
    return zone != NULL;
}

time_t time(time_t *t)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    if (t) *t = ts.tv_sec;
    return ts.tv_sec;
}
C
cc -shared -fPIC -o shift.so shift.c -ldl || exit 1
cat > warp.erl <<'E'
-module(warp).
-export([main/0]).

main() ->
    Ref = monitor(time_offset, clock_service),
    Before = clocks(),
    Old = erlang:time_offset(),
    ok = file:write_file(os:getenv("SHIFT"), "36000"),
    case erlang:system_info(time_warp_mode) of
        multi_time_warp -> io:format("~p~n", [changed(Ref, Old, 1500)]);
        _ -> timer:sleep(1500)
    end,
    Hours = [{Name, round((T - T0) / 3600)} || {{Name, T}, {_, T0}} <- lists:zip(clocks(), Before)],
    io:format("~p ~p~n", [erlang:system_info(time_warp_mode), Hours]),
    halt().

clocks() ->
    Seconds = fun calendar:datetime_to_gregorian_seconds/1,
    [{os, os:system_time(second)}, {os_timestamp, s(os:timestamp())}, {local, Seconds(erlang:localtime())},
     {universal, Seconds(erlang:universaltime())}, {date, Seconds({date(), time()})}, {system, erlang:system_time(second)},
     {timestamp, s(erlang:timestamp())}, {now, s(erlang:now())}, {offset, erlang:time_offset(second)},
     {monotonic, erlang:monotonic_time(second)}].

s({M, S, _}) -> M * 1000000 + S.

changed(Ref, Old, N) when N > 0 ->
    receive
        {'CHANGE', Ref, time_offset, clock_service, New} ->
            {by, round((New - Old) / erlang:convert_time_unit(3600, second, native)), New =:= erlang:time_offset()}
    after 100 ->
        _ = erlang:system_time(),
        changed(Ref, Old, N - 1)
    end;
changed(_, _, 0) -> never.
E
erlc +nowarn_deprecated_function warp.erl || exit 1
export SHIFT=$PWD/shift ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0
for mode in no_time_warp single_time_warp multi_time_warp; do
    rm -f shift
    LD_PRELOAD=$PWD/shift.so erl +C $mode -noinput -pa . -s warp main
done
