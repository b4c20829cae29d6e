/* SPDX-License-Identifier: Apache-2.0 */
/* bif_absent - natives of the reference that Joist does not have yet: calling one raises
 * not_supported, which tools/count-natives counts and `make check` prints: mostly
 * the natives of `socket` and `net` (gen_tcp, gen_udp and inet use the drivers in vm/io and work).
 * Writing one means taking its line away here. Layer: bifs. */
#include "bifs/bif.h"

BIF(erts_debug, dist_ext_to_term, 2, 0) { return bif_not_supported(p); }
BIF(prim_net, nif_command, 1, 0) { return bif_not_supported(p); }
BIF(prim_net, nif_get_adapters_addresses, 1, 0) { return bif_not_supported(p); }
BIF(prim_net, nif_get_if_entry, 1, 0) { return bif_not_supported(p); }
BIF(prim_net, nif_get_interface_info, 1, 0) { return bif_not_supported(p); }
BIF(prim_net, nif_get_ip_address_table, 1, 0) { return bif_not_supported(p); }
BIF(prim_net, nif_getaddrinfo, 3, 0) { return bif_not_supported(p); }
BIF(prim_net, nif_gethostname, 0, 0) { return bif_not_supported(p); }
BIF(prim_net, nif_getifaddrs, 1, 0) { return bif_not_supported(p); }
BIF(prim_net, nif_getnameinfo, 2, 0) { return bif_not_supported(p); }
BIF(prim_net, nif_if_index2name, 1, 0) { return bif_not_supported(p); }
BIF(prim_net, nif_if_name2index, 1, 0) { return bif_not_supported(p); }
BIF(prim_net, nif_if_names, 0, 0) { return bif_not_supported(p); }
BIF(prim_net, nif_info, 0, 0) { return bif_not_supported(p); }
BIF(prim_socket, nif_accept, 2, 0) { return bif_not_supported(p); }
BIF(prim_socket, nif_bind, 2, 0) { return bif_not_supported(p); }
BIF(prim_socket, nif_bind, 3, 0) { return bif_not_supported(p); }
BIF(prim_socket, nif_cancel, 3, 0) { return bif_not_supported(p); }
BIF(prim_socket, nif_close, 1, 0) { return bif_not_supported(p); }
BIF(prim_socket, nif_command, 1, 0) { return bif_not_supported(p); }
BIF(prim_socket, nif_connect, 1, 0) { return bif_not_supported(p); }
BIF(prim_socket, nif_connect, 3, 0) { return bif_not_supported(p); }
BIF(prim_socket, nif_finalize_close, 1, 0) { return bif_not_supported(p); }
BIF(prim_socket, nif_getopt, 3, 0) { return bif_not_supported(p); }
BIF(prim_socket, nif_getopt, 4, 0) { return bif_not_supported(p); }
BIF(prim_socket, nif_info, 0, 0) { return bif_not_supported(p); }
BIF(prim_socket, nif_info, 1, 0) { return bif_not_supported(p); }
BIF(prim_socket, nif_ioctl, 2, 0) { return bif_not_supported(p); }
BIF(prim_socket, nif_ioctl, 3, 0) { return bif_not_supported(p); }
BIF(prim_socket, nif_ioctl, 4, 0) { return bif_not_supported(p); }
BIF(prim_socket, nif_listen, 2, 0) { return bif_not_supported(p); }
BIF(prim_socket, nif_open, 2, 0) { return bif_not_supported(p); }
BIF(prim_socket, nif_open, 4, 0) { return bif_not_supported(p); }
BIF(prim_socket, nif_peername, 1, 0) { return bif_not_supported(p); }
BIF(prim_socket, nif_recv, 4, 0) { return bif_not_supported(p); }
BIF(prim_socket, nif_recvfrom, 4, 0) { return bif_not_supported(p); }
BIF(prim_socket, nif_recvmsg, 5, 0) { return bif_not_supported(p); }
BIF(prim_socket, nif_send, 4, 0) { return bif_not_supported(p); }
BIF(prim_socket, nif_sendfile, 1, 0) { return bif_not_supported(p); }
BIF(prim_socket, nif_sendfile, 4, 0) { return bif_not_supported(p); }
BIF(prim_socket, nif_sendfile, 5, 0) { return bif_not_supported(p); }
BIF(prim_socket, nif_sendmsg, 5, 0) { return bif_not_supported(p); }
BIF(prim_socket, nif_sendto, 5, 0) { return bif_not_supported(p); }
BIF(prim_socket, nif_setopt, 5, 0) { return bif_not_supported(p); }
BIF(prim_socket, nif_shutdown, 2, 0) { return bif_not_supported(p); }
BIF(prim_socket, nif_sockname, 1, 0) { return bif_not_supported(p); }

/* Asked at start: no sockets of this kind, as a reference built without them says. */
BIF(prim_socket, nif_supports, 0, 0) { return bif_error(p, EXC_NOTSUP); }
BIF(prim_socket, nif_supports, 1, 0) { return bif_error(p, EXC_NOTSUP); }
