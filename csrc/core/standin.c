/* StandIn, the type of methods that stand in for Python functions; see standin.h. */
#include "core/standin.h"

#include <stddef.h>

#include "core/core.h"

#define SELF ((pyr_standin *)op)

/* Begin a call of C; -1 with RecursionError. */
static inline int
descend(core_state *st)
{
    return pyr_descend(&st->depth, " while calling a Python object");
}

/* End it, and give back what it gave. */
static inline PyObject *
ascend(core_state *st, PyObject *result)
{
    pyr_ascend(&st->depth);
    return result;
}

/* Kept out of the plain calls, which so save and restore no registers for it. */
#ifdef __GNUC__
#define RARE __attribute__((noinline, cold))
#else
#define RARE
#endif

/*
 * A call is *plain* if its arguments are as the C method takes them: by position, as many
 * as the function takes, on an instance of the class that the C method is of.
 */

/* ---- calls that are not plain ---- */

static inline bool
is_for(pyr_standin *self, PyObject *instance)
{
    PyTypeObject *type = Py_TYPE(instance);
    return type == self->owner || self->owner == NULL ||
           PyType_IsSubtype(type, self->owner);
}

/* The function that puts the arguments of a call in order; borrowed. */
static PyObject *
function_by_position(pyr_standin *self)
{
    if (self->by_position == NULL) {
        PyObject *module = PyImport_ImportModule("pyreactor._standin");
        self->by_position =
            module == NULL ? NULL : PyObject_CallMethod(module, "by_position", "O", self);
        Py_XDECREF(module);
    }
    return self->by_position;
}

/*
 * A call by keywords, or with arguments that do not suit: a function of the same
 * parameters (pyreactor/_standin.py) makes it plain, or raises the TypeError.  A call on
 * an object of another class, such as one of stock's own, is the Python function's.
 */
static RARE PyObject *
call_otherwise(pyr_standin *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    bool suits = PyVectorcall_NARGS(nargsf) == 0 || is_for(self, args[0]);
    PyObject *function = suits ? function_by_position(self) : self->stock;
    return function == NULL ? NULL : PyObject_Vectorcall(function, args, nargsf, kwnames);
}

/* ---- plain calls ---- */

/* These are as short as can be: what CPython does without a call for its own method
 * descriptors, it does by them for a StandIn. */

static inline bool
has_count(size_t nargsf, Py_ssize_t count, PyObject *kwnames)
{
    return kwnames == NULL && PyVectorcall_NARGS(nargsf) == count;
}

static PyObject *
noargs_vectorcall(PyObject *op, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    if (!has_count(nargsf, 1, kwnames) || !is_for(SELF, args[0])) {
        return call_otherwise(SELF, args, nargsf, kwnames);
    }
    core_state *st = SELF->st;
    return descend(st) < 0 ? NULL : ascend(st, SELF->function(args[0], NULL));
}

static PyObject *
one_vectorcall(PyObject *op, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    if (!has_count(nargsf, 2, kwnames) || !is_for(SELF, args[0])) {
        return call_otherwise(SELF, args, nargsf, kwnames);
    }
    core_state *st = SELF->st;
    return descend(st) < 0 ? NULL : ascend(st, SELF->function(args[0], args[1]));
}

/* Place of a parameter among the function's, or -1. */
static Py_ssize_t
parameter_place(pyr_standin *self, PyObject *name)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self->names); i++) {
        PyObject *own = PyTuple_GET_ITEM(self->names, i);
        if (own == name || (PyUnicode_GET_LENGTH(own) == PyUnicode_GET_LENGTH(name) &&
                            PyUnicode_Compare(own, name) == 0)) {
            return i;
        }
    }
    return -1;
}

/* Do all these names go to **kwargs? */
static RARE bool
are_free_keywords(pyr_standin *self, PyObject *kwnames)
{
    bool result = self->takes_keywords;
    for (Py_ssize_t i = 0; result && i < PyTuple_GET_SIZE(kwnames); i++) {
        result = parameter_place(self, PyTuple_GET_ITEM(kwnames, i)) < 0;
    }
    return result;
}

