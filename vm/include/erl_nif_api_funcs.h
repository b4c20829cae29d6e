/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of the NIF interface, ERL_NIF_API_FUNC_DECL(type, name, arguments), as documented in
 * erl_nif(3). Included by erl_nif.h; several times on purpose. */
ERL_NIF_API_FUNC_DECL(void *, enif_priv_data, (ErlNifEnv *));
ERL_NIF_API_FUNC_DECL(void *, enif_alloc, (size_t size));
ERL_NIF_API_FUNC_DECL(void, enif_free, (void *ptr));
ERL_NIF_API_FUNC_DECL(void *, enif_realloc, (void *ptr, size_t size));
ERL_NIF_API_FUNC_DECL(int, enif_is_atom, (ErlNifEnv *, ERL_NIF_TERM term));
ERL_NIF_API_FUNC_DECL(int, enif_is_binary, (ErlNifEnv *, ERL_NIF_TERM term));
ERL_NIF_API_FUNC_DECL(int, enif_is_ref, (ErlNifEnv *, ERL_NIF_TERM term));
ERL_NIF_API_FUNC_DECL(int, enif_is_fun, (ErlNifEnv *, ERL_NIF_TERM term));
ERL_NIF_API_FUNC_DECL(int, enif_is_pid, (ErlNifEnv *, ERL_NIF_TERM term));
ERL_NIF_API_FUNC_DECL(int, enif_is_port, (ErlNifEnv *, ERL_NIF_TERM term));
ERL_NIF_API_FUNC_DECL(int, enif_is_tuple, (ErlNifEnv *, ERL_NIF_TERM term));
ERL_NIF_API_FUNC_DECL(int, enif_is_list, (ErlNifEnv *, ERL_NIF_TERM term));
ERL_NIF_API_FUNC_DECL(int, enif_is_map, (ErlNifEnv *, ERL_NIF_TERM term));
ERL_NIF_API_FUNC_DECL(int, enif_is_number, (ErlNifEnv *, ERL_NIF_TERM term));
ERL_NIF_API_FUNC_DECL(int, enif_is_empty_list, (ErlNifEnv *, ERL_NIF_TERM term));
ERL_NIF_API_FUNC_DECL(int, enif_is_exception, (ErlNifEnv *, ERL_NIF_TERM term));
ERL_NIF_API_FUNC_DECL(int, enif_is_identical, (ERL_NIF_TERM a, ERL_NIF_TERM b));
ERL_NIF_API_FUNC_DECL(int, enif_compare, (ERL_NIF_TERM a, ERL_NIF_TERM b));
ERL_NIF_API_FUNC_DECL(ErlNifTermType, enif_term_type, (ErlNifEnv *, ERL_NIF_TERM term));
ERL_NIF_API_FUNC_DECL(ErlNifUInt64, enif_hash, (ErlNifHash type, ERL_NIF_TERM term, ErlNifUInt64 salt));
ERL_NIF_API_FUNC_DECL(int, enif_inspect_binary, (ErlNifEnv *, ERL_NIF_TERM term, ErlNifBinary *bin));
ERL_NIF_API_FUNC_DECL(int, enif_inspect_iolist_as_binary,
    (ErlNifEnv *, ERL_NIF_TERM term, ErlNifBinary *bin));
ERL_NIF_API_FUNC_DECL(int, enif_alloc_binary, (size_t size, ErlNifBinary *bin));
ERL_NIF_API_FUNC_DECL(int, enif_realloc_binary, (ErlNifBinary *bin, size_t size));
ERL_NIF_API_FUNC_DECL(void, enif_release_binary, (ErlNifBinary *bin));
ERL_NIF_API_FUNC_DECL(ERL_NIF_TERM, enif_make_binary, (ErlNifEnv *, ErlNifBinary *bin));
ERL_NIF_API_FUNC_DECL(ERL_NIF_TERM, enif_make_sub_binary,
    (ErlNifEnv *, ERL_NIF_TERM bin, size_t pos, size_t size));
