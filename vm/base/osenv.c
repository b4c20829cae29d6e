/* SPDX-License-Identifier: Apache-2.0 */
/* osenv - see osenv.h. The lock guards libc's table, of which there is one per host process, so it is
 * no state of one VM. Layer: base. */
#include "base/osenv.h"

#include "base/lock.h"

static Mutex lock = MUTEX_INIT(SYSTEM);

void osenv_lock(void) { mutex_lock(&lock); }
void osenv_unlock(void) { mutex_unlock(&lock); }
