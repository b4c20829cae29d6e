/* SPDX-License-Identifier: Apache-2.0 */
/* bif_ddll - natives of erl_ddll for a VM whose drivers are all linked in.
 * DEVIATES: no driver can be loaded from a file: try_load says that it cannot be opened.
 * Semantics: kernel erl_ddll(3). Layer: bifs. */
#include "bifs/bif.h"
#include "data/iolist.h"
#include "base/alloc.h"
#include "io/port.h"

static const char *const linked_in[] = {"tcp_inet", "udp_inet", "sctp_inet", "ram_file_drv", "tty_sl"};

enum Known { NAME_BAD, NAME_UNKNOWN, NAME_LINKED_IN };

static enum Known name_of(Process *p, term_t t)
{
    enum IolistResult r;
    size_t n = 0;
    if (term_is_atom(t)) {
        const AtomText *text = atom_text(t);
        return port_find_driver(p->vm, text->text, text->bytes) ? NAME_LINKED_IN : NAME_UNKNOWN;
    }
    uint8_t *bytes = iolist_to_bytes(t, &n, &r);
    if (!bytes) return NAME_BAD;
    bool known = port_find_driver(p->vm, (const char *)bytes, n) != NULL;
    mem_free(MEM_TEMP, bytes, n + 1);
    return known ? NAME_LINKED_IN : NAME_UNKNOWN;
}

BIF(erl_ddll, loaded_drivers, 0, 0)
{
    term_t list = TERM_NIL;
    for (size_t i = ARRAY_LEN(linked_in); i-- > 0;)
        if (port_find_driver(p->vm, linked_in[i], strlen(linked_in[i])))
            list = heap_cons(&p->heap, heap_string(&p->heap, linked_in[i], strlen(linked_in[i]), TERM_NIL),
                             list);
    return heap_tuple2(&p->heap, am_ok, list);
}

BIF(erl_ddll, info, 2, 0)
{
    if (name_of(p, a[0]) != NAME_LINKED_IN) return bif_error(p, EXC_BADARG);
    switch (a[1]) {
    case am_linked_in_driver: return am_true;
    case am_permanent: return am_false;
    case am_processes: case am_driver_options: case am_port_count: case am_awaiting_load:
    case am_awaiting_unload: return am_linked_in_driver;
    default: return bif_error(p, EXC_BADARG);
    }
}

#define ERROR_OPEN (-10)

BIF(erl_ddll, try_load, 3, 0)
{
    Heap *h = &p->heap;
    switch (name_of(p, a[1])) {
    case NAME_BAD: return bif_error(p, EXC_BADARG);
    case NAME_LINKED_IN: return heap_tuple2(h, am_error, am_linked_in_driver);
    default:
        return heap_tuple2(h, am_error, heap_tuple2(h, am_open_error, term_small(ERROR_OPEN)));
    }
}

BIF(erl_ddll, try_unload, 2, 0)
{
    switch (name_of(p, a[0])) {
    case NAME_BAD: return bif_error(p, EXC_BADARG);
    case NAME_LINKED_IN: return heap_tuple2(&p->heap, am_error, am_linked_in_driver);
    default: return heap_tuple2(&p->heap, am_error, am_not_loaded);
    }
}

/* The driver is not there and never will be: the message comes at once. */
BIF(erl_ddll, monitor, 2, 0)
{
    if (a[0] != am_driver || !term_is_tuple_of(a[1], 2)) return bif_error(p, EXC_BADARG);
    term_t name = tuple_element(a[1], 1), when = tuple_element(a[1], 2);
    enum Known known = name_of(p, name);
    if (known == NAME_BAD || (when != am_loaded && when != am_unloaded && when != am_unloaded_only))
        return bif_error(p, EXC_BADARG);
    bool up = known == NAME_LINKED_IN;
    term_t ref = heap_new_ref(&p->heap, p->vm);
    Heap h = {0};
    term_t why = up ? when == am_loaded ? am_loaded : am_permanent : when == am_loaded ? am_not_loaded : am_unloaded;
    term_t m = heap_tuple5(&h, up ? am_UP : am_DOWN, term_copy(&h, ref), am_driver, term_copy(&h, name), why);
    message_send_heap(p->vm, am_undefined, p, m, &h);
    return ref;
}

BIF(erl_ddll, demonitor, 1, 0)
{
    return term_is_local_ref(a[0]) ? am_true : bif_error(p, EXC_BADARG);
}

BIF(erl_ddll, format_error_int, 1, 0)
{
    static const struct { term_t code; const char *text; } texts[] = {
        {am_bad_driver_name, "Bad driver name"},
        {am_not_loaded, "DDLL driver is not loaded"},
        {am_inconsistent,
         "Driver name and/or driver options are inconsistent with currently loaded driver"},
        {am_linked_in_driver, "Driver is statically linked and cannot be loaded/unloaded"},
        {am_permanent, "DDLL driver is permanent an cannot be unloaded/loaded"},
        {am_pending_reload, "Driver reloading is already pending"},
        {am_pending_process,
         "Driver is loaded by others when attempting option {reload, pending_driver}"},
        {am_not_loaded_by_this_process, "DDLL driver was not loaded by this process"},
    };
    const char *text = NULL;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i].code == a[0]) text = texts[i].text;
    if (term_is_tuple_of(a[0], 2) && tuple_element(a[0], 1) == am_open_error)
        text = "cannot open shared object file: No such file or directory";
    if (!text) return bif_error(p, EXC_BADARG);
    return heap_string(&p->heap, text, strlen(text), TERM_NIL);
}
