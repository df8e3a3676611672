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
        PyObject *entry = st->deferred->trace[points[i]];
        if (entry == NULL || PyTuple_GET_SIZE(entry) != 3) {
            continue; /* the module goes, or the probes did not find that place */
        }
        PyObject *args[] = {tb == NULL ? Py_None : tb, PyTuple_GET_ITEM(entry, 0),
                            PyTuple_GET_ITEM(entry, 1), PyTuple_GET_ITEM(entry, 2)};
        PyObject *longer =
            PyObject_Vectorcall((PyObject *)&PyTraceBack_Type, args, 4, NULL);
        if (longer == NULL) {
            PyErr_Clear(); /* better a traceback without that entry than none */
        } else {
            Py_XSETREF(tb, longer);
        }
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

PyObject *
pyr_traceback_empty_frame(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *code, *globals;
    if (!PyArg_ParseTuple(args, "O!O!:_empty_frame", &PyCode_Type, &code, &PyDict_Type,
                          &globals)) {
        return NULL;
    }
    PyFrameObject *frame =
        PyFrame_New(PyThreadState_Get(), (PyCodeObject *)code, globals, NULL);
#if PY_VERSION_HEX < 0x030B0000
    if (frame != NULL) {
        /* It must not keep the frames alive, and their variables, that import us. */
        Py_CLEAR(frame->f_back);
    }
#endif
    return (PyObject *)frame;
}
