/* SPDX-License-Identifier: Apache-2.0 */
/* erl_driver - the interface of linked-in drivers, as documented in erts' erl_driver(3) and
 * driver_entry(3), written for Joist. A driver built against OTP's own header loads here, and one built
 * against this header loads there. */
#ifndef JOIST_ERL_DRIVER_H
#define JOIST_ERL_DRIVER_H

#include "erl_drv_nif.h"

#ifdef __cplusplus
#define ERL_DRIVER_LINKAGE extern "C"
#else
#define ERL_DRIVER_LINKAGE extern
#endif
#define EXTERN ERL_DRIVER_LINKAGE

#define ERL_DRV_READ ((int)ERL_NIF_SELECT_READ)
#define ERL_DRV_WRITE ((int)ERL_NIF_SELECT_WRITE)
#define ERL_DRV_USE ((int)ERL_NIF_SELECT_STOP)
#define ERL_DRV_USE_NO_CALLBACK (ERL_DRV_USE | (ERL_DRV_USE << 1))
#define DO_READ ERL_DRV_READ
#define DO_WRITE ERL_DRV_WRITE

#define ERL_DRV_EXTENDED_MARKER (0xfeeeeeed)
#define ERL_DRV_EXTENDED_MAJOR_VERSION 3
#define ERL_DRV_EXTENDED_MINOR_VERSION 3
#define ERL_DRV_MIN_REQUIRED_MAJOR_VERSION_ON_LOAD 2

#define PORT_CONTROL_FLAG_BINARY (1 << 0)
#define PORT_CONTROL_FLAG_HEAVY (1 << 1)
#define PORT_FLAG_BINARY (1 << 0)
#define PORT_FLAG_LINE (1 << 1)

#define ERL_DRV_FLAG_USE_PORT_LOCKING (1 << 0)
#define ERL_DRV_FLAG_SOFT_BUSY (1 << 1)
#define ERL_DRV_FLAG_NO_BUSY_MSGQ (1 << 2)
#define ERL_DRV_FLAG_USE_INIT_ACK (1 << 3)

typedef ErlNapiUInt64 ErlDrvUInt64;
typedef ErlNapiSInt64 ErlDrvSInt64;
typedef ErlNapiUInt ErlDrvUInt;
typedef ErlNapiSInt ErlDrvSInt;
typedef ErlNapiUInt ErlDrvTermData;
typedef size_t ErlDrvSizeT;
typedef ssize_t ErlDrvSSizeT;

typedef struct erl_drv_binary {
    ErlDrvSInt orig_size;
    char orig_bytes[1];
} ErlDrvBinary;

typedef struct _erl_drv_data *ErlDrvData;
typedef struct _erl_drv_event *ErlDrvEvent;
typedef struct _erl_drv_port *ErlDrvPort;
typedef struct _erl_drv_port *ErlDrvThreadData;

typedef struct { unsigned long megasecs, secs, microsecs; } ErlDrvNowData;
typedef ErlDrvSInt64 ErlDrvTime;
#define ERL_DRV_TIME_ERROR ((ErlDrvSInt64)INT64_MIN)
typedef enum { ERL_DRV_SEC, ERL_DRV_MSEC, ERL_DRV_USEC, ERL_DRV_NSEC } ErlDrvTimeUnit;

#define ERL_DRV_ERROR_GENERAL ((ErlDrvData)-1)
#define ERL_DRV_ERROR_ERRNO ((ErlDrvData)-2)
#define ERL_DRV_ERROR_BADARG ((ErlDrvData)-3)

typedef struct erl_io_vec {
    int vsize;
    ErlDrvSizeT size;
    SysIOVec *iov;
    ErlDrvBinary **binv;
} ErlIOVec;

typedef struct ErlDrvTid_ *ErlDrvTid;
typedef struct ErlDrvMutex_ ErlDrvMutex;
typedef struct ErlDrvCond_ ErlDrvCond;
typedef struct ErlDrvRWLock_ ErlDrvRWLock;
typedef int ErlDrvTSDKey;
typedef struct erl_drv_port_data_lock *ErlDrvPDL;

