/* SPDX-License-Identifier: Apache-2.0 */
/* file_fs - natives of prim_file on paths: information, links, directories, working directory.
 * Semantics: kernel's file(3). Layer: io. */
#include "base/alloc.h"
#include "io/file.h"
#include "loader/load.h"
#include "term/big.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Runs op(path, ctx) -> 0 or -1 with errno, on an encoded name. */
static term_t on_path(Process *p, term_t name, int (*op)(const char *path, void *ctx), void *ctx)
{
    TempBytes temp = TEMP_BYTES_INIT;
    const char *path = file_path(name, &temp);
    int r = path ? op(path, ctx) : -1, error = errno;
    temp_bytes_free(&temp);
    if (!path) return bif_error(p, EXC_BADARG);
    return r == 0 ? am_ok : file_error(p, error);
}

static term_t on_two_paths(Process *p, term_t *a, int (*op)(const char *, const char *))
{
    TempBytes t1 = TEMP_BYTES_INIT, t2 = TEMP_BYTES_INIT;
    const char *from = file_path(a[0], &t1), *to = file_path(a[1], &t2);
    int r = from && to ? op(from, to) : -1, error = errno;
    temp_bytes_free(&t1);
    temp_bytes_free(&t2);
    if (!from || !to) return bif_error(p, EXC_BADARG);
    return r == 0 ? am_ok : file_error(p, error);
}

/* ---- information ---- */

static term_t type_atom(mode_t mode)
{
    if (S_ISREG(mode)) return am_regular;
    if (S_ISDIR(mode)) return am_directory;
    if (S_ISLNK(mode)) return am_symlink;
    return S_ISCHR(mode) || S_ISBLK(mode) ? am_device : am_other;
}

static term_t access_atom(bool r, bool w)
{
    return r ? (w ? am_read_write : am_read) : (w ? am_write : am_none);
}

/* #file_info{} with times in POSIX seconds. */
static term_t file_info(Process *p, const struct stat *st, term_t access)
{
    Heap *h = &p->heap;
    term_t e[] = {am_file_info, heap_int(h, st->st_size), type_atom(st->st_mode), access,
                  heap_int(h, st->st_atime), heap_int(h, st->st_mtime), heap_int(h, st->st_ctime),
                  heap_uint(h, st->st_mode), heap_uint(h, st->st_nlink), heap_uint(h, st->st_dev),
                  heap_uint(h, st->st_rdev), heap_uint(h, st->st_ino), heap_uint(h, st->st_uid),
                  heap_uint(h, st->st_gid)};
    return heap_tuple(h, ARRAY_LEN(e), e);
}

/* Of an open file only what its owner may do is told. */
static term_t owner_access(mode_t mode) { return access_atom(mode & S_IRUSR, mode & S_IWUSR); }

BIF(prim_file, read_info_nif, 2, BRIEF_IO)
{
    TempBytes temp = TEMP_BYTES_INIT;
    const char *path = file_path(a[0], &temp);
    struct stat st;
    term_t access_mode = am_none;
    int r = -1, error = EINVAL;
    if (path && term_is_small(a[1])) {
        r = a[1] == term_small(0) ? lstat(path, &st) : stat(path, &st);
        error = errno;
        if (r == 0) access_mode = access_atom(access(path, R_OK) == 0, access(path, W_OK) == 0);
    }
    temp_bytes_free(&temp);
    if (!path || !term_is_small(a[1])) return bif_error(p, EXC_BADARG);
    return r == 0 ? file_info(p, &st, access_mode) : file_error(p, error);
}

BIF(prim_file, read_handle_info_nif, 1, BRIEF_IO)
{
    int fd = file_descriptor_of(a[0]);
    struct stat st;
    if (fd < 0) return bif_error(p, EXC_BADARG);
    if (fstat(fd, &st) != 0) return file_error(p, errno);
    return file_info(p, &st, owner_access(st.st_mode));
}

/* ---- changing attributes ---- */

