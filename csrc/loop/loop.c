/*
 * The event loop; see loop.h.
 *
 * One iteration: flush what was written, sleep in the kernel without the GIL, handle
 * what became ready.  libuv's callbacks only collect that; no Python code runs before
 * libuv has returned and the GIL is taken back, so it changes hands once an iteration.
 */
#include "loop/loop.h"
#include "loop/reactor_state.h"
#include "loop/delayed_call.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>

#include "transport/datagram.h"
#include "transport/listener.h"
#include "core/report.h"
#include "transport/stream.h"

/* ---- waking ---- */

void
pyr_loop_wake(Loop *self)
{
    self->woken = true;
    if (self->asleep && !self->wake_sent) {
        self->wake_sent = true;
        pyr_engine_wake(self->engine);
    }
}

/* ---- errors ---- */

void
pyr_set_uv_error(int status)
{
    errno = -status; /* on Unix, libuv's codes are negated errno values */
    PyErr_SetFromErrno(PyExc_OSError);
}

void
pyr_loop_keep_exception(Loop *self)
{
    if (self->pending_exc == NULL) {
        self->pending_exc = PyErr_GetRaisedException();
    } else {
        PyErr_WriteUnraisable((PyObject *)self);
    }
}

static int
raise_kept(Loop *self)
{
    if (self->pending_exc == NULL) {
        return 0;
    }
    PyObject *exc = self->pending_exc;
    self->pending_exc = NULL;
    PyErr_SetRaisedException(exc);
    return -1;
}

/* ---- opening, forking, closing ---- */

/*
 * glibc gives the top of its heap back to the kernel as soon as 128 KiB of it are free,
 * so that a server of large messages takes a page fault for every 4 KiB of each of them.
 * The limit grows to twice the largest mapped block that was ever freed: free one.
 */
static void
keep_freed_memory(void)
{
    char *volatile block = malloc(1024 * 1024);
    free(block);
}

static int
open_engine(Loop *self)
{
    int error = 0;
    keep_freed_memory();
    self->engine = pyr_engine_open(&error);
    if (self->engine == NULL) {
        pyr_set_uv_error(-error);
        return -1;
    }
    return 0;
}

/* The engine's descriptors are other files by now, which must not be closed: its memory
 * is left to libuv, and all is registered with the next engine. */
static void
abandon_engine(Loop *self)
{
    self->engine = NULL;
    self->forked = self->engine_lost = false;
    pyr_pollers_renew(self, true);
}

static int
fork_engine(Loop *self)
{
    if (self->engine_lost || !pyr_engine_is_whole(self->engine) ||
        pyr_engine_fork(self->engine) != 0) {
        abandon_engine(self);
        return open_engine(self);
    }
    self->forked = false;
    pyr_pollers_renew(self, false);
    return 0;
}

int
pyr_loop_ready(Loop *self)
{
    if (self->closed) {
        PyErr_SetString(PyExc_RuntimeError, "the event loop is closed");
        return -1;
    }
    if (self->engine == NULL) {
        self->forked = false;
        return open_engine(self);
    }
    return self->forked ? fork_engine(self) : 0;
}

/* The same, and the engine has all its descriptors. */
static int
make_whole(Loop *self)
{
    if (pyr_loop_ready(self) < 0) {
        return -1;
    }
    if (!self->engine_lost && pyr_engine_is_whole(self->engine)) {
        return 0;
    }
    abandon_engine(self);
    return open_engine(self);
}

int
pyr_loop_refuses(Loop *self, int fd)
{
    int error = pyr_engine_refuses(self->engine, fd);
    if (error == 0 || pyr_engine_is_whole(self->engine)) {
        return error;
    }
    /* It was the engine that is not what it was.  A loop that sleeps will notice. */
    if (!self->asleep && make_whole(self) == 0) {
        return pyr_engine_refuses(self->engine, fd);
    }
    PyErr_Clear();
    return fcntl(fd, F_GETFD) < 0 ? errno : 0;
}

static void
loop_close(Loop *self)
{
    if (self->closed) {
        return;
    }
    if (self->forked && self->engine != NULL && pyr_loop_ready(self) < 0) {
        PyErr_WriteUnraisable(NULL);
    }
    if (self->engine != NULL &&
        (self->engine_lost || !pyr_engine_is_whole(self->engine))) {
        abandon_engine(self);
    }
    self->closed = true; /* first: destructors that run below must not add to it */
    pyr_stream_flush_clear(self);
    pyr_pollers_close_all(self);
    if (self->engine != NULL) {
        pyr_engine_close(self->engine);
        self->engine = NULL;
    }
    pyr_pollers_settle(self);
    pyr_pollers_free(&self->pollers);
}

