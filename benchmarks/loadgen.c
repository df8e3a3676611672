/*
 * loadgen: load for an echo server, from outside its process.
 *
 * One thread, one epoll.  Four modes:
 *   echo    keep `depth` messages in flight on each connection and check what comes back
 *   udp     the same with datagrams, of which some may get lost
 *   accept  connect, send one message, read the answer, close, again
 *   idle    open connections and hold them until standard input closes
 *
 * The result is one JSON object on standard output.  Anything wrong (bytes that differ,
 * surplus bytes, a connection closed too early, no progress) ends the program with a
 * message on standard error and exit code 1: a wrong answer has no speed.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { RECEIVE_BUFFER = 256 * 1024, EVENTS_AT_ONCE = 256, COMPARED_END = 64 };
/* Each connection starts elsewhere in the pattern, so that crossed data is noticed. */
enum { PATTERN_SHIFTS = 251 };

static const uint64_t second = 1000000000;

enum mode { MODE_ECHO, MODE_UDP, MODE_ACCEPT, MODE_IDLE };

static struct {
    enum mode mode;
    unsigned connections;
    size_t size;
    size_t line_length;
    unsigned depth;
    double warmup;
    double duration;
    uint64_t messages;
    double timeout;
    unsigned sources;
    bool compare_all;
    bool client_closes;
    bool spin;
    long server_pid;
    struct sockaddr_storage address;
    socklen_t address_length;
} options = {
    .connections = 1,
    .size = 100,
    .depth = 1,
    .warmup = 0.2,
    .duration = 1.0,
    .timeout = 30.0,
    .sources = 1,
};

static char *pattern;
static char received[RECEIVE_BUFFER];
static int poll_fd = -1;

/* -- small helpers --------------------------------------------------------------------
 */

__attribute__((noreturn, format(printf, 1, 2))) static void
fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("loadgen: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static uint64_t
now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * second + (uint64_t)time.tv_nsec;
}

static uint64_t
to_ns(double seconds)
{
    return (uint64_t)(seconds * (double)second);
}

static void *
allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL) {
        fail("out of memory");
    }
    return memory;
}

static double
own_cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Time the server's main thread ran on a core, in seconds; 0 when it is not known. */
static double
server_cpu_seconds(void)
{
    char path[64];
    unsigned long long ran = 0;
    if (options.server_pid <= 0) {
        return 0.0;
    }
    snprintf(path, sizeof(path), "/proc/%ld/schedstat", options.server_pid);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return 0.0;
    }
    if (fscanf(file, "%llu", &ran) != 1) {
        ran = 0;
    }
    fclose(file);
    return (double)ran / 1e9;
}

/* -- latencies: a histogram with 32 buckets per power of two (3 % wide) ----------------
 */

enum { SUB_BITS = 5, SUB_BUCKETS = 1 << SUB_BITS };

static uint64_t latency_counts[64 * SUB_BUCKETS];
static uint64_t latency_total;
static uint64_t latency_worst;

static unsigned
bucket_of(uint64_t value)
{
    if (value < SUB_BUCKETS) {
        return (unsigned)value;
    }
    unsigned shift = 63 - (unsigned)__builtin_clzll(value) - SUB_BITS;
    return (shift + 1) * SUB_BUCKETS + (unsigned)((value >> shift) - SUB_BUCKETS);
}

static uint64_t
middle_of_bucket(unsigned bucket)
{
    if (bucket < 2 * SUB_BUCKETS) {
        return bucket;
    }
    unsigned shift = bucket / SUB_BUCKETS - 1;
    uint64_t low = (uint64_t)(bucket % SUB_BUCKETS + SUB_BUCKETS) << shift;
    return low + ((uint64_t)1 << shift) / 2;
}

static void
record_latency(uint64_t ns)
{
    latency_counts[bucket_of(ns)]++;
    latency_total++;
    if (ns > latency_worst) {
        latency_worst = ns;
    }
}

static double
latency_us(double fraction)
{
    uint64_t wanted = (uint64_t)(fraction * (double)latency_total);
    uint64_t seen = 0;
    for (unsigned i = 0; i < sizeof(latency_counts) / sizeof(latency_counts[0]); i++) {
        seen += latency_counts[i];
        if (seen > wanted) {
            return (double)middle_of_bucket(i) / 1e3;
        }
    }
    return (double)latency_worst / 1e3;
}

