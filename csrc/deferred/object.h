/*
 * What the files of the Deferred concept share: the object's layout, its links, the
 * module state and the few functions one file offers the others.
 *
 *   object.c     the type: attributes, methods
 *   create.c     making one and taking it apart
 *   add.c        addCallbacks and its like
 *   cancel.c     cancel
 *   links.c      the queue of callbacks; calling one
 *   listed.c     that queue's shape in Python (`_callbacks`)
 *   fire.c       a Deferred gets its result
 *   run.c        the run loop
 *   failure.c    making Failures
 *   trace.c      traceback entries for Python frames that are not there
 *   unhandled.c  failures that nobody handled
 *   awaiter.c    the iterator behind `await` and `yield from`
 *   driver.c     drives generators and coroutines
 *   list.c       DeferredList and gatherResults
 *   functions.c  succeed, fail, maybeDeferred, ensureDeferred
 *   globals.c    functions of twisted.internet.defer that a program replaced
 *   metaclass.c  the classes: isinstance across implementations, replaced methods
 *   setup.c      the module state's life, and what Python code hands over
 */
#ifndef PYREACTOR_DEFERRED_H
#define PYREACTOR_DEFERRED_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

struct core_state;

/* How a link is run; the target is what it runs. */
typedef enum {
    PYR_LINK_CALLBACK, /* target(result) when there is no Failure */
    PYR_LINK_ERRBACK,  /* target(failure) when there is one */
    PYR_LINK_BOTH,     /* target(result) in both cases */
    PYR_LINK_PAIR,     /* a CALLBACK whose ERRBACK is the following slot */
    PYR_LINK_CONTINUE, /* hand the result to the waiting Deferred `target` */
    PYR_LINK_RESUME,   /* resume the driver `target` with the result */
    PYR_LINK_COLLECT,  /* tell the DeferredList `target` about result number `index` */
    PYR_LINK_FIRE,     /* fire the Deferred `target` with the result (chainDeferred) */
} pyr_link_kind;

typedef struct {
    PyObject *target;   /* NULL in a PAIR's errback slot: pass the failure through */
    PyObject *args;     /* NULL, a tuple, or whatever addCallbacks was given */
    PyObject *keywords; /* NULL; names of args' last items if `named`; else a mapping */
    int32_t index;
    uint8_t kind;
    bool named;
} pyr_link;

#define PYR_INLINE_LINKS 4

typedef struct pyr_deferred {
    PyObject_HEAD struct core_state *st;
    PyObject *result; /* NULL: no such attribute (yet) */
    bool called;
    bool suppress_already_called;
    bool running;
    bool had_debug_info; /* stock would have a DebugInfo by now */
    Py_ssize_t paused;
    int32_t head, tail, capacity;
    PyObject *canceller;   /* NULL: None; a driver stands for its own canceller */
    PyObject *chained_to;  /* NULL: None */
    PyObject *fail_result; /* the Failure to report at collection; see failure.c */
    PyObject *debug_info;  /* Python's view of that, once somebody asked for it */
    PyObject *listed;      /* `_callbacks` as an object, once somebody asked for it */
    PyObject *dict;
    PyObject *weakrefs;
    pyr_link *links; /* head..tail are waiting to run; in use while listed is NULL */
    pyr_link inline_links[PYR_INLINE_LINKS];
} pyr_deferred;

typedef struct pyr_deferred_list {
    pyr_deferred base;
    PyObject *deferreds;
    PyObject *results;
    PyObject *fire_on_one_callback;
    PyObject *fire_on_one_errback;
    PyObject *consume_errors;
    Py_ssize_t finished_count;
} pyr_deferred_list;

typedef struct pyr_driver {
    PyObject_HEAD struct core_state *st;
    PyObject *generator;
    PyObject *deferred;    /* fired when the generator ends */
    PyObject *waiting_on;  /* the last Deferred it waited for, or NULL */
    PyObject *context;     /* contextvars context of its own */
    PyObject *sync_result; /* result that came while we were still adding the link */
    bool adding;           /* a link is being added: a result now is synchronous */
} pyr_driver;

