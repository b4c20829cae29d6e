/* SPDX-License-Identifier: Apache-2.0 */
/* report - error reports of the VM itself, sent to the system logger. Layer: proc. */
#ifndef JOIST_PROC_REPORT_H
#define JOIST_PROC_REPORT_H

#include "proc/process.h"

/* Format (of io:format/2) and arguments, a list built in h (fragment-only; emptied), on behalf of p.
 * Owner of p; p's heap is not touched. False: there is no logger; h is emptied all the same. */
bool report_error(Process *p, Heap *h, const char *format, term_t args);
/* Same on behalf of nobody; any thread that may read process structures. */
bool report_error_vm(Vm *vm, Heap *h, const char *format, term_t args);
/* HeapPolicy.limit_hook: the heap has grown beyond max_heap_size. Called at the end of a collection. */
void report_heap_limit(void *process, uint64_t total_words, bool kill);

#endif