/* Are these `nargs` arguments after self as C takes them?  nargs is -1 without a self. */
static inline bool
are_plain(pyr_standin *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    return (size_t)(nargs - self->required) <= self->spare &&
           (kwnames == NULL || are_free_keywords(self, kwnames)) && is_for(self, args[0]);
}

#define FAST_FUNCTION(self) \
    ((_PyCFunctionFastWithKeywords)(void (*)(void))(self)->function)

static PyObject *
many_vectorcall(PyObject *op, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    Py_ssize_t nargs = PyVectorcall_NARGS(nargsf) - 1;
    if (!are_plain(SELF, args, nargs, kwnames)) {
        return call_otherwise(SELF, args, nargsf, kwnames);
    }
    core_state *st = SELF->st;
    return descend(st) < 0
               ? NULL
               : ascend(st, FAST_FUNCTION(SELF)(args[0], args + 1, nargs, kwnames));
}

void
pyr_standin_remember(core_state *st, PyObject *instance, PyObject *object)
{
    if (st->standin.object == NULL) {
        st->standin.instance = instance;
        st->standin.object = object;
    }
}

void
pyr_standin_forget(core_state *st, PyObject *object)
{
    if (st->standin.object == object) {
        st->standin.instance = st->standin.object = NULL;
    }
}

/* The object whose method it is, a new reference; *object is NULL if there is none. */
static inline int
find_object(pyr_standin *self, PyObject *instance, PyObject **object)
{
    const pyr_standin_state *known = &self->st->standin;
    if (instance == known->instance) {
        *object = Py_NewRef(known->object);
        return 0;
    }
    return PyObject_GetOptionalAttr(instance, self->through, object);
}

/* For a method of another object, which is an attribute of the instance.  What has no
 * such object is the function's to work on. */
static PyObject *
through_vectorcall(PyObject *op, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    Py_ssize_t nargs = PyVectorcall_NARGS(nargsf) - 1;
    if (!are_plain(SELF, args, nargs, kwnames)) {
        return call_otherwise(SELF, args, nargsf, kwnames);
    }
    PyObject *object;
    if (find_object(SELF, args[0], &object) < 0) {
        return NULL;
    }
    if (object == NULL || !Py_IS_TYPE(object, PyDescr_TYPE(SELF->method))) {
        Py_XDECREF(object);
        return PyObject_Vectorcall(SELF->stock, args, nargsf, kwnames);
    }
    core_state *st = SELF->st;
    PyObject *result =
        descend(st) < 0 ? NULL
        : SELF->is_fast
            ? ascend(st, FAST_FUNCTION(SELF)(object, args + 1, nargs, kwnames))
            : ascend(st, SELF->function(object, nargs > 0 ? args[1] : NULL));
    Py_DECREF(object);
    return result;
}

/* A function of this module, or a method of an object of its, that takes self first;
 * NotImplemented: stock's does it. */
static PyObject *
module_vectorcall(PyObject *op, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    pyr_standin *self = SELF;
    Py_ssize_t nargs = PyVectorcall_NARGS(nargsf);
    if (kwnames != NULL || (size_t)(nargs - 1 - self->required) > self->spare) {
        return call_otherwise(self, args, nargsf, kwnames);
    }
    /* Two ends that answer each other for ever may have no Python function between. */
    PyObject *object = PyCFunction_GET_SELF(self->method);
    core_state *st = self->st;
    if (descend(st) < 0) {
        return NULL;
    }
    _PyCFunctionFast function = (_PyCFunctionFast)(void (*)(void))self->function;
    Py_INCREF(self); /* the method may be replaced, and so dropped, while it runs */
    PyObject *result = function(object, args, nargs);
    bool is_given = st->standin.is_given;
    st->standin.is_given = false;
    if (result == Py_NotImplemented && !is_given) {
        Py_DECREF(result);
        result = PyObject_Vectorcall(self->stock, args, nargsf, NULL);
    }
    pyr_ascend(&st->depth);
    Py_DECREF(self);
    return result;
}

