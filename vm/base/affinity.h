/* SPDX-License-Identifier: Apache-2.0 */
/* affinity - which processors a thread may run on. What the program as a whole may use is the mask of its main
 * thread, which is never bound. Threads: any. Layer: base. */
#ifndef JOIST_BASE_AFFINITY_H
#define JOIST_BASE_AFFINITY_H

#include "base/base.h"

#include <pthread.h>

bool affinity_is_usable(unsigned cpu);
/* Bind the calling thread to a processor; -1: to all that are usable. */
void affinity_bind_self(int cpu);
/* The calling thread may run where another one may, while that exists. */
void affinity_as(pthread_t other);
/* A thread made with attr is not bound as its maker is. */
void affinity_forget(pthread_attr_t *attr);

#endif
