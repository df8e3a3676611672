/*
 * uv_echo: the echo server that a C programmer would write on bare libuv.
 *
 * It is the yardstick for what libuv can do on a machine: one shared read buffer, written
 * back at once with uv_try_write; only what the kernel refuses is copied and queued, and
 * a peer that does not read is not read from.
 *
 * usage: uv_echo [--once]     prints the port it listens on (127.0.0.1)
 *   --once  closes each connection after it has echoed the first piece it received
 */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { READ_BUFFER = 256 * 1024, BACKLOG = 128 };

struct write {
    uv_write_t request;
    char bytes[];
};

static char read_buffer[READ_BUFFER];
static bool close_after_first;

static void
must(int status, const char *what)
{
    if (status < 0) {
        fprintf(stderr, "uv_echo: %s: %s\n", what, uv_strerror(status));
        exit(1);
    }
}

static void
on_closed(uv_handle_t *handle)
{
    free(handle);
}

static void
close_stream(uv_stream_t *stream)
{
    if (!uv_is_closing((uv_handle_t *)stream)) {
        uv_close((uv_handle_t *)stream, on_closed);
    }
}

static void
lend_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)handle;
    (void)suggested;
    *buffer = uv_buf_init(read_buffer, sizeof(read_buffer));
}

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer);

static void
on_written(uv_write_t *request, int status)
{
    uv_stream_t *stream = request->handle;
    free(request);
    if (status < 0 || close_after_first) {
        close_stream(stream);
    } else if (stream->write_queue_size == 0) {
        uv_read_start(stream, lend_buffer, on_read);
    }
}

/* The kernel's buffer is full: keep the rest and read no more until it is written. */
static void
queue_rest(uv_stream_t *stream, const char *bytes, size_t length)
{
    struct write *write = malloc(sizeof(*write) + length);
    if (write == NULL) {
        close_stream(stream);
        return;
    }
    memcpy(write->bytes, bytes, length);
    uv_buf_t rest = uv_buf_init(write->bytes, (unsigned)length);
    if (uv_write(&write->request, stream, &rest, 1, on_written) < 0) {
        free(write);
        close_stream(stream);
        return;
    }
    uv_read_stop(stream);
}

static void
on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer)
{
    if (length < 0) {
        close_stream(stream);
        return;
    }
    if (length == 0) {
        return;
    }
    uv_buf_t piece = uv_buf_init(buffer->base, (unsigned)length);
    int written = uv_try_write(stream, &piece, 1);
    if (written == UV_EAGAIN) {
        written = 0;
    }
    if (written < 0) {
        close_stream(stream);
    } else if (written < length) {
        queue_rest(stream, buffer->base + written, (size_t)(length - written));
    } else if (close_after_first) {
        close_stream(stream);
    }
}

static void
on_connection(uv_stream_t *listener, int status)
{
    uv_tcp_t *client;
    if (status < 0 || (client = malloc(sizeof(*client))) == NULL) {
        return;
    }
    must(uv_tcp_init(listener->loop, client), "uv_tcp_init");
    if (uv_accept(listener, (uv_stream_t *)client) < 0) {
        close_stream((uv_stream_t *)client);
        return;
    }
    uv_tcp_nodelay(client, 1);
    uv_read_start((uv_stream_t *)client, lend_buffer, on_read);
}

static void
print_port(const uv_tcp_t *listener)
{
    struct sockaddr_in name;
    int length = sizeof(name);
    must(uv_tcp_getsockname(listener, (struct sockaddr *)&name, &length), "getsockname");
    printf("%d libuv-%s\n", ntohs(name.sin_port), uv_version_string());
    fflush(stdout);
}

int
main(int argc, char **argv)
{
    struct sockaddr_in address;
    uv_tcp_t listener;
    uv_loop_t *loop = uv_default_loop();
    if (argc > 2 || (argc == 2 && strcmp(argv[1], "--once") != 0)) {
        fputs("usage: uv_echo [--once]\n", stderr);
        return 2;
    }
    close_after_first = argc == 2;
    must(uv_ip4_addr("127.0.0.1", 0, &address), "address");
    must(uv_tcp_init(loop, &listener), "uv_tcp_init");
    must(uv_tcp_bind(&listener, (struct sockaddr *)&address, 0), "bind");
    must(uv_listen((uv_stream_t *)&listener, BACKLOG, on_connection), "listen");
    print_port(&listener);
    return uv_run(loop, UV_RUN_DEFAULT);
}
