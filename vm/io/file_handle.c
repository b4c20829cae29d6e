/* SPDX-License-Identifier: Apache-2.0 */
/* file_handle - natives of prim_file on open files.
 * Threads: dirty I/O threads of the owner, one call at a time; `fd` is atomic because the last
 *          reference may be dropped, and the file closed, by any thread. Layer: io. */
#include "base/alloc.h"
#include "data/bits.h"
#include "io/file.h"
#include "term/big.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

typedef struct FileHandle {
    _Atomic(int) fd;            /* -1: closed */
} FileHandle;

static void destroy(Binary *b)
{
    FileHandle *f = (FileHandle *)b->data;
    int fd = atomic_exchange(&f->fd, -1);
    if (fd > 2) close(fd);
}

static FileHandle *handle_of(term_t ref)
{
    Binary *b = magic_ref_of(ref, destroy);
    return b ? (FileHandle *)b->data : NULL;
}

int file_descriptor_of(term_t ref)
{
    FileHandle *f = handle_of(ref);
    return f ? atomic_load(&f->fd) : -2;
}

/* Fetches the descriptor into `fd`; leaves the native when there is none. */
#define FILE_FD(fd, ref) \
    if (!handle_of(ref)) return bif_error(p, EXC_BADARG); \
    int fd = file_descriptor_of(ref); \
    if (fd < 0) return file_error(p, EINVAL)

static term_t new_handle(Process *p, int fd)
{
    Binary *b = binary_new_magic(sizeof(FileHandle), 0, destroy);
    atomic_store(&((FileHandle *)b->data)->fd, fd);
    return heap_tuple2(&p->heap, am_ok, heap_magic_ref(&p->heap, b, ref_new(p->vm)));
}

/* ---- opening ---- */

typedef struct OpenModes {
    bool read, write, append, exclusive, sync, directory, any_type;
} OpenModes;

static void parse_mode(term_t mode, OpenModes *m)
{
    switch (mode) {
    case am_read: m->read = true; break;
    case am_write: m->write = true; break;
    case am_append: m->write = m->append = true; break;
    case am_exclusive: m->write = m->exclusive = true; break;
    case am_sync: m->sync = true; break;
    case am_directory: m->directory = true; break;
    case am_skip_type_check: m->any_type = true; break;
    default: break; /* options of the layers above */
    }
}

static int open_flags(const OpenModes *m)
{
    int flags = O_CLOEXEC | (m->sync ? O_SYNC : 0);
    if (m->directory) return flags | O_RDONLY | O_DIRECTORY;
    if (!m->write) return flags | O_RDONLY;
    flags |= O_CREAT | (m->read ? O_RDWR : O_WRONLY);
    if (m->append) flags |= O_APPEND;
    if (m->exclusive) flags |= O_EXCL;
    if (!m->read && !m->append) flags |= O_TRUNC;
    return flags;
}

/* Opened descriptor, or -1 with errno. Directories are refused unless asked for. */
static int open_checked(const char *path, const OpenModes *m)
{
    struct stat st;
    int fd;
    do fd = open(path, open_flags(m), 0666);
    while (fd < 0 && errno == EINTR);
    if (fd < 0 || m->any_type || m->directory) return fd;
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        close(fd);
        errno = EISDIR;
        return -1;
    }
    return fd;
}

BIF(prim_file, open_nif, 2, BRIEF_IO)
{
    OpenModes m = {0};
    TempBytes temp = TEMP_BYTES_INIT;
    term_t l = a[1];
    for (; term_is_list_cell(l); l = list_tail(l)) parse_mode(list_head(l), &m);
    const char *path = file_path(a[0], &temp);
    int fd = -1, error = EINVAL;
    if (path && l == TERM_NIL) {
        fd = open_checked(path, &m);
        error = errno;
    }
    temp_bytes_free(&temp);
    if (!path || l != TERM_NIL) return bif_error(p, EXC_BADARG);
    return fd >= 0 ? new_handle(p, fd) : file_error(p, error);
}

BIF(prim_file, file_desc_to_ref_nif, 1, 0)
{
    if (!term_is_small(a[0]) || small_value(a[0]) < 0 || small_value(a[0]) > INT_MAX)
        return bif_error(p, EXC_BADARG);
    int fd = (int)small_value(a[0]);
    if (fcntl(fd, F_GETFD) < 0) return file_error(p, EBADF);
    return new_handle(p, fd);
}

static term_t close_handle(Process *p, term_t ref)
{
    FileHandle *f = handle_of(ref);
    if (!f) return bif_error(p, EXC_BADARG);
    int fd = atomic_exchange(&f->fd, -1);
    if (fd < 0) return file_error(p, EINVAL);
    /* An interrupted close has released the descriptor: never repeat it. */
    if (close(fd) == 0 || errno == EINTR) return am_ok;
    return file_error(p, errno);
}

