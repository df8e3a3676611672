/* The type Loop; see loop.h. */
#include "loop/loop.h"
#include "loop/state.h"

#include <math.h>

#include "core/objects.h"
#include "core/report.h"
#include "loop/delayed_call.h"
#include "loop/guest.h"
#include "loop/selectable.h"
#include "loop/sleep.h"
#include "loop/whole.h"

/* A method without arguments that only gives what something else does. */
#define METHOD(name, result)                                               \
    static PyObject *loop_##name(Loop *self, PyObject *Py_UNUSED(ignored)) \
    {                                                                      \
        return result;                                                     \
    }

/* ---- running ---- */

PyDoc_STRVAR(run_doc, "run($self)\n--\n\n"
                      "Iterate until the reactor's _started is false.\n\n"
                      "Errors are logged, and the loop goes on.\n"
                      "Mirrors twisted.internet.base.ReactorBase.mainLoop.");

static PyObject *
loop_run(Loop *self, PyObject *Py_UNUSED(ignored))
{
    while (self->started) {
        int status = pyr_logcontext_enter(self->st, &self->logcontext);
        while (status == 0 && self->started) {
            status = pyr_loop_turn(self);
        }
        if (status < 0 && pyr_report(self->st->loop->main_loop_error, NULL) < 0) {
            return NULL;
        }
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(runUntilCurrent_doc,
             "runUntilCurrent($self)\n--\n\n"
             "Run the calls from threads and the timed calls that are due.\n\n"
             "Mirrors twisted.internet.base.ReactorBase.runUntilCurrent.");

METHOD(runUntilCurrent, pyr_none_or_error(pyr_loop_run_due(self)))

PyDoc_STRVAR(
    doIteration_doc,
    "doIteration($self, delay, /)\n--\n\n"
    "Handle ready descriptors, waiting up to delay (float seconds; less than 0:\n"
    "for ever) for the first.\n\n"
    "Mirrors twisted.internet.base.ReactorBase.doIteration.");

/* What was given for seconds; less than 0 is for ever. */
static int
seconds_of(PyObject *delay, double *seconds)
{
    double value = PyFloat_AsDouble(delay);
    *seconds = value < 0 ? INFINITY : value;
    return value == -1.0 && PyErr_Occurred() ? -1 : 0;
}

static PyObject *
loop_doIteration(Loop *self, PyObject *delay)
{
    double seconds;
    return pyr_none_or_error(seconds_of(delay, &seconds) < 0 ||
                                     pyr_logcontext_enter(self->st, &self->logcontext) < 0
                                 ? -1
                                 : pyr_loop_iterate(self, seconds));
}

PyDoc_STRVAR(timeout_doc, "timeout($self)\n--\n\n"
                          "Seconds (float) until the next timed call is due, or None.\n\n"
                          "Mirrors twisted.internet.base.ReactorBase.timeout.");

static PyObject *
loop_timeout(Loop *self, PyObject *Py_UNUSED(ignored))
{
    double delay;
    if (pyr_timers_delay(&self->timers, &delay) < 0) {
        return NULL;
    }
    if (isinf(delay) && self->timers.heap.count == 0) {
        Py_RETURN_NONE;
    }
    if (delay == 0 || delay > PYR_LONGEST_SLEEP) { /* stock's limits are ints */
        return PyLong_FromLong(delay == 0 ? 0 : (long)PYR_LONGEST_SLEEP);
    }
    return PyFloat_FromDouble(delay);
}

/* ---- timed calls and calls from threads ---- */

PyDoc_STRVAR(callLater_doc,
             "callLater($self, delay, callable, /, *args, **kw)\n--\n\n"
             "Call callable(*args, **kw) in delay (float) seconds; a DelayedCall.\n\n"
             "Raises AssertionError if delay is negative.\n"
             "Mirrors twisted.internet.interfaces.IReactorTime.callLater.");

static PyObject *
loop_callLater(Loop *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    return pyr_delayed_call_later(&self->timers, args, nargs, kwnames);
}

PyDoc_STRVAR(getDelayedCalls_doc,
             "getDelayedCalls($self)\n--\n\n"
             "The pending timed calls: a new list of DelayedCall.\n\n"
             "Mirrors twisted.internet.interfaces.IReactorTime.getDelayedCalls.");

METHOD(getDelayedCalls, pyr_timers_list(&self->timers))

PyDoc_STRVAR(
    callFromThread_doc,
    "callFromThread($self, f, /, *args, **kwargs)\n--\n\n"
    "Call f(*args, **kwargs) in the reactor's thread; from any thread, and from\n"
    "a signal handler.\n\n"
    "Raises AssertionError if f is not callable.\n"
    "Mirrors twisted.internet.interfaces.IReactorFromThreads.callFromThread.");

static PyObject *
loop_callFromThread(Loop *self, PyObject *const *args, Py_ssize_t nargs,
                    PyObject *kwnames)
{
    if (nargs < 1) {
        PyErr_SetString(PyExc_TypeError,
                        "callFromThread() missing 1 required positional argument: 'f'");
        return NULL;
    }
    if (!PyCallable_Check(args[0])) {
        PyErr_Format(PyExc_AssertionError, "%S is not callable", args[0]);
        return NULL;
    }
    if (pyr_threadcalls_add(&self->threadcalls, args, nargs, kwnames) < 0) {
        return NULL;
    }
    return pyr_none_or_error(pyr_loop_wake(self));
}

PyDoc_STRVAR(wakeUp_doc, "wakeUp($self)\n--\n\n"
                         "End the reactor's sleep; from any thread.\n\n"
                         "Mirrors twisted.internet.base.ReactorBase.wakeUp.");

static PyObject *
loop_wakeUp(Loop *self, PyObject *Py_UNUSED(ignored))
{
    pyr_wake_up(&self->wake);
    Py_RETURN_NONE;
}

/* ---- descriptors ---- */

/* What the kernel cannot poll, stock polls continuously, and so do we: `method` is a
 * function of pyreactor/_loop/reports.py. */
static PyObject *
continuously(Loop *self, PyObject *method, PyObject *selectable, int event)
{
    PyObject *args[] = {self->reactor, selectable,
                        event == PYR_WRITE ? Py_True : Py_False};
    return PyObject_Vectorcall(method, args, 3, NULL);
}

static PyObject *
add_descriptor(Loop *self, PyObject *selectable, int event)
{
    pyr_watched status = pyr_selectable_add(self, selectable, event);
    if (status == PYR_WATCH_ERROR) {
        return NULL;
    }
    if (status == PYR_NOT_WATCHED) {
        self->has_continuous = true;
        return continuously(self, self->st->loop->poll_continuously, selectable, event);
    }
    Py_RETURN_NONE;
}

static PyObject *
remove_descriptor(Loop *self, PyObject *selectable, int event)
{
    if (PyObject_Hash(selectable) == -1) { /* stock looks for it in a set */
        return NULL;
    }
    if (self->has_continuous) {
        PyObject *found =
            continuously(self, self->st->loop->stop_polling, selectable, event);
        if (found == NULL) {
            return NULL;
        }
        Py_DECREF(found);
        if (found == Py_True) {
            Py_RETURN_NONE;
        }
    }
    return pyr_none_or_error(pyr_selectable_remove(self, selectable, event));
}

#define DESCRIPTOR_METHOD(name, function, event)                   \
    static PyObject *loop_##name(Loop *self, PyObject *selectable) \
    {                                                              \
        return function(self, selectable, event);                  \
    }

DESCRIPTOR_METHOD(addReader, add_descriptor, PYR_READ)
DESCRIPTOR_METHOD(addWriter, add_descriptor, PYR_WRITE)
DESCRIPTOR_METHOD(removeReader, remove_descriptor, PYR_READ)
DESCRIPTOR_METHOD(removeWriter, remove_descriptor, PYR_WRITE)
METHOD(readers, pyr_selectable_list(self, PYR_READ))
METHOD(writers, pyr_selectable_list(self, PYR_WRITE))

PyDoc_STRVAR(addReader_doc,
             "addReader($self, reader, /)\n--\n\n"
             "Call reader.doRead() whenever its descriptor is readable.\n\n"
             "Raises OSError or ValueError for a bad descriptor.\n"
             "Mirrors twisted.internet.interfaces.IReactorFDSet.addReader.");

PyDoc_STRVAR(addWriter_doc,
             "addWriter($self, writer, /)\n--\n\n"
             "Call writer.doWrite() whenever its descriptor is writable.\n\n"
             "Raises OSError or ValueError for a bad descriptor.\n"
             "Mirrors twisted.internet.interfaces.IReactorFDSet.addWriter.");

PyDoc_STRVAR(
    removeReader_doc,
    "removeReader($self, reader, /)\n--\n\nUndo addReader; no error if not added.\n\n"
    "Mirrors twisted.internet.interfaces.IReactorFDSet.removeReader.");

PyDoc_STRVAR(
    removeWriter_doc,
    "removeWriter($self, writer, /)\n--\n\nUndo addWriter; no error if not added.\n\n"
    "Mirrors twisted.internet.interfaces.IReactorFDSet.removeWriter.");

PyDoc_STRVAR(readers_doc, "readers($self)\n--\n\nThe polled readers: a new list.");

PyDoc_STRVAR(writers_doc, "writers($self)\n--\n\nThe polled writers: a new list.");

/* ---- what PyReactor tells the loop ---- */

PyDoc_STRVAR(changed_doc, "changed($self)\n--\n\n"
                          "An attribute of the loop's was set: a sleep that another\n"
                          "thread is in ends, to look at it.");

static PyObject *
loop_changed(Loop *self, PyObject *Py_UNUSED(ignored))
{
    pyr_wake_notice(&self->wake);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(forked_doc,
             "forked($self)\n--\n\n"
             "Tell the loop that this is a forked child: before it next touches\n"
             "the kernel it makes a queue of its own.");

static PyObject *
loop_forked(Loop *self, PyObject *Py_UNUSED(ignored))
{
    self->forked = true;
    pyr_watchdog_forked(&self->watchdog);
    self->st->loop->unread = NULL; /* what it has received is the parent's */
    if (self->wake.asleep) {       /* the sleeper is not in this process */
        self->wake.asleep = self->wake.sent = false;
        self->engine_lost = true;
    }
    self->wake.sent =
        self->wake.away; /* the host in this process gives a turn by itself */
    Py_RETURN_NONE;
}

/* ---- under a host ---- */

PyDoc_STRVAR(
    enter_doc,
    "enter($self, ready, host=None, runs=None, /)\n--\n\n"
    "Become the guest of another event loop, or tell it of a new engine.\n\n"
    "ready: a deque that is empty where that loop has nothing to call at once, or\n"
    "None if it does not tell.  host: the class of that loop, and runs: what it has\n"
    "as run_forever as long as no callback can run the loop once more; or None of\n"
    "both, if one can.  Returns the descriptor (int) that it is to watch\n"
    "for readability: turn(True) is to be called then.  Raises OSError if there\n"
    "is none.");

static PyObject *
loop_enter(Loop *self, PyObject *args)
{
    PyObject *ready, *host = Py_None, *runs = Py_None;
    if (!PyArg_UnpackTuple(args, "enter", 1, 3, &ready, &host, &runs)) {
        return NULL;
    }
    bool known = host != Py_None && runs != Py_None;
    int fd = pyr_guest_enter(self, ready, known ? host : NULL, known ? runs : NULL);
    return fd < 0 ? NULL : PyLong_FromLong(fd);
}

PyDoc_STRVAR(
    turn_doc,
    "turn($self, ready, /)\n--\n\n"
    "Do what is to be done, without sleeping.\n\n"
    "ready (bool): whether the descriptor is readable.  Returns None, or in how\n"
    "many seconds (float) the host is to call ring(); for 0.0, it is to call\n"
    "enter() if engine_told is false, and turn(False) soon.  Raises what neither\n"
    "Twisted's log nor the program has taken.");

static PyObject *
loop_turn(Loop *self, PyObject *ready)
{
    if (ready != Py_True) { /* the turn that it was to call at once */
        self->guest.soon = false;
    }
    return pyr_guest_turn(self, ready == Py_True);
}

PyDoc_STRVAR(ring_doc, "ring($self)\n--\n\n"
                       "The host's alarm rang, for which turn() had asked: turn(False).");

static PyObject *
loop_ring(Loop *self, PyObject *Py_UNUSED(ignored))
{
    self->guest.alarm = INFINITY;
    return pyr_guest_turn(self, false);
}

PyDoc_STRVAR(
    ask_anew_doc,
    "ask_anew($self)\n--\n\n"
    "What turn() or ring() returned may not have come to the host, as something was\n"
    "raised: the descriptor becomes readable, and turn(True) returns it again, and\n"
    "has the host told of the descriptor once more.");

static PyObject *
loop_ask_anew(Loop *self, PyObject *Py_UNUSED(ignored))
{
    pyr_guest_ask_anew(self);
    Py_RETURN_NONE;
}

/* ---- for who looks on ---- */

PyDoc_STRVAR(
    watch_doc,
    "watch($self, slow, report, /)\n--\n\n"
    "Have report(kind, object, seconds, number) called after each activity of the\n"
    "loop's that took longer than slow (float seconds; None: watch no more).");

static PyObject *
loop_watch(Loop *self, PyObject *args)
{
    return pyr_watchdog_set(&self->watchdog, args);
}

PyDoc_STRVAR(
    look_on_doc,
    "look_on($self, known, hangs, /)\n--\n\n"
    "Wait until an activity of the loop's takes longer than watch() has it, or the one\n"
    "of the number known longer than hangs (float seconds).  Its number, how many\n"
    "seconds ago it began, its kind, and its object if it is the known one, else None.\n"
    "None alone once nobody is to watch any more.\n\n"
    "For one thread of the interpreter's but the loop's; without the GIL meanwhile.");

static PyObject *
loop_look_on(Loop *self, PyObject *args)
{
    return pyr_watchdog_look_on(&self->watchdog, args);
}

PyDoc_STRVAR(moment_doc,
             "moment($self)\n--\n\n"
             "The number of the activity under way; 0: none.  From any thread.");

METHOD(moment, pyr_watchdog_moment(&self->watchdog))

PyDoc_STRVAR(
    sleep_doc,
    "sleep($self, delay, /)\n--\n\n"
    "Wait up to delay (float seconds; less than 0: for ever) until a descriptor\n"
    "is ready or there is something to do, and handle none.  For the poll() of "
    "`poller`.");

static PyObject *
loop_sleep(Loop *self, PyObject *delay)
{
    double seconds;
    return pyr_none_or_error(
        seconds_of(delay, &seconds) < 0 ? -1 : pyr_loop_sleep_for_poller(self, seconds));
}

PyDoc_STRVAR(
    count_doc,
    "count($self, on, /)\n--\n\n"
    "Make statistics of all that happens from now on; or, if on (bool) is false, no\n"
    "more.");

static PyObject *
loop_count(Loop *self, PyObject *on)
{
    int wanted = PyObject_IsTrue(on);
    return pyr_none_or_error(
        wanted < 0 ? -1
                   : pyr_watchdog_count(&self->watchdog, &self->statistics, wanted != 0));
}

PyDoc_STRVAR(statistics_doc, "statistics($self)\n--\n\n"
                             "What was counted, as csrc/loop/statistics.h has it: costs\n"
                             "(list) and numbers (list); None if nothing is counted.");

METHOD(statistics, pyr_statistics_tell(&self->statistics, self->st))

static PyMethodDef loop_methods[] = {
    {"count", (PyCFunction)loop_count, METH_O, count_doc},
    {"statistics", (PyCFunction)loop_statistics, METH_NOARGS, statistics_doc},
    {"sleep", (PyCFunction)loop_sleep, METH_O, sleep_doc},
    {"watch", (PyCFunction)loop_watch, METH_VARARGS, watch_doc},
    {"look_on", (PyCFunction)loop_look_on, METH_VARARGS, look_on_doc},
    {"moment", (PyCFunction)loop_moment, METH_NOARGS, moment_doc},
    {"run", (PyCFunction)loop_run, METH_NOARGS, run_doc},
    {"runUntilCurrent", (PyCFunction)loop_runUntilCurrent, METH_NOARGS,
     runUntilCurrent_doc},
    {"doIteration", (PyCFunction)loop_doIteration, METH_O, doIteration_doc},
    {"timeout", (PyCFunction)loop_timeout, METH_NOARGS, timeout_doc},
    {"callLater", (PyCFunction)(void (*)(void))loop_callLater,
     METH_FASTCALL | METH_KEYWORDS, callLater_doc},
    {"getDelayedCalls", (PyCFunction)loop_getDelayedCalls, METH_NOARGS,
     getDelayedCalls_doc},
    {"callFromThread", (PyCFunction)(void (*)(void))loop_callFromThread,
     METH_FASTCALL | METH_KEYWORDS, callFromThread_doc},
    {"wakeUp", (PyCFunction)loop_wakeUp, METH_NOARGS, wakeUp_doc},
    {"addReader", (PyCFunction)loop_addReader, METH_O, addReader_doc},
    {"addWriter", (PyCFunction)loop_addWriter, METH_O, addWriter_doc},
    {"removeReader", (PyCFunction)loop_removeReader, METH_O, removeReader_doc},
    {"removeWriter", (PyCFunction)loop_removeWriter, METH_O, removeWriter_doc},
    {"readers", (PyCFunction)loop_readers, METH_NOARGS, readers_doc},
    {"writers", (PyCFunction)loop_writers, METH_NOARGS, writers_doc},
    {"changed", (PyCFunction)loop_changed, METH_NOARGS, changed_doc},
    {"forked", (PyCFunction)loop_forked, METH_NOARGS, forked_doc},
    {"enter", (PyCFunction)loop_enter, METH_VARARGS, enter_doc},
    {"turn", (PyCFunction)loop_turn, METH_O, turn_doc},
    {"ring", (PyCFunction)loop_ring, METH_NOARGS, ring_doc},
    {"ask_anew", (PyCFunction)loop_ask_anew, METH_NOARGS, ask_anew_doc},
    {NULL},
};

/* ---- the type ---- */

static PyObject *
loop_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"reactor", NULL};
    PyObject *reactor;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:Loop", keywords, &reactor)) {
        return NULL;
    }
    core_state *st = pyr_state_of_type(type);
    if (st == NULL) {
        return NULL;
    }
    if (st->loop->timed_call_error == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "import pyreactor.reactor first");
        return NULL;
    }
    Loop *self = (Loop *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->st = st;
    self->module = Py_NewRef(PyType_GetModule(st->loop->loop_type));
    self->reactor = Py_NewRef(reactor);
    self->clock = (pyr_clock){.st = st, .reactor = reactor};
    self->wake = (pyr_wake){.engine = &self->engine};
    self->timers = (pyr_timers){.st = st,
                                .owner = (PyObject *)self,
                                .clock = &self->clock,
                                .wake = &self->wake,
                                .watchdog = &self->watchdog};
    pyr_standin_remember(st, reactor, (PyObject *)self);
    return (PyObject *)self;
}

