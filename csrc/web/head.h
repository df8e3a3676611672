/*
 * The head of a request, as bytes: no objects, no memory of its own.
 *
 * Only a *plain* head is taken: whole, with CR LF at the end of each line, a request line
 * of three words, names that are tokens, one colon-terminated name in each line, no
 * folded line, no NUL, CR or LF in a value, and at most one header that says how long the
 * body is, in a form that has one meaning.  All others are Twisted's own methods' to
 * judge, which so decide alone what is refused.
 */
#ifndef PYREACTOR_HEAD_H
#define PYREACTOR_HEAD_H

#include <Python.h>
#include <stdbool.h>

/* So many headers a plain head has at most. */
#define PYR_HEAD_FIELDS 100

/* Where a header lies in the head. */
typedef struct {
    int name, name_size;
    int value, value_size; /* without the spaces and tabs around it */
} pyr_field;

typedef enum { PYR_BODY_NONE, PYR_BODY_SIZED, PYR_BODY_CHUNKED } pyr_body;

typedef struct {
    Py_ssize_t size; /* of the head, with the empty line at its end */
    Py_ssize_t text; /* of its lines, without what ends them */
    int method_size; /* it begins with the method; 0: it has no request line */
    int path, path_size;
    bool is_http_11; /* or 1.0 */
    pyr_body body;
    long long length; /* what Content-Length says; 0 without one */
    int count;
    pyr_field fields[PYR_HEAD_FIELDS];
} pyr_head;

/* Does the data begin with a plain head, with or without a request line? */
bool pyr_head_parse(pyr_head *head, const char *data, Py_ssize_t size,
                    bool has_request_line);

/* Does it begin with the request line of a plain head?  That alone is the head then. */
bool pyr_head_parse_line(pyr_head *head, const char *data, Py_ssize_t size);

#endif