ERL_NIF_API_FUNC_DECL(unsigned char *, enif_make_new_binary, (ErlNifEnv *, size_t size, ERL_NIF_TERM *term));
ERL_NIF_API_FUNC_DECL(int, enif_get_int, (ErlNifEnv *, ERL_NIF_TERM term, int *ip));
ERL_NIF_API_FUNC_DECL(int, enif_get_uint, (ErlNifEnv *, ERL_NIF_TERM term, unsigned *ip));
ERL_NIF_API_FUNC_DECL(int, enif_get_long, (ErlNifEnv *, ERL_NIF_TERM term, long *ip));
ERL_NIF_API_FUNC_DECL(int, enif_get_ulong, (ErlNifEnv *, ERL_NIF_TERM term, unsigned long *ip));
ERL_NIF_API_FUNC_DECL(int, enif_get_double, (ErlNifEnv *, ERL_NIF_TERM term, double *dp));
ERL_NIF_API_FUNC_DECL(int, enif_get_list_cell,
    (ErlNifEnv *, ERL_NIF_TERM term, ERL_NIF_TERM *head, ERL_NIF_TERM *tail));
ERL_NIF_API_FUNC_DECL(int, enif_get_list_length, (ErlNifEnv *, ERL_NIF_TERM term, unsigned *len));
ERL_NIF_API_FUNC_DECL(int, enif_get_tuple,
    (ErlNifEnv *, ERL_NIF_TERM tuple, int *arity, const ERL_NIF_TERM **array));
ERL_NIF_API_FUNC_DECL(int, enif_get_atom,
    (ErlNifEnv *, ERL_NIF_TERM atom, char *buf, unsigned len, ErlNifCharEncoding));
ERL_NIF_API_FUNC_DECL(int, enif_get_atom_length,
    (ErlNifEnv *, ERL_NIF_TERM atom, unsigned *len, ErlNifCharEncoding));
ERL_NIF_API_FUNC_DECL(int, enif_get_string,
    (ErlNifEnv *, ERL_NIF_TERM list, char *buf, unsigned len, ErlNifCharEncoding));
ERL_NIF_API_FUNC_DECL(ERL_NIF_TERM, enif_make_int, (ErlNifEnv *, int i));
ERL_NIF_API_FUNC_DECL(ERL_NIF_TERM, enif_make_uint, (ErlNifEnv *, unsigned i));
ERL_NIF_API_FUNC_DECL(ERL_NIF_TERM, enif_make_long, (ErlNifEnv *, long i));
ERL_NIF_API_FUNC_DECL(ERL_NIF_TERM, enif_make_ulong, (ErlNifEnv *, unsigned long i));
ERL_NIF_API_FUNC_DECL(ERL_NIF_TERM, enif_make_double, (ErlNifEnv *, double d));
ERL_NIF_API_FUNC_DECL(ERL_NIF_TERM, enif_make_atom, (ErlNifEnv *, const char *name));
ERL_NIF_API_FUNC_DECL(ERL_NIF_TERM, enif_make_atom_len, (ErlNifEnv *, const char *name, size_t len));
ERL_NIF_API_FUNC_DECL(int, enif_make_existing_atom,
    (ErlNifEnv *, const char *name, ERL_NIF_TERM *atom, ErlNifCharEncoding));
ERL_NIF_API_FUNC_DECL(int, enif_make_existing_atom_len,
    (ErlNifEnv *, const char *name, size_t len, ERL_NIF_TERM *atom, ErlNifCharEncoding));
ERL_NIF_API_FUNC_DECL(ERL_NIF_TERM, enif_make_tuple, (ErlNifEnv *, unsigned cnt, ...));
ERL_NIF_API_FUNC_DECL(ERL_NIF_TERM, enif_make_tuple_from_array,
    (ErlNifEnv *, const ERL_NIF_TERM arr[], unsigned cnt));
