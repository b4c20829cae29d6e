/* SPDX-License-Identifier: Apache-2.0 */
/* inet - sockets as ports: what the drivers tcp_inet and udp_inet share.
 * A program (prim_inet.erl) talks to them by port_control: a request number and bytes, answered by
 * bytes that begin with INET_REP_OK or INET_REP_ERROR. What takes time is answered later by a
 * message {inet_async, Port, Id, Result} to the caller; output by {inet_reply, Port, Status}.
 *   inet_addr.c     addresses between the protocol and the system
 *   inet_ask.c      asynchronous requests, their timers, replies and messages
 *   inet_opt.c      options set, inet_getopt.c options read, inet_if.c interfaces, names, services
 *   inet_sock.c     requests common to both drivers
 *   drv_inet_tcp.c  connections, inet_tcp_in.c their input, inet_tcp_out.c their output
 *   drv_inet_udp.c  datagrams
 * The numbers below are the protocol's (kernel's inet_int.hrl); numbers are big-endian.
 * Locks: everything here runs under the port's lock. Semantics: inet(3), gen_tcp(3), gen_udp(3).
 * Layer: io. */
#ifndef JOIST_IO_INET_H
#define JOIST_IO_INET_H

#include "data/binary.h"
#include "io/packet.h"
#include "io/port.h"

#include <sys/socket.h>

enum {
    INET_REQ_OPEN = 1, INET_REQ_CONNECT = 3, INET_REQ_PEER, INET_REQ_NAME, INET_REQ_BIND,
    INET_REQ_SETOPTS, INET_REQ_GETOPTS, INET_REQ_GETSTAT = 11, INET_REQ_GETHOSTNAME, INET_REQ_FDOPEN,
    INET_REQ_GETFD, INET_REQ_GETTYPE, INET_REQ_GETSTATUS, INET_REQ_GETSERVBYNAME,
    INET_REQ_GETSERVBYPORT, INET_REQ_SETNAME, INET_REQ_SETPEER, INET_REQ_GETIFLIST, INET_REQ_IFGET,
    INET_REQ_IFSET, INET_REQ_SUBSCRIBE, INET_REQ_GETIFADDRS, INET_REQ_ACCEPT, INET_REQ_LISTEN,
    INET_REQ_IGNOREFD, INET_REQ_GETLADDRS, INET_REQ_GETPADDRS,
    TCP_REQ_RECV = 42, TCP_REQ_UNRECV, TCP_REQ_SHUTDOWN, TCP_REQ_SENDFILE,
    PACKET_REQ_RECV = 60,
};
enum { INET_CONTROL_MAGIC = 0x03f1a300 }; /* added to every request number */
enum { INET_REP_ERROR, INET_REP_OK };
enum { INET_AF_UNSPEC, INET_AF_INET, INET_AF_INET6, INET_AF_ANY, INET_AF_LOOPBACK, INET_AF_LOCAL,
       INET_AF_UNDEFINED };
enum { INET_TYPE_STREAM = 1, INET_TYPE_DGRAM };
enum InetActive { INET_PASSIVE, INET_ACTIVE, INET_ONCE, INET_MULTI };

/* Bits of the state, as getstatus shows them. */
enum {
    INET_F_OPEN = 1, INET_F_BOUND = 2, INET_F_ACTIVE = 4, INET_F_LISTEN = 8, INET_F_CON = 16,
    INET_F_ACC = 32, INET_F_BUSY = 128,
    INET_CLOSED = 0,
    INET_CONNECTED = INET_F_OPEN | INET_F_BOUND | INET_F_ACTIVE,
    INET_CONNECTING = INET_F_OPEN | INET_F_BOUND | INET_F_CON,
    INET_LISTENING = INET_F_OPEN | INET_F_LISTEN,
};

static inline void bytes_store_be32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24), p[1] = (uint8_t)(v >> 16), p[2] = (uint8_t)(v >> 8), p[3] = (uint8_t)v;
}

