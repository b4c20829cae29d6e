/* SPDX-License-Identifier: Apache-2.0 */
/* heap_limit - the report of a process whose heap has grown beyond its max_heap_size.
 * Called at the end of a collection: everything is built in a heap of its own. Layer: proc. */
#include "base/clock.h"
#include "data/map.h"
#include "proc/process_info.h"
#include "proc/registry.h"

static const char report[] =
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

void process_heap_limit_report(void *process, uint64_t total_words, bool kill)
{
    Process *p = process, *logger = registry_find_process(p->vm, am_logger);
    if (!logger) return;
    Heap h = {0};
    term_t tag[] = {am_tag, am_error, am_emulator, am_true};
    term_t meta[] = {am_gl, term_copy(&h, p->group_leader), am_pid, p->id,
                     am_time, heap_int(&h, clock_os_system_ns() / NS_PER_US),
                     am_error_logger, map_from_pairs(&h, tag, 2, NULL)};
    term_t format = heap_string(&h, report, sizeof report - 1, TERM_NIL);
    term_t args = arguments(p, &h, total_words, kill), map = map_from_pairs(&h, meta, 4, NULL);
    message_send_heap(p->vm, p->id, logger, heap_tuple5(&h, am_log, am_error, format, args, map), &h);
}
