/* SPDX-License-Identifier: Apache-2.0 */
/* memory - our counters in the form in which erlang:memory/0 and instrument expect those of the
 * reference's allocators: processes under eheap_alloc, binaries under binary_alloc, and so on; code and
 * atoms as "external" areas. Semantics: erlang(3) memory/0, system_info({allocator_sizes, _}).
 * Layer: sys. */
#include "sys/info.h"

#include "base/alloc.h"
#include "base/execmem.h"
#include "proc/bif_timer.h"
#include "proc/message.h"
#include "term/atom.h"

typedef struct AllocatorRow {
    term_t name;
    enum MemClass class; /* MEM_CLASSES: nothing of ours is counted there */
} AllocatorRow;

static const AllocatorRow rows[] = {
    {am_temp_alloc, MEM_CLASSES}, {am_sl_alloc, MEM_CLASSES}, {am_std_alloc, MEM_CLASS_SYSTEM},
    {am_ll_alloc, MEM_CLASSES}, {am_eheap_alloc, MEM_CLASS_PROCESSES}, {am_ets_alloc, MEM_CLASS_ETS},
    {am_fix_alloc, MEM_CLASSES}, {am_literal_alloc, MEM_CLASSES}, {am_binary_alloc, MEM_CLASS_BINARY},
    {am_driver_alloc, MEM_CLASSES},
};

static const AllocatorRow *row_of(term_t name)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].name == name) return &rows[i];
    return NULL;
}

term_t info_allocator_names(Heap *h)
{
    term_t list = TERM_NIL;
    for (size_t i = ARRAY_LEN(rows); i-- > 0;) list = heap_cons(h, rows[i].name, list);
    return list;
}

/* Timers of programs count as processes; they are ours under "system". */
static size_t timer_bytes(Vm *vm) { return timers_bif_count(vm) * BIF_TIMER_BYTES; }

static size_t row_bytes(Vm *vm, const AllocatorRow *row)
{
    if (row->name == am_fix_alloc) return timer_bytes(vm);
    if (row->class == MEM_CLASSES) return 0;
    size_t bytes = mem_class_stats(row->class).bytes, timers = row->class == MEM_CLASS_SYSTEM ? timer_bytes(vm) : 0;
    return bytes > timers ? bytes - timers : 0;
}

static size_t row_blocks(Vm *vm, const AllocatorRow *row)
{
    if (row->name == am_fix_alloc) return timers_bif_count(vm);
    return row->class == MEM_CLASSES ? 0 : mem_class_stats(row->class).blocks;
}

/* {Name, Now, SinceLastAsked, Max}: only the first is counted. */
static term_t counted(Heap *h, term_t name, size_t n)
{
    term_t t = heap_uint(h, n);
    return heap_tuple4(h, name, t, t, t);
}

/* [{blocks, Blocks}, {carriers, _, _, _}, ...]; malloc's own areas are not known: the blocks as if they filled one. */
static term_t carriers_of(Heap *h, term_t kind, term_t blocks, size_t bytes)
{
    size_t n = bytes > 0;
    term_t l = TERM_NIL;
    if (kind == am_allocator) {
        l = heap_cons(h, info_pair(h, am_sys_alloc_carriers_size, heap_uint(h, bytes)), l);
        l = heap_cons(h, info_pair(h, am_mseg_alloc_carriers_size, term_small(0)), l);
    }
    l = heap_cons(h, counted(h, am_carriers_size, bytes), l);
    if (kind == am_allocator) {
        l = heap_cons(h, info_pair(h, am_sys_alloc_carriers, heap_uint(h, n)), l);
        l = heap_cons(h, info_pair(h, am_mseg_alloc_carriers, term_small(0)), l);
        l = heap_cons(h, counted(h, am_carriers, n), l);
    }
    return heap_cons(h, info_pair(h, am_blocks, blocks), l);
}

/* [{mbcs, Carriers}, {sbcs, Carriers}] */
static term_t carriers(Heap *h, Vm *vm, term_t kind, const AllocatorRow *row)
{
    size_t bytes = row_bytes(vm, row);
    term_t facts = heap_cons(h, counted(h, am_size, bytes), TERM_NIL);
    if (kind == am_allocator) facts = heap_cons(h, counted(h, am_count, row_blocks(vm, row)), facts);
    term_t blocks = heap_cons(h, info_pair(h, row->name, facts), TERM_NIL);
    term_t single = heap_cons(h, info_pair(h, am_sbcs, carriers_of(h, kind, TERM_NIL, 0)), TERM_NIL);
    return heap_cons(h, info_pair(h, am_mbcs, carriers_of(h, kind, blocks, bytes)), single);
}

