/* SPDX-License-Identifier: Apache-2.0 */
/* time_unit - erlang:time_unit() terms. Layer: bifs. */
#ifndef JOIST_BIFS_TIME_UNIT_H
#define JOIST_BIFS_TIME_UNIT_H

#include "term/term.h"

/* Parts per second that a time unit stands for, 0: not a time unit. */
uint64_t time_unit_per_second(term_t unit);

#endif
