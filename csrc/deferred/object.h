/*
 * What the files of the Deferred room share: the object's layout, its links, the room's
 * state, and the functions that one file offers the others.
 *
 * Words used throughout:
 *   stock    Twisted's own code in Python, which does all that is rare
 *   own      a Deferred of the C type or of a subclass of it
 *   native   an own Deferred on which C code need not go by the names of the methods:
 *            no program can have replaced one (see pyr_is_native)
 *   listed   a Deferred whose `_callbacks` Python code has asked for: from then on that
 *            list is what counts, and stock's run loop works on it
 */
#ifndef PYREACTOR_DEFERRED_H
#define PYREACTOR_DEFERRED_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/class_watch.h"
#include "core/freelist.h"

struct core_state;
struct pyr_link;

/* A Deferred that is to be fired once the code that asked for it has returned. */
typedef struct {
    PyObject *deferred, *value;
    bool errback;      /* as errback does; else as callback */
    PyObject *handled; /* NULL, or the exception that is being handled meanwhile */
} pyr_firing;

/* What a link does with a result.  Who adds links of a kind defines it. */
typedef struct {
    const char *name; /* what Python code knows it by; see links.py */
    /* Give the link the result.  The value to go on with; NULL with an exception; or NULL
     * with *firing filled in: fire that Deferred, and go on with None.
     * NULL: the run loop itself knows what to do. */
    PyObject *(*run)(const struct pyr_link *link, PyObject *result, bool failed,
                     pyr_firing *firing);
    /* An exception came out of that firing: add to its traceback.  Or NULL. */
    void (*refused)(struct core_state *st, bool errback);
    bool skips[2]; /* whether it is not for a result; for a Failure */
    bool named;    /* `keywords` are the names of the last of `args`; else a mapping */
} pyr_link_kind;

/* The links that have a callable for their target, or pass the result on; after each of
 * the first three, the same with `named`. */
extern const pyr_link_kind pyr_link_callback[2]; /* target(result) if it is no Failure */
extern const pyr_link_kind pyr_link_errback[2];  /* target(failure) if it is one */
extern const pyr_link_kind pyr_link_both[2];     /* target(result) in both cases */
extern const pyr_link_kind pyr_link_pair;     /* callback; the next slot is its errback */
extern const pyr_link_kind pyr_link_continue; /* the Deferred `target` waits for it */

typedef struct pyr_link {
    const pyr_link_kind *kind;
    PyObject *target;   /* NULL in a pair's errback slot: pass the failure through */
    PyObject *args;     /* NULL, a tuple, or whatever addCallbacks was given */
    PyObject *keywords; /* or NULL */
} pyr_link;

#define PYR_INLINE_LINKS 4

typedef struct pyr_deferred {
    PyObject_HEAD struct core_state *st;
    PyObject *result; /* NULL: no such attribute (yet) */
    bool called;
    bool suppress_already_called;
    bool running;
    bool had_debug_info; /* stock would have a DebugInfo by now */
    bool has_debug_info; /* it was asked for, and is `unhandled` */
    bool resumed;        /* who looks at `paused` next sees 0; see run_by_stock */
    int32_t paused;
    int32_t head, tail, capacity;
    PyObject *canceller;  /* NULL: None */
    PyObject *chained_to; /* NULL: None */
    PyObject *unhandled;  /* the Failure to report at collection, or the DebugInfo */
    PyObject *listed;     /* `_callbacks` as an object, once it was asked for */
    PyObject *dict;
    PyObject *weakrefs;
    pyr_link *links; /* head..tail are waiting to run; in use while listed is NULL */
    pyr_link inline_links[PYR_INLINE_LINKS];
} pyr_deferred;

/* What _deferred/setup.py hands over, by these names: classes and dicts, functions.  What
 * begins with stock_ is Twisted's own. */
#define PYR_DEFERRED_CLASSES(X) \
    X(failure_type)             \
    X(stock_deferred)

#define PYR_DEFERRED_DICTS(X)                                       \
    X(failure_globals)  /* of twisted.python.failure */             \
    X(failure_template) /* what a Failure's __dict__ starts with */ \
    X(module_globals)   /* of twisted.internet.defer */             \
    X(fields)           /* descriptors of Deferred's attributes */  \
    X(internals)        /* what drives generators there */

