/* SPDX-License-Identifier: Apache-2.0 */
/* drv_tty - see tty.h. Escape sequences are those of ECMA-48, which every terminal in use understands.
 * Column arithmetic counts display cells: wide characters take two, combining ones none; control
 * characters show as ^X.
 * Semantics: kernel's user_drv.erl, edlin. Layer: io. */
#include "base/alloc.h"
#include "base/oserr.h"
#include "base/utf8.h"
#include "io/fdio.h"
#include "io/native_text.h"
#include "io/tty.h"
#include "term/atom.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

enum { OP_PUT, OP_MOVE, OP_INSERT, OP_DELETE, OP_BEEP, OP_PUT_SYNC };
enum { CTRL_GET_UNICODE = FDIO_WINSIZE + 1, CTRL_SET_UNICODE };

typedef struct Tty {
    FdIo io;
    struct termios saved;
    bool raw, unicode;
    bool printable[128];     /* 128..255 in the user's locale, when that has one byte a character */
    bool unsettled;              /* the last column is full, and the terminal has not wrapped yet */
    uint32_t *line;          /* code points since the last newline */
    size_t length, cap, at;  /* at: cursor, index in line */
    Buf out;                 /* gathered output of one command */
    Buf in;                  /* input that waits for the rest of a character */
} Tty;

/* ---- cells ---- */

/* How a terminal that is not for Unicode shows c: \303 or \x{400}. */
static size_t escape_of(uint32_t c, char out[16])
{
    return (size_t)snprintf(out, 16, c <= 0777 ? "\\%03o" : "\\x{%X}", (unsigned)c);
}

static bool is_shown_raw(const Tty *t, uint32_t c)
{
    return c < 128 || (c < 256 && t->printable[c - 128]);
}

static size_t cells_of(const Tty *t, uint32_t c)
{
    char escape[16];
    if (c < 32 || c == 127) return 2;
    if (!t->unicode) return is_shown_raw(t, c) ? 1 : escape_of(c, escape);
    if (c < 127) return 1;
    int w = wcwidth((wchar_t)c);
    return w < 0 ? 1 : (size_t)w;
}

static size_t column_of(const Tty *t, size_t index)
{
    size_t n = 0;
    for (size_t i = 0; i < index; i++) n += cells_of(t, t->line[i]);
    return n;
}

/* A terminal that does not say has 80 columns and 24 rows. */
static void size_of_screen(const Tty *t, uint32_t size[2])
{
    struct winsize ws = {0};
    if (ioctl(t->io.out, TIOCGWINSZ, &ws) != 0) ws = (struct winsize){0};
    size[0] = ws.ws_col ? ws.ws_col : 80;
    size[1] = ws.ws_row ? ws.ws_row : 24;
}

static size_t width_of_screen(const Tty *t)
{
    uint32_t size[2];
    size_of_screen(t, size);
    return size[0];
}

/* ---- output ---- */

static void put_cell(Tty *t, uint32_t c)
{
    if (c < 32 || c == 127) {
        buf_putc(&t->out, '^');
        buf_putc(&t->out, c == 127 ? '?' : (char)(c + 64));
    } else if (t->unicode) {
        buf_put_codepoint(&t->out, c);
    } else if (is_shown_raw(t, c)) {
        buf_putc(&t->out, (char)c);
    } else {
        char escape[16];
        buf_append(&t->out, escape, escape_of(c, escape));
    }
}

/* Move the cursor between two distances from the line's beginning. */
static void move_cells(Tty *t, size_t from, size_t to)
{
    size_t cols = width_of_screen(t), row1 = from / cols, row2 = to / cols;
    if (row2 < row1) buf_printf(&t->out, "\033[%zuA", row1 - row2);
    else if (row2 > row1) buf_printf(&t->out, "\033[%zuB", row2 - row1);
    size_t col1 = from % cols, col2 = to % cols;
    if (col2 < col1) {
        if (col1 - col2 < 4) buf_fill(&t->out, '\b', col1 - col2);
        else buf_printf(&t->out, "\033[%zuD", col1 - col2);
    } else if (col2 > col1) {
        buf_printf(&t->out, "\033[%zuC", col2 - col1);
    }
}

/* A terminal that has just filled its last column has not wrapped yet: make it. */
static void settle(Tty *t, size_t column)
{
    if (column > 0 && column % width_of_screen(t) == 0) buf_puts(&t->out, " \b");
}

/* Draw line[from..length), then stand at `at`. */
static void redraw_tail(Tty *t, size_t from)
{
    for (size_t i = from; i < t->length; i++) put_cell(t, t->line[i]);
    size_t end = column_of(t, t->length);
    settle(t, end);
    move_cells(t, end, column_of(t, t->at));
}

/* ---- the line ---- */

static void make_room(Tty *t, size_t n)
{
    if (t->length + n <= t->cap) return;
    size_t cap = MAX(2 * t->cap, t->length + n + 64);
    t->line = mem_realloc(MEM_PORT, t->line, t->cap * sizeof *t->line, cap * sizeof *t->line);
    t->cap = cap;
}