ERL_NIF_API_FUNC_DECL(ERL_NIF_TERM, enif_make_list, (ErlNifEnv *, unsigned cnt, ...));
ERL_NIF_API_FUNC_DECL(ERL_NIF_TERM, enif_make_list_cell, (ErlNifEnv *, ERL_NIF_TERM car, ERL_NIF_TERM cdr));
ERL_NIF_API_FUNC_DECL(ERL_NIF_TERM, enif_make_list_from_array,
    (ErlNifEnv *, const ERL_NIF_TERM arr[], unsigned cnt));
ERL_NIF_API_FUNC_DECL(int, enif_make_reverse_list, (ErlNifEnv *, ERL_NIF_TERM term, ERL_NIF_TERM *list));
ERL_NIF_API_FUNC_DECL(ERL_NIF_TERM, enif_make_string, (ErlNifEnv *, const char *string, ErlNifCharEncoding));
ERL_NIF_API_FUNC_DECL(ERL_NIF_TERM, enif_make_string_len,
    (ErlNifEnv *, const char *string, size_t len, ErlNifCharEncoding));
ERL_NIF_API_FUNC_DECL(ERL_NIF_TERM, enif_make_ref, (ErlNifEnv *));
ERL_NIF_API_FUNC_DECL(ERL_NIF_TERM, enif_make_copy, (ErlNifEnv *dst, ERL_NIF_TERM src));
ERL_NIF_API_FUNC_DECL(ERL_NIF_TERM, enif_make_unique_integer, (ErlNifEnv *, ErlNifUniqueInteger));
ERL_NIF_API_FUNC_DECL(ERL_NIF_TERM, enif_make_badarg, (ErlNifEnv *));
ERL_NIF_API_FUNC_DECL(ERL_NIF_TERM, enif_raise_exception, (ErlNifEnv *, ERL_NIF_TERM reason));
ERL_NIF_API_FUNC_DECL(int, enif_has_pending_exception, (ErlNifEnv *, ERL_NIF_TERM *reason));
ERL_NIF_API_FUNC_DECL(ERL_NIF_TERM, enif_make_new_map, (ErlNifEnv *));
ERL_NIF_API_FUNC_DECL(int, enif_make_map_put,
    (ErlNifEnv *, ERL_NIF_TERM in, ERL_NIF_TERM key, ERL_NIF_TERM value, ERL_NIF_TERM *out));
ERL_NIF_API_FUNC_DECL(int, enif_make_map_update,
    (ErlNifEnv *, ERL_NIF_TERM in, ERL_NIF_TERM key, ERL_NIF_TERM value, ERL_NIF_TERM *out));
ERL_NIF_API_FUNC_DECL(int, enif_make_map_remove,
    (ErlNifEnv *, ERL_NIF_TERM in, ERL_NIF_TERM key, ERL_NIF_TERM *out));
ERL_NIF_API_FUNC_DECL(int, enif_make_map_from_arrays,
    (ErlNifEnv *, ERL_NIF_TERM keys[], ERL_NIF_TERM values[], size_t cnt, ERL_NIF_TERM *out));
ERL_NIF_API_FUNC_DECL(int, enif_get_map_size, (ErlNifEnv *, ERL_NIF_TERM term, size_t *size));
ERL_NIF_API_FUNC_DECL(int, enif_get_map_value,
    (ErlNifEnv *, ERL_NIF_TERM map, ERL_NIF_TERM key, ERL_NIF_TERM *value));
ERL_NIF_API_FUNC_DECL(int, enif_term_to_binary, (ErlNifEnv *, ERL_NIF_TERM term, ErlNifBinary *bin));
ERL_NIF_API_FUNC_DECL(size_t, enif_binary_to_term,
    (ErlNifEnv *, const unsigned char *data, size_t sz, ERL_NIF_TERM *term, unsigned opts));
