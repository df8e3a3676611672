/* The log room's part of the module; see log.h. */
#include "log/log.h"

#include "log/legacy.h"
#include "log/logger.h"
#include "log/state.h"
#include "log/text.h"

static const pyr_given log_objects[] = {
    PYR_MADE(pyr_log_state, legacy_namespace),
    PYR_MADE(pyr_log_state, legacy_format),
    PYR_MADE(pyr_log_state, space),
    PYR_MADE(pyr_log_state, prefix),
    PYR_MADE(pyr_log_state, zero),
#define X(name) PYR_GIVEN(pyr_log_state, name),
    PYR_LOG_GIVEN(X)
#undef X
#define X(name) PYR_GIVEN_AS(pyr_log_state, name, &PyDict_Type),
        PYR_LOG_NAMESPACES(X)
#undef X
#define X(name) PYR_GIVEN_AS(pyr_log_state, name, &PyType_Type),
            PYR_LOG_CLASSES(X)
#undef X
                PYR_GIVEN_AS(pyr_log_state, levels, &PyTuple_Type),
    {NULL},
};

static int
log_configure(PyObject *module, core_state *Py_UNUSED(st), PyObject *Py_UNUSED(given))
{
    return PyModule_AddFunctions(module, pyr_logger_methods) < 0
               ? -1
               : PyModule_AddFunctions(module, pyr_legacy_methods);
}

static int
log_exec(PyObject *module, core_state *st)
{
    pyr_log_state *log = st->log;
    log->legacy_namespace = PyUnicode_InternFromString("log_legacy");
    log->legacy_format = PyUnicode_InternFromString("{log_text}");
    log->space = PyUnicode_InternFromString(" ");
    log->prefix = PyUnicode_InternFromString("log_");
    log->zero = PyLong_FromLong(0);
    return log->legacy_namespace == NULL || log->legacy_format == NULL ||
                   log->space == NULL || log->prefix == NULL || log->zero == NULL
               ? -1
               : PyModule_AddFunctions(module, pyr_text_functions);
}

const pyr_room pyr_log_room = {
    PYR_ROOM_STATE(log),
    .objects = log_objects,
    .exec = log_exec,
    .configure = log_configure,
};