typedef union InetAddr {
    struct sockaddr sa;
    struct sockaddr_storage storage;
} InetAddr;
/* Most bytes of an encoded address. */
enum { INET_ADDR_BYTES = 260 };

/* A request that is answered by a message. */
typedef struct InetAsk {
    uint16_t id;
    uint8_t request;
    term_t caller;
    int64_t due_ns;          /* TIMER_NEVER: waits for ever */
} InetAsk;

/* A count of sizes: of reads or writes. */
typedef struct InetStat {
    uint64_t bytes, count;
    uint32_t max;
    double mean, deviation;
} InetStat;

/* Bytes that wait to be written: n bytes at `at` of storage. */
typedef struct OutPiece {
    struct OutPiece *next;
    Binary *storage;         /* one reference */
    size_t at, n;
} OutPiece;

typedef struct SendFile {
    int fd;                  /* -1: none */
    term_t caller;
    off_t offset;
    uint64_t left, sent;
    size_t ahead;            /* bytes of the queue that were there before */
} SendFile;

typedef struct InetSocket {
    Port *port;              /* const */
    bool tcp;                /* const: stream protocol */
    int fd;                  /* -1: none */
    int domain;              /* AF_*; 0 before it is open */
    uint32_t state;          /* INET_F_* */
    uint32_t armed;          /* POLL_* asked for and not reported yet */
    bool ignored;            /* somebody else polls the descriptor */
    bool keep_fd;            /* the descriptor is not ours to close */
    /* options */
    enum InetActive active;
    int32_t active_count;    /* messages left of INET_MULTI */
    bool binary, deliver_port, exit_on_close, delay_send, send_timeout_close, show_reset, debug;
    bool buffer_set;         /* by the program: recbuf does not change it */
    bool recv_tos, recv_tclass, recv_ttl;
    uint32_t header, buffer, packet_size, high, low, read_packets;
    uint64_t msgq_high, msgq_low;
    int32_t send_timeout;    /* ms; -1: none */
    enum PacketType packet;
    uint8_t delimiter;
    char *netns;             /* path of the name space to open in, or NULL */
    /* requests */
    InetAsk *asks;
    size_t ask_count, ask_cap;
    uint16_t next_id;
    term_t *subscribers;     /* of empty_out_q */
    size_t subscriber_count, subscriber_cap;
    InetStat in, out;
    InetAddr name, peer;     /* overriding what the system says */
    socklen_t name_bytes, peer_bytes; /* 0: ask the system */
    /* tcp: input */
    Binary *input;           /* bytes [input_start, input_end) have come in and were not delivered */
    size_t input_start, input_end, input_cap;
    size_t want;             /* total bytes of the packet that is under way; 0: not known */
    uint32_t recv_length;    /* of the request that waits; 0: any */
    bool http_headers;       /* packet http: the first line has gone by */
    bool read_closed;        /* the end was read; not tried again unless asked */
    bool close_told;         /* the owner knows */
    bool closed_for_recv, closed_for_send; /* next such request answers closed, then enotconn */
    bool reset;              /* ... with econnreset */
    /* tcp: output */
    OutPiece *out_first, **out_last;
    size_t queued;           /* bytes */
    term_t busy_caller;      /* waits for its reply; TERM_NONE: not busy */
    int64_t send_due_ns;
    int64_t timer_ns;        /* what the port's timer is set to */
    bool shutdown_later;     /* shut down writing when the queue is empty */
    bool writing_shut;
    SendFile sendfile;
} InetSocket;

static inline bool inet_is_open(const InetSocket *s) { return s->state & INET_F_OPEN; }
static inline bool inet_is_connected(const InetSocket *s) { return s->state & INET_F_ACTIVE; }
static inline bool inet_is_active(const InetSocket *s) { return s->active != INET_PASSIVE; }

