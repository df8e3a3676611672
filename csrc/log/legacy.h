/*
 * twisted.python.log's LogPublisher.msg, with publishToNewObserver, for messages that are
 * plain text.  All else (errors, formats, keywords that the log gives a meaning to) is
 * left to Twisted's function.
 */
#ifndef PYREACTOR_LEGACY_H
#define PYREACTOR_LEGACY_H

#include "core/core.h"

extern PyMethodDef pyr_legacy_methods[];

#endif
