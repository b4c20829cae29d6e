/* SPDX-License-Identifier: Apache-2.0 */
/* affinity - see affinity.h. */
#include "base/affinity.h"

#include <sched.h>
#include <unistd.h>

static bool main_mask(cpu_set_t *set)
{
    return sched_getaffinity(getpid(), sizeof *set, set) == 0;
}

bool affinity_is_usable(unsigned cpu)
{
    cpu_set_t set;
    return cpu < CPU_SETSIZE && main_mask(&set) && CPU_ISSET(cpu, &set);
}

void affinity_bind_self(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (cpu >= 0)
        CPU_SET(cpu, &set);
    else if (!main_mask(&set))
        return;
    (void)sched_setaffinity(0, sizeof set, &set);
}

void affinity_as(pthread_t other)
{
    cpu_set_t set;
    if (pthread_getaffinity_np(other, sizeof set, &set) == 0) (void)sched_setaffinity(0, sizeof set, &set);
}

void affinity_forget(pthread_attr_t *attr)
{
    cpu_set_t set;
    if (main_mask(&set)) (void)pthread_attr_setaffinity_np(attr, sizeof set, &set);
}