ERL_NIF_API_FUNC_DECL(ErlNifEnv *, enif_alloc_env, (void));
ERL_NIF_API_FUNC_DECL(void, enif_free_env, (ErlNifEnv *));
ERL_NIF_API_FUNC_DECL(void, enif_clear_env, (ErlNifEnv *));
ERL_NIF_API_FUNC_DECL(int, enif_send,
    (ErlNifEnv *, const ErlNifPid *to_pid, ErlNifEnv *msg_env, ERL_NIF_TERM msg));
ERL_NIF_API_FUNC_DECL(ErlNifPid *, enif_self, (ErlNifEnv *, ErlNifPid *pid));
ERL_NIF_API_FUNC_DECL(int, enif_get_local_pid, (ErlNifEnv *, ERL_NIF_TERM, ErlNifPid *pid));
ERL_NIF_API_FUNC_DECL(void, enif_set_pid_undefined, (ErlNifPid *pid));
ERL_NIF_API_FUNC_DECL(int, enif_is_pid_undefined, (const ErlNifPid *pid));
ERL_NIF_API_FUNC_DECL(int, enif_compare_pids, (const ErlNifPid *a, const ErlNifPid *b));
ERL_NIF_API_FUNC_DECL(int, enif_whereis_pid, (ErlNifEnv *, ERL_NIF_TERM name, ErlNifPid *pid));
ERL_NIF_API_FUNC_DECL(int, enif_is_process_alive, (ErlNifEnv *, ErlNifPid *pid));
ERL_NIF_API_FUNC_DECL(int, enif_is_current_process_alive, (ErlNifEnv *));
ERL_NIF_API_FUNC_DECL(ErlNifResourceType *, enif_open_resource_type,
    (ErlNifEnv *, const char *module_str, const char *name_str, void (*dtor)(ErlNifEnv *, void *),
     ErlNifResourceFlags flags, ErlNifResourceFlags *tried));
ERL_NIF_API_FUNC_DECL(ErlNifResourceType *, enif_open_resource_type_x,
    (ErlNifEnv *, const char *name_str, const ErlNifResourceTypeInit *, ErlNifResourceFlags flags,
     ErlNifResourceFlags *tried));
ERL_NIF_API_FUNC_DECL(ErlNifResourceType *, enif_init_resource_type,
    (ErlNifEnv *, const char *name_str, const ErlNifResourceTypeInit *, ErlNifResourceFlags flags,
     ErlNifResourceFlags *tried));
ERL_NIF_API_FUNC_DECL(void *, enif_alloc_resource, (ErlNifResourceType *type, size_t size));
ERL_NIF_API_FUNC_DECL(void, enif_release_resource, (void *obj));
ERL_NIF_API_FUNC_DECL(void, enif_keep_resource, (void *obj));
ERL_NIF_API_FUNC_DECL(size_t, enif_sizeof_resource, (void *obj));
ERL_NIF_API_FUNC_DECL(ERL_NIF_TERM, enif_make_resource, (ErlNifEnv *, void *obj));
ERL_NIF_API_FUNC_DECL(ERL_NIF_TERM, enif_make_resource_binary,
    (ErlNifEnv *, void *obj, const void *data, size_t size));
ERL_NIF_API_FUNC_DECL(int, enif_get_resource,
    (ErlNifEnv *, ERL_NIF_TERM term, ErlNifResourceType *type, void **objp));
ERL_NIF_API_FUNC_DECL(ERL_NIF_TERM, enif_schedule_nif,
    (ErlNifEnv *, const char *name, int flags, ERL_NIF_TERM (*fp)(ErlNifEnv *, int,
     const ERL_NIF_TERM[]), int argc, const ERL_NIF_TERM argv[]));
