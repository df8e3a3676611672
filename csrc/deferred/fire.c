/* Firing: a Deferred gets its result, once. */
#include "deferred/inline.h"
#include "deferred/object.h"

bool
pyr_fire_is_plain(pyr_deferred *self)
{
    /* A look at the class may run code that fires it. */
    return pyr_is_native(self->st, (PyObject *)self) && !self->st->deferred->debug &&
           !self->called;
}

void
pyr_fire_note(pyr_deferred *self, PyObject *result)
{
    self->called = true;
    /* No longer of use, and it often refers back to us. */
    Py_CLEAR(self->canceller);
    pyr_set_result(self, Py_NewRef(result));
}

int
pyr_fire_begin(core_state *st, const pyr_firing *firing)
{
    if (pyr_is_own(st, firing->deferred) &&
        pyr_fire_is_plain((pyr_deferred *)firing->deferred)) {
        pyr_fire_note((pyr_deferred *)firing->deferred, firing->value);
        return 1;
    }
    PyObject *method = firing->errback ? st->names.errback : st->names.callback;
    return pyr_call_dropping(firing->deferred, method, firing->value);
}

void
pyr_fire_clear(pyr_firing *firing)
{
    Py_CLEAR(firing->deferred);
    Py_CLEAR(firing->value);
    Py_CLEAR(firing->handled);
}
