/* SPDX-License-Identifier: Apache-2.0 */
/* drv_ram_file - ram_file_drv: files whose bytes live in memory.
 * Each port_command is a request, <<Op, Arguments>>; its answer {Port, {data, [Code | Rest]}} is sent at
 * once. Numbers are 32 bits, big endian.
 * Semantics: file(3) open/2 with `ram`; kernel's ram_file.erl has the codes. Layer: io. */
#include "base/alloc.h"
#include "base/oserr.h"
#include "data/binary.h"
#include "io/port.h"

#include <errno.h>

enum {
    OP_OPEN = 1, OP_READ = 2, OP_SEEK = 3, OP_WRITE = 4, OP_SYNC = 9, OP_TRUNCATE = 14, OP_PREAD = 17,
    OP_PWRITE = 18, OP_DATASYNC = 19, OP_GET = 30, OP_SIZE = 37, OP_ADVISE = 38, OP_ALLOCATE = 39,
};
enum { MODE_READ = 1, MODE_WRITE = 2 };
enum { ANSWER_OK = 0, ANSWER_ERROR = 1, ANSWER_DATA = 2, ANSWER_NUMBER = 3 };

typedef struct RamFile {
    Buf bytes;
    int64_t at;
    uint32_t mode;
} RamFile;

/* Arguments of a request, taken from the front. */
typedef struct Args {
    const uint8_t *p;
    size_t n;
} Args;

static bool take_number(Args *a, int32_t *v)
{
    if (a->n < 4) return false;
    *v = (int32_t)bytes_load_be32(a->p);
    a->p += 4, a->n -= 4;
    return true;
}

/* ---- answers ---- */

static void send(Port *port, Heap *h, const uint8_t *head, size_t n, term_t rest)
{
    term_t list = heap_string(h, (const char *)head, n, rest);
    port_send_owner(port, heap_tuple2(h, am_data, list), h);
}

static void answer_ok(Port *port)
{
    Heap h = {0};
    send(port, &h, (const uint8_t[]){ANSWER_OK}, 1, TERM_NIL);
}

static void answer_error(Port *port, int error)
{
    Heap h = {0};
    const char *text = oserr_name(error);
    send(port, &h, (const uint8_t[]){ANSWER_ERROR}, 1, heap_string(&h, text, strlen(text), TERM_NIL));
}

static void put_number(uint8_t *to, uint32_t v)
{
    to[0] = (uint8_t)(v >> 24), to[1] = (uint8_t)(v >> 16), to[2] = (uint8_t)(v >> 8), to[3] = (uint8_t)v;
}

static void answer_number(Port *port, int64_t v)
{
    Heap h = {0};
    uint8_t head[5] = {ANSWER_NUMBER};
    put_number(head + 1, (uint32_t)v);
    send(port, &h, head, sizeof head, TERM_NIL);
}

static void answer_data(Port *port, const RamFile *f, int64_t at, size_t n)
{
    Heap h = {0};
    uint8_t head[5] = {ANSWER_DATA};
    const char *from = n ? f->bytes.data + at : "";
    put_number(head + 1, (uint32_t)n);
    term_t data = port->opt.binary ? heap_binary(&h, from, n) : heap_string(&h, from, n, TERM_NIL);
    send(port, &h, head, sizeof head, data);
}

/* ---- operations ---- */

static size_t readable(const RamFile *f, int64_t at, int64_t n)
{
    int64_t left = (int64_t)f->bytes.len - at;
    return left <= 0 ? 0 : (size_t)MIN(left, n);
}

/* Bytes behind the end become zero. Returns 0 or an errno. */
static int put(RamFile *f, int64_t at, const uint8_t *bytes, size_t n)
{
    if (at < 0) return EINVAL;
    if (!(f->mode & MODE_WRITE)) return EBADF;
    if (at + (int64_t)n > INT32_MAX) return EFBIG;
    if (n == 0) return 0;
    size_t end = (size_t)at + n;
    if (end > f->bytes.len) buf_fill(&f->bytes, 0, end - f->bytes.len);
    memcpy(f->bytes.data + at, bytes, n);
    return 0;
}