/* -- what is measured: warm-up, then the counted stretch, then the rest comes in -------
 */

static struct {
    enum { WARMING, COUNTING, DRAINING } phase;
    uint64_t phase_end;
    uint64_t deadline;
    uint64_t began;
    uint64_t ended;
    uint64_t completed;
    uint64_t lost;
    double own_cpu;
    double server_cpu;
} run;

static void
begin_run(uint64_t now)
{
    run.phase = WARMING;
    run.phase_end = now + to_ns(options.warmup);
    run.deadline = now + to_ns(options.timeout);
}

static void
advance_phase(uint64_t now)
{
    if (now > run.deadline) {
        fail("timed out after %g s", options.timeout);
    }
    if (run.phase == WARMING && now >= run.phase_end) {
        run.phase = COUNTING;
        run.phase_end = options.messages > 0 ? UINT64_MAX : now + to_ns(options.duration);
        run.own_cpu = own_cpu_seconds();
        run.server_cpu = server_cpu_seconds();
        run.began = now_ns();
    } else if (run.phase == COUNTING &&
               (now >= run.phase_end ||
                (options.messages > 0 && run.completed >= options.messages))) {
        run.phase = DRAINING;
        run.ended = now_ns();
        run.own_cpu = own_cpu_seconds() - run.own_cpu;
        run.server_cpu = server_cpu_seconds() - run.server_cpu;
    }
}

static void
count_message(uint64_t sent_at, uint64_t now)
{
    if (run.phase == COUNTING) {
        run.completed++;
        record_latency(now - sent_at);
    }
}

static void
print_result(const char *mode)
{
    double seconds = (double)(run.ended - run.began) / 1e9;
    double rate = (double)run.completed / seconds;
    if (run.completed == 0) {
        fail("not one message came back in %g s", seconds);
    }
    printf("{\"mode\": \"%s\", \"connections\": %u, \"size\": %zu, \"depth\": %u, ", mode,
           options.connections, options.size, options.depth);
    printf("\"seconds\": %.6f, \"messages\": %" PRIu64 ", \"messages_per_s\": %.1f, ",
           seconds, run.completed, rate);
    printf("\"bytes_per_s\": %.1f, \"latency_us\": {\"p50\": %.2f, \"p90\": %.2f, "
           "\"p99\": %.2f, \"p99.9\": %.2f, \"max\": %.2f}, ",
           rate * (double)options.size, latency_us(0.5), latency_us(0.9),
           latency_us(0.99), latency_us(0.999), (double)latency_worst / 1e3);
    printf("\"lost\": %" PRIu64 ", \"load_cpu\": %.4f", run.lost, run.own_cpu / seconds);
    if (options.server_pid > 0) {
        printf(", \"server_cpu\": %.4f, \"server_cpu_us_per_message\": %.4f",
               run.server_cpu / seconds, run.server_cpu * 1e6 / (double)run.completed);
    }
    puts("}");
}

/* -- the bytes ------------------------------------------------------------------------
 */

/*
 * The message, repeated so often that everything in flight on one connection is one
 * contiguous piece of it, wherever in a message it starts.
 */
static void
make_pattern(void)
{
    size_t length = (options.depth + 1) * options.size + PATTERN_SHIFTS;
    uint32_t noise = 2463534242u;
    pattern = allocate(length, 1);
    for (size_t i = 0; i < options.size; i++) {
        noise ^= noise << 13;
        noise ^= noise >> 17;
        noise ^= noise << 5;
        pattern[i] = options.line_length > 0 ? (char)('!' + noise % 90) : (char)noise;
    }
    for (size_t end = options.line_length; end > 0 && end <= options.size;
         end += options.line_length) {
        memcpy(pattern + end - 2, "\r\n", 2);
    }
    for (size_t i = options.size; i < length; i++) {
        pattern[i] = pattern[i - options.size];
    }
}

static const char *
pattern_of(unsigned connection)
{
    /* Lines must start at the start, so they are the same on every connection. */
    return pattern + (options.line_length > 0 ? 0 : connection % PATTERN_SHIFTS);
}

/* Comparing all of a large message would make the load generator the slower half. */
static void
compare(const char *expected, size_t length)
{
    bool ends_only = !options.compare_all && length > 64 * COMPARED_END;
    bool same;
    if (ends_only) {
        size_t tail = length - COMPARED_END;
        same = memcmp(received, expected, COMPARED_END) == 0 &&
               memcmp(received + tail, expected + tail, COMPARED_END) == 0;
    } else {
        same = memcmp(received, expected, length) == 0;
    }
    if (!same) {
        fail("the server sent back bytes that differ from what it got");
    }
}