ERL_NIF_API_FUNC_DECL(int, enif_consume_timeslice, (ErlNifEnv *, int percent));
ERL_NIF_API_FUNC_DECL(int, enif_thread_type, (void));
ERL_NIF_API_FUNC_DECL(void, enif_system_info, (ErlNifSysInfo *sip, size_t si_size));
ERL_NIF_API_FUNC_DECL(void *, enif_dlopen,
    (const char *lib, void (*err_handler)(void *, const char *), void *err_arg));
ERL_NIF_API_FUNC_DECL(void *, enif_dlsym,
    (void *handle, const char *symbol, void (*err_handler)(void *, const char *), void *err_arg));
ERL_NIF_API_FUNC_DECL(int, enif_getenv, (const char *key, char *value, size_t *value_size));
ERL_NIF_API_FUNC_DECL(int, enif_snprintf, (char *buffer, size_t size, const char *format, ...));
ERL_NIF_API_FUNC_DECL(int, enif_vsnprintf, (char *buffer, size_t size, const char *format, va_list ap));
ERL_NIF_API_FUNC_DECL(int, enif_fprintf, (FILE *, const char *format, ...));
ERL_NIF_API_FUNC_DECL(int, enif_vfprintf, (FILE *, const char *format, va_list ap));
ERL_NIF_API_FUNC_DECL(ErlNifTime, enif_monotonic_time, (ErlNifTimeUnit));
ERL_NIF_API_FUNC_DECL(ErlNifTime, enif_time_offset, (ErlNifTimeUnit));
ERL_NIF_API_FUNC_DECL(ErlNifTime, enif_convert_time_unit,
    (ErlNifTime, ErlNifTimeUnit from, ErlNifTimeUnit to));
ERL_NIF_API_FUNC_DECL(ErlNifMutex *, enif_mutex_create, (char *name));
ERL_NIF_API_FUNC_DECL(void, enif_mutex_destroy, (ErlNifMutex *));
ERL_NIF_API_FUNC_DECL(int, enif_mutex_trylock, (ErlNifMutex *));
ERL_NIF_API_FUNC_DECL(void, enif_mutex_lock, (ErlNifMutex *));
ERL_NIF_API_FUNC_DECL(void, enif_mutex_unlock, (ErlNifMutex *));
ERL_NIF_API_FUNC_DECL(ErlNifCond *, enif_cond_create, (char *name));
ERL_NIF_API_FUNC_DECL(void, enif_cond_destroy, (ErlNifCond *));
ERL_NIF_API_FUNC_DECL(void, enif_cond_signal, (ErlNifCond *));
ERL_NIF_API_FUNC_DECL(void, enif_cond_broadcast, (ErlNifCond *));
ERL_NIF_API_FUNC_DECL(void, enif_cond_wait, (ErlNifCond *, ErlNifMutex *));
ERL_NIF_API_FUNC_DECL(ErlNifRWLock *, enif_rwlock_create, (char *name));
ERL_NIF_API_FUNC_DECL(void, enif_rwlock_destroy, (ErlNifRWLock *));
ERL_NIF_API_FUNC_DECL(int, enif_rwlock_tryrlock, (ErlNifRWLock *));
ERL_NIF_API_FUNC_DECL(void, enif_rwlock_rlock, (ErlNifRWLock *));
ERL_NIF_API_FUNC_DECL(void, enif_rwlock_runlock, (ErlNifRWLock *));
ERL_NIF_API_FUNC_DECL(int, enif_rwlock_tryrwlock, (ErlNifRWLock *));
ERL_NIF_API_FUNC_DECL(void, enif_rwlock_rwlock, (ErlNifRWLock *));
ERL_NIF_API_FUNC_DECL(void, enif_rwlock_rwunlock, (ErlNifRWLock *));
ERL_NIF_API_FUNC_DECL(int, enif_thread_create,
    (char *name, ErlNifTid *tid, void *(*func)(void *), void *args, ErlNifThreadOpts *opts));
