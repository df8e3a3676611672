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
        pyr_handling_end(entry->handled_before);
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

/* self._runCallbacks(), which a subclass may have replaced */
int
pyr_run_dynamic(pyr_deferred *self)
{
    if (pyr_is_native(self->st, (PyObject *)self)) {
        return pyr_run(self);
    }
    PyObject *none =
        PyObject_CallMethodNoArgs((PyObject *)self, self->st->names.runCallbacks);
    Py_XDECREF(none);
    return none == NULL ? -1 : 0;
}

static int
fire_and_run(const pyr_firing *firing)
{
    pyr_deferred *self = (pyr_deferred *)firing->deferred;
    int begun = pyr_fire_begin_firing(self->st, firing);
    return begun <= 0 ? begun : pyr_run(self);
}

int
pyr_fire(const pyr_firing *firing)
{
    if (firing->handled == NULL) {
        return fire_and_run(firing);
    }
    PyObject *outer = pyr_handling_begin(firing->handled);
    int result = fire_and_run(firing);
    pyr_handling_end(outer);
    return result;
}

int
pyr_callback(PyObject *deferred, PyObject *value)
{
    pyr_firing firing = {.deferred = deferred, .value = value};
    return pyr_fire(&firing);
}

int
pyr_errback(PyObject *deferred, PyObject *failure)
{
    pyr_firing firing = {.deferred = deferred, .value = failure, .errback = true};
    return pyr_fire(&firing);
}

/* --- adding what only C adds ----------------------------------------------------- */

static int
add_native(pyr_deferred *self, pyr_link_kind kind, PyObject *target, int32_t index)
{
    if (self->listed == NULL) {
        pyr_link *link = pyr_links_append(self, 1);
        if (link == NULL) {
            return -1;
        }
        link->kind = (uint8_t)kind;
        link->target = Py_NewRef(target);
        link->index = index;
        return 0;
    }
    pyr_link link = {.target = Py_NewRef(target), .kind = (uint8_t)kind, .index = index};
    return pyr_links_listed_add(self, &link, 1);
}

int
pyr_add_resume(pyr_deferred *self, PyObject *driver)
{
    if (add_native(self, PYR_LINK_RESUME, driver, 0) < 0) {
        return -1;
    }
    return self->called ? pyr_run(self) : 0;
}

int
pyr_add_collect(pyr_deferred *self, PyObject *list, int32_t index)
{
    if (add_native(self, PYR_LINK_COLLECT, list, index) < 0) {
        return -1;
    }
    return self->called ? pyr_run(self) : 0;
}

int
pyr_add_fire(pyr_deferred *self, PyObject *deferred)
{
    if (add_native(self, PYR_LINK_FIRE, deferred, 0) < 0) {
        return -1;
    }
    return self->called ? pyr_run(self) : 0;
}

/* --- the loop -------------------------------------------------------------------- */

/* What became of a link. */
typedef enum {
    RUN_ERROR = -1, /* an exception no Failure could hold */
    RUN_NEXT,       /* go on with the next link */
    RUN_WAIT,       /* this Deferred waits for another one now */
    RUN_ABOVE,      /* another Deferred was put on the stack: run that first */
} run_outcome;

/* The current exception becomes the result. */
static run_outcome
result_from_error(pyr_deferred *outer, pyr_deferred *current)
{
    static const pyr_trace_point point[] = {PYR_TRACE_run_callbacks};
    bool debug = pyr_debug(outer);
    /* In debug mode there was a real frame: see pyr_link_call_visibly. */
    PyObject *failure = pyr_failure_from_error(current->st, point, debug ? 0 : 1, debug);
    if (failure == NULL) {
        return RUN_ERROR;
    }
    pyr_set_result(current, failure);
    return RUN_NEXT;
}

/* current waits for a Deferred that is not ours: stock's protocol, attribute by
 * attribute. */
