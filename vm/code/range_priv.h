/* SPDX-License-Identifier: Apache-2.0 */
/* range_priv - start of the range table, for code.c. Layer: code. */
#ifndef JOIST_CODE_RANGE_PRIV_H
#define JOIST_CODE_RANGE_PRIV_H

#include "base/vm.h"

void range_init(Vm *vm);

#endif
