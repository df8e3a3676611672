/* Handling what is ready; see event.h. */
#include "loop/event.h"
#include "loop/state.h"

#include "core/objects.h"
#include "core/report.h"
#include "loop/errors.h"
#include "loop/variables.h"

/* ---- the end of a selectable ---- */

/* The two ends of a healthy life, which need neither a new Failure nor a look at the
 * interfaces: what stock's _disconnectSelectable does for a connection. */
static int
disconnect_plainly(Selectable *self, PyObject *failure, bool half)
{
    pyr_names *names = &self->st->names;
    if (self->ops->stop(self, PYR_READ) < 0 ||
        (!half && self->ops->stop(self, PYR_WRITE) < 0)) {
        return -1;
    }
    return pyr_call_dropping((PyObject *)self,
                             half ? names->readConnectionLost : names->connectionLost,
                             failure);
}

/* reactor._disconnectSelectable(selectable, why, in_read) */
static int
disconnect(Loop *loop, PyObject *selectable, PyObject *why, bool in_read)
{
    pyr_loop_state *state = loop->st->loop;
    Selectable *own = loop->plain_disconnect ? pyr_selectable_of(loop, selectable) : NULL;
    if (own != NULL && why == state->CONNECTION_DONE) {
        return disconnect_plainly(own, state->done_failure, in_read);
    }
    if (own != NULL && why == state->CONNECTION_LOST) {
        return disconnect_plainly(own, state->lost_failure, false);
    }
    PyObject *args[] = {loop->reactor, selectable, why, in_read ? Py_True : Py_False};
    return pyr_drop(PyObject_VectorcallMethod(loop->st->names._disconnectSelectable, args,
                                              4 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL));
}

/* ---- one event ---- */

/* Log what an event raised, and make it the reason to disconnect. */
static int
report(Loop *loop, PyObject **why)
{
    pyr_loop_state *state = loop->st->loop;
    if (!loop->guest.is_guest) {
        return pyr_report_keep(state->event_error, NULL, why);
    }
    if (!PyErr_ExceptionMatches(PyExc_Exception)) {
        return -1; /* asyncio's reactor leaves it to its caller, and connects on */
    }
    return pyr_report_keep(state->host_event_error, loop->reactor, why);
}

/* Times its errno: the event that the kernel refused to watch the descriptor. */
#define REFUSED 0x100

/* What stock's _doReadOrWrite does, or asyncio's _readOrWrite. */
static int
handle(Loop *loop, PyObject *selectable, const pyr_selectable_ops *ops, int events)
{
    core_state *st = loop->st;
    bool in_read = false;
    PyObject *why;
    if (events >= REFUSED) {
        pyr_errors_set(events / REFUSED);
        why = PyErr_GetRaisedException();
    } else if ((events & PYR_HANG_UP) && !(events & PYR_READ)) {
        in_read = (events & PYR_HANG_UP_OF_READER) != 0;
        why = Py_NewRef(in_read ? st->loop->CONNECTION_DONE : st->loop->CONNECTION_LOST);
    } else {
        why = ops->read_and_write(st, selectable, events, &in_read);
        if (why == NULL && report(loop, &why) < 0) {
            return -1;
        }
    }
    int status = PyObject_IsTrue(why);
    if (status > 0) {
        status = disconnect(loop, selectable, why, in_read);
    }
    Py_DECREF(why);
    return status;
}

static PyObject *
log_prefix_of(core_state *st, PyObject *selectable, const pyr_selectable_ops *ops)
{
    PyObject *prefix = ops->log_prefix == NULL ? NULL : ops->log_prefix(selectable);
    if (prefix != NULL) {
        return prefix;
    }
    PyErr_Clear(); /* its logPrefix() raises that again, and it is logged */
    prefix = PyObject_CallMethodNoArgs(selectable, st->names.logPrefix);
    if (prefix != NULL || PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) {
        return prefix;
    }
    if (pyr_report(st->loop->event_error, st->loop->buggy_prefix) < 0) {
        return NULL;
    }
    return Py_NewRef(st->loop->buggy_prefix);
}

/* Of whom its events are for, or of itself; borrowed. */
static PyObject *
class_of(PyObject *selectable, const pyr_selectable_ops *ops)
{
    PyObject *served = ops->serves == NULL ? NULL : ops->serves(selectable);
    return (PyObject *)Py_TYPE(served == NULL ? selectable : served);
}