static run_outcome
wait_for_foreign(pyr_deferred *current, PyObject *other)
{
    core_state *st = current->st;
    PyObject *item = pyr_continuation(st, (PyObject *)current);
    PyObject *links = item == NULL ? NULL : PyObject_GetAttr(other, st->names.callbacks);
    PyObject *none = NULL;
    if (links != NULL) {
        none = PyObject_CallMethodOneArg(links, st->names.append, item);
    }
    Py_XDECREF(item);
    Py_XDECREF(links);
    if (none == NULL) {
        return RUN_ERROR;
    }
    Py_DECREF(none);
    return RUN_WAIT;
}

/* 1: `other` has a result of its own, taken into *result; 0: it has not; -1: error */
static int
steal_foreign(core_state *st, PyObject *other, PyObject **result)
{
    int found = PyObject_GetOptionalAttr(other, st->names.result, result);
    if (found <= 0) {
        return found;
    }
    PyObject *paused = PyObject_GetAttr(other, st->names.paused);
    int is_paused = paused == NULL ? -1 : PyObject_IsTrue(paused);
    Py_XDECREF(paused);
    if (is_paused != 0 || pyr_is_deferred(st, *result)) {
        Py_CLEAR(*result);
        return is_paused < 0 ? -1 : 0;
    }
    PyObject *info = NULL;
    if (PyObject_SetAttr(other, st->names.result, Py_None) < 0 ||
        (info = PyObject_GetAttr(other, st->names.debugInfo)) == NULL ||
        (info != Py_None && PyObject_SetAttr(info, st->names.failResult, Py_None) < 0)) {
        Py_CLEAR(*result);
        Py_XDECREF(info);
        return -1;
    }
    Py_DECREF(info);
    return 1;
}

/* As steal_foreign, for one of ours. */
static int
steal_own(core_state *st, pyr_deferred *other, PyObject **result)
{
    if (other->result == NULL || other->paused || pyr_is_deferred(st, other->result)) {
        return 0;
    }
    *result = other->result;
    other->result = Py_NewRef(Py_None);
    pyr_forget_failure(other);
    return 1;
}

static int
pause_dynamic(pyr_deferred *self)
{
    if (pyr_is_native(self->st, (PyObject *)self)) {
        self->paused++;
        return 0;
    }
    PyObject *none = PyObject_CallMethodNoArgs((PyObject *)self, self->st->names.pause);
    Py_XDECREF(none);
    return none == NULL ? -1 : 0;
}

/* The result of `current` is another Deferred: take that one's result, or wait for it. */
static run_outcome
adopt(pyr_deferred *current)
{
    core_state *st = current->st;
    PyObject *other = Py_NewRef(current->result);
    PyObject *result = NULL;
    bool own = pyr_is_own(st, other);
    int stolen = own ? steal_own(st, (pyr_deferred *)other, &result)
                     : steal_foreign(st, other, &result);
    run_outcome outcome = RUN_ERROR;
    if (stolen > 0) {
        pyr_set_result(current, result);
        outcome = RUN_NEXT;
    } else if (stolen == 0 && pause_dynamic(current) == 0) {
        Py_XSETREF(current->chained_to, Py_NewRef(other));
        if (!own) {
            outcome = wait_for_foreign(current, other);
        } else if (add_native((pyr_deferred *)other, PYR_LINK_CONTINUE,
                              (PyObject *)current, 0) == 0) {
            outcome = RUN_WAIT;
        }
    }
    Py_DECREF(other);
    if (outcome == RUN_WAIT) {
        pyr_forget_failure(current);
    }
    return outcome;
}

/* A callback gave its own Deferred back. */
static int
warn_about_own(core_state *st, const pyr_link *link, bool failed)
{
    PyObject *callback = link->target;
    if (link->kind == PYR_LINK_COLLECT) {
        /* It must have a __code__ to warn about. */
        callback = st->deferred->stock_collector;
    } else if (callback == NULL) {
        callback = failed ? st->deferred->failthru : st->deferred->passthru;
    }
    PyObject *none = PyObject_CallFunction(
        st->deferred->warn_about_function, "Os", callback,
        "Callback returned the Deferred it was attached to; this breaks the "
        "callback chain and will raise an exception in the future.");
    Py_XDECREF(none);
    return none == NULL ? -1 : 0;
}