#define PYR_DEFERRED_GIVEN(X)                      \
    X(failure_init)                                \
    X(debug_info_type)                             \
    X(not_a_coroutine_error)                       \
    X(returned)    /* what returnValue() raises */ \
    X(no_keywords) /* addCallbacks' default */     \
    X(passthru)                                    \
    X(failthru)                                    \
    X(stock_init)                                  \
    X(stock_callback)                              \
    X(stock_errback)                               \
    X(stock_cancel)                                \
    X(stock_str)                                   \
    X(stock_run)                                   \
    X(stock_chain)                                 \
    X(stock_iter)                                  \
    X(stock_list_init)                             \
    X(stock_collect)                               \
    X(stock_parse)                                 \
    X(stock_drive)                                 \
    X(stock_succeed)                               \
    X(stock_fail)                                  \
    X(stock_maybe)                                 \
    X(stock_ensure)                                \
    X(note_creator)                                \
    X(settle)                                      \
    X(warn_about_own)                              \
    X(wait_for_stock)                              \
    X(steal_from_stock)                            \
    X(continue_stock)                              \
    X(append_links)                                \
    X(attach)                                      \
    X(call_with)                                   \
    X(returned_value)                              \
    X(is_coroutine)                                \
    X(cancel_generator)                            \
    X(generator_at)

/* Places in stock's code that tracebacks show and that have no Python frame here. */
#define PYR_TRACE_POINTS(X)                                  \
    X(run_callbacks)  /* a callback raised */                \
    X(send)           /* sent into a generator */            \
    X(throw)          /* threw into a generator */           \
    X(got_result)     /* a generator's Deferred has fired */ \
    X(callback_ended) /* fires with what a generator gave */ \
    X(errback_ended)  /* fires with what one raised */       \
    X(cancel)         /* a canceller raised */               \
    X(maybe_deferred)

typedef enum {
#define X(name) PYR_TRACE_##name,
    PYR_TRACE_POINTS(X)
#undef X
        PYR_TRACE_COUNT
} pyr_traceback_point;

/* How many subclasses are remembered at a time. */
#define PYR_SETTLED 8

typedef struct pyr_deferred_state {
    PyTypeObject *type;
    PyTypeObject *list_type;
    PyTypeObject *driver_type;
    PyTypeObject *awaiter_type;
    PyObject *empty_tuple;
    PyObject *pristine;      /* our Deferred's names, as made; see metaclass.c */
    PyObject *pristine_list; /* DeferredList's */
    PyObject *capture_names; /* ("captureVars",) */
#define X(name) PyObject *name;
    PYR_DEFERRED_CLASSES(X)
    PYR_DEFERRED_DICTS(X)
    PYR_DEFERRED_GIVEN(X)
#undef X
    PyObject *trace[PYR_TRACE_COUNT]; /* (frame, lasti, lineno), or () */
    uint64_t globals_seen;   /* stamp of module_globals when this was found out: */
    bool internals_replaced; /* one of internals is another by now */
    int globals_watcher;     /* from Python 3.12 on */
    bool ready;              /* it is configured */
    bool debug;              /* truth of Deferred.debug; ask pyr_class_debug */
    bool patched;        /* a program replaced a method on the class; ask pyr_patched */
    pyr_class_seen seen; /* DeferredList, when these two were found out */
    /* Subclasses, when they had no value of their own for a field. */
    pyr_class_seen settled[PYR_SETTLED];
    bool fast_failure; /* Failures may be filled in without calling their __init__ */
    pyr_class_seen failure_seen; /* Failure, when that was found out */
    pyr_freelist free_deferreds;
    pyr_freelist free_awaiters;
    pyr_freelist free_drivers;
    void *spare_stack; /* an array for the run loop's stack; see run.c */
} pyr_deferred_state;

/* setup.c */
extern const pyr_room pyr_deferred_room;

/* create.c */
/* Is all there that Python code hands over?  0, or -1 with RuntimeError */
int pyr_create_ready(struct core_state *st);
/* Deferred(canceller), or Deferred() for NULL */
pyr_deferred *pyr_create(struct core_state *st, PyObject *canceller);
int pyr_create_init(pyr_deferred *self, PyObject *canceller);
/* function(op, *args, **kwargs) for an __init__ of stock's */
int pyr_create_init_by(PyObject *function, PyObject *op, PyObject *args,
                       PyObject *kwargs);
int pyr_create_traverse(pyr_deferred *self, visitproc visit, void *arg);
void pyr_create_clear(pyr_deferred *self);
PyObject *pyr_create_tp_new(PyTypeObject *type, PyObject *args, PyObject *kwargs);
int pyr_create_tp_init(PyObject *op, PyObject *args, PyObject *kwargs);
void pyr_create_tp_dealloc(PyObject *op);
PyObject *pyr_create_vectorcall(PyObject *type, PyObject *const *args, size_t nargsf,
                                PyObject *kwnames);

/* links.c */
/* Room for `count` more links of a Deferred that is not listed; the caller fills them in
 * before anything else runs. */
pyr_link *pyr_links_append(pyr_deferred *self, int count);
/* Append one link for C code's own use; args may be NULL. */
int pyr_links_add(pyr_deferred *self, const pyr_link_kind *kind, PyObject *target,
                  PyObject *args);