/* Things of Twisted's (and of pyreactor.defer) that C code uses; see _setup_deferred. */
#define PYR_DEFERRED_IMPORTS(X) \
    X(failure_type)             \
    X(failure_globals)          \
    X(failure_init)             \
    X(failure_throw)            \
    X(failure_raise)            \
    X(failure_template)         \
    X(debug_info_type)          \
    X(already_called_error)     \
    X(cancelled_error)          \
    X(not_a_coroutine_error)    \
    X(first_error)              \
    X(internal_cancelled)       \
    X(returned)                 \
    X(no_result)                \
    X(continuation)             \
    X(no_keywords)              \
    X(passthru)                 \
    X(failthru)                 \
    X(warn_about_function)      \
    X(subclasses)               \
    X(stock_deferred)           \
    X(stock_deferred_list)      \
    X(stock_collector)          \
    X(stock_gather)             \
    X(stock_parse)              \
    X(call_with)                \
    X(call_visibly)             \
    X(misplaced_return)         \
    X(is_coroutine)             \
    X(globals)                  \
    X(internals)                \
    X(stock_drive)              \
    X(format_stack)             \
    X(cancel_all)

/* Places in stock Twisted that tracebacks show and that have no Python frame here. */
#define PYR_TRACE_POINTS(X)                                           \
    X(run_callbacks)  /* a callback raised */                         \
    X(send)           /* sent into a generator */                     \
    X(throw)          /* threw into a generator */                    \
    X(throw_into)     /* Failure.throwExceptionIntoGenerator */       \
    X(await_raise)    /* Deferred.__iter__ raises */                  \
    X(raise)          /* Failure.raiseException */                    \
    X(await_yield)    /* Deferred.__iter__ at its yield */            \
    X(callback)       /* Deferred.callback */                         \
    X(errback)        /* Deferred.errback */                          \
    X(already_called) /* _startRunCallbacks refuses */                \
    X(already_called_debug)                                           \
    X(got_result)     /* a generator's Deferred has fired */          \
    X(callback_ended) /* fires with what a generator gave */          \
    X(errback_ended)  /* fires with what one raised */                \
    X(cancel)         /* Deferred.cancel calls the canceller */       \
    X(cancel_other)   /* Deferred.cancel cancels what it waits for */ \
    X(cancel_awaited) /* cancels what a generator waits for */        \
    X(maybe_deferred)

typedef enum {
#define X(name) PYR_TRACE_##name,
    PYR_TRACE_POINTS(X)
#undef X
        PYR_TRACE_COUNT
} pyr_trace_point;

typedef struct {
    PyObject *frame, *lasti, *lineno;
} pyr_trace_entry;

#define PYR_FREE_DEFERREDS 256
#define PYR_FREE_AWAITERS 32
#define PYR_FREE_DRIVERS 64

typedef struct pyr_deferred_state {
    PyTypeObject *type;
    PyTypeObject *list_type;
    PyTypeObject *driver_type;
    PyTypeObject *awaiter_type;
    PyObject *parse_list_result;
    PyObject *empty_tuple;
    PyObject *pristine;      /* our Deferred's names, as made; see deferred_meta.c */
    PyObject *pristine_list; /* DeferredList's */
    PyObject *capture_names; /* ("captureVars",) */
#define X(name) PyObject *name;
    PYR_DEFERRED_IMPORTS(X)
#undef X
    pyr_trace_entry trace[PYR_TRACE_COUNT];
    PyObject *replaced_driver; /* a program's _cancellableInlineCallbacks, or NULL */
    uint64_t globals_seen;     /* version of `globals` when these two were found out */
    int globals_watcher;       /* from Python 3.12 on */
    bool internals_replaced;   /* a program has its own _inlineCallbacks, or the like */
    bool ready;                /* _setup_deferred was called */
    bool fast_failure; /* Failures may be filled in without calling their __init__ */
    bool debug;        /* truth of Deferred.debug; ask pyr_class_debug */
    bool patched;      /* somebody replaced a method on the class; ask pyr_patched */
    unsigned int tag;  /* DeferredList's when these two were found out */
    PyObject *free_deferreds[PYR_FREE_DEFERREDS];
    int free_deferred_count;
    PyObject *free_awaiters[PYR_FREE_AWAITERS];
    int free_awaiter_count;
    PyObject *free_drivers[PYR_FREE_DRIVERS];
    int free_driver_count;
    void *spare_stack; /* an array for the run loop's stack; see run.c */
} pyr_deferred_state;

