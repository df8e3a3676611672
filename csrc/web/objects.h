/* Reading and setting attributes of channels and requests, in the forms that the room
 * uses. */
#ifndef PYREACTOR_WEB_OBJECTS_H
#define PYREACTOR_WEB_OBJECTS_H

#include "core/core.h"
#include "core/objects.h"
#include "core/override.h"
#include "web/state.h"

/* An entry of a table of pyr_override: under the name, a method is that function of
 * Twisted's in the room's struct. */
#define PYR_WEB_METHOD(name, function, bit)                                         \
    {                                                                               \
        PYR_NAME(name),                                                             \
            {offsetof(pyr_web_state, function), offsetof(pyr_web_state, function)}, \
            (bit)                                                                   \
    }

/* None after a success (0), else NULL: the exception is set. */
static inline PyObject *
pyr_web_none(int status)
{
    return status < 0 ? NULL : Py_NewRef(Py_None);
}

/* What a program's function returned, from a function of a StandIn's: a NotImplemented is
 * no sign then that Twisted's has to do the work. */
static inline PyObject *
pyr_web_given(core_state *st, PyObject *result)
{
    st->standin.is_given = result == Py_NotImplemented;
    return result;
}

/* object.<name> = value, which is a new reference, stolen, or NULL with an exception. */
static inline int
pyr_web_set_new(PyObject *object, PyObject *name, PyObject *value)
{
    int result = value == NULL ? -1 : PyObject_SetAttr(object, name, value);
    Py_XDECREF(value);
    return result;
}

/* Is object.<name> this object?  -1 with an exception. */
static inline int
pyr_web_is(PyObject *object, PyObject *name, PyObject *expected)
{
    PyObject *value = PyObject_GetAttr(object, name);
    int result = value == NULL ? -1 : value == expected;
    Py_XDECREF(value);
    return result;
}

/* Is object.<name> this function of Twisted's, bound to the object?  What the class has,
 * and the instance, is asked for without the instance's __dict__, which would be made.
 * -1 with an exception. */
static inline int
pyr_web_has_method(core_state *st, PyObject *object, PyObject *name, PyObject *expected)
{
    PyObject *found = NULL;
    bool unbound = PYR_FIND_METHOD(object, name, &found) != 0;
    int result = found == NULL ? -1
                 : unbound     ? pyr_is_expected(st, found, expected)
                               : pyr_is_bound(st, found, object, expected);
    Py_XDECREF(found);
    return result;
}

/* Is it bytes with this content? */
static inline bool
pyr_web_equals(PyObject *value, PyObject *expected)
{
    return value == expected ||
           (PyBytes_CheckExact(value) &&
            PyBytes_GET_SIZE(value) == PyBytes_GET_SIZE(expected) &&
            memcmp(PyBytes_AS_STRING(value), PyBytes_AS_STRING(expected),
                   (size_t)PyBytes_GET_SIZE(value)) == 0);
}

/* object.<name>(first, second); a new reference */
static inline PyObject *
pyr_web_call(PyObject *object, PyObject *name, PyObject *first, PyObject *second)
{
    PyObject *arguments[] = {object, first, second};
    return PyObject_VectorcallMethod(name, arguments, 3 | PY_VECTORCALL_ARGUMENTS_OFFSET,
                                     NULL);
}

/* What does the work of a method of Twisted's; see web/methods.h. */
typedef PyObject *(*pyr_web_function)(core_state *st, PyObject *const *args,
                                      Py_ssize_t nargs);

/* args[0].<name>(*args[1:]), which is known to be that function if `plain`; a new
 * reference */
static inline PyObject *
pyr_web_do(core_state *st, bool plain, pyr_web_function function, PyObject *name,
           PyObject *const *args, Py_ssize_t nargs)
{
    if (plain) {
        PyObject *result = function(st, args, nargs);
        bool is_given = st->standin.is_given;
        st->standin.is_given = false;
        if (result != Py_NotImplemented || is_given) {
            return result;
        }
        Py_DECREF(result);
    }
    return PyObject_VectorcallMethod(name, args, (size_t)nargs, NULL);
}

/* The last of object.requests, a new reference. */
static inline PyObject *
pyr_web_last_request(core_state *st, PyObject *channel)
{
    PyObject *requests = PyObject_GetAttr(channel, st->names.requests);
    PyObject *last = requests == NULL ? NULL : PySequence_GetItem(requests, -1);
    Py_XDECREF(requests);
    return last;
}

#endif
