/* SPDX-License-Identifier: Apache-2.0 */
/* erl_call - calls functions on a running node from the command line; can start the node, and end it.
 * It connects as a hidden node and talks to `rex` there. Arguments are read by the other node's own
 * scanner and parser. Semantics: erl_call(1). Standalone: includes nothing of the VM. */
#include <netdb.h>
#include <sys/wait.h>

#include "launch.h"
#include "term_text.h"

typedef struct {
    const char *node, *cookie, *hidden, *script, *apply;
    const char *address;
    bool apply_given, eval, module, halt, start, verbose, random_name, long_name, fetch_stdout, no_result;
    bool log_output;
    int timeout_s;
} Options;

typedef struct {
    const Options *o;
    NodeClient c;
    char host[256], alive[256], node[512];
} Session;

__attribute__((noreturn))
static void usage(void)
{
    fputs("usage: erl_call [-[demqrsv]] [-c Cookie] [-h HiddenName] [-x ErlScript] [-a [Mod [Fun [Args]]]]\n"
          "                [-timeout Secs] [-fetch_stdout] [-no_result_term]\n"
          "                (-n Node | -sname Node | -name Node | -address [HOSTNAME:]PORT)\n\n"
          "  -a MFA           call a function, e.g. -a 'erlang length [[a,b,c]]'; default: erlang halt\n"
          "  -e               evaluate the expressions on standard input\n"
          "  -m               compile and load the module on standard input\n"
          "  -q               end the node\n"
          "  -s               start the node if it does not run; -x: with this script instead of erl\n"
          "  -c               cookie; default: ~/.erlang.cookie\n"
          "  -h, -r           name of this client: given, random\n"
          "  -d               output of a started node goes to ~/.erl_call.out.NODE\n"
          "  -fetch_stdout    show what the call prints\n"
          "  -no_result_term  do not show the result\n"
          "  -timeout         seconds for all of it\n"
          "  -v               tell what happens on standard error\n", stderr);
    exit(1);
}

/* ---- options ---- */

static const char *value_of(int argc, char **argv, int *i)
{
    if (*i + 1 >= argc)
        usage();
    return argv[++*i];
}

static bool long_option(Options *o, int argc, char **argv, int *i)
{
    const char *a = argv[*i] + 1;
    if (strcmp(a, "sname") == 0) {
        o->node = value_of(argc, argv, i);
    } else if (strcmp(a, "name") == 0 || strcmp(a, "n") == 0) {
        o->node = value_of(argc, argv, i);
        o->long_name = true;
    } else if (strcmp(a, "address") == 0) {
        o->address = value_of(argc, argv, i);
    } else if (strcmp(a, "timeout") == 0) {
        o->timeout_s = atoi(value_of(argc, argv, i));
    } else if (strcmp(a, "fetch_stdout") == 0) {
        o->fetch_stdout = true;
    } else if (strcmp(a, "no_result_term") == 0) {
        o->no_result = true;
    } else {
        return false;
    }
    return true;
}

/* Letters may stand together: -sc Cookie. */
static void letters(Options *o, int argc, char **argv, int *i)
{
    for (const char *p = argv[*i] + 1; *p; p++) {
        switch (*p) {
        case 'a': o->apply_given = true; o->apply = *i + 1 < argc ? value_of(argc, argv, i) : ""; return;
        case 'c': o->cookie = value_of(argc, argv, i); return;
        case 'h': o->hidden = value_of(argc, argv, i); return;
        case 'x': o->script = value_of(argc, argv, i); return;
        case 'd': o->log_output = true; break;
        case 'e': o->eval = true; break;
        case 'm': o->module = true; break;
        case 'q': o->halt = true; break;
        case 'r': o->random_name = true; break;
        case 's': o->start = true; break;
        case 'v': o->verbose = true; break;
        default: usage();
        }
    }
}

static void parse(Options *o, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-' || !argv[i][1])
            usage();
        if (!long_option(o, argc, argv, &i))
            letters(o, argc, argv, &i);
    }
    if (!o->node == !o->address || (o->address && o->start))
        usage();
}

static char *home_cookie(void)
{
    static char text[256];
    const char *home = getenv("HOME");
    char *path = launch_format("%s%s", home ? home : "", "/.erlang.cookie");
    FILE *f = fopen(path, "r");
    if (!f || !fgets(text, sizeof text, f))
        launch_fail("no cookie: %s", path);
    fclose(f);
    text[strcspn(text, "\n")] = '\0';
    return text;
}