static int op_chmod(const char *path, void *ctx) { return chmod(path, *(mode_t *)ctx); }

BIF(prim_file, set_permissions_nif, 2, BRIEF_IO)
{
    if (!term_is_small(a[1]) || small_value(a[1]) < 0) return bif_error(p, EXC_BADARG);
    mode_t mode = (mode_t)small_value(a[1]) & 07777;
    return on_path(p, a[0], op_chmod, &mode);
}

typedef struct Owner {
    uid_t uid;
    gid_t gid;
} Owner;

static int op_chown(const char *path, void *ctx)
{
    const Owner *o = ctx;
    return chown(path, o->uid, o->gid);
}

BIF(prim_file, set_owner_nif, 3, BRIEF_IO)
{
    int64_t uid, gid;
    if (!term_to_int64(a[1], &uid) || !term_to_int64(a[2], &gid)) return bif_error(p, EXC_BADARG);
    Owner o = {(uid_t)uid, (gid_t)gid};
    return on_path(p, a[0], op_chown, &o);
}

static int op_utimes(const char *path, void *ctx)
{
    return utimensat(AT_FDCWD, path, ctx, 0);
}

/* The fourth argument, creation time, has no place to go on this system. */
BIF(prim_file, set_time_nif, 4, BRIEF_IO)
{
    int64_t accessed, modified;
    if (!term_to_int64(a[1], &accessed) || !term_to_int64(a[2], &modified))
        return bif_error(p, EXC_BADARG);
    struct timespec t[2] = {{.tv_sec = accessed}, {.tv_sec = modified}};
    return on_path(p, a[0], op_utimes, t);
}

/* ---- links, names, directories ---- */

BIF(prim_file, make_hard_link_nif, 2, BRIEF_IO) { return on_two_paths(p, a, link); }
BIF(prim_file, make_soft_link_nif, 2, BRIEF_IO) { return on_two_paths(p, a, symlink); }

/* rename(2) with the errors that file:rename/2 documents for directories. */
static int op_rename(const char *from, const char *to)
{
    if (rename(from, to) == 0) return 0;
    if (errno == ENOTEMPTY) errno = EEXIST;
    if (strcmp(from, "/") == 0) errno = EINVAL;
    return -1;
}

BIF(prim_file, rename_nif, 2, BRIEF_IO) { return on_two_paths(p, a, op_rename); }

static int op_mkdir(const char *path, void *ctx UNUSED) { return mkdir(path, 0777); }

BIF(prim_file, make_dir_nif, 1, BRIEF_IO) { return on_path(p, a[0], op_mkdir, NULL); }

/* A directory that is not empty, or is the working directory, is "eexist" to Erlang. */
static int op_rmdir(const char *path, void *ctx UNUSED)
{
    if (rmdir(path) == 0) return 0;
    if (errno == ENOTEMPTY) errno = EEXIST;
    if (errno == EEXIST) {
        char here[PATH_MAX], there[PATH_MAX];
        if (getcwd(here, sizeof here) && realpath(path, there) && strcmp(here, there) == 0)
            errno = EINVAL;
    }
    return -1;
}

BIF(prim_file, del_dir_nif, 1, BRIEF_IO) { return on_path(p, a[0], op_rmdir, NULL); }

/* Deleting a directory is "eperm", whatever the system calls it. */
static int op_unlink(const char *path, void *ctx UNUSED)
{
    struct stat st;
    if (unlink(path) == 0) return 0;
    int error = errno;
    bool dir = error == EISDIR || (error == EPERM && lstat(path, &st) == 0 && S_ISDIR(st.st_mode));
    errno = dir ? EPERM : error;
    return -1;
}

BIF(prim_file, del_file_nif, 1, BRIEF_IO) { return on_path(p, a[0], op_unlink, NULL); }

static int op_chdir(const char *path, void *ctx UNUSED) { return chdir(path); }

BIF(prim_file, set_cwd_nif, 1, BRIEF_IO) { return on_path(p, a[0], op_chdir, NULL); }

