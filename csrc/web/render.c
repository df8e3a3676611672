/* From a request to what a resource renders; see render.h. */
#include "web/render.h"

#include "web/date.h"
#include "web/headers.h"
#include "web/instance.h"
#include "web/objects.h"

/* ---- which resource ---- */

/* unquote() of the module twisted.web.server, of one piece of a path */
static PyObject *
unquoted(core_state *st, PyObject *piece)
{
    PyObject *function = PyDict_GetItemWithError(st->web->server, st->names.unquote);
    if (function == st->web->unquote && PyBytes_CheckExact(piece) &&
        memchr(PyBytes_AS_STRING(piece), '%', (size_t)PyBytes_GET_SIZE(piece)) == NULL) {
        return Py_NewRef(piece);
    }
    if (function == NULL) {
        return PyErr_Occurred()
                   ? NULL
                   : PyErr_Format(PyExc_NameError, "name 'unquote' is not defined");
    }
    Py_INCREF(function);
    PyObject *result = PyObject_CallOneArg(function, piece);
    Py_DECREF(function);
    return result;
}

/* Add the piece of the path that ends here to the list. */
static int
add_piece(core_state *st, PyObject *pieces, const char *from, const char *to)
{
    PyObject *piece = PyBytes_FromStringAndSize(from, to - from);
    PyObject *plain = piece == NULL ? NULL : unquoted(st, piece);
    int status = plain == NULL ? -1 : PyList_Append(pieces, plain);
    Py_XDECREF(piece);
    Py_XDECREF(plain);
    return status;
}

/* list(map(unquote, pieces)), a new list, which is done in place */
static PyObject *
unquote_all(core_state *st, PyObject *pieces)
{
    PyObject *list = pieces == NULL ? NULL : PySequence_List(pieces);
    int status = list == NULL ? -1 : 0;
    for (Py_ssize_t i = 0; status == 0 && i < PyList_GET_SIZE(list); i++) {
        PyObject *piece = Py_NewRef(PyList_GET_ITEM(list, i));
        PyObject *plain = unquoted(st, piece);
        Py_DECREF(piece);
        status = plain == NULL ? -1 : PyList_SetItem(list, i, plain);
    }
    if (status < 0) {
        Py_CLEAR(list);
    }
    return list;
}

/* The same as split_path, for what is no bytes. */
static PyObject *
split_other(core_state *st, PyObject *path)
{
    PyObject *from = PySlice_New(st->web->one, NULL, NULL);
    PyObject *rest = from == NULL ? NULL : PyObject_GetItem(path, from);
    PyObject *pieces =
        rest == NULL ? NULL : pyr_call_named(rest, st->names.split, st->web->slash);
    PyObject *result = unquote_all(st, pieces);
    Py_XDECREF(from);
    Py_XDECREF(rest);
    Py_XDECREF(pieces);
    return result;
}

/* list(map(unquote, path[1:].split(b"/"))) */
static PyObject *
split_path(core_state *st, PyObject *path)
{
    if (!PyBytes_CheckExact(path)) {
        return split_other(st, path);
    }
    const char *text = PyBytes_AS_STRING(path);
    const char *end = text + PyBytes_GET_SIZE(path);
    PyObject *pieces = PyList_New(0);
    int status = pieces == NULL ? -1 : 0;
    text += text < end;
    while (status == 0) {
        const char *slash = memchr(text, '/', (size_t)(end - text));
        status = add_piece(st, pieces, text, slash == NULL ? end : slash);
        if (slash == NULL) {
            break;
        }
        text = slash + 1;
    }
    if (status < 0) {
        Py_CLEAR(pieces);
    }
    return pieces;
}

PyObject *
pyr_render_resource_for(core_state *st, PyObject *const *args,
                        Py_ssize_t Py_UNUSED(nargs))
{
    PyObject *site = args[0], *request = args[1];
    if (PyObject_SetAttr(request, st->names.site, site) < 0) {
        return NULL;
    }
    PyObject *before = PyObject_GetAttr(request, st->names.prepath);
    if (before == NULL) {
        return NULL;
    }
    if (!PyList_CheckExact(before)) {
        Py_DECREF(before);
        Py_RETURN_NOTIMPLEMENTED; /* Twisted's copy.copy() knows how */
    }
    PyObject *copy = PyList_GetSlice(before, 0, PyList_GET_SIZE(before));
    Py_DECREF(before);
    if (copy == NULL) {
        return NULL;
    }
    PyObject *root = NULL, *function = NULL, *result = NULL;
    if (pyr_web_set_new(request, st->names.sitepath, copy) == 0 &&
        (root = PyObject_GetAttr(site, st->names.resource)) != NULL &&
        (function = PyObject_GetAttr(st->web->resource, st->names.getChildForRequest)) !=
            NULL) {
        result = PyObject_CallFunctionObjArgs(function, root, request, NULL);
    }
    Py_XDECREF(root);
    Py_XDECREF(function);
    return pyr_web_given(st, result);
}