static const pyr_given objects_of_loop[] = {
    PYR_MADE(Loop, reactor),     PYR_MADE(Loop, poller),
    PYR_MADE(Loop, pending_exc), PYR_MADE(Loop, clock.builtin),
    PYR_MADE(Loop, guest.ready), PYR_MADE(Loop, guest.host),
    PYR_MADE(Loop, guest.runs),  {NULL},
};

static int
loop_traverse(Loop *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->module);
    int status = pyr_given_visit(objects_of_loop, self, visit, arg);
#define PART(name) \
    status = status != 0 ? status : pyr_##name##_traverse(&self->name, visit, arg)
    PART(watchdog);
    PART(statistics);
    PART(timers);
    PART(threadcalls);
    PART(watches);
    PART(logcontext);
    PART(flush);
#undef PART
    return status;
}

static int
loop_clear(Loop *self)
{
    pyr_whole_close(self);
    pyr_flush_clear(&self->flush);
    pyr_timers_clear(&self->timers);
    pyr_threadcalls_clear(&self->threadcalls);
    pyr_logcontext_clear(&self->logcontext);
    pyr_watchdog_clear(&self->watchdog);
    pyr_statistics_clear(&self->statistics);
    pyr_standin_forget(self->st, (PyObject *)self);
    self->clock.reactor = NULL;
    pyr_given_clear(objects_of_loop, self);
    return 0;
}