ERL_NIF_API_FUNC_DECL(int, enif_thread_join, (ErlNifTid, void **respp));
ERL_NIF_API_FUNC_DECL(int, enif_get_string_length,
    (ErlNifEnv *, ERL_NIF_TERM list, unsigned *len, ErlNifCharEncoding));
ERL_NIF_API_FUNC_DECL(int, enif_make_new_atom,
    (ErlNifEnv *, const char *name, ERL_NIF_TERM *atom, ErlNifCharEncoding));
ERL_NIF_API_FUNC_DECL(int, enif_make_new_atom_len,
    (ErlNifEnv *, const char *name, size_t len, ERL_NIF_TERM *atom, ErlNifCharEncoding));
/* of version 2.18 */
ERL_NIF_API_FUNC_DECL(size_t, enif_term_size, (ERL_NIF_TERM term));
ERL_NIF_API_FUNC_DECL(unsigned, enif_max_atom_cache_index, (void));
ERL_NIF_API_FUNC_DECL(int, enif_get_atom_cache_index, (ErlNifEnv *, ERL_NIF_TERM atom, unsigned *index));
ERL_NIF_API_FUNC_DECL(int, enif_set_option, (ErlNifEnv *, ErlNifOption opt, ...));
ERL_NIF_API_FUNC_DECL(ERL_NIF_TERM, enif_now_time, (ErlNifEnv *));
ERL_NIF_API_FUNC_DECL(ERL_NIF_TERM, enif_cpu_time, (ErlNifEnv *));
ERL_NIF_API_FUNC_DECL(int, enif_map_iterator_create,
    (ErlNifEnv *, ERL_NIF_TERM map, ErlNifMapIterator *iter, ErlNifMapIteratorEntry entry));
ERL_NIF_API_FUNC_DECL(void, enif_map_iterator_destroy, (ErlNifEnv *, ErlNifMapIterator *iter));
ERL_NIF_API_FUNC_DECL(int, enif_map_iterator_is_head, (ErlNifEnv *, ErlNifMapIterator *iter));
ERL_NIF_API_FUNC_DECL(int, enif_map_iterator_is_tail, (ErlNifEnv *, ErlNifMapIterator *iter));
ERL_NIF_API_FUNC_DECL(int, enif_map_iterator_next, (ErlNifEnv *, ErlNifMapIterator *iter));
ERL_NIF_API_FUNC_DECL(int, enif_map_iterator_prev, (ErlNifEnv *, ErlNifMapIterator *iter));
ERL_NIF_API_FUNC_DECL(int, enif_map_iterator_get_pair,
    (ErlNifEnv *, ErlNifMapIterator *iter, ERL_NIF_TERM *key, ERL_NIF_TERM *value));
ERL_NIF_API_FUNC_DECL(int, enif_is_port_alive, (ErlNifEnv *, ErlNifPort *port));
ERL_NIF_API_FUNC_DECL(int, enif_get_local_port,
    (ErlNifEnv *, ERL_NIF_TERM term, ErlNifPort *port));
ERL_NIF_API_FUNC_DECL(int, enif_whereis_port, (ErlNifEnv *, ERL_NIF_TERM name, ErlNifPort *port));
ERL_NIF_API_FUNC_DECL(int, enif_port_command,
    (ErlNifEnv *, const ErlNifPort *to_port, ErlNifEnv *msg_env, ERL_NIF_TERM msg));
ERL_NIF_API_FUNC_DECL(int, enif_monitor_process,
    (ErlNifEnv *, void *obj, const ErlNifPid *, ErlNifMonitor *monitor));
ERL_NIF_API_FUNC_DECL(int, enif_demonitor_process,
    (ErlNifEnv *, void *obj, const ErlNifMonitor *monitor));