#define PYR_NO_TAG UINT32_MAX /* no class ever has it */

/* A Deferred the caller has to fire, once the code that asked for it has returned. */
typedef struct {
    PyObject *deferred, *value;
    bool errback;      /* as errback does; else as callback */
    PyObject *handled; /* NULL, or the exception that is being handled meanwhile */
} pyr_firing;

/* deferred_api.c */
int pyr_deferred_exec(PyObject *module, struct core_state *st);
int pyr_deferred_traverse(struct core_state *st, visitproc visit, void *arg);
void pyr_deferred_clear(struct core_state *st);
int pyr_deferred_ready(struct core_state *st);

/* deferred.c */
int pyr_deferred_add_type(PyObject *module, struct core_state *st);
pyr_deferred *pyr_deferred_new(struct core_state *st, PyObject *canceller);
pyr_deferred *pyr_deferred_bare(struct core_state *st);
int pyr_unhandled_record(pyr_deferred *self, const char *name);
int pyr_deferred_record_creator(pyr_deferred *self);
int pyr_deferred_traverse_base(pyr_deferred *self, visitproc visit, void *arg);
void pyr_deferred_clear_base(pyr_deferred *self);
int pyr_deferred_init_base(pyr_deferred *self, PyObject *canceller);
int pyr_deferred_init_by_name(pyr_deferred *self);
int pyr_deferred_refuse(PyObject *op, PyObject *stock, PyObject *args, PyObject *kwargs);
void pyr_deferred_finalize(PyObject *op);

PyObject *pyr_create_tp_new(PyTypeObject *type, PyObject *args, PyObject *kwargs);
int pyr_create_tp_init(PyObject *op, PyObject *args, PyObject *kwargs);
int pyr_create_tp_traverse(PyObject *op, visitproc visit, void *arg);
int pyr_create_tp_clear(PyObject *op);
void pyr_create_tp_dealloc(PyObject *op);
PyObject *pyr_create_vectorcall(PyObject *type, PyObject *const *args, size_t nargsf,
                                PyObject *kwnames);

/* add.c: methods */
PyObject *pyr_add_callback(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                           PyObject *kwnames);
PyObject *pyr_add_errback(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                          PyObject *kwnames);
PyObject *pyr_add_both(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                       PyObject *kwnames);
PyObject *pyr_add_callbacks(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                            PyObject *kwnames);
PyObject *pyr_add_chained(PyObject *op, PyObject *other);

/* cancel.c */
PyObject *pyr_cancel(PyObject *op, PyObject *ignored);

/* functions.c */
int pyr_functions_add(PyObject *module);

/* setup.c */
PyObject *pyr_setup(PyObject *module, PyObject *args);

/* trace.c */
PyObject *pyr_trace_before(struct core_state *st, const pyr_trace_point *points,
                           int count, PyObject *tb);
int pyr_trace_set(struct core_state *st, pyr_trace_point which, PyObject *value);

/* deferred_meta.c */
int pyr_deferred_note_pristine(struct core_state *st);
int pyr_deferred_adopt_meta(struct core_state *st);
void pyr_deferred_look(struct core_state *st);
PyObject *pyr_deferred_subclasshook(PyObject *cls, PyObject *other);

/* defer_globals.c */
int pyr_defer_globals_begin(struct core_state *st);
void pyr_defer_globals_clear(struct core_state *st);
bool pyr_internals_replaced(struct core_state *st);
PyObject *pyr_drive_by_name(struct core_state *st, PyObject *generator);

/* deferred_list.c */
int pyr_deferred_list_add_type(PyObject *module, struct core_state *st);
PyObject *pyr_deferred_list_collect(PyObject *list, PyObject *result, Py_ssize_t index,
                                    bool succeeded);

/* awaiter.c */
int pyr_awaiter_add_type(PyObject *module, struct core_state *st);
PyObject *pyr_awaiter_new(PyObject *deferred);
/* As that, for an `await` that goes on with it at once. */
PyObject *pyr_awaiter_of_await(PyObject *deferred);

