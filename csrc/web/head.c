/* The head of a request, as bytes; see head.h. */
#include "web/head.h"

#include <stdint.h>
#include <string.h>

#include "core/transport_ops.h"

/* More digits than this are Twisted's to understand. */
#define MOST_DIGITS 18

/* What a byte may be. */
enum { TOKEN = 1, TARGET = 2, VALUE = 4 };

#define T (TOKEN | TARGET | VALUE)
#define P (TARGET | VALUE) /* printable, and in no token */
#define V VALUE
#define B (TARGET | VALUE) /* 0x7f to 0xb0: Twisted takes it in a target */

static const uint8_t byte_kinds[256] = {
    0, V, V, V, V, V, V, V, V, V, 0, V, V, 0, V, V, /* 00 */
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, /* 10 */
    V, T, P, T, T, T, T, T, P, P, T, T, P, T, T, P, /* 20: !"#$%&'()*+,-./ */
    T, T, T, T, T, T, T, T, T, T, P, P, P, P, P, P, /* 30: digits, :;<=>? */
    P, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, /* 40: @, letters */
    T, T, T, T, T, T, T, T, T, T, T, P, P, P, T, T, /* 50: [\]^_ */
    T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, /* 60: `, letters */
    T, T, T, T, T, T, T, T, T, T, T, P, T, P, T, B, /* 70: {|}~ */
    B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, /* 80 */
    B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, /* 90 */
    B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, /* a0 */
    B, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, /* b0: the target ends at 176 */
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, /* c0 */
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, /* d0 */
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, /* e0 */
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, /* f0 */
};

#undef T
#undef P
#undef V
#undef B

/* Where the bytes of this kind end that begin at `at`. */
static inline Py_ssize_t
end_of_kind(const char *data, Py_ssize_t size, Py_ssize_t at, uint8_t kind)
{
    while (at < size && (byte_kinds[(uint8_t)data[at]] & kind) != 0) {
        at++;
    }
    return at;
}

static inline bool
is_at(const char *data, Py_ssize_t size, Py_ssize_t at, const char *text,
      Py_ssize_t text_size)
{
    return size - at >= text_size && memcmp(data + at, text, (size_t)text_size) == 0;
}

/* The same letters, whatever their case?  `lower` has small ones only. */
static inline bool
spells(const char *data, Py_ssize_t size, const char *lower, Py_ssize_t lower_size)
{
    if (size != lower_size) {
        return false;
    }
    for (Py_ssize_t i = 0; i < size; i++) {
        char byte = data[i];
        if ((byte >= 'A' && byte <= 'Z' ? (char)(byte + 32) : byte) != lower[i]) {
            return false;
        }
    }
    return true;
}

#define SPELLS(data, size, literal) spells(data, size, literal, sizeof(literal) - 1)

/* The number that these digits are; false: they are none that is plain. */
static bool
read_digits(const char *data, Py_ssize_t size, long long *length)
{
    long long value = 0;
    for (Py_ssize_t i = 0; i < size; i++) {
        if (data[i] < '0' || data[i] > '9') {
            return false;
        }
        value = size <= MOST_DIGITS ? value * 10 + (data[i] - '0') : 0;
    }
    *length = value;
    return size > 0 && size <= MOST_DIGITS;
}

/* If the header says how long the body is: is it the first, and in a plain form? */
static bool
note_body(pyr_head *head, const char *data, const pyr_field *field)
{
    const char *name = data + field->name, *value = data + field->value;
    if (SPELLS(name, field->name_size, "content-length")) {
        bool is_first = head->body == PYR_BODY_NONE;
        head->body = PYR_BODY_SIZED;
        return is_first && read_digits(value, field->value_size, &head->length);
    }
    if (SPELLS(name, field->name_size, "transfer-encoding")) {
        bool is_first = head->body == PYR_BODY_NONE;
        head->body = PYR_BODY_CHUNKED;
        return is_first && SPELLS(value, field->value_size, "chunked");
    }
    return true;
}

static inline bool
is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

/* The line of a header, which begins at `at`; where the next begins, or -1. */
static Py_ssize_t
read_field(pyr_head *head, const char *data, Py_ssize_t size, Py_ssize_t at)
{
    Py_ssize_t colon = end_of_kind(data, size, at, TOKEN);
    if (colon == at || colon == size || data[colon] != ':' ||
        head->count == PYR_HEAD_FIELDS) {
        return -1;
    }
    Py_ssize_t end = end_of_kind(data, size, colon + 1, VALUE);
    if (!is_at(data, size, end, "\r\n", 2)) {
        return -1;
    }
    Py_ssize_t first = colon + 1, last = end;
    while (first < last && is_blank(data[first])) {
        first++;
    }
    while (first < last && is_blank(data[last - 1])) {
        last--;
    }
    pyr_field *field = &head->fields[head->count++];
    field->name = (int)at;
    field->name_size = (int)(colon - at);
    field->value = (int)first;
    field->value_size = (int)(last - first);
    head->text += end - at;
    return note_body(head, data, field) ? end + 2 : -1;
}

/* "GET /path HTTP/1.1": where the next line begins, or -1. */
static Py_ssize_t
read_request_line(pyr_head *head, const char *data, Py_ssize_t size)
{
    Py_ssize_t space = end_of_kind(data, size, 0, TOKEN);
    if (space == 0 || space == size || data[space] != ' ') {
        return -1;
    }
    Py_ssize_t end = end_of_kind(data, size, space + 1, TARGET);
    if (end == space + 1 || !is_at(data, size, end, " HTTP/1.", 8) ||
        !is_at(data, size, end + 9, "\r\n", 2)) {
        return -1;
    }
    char minor = data[end + 8];
    head->method_size = (int)space;
    head->path = (int)space + 1;
    head->path_size = (int)(end - space - 1);
    head->is_http_11 = minor == '1';
    head->text = end + 9;
    return minor == '0' || minor == '1' ? end + 11 : -1;
}

static void
clear(pyr_head *head)
{
    head->count = head->method_size = head->path = head->path_size = 0;
    head->is_http_11 = false;
    head->text = 0;
    head->body = PYR_BODY_NONE;
    head->length = 0;
}

bool
pyr_head_parse_line(pyr_head *head, const char *data, Py_ssize_t size)
{
    clear(head);
    head->size =
        read_request_line(head, data, size > PYR_MOST_LINES ? PYR_MOST_LINES : size);
    return head->size >= 0;
}

bool
pyr_head_parse(pyr_head *head, const char *data, Py_ssize_t size, bool has_request_line)
{
    if (size > PYR_MOST_LINES) {
        size = PYR_MOST_LINES;
    }
    clear(head);
    Py_ssize_t at = has_request_line ? read_request_line(head, data, size) : 0;
    while (at >= 0 && !is_at(data, size, at, "\r\n", 2)) {
        at = read_field(head, data, size, at);
    }
    head->size = at + 2;
    return at >= 0;
}