/* [{bif_timer, Allocated, Used}] */
static term_t timer_types(Heap *h, Vm *vm)
{
    term_t n = heap_uint(h, timer_bytes(vm));
    return heap_cons(h, heap_tuple3(h, am_bif_timer, n, n), TERM_NIL);
}

/* There is no super carrier. */
static term_t mmap_entry(Heap *h)
{
    term_t options = heap_cons(h, info_pair(h, am_scs, term_small(0)), TERM_NIL);
    return heap_tuple3(h, am_erts_mmap, am_default_mmap, heap_cons(h, info_pair(h, am_options, options), TERM_NIL));
}

/* {Name, Instance, Data}, or {Name, false}. */
static term_t allocator_entry(Heap *h, Vm *vm, term_t kind, const AllocatorRow *row, term_t name)
{
    if (name == am_erts_mmap && kind == am_allocator) return mmap_entry(h);
    if (!row) return info_pair(h, name, am_false);
    term_t data = carriers(h, vm, kind, row);
    if (kind == am_memory_internal && row->name == am_fix_alloc)
        data = heap_cons(h, info_pair(h, am_fix_types, timer_types(h, vm)), data);
    if (kind == am_allocator) {
        term_t options = heap_cons(h, info_pair(h, am_e, am_true), TERM_NIL);
        term_t versions = heap_tuple3(h, am_versions, info_string(h, "0.9"), info_string(h, "3.0"));
        data = heap_cons(h, versions, heap_cons(h, info_pair(h, am_options, options), data));
    }
    return heap_tuple3(h, row->name, term_small(0), data);
}

static bool known_allocator(term_t name)
{
    return row_of(name) || name == am_sys_alloc || name == am_mseg_alloc || name == am_erts_mmap ||
           name == am_exec_alloc || name == am_test_alloc || name == am_sys_aligned_alloc ||
           name == am_literal_mmap || name == am_exec_mmap || name == am_alloc_util;
}

bool info_allocators(Process *p, term_t kind, term_t ref, term_t types)
{
    Heap h = {0};
    term_t names[64], list = TERM_NIL;
    size_t n = 0;
    if (!term_is_ref(ref)) return false;
    for (; term_is_list_cell(types); types = list_tail(types)) {
        if (n == ARRAY_LEN(names) || !known_allocator(list_head(types))) return false;
        names[n++] = list_head(types);
    }
    if (types != TERM_NIL) return false;
    while (n-- > 0) list = heap_cons(&h, allocator_entry(&h, p->vm, kind, row_of(names[n]), names[n]), list);
    term_t message = heap_tuple3(&h, term_copy(&h, ref), term_small(1), list);
    message_send_heap(p->vm, am_system, p, message, &h);
    return true;
}

static term_t area(Heap *h, term_t name, size_t bytes, term_t tail)
{
    return heap_cons(h, info_pair(h, name, heap_uint(h, bytes)), tail);
}

/* Native code is not among what was allocated. */
static size_t code_bytes(void) { return mem_class_stats(MEM_CLASS_CODE).bytes + execmem_used(); }

term_t info_allocated_areas(Heap *h, Vm *vm)
{
    size_t code = code_bytes(), atoms = mem_class_stats(MEM_CLASS_ATOM).bytes;
    size_t tables = atom_table_bytes();
    size_t texts = atoms > tables ? atoms - tables : 0;
    term_t l = area(h, am_external_alloc, code + atoms, TERM_NIL);
    l = area(h, am_ets_misc, 0, l);
    l = area(h, am_process_table, 0, l);
    l = area(h, am_bif_timer, 0, l);
    l = area(h, am_loaded_code, code, l);
    l = area(h, am_module_table, 0, l);
    l = area(h, am_atom_table, atoms - texts, l);
    l = heap_cons(h, heap_tuple3(h, am_atom_space, heap_uint(h, texts), heap_uint(h, texts)), l);
    return area(h, am_static, 0, area(h, am_sys_misc, 0, l));
}

term_t info_memory(Heap *h, Vm *vm)
{
    size_t processes = mem_class_stats(MEM_CLASS_PROCESSES).bytes + timer_bytes(vm);
    size_t total = mem_total_stats().bytes + execmem_used(), atoms = mem_class_stats(MEM_CLASS_ATOM).bytes;
    term_t l = area(h, am_ets, mem_class_stats(MEM_CLASS_ETS).bytes, TERM_NIL);
    l = area(h, am_code, code_bytes(), l);
    l = area(h, am_binary, mem_class_stats(MEM_CLASS_BINARY).bytes, l);
    l = area(h, am_atom, atoms, area(h, am_atom_used, atoms, l));
    l = area(h, am_system, total - processes, l);
    l = area(h, am_processes, processes, area(h, am_processes_used, processes, l));
    return area(h, am_total, total, l);
}
