/* Texts that a log has in each line: the time, and what a client sent. */
#ifndef PYREACTOR_TEXT_H
#define PYREACTOR_TEXT_H

#include "core/core.h"

#include <stdbool.h>

/* Is that bytes or text in which nothing has to be escaped? */
bool pyr_text_is_shown(PyObject *data);

extern PyMethodDef pyr_text_functions[];

#endif