/* ---- names ---- */

static void full_host_name(char *host, size_t room)
{
    struct addrinfo hints = {.ai_flags = AI_CANONNAME}, *list;
    if (strchr(host, '.') || getaddrinfo(host, NULL, &hints, &list) != 0)
        return;
    if (list->ai_canonname)
        snprintf(host, room, "%s", list->ai_canonname);
    freeaddrinfo(list);
}

static void set_names(Session *s)
{
    static char own[512];
    const Options *o = s->o;
    const char *at = o->node ? strchr(o->node, '@') : NULL;
    gethostname(s->host, sizeof s->host - 1);
    if (o->long_name)
        full_host_name(s->host, sizeof s->host);
    else
        s->host[strcspn(s->host, ".")] = '\0';
    if (o->hidden)
        snprintf(own, sizeof own, strchr(o->hidden, '@') ? "%s" : "%s@%s", o->hidden, s->host);
    else
        snprintf(own, sizeof own, "c%d@%s", o->random_name ? (int)getpid() * 1000 + (int)(now_ms() % 1000) : 17,
                 s->host);
    s->c.name = own;
    s->c.creation = (uint32_t)getpid();
    if (at)
        snprintf(s->host, sizeof s->host, "%s", at + 1);
    if (o->node)
        snprintf(s->alive, sizeof s->alive, "%.*s", at ? (int)(at - o->node) : 255, o->node);
    snprintf(s->node, sizeof s->node, "%s@%s", s->alive, s->host);
}

/* ---- connecting ---- */

static bool try_connect(Session *s)
{
    uint16_t port;
    const char *address = s->o->address, *colon = address ? strrchr(address, ':') : NULL;
    if (colon)
        snprintf(s->host, sizeof s->host, "%.*s", (int)(colon - address), address);
    port = address ? (uint16_t)atoi(colon ? colon + 1 : address) : node_port(s->host, s->alive);
    return port && node_connect(&s->c, s->host, port, s->o->cookie);
}

static void exec_node(const Session *s)
{
    const Options *o = s->o;
    ArgVec v = {0};
    const char *script = o->script ? o->script : launch_emulator("ERL_CALL_EMULATOR");
    arg_push_all(&v, script, o->long_name ? "-name" : "-sname", strchr(o->node, '@') ? s->node : s->alive,
                 "-noinput", "-setcookie", o->cookie, (char *)NULL);
    const char *home = getenv("HOME");
    char *log = launch_format("%s/.erl_call.out.%s", home ? home : "", s->alive);
    launch_daemon();
    int fd = o->log_output ? open(log, O_WRONLY | O_CREAT | O_TRUNC, 0644) : -1;
    if (fd >= 0) {
        dup2(fd, 1);
        dup2(fd, 2);
    }
    launch_exec(script, v.at);
}

/* Starts the node and waits until it answers. */
static bool start_node(Session *s)
{
    enum { TRIES = 300, WAIT_US = 100000 };
    pid_t pid = fork();
    if (pid == 0)
        exec_node(s);
    waitpid(pid, NULL, 0);
    for (int i = 0; i < TRIES; i++) {
        if (try_connect(s))
            return true;
        usleep(WAIT_US);
    }
    return false;
}

/* ---- calls ---- */

static void lost(void)
{
    launch_fail("the connection to the node is gone");
}

static const uint8_t *call(Session *s, const char *module, const char *function, const Bytes *args, Bytes *b);

/* Text of an atom at p, cut at `room`. */
static void atom_of(const uint8_t *p, char *text, size_t room)
{
    unsigned head = *p == 119 || *p == 115 ? 1 : 2;
    snprintf(text, room, "%.*s", (int)get_be(p + 1, head), (const char *)p + 1 + head);
}

/* The characters at p, in whatever form: the node makes bytes of them. */
static void show_chars(Session *s, const uint8_t *p, const uint8_t *end)
{
    Bytes args = {0}, b = {0};
    put_list(&args, 1);
    put_raw(&args, p, term_bytes(p, end));
    put_nil(&args);
    const uint8_t *r = call(s, "unicode", "characters_to_binary", &args, &b);
    if (r && *r == 109)
        fwrite(r + 5, 1, get_be(r + 1, 4), stdout);
    fflush(stdout);
    free(args.at);
    free(b.at);
}