/* -- sockets --------------------------------------------------------------------------
 */

static void
parse_target(const char *target)
{
    if (strncmp(target, "unix:", 5) == 0) {
        struct sockaddr_un *name = (struct sockaddr_un *)&options.address;
        if (strlen(target + 5) >= sizeof(name->sun_path)) {
            fail("path too long: %s", target + 5);
        }
        name->sun_family = AF_UNIX;
        strcpy(name->sun_path, target + 5);
        options.address_length = sizeof(*name);
        return;
    }
    char host[64] = "";
    const char *colon = strrchr(target, ':');
    if (colon == NULL || (size_t)(colon - target) >= sizeof(host)) {
        fail("not HOST:PORT, [HOST]:PORT or unix:PATH: %s", target);
    }
    memcpy(host, target, (size_t)(colon - target));
    in_port_t port = htons((uint16_t)atoi(colon + 1));
    struct sockaddr_in *v4 = (struct sockaddr_in *)&options.address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&options.address;
    size_t length = strlen(host);
    if (host[0] == '[' && host[length - 1] == ']') {
        host[length - 1] = '\0';
        v6->sin6_family = AF_INET6;
        v6->sin6_port = port;
        options.address_length = sizeof(*v6);
        if (inet_pton(AF_INET6, host + 1, &v6->sin6_addr) != 1) {
            fail("not a numeric IPv6 address: %s", host + 1);
        }
        return;
    }
    v4->sin_family = AF_INET;
    v4->sin_port = port;
    options.address_length = sizeof(*v4);
    if (inet_pton(AF_INET, host, &v4->sin_addr) != 1) {
        fail("not a numeric IPv4 address: %s", host);
    }
}

/* Connections beyond one address' ports need several of 127.0.0.0/8 to come from. */
static void
bind_source(int fd, unsigned number)
{
    struct sockaddr_in source = {.sin_family = AF_INET};
    int on = 1;
    if (options.sources <= 1 || options.address.ss_family != AF_INET) {
        return;
    }
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + number % options.sources);
    if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) < 0 ||
        bind(fd, (struct sockaddr *)&source, sizeof(source)) < 0) {
        fail("bind to a source address: %s", strerror(errno));
    }
}

static int
new_socket(int flags, unsigned number)
{
    int on = 1;
    int type = options.mode == MODE_UDP ? SOCK_DGRAM : SOCK_STREAM;
    int fd = socket(options.address.ss_family, type | SOCK_CLOEXEC | flags, 0);
    if (fd < 0) {
        fail("socket: %s", strerror(errno));
    }
    /* A visit sends one message: nothing is ever held back. */
    if (options.address.ss_family != AF_UNIX && type == SOCK_STREAM &&
        options.mode != MODE_ACCEPT) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    bind_source(fd, number);
    return fd;
}

static int
connected_socket(unsigned number)
{
    int fd = new_socket(0, number);
    if (connect(fd, (struct sockaddr *)&options.address, options.address_length) < 0) {
        fail("connect: %s", strerror(errno));
    }
    return fd;
}

static void
watch(int operation, int fd, uint32_t events, void *owner)
{
    struct epoll_event event = {.events = events, .data.ptr = owner};
    if (epoll_ctl(poll_fd, operation, fd, &event) < 0) {
        fail("epoll_ctl: %s", strerror(errno));
    }
}

static int
wait_for_events(struct epoll_event *events)
{
    int count = epoll_wait(poll_fd, events, EVENTS_AT_ONCE, options.spin ? 0 : 10);
    if (count < 0 && errno != EINTR) {
        fail("epoll_wait: %s", strerror(errno));
    }
    return count < 0 ? 0 : count;
}

/* -- echo -----------------------------------------------------------------------------
 */

struct connection {
    int fd;
    const char *pattern;
    size_t send_offset;    /* within a message */
    size_t receive_offset; /* within a message */
    size_t unsent;         /* bytes of queued messages that the kernel has not taken */
    size_t unanswered;     /* bytes the kernel has taken that have not come back */
    uint64_t *sent_at;     /* ring of the times at which messages were queued */
    unsigned oldest;
    unsigned in_flight;
};

