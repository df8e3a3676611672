/* Texts in the lines of a log; see text.h. */
#include "log/text.h"

#include <math.h>
#include <stdbool.h>
#include <time.h>

/* Seconds since the epoch that are handled here, about the years 1970 to 2286. */
#define LATEST 9999999999.0
/* datetime rounds to microseconds: what is nearer to the next second may be in that. */
#define ROUNDED_UP 0.99999

/* The local time at `when`, a number; false: it is not one that is handled here. */
static bool
local_time(PyObject *when, struct tm *local)
{
    double seconds = PyFloat_CheckExact(when)  ? PyFloat_AS_DOUBLE(when)
                     : PyLong_CheckExact(when) ? PyLong_AsDouble(when)
                                               : -1.0;
    PyErr_Clear(); /* an int that is too large */
    double whole = floor(seconds);
    if (!(seconds >= 0.0 && seconds <= LATEST) || seconds - whole > ROUNDED_UP) {
        return false;
    }
    time_t moment = (time_t)whole;
    return (double)moment == whole && localtime_r(&moment, local) != NULL &&
           local->tm_year >= 0 && local->tm_year + 1900 <= 9999 && local->tm_sec < 60 &&
           local->tm_gmtoff % 60 == 0;
}

/* Write a number of so many digits; what follows it. */
static char *
put(char *at, int number, int digits, char next)
{
    for (int i = digits - 1; i >= 0; i--) {
        at[i] = (char)('0' + number % 10);
        number /= 10;
    }
    at[digits] = next;
    return at + digits + 1;
}

/* The minutes of an offset that is negative and no whole hour: log.FileLogObserver's
 * formatTime counts them from the hour below. */
static int
offset_minutes(long minutes, bool is_legacy)
{
    return (int)(is_legacy ? (minutes % 60 + 60) % 60 : labs(minutes) % 60);
}

static PyObject *
time_text(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs)
{
    struct tm local;
    if (nargs != 2) {
        PyErr_SetString(PyExc_TypeError, "log_time_text() takes 2 arguments");
        return NULL;
    }
    if (!local_time(args[0], &local)) {
        Py_RETURN_NONE;
    }
    bool is_legacy = args[1] == Py_True;
    long minutes = local.tm_gmtoff / 60;
    char text[sizeof("0000-00-00T00:00:00+0000") + 1];
    char *at = put(text, local.tm_year + 1900, 4, '-');
    at = put(at, local.tm_mon + 1, 2, '-');
    at = put(at, local.tm_mday, 2, is_legacy ? ' ' : 'T');
    at = put(at, local.tm_hour, 2, ':');
    at = put(at, local.tm_min, 2, ':');
    at = put(at, local.tm_sec, 2, minutes < 0 ? '-' : '+');
    (void)put(at, (int)(labs(minutes) / 60), 2, '\0');
    (void)put(at + 2, offset_minutes(minutes, is_legacy), 2, '\0');
    return PyUnicode_FromString(text);
}

/* Does repr() show these bytes as they are, and do quotes around them change nothing? */
static bool
shows_as_it_is(const unsigned char *bytes, Py_ssize_t size)
{
    for (Py_ssize_t i = 0; i < size; i++) {
        unsigned char byte = bytes[i];
        if (byte < 0x20 || byte > 0x7e || byte == '"' || byte == '\'' || byte == '\\') {
            return false;
        }
    }
    return true;
}

bool
pyr_text_is_shown(PyObject *data)
{
    if (PyUnicode_CheckExact(data)) {
        return PyUnicode_IS_COMPACT_ASCII(data) &&
               shows_as_it_is(PyUnicode_1BYTE_DATA(data), PyUnicode_GET_LENGTH(data));
    }
    return PyBytes_CheckExact(data) &&
           shows_as_it_is((unsigned char *)PyBytes_AS_STRING(data),
                          PyBytes_GET_SIZE(data));
}

static PyObject *
shown_text(PyObject *Py_UNUSED(module), PyObject *data)
{
    if (!pyr_text_is_shown(data)) {
        Py_RETURN_NONE;
    }
    return PyUnicode_CheckExact(data)
               ? Py_NewRef(data)
               : PyUnicode_DecodeASCII(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data),
                                       NULL);
}

PyDoc_STRVAR(
    time_text_doc,
    "log_time_text(when, is_legacy, /)\n--\n\n"
    "A time stamp, in seconds since the epoch, as text in the local time zone.\n\n"
    "As twisted.logger.formatTime writes it, or, if is_legacy is True, as\n"
    "twisted.python.log.FileLogObserver.formatTime does.  None if it is not one\n"
    "of the usual numbers, or the time zone's offset is no whole minute.");

PyDoc_STRVAR(
    plain_text_doc,
    "log_plain_text(data, /)\n--\n\n"
    "What is sent, bytes or str, as text if nothing in it has to be escaped in an\n"
    "access log, or None.\n\n"
    "Mirrors the common case of twisted.web.http._escape.");

PyMethodDef pyr_text_functions[] = {
    {"log_time_text", (PyCFunction)(void (*)(void))time_text, METH_FASTCALL,
     time_text_doc},
    {"log_plain_text", shown_text, METH_O, plain_text_doc},
    {NULL},
};
