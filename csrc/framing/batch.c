/* The loop of the framings that Twisted does not have; see batch.h. */
#include "framing/batch.h"

int
pyr_batch_append(PyObject *list, PyObject *message)
{
    int result = PyList_Append(list, message);
    Py_DECREF(message);
    return result;
}

PyObject *
pyr_batch_end(PyObject *list, Py_ssize_t count, Py_ssize_t room)
{
    if (list != NULL && !PyErr_Occurred() && count < room) {
        (void)PyList_SetSlice(list, count, room, NULL);
    }
    if (PyErr_Occurred()) {
        Py_CLEAR(list);
    }
    return list;
}

pyr_step
pyr_batch_step(pyr_framing_method *method, pyr_buffer *b, PyObject *self,
               PyObject **result)
{
    const struct pyr_batch_ops *ops = method->kind->batch;
    PyObject *messages = ops->take(b);
    if (messages == NULL) {
        return STEP_FAILED;
    }
    if (PyList_GET_SIZE(messages) == 0) {
        Py_DECREF(messages);
        return ops->none(method, b, self, result);
    }
    PyObject *why = pyr_call_handler_now(method, b, self, messages);
    Py_DECREF(messages);
    pyr_step next = why == NULL          ? STEP_FAILED
                    : ops->after == NULL ? STEP_ON
                                         : ops->after(method, b, self, why);
    if (next == STEP_STOP) {
        *result = why;
    } else {
        Py_XDECREF(why);
    }
    return next;
}

static pyr_step
one_step(pyr_framing_method *method, pyr_buffer *b, PyObject *self, PyObject **result)
{
    const struct pyr_batch_ops *ops = method->kind->batch;
    int fits = pyr_attributes_ready(method, b, self);
    if (fits <= 0) {
        if (fits == 0) {
            pyr_attributes_misfit(method, self);
        }
        return STEP_FAILED;
    }
    return b->view.paused ? STEP_WAIT
                          : (ops->step != NULL ? ops->step
                                               : pyr_batch_step)(method, b, self, result);
}

PyObject *
pyr_batch_feed(pyr_framing_method *method, PyObject *self, pyr_buffer *b,
               int Py_UNUSED(fits), const char *data, Py_ssize_t size, PyObject *lender)
{
    if (b->broken) {
        Py_RETURN_NONE;
    }
    if (pyr_buffer_attach(b, data, size, lender) < 0) {
        return NULL;
    }
    if (b->busy) {
        return pyr_buffer_settle(b) < 0 ? NULL : Py_NewRef(Py_None);
    }
    b->busy = true;
    PyObject *result = NULL;
    pyr_step next = STEP_ON;
    while (next == STEP_ON && !b->broken && (b->size > 0 || b->header != NULL)) {
        next = one_step(method, b, self, &result);
    }
    b->busy = false;
    if (pyr_buffer_settle(b) < 0) {
        pyr_buffer_reset(b);
        Py_CLEAR(result);
        next = STEP_FAILED;
    }
    if (next == STEP_WAIT && !b->view.paused) {
        if (method->kind->batch->rest != NULL) {
            method->kind->batch->rest(b);
        } else {
            pyr_buffer_wait(b, b->awaited - 1);
        }
    }
    return next == STEP_FAILED ? NULL : result != NULL ? result : Py_NewRef(Py_None);
}

pyr_step
pyr_batch_give_up(pyr_buffer *b, PyObject *self, PyObject *name, PyObject *first,
                  PyObject *second)
{
    b->broken = true;
    b->moved = 0;
    Py_CLEAR(b->header);
    if (pyr_buffer_set(b, NULL, 0) < 0) {
        return STEP_FAILED;
    }
    PyObject *result = PyObject_CallMethodObjArgs(self, name, first, second, NULL);
    Py_XDECREF(result);
    return result == NULL ? STEP_FAILED : STEP_WAIT;
}