static unsigned busy_connections;

static void
flush(struct connection *c)
{
    while (c->unsent > 0) {
        ssize_t n = send(c->fd, c->pattern + c->send_offset, c->unsent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            break;
        }
        if (n < 0) {
            fail("send: %s", strerror(errno));
        }
        c->unsent -= (size_t)n;
        c->unanswered += (size_t)n;
        c->send_offset = (c->send_offset + (size_t)n) % options.size;
    }
}

static void
queue_messages(struct connection *c, unsigned count, uint64_t now)
{
    for (unsigned i = 0; i < count; i++) {
        c->sent_at[(c->oldest + c->in_flight) % options.depth] = now;
        c->in_flight++;
    }
    c->unsent += count * options.size;
    flush(c);
}

/* True when there may be more: edge-triggered polling will not tell of it again. */
static bool
take_answer(struct connection *c)
{
    ssize_t n = recv(c->fd, received, sizeof(received), 0);
    if (n < 0 && errno == EAGAIN) {
        return false;
    }
    if (n < 0) {
        fail("recv: %s", strerror(errno));
    }
    if (n == 0) {
        fail("the server closed a connection");
    }
    size_t length = (size_t)n;
    if (length > c->unanswered) {
        fail("the server sent back more bytes than it got");
    }
    compare(c->pattern + c->receive_offset, length);
    c->unanswered -= length;
    unsigned complete = (unsigned)((c->receive_offset + length) / options.size);
    c->receive_offset = (c->receive_offset + length) % options.size;
    uint64_t now = now_ns();
    for (unsigned i = 0; i < complete; i++) {
        count_message(c->sent_at[c->oldest], now);
        c->oldest = (c->oldest + 1) % options.depth;
        c->in_flight--;
    }
    if (run.phase != DRAINING && complete > 0) {
        queue_messages(c, complete, now);
    } else if (run.phase == DRAINING && complete > 0 && c->in_flight == 0) {
        busy_connections--;
    }
    return length == sizeof(received);
}

/* Connections that had nothing left to come back when counting ended. */
static void
count_busy(const struct connection *connections)
{
    busy_connections = 0;
    for (unsigned i = 0; i < options.connections; i++) {
        busy_connections += connections[i].in_flight > 0;
    }
}

static struct connection *
open_connections(void)
{
    struct connection *connections = allocate(options.connections, sizeof(*connections));
    for (unsigned i = 0; i < options.connections; i++) {
        struct connection *c = &connections[i];
        c->fd = connected_socket(i);
        fcntl(c->fd, F_SETFL, O_NONBLOCK);
        c->pattern = pattern_of(i);
        c->sent_at = allocate(options.depth, sizeof(*c->sent_at));
        watch(EPOLL_CTL_ADD, c->fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, c);
    }
    return connections;
}

static void
run_echo(void)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    struct connection *connections = open_connections();
    uint64_t now = now_ns();
    begin_run(now);
    busy_connections = options.connections;
    for (unsigned i = 0; i < options.connections; i++) {
        queue_messages(&connections[i], options.depth, now);
    }
    while (busy_connections > 0) {
        int count = wait_for_events(events);
        for (int i = 0; i < count; i++) {
            struct connection *c = events[i].data.ptr;
            flush(c);
            while (take_answer(c)) {
            }
        }
        bool was_counting = run.phase == COUNTING;
        advance_phase(now_ns());
        if (was_counting && run.phase == DRAINING) {
            count_busy(connections);
        }
    }
    print_result("echo");
}

/* -- udp ------------------------------------------------------------------------------
 */

/* A datagram is its number, which answers must carry, and a piece of the pattern. */
typedef uint32_t number_type;

struct sending {
    number_type number;
    bool waits;
    uint64_t sent_at;
};

struct peer {
    int fd;
    const char *pattern;
    number_type next_number;
    struct sending *sendings; /* `depth` of them, by number */
};

static const uint64_t lost_after = second / 5;
static unsigned unanswered;

static void
send_next(struct peer *p, uint64_t now)
{
    struct sending *s = &p->sendings[p->next_number % options.depth];
    struct iovec pieces[] = {{&p->next_number, sizeof(p->next_number)},
                             {(void *)p->pattern, options.size - sizeof(number_type)}};
    s->number = p->next_number;
    s->waits = true;
    s->sent_at = now;
    ssize_t n = writev(p->fd, pieces, 2);
    if (n != (ssize_t)options.size) {
        fail("send: %s", n < 0 ? strerror(errno) : "only a part was taken");
    }
    p->next_number++;
    unanswered++;
}

