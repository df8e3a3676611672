/* The log room's part of the module; see log.h. */
#include "log/log.h"

#include "log/access.h"
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
    PYR_MADE(pyr_log_state, referer),
    PYR_MADE(pyr_log_state, user_agent),
    PYR_MADE(pyr_log_state, dash),
    PYR_MADE(pyr_log_state, code_format),
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
    log->referer = PyBytes_FromString("referer");
    log->user_agent = PyBytes_FromString("user-agent");
    log->dash = PyBytes_FromString("-");
    log->code_format = PyUnicode_FromString("%(code)d");
    if (log->legacy_namespace == NULL || log->legacy_format == NULL ||
        log->space == NULL || log->prefix == NULL || log->zero == NULL ||
        log->referer == NULL || log->user_agent == NULL || log->dash == NULL ||
        log->code_format == NULL ||
        PyModule_AddFunctions(module, pyr_text_functions) < 0) {
        return -1;
    }
    return PyModule_AddFunctions(module, pyr_access_functions);
}

const pyr_room pyr_log_room = {
    PYR_ROOM_STATE(log),
    .objects = log_objects,
    .exec = log_exec,
    .configure = log_configure,
};
