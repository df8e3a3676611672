/* The head of a response, for the web client's parser. */
#ifndef PYREACTOR_ANSWER_H
#define PYREACTOR_ANSWER_H

#include "core/core.h"

int pyr_answer_add(PyObject *module);

#endif