/* Answered, or given up: send another, whose number finds a free place. */
static void
settle(struct peer *p, struct sending *s, uint64_t now)
{
    s->waits = false;
    unanswered--;
    if (run.phase == DRAINING) {
        return;
    }
    while (p->sendings[p->next_number % options.depth].waits) {
        p->next_number++;
    }
    send_next(p, now);
}

/* True when there may be more. */
static bool
take_datagram(struct peer *p)
{
    number_type number;
    ssize_t n = recv(p->fd, received, sizeof(received), 0);
    if (n < 0 && errno == EAGAIN) {
        return false;
    }
    if (n < 0) {
        fail("recv: %s", strerror(errno));
    }
    if ((size_t)n != options.size) {
        fail("the server sent back %zd bytes for %zu", n, options.size);
    }
    memcpy(&number, received, sizeof(number));
    if (memcmp(received + sizeof(number), p->pattern, options.size - sizeof(number)) !=
            0 ||
        p->next_number - number - 1 > UINT32_MAX / 2) {
        fail("the server sent back bytes that differ from what it got");
    }
    struct sending *s = &p->sendings[number % options.depth];
    if (s->waits && s->number == number) { /* else it was given up before */
        uint64_t now = now_ns();
        count_message(s->sent_at, now);
        settle(p, s, now);
    }
    return true;
}

static void
give_up_lost(struct peer *peers, uint64_t now)
{
    for (unsigned i = 0; i < options.connections; i++) {
        for (unsigned j = 0; j < options.depth; j++) {
            struct sending *s = &peers[i].sendings[j];
            if (s->waits && now - s->sent_at > lost_after) {
                run.lost += run.phase == COUNTING;
                settle(&peers[i], s, now);
            }
        }
    }
}

static void
run_udp(void)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    struct peer *peers = allocate(options.connections, sizeof(*peers));
    begin_run(now_ns());
    for (unsigned i = 0; i < options.connections; i++) {
        struct peer *p = &peers[i];
        p->fd = connected_socket(i);
        fcntl(p->fd, F_SETFL, O_NONBLOCK);
        p->pattern = pattern_of(i);
        p->sendings = allocate(options.depth, sizeof(*p->sendings));
        watch(EPOLL_CTL_ADD, p->fd, EPOLLIN, p);
        for (unsigned j = 0; j < options.depth; j++) {
            send_next(p, now_ns());
        }
    }
    uint64_t looked = 0;
    while (unanswered > 0) {
        int count = wait_for_events(events);
        for (int i = 0; i < count; i++) {
            while (take_datagram(events[i].data.ptr)) {
            }
        }
        uint64_t now = now_ns();
        if (now - looked > lost_after / 4) {
            give_up_lost(peers, now);
            looked = now;
        }
        advance_phase(now);
    }
    print_result("udp");
}

/* -- accept ---------------------------------------------------------------------------
 */

/* One visit after the other; `connections` of them go on at the same time. */
struct visit {
    int fd;
    bool sent;
    size_t received;
    uint64_t began;
    const char *pattern;
};

static unsigned visits_made;
static unsigned visits_open;

/* False while the connection is not there yet; on a loopback it is at once. */
static bool
send_visit(struct visit *v)
{
    ssize_t n = send(v->fd, v->pattern, options.size, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == ENOTCONN)) {
        return false;
    }
    if (n != (ssize_t)options.size) {
        fail("send: %s", n < 0 ? strerror(errno) : "only a part was taken");
    }
    v->sent = true;
    return true;
}