static void answer_put(Port *port, int error, size_t n)
{
    if (error) answer_error(port, error);
    else answer_number(port, (int64_t)n);
}

static void do_open(Port *port, RamFile *f, Args a)
{
    int32_t mode;
    if (!take_number(&a, &mode)) {
        answer_error(port, EINVAL);
        return;
    }
    f->mode = (uint32_t)mode;
    f->at = 0;
    buf_append(&f->bytes, a.p, a.n);
    answer_number(port, 0);
}

static void do_read(Port *port, RamFile *f, Args a, bool positioned)
{
    int32_t at = 0, n;
    bool ok = (!positioned || take_number(&a, &at)) && take_number(&a, &n);
    if (!ok || at < 0 || n < 0) {
        answer_error(port, EINVAL);
    } else if (!(f->mode & MODE_READ)) {
        answer_error(port, EBADF);
    } else {
        int64_t from = positioned ? at : f->at;
        size_t got = readable(f, from, n);
        answer_data(port, f, from, got);
        if (!positioned) f->at += (int64_t)got;
    }
}

static void do_pwrite(Port *port, RamFile *f, Args a)
{
    int32_t at;
    if (!take_number(&a, &at)) answer_error(port, EINVAL);
    else answer_put(port, put(f, at, a.p, a.n), a.n);
}

static void do_write(Port *port, RamFile *f, Args a)
{
    int error = put(f, f->at, a.p, a.n);
    if (!error) f->at += (int64_t)a.n;
    answer_put(port, error, a.n);
}

static void do_seek(Port *port, RamFile *f, Args a)
{
    int32_t offset, whence;
    if (!take_number(&a, &offset) || !take_number(&a, &whence) || whence < 0 || whence > 2) {
        answer_error(port, EINVAL);
        return;
    }
    int64_t from = whence == 0 ? 0 : whence == 1 ? f->at : (int64_t)f->bytes.len;
    if (from + offset < 0 || from + offset > INT32_MAX) {
        answer_error(port, EINVAL);
        return;
    }
    f->at = from + offset;
    answer_number(port, f->at);
}

/* To the position; a file does not grow by it. */
static void do_truncate(Port *port, RamFile *f)
{
    if (!(f->mode & MODE_WRITE)) {
        answer_error(port, EACCES);
        return;
    }
    if ((size_t)f->at < f->bytes.len) buf_truncate(&f->bytes, (size_t)f->at);
    answer_ok(port);
}

static void output(Port *port, const uint8_t *bytes, size_t n)
{
    RamFile *f = port->driver_data;
    Args a = {bytes + 1, n ? n - 1 : 0};
    switch (n ? bytes[0] : 0) {
    case OP_OPEN: do_open(port, f, a); break;
    case OP_READ: do_read(port, f, a, false); break;
    case OP_PREAD: do_read(port, f, a, true); break;
    case OP_WRITE: do_write(port, f, a); break;
    case OP_PWRITE: do_pwrite(port, f, a); break;
    case OP_SEEK: do_seek(port, f, a); break;
    case OP_TRUNCATE: do_truncate(port, f); break;
    case OP_GET: answer_data(port, f, 0, f->bytes.len); break;
    case OP_SIZE: answer_number(port, (int64_t)f->bytes.len); break;
    case OP_SYNC: case OP_DATASYNC: case OP_ADVISE: case OP_ALLOCATE: answer_ok(port); break;
    default: answer_error(port, EINVAL); break;
    }
}

static int start(Port *port, Process *p UNUSED, enum PortSource source UNUSED, term_t spec UNUSED,
                 const PortOptions *opt UNUSED)
{
    RamFile *f = MEM_NEW(PORT, RamFile);
    buf_init(&f->bytes, MEM_PORT);
    port->driver_data = f;
    return 0;
}

static void stop(Port *port)
{
    RamFile *f = port->driver_data;
    buf_free(&f->bytes);
    MEM_DELETE(PORT, f);
}

const PortDriver drv_ram_file = {.name = "ram_file_drv", .start = start, .stop = stop, .output = output};
