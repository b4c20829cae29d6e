/* SPDX-License-Identifier: Apache-2.0 */
/* file - natives of prim_file: raw files and file system operations.
 *   file_name.c    names between Erlang and the system
 *   file_handle.c  open files: reading, writing, positions
 *   file_fs.c      operations on paths
 * All operations that may block run on dirty I/O threads. A file is a magic reference; the
 * descriptor closes with the last reference to it, or by close_nif.
 * Errors: {error, Posix} as errno says; a call with arguments of the wrong kind raises badarg.
 * Semantics: kernel's file(3), prim_file.erl of the OTP in use. Layer: io. */
#ifndef JOIST_IO_FILE_H
#define JOIST_IO_FILE_H

#include "bifs/bif.h"
#include "data/binary.h"

/* {error, Reason} for an errno value. */
term_t file_error(Process *p, int error);
/* ok, or {error, Reason} from errno, of a call that returns 0 or -1. */
term_t file_result(Process *p, int result);
/* Path of an encoded name (binary with terminating zero, as internal_name2native makes), or NULL. Valid
 * while the term lives and until temp_bytes_free(temp), which the caller calls in any case. */
const char *file_path(term_t name, TempBytes *temp);
/* The descriptor of an open file reference; -1: closed, -2: not a file. */
int file_descriptor_of(term_t ref);

#endif
