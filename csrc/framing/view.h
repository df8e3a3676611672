/* Asking the view of a protocol, and calling the protocol; see view_state.h. */
#ifndef PYREACTOR_VIEW_H
#define PYREACTOR_VIEW_H

#include "core/core.h" /* first: it says how Python.h is meant */
#include "core/objects.h"
#include "framing/own_dict.h"
#include "framing/parser.h"

/* Look at everything again: as pyr_view_ready(). */
int pyr_view_refresh(pyr_framing_method *method, pyr_buffer *b, PyObject *self);
/* The name of the attribute that is read for a slot; borrowed. */
PyObject *pyr_view_slot_name(const pyr_framing_method *method, pyr_slot slot);
/* Does this class let C do the work? */
bool pyr_view_class_fits(pyr_framing_method *method, PyTypeObject *type);
/* Are attributes of its instances where they are for most classes? */
bool pyr_view_ordinary_access(core_state *st, PyTypeObject *type);
/* Has the class a FramingAttribute under each of these names (a tuple)? */
bool pyr_view_class_shows(core_state *st, PyTypeObject *type, PyObject *names);
/* Has the class under each name what this dict has (or its StandIn)? */
bool pyr_view_class_has_all(core_state *st, PyTypeObject *type, PyObject *fixed);

/* Is this item of the dict still at its place? */
static inline bool
pyr_own_item_is(PyObject *dict, Py_ssize_t place, const PyObject *value, PyObject **key)
{
    PyObject *found;
    return PyDict_Next(dict, &place, key, &found) && found == value;
}

/* Are the names that the __dict__ has those that the view says? */
static inline bool
pyr_view_holds_names(const pyr_view *view, const pyr_buffer *b, PyObject *dict)
{
    PyObject *key;
    Py_ssize_t after = view->place + 1;
    return dict == view->dict && PyDict_GET_SIZE(dict) == view->size &&
           pyr_own_item_is(dict, view->place, (const PyObject *)b, &key) &&
           key == pyr_key(view->method) && !PyDict_Next(dict, &after, &key, NULL);
}

/* Are the values of interest?  The stamp of a dict does not tell that: while a value that
 * the interpreter replaces is freed, the new one is there and the stamp the old one. */
static inline bool
pyr_view_holds_values(const pyr_view *view, PyObject *dict, bool with_transport)
{
    PyObject *key;
    const pyr_own_item *transport = &view->transport_item;
    for (int i = 0; i < view->own_count; i++) {
        if (!pyr_own_item_is(dict, view->own[i].place, view->own[i].value, &key)) {
            return false;
        }
    }
    return !with_transport || transport->place < 0 ||
           pyr_own_item_is(dict, transport->place, transport->value, &key);
}

/* Is the __dict__ in all that matters as the view says? */
static inline bool
pyr_view_holds_dict(pyr_view *view, const pyr_buffer *b, PyObject *dict,
                    bool with_transport)
{
    uint64_t stamp = pyr_dict_stamp(dict);
    if (stamp == 0 || stamp != view->stamp || dict != view->dict) {
        if (!pyr_view_holds_names(view, b, dict)) {
            return false;
        }
        view->stamp = stamp;
    }
    return pyr_view_holds_values(view, dict, with_transport);
}

/* Has nothing changed since the view was made?  Only who uses the transport asks for
 * that, too. */
static inline bool
pyr_view_holds(const pyr_framing_method *method, pyr_buffer *b, PyObject *self,
               bool with_transport)
{
    pyr_view *view = &b->view;
    if (view->method != method ||
        !pyr_class_is_as_seen(&view->class_seen, Py_TYPE(self))) {
        return false;
    }
    PyObject *dict = pyr_own_dict_again(self);
    bool holds = dict != NULL && pyr_view_holds_dict(view, b, dict, with_transport);
    Py_XDECREF(dict);
    return holds;
}

/*
 * Bring b->view up to date, all but its transport.  1: it can be used; 0: the protocol is
 * unusual, go through ordinary attribute access; -1: exception.
 */
static inline int
pyr_view_ready(pyr_framing_method *method, pyr_buffer *b, PyObject *self)
{
    return pyr_view_holds(method, b, self, false) ? b->view.fits
                                                  : pyr_view_refresh(method, b, self);
}

/* The same, and its transport. */
static inline int
pyr_view_ready_to_ask(pyr_framing_method *method, pyr_buffer *b, PyObject *self)
{
    return pyr_view_holds(method, b, self, true) ? b->view.fits
                                                 : pyr_view_refresh(method, b, self);
}

/*
 * What a view has borrowed from the class, or NULL if that is about to lose it: until
 * CPython 3.12 what ends with an attribute of a class runs before CPython tells of that.
 */
static inline PyObject *
pyr_view_kept(PyObject *borrowed)
{
    return borrowed != NULL && Py_REFCNT(borrowed) > 0 ? borrowed : NULL;
}

/* self.handler(message).  The view must be ready. */
PyObject *pyr_call_handler(pyr_framing_method *method, pyr_buffer *b, PyObject *self,
                           PyObject *message);
/* The same after code that may have run a garbage collection, and so anything. */
PyObject *pyr_call_handler_now(pyr_framing_method *method, pyr_buffer *b, PyObject *self,
                               PyObject *message);
/* self.stock(data) with what the memory holds. */
PyObject *pyr_call_stock(pyr_framing_method *method, PyObject *self, const char *data,
                         Py_ssize_t size, PyObject *lender);
/* Stock's attributes in the place of the buffer, if that is there.  -1: exception. */
int pyr_leave(pyr_framing_method *method, PyObject *self);
/* The stock loop from where C stands, if it would not end at once. */
PyObject *pyr_continue_stock(pyr_framing_method *method, PyObject *self);
/* TypeError for the forms that have no stock code behind them. */
void pyr_unusual_error(pyr_framing_method *method, PyObject *self);

#endif
