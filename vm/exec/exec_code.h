/* SPDX-License-Identifier: Apache-2.0 */
/* exec_code - the few instructions that belong to no module. One block per VM. Layer: exec, private. */
#ifndef JOIST_EXEC_EXEC_CODE_H
#define JOIST_EXEC_EXEC_CODE_H

#include "exec/exec_priv.h"

typedef struct ExecCode {
    code_t normal_exit[1]; /* bottom of every stack; ProcExecOps.normal_exit points here */
    code_t entry_apply[1];
    code_t undefined_lambda[1];
    code_t purging_lambda[1];
    code_t hibernate[1];   /* where a hibernating process waits */
} ExecCode;

const code_t *exec_hibernate_code(Vm *vm);

#endif