/* The link returned `value` (stolen; NULL: raised). */
static run_outcome
take_returned(pyr_deferred *outer, pyr_deferred *current, const pyr_link *link,
              bool failed, PyObject *value)
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
        return result_from_error(outer, current);
    }
    if (current->result != NULL && pyr_is_deferred(current->st, current->result)) {
        return adopt(current);
    }
    return RUN_NEXT;
}

/* Hand our result over to the Deferred that waits for it. */
static run_outcome
continue_with(run_stack *stack, pyr_deferred *current, PyObject *waiting)
{
    core_state *st = current->st;
    PyObject *result = current->result;
    current->result = Py_NewRef(Py_None);
    pyr_forget_failure(current);
    if (pyr_is_own(st, waiting)) {
        pyr_deferred *other = (pyr_deferred *)waiting;
        pyr_set_result(other, result);
        other->paused--;
        return stack_push(stack, other) < 0 ? RUN_ERROR : RUN_ABOVE;
    }
    PyObject *paused = NULL, *less = NULL, *one = PyLong_FromLong(1), *none = NULL;
    if (one != NULL && PyObject_SetAttr(waiting, st->names.result, result) == 0 &&
        (paused = PyObject_GetAttr(waiting, st->names.paused)) != NULL &&
        (less = PyNumber_Subtract(paused, one)) != NULL &&
        PyObject_SetAttr(waiting, st->names.paused, less) == 0) {
        none = PyObject_CallMethodNoArgs(waiting, st->names.runCallbacks);
    }
    Py_DECREF(result);
    Py_XDECREF(one);
    Py_XDECREF(paused);
    Py_XDECREF(less);
    Py_DECREF(waiting);
    if (none == NULL) {
        return RUN_ERROR;
    }
    Py_DECREF(none);
    /* Look at our own `paused` again, as after one of ours. */
    return RUN_ABOVE;
}

/* Fire a Deferred for a link of `current`, which stays `running` until that is done. */
static run_outcome
fire_above(run_stack *stack, pyr_deferred *outer, pyr_deferred *current,
           const pyr_link *link, pyr_firing *firing)
{
    pyr_deferred *target = (pyr_deferred *)firing->deferred;
    bool handling = firing->handled != NULL;
    PyObject *before = handling ? pyr_handling_begin(firing->handled) : NULL;
    int begun = pyr_fire_begin_firing(current->st, firing);
    if (begun > 0 && !target->running) {
        run_entry *entry = &stack->entries[stack->size - 1];
        entry->firing = true;
        entry->handling = handling;
        entry->handled_before = before;
        return stack_push(stack, (pyr_deferred *)Py_NewRef(target)) < 0 ? RUN_ERROR
                                                                        : RUN_ABOVE;
    }
    if (handling) {
        pyr_handling_end(before);
    }
    if (begun < 0 && link->kind == PYR_LINK_RESUME) {
        pyr_trace_end_of_generator(current->st, firing->errback);
    }
    return take_returned(outer, current, link, false,
                         begun < 0 ? NULL : Py_NewRef(Py_None));
}

static inline PyObject *
call_target(pyr_deferred *outer, pyr_deferred *current, const pyr_link *link,
            PyObject *result)
{
    if (link->target == NULL) {
        return Py_NewRef(result);
    }
    if (pyr_debug(outer)) {
        return pyr_link_call_visibly(current, link);
    }
    return pyr_link_call(current->st, link, result);
}