/* ---- inet_sock.c ---- */
InetSocket *inet_new(Port *port, bool tcp);
void inet_free(InetSocket *s);
/* Close the descriptor (unless it is kept); state is INET_CLOSED. */
void inet_close(InetSocket *s);
/* What both drivers do alike; reply_exbadseq for others. */
term_t inet_control(InetSocket *s, Process *p, uint32_t request, const uint8_t *bytes, size_t n);
term_t inet_open(InetSocket *s, Process *p, const uint8_t *bytes, size_t n);
term_t inet_fdopen(InetSocket *s, Process *p, const uint8_t *bytes, size_t n);
/* Have these events reported. */
void inet_arm(InetSocket *s, uint32_t events);
void inet_disarm(InetSocket *s, uint32_t events);
void inet_count(InetStat *stat, size_t n);

/* ---- inet_ask.c: replies ---- */
term_t inet_ok(Process *p, const void *bytes, size_t n);
static inline term_t inet_ok_empty(Process *p) { return inet_ok(p, NULL, 0); }
term_t inet_ok_u32(Process *p, uint32_t v);
term_t inet_error(Process *p, int error);
term_t inet_error_text(Process *p, const char *text);
/* New asynchronous request of p, due in `timeout` ms (-1: never); its id. */
uint16_t inet_ask(InetSocket *s, Process *p, uint8_t request, int32_t timeout);
/* The answer to port_control for a request of this id. */
term_t inet_ok_id(Process *p, uint16_t id);
/* The oldest request of this kind; NULL: none. */
InetAsk *inet_find_ask(InetSocket *s, uint8_t request);
/* The oldest accept of a process that is alive; those of dead ones are dropped. */
InetAsk *inet_find_accept(InetSocket *s);
void inet_drop_ask(InetSocket *s, InetAsk *ask);
/* Answer and drop; result is built in h. */
void inet_answer(InetSocket *s, InetAsk *ask, term_t result, Heap *h);
void inet_answer_error(InetSocket *s, InetAsk *ask, term_t reason);
void inet_answer_ok(InetSocket *s, InetAsk *ask);
/* {error, Reason} to all who wait. */
void inet_answer_all(InetSocket *s, term_t reason);
/* Calls due for each request whose time has come; it must answer or drop it. */
void inet_check_due(InetSocket *s, void (*due)(InetSocket *s, InetAsk *ask));
/* Set the port's timer for the next request or send timeout. */
void inet_update_timer(InetSocket *s);
int64_t inet_due(int32_t timeout_ms);
/* {inet_reply, Port, ok} or {inet_reply, Port, {error, Reason}}. */
void inet_reply_ok(InetSocket *s, term_t caller);
void inet_reply_error(InetSocket *s, term_t caller, term_t reason);
/* {Tag, Port} and {Tag, Port, Reason} to the owner. */
void inet_tell(InetSocket *s, term_t tag);
void inet_tell_error(InetSocket *s, term_t tag, term_t reason);
void inet_send(InetSocket *s, term_t to, term_t msg, Heap *h);
term_t inet_reason(int error);
/* One message of {active, N} or once was delivered. passive: tag of the message that says so. */
void inet_active_used(InetSocket *s, term_t passive);
/* Bytes as the mode and header options say. storage: not NULL, holds the bytes and may be shared. */
term_t inet_data(const InetSocket *s, Heap *h, Binary *storage, const uint8_t *bytes, size_t n);

/* ---- inet_addr.c ---- */
/* Take an address off [*bytes, *bytes + *n) for a socket of this domain. 0 or errno. */
int inet_decode_addr(int domain, const uint8_t **bytes, size_t *n, InetAddr *a, socklen_t *size);
/* Write it; returns the number of bytes. */
size_t inet_encode_addr(const InetAddr *a, socklen_t size, uint8_t out[INET_ADDR_BYTES]);
/* The same without the port, as interface addresses are; 0: another family. */
size_t inet_encode_ip(const struct sockaddr *a, uint8_t out[INET_ADDR_BYTES]);
int inet_domain_of(uint8_t family);

