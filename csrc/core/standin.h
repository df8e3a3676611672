/*
 * StandIn: the one type of methods that stand in for a Python function of Twisted's.
 *
 * A program sees the function: what it asks for, but for a call, is answered by it.  What
 * is bound to an instance is an ordinary bound method.  A call runs C, and arguments that
 * do not suit are refused by the function itself, in its words.
 */
#ifndef PYREACTOR_STANDIN_H
#define PYREACTOR_STANDIN_H

#include <Python.h>

#include <stdbool.h>

#include "core/room.h"

struct core_state;

typedef struct {
    PyObject_HEAD vectorcallfunc vectorcall;
    struct core_state *st;
    PyObject *module; /* keeps that alive for as long as it can be called */
    PyObject *weakrefs;
    PyObject *stock;  /* the Python function */
    PyObject *method; /* what was given as the C method */
    PyObject *names;  /* tuple: the function's positional parameters */
    PyCFunction function;
    PyTypeObject *owner;   /* whose instances it is for; NULL: anybody's */
    PyObject *through;     /* attribute that has the C method's object, or NULL */
    PyObject *by_position; /* the function of the same parameters that calls this one with
                              all of them by position; NULL until it is needed */
    Py_ssize_t required;   /* positional arguments, without self */
    Py_ssize_t most;       /* the same with optional ones, but for *args */
    size_t spare;          /* how many there may be beyond those required */
    bool is_fast;          /* the C method is one of METH_FASTCALL */
    bool takes_args;       /* the function has *args */
    bool takes_keywords;   /* the function has **kwargs */
} pyr_standin;

typedef struct {
    PyTypeObject *type;
    /* An instance, and the object that it has for its methods, to be found without an
     * attribute.  Both are borrowed: the object keeps the instance, and tells its end. */
    PyObject *instance, *object;
    /* The NotImplemented that a function of this module returns now is what a program's
     * returned, and no sign that stock's has to do the work. */
    bool is_given;
} pyr_standin_state;

/*
 * The same object, or the C method that it was made from if it is a StandIn (borrowed):
 * to see whether a class has still what it was given.
 */
PyObject *pyr_standin_method(struct core_state *st, PyObject *found);

/* `instance` has this object, which refers to it, for its methods: note that of one. */
void pyr_standin_remember(struct core_state *st, PyObject *instance, PyObject *object);
/* The object does so no more. */
void pyr_standin_forget(struct core_state *st, PyObject *object);

extern const pyr_room pyr_standin_room;

#endif
