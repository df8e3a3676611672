/* The log room's part of the module: what module.c calls. */
#ifndef PYREACTOR_LOG_H
#define PYREACTOR_LOG_H

#include "core/core.h"
#include "core/room.h"

extern const pyr_room pyr_log_room;

#endif