/* As few system calls as can be: the load must not cost more than the service. */
static void
begin_visit(struct visit *v)
{
    /* Closing with a reset leaves no TIME_WAIT behind, so ports do not run out. */
    struct linger reset = {.l_onoff = 1};
    v->fd = new_socket(SOCK_NONBLOCK, visits_made);
    v->pattern = pattern_of(visits_made);
    v->sent = false;
    v->received = 0;
    v->began = now_ns();
    visits_made++;
    visits_open++;
    setsockopt(v->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    if (connect(v->fd, (struct sockaddr *)&options.address, options.address_length) < 0 &&
        errno != EINPROGRESS) {
        fail("connect: %s", strerror(errno));
    }
    uint32_t events = EPOLLIN | EPOLLRDHUP | EPOLLET;
    watch(EPOLL_CTL_ADD, v->fd, send_visit(v) ? events : events | EPOLLOUT, v);
}

static void
end_visit(struct visit *v)
{
    close(v->fd);
    visits_open--;
    count_message(v->began, now_ns());
    if (run.phase != DRAINING) {
        begin_visit(v);
    }
}

/* True when there may be more to receive now. */
static bool
receive_visit(struct visit *v, bool server_closed)
{
    ssize_t n = recv(v->fd, received, sizeof(received), 0);
    if (n < 0 && errno == EAGAIN) {
        return false;
    }
    if (n < 0) {
        fail("recv: %s", strerror(errno));
    }
    if (v->received + (size_t)n > options.size) {
        fail("the server sent back more bytes than it got");
    }
    compare(v->pattern + v->received, (size_t)n);
    v->received += (size_t)n;
    if (v->received == options.size &&
        (server_closed || n == 0 || options.client_closes)) {
        end_visit(v);
        return false;
    }
    if (n == 0) {
        fail("the server closed a connection before it had answered");
    }
    return server_closed;
}

static void
continue_visit(struct visit *v, uint32_t events)
{
    if (!v->sent && !send_visit(v)) {
        return;
    }
    while (receive_visit(v, events & EPOLLRDHUP)) {
    }
}

static void
run_accept(void)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    struct visit *visits = allocate(options.connections, sizeof(*visits));
    begin_run(now_ns());
    for (unsigned i = 0; i < options.connections; i++) {
        begin_visit(&visits[i]);
    }
    while (visits_open > 0 || run.phase != DRAINING) {
        int count = wait_for_events(events);
        for (int i = 0; i < count; i++) {
            continue_visit(events[i].data.ptr, events[i].events);
        }
        advance_phase(now_ns());
    }
    print_result("accept");
}

/* -- idle -----------------------------------------------------------------------------
 */

/* One exchange proves that the server has accepted the connection; then it is idle. */
static void
exchange_once(int fd, const char *expected)
{
    struct timeval limit = {.tv_sec = (time_t)options.timeout};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    if (send(fd, expected, options.size, MSG_NOSIGNAL) != (ssize_t)options.size) {
        fail("send: %s", strerror(errno));
    }
    for (size_t got = 0; got < options.size;) {
        ssize_t n = recv(fd, received, options.size - got, 0);
        if (n <= 0) {
            fail("recv: %s", n < 0 ? strerror(errno) : "the server closed a connection");
        }
        compare(expected + got, (size_t)n);
        got += (size_t)n;
    }
}

static void
run_idle(void)
{
    char ignored;
    for (unsigned i = 0; i < options.connections; i++) {
        int fd = connected_socket(i);
        if (options.size > 0) {
            exchange_once(fd, pattern_of(i));
        }
    }
    printf("{\"mode\": \"idle\", \"connections\": %u}\n", options.connections);
    fflush(stdout);
    while (read(STDIN_FILENO, &ignored, 1) > 0) {
    }
}

/* -- the command line -----------------------------------------------------------------
 */

static const char usage[] =
    "usage: loadgen [options] TARGET     TARGET: HOST:PORT, [HOST]:PORT or unix:PATH\n"
    "  -m, --mode MODE         echo (default), udp, accept or idle\n"
    "  -c, --connections N     connections at the same time (1)\n"
    "  -s, --size BYTES        size of a message (100); idle: 0 sends none\n"
    "  -l, --line-length BYTES the message is lines of this length, CR LF included\n"
    "  -p, --depth N           messages in flight on each connection (1)\n"
    "  -w, --warmup SECONDS    not counted, at the start (0.2)\n"
    "  -d, --duration SECONDS  counted (1.0)\n"
    "  -n, --messages N        count at least this many, not a duration\n"
    "  -t, --timeout SECONDS   give up after this long (30)\n"
    "  -a, --sources N         connect from N addresses of 127.0.0.0/8 (1)\n"
    "  -V, --verify-all        compare every byte, also of large messages\n"
    "  -C, --client-closes     accept mode: close after the answer, not after the "
    "server\n"
    "  -S, --spin              poll without sleeping\n"
    "  -P, --server-pid PID    also tell the CPU time of that process' main thread\n";