/* coroutine.c */
int pyr_driver_add_type(PyObject *module, struct core_state *st);
PyObject *pyr_drive_cancellable(struct core_state *st, PyObject *generator);
/* As that, for what is a coroutine or generator; else NotACoroutineError. */
PyObject *pyr_drive_coroutine(struct core_state *st, PyObject *coroutine);
/* Does a driver accept it? 1 yes, 0 no, -1 error */
int pyr_is_coroutine(struct core_state *st, PyObject *value);
/* Resume with `value`; a Deferred to fire comes back in `firing`.  -1 on exception. */
int pyr_driver_resume(pyr_driver *self, PyObject *value, pyr_firing *firing);
void pyr_trace_end_of_generator(struct core_state *st, bool errback);
int pyr_driver_cancel(pyr_driver *self, PyObject *deferred);
PyObject *pyr_driver_canceller(pyr_driver *self);
PyObject *pyr_driver_resumer(pyr_driver *self);

/* links.c */
pyr_link *pyr_links_append(pyr_deferred *self, int count);
pyr_link *pyr_links_prepend(pyr_deferred *self);
void pyr_link_clear(pyr_link *link);
void pyr_links_clear(pyr_deferred *self);
int pyr_links_traverse(pyr_deferred *self, visitproc visit, void *arg);
bool pyr_links_pending(pyr_deferred *self);
int pyr_links_as_list(pyr_deferred *self);
int pyr_links_listed_add(pyr_deferred *self, pyr_link *links, int count);
/* Take the next link for a result; 1 taken, 0 none left, -1 error. */
int pyr_links_take(pyr_deferred *self, bool failed, pyr_link *taken);
PyObject *pyr_link_call(struct core_state *st, const pyr_link *link, PyObject *result);
PyObject *pyr_link_call_visibly(pyr_deferred *self, const pyr_link *link);
PyObject *pyr_continuation(struct core_state *st, PyObject *waiting);

/* run.c */
int pyr_run(pyr_deferred *self);
int pyr_run_dynamic(pyr_deferred *self);
/* Note the result: 1 set, now run the links; 0 nothing to do; -1 already called. */
int pyr_fire_begin(pyr_deferred *self, PyObject *result);
/* As pyr_run_firing, but only begun: 1 if the links of the Deferred are to be run now. */
int pyr_fire_begin_firing(struct core_state *st, const pyr_firing *firing);
/* deferred.callback(value), deferred.errback(failure) */
int pyr_callback(PyObject *deferred, PyObject *value);
int pyr_errback(PyObject *deferred, PyObject *failure);
int pyr_fire(const pyr_firing *firing);
void pyr_firing_clear(pyr_firing *firing);
int pyr_add_resume(pyr_deferred *self, PyObject *driver);
int pyr_add_fire(pyr_deferred *self, PyObject *deferred);
int pyr_add_collect(pyr_deferred *self, PyObject *list, int32_t index);

/* failure.c */
bool pyr_is_failure_slow(struct core_state *st, PyObject *value);
/* The current exception (cleared) as a Failure, with traceback entries put before it. */
PyObject *pyr_failure_from_error(struct core_state *st, const pyr_trace_point *points,
                                 int count, bool capture);
PyObject *pyr_failure_from_value(struct core_state *st, PyObject *value);
PyObject *pyr_failure_from_handled(struct core_state *st, bool capture);
/* Put traceback entries before those of the current exception. */
void pyr_trace_prepend(struct core_state *st, const pyr_trace_point *points, int count);
/* Raise the failure's exception with the failure's own traceback. */
void pyr_failure_raise(struct core_state *st, PyObject *failure);
int pyr_failure_value(PyObject *failure, PyObject **value, PyObject **tb);
/* Make `exc` the exception being handled, until pyr_handling_end gets what this gave. */
PyObject *pyr_handling_begin(PyObject *exc);
void pyr_handling_end(PyObject *stolen_outer);
void pyr_note_failure(pyr_deferred *self, PyObject *failure);
void pyr_forget_failure_slow(pyr_deferred *self);
void pyr_report_unhandled(pyr_deferred *self);
PyObject *pyr_debug_info(pyr_deferred *self);

#endif