/* The same of one that takes keywords, and sorts the arguments itself: it gets them as
 * they came, with no more than self for sure. */
static PyObject *
module_keywords_vectorcall(PyObject *op, PyObject *const *args, size_t nargsf,
                           PyObject *kwnames)
{
    pyr_standin *self = SELF;
    Py_ssize_t nargs = PyVectorcall_NARGS(nargsf);
    if (nargs == 0) {
        return PyObject_Vectorcall(self->stock, args, nargsf, kwnames);
    }
    PyObject *module = PyCFunction_GET_SELF(self->method);
    core_state *st = self->st;
    if (descend(st) < 0) {
        return NULL;
    }
    Py_INCREF(self);
    PyObject *result = FAST_FUNCTION(self)(module, args, nargs, kwnames);
    if (result == Py_NotImplemented) {
        Py_DECREF(result);
        result = PyObject_Vectorcall(self->stock, args, (size_t)nargs, kwnames);
    }
    pyr_ascend(&st->depth);
    Py_DECREF(self);
    return result;
}

/* ---- making one ---- */

/* Parameters of a Python function as PyCode has them, self among them; -1: error */
static int
read_parameters(pyr_standin *self, PyObject *stock)
{
    PyCodeObject *code = (PyCodeObject *)PyFunction_GET_CODE(stock);
    PyObject *defaults = PyFunction_GET_DEFAULTS(stock);
    if (code->co_argcount < 1 || code->co_kwonlyargcount != 0 ||
        code->co_posonlyargcount != 0) {
        PyErr_Format(PyExc_TypeError, "%R has parameters that StandIn does not know",
                     stock);
        return -1;
    }
    PyObject *all = PyObject_GetAttrString((PyObject *)code, "co_varnames");
    self->names = all == NULL ? NULL : PyTuple_GetSlice(all, 0, code->co_argcount);
    Py_XDECREF(all);
    self->most = code->co_argcount - 1;
    self->required = self->most - (defaults == NULL ? 0 : PyTuple_GET_SIZE(defaults));
    self->takes_args = (code->co_flags & CO_VARARGS) != 0;
    self->takes_keywords = (code->co_flags & CO_VARKEYWORDS) != 0;
    self->spare = self->takes_args ? PY_SSIZE_T_MAX : self->most - self->required;
    return self->names == NULL ? -1 : 0;
}

static int
set_stock(pyr_standin *self, PyObject *stock)
{
    if (!PyFunction_Check(stock)) {
        PyErr_Format(PyExc_TypeError, "%R is no Python function", stock);
        return -1;
    }
    self->st = pyr_state_of_type(Py_TYPE(self));
    if (self->st == NULL) {
        return -1;
    }
    self->module = Py_XNewRef(PyType_GetModule(self->st->standin.type));
    if (self->module == NULL) {
        return -1;
    }
    self->stock = Py_NewRef(stock);
    return read_parameters(self, stock);
}

/* Does the C method take what the function takes? */
static vectorcallfunc
vectorcall_for(const pyr_standin *self, int flags)
{
    bool exact = self->spare == 0 && !self->takes_keywords;
    switch (flags & ~(METH_CLASS | METH_COEXIST)) {
    case METH_NOARGS:
        return exact && self->most == 0 ? noargs_vectorcall : NULL;
    case METH_O:
        return exact && self->most == 1 ? one_vectorcall : NULL;
    case METH_FASTCALL | METH_KEYWORDS:
        return self->owner == NULL ? module_keywords_vectorcall : many_vectorcall;
    case METH_FASTCALL:
        return self->owner == NULL && !self->takes_args && !self->takes_keywords
                   ? module_vectorcall
                   : NULL;
    default:
        return NULL;
    }
}

