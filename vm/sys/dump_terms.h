/* SPDX-License-Identifier: Apache-2.0 */
/* dump_terms - the terms of processes in a crash dump: stack, messages, dictionary, and the objects they lead to.
 * Literals that some process leads to and binaries outside of the heaps follow behind all processes, once.
 * The VM has been stopped for good: binaries get a mark. What is read may be broken, so each function is to be called
 * under fault_survive; text holds whole lines only then.
 * Semantics: the format that crashdump_viewer of OTP's observer reads, version 0.5. Layer: sys. */
#ifndef JOIST_SYS_DUMP_TERMS_H
#define JOIST_SYS_DUMP_TERMS_H

#include "base/buf.h"
#include "heap/heap_walk.h"
#include "proc/process.h"

#include <stdio.h>

typedef struct DumpTerms {
    FILE *f;
    Vm *vm;
    Buf text;               /* not yet in f */
    size_t lines_end;       /* of its last whole line */
    HeapWalk literals;      /* noted by the processes, visited at last */
    bool of_literals;       /* they are being written: their binaries have no sections of their own */
} DumpTerms;

void dump_terms_begin(DumpTerms *d, FILE *f, Vm *vm);
void dump_terms_process(DumpTerms *d, Process *p);
void dump_terms_literals(DumpTerms *d);
void dump_terms_binaries(DumpTerms *d, Process *p);
/* Whole lines to the file; the rest, from something broken, is dropped. */
void dump_terms_flush(DumpTerms *d);

#endif
