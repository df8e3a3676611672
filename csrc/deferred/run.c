/*
 * The run loop: gives a fired Deferred's result to its links one after the other.
 *
 * Deferreds that wait for this one, that a driver fires when its generator ends, or that
 * were chained with chainDeferred, are put on an explicit stack and run by the same loop,
 * so that a chain of any length needs no recursion.
 */
#include "deferred/inline.h"
#include "deferred/object.h"
#include "core/depth.h"

/* Entries on the C stack.  Few: a callback may fire the next Deferred by a call, and so
 * on for thousands of levels, each with a run loop of its own. */
#define SMALL_STACK 2
#define SPARE_STACK 16

typedef struct {
    pyr_deferred *deferred;
    bool firing;   /* it waits for the Deferred above it, which its link fires */
    bool handling; /* an exception is being handled meanwhile */
    PyObject *handled_before;
} run_entry;

typedef struct {
    core_state *st;
    run_entry *entries;
    Py_ssize_t size, capacity;
    run_entry small[SMALL_STACK];
} run_stack;

/* Make room: first by the array that was used before, if nobody has it now. */
static int
stack_grow(run_stack *stack)
{
    pyr_deferred_state *state = stack->st->deferred;
    bool is_small = stack->entries == stack->small;
    Py_ssize_t capacity = is_small ? SPARE_STACK : stack->capacity * 2;
    run_entry *entries = is_small ? state->spare_stack : NULL;
    if (entries != NULL) {
        state->spare_stack = NULL;
    } else {
        size_t bytes = sizeof(run_entry) * (size_t)capacity;
        entries = PyMem_Realloc(is_small ? NULL : stack->entries, bytes);
    }
    if (entries == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (is_small) {
        memcpy(entries, stack->small, sizeof(stack->small));
    }
    stack->entries = entries;
    stack->capacity = capacity;
    return 0;
}

static int
stack_push(run_stack *stack, pyr_deferred *stolen)
{
    if (stack->size == stack->capacity && stack_grow(stack) < 0) {
        Py_DECREF(stolen);
        return -1;
    }
    stack->entries[stack->size].deferred = stolen;
    stack->entries[stack->size].firing = false;
    stack->entries[stack->size].handling = false;
    stack->size++;
    return 0;
}

/* The Deferred is no longer marked as running its link. */
static void
entry_end_firing(run_entry *entry)
{
    entry->firing = false;
    entry->deferred->running = false;
    if (entry->handling) {
        entry->handling = false;
        pyr_failure_handling_end(entry->handled_before);
    }
}

static void
stack_free(run_stack *stack)
{
    while (stack->size > 0) {
        run_entry *entry = &stack->entries[--stack->size];
        if (entry->firing) {
            entry_end_firing(entry);
        }
        Py_DECREF(entry->deferred);
    }
    if (stack->entries == stack->small) {
        return;
    }
    pyr_deferred_state *state = stack->st->deferred;
    if (stack->capacity == SPARE_STACK && state->spare_stack == NULL) {
        state->spare_stack = stack->entries;
    } else {
        PyMem_Free(stack->entries);
    }
}

/* --- stock's run loop, and Deferreds of other kinds ------------------------------ */

static int
call_for_nothing(PyObject *function, PyObject *one, PyObject *two)
{
    return pyr_drop(PyObject_CallFunctionObjArgs(function, one, two, NULL));
}

/* In debug mode Failures keep the variables of each frame, and a listed Deferred has its
 * links where any code may change them: stock's own loop runs these. */
static inline bool
is_for_stock(pyr_deferred *self)
{
    return pyr_debug(self) || self->listed != NULL; /* a look at the class may list it */
}

int
pyr_run_by_name(pyr_deferred *self)
{
    return pyr_is_native(self->st, (PyObject *)self)
               ? pyr_run(self)
               : pyr_call_dropping((PyObject *)self, self->st->names.runCallbacks, NULL);
}

/* --- the loop -------------------------------------------------------------------- */

/* What became of a link. */
typedef enum {
    RUN_ERROR = -1, /* an exception no Failure could hold */
    RUN_NEXT,       /* go on with the next link */
    RUN_WAIT,       /* this Deferred waits for another one now */
    RUN_ABOVE,      /* another Deferred was put on the stack: run that first */
} run_outcome;

/* The current exception becomes the result.  Debug mode may have begun in what raised. */
static run_outcome
result_from_error(pyr_deferred *current)
{
    static const pyr_traceback_point point[] = {PYR_TRACE_run_callbacks};
    PyObject *failure = pyr_failure_from_error(current->st, point, 1, pyr_debug(current));
    if (failure == NULL) {
        return RUN_ERROR;
    }
    pyr_set_result(current, failure);
    return RUN_NEXT;
}

/* 1: `other` has a result of its own, taken into *result; 0: it has not; -1: error */
static int
steal(core_state *st, PyObject *other, PyObject **result)
{
    if (!pyr_is_own(st, other)) {
        PyObject *found = PyObject_CallOneArg(st->deferred->steal_from_stock, other);
        if (found == NULL) {
            return -1;
        }
        bool has = PyTuple_CheckExact(found) && PyTuple_GET_SIZE(found) == 1;
        *result = has ? Py_NewRef(PyTuple_GET_ITEM(found, 0)) : NULL;
        Py_DECREF(found);
        return has;
    }
    pyr_deferred *own = (pyr_deferred *)other;
    if (own->result == NULL || own->paused || pyr_is_deferred(st, own->result)) {
        return 0;
    }
    *result = own->result;
    own->result = Py_NewRef(Py_None);
    pyr_forget_failure(own);
    return 1;
}

/* `current` waits for `other`. */
static int
pause_for(pyr_deferred *current, PyObject *other)
{
    core_state *st = current->st;
    /* A look at the class may list either. */
    if (!pyr_is_native(st, (PyObject *)current) || !pyr_is_own(st, other) ||
        ((pyr_deferred *)other)->listed != NULL) {
        return call_for_nothing(st->deferred->wait_for_stock, (PyObject *)current, other);
    }
    /* The link first, as in pyr_add_chained */
    if (pyr_links_add((pyr_deferred *)other, &pyr_link_continue, (PyObject *)current,
                      NULL) < 0) {
        return -1;
    }
    current->paused++;
    Py_XSETREF(current->chained_to, Py_NewRef(other));
    return 0;
}

/* The result of `current` is another Deferred: take that one's result, or wait for it. */
static run_outcome
adopt_result(pyr_deferred *current)
{
    PyObject *other = Py_NewRef(current->result);
    PyObject *result = NULL;
    run_outcome outcome = RUN_ERROR;
    int stolen = steal(current->st, other, &result);
    if (stolen > 0) {
        pyr_set_result(current, result);
        outcome = RUN_NEXT;
    } else if (stolen == 0 && pause_for(current, other) == 0) {
        pyr_forget_failure(current);
        outcome = RUN_WAIT;
    }
    Py_DECREF(other);
    return outcome;
}

/* A callback gave its own Deferred back. */
static int
warn_about_own(core_state *st, const pyr_link *link, bool failed)
{
    PyObject *callback = link->target;
    if (callback == NULL) {
        callback = failed ? st->deferred->failthru : st->deferred->passthru;
    }
    return call_for_nothing(st->deferred->warn_about_own, callback, NULL);
}

/* The link returned `value` (stolen; NULL: raised). */
static run_outcome
take_returned(pyr_deferred *current, const pyr_link *link, bool failed, PyObject *value)
{
    if (value != NULL) {
        pyr_set_result(current, value);
        if (current->result == (PyObject *)current &&
            warn_about_own(current->st, link, failed) < 0) {
            value = NULL;
        }
    }
    current->running = false;
    if (value == NULL) {
        return result_from_error(current);
    }
    if (current->result != NULL && pyr_is_deferred(current->st, current->result)) {
        return adopt_result(current);
    }
    return RUN_NEXT;
}

/* Hand our result over to the Deferred that waits for it (stolen). */
static run_outcome
continue_with(run_stack *stack, pyr_deferred *current, PyObject *waiting)
{
    core_state *st = current->st;
    PyObject *result = current->result;
    current->result = Py_NewRef(Py_None);
    pyr_forget_failure(current);
    if (pyr_is_own(st, waiting)) {
        pyr_deferred *other = (pyr_deferred *)waiting;
        if (other == current) { /* it has waited for itself: None is left */
            Py_DECREF(result);
        } else {
            pyr_set_result(other, result);
        }
        other->paused--;
        return stack_push(stack, other) < 0 ? RUN_ERROR : RUN_ABOVE;
    }
    int continued = call_for_nothing(st->deferred->continue_stock, waiting, result);
    Py_DECREF(result);
    Py_DECREF(waiting);
    /* Then look at the own `paused` again, as after an own Deferred. */
    return continued < 0 ? RUN_ERROR : RUN_ABOVE;
}

/* Fire a Deferred for a link of `current`, which stays `running` until that is done. */
static run_outcome
fire_above(run_stack *stack, pyr_deferred *current, const pyr_link *link,
           pyr_firing *firing)
{
    pyr_deferred *target = (pyr_deferred *)firing->deferred;
    bool handling = firing->handled != NULL;
    PyObject *before = handling ? pyr_failure_handling_begin(firing->handled) : NULL;
    int begun = pyr_fire_begin(current->st, firing);
    if (begun > 0 && !target->running) {
        run_entry *entry = &stack->entries[stack->size - 1];
        entry->firing = true;
        entry->handling = handling;
        entry->handled_before = before;
        return stack_push(stack, (pyr_deferred *)Py_NewRef(target)) < 0 ? RUN_ERROR
                                                                        : RUN_ABOVE;
    }
    if (handling) {
        pyr_failure_handling_end(before);
    }
    if (begun < 0 && link->kind->refused != NULL) {
        link->kind->refused(current->st, firing->errback);
    }
    return take_returned(current, link, false, begun < 0 ? NULL : Py_NewRef(Py_None));
}

static run_outcome
run_link(run_stack *stack, pyr_deferred *current, const pyr_link *link, bool failed)
{
    pyr_firing firing = {NULL};
    PyObject *value;
    /* The Deferred has its result, for all to see, while the link runs. */
    PyObject *result = Py_NewRef(current->result);
    current->running = true;
    current->st->callbacks++;
    if (link->kind->run != NULL) {
        value = link->kind->run(link, result, failed, &firing);
    } else if (link->target == NULL) {
        value = Py_NewRef(result);
    } else {
        value = pyr_links_call(current->st, link, result);
    }
    Py_DECREF(result);
    if (firing.deferred != NULL) {
        run_outcome outcome = fire_above(stack, current, link, &firing);
        pyr_fire_clear(&firing);
        return outcome;
    }
    return take_returned(current, link, failed, value);
}

/* No link is left. */
static run_outcome
settle(pyr_deferred *current, bool failed)
{
    if (failed) {
        pyr_unhandled_note(current, current->result);
    } else {
        pyr_forget_failure(current);
    }
    return RUN_WAIT;
}

/* A program deleted the result, or ran this before there was one: what asking for it by
 * name gives, or raises. */
static PYR_NO_INLINE int
ask_for_result(pyr_deferred *current)
{
    PyObject *result = PyObject_GetAttr((PyObject *)current, current->st->names.result);
    if (result != NULL) {
        pyr_set_result(current, result);
    }
    return result == NULL ? -1 : 0;
}

/* Stock's loop takes a link before it comes upon that. */
static void
drop_next_link(pyr_deferred *current)
{
    pyr_link link;
    PyObject *error = PyErr_GetRaisedException();
    if (pyr_links_take(current, false, &link)) {
        pyr_links_clear_one(&link);
    }
    PyErr_SetRaisedException(error);
}

/* The result was deleted while it was asked what it is.  Where stock comes to call what
 * the link has, that is taken for its error: the link is not run then. */
static run_outcome
fail_without_result(pyr_deferred *current, pyr_link *link)
{
    run_outcome outcome =
        link->kind == &pyr_link_continue ? RUN_ERROR : result_from_error(current);
    pyr_links_clear_one(link);
    return outcome;
}

/* Stock's loop goes on from here.  It looks at `paused` where it begins, and it must not
 * after a callback of the same Deferred's, as here: that look finds 0. */
static run_outcome
run_by_stock(pyr_deferred *current)
{
    current->resumed = current->paused != 0;
    int run =
        call_for_nothing(current->st->deferred->stock_run, (PyObject *)current, NULL);
    current->resumed = false;
    return run < 0 ? RUN_ERROR : RUN_WAIT;
}

/* Run the links of the topmost Deferred as far as possible. */
static run_outcome
run_links(run_stack *stack, pyr_deferred *current)
{
    core_state *st = current->st;
    for (;;) {
        if (is_for_stock(current)) {
            return run_by_stock(current);
        }
        if (current->result == NULL && ask_for_result(current) < 0) {
            drop_next_link(current);
            return RUN_ERROR;
        }
        bool failed = pyr_is_failure(st, current->result);
        pyr_link link;
        bool taken = pyr_links_take(current, failed, &link);
        /* To ask what the result is, and to drop a link's other side, can run Python
         * code, which may delete the result, or have the links listed. */
        if (current->result == NULL) {
            failed = false;
            if (!taken) {
                pyr_set_result(current, Py_NewRef(Py_None));
            } else if (ask_for_result(current) < 0) {
                if (fail_without_result(current, &link) < 0) {
                    return RUN_ERROR;
                }
                continue;
            }
        }
        if (!taken && current->listed != NULL) {
            continue;
        }
        if (!taken) {
            return settle(current, failed);
        }
        if (link.kind == &pyr_link_continue) {
            return continue_with(stack, current, link.target);
        }
        run_outcome outcome = run_link(stack, current, &link, failed);
        pyr_links_clear_one(&link);
        if (outcome != RUN_NEXT) {
            return outcome;
        }
    }
}

/* The topmost Deferred has nothing more to do now. */
static void
finish_top(run_stack *stack)
{
    Py_DECREF(stack->entries[--stack->size].deferred);
}

/*
 * Nothing above the last Deferred that waits for a firing can go on: forget them.  In
 * stock that firing is a call, and it returns (or raises) now.
 */
static void
unwind(run_stack *stack)
{
    while (stack->size > 0 && !stack->entries[stack->size - 1].firing) {
        Py_DECREF(stack->entries[--stack->size].deferred);
    }
}

/* What the topmost Deferred has fired is done: None, or an exception, is its result. */
static run_outcome
end_firing(run_entry *top, bool raised)
{
    pyr_deferred *current = top->deferred;
    entry_end_firing(top);
    if (raised) {
        return result_from_error(current);
    }
    pyr_set_result(current, Py_NewRef(Py_None));
    return RUN_NEXT;
}

/* Run the topmost Deferred. */
static run_outcome
run_top(run_stack *stack, bool raised)
{
    run_entry *top = &stack->entries[stack->size - 1];
    pyr_deferred *current = top->deferred;
    if (top->firing) {
        if (end_firing(top, raised) == RUN_ERROR) {
            return RUN_ERROR;
        }
    } else if (current->paused) {
        unwind(stack);
        return RUN_ABOVE;
    } else {
        Py_CLEAR(current->chained_to);
    }
    return run_links(stack, current);
}

static int
run_stack_down(run_stack *stack)
{
    bool raised = false;
    while (stack->size > 0) {
        run_outcome outcome = run_top(stack, raised);
        raised = outcome == RUN_ERROR;
        if (outcome == RUN_WAIT) {
            finish_top(stack);
        } else if (raised) {
            unwind(stack);
        }
    }
    return raised ? -1 : 0;
}

/* No link waits for the result, which is no Failure. */
static inline bool
has_no_work(pyr_deferred *self)
{
    return self->head == self->tail && self->listed == NULL && self->chained_to == NULL &&
           self->unhandled == NULL && self->result != NULL &&
           !pyr_is_failure(self->st, self->result);
}

int
pyr_run(pyr_deferred *self)
{
    if (self->running || has_no_work(self)) {
        return 0;
    }
    /* A link can fire another Deferred by a call, and that one's links the next. */
    core_state *st = self->st;
    if (pyr_descend(&st->depth, " while running callbacks") < 0) {
        return -1;
    }
    run_stack stack;
    stack.st = st;
    stack.entries = stack.small;
    stack.capacity = SMALL_STACK;
    stack.small[0].deferred = (pyr_deferred *)Py_NewRef(self);
    stack.small[0].firing = false;
    stack.small[0].handling = false;
    stack.size = 1;
    int result = run_stack_down(&stack);
    stack_free(&stack);
    pyr_ascend(&st->depth);
    return result;
}

/* --- firing ---------------------------------------------------------------------- */

static int
fire_and_run(core_state *st, const pyr_firing *firing)
{
    int begun = pyr_fire_begin(st, firing);
    return begun <= 0 ? begun : pyr_run((pyr_deferred *)firing->deferred);
}

int
pyr_run_firing(core_state *st, const pyr_firing *firing)
{
    if (firing->handled == NULL) {
        return fire_and_run(st, firing);
    }
    PyObject *outer = pyr_failure_handling_begin(firing->handled);
    int result = fire_and_run(st, firing);
    pyr_failure_handling_end(outer);
    return result;
}

int
pyr_run_callback(PyObject *deferred, PyObject *value)
{
    pyr_firing firing = {.deferred = deferred, .value = value};
    return pyr_run_firing(((pyr_deferred *)deferred)->st, &firing);
}