static int
take_method(pyr_standin *self, PyObject *method)
{
    PyMethodDef *def = NULL;
    if (Py_IS_TYPE(method, &PyMethodDescr_Type)) {
        def = ((PyMethodDescrObject *)method)->d_method;
        self->owner = (PyTypeObject *)Py_NewRef(PyDescr_TYPE(method));
    } else if (Py_IS_TYPE(method, &PyClassMethodDescr_Type)) {
        def = ((PyMethodDescrObject *)method)->d_method;
        self->owner = (PyTypeObject *)Py_NewRef((PyObject *)&PyType_Type);
    } else if (PyCFunction_CheckExact(method) &&
               (PyCFunction_GET_FLAGS(method) & ~METH_KEYWORDS) == METH_FASTCALL) {
        def = ((PyCFunctionObject *)method)->m_ml;
    }
    self->vectorcall = def == NULL ? NULL : vectorcall_for(self, def->ml_flags);
    if (self->vectorcall == NULL) {
        PyErr_Format(PyExc_TypeError, "%R cannot stand in for %R", method, self->stock);
        return -1;
    }
    self->function = def->ml_meth;
    self->method = Py_NewRef(method);
    return 0;
}

/* The C method is one of the object that the instances have in this attribute. */
static int
go_through(pyr_standin *self, PyObject *name)
{
    if (!Py_IS_TYPE(self->method, &PyMethodDescr_Type) || !PyUnicode_CheckExact(name)) {
        PyErr_Format(PyExc_TypeError, "%R is no way to the object of a method", name);
        return -1;
    }
    self->through = Py_NewRef(name);
    PyUnicode_InternInPlace(&self->through);
    self->is_fast = self->vectorcall == many_vectorcall;
    self->vectorcall = through_vectorcall;
    Py_CLEAR(self->owner);
    return 0;
}

static PyObject *
standin_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"method", "stock", "through", NULL};
    PyObject *method, *stock, *through = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|O:StandIn", keywords, &method,
                                     &stock, &through)) {
        return NULL;
    }
    pyr_standin *self = (pyr_standin *)type->tp_alloc(type, 0);
    if (self != NULL && (set_stock(self, stock) < 0 || take_method(self, method) < 0 ||
                         (through != Py_None && go_through(self, through) < 0))) {
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

PyObject *
pyr_standin_method(core_state *st, PyObject *found)
{
    return found != NULL && Py_IS_TYPE(found, st->standin.type)
               ? ((pyr_standin *)found)->method
               : found;
}

static const pyr_given own_objects[] = {
    PYR_MADE(pyr_standin, stock),       PYR_MADE(pyr_standin, method),
    PYR_MADE(pyr_standin, names),       PYR_MADE(pyr_standin, owner),
    PYR_MADE(pyr_standin, by_position), PYR_MADE(pyr_standin, through),
    PYR_MADE(pyr_standin, module),      {NULL},
};

/*
 * There is no tp_clear: what it refers to never changes, so any cycle through it has
 * another member to be cleared (a class, a module, the function's globals), and until
 * that is gone the method can be called.
 */
static int
standin_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    return pyr_given_visit(own_objects, op, visit, arg);
}

static void
standin_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    PyObject_ClearWeakRefs(op);
    pyr_given_clear(own_objects, op);
    type->tp_free(op);
    Py_DECREF(type);
}

/* ---- what it looks like: the function ---- */

static PyObject *
standin_get(PyObject *op, PyObject *instance, PyObject *Py_UNUSED(owner))
{
    if (instance == NULL || instance == Py_None) {
        return Py_NewRef(op);
    }
    return PyMethod_New(op, instance);
}