static void new_line(Tty *t)
{
    move_cells(t, column_of(t, t->at), column_of(t, t->length));
    buf_puts(&t->out, "\n"); /* the terminal adds the carriage return */
    t->length = t->at = 0;
}

/* One character at the cursor, over what stands there. */
static void put_char(Tty *t, uint32_t c)
{
    if (c == '\n') {
        new_line(t);
        return;
    }
    if (c == '\r') {
        move_cells(t, column_of(t, t->at), 0);
        t->at = 0;
        return;
    }
    if (c == '\t') {
        do put_char(t, ' ');
        while (column_of(t, t->at) % 8);
        return;
    }
    if (c == 7) {
        buf_putc(&t->out, 7);
        return;
    }
    make_room(t, 1);
    t->line[t->at++] = c;
    if (t->at > t->length) t->length = t->at;
    put_cell(t, c);
    t->unsettled = column_of(t, t->at) % width_of_screen(t) == 0;
}

/* Escape sequences pass through: they are no cells. Returns their length, 0 if there is none. */
static size_t escape_length(const uint8_t *b, size_t n)
{
    if (n < 2 || b[0] != 27) return 0;
    if (b[1] != '[') return 2;
    for (size_t i = 2; i < n; i++)
        if (b[i] >= 0x40 && b[i] <= 0x7E) return i + 1;
    return n;
}

/* Text that ends where the screen does; a line that does wraps only once: by its newline. */
static void wrap(Tty *t)
{
    if (t->unsettled) buf_puts(&t->out, " \b");
    t->unsettled = false;
}

static void put_text(Tty *t, const uint8_t *b, size_t n)
{
    const uint8_t *end = b + n;
    while (b < end) {
        size_t esc = escape_length(b, (size_t)(end - b));
        uint32_t c = *b;
        if (esc) {
            buf_append(&t->out, b, esc);
            b += esc;
            continue;
        }
        if (utf8_decode(&b, end, &c) != UTF8_OK) c = *b++;
        if (c == '\n') t->unsettled = false;
        put_char(t, c);
    }
    wrap(t);
}

static void insert_text(Tty *t, const uint8_t *b, size_t n)
{
    const uint8_t *end = b + n;
    size_t start = t->at;
    while (b < end) {
        uint32_t c = *b;
        if (utf8_decode(&b, end, &c) != UTF8_OK) c = *b++;
        make_room(t, 1);
        memmove(t->line + t->at + 1, t->line + t->at, (t->length - t->at) * sizeof *t->line);
        t->line[t->at++] = c;
        t->length++;
    }
    redraw_tail(t, start);
}

/* n > 0: behind the cursor; n < 0: before it. */
static void delete_chars(Tty *t, int n)
{
    size_t from = t->at, count = (size_t)(n < 0 ? -n : n);
    if (n < 0) {
        count = MIN(count, t->at);
        from = t->at - count;
        move_cells(t, column_of(t, t->at), column_of(t, from));
    } else {
        count = MIN(count, t->length - t->at);
    }
    size_t old_end = column_of(t, t->length);
    memmove(t->line + from, t->line + from + count, (t->length - from - count) * sizeof *t->line);
    t->length -= count;
    t->at = from;
    for (size_t i = from; i < t->length; i++) put_cell(t, t->line[i]);
    size_t end = column_of(t, t->length);
    buf_fill(&t->out, ' ', old_end - end);
    settle(t, old_end);
    move_cells(t, old_end, column_of(t, t->at));
}

static void move_chars(Tty *t, int n)
{
    size_t to = n < 0 ? t->at - MIN((size_t)-n, t->at) : MIN(t->at + (size_t)n, t->length);
    move_cells(t, column_of(t, t->at), column_of(t, to));
    t->at = to;
}

/* ---- driver ---- */

static bool set_raw(Tty *t)
{
    struct termios raw;
    if (tcgetattr(t->io.in, &t->saved) != 0) return false;
    raw = t->saved;
    raw.c_iflag &= ~(tcflag_t)(ICRNL | INLCR | IGNCR | IXON | ISTRIP);
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ECHONL | IEXTEN);
    raw.c_oflag |= OPOST | ONLCR;
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    t->raw = tcsetattr(t->io.in, TCSADRAIN, &raw) == 0;
    return t->raw;
}

/* What goes to user_drv is UTF-8 always. A terminal that sends anything else is for latin1 from then on. */
static void input(Port *port, const uint8_t *bytes, size_t n)
{
    Tty *t = port->driver_data;
    buf_append(&t->in, bytes, n);
    const uint8_t *at = (const uint8_t *)t->in.data;
    size_t good = 0, all = t->in.len;
    if (t->unicode && utf8_scan(at, all, &good, NULL) == UTF8_BAD) t->unicode = false;
    if (good) port_input(port, at, good);
    size_t rest = all - good;
    if (!t->unicode) {
        uint8_t *text = mem_alloc(MEM_TEMP, 2 * rest + 1);
        port_input(port, text, utf8_from_latin1(at + good, rest, text));
        mem_free(MEM_TEMP, text, 2 * rest + 1);
        rest = 0;
    }
    memmove(t->in.data, at + all - rest, rest);
    buf_truncate(&t->in, rest);
}

