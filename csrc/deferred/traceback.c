/*
 * The traceback entries that frames of stock's Python code would have left: whoever reads
 * a traceback finds the lines there that called what raised.
 *
 * _deferred/trace.py finds code objects and lines by running stock's code once; an entry
 * refers to an empty frame that is made for it at set-up.
 */
#include "core/core.h"
#include "deferred/object.h"

#include <frameobject.h>
#include <traceback.h>

PyObject *
pyr_traceback_before(core_state *st, const pyr_traceback_point *points, int count,
                     PyObject *tb)
{
    for (int i = count; i-- > 0;) {
        const pyr_traceback_entry *entry = &st->deferred->trace[points[i]];
        if (entry->frame == NULL) {
            continue;
        }
        PyObject *next = tb == NULL ? Py_NewRef(Py_None) : tb;
        PyObject *args[] = {next, entry->frame, entry->lasti, entry->lineno};
        tb = PyObject_Vectorcall((PyObject *)&PyTraceBack_Type, args, 4, NULL);
        if (tb == NULL) {
            /* Better a traceback without our entry than none. */
            PyErr_Clear();
            tb = next;
            if (tb == Py_None) {
                Py_DECREF(tb);
                tb = NULL;
            }
            continue;
        }
        Py_DECREF(next);
    }
    return tb;
}

void
pyr_traceback_prepend(core_state *st, const pyr_traceback_point *points, int count)
{
    PyObject *exc = PyErr_GetRaisedException();
    PyObject *tb = pyr_traceback_before(st, points, count, PyException_GetTraceback(exc));
    if (tb != NULL) {
        (void)PyException_SetTraceback(exc, tb);
        Py_DECREF(tb);
    }
    PyErr_SetRaisedException(exc);
}

/* (code, globals, lasti, lineno), or None for a place that the probes did not find */
static int
take_point(pyr_traceback_entry *entry, PyObject *value)
{
    PyObject *code, *globals, *lasti, *lineno;
    if (value == Py_None) {
        return 0;
    }
    if (!PyArg_ParseTuple(value, "O!O!O!O!", &PyCode_Type, &code, &PyDict_Type, &globals,
                          &PyLong_Type, &lasti, &PyLong_Type, &lineno)) {
        return -1;
    }
    PyFrameObject *frame =
        PyFrame_New(PyThreadState_Get(), (PyCodeObject *)code, globals, NULL);
    if (frame == NULL) {
        return -1;
    }
#if PY_VERSION_HEX < 0x030B0000
    /* Nor must it keep the frames alive, and their variables, that import us. */
    Py_CLEAR(frame->f_back);
#endif
    Py_XSETREF(entry->frame, (PyObject *)frame);
    Py_XSETREF(entry->lasti, Py_NewRef(lasti));
    Py_XSETREF(entry->lineno, Py_NewRef(lineno));
    return 0;
}

/* By name, in the order of pyr_traceback_point */
int
pyr_traceback_take(core_state *st, PyObject *trace)
{
    static const char *const names[] = {
#define X(name) #name,
        PYR_TRACE_POINTS(X)
#undef X
    };
    for (int i = 0; i < PYR_TRACE_COUNT; i++) {
        PyObject *value = PyDict_GetItemString(trace, names[i]);
        if (value == NULL) {
            PyErr_Format(PyExc_KeyError, "_setup_deferred needs %s", names[i]);
            return -1;
        }
        if (take_point(&st->deferred->trace[i], value) < 0) {
            return -1;
        }
    }
    return 0;
}

int
pyr_traceback_visit(core_state *st, visitproc visit, void *arg)
{
    for (int i = 0; i < PYR_TRACE_COUNT; i++) {
        Py_VISIT(st->deferred->trace[i].frame);
    }
    return 0;
}

void
pyr_traceback_clear(core_state *st)
{
    for (int i = 0; i < PYR_TRACE_COUNT; i++) {
        Py_CLEAR(st->deferred->trace[i].frame);
        Py_CLEAR(st->deferred->trace[i].lasti);
        Py_CLEAR(st->deferred->trace[i].lineno);
    }
}