/* Go on from this resource to the next?  *names gets request.postpath, as it is once
 * isLeaf was read: that may be a program's property, which changes it. */
static int
goes_on(core_state *st, PyObject *resource, PyObject *request, PyObject **names)
{
    *names = PyObject_GetAttr(request, st->names.postpath);
    int more = *names == NULL ? -1 : pyr_truth(*names);
    if (more > 0) {
        int leaf = pyr_attribute_true(resource, st->names.isLeaf);
        more = leaf < 0 ? -1 : !leaf;
    }
    if (more > 0) {
        Py_SETREF(*names, PyObject_GetAttr(request, st->names.postpath));
        more = *names == NULL ? -1 : 1;
    }
    if (more <= 0) {
        Py_CLEAR(*names);
    }
    return more;
}

/* The first name goes from postpath to prepath; a new reference. */
static PyObject *
next_name(core_state *st, PyObject *request, PyObject *names)
{
    PyObject *name;
    if (PyList_CheckExact(names) && PyList_GET_SIZE(names) > 0) {
        name = Py_NewRef(PyList_GET_ITEM(names, 0));
        if (PyList_SetSlice(names, 0, 1, NULL) < 0) {
            Py_CLEAR(name);
        }
    } else {
        name = pyr_call_named(names, st->names.pop, st->web->zero);
    }
    PyObject *before = name == NULL ? NULL : PyObject_GetAttr(request, st->names.prepath);
    int status = before == NULL ? -1
                 : PyList_CheckExact(before)
                     ? PyList_Append(before, name)
                     : pyr_call_dropping(before, st->names.append, name);
    Py_XDECREF(before);
    if (status < 0) {
        Py_CLEAR(name);
    }
    return name;
}

PyObject *
pyr_render_child_for_request(core_state *st, PyObject *const *args,
                             Py_ssize_t Py_UNUSED(nargs))
{
    PyObject *resource = Py_NewRef(args[0]), *request = args[1];
    PyObject *names;
    int more;
    while ((more = goes_on(st, resource, request, &names)) > 0) {
        PyObject *name = next_name(st, request, names);
        PyObject *child =
            name == NULL
                ? NULL
                : pyr_web_call(resource, st->names.getChildWithDefault, name, request);
        Py_DECREF(names);
        Py_XDECREF(name);
        Py_SETREF(resource, child);
        if (resource == NULL) {
            return NULL;
        }
    }
    if (more < 0) {
        Py_CLEAR(resource);
    }
    return pyr_web_given(st, resource);
}

PyObject *
pyr_render_child_with_default(core_state *st, PyObject *const *args,
                              Py_ssize_t Py_UNUSED(nargs))
{
    PyObject *children = PyObject_GetAttr(args[0], st->names.children);
    if (children == NULL) {
        return NULL;
    }
    if (!PyDict_CheckExact(children)) {
        Py_DECREF(children);
        Py_RETURN_NOTIMPLEMENTED;
    }
    PyObject *child;
    int found = PyDict_GetItemRef(children, args[1], &child);
    Py_DECREF(children);
    if (found == 0) {
        child = pyr_web_call(args[0], st->names.getChild, args[1], args[2]);
    }
    return pyr_web_given(st, child);
}

/* ---- rendering ---- */

/* "render_" and the method, interned; NULL without an exception: Twisted shall say it. */
static PyObject *
renderer_name(core_state *st, PyObject *method)
{
    if (pyr_web_equals(method, st->web->get_method)) {
        return Py_NewRef(st->names.render_GET);
    }
    if (pyr_web_equals(method, st->web->post)) {
        return Py_NewRef(st->names.render_POST);
    }
    if (!PyBytes_CheckExact(method)) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < PyBytes_GET_SIZE(method); i++) {
        unsigned char byte = (unsigned char)PyBytes_AS_STRING(method)[i];
        if (byte == 0 || byte >= 0x80) {
            return NULL;
        }
    }
    return PyUnicode_FromFormat("render_%s", PyBytes_AS_STRING(method));
}

