/* The traceback entries that frames of stock's Python code would have left. */
#include "deferred/inline.h"
#include "deferred/object.h"

#include <frameobject.h>
#include <traceback.h>

/* A traceback of `points`, outermost first, that ends in `tb` (stolen, may be NULL). */
PyObject *
pyr_trace_before(core_state *st, const pyr_trace_point *points, int count, PyObject *tb)
{
    for (int i = count; i-- > 0;) {
        const pyr_trace_entry *entry = &st->deferred->trace[points[i]];
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
pyr_trace_prepend(core_state *st, const pyr_trace_point *points, int count)
{
    PyObject *exc = PyErr_GetRaisedException();
    PyObject *tb = pyr_trace_before(st, points, count, PyException_GetTraceback(exc));
    if (tb != NULL) {
        (void)PyException_SetTraceback(exc, tb);
        Py_DECREF(tb);
    }
    PyErr_SetRaisedException(exc);
}

/* Somebody else had fired the Deferred that stands for a generator which ends now. */
void
pyr_trace_end_of_generator(core_state *st, bool errback)
{
    const pyr_trace_point points[] = {
        PYR_TRACE_got_result,
        errback ? PYR_TRACE_errback_ended : PYR_TRACE_callback_ended,
    };
    pyr_trace_prepend(st, points, 2);
}

int
pyr_trace_set(core_state *st, pyr_trace_point which, PyObject *value)
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
    pyr_trace_entry *entry = &st->deferred->trace[which];
    Py_XSETREF(entry->frame, (PyObject *)frame);
    Py_XSETREF(entry->lasti, Py_NewRef(lasti));
    Py_XSETREF(entry->lineno, Py_NewRef(lineno));
    return 0;
}
