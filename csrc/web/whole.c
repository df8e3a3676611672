/* Requests and channels with Twisted's own methods; see whole.h. */
#include "web/whole.h"

#include "web/objects.h"

static const pyr_override of_request[] = {
    PYR_WEB_METHOD(parseCookies, Request_parseCookies, 1),
    PYR_WEB_METHOD(gotLength, ServerRequest_gotLength, 1),
    PYR_WEB_METHOD(requestReceived, Request_requestReceived, 1),
    PYR_WEB_METHOD(process, ServerRequest_process, 1),
    PYR_WEB_METHOD(setHeader, Request_setHeader, 1),
    {0},
};

static const pyr_override of_base[] = {
    PYR_WEB_METHOD(gotLength, Request_gotLength, PYR_BASE_LENGTH),
    PYR_WEB_METHOD(write, Request_write, PYR_BASE_WRITE),
    PYR_WEB_METHOD(finish, Request_finish, PYR_BASE_FINISH),
    {0},
};

static const pyr_override of_channel[] = {
    PYR_WEB_METHOD(getPeer, HTTPChannel_getPeer, 1),
    PYR_WEB_METHOD(getHost, HTTPChannel_getHost, 1),
    PYR_WEB_METHOD(checkPersistence, HTTPChannel_checkPersistence, 1),
    PYR_WEB_METHOD(setRawMode, LineReceiver_setRawMode, 1),
    PYR_WEB_METHOD(setTimeout, TimeoutMixin_setTimeout, 1),
    {0},
};

/* What the class replaces of the table, kept in `known`. */
static unsigned int
replaced(core_state *st, pyr_web_class *known, PyTypeObject *type,
         const pyr_override *table)
{
    if (!pyr_class_is_as_seen(&known->seen, type)) {
        pyr_class_see(st, &known->seen, type);
        known->overrides = pyr_class_overrides(st, type, table, st->web);
    }
    return known->overrides;
}

bool
pyr_whole_request(core_state *st)
{
    return replaced(st, &st->web->whole_class, (PyTypeObject *)st->web->ServerRequest,
                    of_request) == 0;
}

unsigned int
pyr_whole_base(core_state *st)
{
    return replaced(st, &st->web->base_class, st->web->Request, of_base);
}

int
pyr_whole_channel(core_state *st, PyObject *channel)
{
    if (replaced(st, &st->web->whole_channel_class, Py_TYPE(channel), of_channel) != 0) {
        return 0;
    }
    PyObject *dict = PyObject_GenericGetDict(channel, NULL);
    int own = dict == NULL ? -1 : 0;
    for (const pyr_override *entry = of_channel; own == 0 && entry->bit != 0; entry++) {
        own = PyDict_Contains(dict, pyr_name_at(st, entry->name));
    }
    Py_XDECREF(dict);
    return own < 0 ? -1 : own == 0;
}