ERL_NIF_API_FUNC_DECL(int, enif_compare_monitors, (const ErlNifMonitor *, const ErlNifMonitor *));
ERL_NIF_API_FUNC_DECL(ERL_NIF_TERM, enif_make_monitor_term, (ErlNifEnv *, const ErlNifMonitor *));
ERL_NIF_API_FUNC_DECL(int, enif_dynamic_resource_call,
    (ErlNifEnv *, ERL_NIF_TERM mod, ERL_NIF_TERM name, ERL_NIF_TERM rsrc, void *call_data));
ERL_NIF_API_FUNC_DECL(int, enif_select,
    (ErlNifEnv *, ErlNifEvent e, enum ErlNifSelectFlags flags, void *obj, const ErlNifPid *pid,
     ERL_NIF_TERM ref));
ERL_NIF_API_FUNC_DECL(int, enif_select_x,
    (ErlNifEnv *, ErlNifEvent e, enum ErlNifSelectFlags flags, void *obj, const ErlNifPid *pid,
     ERL_NIF_TERM msg, ErlNifEnv *msg_env));
ERL_NIF_API_FUNC_DECL(ErlNifIOQueue *, enif_ioq_create, (ErlNifIOQueueOpts opts));
ERL_NIF_API_FUNC_DECL(void, enif_ioq_destroy, (ErlNifIOQueue *q));
ERL_NIF_API_FUNC_DECL(int, enif_ioq_enq_binary,
    (ErlNifIOQueue *q, ErlNifBinary *bin, size_t skip));
ERL_NIF_API_FUNC_DECL(int, enif_ioq_enqv, (ErlNifIOQueue *q, ErlNifIOVec *iov, size_t skip));
ERL_NIF_API_FUNC_DECL(size_t, enif_ioq_size, (ErlNifIOQueue *q));
ERL_NIF_API_FUNC_DECL(int, enif_ioq_deq, (ErlNifIOQueue *q, size_t count, size_t *size));
ERL_NIF_API_FUNC_DECL(SysIOVec *, enif_ioq_peek, (ErlNifIOQueue *q, int *iovlen));
ERL_NIF_API_FUNC_DECL(int, enif_ioq_peek_head,
    (ErlNifEnv *, ErlNifIOQueue *q, size_t *size, ERL_NIF_TERM *head));
ERL_NIF_API_FUNC_DECL(int, enif_inspect_iovec,
    (ErlNifEnv *, size_t max_length, ERL_NIF_TERM iovec_term, ERL_NIF_TERM *tail,
     ErlNifIOVec **iovec));
ERL_NIF_API_FUNC_DECL(void, enif_free_iovec, (ErlNifIOVec *iov));
ERL_NIF_API_FUNC_DECL(char *, enif_mutex_name, (ErlNifMutex *));
ERL_NIF_API_FUNC_DECL(char *, enif_cond_name, (ErlNifCond *));
ERL_NIF_API_FUNC_DECL(char *, enif_rwlock_name, (ErlNifRWLock *));
ERL_NIF_API_FUNC_DECL(char *, enif_thread_name, (ErlNifTid));
ERL_NIF_API_FUNC_DECL(int, enif_tsd_key_create, (char *name, ErlNifTSDKey *key));
ERL_NIF_API_FUNC_DECL(void, enif_tsd_key_destroy, (ErlNifTSDKey key));
ERL_NIF_API_FUNC_DECL(void, enif_tsd_set, (ErlNifTSDKey key, void *data));
ERL_NIF_API_FUNC_DECL(void *, enif_tsd_get, (ErlNifTSDKey key));
ERL_NIF_API_FUNC_DECL(ErlNifThreadOpts *, enif_thread_opts_create, (char *name));
ERL_NIF_API_FUNC_DECL(void, enif_thread_opts_destroy, (ErlNifThreadOpts *opts));
ERL_NIF_API_FUNC_DECL(ErlNifTid, enif_thread_self, (void));
ERL_NIF_API_FUNC_DECL(int, enif_equal_tids, (ErlNifTid tid1, ErlNifTid tid2));
ERL_NIF_API_FUNC_DECL(void, enif_thread_exit, (void *resp));