BIF(prim_file, close_nif, 1, BRIEF_IO) { return close_handle(p, a[0]); }

BIF(prim_file, delayed_close_nif, 1, BRIEF_IO)
{
    return close_handle(p, a[0]) == TERM_NONE ? TERM_NONE : am_ok;
}

BIF(prim_file, get_handle_nif, 1, 0)
{
    FILE_FD(fd, a[0]);
    return heap_binary(&p->heap, &fd, sizeof fd);
}

/* ---- reading ---- */

static bool size_arg(term_t t, size_t *n)
{
    uint64_t v;
    if (!term_to_uint64(t, &v) || v > SSIZE_MAX) return false;
    *n = (size_t)v;
    return true;
}

/* All n bytes unless the file ends: of a pipe too, as the reference does. */
static ssize_t read_full(int fd, uint8_t *to, size_t n, int64_t offset)
{
    size_t done = 0;
    while (done < n) {
        ssize_t r = offset < 0 ? read(fd, to + done, n - done)
                               : pread(fd, to + done, n - done, offset + (int64_t)done);
        if (r < 0 && errno == EINTR) continue;
        if (r < 0) return done > 0 ? (ssize_t)done : -1;
        if (r == 0) break;
        done += (size_t)r;
    }
    return (ssize_t)done;
}

/* {ok, Data}, eof or {error, Reason}; offset -1: at the file's position. */
static term_t read_result(Process *p, int fd, size_t n, int64_t offset)
{
    Binary *b = binary_new_try(n ? n : 1);
    if (!b) return file_error(p, ENOMEM);
    ssize_t r = read_full(fd, binary_data(b), n, offset);
    if (r <= 0) {
        int error = errno;
        binary_unref(b);
        if (r == 0 && n > 0) return am_eof;
        if (r < 0) return file_error(p, error);
        return heap_tuple2(&p->heap, am_ok, heap_binary(&p->heap, "", 0));
    }
    term_t data;
    if ((size_t)r <= HEAP_BITS_MAX_BYTES) {
        data = heap_binary(&p->heap, binary_data(b), (size_t)r);
        binary_unref(b);
    } else {
        if ((size_t)r < n) b = binary_resize(b, (size_t)r);
        data = heap_binary_of(&p->heap, b, 0, (size_t)r);
    }
    return heap_tuple2(&p->heap, am_ok, data);
}

BIF(prim_file, read_nif, 2, BRIEF_IO)
{
    size_t n;
    FILE_FD(fd, a[0]);
    if (!size_arg(a[1], &n)) return bif_error(p, EXC_BADARG);
    return read_result(p, fd, n, -1);
}

BIF(prim_file, pread_nif, 3, BRIEF_IO)
{
    size_t n;
    int64_t offset;
    FILE_FD(fd, a[0]);
    if (!term_to_int64(a[1], &offset) || !size_arg(a[2], &n)) return bif_error(p, EXC_BADARG);
    if (offset < 0) return file_error(p, EINVAL);
    return read_result(p, fd, n, offset);
}

/* {ok, {Size, Pointer, Data | eof}}: a header <<Size:32, Pointer:32>> at Offset and what it points to. */
BIF(prim_file, ipread_s32bu_p32bu_nif, 3, BRIEF_IO)
{
    int64_t offset;
    size_t max;
    uint8_t head[8];
    FILE_FD(fd, a[0]);
    if (!term_to_int64(a[1], &offset) || !size_arg(a[2], &max)) return bif_error(p, EXC_BADARG);
    if (offset < 0) return file_error(p, EINVAL);
    ssize_t r = read_full(fd, head, sizeof head, offset);
    if (r < 0) return file_error(p, errno);
    if (r < (ssize_t)sizeof head) return am_eof;
    uint32_t size = bytes_load_be32(head), pointer = bytes_load_be32(head + 4);
    if (size > max) return am_eof;
    term_t data = read_result(p, fd, size, pointer);
    if (term_is_tuple(data) && tuple_element(data, 1) == am_error) return data;
    if (term_is_tuple(data)) data = tuple_element(data, 2);
    term_t found = heap_tuple3(&p->heap, term_small(size), term_small(pointer), size ? data : am_eof);
    return heap_tuple2(&p->heap, am_ok, found);
}

/* ---- writing ---- */

enum { IOV_SLICE = 256 };

typedef struct IoVec {
    struct iovec v[IOV_SLICE];
    TempBytes temp[IOV_SLICE];
    int count;
    term_t rest;                /* binaries not taken yet */
} IoVec;

static bool iovec_fill(IoVec *io)
{
    io->count = 0;
    for (; io->count < IOV_SLICE && term_is_list_cell(io->rest); io->rest = list_tail(io->rest)) {
        if (!term_is_binary(list_head(io->rest))) return false;
        TempBytes *t = &io->temp[io->count];
        *t = (TempBytes)TEMP_BYTES_INIT;
        size_t n;
        const uint8_t *bytes = binary_bytes(list_head(io->rest), &n, t);
        io->v[io->count++] = (struct iovec){(void *)bytes, n};
    }
    return term_is_list(io->rest);
}

