/* The room's part in the module's life. */
#ifndef PYREACTOR_WEB_SETUP_H
#define PYREACTOR_WEB_SETUP_H

#include "web/state.h"

extern const pyr_room pyr_web_room;
/* What of it comes later, once twisted.web.server is imported. */
extern const pyr_room pyr_web_server_room;

#endif