static const struct option long_options[] = {
    {"mode", required_argument, NULL, 'm'},
    {"connections", required_argument, NULL, 'c'},
    {"size", required_argument, NULL, 's'},
    {"line-length", required_argument, NULL, 'l'},
    {"depth", required_argument, NULL, 'p'},
    {"warmup", required_argument, NULL, 'w'},
    {"duration", required_argument, NULL, 'd'},
    {"messages", required_argument, NULL, 'n'},
    {"timeout", required_argument, NULL, 't'},
    {"sources", required_argument, NULL, 'a'},
    {"verify-all", no_argument, NULL, 'V'},
    {"client-closes", no_argument, NULL, 'C'},
    {"spin", no_argument, NULL, 'S'},
    {"server-pid", required_argument, NULL, 'P'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static uint64_t
whole_number(const char *text, uint64_t most)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || value > most) {
        fail("not a whole number up to %" PRIu64 ": %s", most, text);
    }
    return value;
}

static double
seconds_of(const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= 0 && value <= 86400)) {
        fail("not a number of seconds: %s", text);
    }
    return value;
}

static enum mode
mode_named(const char *name)
{
    if (strcmp(name, "echo") == 0) {
        return MODE_ECHO;
    }
    if (strcmp(name, "udp") == 0) {
        return MODE_UDP;
    }
    if (strcmp(name, "accept") == 0) {
        return MODE_ACCEPT;
    }
    if (strcmp(name, "idle") == 0) {
        return MODE_IDLE;
    }
    fail("no such mode: %s", name);
}

static void
take_option(int option)
{
    switch (option) {
    case 'm':
        options.mode = mode_named(optarg);
        break;
    case 'c':
        options.connections = (unsigned)whole_number(optarg, 1000000);
        break;
    case 's':
        options.size = whole_number(optarg, 1 << 30);
        break;
    case 'l':
        options.line_length = whole_number(optarg, 1 << 30);
        break;
    case 'p':
        options.depth = (unsigned)whole_number(optarg, 100000);
        break;
    case 'w':
        options.warmup = seconds_of(optarg);
        break;
    case 'd':
        options.duration = seconds_of(optarg);
        break;
    case 'n':
        options.messages = whole_number(optarg, UINT64_MAX);
        break;
    case 't':
        options.timeout = seconds_of(optarg);
        break;
    case 'a':
        options.sources = (unsigned)whole_number(optarg, 1000);
        break;
    case 'V':
        options.compare_all = true;
        break;
    case 'C':
        options.client_closes = true;
        break;
    case 'S':
        options.spin = true;
        break;
    case 'P':
        options.server_pid = (long)whole_number(optarg, INT32_MAX);
        break;
    case 'h':
        fputs(usage, stdout);
        exit(0);
    default:
        fputs(usage, stderr);
        exit(2);
    }
}

static void
check_options(void)
{
    if (options.connections == 0 || options.depth == 0 ||
        (options.size == 0 && options.mode != MODE_IDLE)) {
        fail("connections, depth and size must be at least 1");
    }
    if (options.line_length == 1 ||
        (options.line_length > 0 && options.size % options.line_length != 0)) {
        fail("the size must be a multiple of the line length, which is at least 2");
    }
    if (options.mode == MODE_UDP &&
        (options.size < sizeof(number_type) || options.address.ss_family == AF_UNIX)) {
        fail("udp mode needs an IP address, and messages of at least 4 bytes");
    }
    if (options.mode != MODE_ECHO && options.size > 65536) {
        fail("only echo mode takes messages over 65536 bytes");
    }
}

int
main(int argc, char **argv)
{
    int option;
    while ((option = getopt_long(argc, argv, "m:c:s:l:p:w:d:n:t:a:VCSP:h", long_options,
                                 NULL)) != -1) {
        take_option(option);
    }
    if (optind != argc - 1) {
        fputs(usage, stderr);
        return 2;
    }
    parse_target(argv[optind]);
    check_options();
    make_pattern();
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (poll_fd < 0) {
        fail("epoll_create1: %s", strerror(errno));
    }
    switch (options.mode) {
    case MODE_ECHO:
        run_echo();
        break;
    case MODE_UDP:
        run_udp();
        break;
    case MODE_ACCEPT:
        run_accept();
        break;
    case MODE_IDLE:
        run_idle();
        break;
    }
    return 0;
}
