/* Texts that a log has in each line: the time, and what a client sent. */
#ifndef PYREACTOR_TEXT_H
#define PYREACTOR_TEXT_H

#include "core/core.h"

extern PyMethodDef pyr_text_functions[];

#endif
