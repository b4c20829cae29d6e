/* SPDX-License-Identifier: Apache-2.0 */
/* native_text - texts between Erlang and the system: names of files and programs, arguments, environment.
 * Outside they are bytes without a zero: UTF-8, or Latin-1 where the locale or +fnl says so.
 * Semantics: stdlib's "Using Unicode in Erlang", file names; erl(1) +fn. Layer: io. */
#ifndef JOIST_IO_NATIVE_TEXT_H
#define JOIST_IO_NATIVE_TEXT_H

#include "base/buf.h"
#include "base/vm.h"
#include "heap/heap.h"

/* utf8: else Latin-1. undecodable: how the loader of directories is told of a name that is no text
 * (warning, ignore or error). */
void native_text_init(Vm *vm, bool utf8, term_t undecodable);
/* The environment names a UTF-8 locale that exists. */
bool native_text_locale_is_utf8(void);
bool native_text_is_utf8(const Vm *vm);
term_t native_text_undecodable(const Vm *vm);

/* Append a deep list of characters. False: something else, a zero, or one that has no encoding. */
bool native_text_put_list(Buf *b, const Vm *vm, term_t list);
/* Append the bytes of a binary as they are. False: no binary, or a zero in it. */
bool native_text_put_binary(Buf *b, term_t binary);
/* One or the other. */
bool native_text_put(Buf *b, const Vm *vm, term_t text);
/* List of characters; TERM_NONE: not text in the system's encoding. */
term_t native_text_list(Heap *h, const Vm *vm, const uint8_t *bytes, size_t n);

#endif