/* At the end of the interpreter the collector takes the module away from the type before
 * it comes to the loop: the loop's own reference is given back last. */
static void
loop_dealloc(Loop *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject *module = self->module;
    PyObject_GC_UnTrack(self);
    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs((PyObject *)self);
    }
    (void)loop_clear(self);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
    Py_DECREF(module);
}

/* Mirrors of what the reactor's attributes say; see pyreactor/reactor.py. */
static PyMemberDef loop_members[] = {
    {"poller", T_OBJECT, offsetof(Loop, poller), 0,
     PyDoc_STR("What is to sleep, by poll(delay); None: the loop itself")},
    {"started", T_BOOL, offsetof(Loop, started), 0, PyDoc_STR("_started")},
    {"running", T_BOOL, offsetof(Loop, running), 0, PyDoc_STR("running")},
    {"just_stopped", T_BOOL, offsetof(Loop, just_stopped), 0, PyDoc_STR("_justStopped")},
    {"overridden", T_BOOL, offsetof(Loop, overridden), 0,
     PyDoc_STR("bool: a method that the main loop calls was replaced.")},
    {"plain_disconnect", T_BOOL, offsetof(Loop, plain_disconnect), 0,
     PyDoc_STR("bool: _disconnectSelectable is Twisted's own.")},
    {"wake_replaced", T_BOOL, offsetof(Loop, wake_replaced), 0,
     PyDoc_STR("bool: the wakeUp that callFromThread calls was replaced.")},
    {"clock_known", T_BOOL, offsetof(Loop, clock.known), 0,
     PyDoc_STR("bool: set to False when the reactor itself gets or loses `seconds`.")},
    {"engine_told", T_BOOL, offsetof(Loop, guest.engine_told), READONLY,
     PyDoc_STR("bool: enter() has told of the descriptor that there is now.")},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Loop, weakrefs), READONLY, NULL},
    {NULL},
};

PyDoc_STRVAR(loop_doc, "Loop(reactor)\n--\n\n"
                       "The libuv event loop that drives a Twisted reactor.");

static PyType_Slot loop_slots[] = {
    {Py_tp_doc, (void *)loop_doc}, {Py_tp_new, loop_new},
    {Py_tp_dealloc, loop_dealloc}, {Py_tp_traverse, loop_traverse},
    {Py_tp_clear, loop_clear},     {Py_tp_methods, loop_methods},
    {Py_tp_members, loop_members}, {0, NULL},
};

static PyType_Spec loop_spec = {
    .name = "pyreactor._core.Loop",
    .basicsize = sizeof(Loop),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = loop_slots,
};

int
pyr_loop_type_exec(PyObject *module, core_state *st)
{
    return pyr_add_type(module, &loop_spec, NULL, &st->loop->loop_type);
}
