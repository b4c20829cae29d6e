/* SPDX-License-Identifier: Apache-2.0 */
/* cpus_priv - what cpus*.c share. Layer: sys. */
#ifndef JOIST_SYS_CPUS_PRIV_H
#define JOIST_SYS_CPUS_PRIV_H

#include "sys/cpus.h"

/* count entries without any id. */
Cpus *cpus_new(unsigned count);
/* Sort by place. NULL, or why these entries are no topology. */
const char *cpus_arrange(Cpus *c);

#endif