/* Take the next link for a result that is a Failure or not; false: none is left.  A taken
 * link whose target is NULL passes the result through. */
bool pyr_links_take(pyr_deferred *self, bool failed, pyr_link *taken);
PyObject *pyr_links_call(struct core_state *st, const pyr_link *link, PyObject *result);
void pyr_links_clear_one(pyr_link *link);
void pyr_links_clear(pyr_deferred *self);
int pyr_links_traverse(pyr_deferred *self, visitproc visit, void *arg);

/* listed.c */
/* `_callbacks`, a new reference, or NULL; the Deferred is listed from now on. */
PyObject *pyr_listed_get(pyr_deferred *self);
/* Add links (stolen) to a listed Deferred. */
int pyr_listed_add(pyr_deferred *self, pyr_link *links, int count);

/* fire.c */
/* May C code give this native Deferred its result?  Else it has one, or debug mode is
 * on, or it is not native: then stock does it. */
bool pyr_fire_is_plain(pyr_deferred *self);
/* Note the result. */
void pyr_fire_note(pyr_deferred *self, PyObject *result);
/* Begin to fire: 1 if the links are to be run now, 0 if all is done, -1 */
int pyr_fire_begin(struct core_state *st, const pyr_firing *firing);
void pyr_fire_clear(pyr_firing *firing);

/* run.c */
int pyr_run(pyr_deferred *self);
/* self._runCallbacks(), which a subclass may have replaced */
int pyr_run_by_name(pyr_deferred *self);
/* Fire a Deferred of any kind. */
int pyr_run_firing(struct core_state *st, const pyr_firing *firing);
/* deferred.callback(value), for an own Deferred */
int pyr_run_callback(PyObject *deferred, PyObject *value);

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

/* failure.c */
/* The current exception (cleared) as a Failure, with traceback entries put before it. */
PyObject *pyr_failure_from_error(struct core_state *st, const pyr_traceback_point *points,
                                 int count, bool capture);
/* Failure(value) */
PyObject *pyr_failure_from_value(struct core_state *st, PyObject *value);
bool pyr_failure_check(struct core_state *st, PyObject *value);
/* Make `exc` the exception being handled, until pyr_failure_handling_end gets what this
 * gave. */
PyObject *pyr_failure_handling_begin(PyObject *exc);
void pyr_failure_handling_end(PyObject *stolen_outer);

/* traceback.c */
/* A traceback of `points`, outermost first, that ends in `tb` (stolen, may be NULL). */
PyObject *pyr_traceback_before(struct core_state *st, const pyr_traceback_point *points,
                               int count, PyObject *tb);
/* Put traceback entries before those of the current exception. */
void pyr_traceback_prepend(struct core_state *st, const pyr_traceback_point *points,
                           int count);
/* A function of the module's. */
PyObject *pyr_traceback_empty_frame(PyObject *module, PyObject *args);

/* unhandled.c */
void pyr_unhandled_note(pyr_deferred *self, PyObject *failure);
void pyr_unhandled_forget(pyr_deferred *self);
void pyr_unhandled_report(pyr_deferred *self);
void pyr_unhandled_finalize(PyObject *op);
PyObject *pyr_unhandled_info(pyr_deferred *self);

/* metaclass.c */
int pyr_metaclass_note_pristine(struct core_state *st);
int pyr_metaclass_adopt(struct core_state *st);
void pyr_metaclass_look(struct core_state *st);
/* What an instance of a subclass, fresh and tracked, begins with by that class's own
 * attributes: called = True and the like. */
int pyr_metaclass_begin(pyr_deferred *self);
/* The truth of self.debug, asked by its name. */
bool pyr_metaclass_debug(pyr_deferred *self);

/* awaiter.c */
int pyr_awaiter_add_type(PyObject *module, struct core_state *st);
PyObject *pyr_awaiter_new(PyObject *deferred);
/* As that, for an `await` that goes on with it at once. */
PyObject *pyr_awaiter_of_await(PyObject *deferred);

/* internals.c */
int pyr_internals_begin(struct core_state *st);
void pyr_internals_clear(struct core_state *st);
/* Has a program replaced what drives generators? */
bool pyr_internals_replaced(struct core_state *st);

/* driver.c */
int pyr_driver_add_type(PyObject *module, struct core_state *st);
/* _cancellableInlineCallbacks(generator) */
PyObject *pyr_driver_start(struct core_state *st, PyObject *generator);
/* As that, for what is a coroutine or generator; else NotACoroutineError. */
PyObject *pyr_driver_start_coroutine(struct core_state *st, PyObject *coroutine);

/* list.c, object.c, functions.c */
int pyr_list_add_type(PyObject *module, struct core_state *st);
PyObject *pyr_list_parse(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
int pyr_object_add_type(PyObject *module, struct core_state *st);
int pyr_functions_add(PyObject *module);

#endif