/* ---- one iteration ---- */

/* Below this, libuv's milliseconds are too coarse and we sleep by nanoseconds. */
#define PRECISE_BELOW 0.002
#define LONGEST_SLEEP 2147483.0 /* seconds; stock's limit */

static bool
has_ready(Loop *self)
{
    return pyr_pollers_have_ready(&self->pollers);
}

/* Is there no other thread that could want the GIL? */
static bool
is_alone(void)
{
    PyThreadState *first = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
    return PyThreadState_Next(first) == NULL;
}

/* Collect what is ready now, with the GIL. */
static void
collect(Loop *self)
{
    pyr_engine_run(self->engine, UV_RUN_NOWAIT);
    pyr_pollers_settle(self);
}

/* Tell libuv and, if other threads could close descriptors meanwhile, the kernel of all
 * that changed. */
static void
tell_changes(Loop *self)
{
    bool news = pyr_pollers_apply(self);
    if (self->engine_lost) {
        if (make_whole(self) < 0) {
            pyr_loop_keep_exception(self);
            return;
        }
        news = pyr_pollers_apply(self);
    }
    if (news && !is_alone()) {
        collect(self);
    }
}

/* Give up the GIL, and wait for what is ready; take it back. */
static void
collect_without_gil(Loop *self, uv_run_mode mode)
{
    self->asleep = true;
    PyThreadState *thread = PyEval_SaveThread();
    pyr_engine_run(self->engine, mode);
    PyEval_RestoreThread(thread);
    self->asleep = self->wake_sent = false;
    pyr_pollers_settle(self);
}

/* Sleep in libuv; the last two milliseconds before a deadline are left for the next
 * iteration, which sleeps precisely. */
static void
sleep_in_uv(Loop *self, double delay)
{
    pyr_engine_limit(self->engine, delay < 0 ? -1.0 : floor(delay * 1000.0) - 1.0);
    collect_without_gil(self, UV_RUN_ONCE);
}

/* Collect what is ready now; other threads, if there are any, get their turn. */
static void
poll_without_sleep(Loop *self)
{
    if (is_alone()) {
        collect(self);
    } else {
        collect_without_gil(self, UV_RUN_NOWAIT);
    }
}

/* Sleep on libuv's kernel queue with nanosecond resolution, ended also by a signal. */
static void
sleep_precisely(Loop *self, double delay)
{
    collect(self); /* tells the kernel of new descriptors, too */
    if (has_ready(self)) {
        return;
    }
    struct pollfd queue = {.fd = uv_backend_fd(&self->engine->uv), .events = POLLIN};
    self->asleep = true;
    PyThreadState *thread = PyEval_SaveThread();
#ifdef __linux__
    struct timespec limit;
    if (delay >= 0) {
        limit.tv_sec = (time_t)delay;
        limit.tv_nsec = (long)((delay - (double)limit.tv_sec) * 1e9);
    }
    (void)ppoll(&queue, 1, delay < 0 ? NULL : &limit, NULL);
#else
    (void)poll(&queue, 1, delay < 0 ? -1 : (int)ceil(delay * 1000.0));
#endif
    PyEval_RestoreThread(thread);
    self->asleep = self->wake_sent = false;
    if (pyr_engine_is_whole(self->engine)) {
        collect(self);
    }
}

static void
sleep_up_to(Loop *self, double delay)
{
    if (delay == 0) {
        poll_without_sleep(self);
    } else if (self->signal_wakeup && (delay < 0 || delay >= PRECISE_BELOW)) {
        sleep_in_uv(self, delay);
    } else {
        sleep_precisely(self, delay);
    }
}

/* Collect what is ready within `delay` seconds (negative: without limit). */
static void
wait_for_events(Loop *self, double delay)
{
    tell_changes(self);
    if (!has_ready(self) && self->engine != NULL) {
        sleep_up_to(self, self->pending_exc != NULL ? 0 : delay);
    }
    /* libuv swallows EINTR: without this, Ctrl-C would wait for the next Python line. */
    if (PyErr_CheckSignals() < 0) {
        pyr_loop_keep_exception(self);
    }
}

static bool
has_work(Loop *self)
{
    return self->woken || self->flush_head != NULL || self->pending_exc != NULL;
}