/* {put_chars, Encoding, Chars} or {put_chars, Encoding, Module, Function, Args} */
static bool put_chars(Session *s, const uint8_t *request, const uint8_t *end)
{
    char module[256], function[256];
    bool made = is_tagged(request, end, 5, "put_chars");
    if (!made && !is_tagged(request, end, 3, "put_chars"))
        return false;
    const uint8_t *encoding = request + 2 + term_bytes(request + 2, end);
    const uint8_t *chars = encoding + term_bytes(encoding, end);
    if (!made) {
        show_chars(s, chars, end);
        return true;
    }
    const uint8_t *second = chars + term_bytes(chars, end), *third = second + term_bytes(second, end);
    Bytes args = {0}, b = {0};
    atom_of(chars, module, sizeof module);
    atom_of(second, function, sizeof function);
    put_raw(&args, third, term_bytes(third, end));
    const uint8_t *r = call(s, module, function, &args, &b);
    if (r)
        show_chars(s, r, b.at + b.n);
    free(args.at);
    free(b.at);
    return r != NULL;
}

/* {io_request, From, ReplyAs, Request}: we are the group leader. */
static void serve_io(Session *s, const uint8_t *p, const uint8_t *end)
{
    Bytes reply = {0};
    const uint8_t *from = p + 2 + term_bytes(p + 2, end);
    const uint8_t *as = from + term_bytes(from, end), *request = as + term_bytes(as, end);
    bool put = put_chars(s, request, end);
    put_tuple(&reply, 3);
    put_atom(&reply, "io_reply");
    put_raw(&reply, as, (size_t)(request - as));
    if (!put) {
        put_tuple(&reply, 2);
        put_atom(&reply, "error");
    }
    put_atom(&reply, put ? "ok" : "request");
    send_message(&s->c, NULL, from, (size_t)(as - from), &reply);
    free(reply.at);
}

/* module:function(Args), args being an encoded list; the result in *b at the returned place. */
static const uint8_t *call(Session *s, const char *module, const char *function, const Bytes *args, Bytes *b)
{
    Bytes m = {0};
    const uint8_t *at, *end;
    put_tuple(&m, 2);
    put_self(&m, &s->c);
    put_tuple(&m, 5);
    put_atom(&m, "call");
    put_atom(&m, module);
    put_atom(&m, function);
    put_raw(&m, args->at, args->n);
    if (s->o->fetch_stdout)
        put_self(&m, &s->c);
    else
        put_atom(&m, "user");
    if (!send_message(&s->c, "rex", NULL, 0, &m))
        lost();
    free(m.at);
    while (next_message(&s->c, b, &at, &end)) {
        if (term_bytes(at, end) == 0)
            continue;
        if (is_tagged(at, end, 2, "rex"))
            return at + 2 + term_bytes(at + 2, end);
        if (is_tagged(at, end, 4, "io_request"))
            serve_io(s, at, end);
    }
    return NULL;
}

/* The result of a call with one text argument. */
static const uint8_t *call_text(Session *s, const char *module, const char *function, const void *text, size_t n,
                                Bytes *b)
{
    Bytes args = {0};
    put_list(&args, 1);
    put_text(&args, text, n);
    put_nil(&args);
    const uint8_t *r = call(s, module, function, &args, b);
    free(args.at);
    if (!r)
        lost();
    return r;
}

__attribute__((noreturn))
static void bad_arguments(const char *text)
{
    fprintf(stderr, "erl_call: Failed to parse arguments,\nsee the documentation for allowed term types.\n"
                    "Arguments: %s\n", text);
    exit(-1);
}

/* Append the list that the text denotes: the node scans and parses it. */
static void put_parsed(Session *s, const char *text, Bytes *args)
{
    Bytes b = {0}, tokens = {0};
    char *form = launch_format("%s%s", text, ".");
    const uint8_t *r = call_text(s, "erl_scan", "string", form, strlen(form), &b);
    if (!is_tagged(r, b.at + b.n, 3, "ok"))
        bad_arguments(text);
    const uint8_t *list = r + 2 + term_bytes(r + 2, b.at + b.n);
    put_list(&tokens, 1);
    put_raw(&tokens, list, term_bytes(list, b.at + b.n));
    put_nil(&tokens);
    r = call(s, "erl_parse", "parse_term", &tokens, &b);
    if (!r)
        lost();
    if (!is_tagged(r, b.at + b.n, 2, "ok"))
        bad_arguments(text);
    const uint8_t *term = r + 2 + term_bytes(r + 2, b.at + b.n);
    if (*term != 106 && *term != 107 && *term != 108)
        bad_arguments(text);
    put_raw(args, term, term_bytes(term, b.at + b.n));
    free(b.at);
    free(tokens.at);
    free(form);
}

