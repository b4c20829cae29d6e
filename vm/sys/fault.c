/* SPDX-License-Identifier: Apache-2.0 */
/* fault - what the program does when it breaks (SIGSEGV and its like): a crash dump whose slogan names the native
 * library that did it, then the end by that signal. Sanitizers report faults better themselves.
 * Layer: sys. */
#include "sys/sys.h"

#include "nif/nif.h"
#include "sched/sched.h"
#include "term/atom.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <ucontext.h>

/* Where the calling thread goes on after a fault or without memory, or NULL. */
static THREAD_LOCAL sigjmp_buf *survivor;

bool fault_survive(void (*part)(void *arg), void *arg)
{
    sigjmp_buf here, *volatile before = survivor;
    bool whole = sigsetjmp(here, 1) == 0;
    if (whole) {
        survivor = &here;
        part(arg);
    }
    survivor = before;
    return whole;
}

void fault_give_up(void)
{
    if (survivor) siglongjmp(*survivor, 1);
}

#if defined(JOIST_ASAN) || defined(JOIST_TSAN)

void fault_init(void) {}

#else

static const char *signal_text(int number)
{
    switch (number) {
    case SIGSEGV: return "Segmentation fault";
    case SIGBUS: return "Bus error";
    case SIGFPE: return "Arithmetic exception";
    default: return "Illegal instruction";
    }
}

static void *fault_address(const void *context)
{
#ifdef __x86_64__
    return (void *)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (void *)((const ucontext_t *)context)->uc_mcontext.pc;
#else
    (void)context;
    return NULL;
#endif
}

/* The library that `pc` lies in, unless that is the VM itself. */
static const char *library_of(void *pc)
{
    Dl_info at, own;
    if (!dladdr(pc, &at) || !dladdr((void *)(uintptr_t)fault_init, &own)) return NULL;
    return at.dli_fbase != own.dli_fbase ? at.dli_fname : NULL;
}

static void put_slogan(char *text, size_t size, int number, void *pc)
{
    const char *library = library_of(pc);
    const Process *p = sched_self ? sched_self->p : NULL;
    const NifFunction *f = library && p ? nif_running(p) : NULL;
    int n = snprintf(text, size, "%s", signal_text(number));
    if (library) n += snprintf(text + n, size - (size_t)n, " in %s", library);
    if (!f || !f->library || n >= (int)size) return;
    const AtomText *m = atom_text(f->export.mfa.module), *name = atom_text(f->export.mfa.function);
    snprintf(text + n, size - (size_t)n, ", called by native function %.*s:%.*s/%u of %s", (int)m->bytes, m->text,
             (int)name->bytes, name->text, (unsigned)f->export.mfa.arity, f->library->path);
}

static THREAD_LOCAL bool has_faulted;

static void on_fault(int number, siginfo_t *info UNUSED, void *context)
{
    char slogan[1024];
    fault_give_up();
    if (has_faulted) {
        signal(number, SIG_DFL); /* and comes again */
        return;
    }
    has_faulted = true;
    put_slogan(slogan, sizeof slogan, number, fault_address(context));
    sys_print_error("%s\n", slogan);
    crash_dump_write(vm_default(), slogan);
    signal(number, SIG_DFL);
    raise(number);
}

void fault_init(void)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};
    sigemptyset(&sa.sa_mask);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) sigaction(numbers[i], &sa, NULL);
}

#endif
