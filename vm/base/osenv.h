/* SPDX-License-Identifier: Apache-2.0 */
/* osenv - the environment of this operating system process, which libc keeps without a lock: all of
 * our accesses take one. os:getenv/1 and friends and starting programs. Layer: base. */
#ifndef JOIST_IO_OSENV_H
#define JOIST_IO_OSENV_H

#include "base/base.h"

extern char **environ;

void osenv_lock(void);
void osenv_unlock(void);

#endif