/* Its own are __class__, __wrapped__, method, __reduce__, and what makes it callable. */
static PyObject *
standin_getattro(PyObject *op, PyObject *name)
{
    if (PyUnicode_Check(name) && /* __getattribute__ may be called with anything */
        (PyUnicode_CompareWithASCIIString(name, "__doc__") == 0 ||
         PyUnicode_CompareWithASCIIString(name, "__module__") == 0)) {
        return PyObject_GetAttr(SELF->stock, name); /* or the type's would be found */
    }
    PyObject *value = PyObject_GenericGetAttr(op, name);
    if (value != NULL || !PyErr_ExceptionMatches(PyExc_AttributeError)) {
        return value;
    }
    PyErr_Clear();
    return PyObject_GetAttr(SELF->stock, name);
}

static int
standin_setattro(PyObject *op, PyObject *name, PyObject *value)
{
    return PyObject_SetAttr(SELF->stock, name, value);
}

static PyObject *
standin_repr(PyObject *op)
{
    PyObject *name = PyObject_GetAttrString(SELF->stock, "__qualname__");
    PyObject *text =
        name == NULL ? NULL : PyUnicode_FromFormat("<function %U at %p>", name, op);
    Py_XDECREF(name);
    return text;
}

/* isinstance(method, FunctionType), as many look for functions */
static PyObject *
standin_class(PyObject *Py_UNUSED(op), void *Py_UNUSED(closure))
{
    return Py_NewRef((PyObject *)&PyFunction_Type);
}

PyDoc_STRVAR(reduce_doc, "__reduce__()\n--\n\nPickled and copied by name, as functions.");

static PyObject *
standin_reduce(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return PyObject_GetAttrString(SELF->stock, "__qualname__");
}

PyDoc_STRVAR(
    standin_doc,
    "StandIn(method, stock, through=None)\n--\n\n"
    "A method in C that a program takes for the Python function stock.\n\n"
    "method is the method descriptor of a C type, whose instances it is for; or that\n"
    "of a class method; or a function of this module, or a method of an object, that\n"
    "takes self (any object) first and may return NotImplemented to have stock's code\n"
    "do the work.  through\n"
    "(str) is the attribute that has the object which the method is called on, if that\n"
    "is not the instance itself; without such an object stock runs.  Raises\n"
    "TypeError if stock is no plain Python function, or if the method does not take\n"
    "what stock takes.");

static PyMethodDef standin_methods[] = {
    {"__reduce__", standin_reduce, METH_NOARGS, reduce_doc},
    {NULL},
};

static PyGetSetDef standin_getset[] = {
    {"__class__", standin_class, NULL, NULL, NULL},
    {NULL},
};

static PyMemberDef standin_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(pyr_standin, vectorcall), READONLY,
     NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(pyr_standin, weakrefs), READONLY, NULL},
    {"__wrapped__", T_OBJECT_EX, offsetof(pyr_standin, stock), READONLY,
     "The Python function that this stands for."},
    {"method", T_OBJECT_EX, offsetof(pyr_standin, method), READONLY,
     "What was given as the C method."},
    {NULL},
};

static PyType_Slot standin_slots[] = {
    {Py_tp_doc, (void *)standin_doc},
    {Py_tp_new, standin_new},
    {Py_tp_dealloc, standin_dealloc},
    {Py_tp_traverse, standin_traverse},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_descr_get, standin_get},
    {Py_tp_getattro, standin_getattro},
    {Py_tp_setattro, standin_setattro},
    {Py_tp_methods, standin_methods},
    {Py_tp_getset, standin_getset},
    {Py_tp_members, standin_members},
    {Py_tp_repr, standin_repr},
    {0, NULL},
};

static PyType_Spec standin_spec = {
    .name = "pyreactor._core.StandIn",
    .basicsize = sizeof(pyr_standin),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
             Py_TPFLAGS_METHOD_DESCRIPTOR | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = standin_slots,
};

/* ---- module ---- */

static const pyr_given standin_objects[] = {
    PYR_MADE(core_state, standin.type),
    {NULL},
};

static int
standin_exec(PyObject *module, core_state *st)
{
    return pyr_add_type(module, &standin_spec, NULL, &st->standin.type);
}

const pyr_room pyr_standin_room = {.objects = standin_objects, .exec = standin_exec};