static term_t ok_name(Process *p, const char *name, size_t n)
{
    return heap_tuple2(&p->heap, am_ok, heap_binary(&p->heap, name, n));
}

BIF(prim_file, get_cwd_nif, 0, BRIEF_IO)
{
    char path[PATH_MAX];
    if (!getcwd(path, sizeof path)) return file_error(p, errno);
    return ok_name(p, path, strlen(path));
}

BIF(prim_file, read_link_nif, 1, BRIEF_IO)
{
    TempBytes temp = TEMP_BYTES_INIT;
    char target[PATH_MAX];
    const char *path = file_path(a[0], &temp);
    ssize_t n = path ? readlink(path, target, sizeof target) : -1;
    int error = errno;
    temp_bytes_free(&temp);
    if (!path) return bif_error(p, EXC_BADARG);
    return n >= 0 ? ok_name(p, target, (size_t)n) : file_error(p, error);
}

static term_t directory_names(Process *p, DIR *d)
{
    term_t list = TERM_NIL;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        list = heap_cons(&p->heap, heap_binary(&p->heap, e->d_name, strlen(e->d_name)), list);
    }
    return heap_tuple2(&p->heap, am_ok, list);
}

BIF(prim_file, list_dir_nif, 1, BRIEF_IO)
{
    TempBytes temp = TEMP_BYTES_INIT;
    const char *path = file_path(a[0], &temp);
    DIR *d = path ? opendir(path) : NULL;
    int error = errno;
    temp_bytes_free(&temp);
    if (!path) return bif_error(p, EXC_BADARG);
    if (!d) return file_error(p, error);
    term_t r = directory_names(p, d);
    closedir(d);
    return r;
}

/* Drives and short names exist on another system only. */
BIF(prim_file, get_device_cwd_nif, 1, 0) { return file_error(p, ENOTSUP); }
BIF(prim_file, altname_nif, 1, 0) { return file_error(p, ENOTSUP); }

/* ---- a whole file at once ---- */

/* Contents of fd, growing past what fstat said (files in /proc say 0); NULL with errno. */
static Binary *read_all(int fd, size_t *size)
{
    struct stat st;
    size_t cap = fstat(fd, &st) == 0 && st.st_size > 0 ? (size_t)st.st_size + 1 : 4096, n = 0;
    Binary *b = binary_new_try(cap);
    while (b) {
        ssize_t r = read(fd, binary_data(b) + n, cap - n);
        if (r < 0 && errno == EINTR) continue;
        if (r < 0) {
            binary_unref(b);
            return NULL;
        }
        if (r == 0) break;
        n += (size_t)r;
        if (n == cap) b = binary_resize(b, cap *= 2);
    }
    *size = n;
    if (!b) errno = ENOMEM;
    return b;
}

static Binary *read_path(const char *path, size_t *size)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return NULL;
    bool dir = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
    Binary *b = dir ? NULL : read_all(fd, size);
    int error = dir ? EISDIR : errno;
    close(fd);
    errno = error;
    return b;
}

BIF(prim_file, read_file_nif, 1, BRIEF_IO)
{
    TempBytes temp = TEMP_BYTES_INIT;
    const char *path = file_path(a[0], &temp);
    size_t n = 0;
    Binary *b = path ? read_path(path, &n) : NULL;
    int error = errno;
    bool of_root = path && loader_is_of_root(p->vm, path);
    temp_bytes_free(&temp);
    if (!path) return bif_error(p, EXC_BADARG);
    if (!b) return file_error(p, error);
    if (n > HEAP_BITS_MAX_BYTES) {
        b = binary_resize(b, n);
        if (of_root) b->flags |= BINARY_OF_ROOT;
        return heap_tuple2(&p->heap, am_ok, heap_binary_of(&p->heap, b, 0, n));
    }
    term_t r = ok_name(p, b->data, n);
    binary_unref(b);
    return r;
}
