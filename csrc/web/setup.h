/* The room's part in the module's life. */
#ifndef PYREACTOR_WEB_SETUP_H
#define PYREACTOR_WEB_SETUP_H

#include "web/state.h"

extern const pyr_given pyr_web_objects[];

int pyr_web_exec(PyObject *module, struct core_state *st);
void pyr_web_clear(struct core_state *st);

#endif
