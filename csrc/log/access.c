/* A line of an access log; see access.h. */
#include "log/access.h"

#include "core/objects.h"
#include "log/state.h"
#include "log/text.h"

#include <stdbool.h>

/* What a line consists of, in its order. */
enum { IP, TIME, METHOD, URI, PROTOCOL, CODE, LENGTH, REFERRER, AGENT, PARTS };

/* What stands before each of them, and after the last one. */
static const char *const between[PARTS + 1] = {
    "\"", "\" - - ", " \"", " ", " ", "\" ", " ", " \"", "\" \"", "\"",
};

typedef struct {
    PyObject *value; /* owned: what the request has; once made, text */
    bool is_shown;   /* or bytes, which are text as they are */
} part;

typedef struct {
    PyObject *request; /* borrowed */
    PyObject *escape;  /* _escape of twisted.web.http, borrowed */
    bool is_known; /* it is Twisted's: what it changes nothing of is not given to it */
    part parts[PARTS];
} access_line;

/* ---- what is in it ---- */

/* The value of a part (stolen, or NULL with an exception), escaped. */
static int
set_escaped(access_line *line, part *to, PyObject *value)
{
    if (value != NULL && line->is_known && pyr_text_is_shown(value)) {
        *to = (part){value, PyBytes_CheckExact(value)};
        return 0;
    }
    to->value = value == NULL ? NULL : PyObject_CallOneArg(line->escape, value);
    Py_XDECREF(value);
    return to->value == NULL ? -1 : 0;
}

/* value or dash; the value is stolen, or NULL with an exception. */
static PyObject *
or_dash(PyObject *value, PyObject *dash)
{
    int truth = value == NULL ? -1 : pyr_truth(value);
    if (truth <= 0) {
        Py_XDECREF(value);
        return truth < 0 ? NULL : Py_NewRef(dash);
    }
    return value;
}

/* request.getHeader(name) or b"-", escaped */
static int
ask_header(core_state *st, access_line *line, part *to, PyObject *name)
{
    PyObject *value = pyr_call_named(line->request, st->names.getHeader, name);
    return set_escaped(line, to, or_dash(value, st->log->dash));
}

/* All parts but the time, in the order in which Twisted asks for them. */
static int
set_parts(core_state *st, access_line *line, PyObject *ip)
{
    const pyr_names *names = &st->names;
    PyObject *const asked[] = {names->method, names->uri, names->clientproto};
    part *parts = line->parts;
    if (ask_header(st, line, &parts[REFERRER], st->log->referer) < 0 ||
        ask_header(st, line, &parts[AGENT], st->log->user_agent) < 0 ||
        set_escaped(line, &parts[IP], Py_NewRef(ip)) < 0) {
        return -1;
    }
    for (int i = METHOD; i <= PROTOCOL; i++) {
        PyObject *value = PyObject_GetAttr(line->request, asked[i - METHOD]);
        if (set_escaped(line, &parts[i], value) < 0) {
            return -1;
        }
    }
    parts[CODE].value = PyObject_GetAttr(line->request, names->code);
    if (parts[CODE].value == NULL) {
        return -1;
    }
    PyObject *length = PyObject_GetAttr(line->request, names->sentLength);
    parts[LENGTH].value = or_dash(length, names->dash);
    return parts[LENGTH].value == NULL ? -1 : 0;
}

/* ---- the text ---- */

/* "%(code)d" % {"code": code} */
static PyObject *
code_text(core_state *st, PyObject *code)
{
    if (PyLong_CheckExact(code)) {
        return PyObject_Str(code);
    }
    PyObject *values = PyDict_New();
    PyObject *text = values == NULL || PyDict_SetItem(values, st->names.code, code) < 0
                         ? NULL
                         : PyUnicode_Format(st->log->code_format, values);
    Py_XDECREF(values);
    return text;
}

