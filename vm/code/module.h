/* SPDX-License-Identifier: Apache-2.0 */
/* module - modules and their loaded instances.
 * A module has at most one current and one old instance, and, while its on_load function has not
 * returned, an instance in `on_load` whose exports are not yet reachable. A CodeInstance is built by the
 * loader, constant once published, and owns its code words, tables and literal area.
 *
 *   code words of a function:   [func_info][module][function][arity] entry: [insn]...
 *
 * Threads: fields of Module: read lock-free, written under the code write lock. Layer: code. */
#ifndef JOIST_CODE_MODULE_H
#define JOIST_CODE_MODULE_H

#include "code/code.h"
#include "code/funtab.h"

/* `line` holds from word `offset` of the code on, until the next entry; line 0: unknown. */
typedef struct CodeLine {
    uint32_t offset;
    uint32_t file;            /* index in files */
    uint32_t line;
} CodeLine;

typedef struct CodeExport {
    Export *export;
    const code_t *addr;
} CodeExport;

struct LiteralArea;
struct Module;

typedef struct CodeInstance {
    struct Module *module;
    term_t name;
    uint8_t md5[16];
    code_t *code;             /* code_words words; the last one is int_code_end */
    size_t code_words;
    const code_t **functions; /* entry of each function, ascending */
    size_t function_count;
    CodeExport *exports;
    size_t export_count;
    FunEntry **funs;          /* of FunT, by position */
    const code_t **fun_addrs;
    size_t fun_count;
    CodeLine *lines;          /* ascending offset */
    size_t line_count;
    term_t *files;            /* file names: literal strings of the area; [0] is Module.erl */
    size_t file_count;
    unsigned char *strings;   /* StrT */
    size_t string_bytes;
    unsigned char *attributes, *compile_info; /* external term format, as in the file */
    size_t attributes_bytes, compile_info_bytes;
    const code_t *on_load;    /* entry of the on_load function, or NULL */
    term_t *literals;         /* by literal index */
    size_t literal_count;
    struct LiteralArea *literal_area; /* where they live, NULL: none */
    void *native;             /* exec/jit: native code of its functions, or NULL */
    void *nif_library;        /* nif/nif.h: library loaded for this instance, or NULL */
    bool preloaded;
} CodeInstance;

typedef struct Module {
    term_t name;              /* const */
    CodeInstance *_Atomic current;
    CodeInstance *_Atomic old;
    CodeInstance *_Atomic on_load;
    _Atomic(bool) loaded;     /* written under the write lock: the exports of current can be called */
    CodeInstance *_Atomic purging; /* written under the write lock: the instance of the purge in progress */
    bool preloaded;
    Export on_load_call;      /* write lock: in no table; leads to the staged on_load function */
} Module;

Module *module_get(Vm *vm, term_t name);
/* NULL when no module of that name was ever loaded. */
Module *module_find(Vm *vm, term_t name);
/* The running instance, or NULL. */
CodeInstance *module_current(Vm *vm, term_t name);
void module_each(Vm *vm, void (*fn)(Module *m, void *ctx), void *ctx);

static inline bool instance_contains(const CodeInstance *c, const void *address)
{
    return (const code_t *)address >= c->code && (const code_t *)address < c->code + c->code_words;
}
/* Entry address of a function (exported or not) of this instance, NULL when absent. */
const code_t *instance_function(const CodeInstance *c, term_t function, word_t arity);
/* Free the instance and all it owns except the literal area. Nobody may be able to reach it. */
void instance_free(Vm *vm, CodeInstance *c);

/* The module's current code becomes old; its exports undefined, unless another instance took them.
 * Caller holds the write lock and knows that there is no old code. */
void module_retire_locked(Vm *vm, Module *m);
/* `c` becomes current: exports, funs and ranges lead to its code. What was current becomes old; there must be no old
 * code then. A function that both have can be called all the time. */
void module_publish_locked(Vm *vm, Module *m, CodeInstance *c);
/* Make the code of c known to range look-ups without making it reachable (on_load). */
void module_stage_locked(Vm *vm, Module *m, CodeInstance *c);

#endif
