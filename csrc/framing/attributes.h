/* Asking the view of a protocol, and calling the protocol; see attributes_state.h. */
#ifndef PYREACTOR_ATTRIBUTES_H
#define PYREACTOR_ATTRIBUTES_H

#include "core/core.h" /* first: it says how Python.h is meant */
#include "core/objects.h"
#include "framing/own_dict.h"
#include "framing/parser.h"

void pyr_attributes_exec(core_state *st);
void pyr_attributes_clear(core_state *st);
/* Look at everything again: as pyr_attributes_ready(). */
int pyr_attributes_refresh(pyr_framing_method *method, pyr_buffer *b, PyObject *self);
/* The name of the attribute that is read for a slot; borrowed. */
PyObject *pyr_attributes_slot_name(const pyr_framing_method *method, pyr_slot slot);
/* Does this class let C do the work? */
bool pyr_attributes_class_fits(pyr_framing_method *method, PyTypeObject *type);
/* Are attributes of its instances where they are for most classes? */
bool pyr_attributes_ordinary_access(core_state *st, PyTypeObject *type);
/* Has the class all that the method needs? */
bool pyr_attributes_class_has(const pyr_framing_method *method, PyTypeObject *type);

/* Has nothing changed since the view was made? */
static inline bool
pyr_attributes_holds(const pyr_framing_method *method, pyr_buffer *b, PyObject *self)
{
    pyr_view *view = &b->view;
    return view->method == method &&
           pyr_class_is_as_seen(&view->class_seen, Py_TYPE(self)) &&
           pyr_own_dict_is_as_seen(&view->own_seen);
}

/* Bring b->view up to date.  1: it can be used; 0: it does not fit; -1: exception. */
static inline int
pyr_attributes_ready(pyr_framing_method *method, pyr_buffer *b, PyObject *self)
{
    return pyr_attributes_holds(method, b, self)
               ? b->view.fits
               : pyr_attributes_refresh(method, b, self);
}

/*
 * What a view has borrowed from the class, or NULL if that is about to lose it: until
 * CPython 3.12 what ends with an attribute of a class runs before CPython tells of that.
 */
static inline PyObject *
pyr_attributes_borrowed(PyObject *borrowed)
{
    return borrowed != NULL && Py_REFCNT(borrowed) > 0 ? borrowed : NULL;
}

/* self.handler(message).  The view must be as pyr_attributes_ready() left it. */
PyObject *pyr_call_handler(pyr_framing_method *method, pyr_buffer *b, PyObject *self,
                           PyObject *message);
/* The same after code that may have run a garbage collection, and so anything. */
PyObject *pyr_call_handler_now(pyr_framing_method *method, pyr_buffer *b, PyObject *self,
                               PyObject *message);
/* self.stock(data) with what the memory holds. */
PyObject *pyr_call_stock(pyr_framing_method *method, PyObject *self, const char *data,
                         Py_ssize_t size, PyObject *lender);
/* length > self.MAX_LENGTH, by Python's comparison; -1: exception. */
int pyr_exceeds_limit(pyr_framing_method *method, PyObject *self, uint64_t length);
/* Stock's attributes in the place of the buffer, if that is there.  -1: exception. */
int pyr_leave(pyr_framing_method *method, PyObject *self);
/* The stock loop from where C stands, if it would not end at once. */
PyObject *pyr_continue_stock(pyr_framing_method *method, PyObject *self);
/* TypeError for the forms that have no stock code behind them. */
void pyr_attributes_misfit(pyr_framing_method *method, PyObject *self);

#endif
