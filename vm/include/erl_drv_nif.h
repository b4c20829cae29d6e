/* SPDX-License-Identifier: Apache-2.0 */
/* erl_drv_nif - what erl_nif.h and erl_driver.h share, as documented in erl_nif(3) and erl_driver(3);
 * written for Joist. Sizes and numbers are those of the documented interface. */
#ifndef JOIST_ERL_DRV_NIF_H
#define JOIST_ERL_DRV_NIF_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/uio.h>

typedef struct {
    int driver_major_version, driver_minor_version;
    char *erts_version, *otp_release;
    int thread_support, smp_support, async_threads, scheduler_threads;
    int nif_major_version, nif_minor_version, dirty_scheduler_support;
} ErlDrvSysInfo;

typedef struct { int suggested_stack_size; } ErlDrvThreadOpts;
typedef enum { ERL_DIRTY_JOB_CPU_BOUND = 1, ERL_DIRTY_JOB_IO_BOUND = 2 } ErlDirtyJobFlags;

enum ErlNifSelectFlags {
    ERL_NIF_SELECT_READ = 1,
    ERL_NIF_SELECT_WRITE = 2,
    ERL_NIF_SELECT_STOP = 4,
    ERL_NIF_SELECT_CANCEL = 8,
    ERL_NIF_SELECT_CUSTOM_MSG = 16,
    ERL_NIF_SELECT_ERROR = 32
};

typedef struct { unsigned char data[sizeof(void *) * 4]; } ErlDrvMonitor;

typedef unsigned long ErlNapiUInt64, ErlNapiUInt;
typedef signed long ErlNapiSInt64, ErlNapiSInt;
typedef struct iovec SysIOVec;

#endif
