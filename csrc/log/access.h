/* A line of a web server's access log, put together from what is in the request. */
#ifndef PYREACTOR_ACCESS_H
#define PYREACTOR_ACCESS_H

#include "core/core.h"

extern PyMethodDef pyr_access_functions[];

#endif