static run_outcome
run_link(run_stack *stack, pyr_deferred *outer, pyr_deferred *current,
         const pyr_link *link, bool failed)
{
    pyr_firing firing = {NULL};
    PyObject *value;
    /* The caller's result stays ours (and visible) while the link runs. */
    PyObject *result = Py_NewRef(current->result);
    current->running = true;
    switch ((pyr_link_kind)link->kind) {
    case PYR_LINK_RESUME:
        value = NULL;
        if (pyr_driver_resume((pyr_driver *)link->target, result, &firing) == 0) {
            value = firing.deferred == NULL ? Py_NewRef(Py_None) : NULL;
        }
        break;
    case PYR_LINK_FIRE:
        firing.deferred = Py_NewRef(link->target);
        firing.value = Py_NewRef(result);
        firing.errback = failed;
        value = NULL;
        break;
    case PYR_LINK_COLLECT:
        value = pyr_deferred_list_collect(link->target, result, link->index, !failed);
        break;
    default:
        value = call_target(outer, current, link, result);
        break;
    }
    Py_DECREF(result);
    if (firing.deferred != NULL) {
        run_outcome outcome = fire_above(stack, outer, current, link, &firing);
        pyr_firing_clear(&firing);
        return outcome;
    }
    return take_returned(outer, current, link, failed, value);
}

/* pyr_links_take, with the usual cases first */
static inline int
take_next(pyr_deferred *current, bool failed, pyr_link *taken)
{
    if (current->listed == NULL) {
        if (current->head == current->tail) {
            return 0;
        }
        const pyr_link *next = &current->links[current->head];
        if (next->kind == PYR_LINK_BOTH || (next->kind == PYR_LINK_CALLBACK && !failed)) {
            *taken = *next;
            current->head++;
            return 1;
        }
    }
    return pyr_links_take(current, failed, taken);
}

/* Run the links of the topmost Deferred as far as possible. */
static run_outcome
run_links(run_stack *stack, pyr_deferred *outer, pyr_deferred *current)
{
    core_state *st = current->st;
    for (;;) {
        if (current->result == NULL) {
            pyr_set_result(current, Py_NewRef(Py_None));
        }
        bool failed = pyr_is_failure(st, current->result);
        pyr_link link;
        int taken = take_next(current, failed, &link);
        if (taken < 0) {
            return RUN_ERROR;
        }
        if (current->result == NULL) {
            /* Taking a link drops its other side, and that can run Python code. */
            pyr_set_result(current, Py_NewRef(Py_None));
            failed = false;
        }
        if (taken == 0) {
            if (failed) {
                pyr_note_failure(current, current->result);
            } else {
                pyr_forget_failure(current);
            }
            return RUN_WAIT;
        }
        if (link.kind == PYR_LINK_CONTINUE) {
            return continue_with(stack, current, link.target);
        }
        run_outcome outcome = run_link(stack, outer, current, &link, failed);
        pyr_link_clear(&link);
        if (outcome != RUN_NEXT) {
            return outcome;
        }
    }
}

/* The topmost Deferred has nothing more to do now. */
static void
finish(run_stack *stack)
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
end_firing(run_entry *top, pyr_deferred *outer, bool raised)
{
    pyr_deferred *current = top->deferred;
    entry_end_firing(top);
    if (raised) {
        return result_from_error(outer, current);
    }
    pyr_set_result(current, Py_NewRef(Py_None));
    return RUN_NEXT;
}

/* Run the topmost Deferred. */
static run_outcome
run_top(run_stack *stack, pyr_deferred *outer, bool raised)
{
    run_entry *top = &stack->entries[stack->size - 1];
    pyr_deferred *current = top->deferred;
    if (top->firing) {
        if (end_firing(top, outer, raised) == RUN_ERROR) {
            return RUN_ERROR;
        }
    } else if (current->paused) {
        unwind(stack);
        return RUN_ABOVE;
    } else {
        Py_CLEAR(current->chained_to);
    }
    return run_links(stack, outer, current);
}

static int
run_stack_down(run_stack *stack, pyr_deferred *outer)
{
    bool raised = false;
    while (stack->size > 0) {
        run_outcome outcome = run_top(stack, outer, raised);
        raised = outcome == RUN_ERROR;
        if (outcome == RUN_WAIT) {
            finish(stack);
        } else if (raised) {
            unwind(stack);
        }
    }
    return raised ? -1 : 0;
}

int
pyr_run(pyr_deferred *self)
{
    if (self->running) {
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
    int result = run_stack_down(&stack, self);
    stack_free(&stack);
    pyr_ascend(&st->depth);
    return result;
}
