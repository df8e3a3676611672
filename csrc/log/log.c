/* The log room's part of the module; see log.h. */
#include "log/log.h"

#include "log/legacy.h"
#include "log/logger.h"
#include "log/state.h"
#include "log/text.h"

const pyr_given pyr_log_objects[] = {
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

PyDoc_STRVAR(
    configure_log_doc,
    "configure_log(**objects)\n--\n\n"
    "Take what the log's functions need of Twisted.\n\n"
    "Called by pyreactor._log.setup.  Raises TypeError if something is missing.");

static PyObject *
configure_log(PyObject *module, PyObject *Py_UNUSED(args), PyObject *kwargs)
{
    core_state *st = pyr_module_state(module);
    if (pyr_given_take(pyr_log_objects, st->log, kwargs, "configure_log") < 0 ||
        PyModule_AddFunctions(module, pyr_logger_methods) < 0 ||
        PyModule_AddFunctions(module, pyr_legacy_methods) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyMethodDef log_functions[] = {
    {"configure_log", (PyCFunction)(void (*)(void))configure_log,
     METH_VARARGS | METH_KEYWORDS, configure_log_doc},
    {NULL},
};

int
pyr_log_exec(PyObject *module, core_state *st)
{
    pyr_log_state *log = st->log;
    log->legacy_namespace = PyUnicode_InternFromString("log_legacy");
    log->legacy_format = PyUnicode_InternFromString("{log_text}");
    log->space = PyUnicode_InternFromString(" ");
    log->prefix = PyUnicode_InternFromString("log_");
    log->zero = PyLong_FromLong(0);
    return log->legacy_namespace == NULL || log->legacy_format == NULL ||
                   log->space == NULL || log->prefix == NULL || log->zero == NULL ||
                   PyModule_AddFunctions(module, log_functions) < 0
               ? -1
               : PyModule_AddFunctions(module, pyr_text_functions);
}
