/* The head of a response, for the web client's parser; see answer.h. */
#include "web/answer.h"

#include <string.h>

#include "core/objects.h"
#include "web/headers.h"

/* ---- its lines ---- */

/* What bytes.strip() takes away. */
static inline bool
is_white(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static PyObject *
stripped(const char *text, Py_ssize_t size)
{
    while (size > 0 && is_white(text[size - 1])) {
        size--;
    }
    while (size > 0 && is_white(*text)) {
        text++;
        size--;
    }
    return PyBytes_FromStringAndSize(text, size);
}

static PyObject *
in_lower_case(const char *text, Py_ssize_t size)
{
    PyObject *lower = PyBytes_FromStringAndSize(NULL, size);
    if (lower != NULL) {
        char *to = PyBytes_AS_STRING(lower);
        for (Py_ssize_t i = 0; i < size; i++) {
            to[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 0x20 : text[i]);
        }
    }
    return lower;
}

/* The object, whose reference is stolen, becomes the list's last.  NULL: it was not made.
 */
static int
append_made(PyObject *list, PyObject *object)
{
    int result = object == NULL ? -1 : PyList_Append(list, object);
    Py_XDECREF(object);
    return result;
}

/* Add name and value of a line.  0: it is no field, or goes on with another one. */
static int
append_field(PyObject *parts, const char *line, Py_ssize_t size)
{
    const char *colon = memchr(line, ':', (size_t)size);
    if (colon == NULL || *line == ' ' || *line == '\t') {
        return 0;
    }
    if (append_made(parts, in_lower_case(line, colon - line)) < 0) {
        return -1;
    }
    return append_made(parts, stripped(colon + 1, line + size - colon - 1)) < 0 ? -1 : 1;
}

static int
append_status(PyObject *parts, const char *line, Py_ssize_t size)
{
    return append_made(parts, PyBytes_FromStringAndSize(line, size)) < 0 ? -1 : 1;
}

/* Add the status, and name and value of each field.  0: the head is a strange one. */
static int
append_lines(PyObject *parts, const char *text, Py_ssize_t size)
{
    const char *end = text + size;
    for (const char *line = text, *next; line < end; line = next) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        Py_ssize_t length = (newline == NULL ? end : newline) - line;
        next = newline == NULL ? end : newline + 1;
        length -= length > 0 && line[length - 1] == '\r';
        if (length == 0) {
            return 0;
        }
        int added = line == text ? append_status(parts, line, length)
                                 : append_field(parts, line, length);
        if (added <= 0) {
            return added;
        }
    }
    return PyList_GET_SIZE(parts) > 1;
}

PyDoc_STRVAR(
    split_response_doc,
    "web_split_response(data, most)\n--\n\n"
    "What the head of a response consists of.\n\n"
    "data: bytes; most: how many bytes the head may have, None at all where that is\n"
    "no int.\n"
    "Returns the place of the empty line behind it, and a tuple of the first line,\n"
    "then names, in lower case, and values by turns; or None where the head is not\n"
    "whole, is longer, or has a line that is no field.");

static PyObject *
split_response(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 2 || !PyBytes_CheckExact(args[0])) {
        return PyErr_Format(PyExc_TypeError, "bytes and a number are wanted");
    }
    Py_ssize_t most = PyLong_AsSsize_t(args[1]);
    if (most == -1) {
        PyErr_Clear(); /* what is no such number is Twisted's to compare with */
    }
    const char *text = PyBytes_AS_STRING(args[0]);
    const char *end = memmem(text, (size_t)PyBytes_GET_SIZE(args[0]), "\r\n\r\n", 4);
    if (end == NULL || end - text > most) {
        Py_RETURN_NONE;
    }
    PyObject *parts = PyList_New(0);
    int usual = parts == NULL ? -1 : append_lines(parts, text, end + 1 - text);
    PyObject *found = usual > 0 ? PyList_AsTuple(parts) : NULL;
    Py_XDECREF(parts);
    if (usual == 0) {
        Py_RETURN_NONE;
    }
    return found == NULL ? NULL : Py_BuildValue("nN", end + 2 - text, found);
}

/* ---- its fields ---- */

/* headers.addRawHeader(name, value) */
static int
add_field(core_state *st, PyObject *headers, PyObject *name, PyObject *value)
{
    bool has_cr =
        memchr(PyBytes_AS_STRING(value), '\r', (size_t)PyBytes_GET_SIZE(value)) != NULL;
    PyObject *dict = has_cr ? NULL : pyr_headers_dict(st, headers);
    if (dict == NULL) {
        PyObject *arguments[] = {headers, name, value};
        return pyr_drop(
            PyObject_VectorcallMethod(st->names.addRawHeader, arguments, 3, NULL));
    }
    PyObject *canonical =
        pyr_headers_canonical(st, PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name));
    int result = canonical == NULL ? -1 : pyr_headers_add(st, dict, canonical, value);
    Py_XDECREF(canonical);
    Py_DECREF(dict);
    return result;
}

PyDoc_STRVAR(
    add_fields_doc,
    "web_add_fields(parts, control, headers, other)\n--\n\n"
    "Add what web_split_response found to Headers.\n\n"
    "parts: its tuple; control: names of the fields that go into the second Headers,\n"
    "and not into the first.  Raises what their addRawHeader does.");

static bool
are_fields(PyObject *tuple)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); i++) {
        if (!PyBytes_CheckExact(PyTuple_GET_ITEM(tuple, i))) {
            return false;
        }
    }
    return true;
}

static PyObject *
add_fields(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 4 || !PyTuple_CheckExact(args[0]) || !are_fields(args[0])) {
        return PyErr_Format(PyExc_TypeError,
                            "a tuple of bytes, a set and two Headers are wanted");
    }
    core_state *st = pyr_module_state(module);
    for (Py_ssize_t i = 1; i + 1 < PyTuple_GET_SIZE(args[0]); i += 2) {
        PyObject *name = PyTuple_GET_ITEM(args[0], i);
        int controls = PySequence_Contains(args[1], name);
        if (controls < 0 || add_field(st, args[controls ? 3 : 2], name,
                                      PyTuple_GET_ITEM(args[0], i + 1)) < 0) {
            return NULL;
        }
    }
    Py_RETURN_NONE;
}

static PyMethodDef answer_methods[] = {
    {"web_split_response", (PyCFunction)(void (*)(void))split_response, METH_FASTCALL,
     split_response_doc},
    {"web_add_fields", (PyCFunction)(void (*)(void))add_fields, METH_FASTCALL,
     add_fields_doc},
    {NULL},
};

int
pyr_answer_add(PyObject *module)
{
    return PyModule_AddFunctions(module, answer_methods);
}
