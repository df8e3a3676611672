/* The dates of a response's head; see date.h. */
#include "web/date.h"

#include <stdio.h>
#include <time.h>

#include "core/override.h"
#include "web/state.h"

static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static PyObject *
format(time_t second)
{
    struct tm parts;
    char text[64];
    if (gmtime_r(&second, &parts) == NULL) {
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    int size = snprintf(text, sizeof(text), "%s, %02d %s %4d %02d:%02d:%02d GMT",
                        days[parts.tm_wday], parts.tm_mday, months[parts.tm_mon],
                        parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
    return PyBytes_FromStringAndSize(text, size);
}

/* Is the function that this dict has Twisted's own, and does it look at the system's
 * clock?  A program puts another clock into the module, or into time.gmtime itself. */
static bool
is_plain_date(core_state *st, PyObject *function)
{
    PyObject *gmtime = PyDict_GetItemWithError(st->web->http, st->names.gmtime);
    return pyr_is_expected(st, function, st->web->datetimeToString) &&
           gmtime == st->web->gmtime && PyCFunction_CheckExact(gmtime) &&
           PyCFunction_GET_FUNCTION(gmtime) == st->web->gmtime_code;
}

/* The function datetimeToString of a module; a new reference. */
static PyObject *
function_of(core_state *st, PyObject *dict)
{
    PyObject *function = PyDict_GetItemWithError(dict, st->names.datetimeToString);
    if (function == NULL && !PyErr_Occurred()) {
        PyErr_SetObject(PyExc_NameError, st->names.datetimeToString);
    }
    return Py_XNewRef(function);
}

PyObject *
pyr_date_now(core_state *st)
{
    pyr_web_state *web = st->web;
    PyObject *function = function_of(st, web->server);
    if (function == NULL) {
        return NULL;
    }
    PyObject *date;
    if (is_plain_date(st, function)) {
        time_t now = time(NULL);
        if (web->date == NULL || now != web->date_second) {
            PyObject *made = format(now);
            if (made != NULL) {
                web->date_second = now;
                Py_XSETREF(web->date, made);
            }
        }
        date = web->date_second == now ? Py_XNewRef(web->date) : NULL;
    } else {
        date = PyErr_Occurred() ? NULL : PyObject_CallNoArgs(function);
    }
    Py_DECREF(function);
    return date;
}

PyObject *
pyr_date_of(core_state *st, PyObject *seconds)
{
    PyObject *function = function_of(st, st->web->http);
    if (function == NULL) {
        return NULL;
    }
    PyObject *date = NULL;
    int overflow = 0;
    long long second = PyLong_CheckExact(seconds)
                           ? PyLong_AsLongLongAndOverflow(seconds, &overflow)
                           : -1;
    /* The year has four digits until then. */
    if (is_plain_date(st, function) && overflow == 0 && second >= 0 &&
        second < 253402300800) {
        date = format((time_t)second);
    } else if (!PyErr_Occurred()) {
        date = PyObject_CallOneArg(function, seconds);
    }
    Py_DECREF(function);
    return date;
}
