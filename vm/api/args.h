/* SPDX-License-Identifier: Apache-2.0 */
/* args - growing argument lists, and texts cut into arguments as a shell does. Layer: api. */
#ifndef JOIST_API_ARGS_H
#define JOIST_API_ARGS_H

#include "base/base.h"

typedef struct Args {
    char **at;         /* NULL-terminated; strings are never freed */
    int count, capacity;
} Args;

void args_add(Args *a, const char *arg);
void args_add_all(Args *a, const Args *from);
/* Words of text: quotes, backslash, and, if comments, # to the end of the line. */
void args_split(Args *a, const char *text, bool comments);
char *text_format(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Prints what is left of the output and ends the process as a VM ends: what was made for it is not freed. */
NORETURN void leave(int status);

#endif