/* What is no text yet becomes that.  *size: of the line; -1: it is not all ASCII */
static int
make_texts(core_state *st, part *parts, Py_ssize_t *size)
{
    *size = (Py_ssize_t)strlen(between[PARTS]);
    bool is_ascii = true;
    for (int i = 0; i < PARTS; i++) {
        PyObject *value = parts[i].value;
        if (i == CODE || (!parts[i].is_shown && !PyUnicode_CheckExact(value))) {
            value = i == CODE ? code_text(st, value) : PyObject_Str(value);
            if (value == NULL) {
                return -1;
            }
            Py_SETREF(parts[i].value, value);
        }
        *size += (Py_ssize_t)strlen(between[i]);
        *size +=
            parts[i].is_shown ? PyBytes_GET_SIZE(value) : PyUnicode_GET_LENGTH(value);
        is_ascii = is_ascii && (parts[i].is_shown || PyUnicode_IS_COMPACT_ASCII(value));
    }
    *size = is_ascii ? *size : -1;
    return 0;
}

static char *
put_text(char *to, const char *text, size_t size)
{
    memcpy(to, text, size);
    return to + size;
}

/* The line, all of whose parts are ASCII. */
static PyObject *
join_ascii(const part *parts, Py_ssize_t size)
{
    PyObject *line = PyUnicode_New(size, 0x7f);
    if (line == NULL) {
        return NULL;
    }
    char *to = (char *)PyUnicode_1BYTE_DATA(line);
    for (int i = 0; i < PARTS; i++) {
        PyObject *value = parts[i].value;
        to = put_text(to, between[i], strlen(between[i]));
        to = parts[i].is_shown
                 ? put_text(to, PyBytes_AS_STRING(value), (size_t)PyBytes_GET_SIZE(value))
                 : put_text(to, (const char *)PyUnicode_1BYTE_DATA(value),
                            (size_t)PyUnicode_GET_LENGTH(value));
    }
    (void)put_text(to, between[PARTS], strlen(between[PARTS]));
    return line;
}

/* The same where a program has other text in it. */
static PyObject *
join_parts(const part *parts)
{
    PyObject *line = PyUnicode_FromString("");
    for (int i = 0; line != NULL && i < PARTS; i++) {
        PyObject *value = parts[i].value;
        PyObject *longer = parts[i].is_shown
                               ? PyUnicode_FromFormat("%U%s%s", line, between[i],
                                                      PyBytes_AS_STRING(value))
                               : PyUnicode_FromFormat("%U%s%U", line, between[i], value);
        Py_SETREF(line, longer);
    }
    if (line != NULL) {
        Py_SETREF(line, PyUnicode_FromFormat("%U%s", line, between[PARTS]));
    }
    return line;
}

static PyObject *
line_text(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 5) {
        PyErr_SetString(PyExc_TypeError, "log_access_line() takes 5 arguments");
        return NULL;
    }
    core_state *st = pyr_module_state(module);
    access_line line = {args[2], args[3], args[4] == Py_True, {{NULL, false}}};
    line.parts[TIME].value = Py_NewRef(args[1]);
    PyObject *text = NULL;
    Py_ssize_t size;
    if (set_parts(st, &line, args[0]) == 0 && make_texts(st, line.parts, &size) == 0) {
        text = size < 0 ? join_parts(line.parts) : join_ascii(line.parts, size);
    }
    for (int i = 0; i < PARTS; i++) {
        Py_XDECREF(line.parts[i].value);
    }
    return text;
}

PyDoc_STRVAR(line_text_doc,
             "log_access_line(ip, timestamp, request, escape, is_known, /)\n--\n\n"
             "A line of an access log, without its end.\n\n"
             "Mirrors twisted.web.http.combinedLogFormatter from where it knows the\n"
             "client's address.  escape is _escape of that module, and is_known whether\n"
             "that is Twisted's.");

PyMethodDef pyr_access_functions[] = {
    {"log_access_line", (PyCFunction)(void (*)(void))line_text, METH_FASTCALL,
     line_text_doc},
    {NULL},
};