static void set_locale(Tty *t)
{
    t->unicode = native_text_locale_is_utf8();
    setlocale(LC_CTYPE, "");
    for (int c = 128; c < 256; c++) t->printable[c - 128] = isprint(c) != 0;
    setlocale(LC_CTYPE, "C.UTF-8"); /* for wcwidth */
}

static int start(Port *port, Process *p UNUSED, enum PortSource source UNUSED, term_t spec UNUSED,
                 const PortOptions *opt UNUSED)
{
    if (port->vm->tty || !isatty(0) || !isatty(1)) return -1;
    Tty *t = MEM_NEW(PORT, Tty);
    buf_init(&t->out, MEM_PORT);
    buf_init(&t->in, MEM_PORT);
    set_locale(t);
    t->io.in = 0;
    if (!set_raw(t)) {
        MEM_DELETE(PORT, t);
        return errno;
    }
    port->driver_data = t;
    port->vm->tty = t;
    fdio_start(&t->io, port, 0, 1, false);
    t->io.input = input;
    return 0;
}

void tty_restore(Vm *vm)
{
    Tty *t = vm->tty;
    if (t && t->raw) tcsetattr(0, TCSADRAIN, &t->saved);
}

void tty_resume(Vm *vm)
{
    Tty *t = vm->tty;
    if (t && t->raw) set_raw(t);
}

static void stop(Port *port)
{
    Tty *t = port->driver_data;
    tty_restore(port->vm);
    port->vm->tty = NULL;
    fdio_stop(&t->io, port);
    buf_free(&t->out);
    buf_free(&t->in);
    mem_free(MEM_PORT, t->line, t->cap * sizeof *t->line);
    MEM_DELETE(PORT, t);
}

static int int16_arg(const uint8_t *b, size_t n)
{
    return n >= 2 ? (int16_t)(b[0] << 8 | b[1]) : 0;
}

static void command(Tty *t, uint8_t op, const uint8_t *b, size_t n)
{
    switch (op) {
    case OP_PUT: case OP_PUT_SYNC: put_text(t, b, n); break;
    case OP_MOVE: move_chars(t, int16_arg(b, n)); break;
    case OP_INSERT: insert_text(t, b, n); break;
    case OP_DELETE: delete_chars(t, int16_arg(b, n)); break;
    case OP_BEEP: buf_putc(&t->out, 7); break;
    default: break;
    }
}

static void output(Port *port, const uint8_t *bytes, size_t n)
{
    Tty *t = port->driver_data;
    if (n == 0) return;
    command(t, bytes[0], bytes + 1, n - 1);
    int error = fdio_write(&t->io, port, (const uint8_t *)buf_text(&t->out), t->out.len);
    buf_clear(&t->out);
    if (error) port_exit(port, atom_from_cstr(oserr_name(error)));
    Heap h = {0};
    if (bytes[0] == OP_PUT_SYNC) port_send_owner(port, am_ok, &h);
}

static void ready(Port *port, uint32_t events)
{
    Tty *t = port->driver_data;
    if ((events & POLL_WRITE) && fdio_pending(&t->io) && fdio_write_ready(&t->io, port) == 0 &&
        !fdio_pending(&t->io))
        port_flushed(port);
    if (!(events & (POLL_READ | POLL_HANGUP | POLL_ERROR)) || t->io.in < 0) return;
    if (fdio_read_ready(&t->io, port) <= 0) port_input_end(port);
}

static term_t window_size(Heap *h, const Tty *t)
{
    uint32_t size[2];
    size_of_screen(t, size);
    return heap_string(h, (const char *)size, sizeof size, TERM_NIL);
}

static term_t control(Port *port, Process *p, uint32_t op, const uint8_t *bytes, size_t n)
{
    Tty *t = port->driver_data;
    term_t old = heap_cons(&p->heap, term_small(t->unicode), TERM_NIL);
    switch (op) {
    case FDIO_WINSIZE: return window_size(&p->heap, t);
    case CTRL_GET_UNICODE: return old;
    case CTRL_SET_UNICODE:
        if (n < 1) return TERM_NONE;
        t->unicode = bytes[0] != 0;
        return old;
    default: return TERM_NONE;
    }
}

static bool pending(Port *port) { return fdio_pending(&((Tty *)port->driver_data)->io); }
static void flush(Port *port) { fdio_flush(&((Tty *)port->driver_data)->io); }

const PortDriver drv_tty = {.name = "tty_sl", .start = start, .stop = stop, .output = output,
                            .ready = ready, .control = control, .pending = pending, .flush = flush};