static void show(const Session *s, const uint8_t *result)
{
    if (!s->o->no_result)
        print_term(stdout, result);
    fflush(stdout);
}

/* -a "Mod Fun Args" */
static void do_apply(Session *s)
{
    char module[256] = "erlang", function[256] = "start";
    int used = 0;
    Bytes args = {0}, b = {0};
    const char *text = s->o->apply;
    sscanf(text, " %255s%n", module, &used);
    text += used;
    used = 0;
    sscanf(text, " %255s%n", function, &used);
    text += used;
    text += strspn(text, " \t\n");
    if (*text)
        put_parsed(s, text, &args);
    else
        put_nil(&args);
    const uint8_t *r = call(s, module, function, &args, &b);
    if (!r)
        lost();
    show(s, r);
}

static Bytes read_input(void)
{
    Bytes b = {0};
    char part[4096];
    for (size_t n; (n = fread(part, 1, sizeof part, stdin)) > 0;)
        put_raw(&b, part, n);
    return b;
}

static void do_eval(Session *s)
{
    Bytes text = read_input(), b = {0};
    show(s, call_text(s, "erl_eval", "eval_str", text.at, text.n, &b));
}

/* ---- -m ---- */

/* Name in -module(Name). */
static bool module_name(const Bytes *text, char name[256])
{
    const char *at = memmem(text->at, text->n, "-module(", 8);
    return at && sscanf(at, "-module( %255[^ )\n]", name) == 1;
}

static const uint8_t *call2(Session *s, const char *module, const char *function, const char *file,
                            const Bytes *second, Bytes *b)
{
    Bytes args = {0};
    put_list(&args, second ? 2 : 1);
    put_text(&args, file, strlen(file));
    if (second)
        put_raw(&args, second->at, second->n);
    put_nil(&args);
    const uint8_t *r = call(s, module, function, &args, b);
    free(args.at);
    if (!r)
        lost();
    return r;
}

/* The node writes the source into its folder, compiles and loads it. */
static void do_module(Session *s)
{
    Bytes text = read_input(), b = {0}, source = {0};
    char name[256], file[262];
    if (!module_name(&text, name))
        launch_fail("no -module attribute on standard input");
    snprintf(file, sizeof file, "%s.erl", name);
    put_be(&source, 109, 1);
    put_be(&source, text.n, 4);
    put_raw(&source, text.at, text.n);
    call2(s, "file", "write_file", file, &source, &b);
    const uint8_t *r = call2(s, "c", "c", file, NULL, &b);
    if (!is_tagged(r, b.at + b.n, 2, "ok"))
        fprintf(stderr, "erl_call: can't compile %s\n", file);
}

/* ---- main ---- */

static void tell(const Session *s)
{
    const Options *o = s->o;
    fprintf(stderr, "erl_call: node = %s\nCookie = %s\nflags = %s%s%s%s%s\napply = %s\n", s->node, o->cookie,
            o->eval ? "eval " : "", o->module ? "module " : "", o->halt ? "halt " : "", o->start ? "start " : "",
            o->random_name ? "random " : "", o->apply_given ? o->apply : "");
}

static int halt_node(Session *s)
{
    Bytes args = {0}, b = {0};
    put_nil(&args);
    (void)call(s, "erlang", "halt", &args, &b);
    return 0;
}

int main(int argc, char **argv)
{
    Options o = {0};
    Session s = {.o = &o, .c = {.fd = -1}};
    launch_name = "erl_call";
    parse(&o, argc, argv);
    if (!o.cookie)
        o.cookie = home_cookie();
    set_names(&s);
    if (o.timeout_s > 0)
        s.c.deadline_ms = now_ms() + o.timeout_s * 1000;
    if (o.verbose)
        tell(&s);
    bool up = try_connect(&s);
    if (o.halt)
        return up ? halt_node(&s) : 0;
    if (!up && !(o.start && start_node(&s)))
        launch_fail("failed to connect to node %s", o.address ? o.address : s.node);
    if (o.module)
        do_module(&s);
    if (o.eval)
        do_eval(&s);
    if (o.apply_given)
        do_apply(&s);
    return 0;
}