static void
handle_with_prefix(Loop *loop, PyObject *selectable, const pyr_selectable_ops *ops,
                   int events)
{
    core_state *st = loop->st;
    PyObject *prefix = log_prefix_of(st, selectable, ops);
    if (prefix == NULL || pyr_logcontext_push(st, &loop->logcontext, prefix) < 0) {
        Py_XDECREF(prefix);
        pyr_errors_keep(loop);
        return;
    }
    pyr_span span = pyr_watchdog_begin(&loop->watchdog, PYR_AT_EVENT, selectable);
    int status = handle(loop, selectable, ops, events);
    pyr_logcontext_pop(&loop->logcontext);
    if (status < 0 && (PyErr_ExceptionMatches(PyExc_KeyboardInterrupt) ||
                       pyr_report(st->loop->event_error, prefix) < 0)) {
        pyr_errors_keep(loop);
    }
    if (span.number != 0 && loop->watchdog.statistics != NULL) {
        loop->watchdog.event_for = class_of(selectable, ops);
    }
    pyr_watchdog_end(&loop->watchdog, span, PYR_AT_EVENT, selectable);
    Py_DECREF(prefix);
}

void
pyr_event_dispatch(Loop *loop, PyObject *selectable, const pyr_selectable_ops *ops,
                   int events, PyObject *context)
{
    bool entered = pyr_variables_enter(context);
    handle_with_prefix(loop, selectable, ops, events);
    if (entered) {
        pyr_variables_leave(context);
    }
}

static void
dispatch_watch(pyr_watch *watch, int events)
{
    bool writes = !(events & (PYR_READ | PYR_HANG_UP_OF_READER));
    PyObject *selectable = Py_NewRef(watch->selectable);
    PyObject *context = Py_XNewRef(watch->contexts[writes]);
    pyr_event_dispatch(watch->loop, selectable, watch->ops, events, context);
    Py_XDECREF(context);
    Py_DECREF(selectable);
}

/* asyncio has callbacks of their own for reading and writing, and calls both after a
 * hang-up: reading and writing tell what it is. */
static void
dispatch_as_host(pyr_watch *watch, int events)
{
    int both = (int)(watch->wanted & (PYR_READ | watch->asked));
    if ((events & PYR_HANG_UP) && both != 0) {
        events = both;
    }
    if ((events & PYR_READ) && (events & PYR_WRITE)) {
        dispatch_watch(watch, events & ~PYR_WRITE);
        events = watch->closing ? 0 : events & ~PYR_READ & (int)watch->wanted;
    }
    if (events != 0) {
        dispatch_watch(watch, events);
    }
}

bool
pyr_event_read_rest(Loop *loop)
{
    PyObject *reader = loop->st->loop->unread;
    pyr_watch *watch = reader == NULL ? NULL : pyr_watches_find(&loop->watches, reader);
    if (watch == NULL || !(watch->wanted & PYR_READ)) {
        return false;
    }
    watch->uses++;
    dispatch_watch(watch, PYR_READ);
    pyr_watch_release(watch);
    return true;
}

/* ---- what happened ---- */

/* What was found, as far as it is wanted. */
static int
events_of(const pyr_watch *watch, int found)
{
    int events = found & (PYR_READ | PYR_WRITE) & (int)watch->wanted;
    if (found & PYR_HANG_UP) {
        events |= PYR_HANG_UP | (watch->wanted & PYR_READ ? PYR_HANG_UP_OF_READER : 0);
    }
    return events;
}

static void
handle_found(pyr_watch *watch, int found)
{
    if (watch->closing) {
        return;
    }
    int events = watch->wanted == 0 ? 0 : events_of(watch, found);
    if (events != 0 && watch->loop->guest.is_guest) {
        dispatch_as_host(watch, events);
    } else if (events != 0) {
        dispatch_watch(watch, events);
    } else {
        pyr_watch_ask(watch, watch->asked & watch->wanted);
    }
}

/* The kernel does not watch it any more: it ends with the errno. */
static void
handle_refused(pyr_watch *watch)
{
    int error = watch->refused;
    watch->refused = 0;
    if (!watch->closing && watch->wanted != 0) {
        dispatch_watch(watch, REFUSED * error);
    }
}

bool
pyr_event_dispatch_all(Loop *loop)
{
    bool any = false;
    pyr_watch *watch;
    int found;
    while ((watch = pyr_watches_take(loop, &found)) != NULL) {
        if (found == 0) {
            handle_refused(watch);
        } else {
            handle_found(watch, found);
        }
        pyr_watch_release(watch);
        any = true;
    }
    return any;
}