static void iovec_done(IoVec *io)
{
    for (int i = 0; i < io->count; i++) temp_bytes_free(&io->temp[i]);
}

/* All of the slice; 0 or errno. *offset (-1: position) advances. */
static int write_slice(int fd, IoVec *io, int64_t *offset)
{
    struct iovec *v = io->v, *end = io->v + io->count;
    while (v < end) {
        ssize_t n = *offset < 0 ? writev(fd, v, (int)(end - v))
                                : pwritev(fd, v, (int)(end - v), *offset);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno;
        if (*offset >= 0) *offset += n;
        for (; v < end && (size_t)n >= v->iov_len; v++) n -= (ssize_t)v->iov_len;
        if (v < end) {
            v->iov_base = (char *)v->iov_base + n;
            v->iov_len -= (size_t)n;
        }
    }
    return 0;
}

static term_t write_vector(Process *p, int fd, term_t list, int64_t offset)
{
    IoVec *io = mem_alloc(MEM_TEMP, sizeof *io);
    io->rest = list;
    int error = 0;
    bool ok = true;
    do {
        ok = iovec_fill(io);
        if (ok) error = write_slice(fd, io, &offset);
        iovec_done(io);
    } while (ok && !error && io->count == IOV_SLICE);
    mem_free(MEM_TEMP, io, sizeof *io);
    if (!ok) return bif_error(p, EXC_BADARG);
    return error ? file_error(p, error) : am_ok;
}

BIF(prim_file, write_nif, 2, BRIEF_IO)
{
    FILE_FD(fd, a[0]);
    return write_vector(p, fd, a[1], -1);
}

BIF(prim_file, pwrite_nif, 3, BRIEF_IO)
{
    int64_t offset;
    FILE_FD(fd, a[0]);
    if (!term_to_int64(a[1], &offset)) return bif_error(p, EXC_BADARG);
    if (offset < 0) return file_error(p, EINVAL);
    return write_vector(p, fd, a[2], offset);
}

/* ---- positions and the rest ---- */

BIF(prim_file, seek_nif, 3, BRIEF_IO)
{
    int64_t offset;
    FILE_FD(fd, a[0]);
    int whence = a[1] == am_bof ? SEEK_SET : a[1] == am_cur ? SEEK_CUR : SEEK_END;
    if ((whence == SEEK_END && a[1] != am_eof) || !term_to_int64(a[2], &offset))
        return bif_error(p, EXC_BADARG);
    off_t at = lseek(fd, offset, whence);
    if (at < 0) return file_error(p, errno);
    return heap_tuple2(&p->heap, am_ok, heap_int(&p->heap, at));
}

BIF(prim_file, sync_nif, 2, LONG_IO)
{
    FILE_FD(fd, a[0]);
    return file_result(p, a[1] == term_small(1) ? fdatasync(fd) : fsync(fd));
}

BIF(prim_file, truncate_nif, 1, LONG_IO)
{
    FILE_FD(fd, a[0]);
    off_t at = lseek(fd, 0, SEEK_CUR);
    if (at < 0) return file_error(p, errno);
    int r;
    do r = ftruncate(fd, at);
    while (r < 0 && errno == EINTR);
    return file_result(p, r);
}

BIF(prim_file, allocate_nif, 3, LONG_IO)
{
    int64_t offset, length;
    FILE_FD(fd, a[0]);
    if (!term_to_int64(a[1], &offset) || !term_to_int64(a[2], &length) || offset < 0 || length < 0)
        return bif_error(p, EXC_BADARG);
    int error = posix_fallocate(fd, offset, length);
    return error ? file_error(p, error) : am_ok;
}

static int advice_of(term_t t)
{
    switch (t) {
    case am_normal: return POSIX_FADV_NORMAL;
    case am_random: return POSIX_FADV_RANDOM;
    case am_sequential: return POSIX_FADV_SEQUENTIAL;
    case am_will_need: return POSIX_FADV_WILLNEED;
    case am_dont_need: return POSIX_FADV_DONTNEED;
    case am_no_reuse: return POSIX_FADV_NOREUSE;
    default: return -1;
    }
}

BIF(prim_file, advise_nif, 4, LONG_IO)
{
    int64_t offset, length;
    FILE_FD(fd, a[0]);
    if (!term_to_int64(a[1], &offset) || !term_to_int64(a[2], &length))
        return bif_error(p, EXC_BADARG);
    int advice = advice_of(a[3]);
    if (advice < 0) return file_error(p, EINVAL);
    int error = posix_fadvise(fd, offset, length, advice);
    return error ? file_error(p, error) : am_ok;
}