/* ---- inet_opt.c, inet_getopt.c ---- */
/* 0 or errno. */
int inet_set_options(InetSocket *s, const uint8_t *bytes, size_t n);
term_t inet_get_options(InetSocket *s, Process *p, const uint8_t *bytes, size_t n);
/* Socket option behind a number of the protocol; false: it has none. */
typedef struct InetOption {
    uint8_t number;
    int level, name;
    bool must;               /* failing to set it is an error */
} InetOption;
const InetOption *inet_find_option(uint8_t number);

enum {
    INET_OPT_LINGER = 3, INET_OPT_SNDBUF = 6, INET_OPT_RCVBUF = 7, INET_OPT_REUSEADDR = 0,
    INET_OPT_KEEPALIVE = 1, INET_OPT_DONTROUTE = 2, INET_OPT_BROADCAST = 4, INET_OPT_OOBINLINE = 5,
    INET_OPT_PRIORITY = 8, INET_OPT_TOS, TCP_OPT_NODELAY, UDP_OPT_MULTICAST_IF,
    UDP_OPT_MULTICAST_TTL, UDP_OPT_MULTICAST_LOOP, UDP_OPT_ADD_MEMBERSHIP,
    UDP_OPT_DROP_MEMBERSHIP, INET_OPT_IPV6_V6ONLY,
    INET_LOPT_BUFFER = 20, INET_LOPT_HEADER, INET_LOPT_ACTIVE, INET_LOPT_PACKET, INET_LOPT_MODE,
    INET_LOPT_DELIVER, INET_LOPT_EXITONCLOSE, INET_LOPT_HIGH, INET_LOPT_LOW,
    INET_LOPT_SEND_TIMEOUT = 30, INET_LOPT_DELAY_SEND, INET_LOPT_PACKET_SIZE,
    INET_LOPT_READ_PACKETS, INET_OPT_RAW, INET_LOPT_SEND_TIMEOUT_CLOSE, INET_LOPT_MSGQ_HIGH,
    INET_LOPT_MSGQ_LOW, INET_LOPT_NETNS, INET_LOPT_SHOW_ECONNRESET, INET_LOPT_LINE_DELIM,
    INET_OPT_TCLASS, INET_OPT_BIND_TO_DEVICE, INET_OPT_RECVTOS, INET_OPT_RECVTCLASS,
    INET_OPT_PKTOPTIONS, INET_OPT_TTL, INET_OPT_RECVTTL, TCP_OPT_NOPUSH, INET_OPT_DEBUG = 99,
};

/* ---- inet_if.c ---- */
term_t inet_interfaces(InetSocket *s, Process *p, uint32_t request, const uint8_t *bytes, size_t n);
term_t inet_services(Process *p, uint32_t request, const uint8_t *bytes, size_t n);

/* ---- tcp ---- */
/* inet_tcp_in.c: bytes can be read. */
void tcp_input(InetSocket *s);
void tcp_read_now(InetSocket *s);
/* Deliver what has come in as far as it is wanted; then ask for more. */
void tcp_deliver(InetSocket *s);
bool tcp_wants_input(const InetSocket *s);
void tcp_clear_input(InetSocket *s);
/* The peer has closed; reading failed. */
void tcp_peer_closed(InetSocket *s);
void tcp_unread(InetSocket *s, const uint8_t *bytes, size_t n);
/* {tcp_closed, Port} to the owner, once. */
void tcp_tell_closed(InetSocket *s);
/* inet_tcp_out.c */
void tcp_output(Port *port, Process *p, term_t data, size_t n);
void tcp_output_packet(Port *port, const uint8_t *bytes, size_t n);
void tcp_write_ready(InetSocket *s);
void tcp_flush(Port *port);
void tcp_clear_output(InetSocket *s);
/* Nobody is kept waiting any more; the one who did gets {error, reason}, or ok for TERM_NONE. */
void tcp_release_busy(InetSocket *s, term_t reason);
term_t tcp_sendfile(InetSocket *s, Process *p, const uint8_t *bytes, size_t n);
void tcp_stop_sendfile(InetSocket *s, int error);

#endif
