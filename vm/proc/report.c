/* SPDX-License-Identifier: Apache-2.0 */
/* report - see report.h. Layer: proc. */
#include "proc/report.h"

#include "base/clock.h"
#include "data/map.h"
#include "proc/process_info.h"
#include "proc/registry.h"

static Process *logger(Vm *vm)
{
    term_t to = process_logger(vm);
    return term_is_local_pid(to) ? process_lookup_alive(vm, to) : registry_find_process(vm, to);
}

bool report_error(Process *p, Heap *h, const char *format, term_t args)
{
    Process *to = logger(p->vm);
    if (!to) {
        heap_dispose(h);
        return false;
    }
    term_t tag[] = {am_tag, am_error, am_emulator, am_true};
    term_t meta[] = {am_gl, term_copy(h, p->group_leader), am_pid, p->id,
                     am_time, heap_int(h, clock_os_system_ns() / NS_PER_US),
                     am_error_logger, map_from_pairs(h, tag, 2, NULL)};
    term_t text = heap_string(h, format, strlen(format), TERM_NIL), map = map_from_pairs(h, meta, 4, NULL);
    message_send_heap(p->vm, p->id, to, heap_tuple5(h, am_log, am_error, text, args, map), h);
    return true;
}

bool report_error_vm(Vm *vm, Heap *h, const char *format, term_t args)
{
    Process *to = logger(vm);
    if (!to) {
        heap_dispose(h);
        return false;
    }
    term_t tag[] = {am_tag, am_error, am_emulator, am_true};
    term_t meta[] = {am_time, heap_int(h, clock_os_system_ns() / NS_PER_US), am_error_logger,
                     map_from_pairs(h, tag, 2, NULL)};
    term_t text = heap_string(h, format, strlen(format), TERM_NIL), map = map_from_pairs(h, meta, 2, NULL);
    message_send_heap(vm, am_system, to, heap_tuple5(h, am_log, am_error, text, args, map), h);
    return true;
}

static const char heap_limit[] =
    "     Process:            ~p ~n"
    "     Context:            maximum heap size reached~n"
    "     Max Heap Size:      ~p~n"
    "     Total Heap Size:    ~p~n"
    "     Kill:               ~p~n"
    "     Error Logger:       ~p~n"
    "     Message Queue Len:  ~p~n"
    "     GC Info:            ~p~n";

static term_t arguments(Process *p, Heap *h, uint64_t total_words, bool kill)
{
    term_t gc_info = process_info_build(p, am_garbage_collection_info, h, true);
    term_t args[] = {p->id, heap_uint(h, p->max_heap >> 3), heap_uint(h, total_words), term_bool(kill),
                     am_true, term_small(p->sigq.msg_len), tuple_element(gc_info, 2)};
    return heap_list(h, ARRAY_LEN(args), args, TERM_NIL);
}

void report_heap_limit(void *process, uint64_t total_words, bool kill)
{
    Heap h = {0};
    term_t args = arguments(process, &h, total_words, kill);
    (void)report_error(process, &h, heap_limit, args);
}
