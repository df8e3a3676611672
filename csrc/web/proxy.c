/* Modules that warn of some of their names; see proxy.h. */
#include "web/proxy.h"

#include "web/objects.h"

/* Is the name one that is the module's alone to answer?  Not one of which the proxy
 * warns, and nothing about a __path__.  -1 with an exception */
static int
asks_plainly(core_state *st, PyObject *self, PyObject *name)
{
    if (!PyUnicode_CheckExact(name) ||
        PyUnicode_CompareWithASCIIString(name, "__path__") == 0) {
        return 0;
    }
    PyObject *was_path = PyObject_GenericGetAttr(self, st->names._lastWasPath);
    PyObject *warned =
        was_path == NULL ? NULL
                         : PyObject_GenericGetAttr(self, st->names._deprecatedAttributes);
    int plain = warned == NULL ? -1 : 0;
    if (was_path == Py_False && warned != NULL && PyDict_CheckExact(warned)) {
        int warns = PyDict_Contains(warned, name);
        plain = warns < 0 ? -1 : !warns;
    }
    Py_XDECREF(was_path);
    Py_XDECREF(warned);
    return plain;
}

PyObject *
pyr_proxy_getattribute(core_state *st, PyObject *const *args, Py_ssize_t Py_UNUSED(nargs))
{
    int plain = asks_plainly(st, args[0], args[1]);
    PyObject *module =
        plain > 0 ? PyObject_GenericGetAttr(args[0], st->names._module) : NULL;
    if (module == NULL) {
        PyErr_Clear(); /* Twisted's own code raises it */
        Py_RETURN_NOTIMPLEMENTED;
    }
    PyObject *value = PyObject_GetAttr(module, args[1]);
    Py_DECREF(module);
    return pyr_web_given(st, value);
}