typedef struct erl_drv_entry {
    int (*init)(void);
    ErlDrvData (*start)(ErlDrvPort port, char *command);
    void (*stop)(ErlDrvData data);
    void (*output)(ErlDrvData data, char *buf, ErlDrvSizeT len);
    void (*ready_input)(ErlDrvData data, ErlDrvEvent event);
    void (*ready_output)(ErlDrvData data, ErlDrvEvent event);
    char *driver_name;
    void (*finish)(void);
    void *handle;              /* the VM's */
    ErlDrvSSizeT (*control)(ErlDrvData data, unsigned command, char *buf, ErlDrvSizeT len, char **rbuf,
                            ErlDrvSizeT rlen);
    void (*timeout)(ErlDrvData data);
    void (*outputv)(ErlDrvData data, ErlIOVec *ev);
    void (*ready_async)(ErlDrvData data, ErlDrvThreadData thread_data);
    void (*flush)(ErlDrvData data);
    ErlDrvSSizeT (*call)(ErlDrvData data, unsigned command, char *buf, ErlDrvSizeT len, char **rbuf,
                         ErlDrvSizeT rlen, unsigned *flags);
    void (*unused_event_callback)(void);
    int extended_marker;       /* ERL_DRV_EXTENDED_MARKER */
    int major_version, minor_version;
    int driver_flags;          /* ERL_DRV_FLAG_* */
    void *handle2;             /* the VM's */
    void (*process_exit)(ErlDrvData data, ErlDrvMonitor *monitor);
    void (*stop_select)(ErlDrvEvent event, void *reserved);
    void (*emergency_close)(ErlDrvData data);
} ErlDrvEntry;

#define DRIVER_INIT(NAME) \
    EXTERN __attribute__((visibility("default"))) ErlDrvEntry *driver_init(void); \
    __attribute__((visibility("default"))) ErlDrvEntry *driver_init(void)

#define ERL_DRV_BUSY_MSGQ_DISABLED (~((ErlDrvSizeT)0))
#define ERL_DRV_BUSY_MSGQ_READ_ONLY ((ErlDrvSizeT)0)
#define ERL_DRV_BUSY_MSGQ_LIM_MAX (ERL_DRV_BUSY_MSGQ_DISABLED - 1)
#define ERL_DRV_BUSY_MSGQ_LIM_MIN ((ErlDrvSizeT)1)
#define DRIVER_CALL_KEEP_BUFFER 0x1

/* Words of the arrays that erl_drv_output_term and erl_drv_send_term take, and what follows them. */
#define TERM_DATA(x) ((ErlDrvTermData)(x))
#define ERL_DRV_NIL ((ErlDrvTermData)1)
#define ERL_DRV_ATOM ((ErlDrvTermData)2)         /* atom */
#define ERL_DRV_INT ((ErlDrvTermData)3)          /* ErlDrvSInt */
#define ERL_DRV_PORT ((ErlDrvTermData)4)         /* port */
#define ERL_DRV_BINARY ((ErlDrvTermData)5)       /* ErlDrvBinary *, size, offset */
#define ERL_DRV_STRING ((ErlDrvTermData)6)       /* char *, size */
#define ERL_DRV_TUPLE ((ErlDrvTermData)7)        /* arity */
#define ERL_DRV_LIST ((ErlDrvTermData)8)         /* length, the tail counted */
#define ERL_DRV_STRING_CONS ((ErlDrvTermData)9)  /* char *, size */
#define ERL_DRV_PID ((ErlDrvTermData)10)         /* pid */
#define ERL_DRV_FLOAT ((ErlDrvTermData)11)       /* double * */
#define ERL_DRV_EXT2TERM ((ErlDrvTermData)12)    /* char *, size */
#define ERL_DRV_UINT ((ErlDrvTermData)13)        /* ErlDrvUInt */
#define ERL_DRV_BUF2BINARY ((ErlDrvTermData)14)  /* char *, size */
#define ERL_DRV_INT64 ((ErlDrvTermData)15)       /* ErlDrvSInt64 * */
#define ERL_DRV_UINT64 ((ErlDrvTermData)16)      /* ErlDrvUInt64 * */
#define ERL_DRV_MAP ((ErlDrvTermData)17)         /* number of pairs */

#define ERL_DRIVER_FUNC(type, name, args) EXTERN type name args;
#include "erl_driver_funcs.h"
#undef ERL_DRIVER_FUNC
extern const ErlDrvTermData driver_term_nil;

#endif