/* Flush, sleep up to `delay` seconds (negative: without limit), handle events. */
static int
iterate(Loop *self, double delay)
{
    pyr_stream_flush(self);
    /* The rest of what the event that iterates here came with. */
    bool handled = pyr_datagram_deliver_rest(self);
    handled |= pyr_pollers_dispatch(self);
    if (handled || has_work(self)) {
        delay = 0;
    }
    self->woken = false;
    if (delay > LONGEST_SLEEP) {
        delay = LONGEST_SLEEP;
    }
    if (make_whole(self) < 0) {
        return -1;
    }
    wait_for_events(self, delay);
    (void)pyr_pollers_dispatch(self);
    return raise_kept(self);
}

static int
fire_shutdown(Loop *self)
{
    core_state *st = self->st;
    if (PyObject_SetAttr(self->reactor, st->names._justStopped, Py_False) < 0) {
        return -1;
    }
    self->just_stopped = false;
    PyObject *result = PyObject_CallMethodOneArg(self->reactor, st->names.fireSystemEvent,
                                                 st->names.shutdown);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

static int
run_until_current(Loop *self)
{
    if (self->threadcalls.count > 0 && pyr_threadcalls_run(self) < 0) {
        return -1;
    }
    if (pyr_timers_run(self) < 0) {
        return -1;
    }
    return self->just_stopped ? fire_shutdown(self) : 0;
}

/* ---- the main loop ---- */

static int
iterate_once(Loop *self)
{
    if (run_until_current(self) < 0) {
        return -1;
    }
    double delay = self->running ? pyr_timers_delay(self) : 0.0;
    if (delay == -2.0) {
        return -1;
    }
    if (delay > 0 && !pyr_clock_is_systems(self)) {
        /* A clock that stands would be asked again and again: wait as long as stock. */
        delay = ceil(delay * 1000.0) / 1000.0;
    }
    return iterate(self, delay);
}

/* The same by the reactor's methods, as somebody has replaced one of them. */
static int
iterate_by_methods(Loop *self)
{
    PyObject *result =
        PyObject_CallOneArg(self->st->reactor->iterate_by_methods, self->reactor);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

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
            status = self->overridden ? iterate_by_methods(self) : iterate_once(self);
        }
        if (status < 0 && pyr_report(self->st->reactor->main_loop_error) < 0) {
            return NULL;
        }
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(runUntilCurrent_doc,
             "runUntilCurrent($self)\n--\n\n"
             "Run the calls from threads and the timed calls that are due.\n\n"
             "Mirrors twisted.internet.base.ReactorBase.runUntilCurrent.");

static PyObject *
loop_runUntilCurrent(Loop *self, PyObject *Py_UNUSED(ignored))
{
    if (run_until_current(self) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(doIteration_doc,
             "doIteration($self, delay, /)\n--\n\n"
             "Handle ready descriptors, waiting up to delay (float seconds; None: for\n"
             "ever) for the first.\n\n"
             "Mirrors twisted.internet.base.ReactorBase.doIteration.");

static PyObject *
loop_doIteration(Loop *self, PyObject *delay)
{
    double seconds = -1.0;
    if (delay != Py_None) {
        seconds = PyFloat_AsDouble(delay);
        if (seconds == -1.0 && PyErr_Occurred()) {
            return NULL;
        }
    }
    if (pyr_logcontext_enter(self->st, &self->logcontext) < 0 ||
        iterate(self, seconds) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(timeout_doc, "timeout($self)\n--\n\n"
                          "Seconds (float) until the next timed call is due, or None.\n\n"
                          "Mirrors twisted.internet.base.ReactorBase.timeout.");

static PyObject *
loop_timeout(Loop *self, PyObject *Py_UNUSED(ignored))
{
    double delay = pyr_timers_delay(self);
    if (delay == -2.0) {
        return NULL;
    }
    if (delay < 0) {
        Py_RETURN_NONE;
    }
    if (delay == 0 || delay > LONGEST_SLEEP) { /* stock's limits are ints */
        return PyLong_FromLong(delay == 0 ? 0 : (long)LONGEST_SLEEP);
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
    return pyr_delayed_call_later(self, args, nargs, kwnames);
}

PyDoc_STRVAR(getDelayedCalls_doc,
             "getDelayedCalls($self)\n--\n\n"
             "The pending timed calls: a new list of DelayedCall.\n\n"
             "Mirrors twisted.internet.interfaces.IReactorTime.getDelayedCalls.");

static PyObject *
loop_getDelayedCalls(Loop *self, PyObject *Py_UNUSED(ignored))
{
    return pyr_timers_list(self);
}

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
    pyr_loop_wake(self);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(wakeUp_doc, "wakeUp($self)\n--\n\n"
                         "End the reactor's sleep; from any thread.\n\n"
                         "Mirrors twisted.internet.base.ReactorBase.wakeUp.");

static PyObject *
loop_wakeUp(Loop *self, PyObject *Py_UNUSED(ignored))
{
    pyr_loop_wake(self);
    Py_RETURN_NONE;
}

/* ---- descriptors ---- */

/* What the kernel cannot poll, stock polls continuously, and so do we. */
static PyObject *
continuous(Loop *self, PyObject *method, PyObject *selectable)
{
    PyObject *polling =
        PyObject_GetAttr(self->reactor, self->st->names._continuousPolling);
    if (polling == NULL) {
        return NULL;
    }
    PyObject *result = PyObject_CallMethodOneArg(polling, method, selectable);
    Py_DECREF(polling);
    return result;
}

static PyObject *
add_descriptor(Loop *self, PyObject *selectable, int event)
{
    int status = pyr_poller_add(self, selectable, event);
    if (status < 0) {
        return NULL;
    }
    if (status > 0) {
        pyr_names *names = &self->st->names;
        self->has_continuous = true;
        return continuous(self, event == PYR_READ ? names->addReader : names->addWriter,
                          selectable);
    }
    Py_RETURN_NONE;
}

static int
is_continuous(Loop *self, PyObject *selectable, int event)
{
    pyr_names *names = &self->st->names;
    PyObject *answer = continuous(
        self, event == PYR_READ ? names->isReading : names->isWriting, selectable);
    if (answer == NULL) {
        return -1;
    }
    int result = PyObject_IsTrue(answer);
    Py_DECREF(answer);
    return result;
}

static PyObject *
remove_descriptor(Loop *self, PyObject *selectable, int event)
{
    if (self->has_continuous) {
        pyr_names *names = &self->st->names;
        int found = is_continuous(self, selectable, event);
        if (found != 0) {
            return found < 0 ? NULL
                             : continuous(self,
                                          event == PYR_READ ? names->removeReader
                                                            : names->removeWriter,
                                          selectable);
        }
    }
    if (pyr_poller_remove(self, selectable, event) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(addReader_doc,
             "addReader($self, reader, /)\n--\n\n"
             "Call reader.doRead() whenever its descriptor is readable.\n\n"
             "Raises OSError or ValueError for a bad descriptor.\n"
             "Mirrors twisted.internet.interfaces.IReactorFDSet.addReader.");

static PyObject *
loop_addReader(Loop *self, PyObject *reader)
{
    return add_descriptor(self, reader, PYR_READ);
}

PyDoc_STRVAR(addWriter_doc,
             "addWriter($self, writer, /)\n--\n\n"
             "Call writer.doWrite() whenever its descriptor is writable.\n\n"
             "Raises OSError or ValueError for a bad descriptor.\n"
             "Mirrors twisted.internet.interfaces.IReactorFDSet.addWriter.");

static PyObject *
loop_addWriter(Loop *self, PyObject *writer)
{
    return add_descriptor(self, writer, PYR_WRITE);
}

PyDoc_STRVAR(
    removeReader_doc,
    "removeReader($self, reader, /)\n--\n\nUndo addReader; no error if not added.\n\n"
    "Mirrors twisted.internet.interfaces.IReactorFDSet.removeReader.");

static PyObject *
loop_removeReader(Loop *self, PyObject *reader)
{
    return remove_descriptor(self, reader, PYR_READ);
}

PyDoc_STRVAR(
    removeWriter_doc,
    "removeWriter($self, writer, /)\n--\n\nUndo addWriter; no error if not added.\n\n"
    "Mirrors twisted.internet.interfaces.IReactorFDSet.removeWriter.");

static PyObject *
loop_removeWriter(Loop *self, PyObject *writer)
{
    return remove_descriptor(self, writer, PYR_WRITE);
}

PyDoc_STRVAR(readers_doc, "readers($self)\n--\n\nThe polled readers: a new list.");

static PyObject *
loop_readers(Loop *self, PyObject *Py_UNUSED(ignored))
{
    return pyr_poller_list(self, PYR_READ);
}

PyDoc_STRVAR(writers_doc, "writers($self)\n--\n\nThe polled writers: a new list.");

static PyObject *
loop_writers(Loop *self, PyObject *Py_UNUSED(ignored))
{
    return pyr_poller_list(self, PYR_WRITE);
}

/* ---- what PyReactor tells the loop ---- */

static int
watch_flag(bool *flag, PyObject *value)
{
    int truth = PyObject_IsTrue(value);
    if (truth >= 0) {
        *flag = truth != 0;
    }
    return truth < 0 ? -1 : 0;
}

PyDoc_STRVAR(
    watch_doc,
    "watch($self, name, value, /)\n--\n\n"
    "Mirror the reactor's attribute name (str): _started, running, _justStopped,\n"
    "signal_wakeup, overridden, plain_disconnect as flags; of seconds, only that it\n"
    "came or went.\n\n"
    "Raises ValueError for another name.");

static PyObject *
loop_watch(Loop *self, PyObject *args)
{
    const char *name;
    PyObject *value;
    bool *flag;
    if (!PyArg_ParseTuple(args, "sO:watch", &name, &value)) {
        return NULL;
    }
    if (strcmp(name, "seconds") == 0) {
        pyr_clock_changed(&self->clock);
        Py_RETURN_NONE;
    }
    if (strcmp(name, "_started") == 0) {
        flag = &self->started;
    } else if (strcmp(name, "running") == 0) {
        flag = &self->running;
    } else if (strcmp(name, "_justStopped") == 0) {
        flag = &self->just_stopped;
    } else if (strcmp(name, "signal_wakeup") == 0) {
        flag = &self->signal_wakeup;
    } else if (strcmp(name, "overridden") == 0) {
        flag = &self->overridden;
    } else if (strcmp(name, "plain_disconnect") == 0) {
        flag = &self->plain_disconnect;
    } else {
        PyErr_Format(PyExc_ValueError, "%s is not watched", name);
        return NULL;
    }
    if (watch_flag(flag, value) < 0) {
        return NULL;
    }
    pyr_loop_notice(self);
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
    if (self->asleep) { /* the sleeper is not in this process */
        self->asleep = self->wake_sent = false;
        self->engine_lost = true;
        pyr_pollers_forget_ready(&self->pollers);
    }
    pyr_datagram_forked(self->st);
    Py_RETURN_NONE;
}

static PyMethodDef loop_methods[] = {
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
    {"watch", (PyCFunction)loop_watch, METH_VARARGS, watch_doc},
    {"forked", (PyCFunction)loop_forked, METH_NOARGS, forked_doc},
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
    if (st->reactor->timed_call_error == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "import pyreactor.reactor first");
        return NULL;
    }
    Loop *self = (Loop *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->st = st;
    self->reactor = Py_NewRef(reactor);
    pyr_standin_remember(st, reactor, (PyObject *)self);
    self->read_buffer = PyMem_Malloc(PYR_READ_BUFFER_SIZE);
    if (self->read_buffer == NULL) {
        PyErr_NoMemory();
    }
    if (self->read_buffer == NULL) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static int
loop_traverse(Loop *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->reactor);
    Py_VISIT(self->pending_exc);
    Py_VISIT(self->clock.builtin);
    int result = pyr_timers_traverse(&self->timers, visit, arg);
    if (result == 0) {
        result = pyr_threadcalls_traverse(&self->threadcalls, visit, arg);
    }
    if (result == 0) {
        result = pyr_pollers_traverse(&self->pollers, visit, arg);
    }
    if (result == 0) {
        result = pyr_logcontext_traverse(&self->logcontext, visit, arg);
    }
    return result == 0 ? pyr_stream_flush_traverse(self, visit, arg) : result;
}

static int
loop_clear(Loop *self)
{
    loop_close(self);
    pyr_timers_clear(&self->timers);
    pyr_threadcalls_clear(&self->threadcalls);
    pyr_logcontext_clear(&self->logcontext);
    pyr_standin_forget(self->st, (PyObject *)self);
    Py_CLEAR(self->reactor);
    Py_CLEAR(self->pending_exc);
    Py_CLEAR(self->clock.builtin);
    return 0;
}

static void
loop_dealloc(Loop *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs((PyObject *)self);
    }
    (void)loop_clear(self);
    PyMem_Free(self->read_buffer);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static PyMemberDef loop_members[] = {
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
pyr_loop_exec(PyObject *module, core_state *st)
{
    st->reactor->loop_type = pyr_add_type(module, &loop_spec, NULL);
    return st->reactor->loop_type == NULL ? -1 : 0;
}