PyObject *
pyr_render_resource_render(core_state *st, PyObject *const *args,
                           Py_ssize_t Py_UNUSED(nargs))
{
    PyObject *method = PyObject_GetAttr(args[1], st->names.method);
    PyObject *name = method == NULL ? NULL : renderer_name(st, method);
    PyObject *function = NULL;
    Py_XDECREF(method);
    if (name == NULL) {
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_NotImplemented);
    }
    int found = PyObject_GetOptionalAttr(args[0], name, &function);
    int truth = found > 0 ? pyr_truth(function) : found;
    Py_DECREF(name);
    PyObject *result = truth < 0 ? NULL
                       : truth > 0
                           ? pyr_web_given(st, PyObject_CallOneArg(function, args[1]))
                           : Py_NewRef(Py_NotImplemented);
    Py_XDECREF(function);
    return result;
}

/* b"%d" % number, which is not negative */
static PyObject *
decimal(Py_ssize_t number)
{
    char text[24];
    char *end = text + sizeof(text), *from = end;
    do {
        *--from = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return PyBytes_FromStringAndSize(from, end - from);
}

/* What a resource gave is the whole answer: tell its length, write it, finish. */
static int
answer(core_state *st, PyObject *self, PyObject *body)
{
    PyObject *size = decimal(PyBytes_GET_SIZE(body));
    PyObject *done = size == NULL ? NULL
                                  : pyr_web_call(self, st->names.setHeader,
                                                 st->web->name_content_length, size);
    Py_XDECREF(size);
    Py_XDECREF(done);
    return done == NULL || pyr_call_dropping(self, st->names.write, body) < 0
               ? -1
               : pyr_call_dropping(self, st->names.finish, NULL);
}

/* resrc.render(self) raised: what the `except` clause of Twisted's render does. */
static PyObject *
after_error(core_state *st, PyObject *self, PyObject *resource)
{
    if (!PyErr_ExceptionMatches(st->web->UnsupportedMethod)) {
        return NULL;
    }
    PyObject *error = PyErr_GetRaisedException();
    PyObject *result = PyObject_CallFunctionObjArgs(st->web->renderUnsupported, self,
                                                    resource, error, NULL);
    Py_DECREF(error);
    return result;
}

/* Does the request's method ask for the head alone?  -1 with an exception */
static int
is_head(core_state *st, PyObject *self)
{
    PyObject *method = PyObject_GetAttr(self, st->names.method);
    int result = method == NULL ? -1 : pyr_web_equals(method, st->web->head_method);
    Py_XDECREF(method);
    return result;
}

PyObject *
pyr_render_render(core_state *st, PyObject *const *args, Py_ssize_t Py_UNUSED(nargs))
{
    PyObject *self = args[0], *resource = args[1];
    int head = is_head(st, self);
    if (head != 0) { /* Twisted's tells the log of the resource then */
        return head < 0 ? NULL : Py_NewRef(Py_NotImplemented);
    }
    PyObject *body = pyr_call_named(resource, st->names.render, self);
    if (body == NULL) {
        return after_error(st, self, resource);
    }
    PyObject *not_done = PyDict_GetItemWithError(st->web->server, st->names.NOT_DONE_YET);
    PyObject *result = NULL;
    if (body == not_done) {
        result = Py_NewRef(Py_None);
    } else if (!PyErr_Occurred()) {
        PyObject *method = PyObject_GetAttr(self, st->names.method);
        if (method != NULL && PyBytes_CheckExact(body) &&
            !pyr_web_equals(method, st->web->head_method)) {
            result = pyr_web_none(answer(st, self, body));
        } else if (method != NULL) {
            result = PyObject_CallFunctionObjArgs(st->web->renderUnusual, self, resource,
                                                  body, NULL);
        }
        Py_XDECREF(method);
    }
    Py_DECREF(body);
    return result;
}

/* self.setHeader(name, value), whose reference is stolen; `headers`: that is known to set
 * it there */
static int
set_header(core_state *st, PyObject *self, PyObject *headers, PyObject *name,
           PyObject *value)
{
    int status = value == NULL ? -1
                 : headers == NULL
                     ? pyr_drop(pyr_web_call(self, st->names.setHeader, name, value))
                     : pyr_headers_set(st, headers, name, value);
    Py_XDECREF(value);
    return status;
}

/* Server and Date. */
static int
set_defaults(core_state *st, PyObject *self, bool whole)
{
    PyObject *headers = whole ? PyObject_GetAttr(self, st->names.responseHeaders) : NULL;
    if (whole && headers == NULL) {
        return -1;
    }
    PyObject *version = PyDict_GetItemWithError(st->web->server, st->names.version);
    if (version == NULL && !PyErr_Occurred()) {
        PyErr_SetString(PyExc_NameError, "name 'version' is not defined");
    }
    int status = set_header(st, self, headers, st->web->name_server, Py_XNewRef(version));
    if (status == 0) {
        status = set_header(st, self, headers, st->web->name_date, pyr_date_now(st));
    }
    Py_XDECREF(headers);
    return status;
}

/* The default headers, and where the request is to go. */
static int
prepare(core_state *st, PyObject *self, bool whole)
{
    if (set_defaults(st, self, whole) < 0 ||
        pyr_web_set_new(self, st->names.prepath, PyList_New(0)) < 0) {
        return -1;
    }
    PyObject *path = PyObject_GetAttr(self, st->names.path);
    PyObject *pieces = path == NULL ? NULL : split_path(st, path);
    Py_XDECREF(path);
    return pyr_web_set_new(self, st->names.postpath, pieces);
}

/* Is the path b"*", which stands for the server?  -1 with an exception */
static int
is_star(core_state *st, PyObject *self)
{
    PyObject *path = PyObject_GetAttr(self, st->names.path);
    int result = path == NULL ? -1
                 : PyBytes_CheckExact(path)
                     ? pyr_web_equals(path, st->web->star)
                     : PyObject_RichCompareBool(path, st->web->star, Py_EQ);
    Py_XDECREF(path);
    return result;
}

/* If the resource has an encoder for the request, it becomes the request's. */
static int
choose_encoder(core_state *st, PyObject *self, PyObject *resource)
{
    PyObject *encodes =
        pyr_call_named(st->web->EncodingResource, st->names.providedBy, resource);
    int truth = encodes == NULL ? -1 : pyr_truth(encodes);
    Py_XDECREF(encodes);
    if (truth <= 0) {
        return truth;
    }
    PyObject *encoder = pyr_call_named(resource, st->names.getEncoder, self);
    int status = encoder == NULL ? -1
                 : encoder == Py_None
                     ? 0
                     : PyObject_SetAttr(self, st->names._encoder, encoder);
    Py_XDECREF(encoder);
    return status;
}

/* Find the resource, and render it. */
static int
dispatch(core_state *st, PyObject *self)
{
    PyObject *site = PyObject_GetAttr(self, st->names.site);
    PyObject *resource =
        site == NULL ? NULL : pyr_call_named(site, st->names.getResourceFor, self);
    Py_XDECREF(site);
    int status = resource == NULL ? -1 : choose_encoder(st, self, resource);
    if (status == 0) {
        status = pyr_call_dropping(self, st->names.render, resource);
    }
    Py_XDECREF(resource);
    return status;
}

/* self.processingFailed(Failure()), for the exception that is set */
static int
fail(core_state *st, PyObject *self)
{
    PyObject *error = PyErr_GetRaisedException();
    PyObject *done =
        PyObject_CallFunctionObjArgs(st->web->processingFailed, self, error, NULL);
    Py_DECREF(error);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

int
pyr_render_run(core_state *st, PyObject *self, bool whole)
{
    PyObject *channel = PyObject_GetAttr(self, st->names.channel);
    PyObject *site =
        channel == NULL ? NULL : pyr_instance_get(st, channel, st->names.site);
    Py_XDECREF(channel);
    int status = pyr_web_set_new(self, st->names.site, site);
    if (status == 0) {
        status = prepare(st, self, whole);
    }
    int star = status < 0 ? -1 : is_star(st, self);
    if (star > 0) {
        status = pyr_call_dropping(self, st->names._handleStar, NULL);
    } else if (star == 0 && dispatch(st, self) < 0) {
        status = fail(st, self);
    }
    return star < 0 ? -1 : status;
}

PyObject *
pyr_render_process(core_state *st, PyObject *const *args, Py_ssize_t Py_UNUSED(nargs))
{
    return pyr_web_none(pyr_render_run(st, args[0], false));
}
