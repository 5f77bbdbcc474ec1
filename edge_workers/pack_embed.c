/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "pack.h"
#include "io.h"
#include "pack_glb.h"
#include "xr_json.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>


#define XRW_EMBED_MAX  (256 * 1024 * 1024)      /* all files together */


typedef struct {
    xrw_pack_t   *p;
    int           folder;
    json_t       *root;
    xrw_bytes_t   bin;
    size_t       *bases;            /* of buffers, in "bin" */
    json_int_t   *places;           /* the index that they have then */
} xrw_embed_t;


/*
 * A URI as the name of a file below the folder; NULL: it is none.  RFC 3986,
 * section 2.1: escapes are undone once.
 */

static char *
xrw_embed_name(xrw_pack_t *p, const char *uri)
{
    int       high, low;
    char     *name;
    size_t    n;
    xr_str_t  rest, segment;

    name = xrw_text(p->arena, xr_str(uri));

    for (n = 0; *uri != '\0'; uri++, n++) {
        name[n] = *uri;

        if (*uri == '%') {
            high = xr_hex_digit((uint8_t) uri[1]);
            low = (high == -1) ? -1 : xr_hex_digit((uint8_t) uri[2]);

            if (low == -1) {
                return NULL;
            }

            name[n] = (char) (high * 16 + low);
            uri += 2;
        }
    }

    name[n] = '\0';
    rest = xr_str_of(name, n);

    if (n == 0 || xr_str_has_control(rest) || memchr(name, '\0', n) != NULL
        || strpbrk(name, ":\\") != NULL)
    {
        return NULL;
    }

    while (rest.len > 0) {
        segment = xr_str_cut(&rest, '/');

        if (segment.len == 0 || xr_str_eq(segment, xr_str("."))
            || xr_str_eq(segment, xr_str("..")))
        {
            return NULL;
        }
    }

    return name;
}


/* Adds a file to the binary data, at a multiple of four bytes. */

static bool
xrw_embed_file(xrw_embed_t *e, const char *uri, size_t *at, size_t *len)
{
    int           fd;
    char         *name;
    uint8_t      *data;
    const char   *why;
    struct stat   st;

    name = xrw_embed_name(e->p, uri);

    if (name == NULL) {
        return xrw_pack_fail(e->p, "gltf.external", "a URI is no name of a "
                             "file beside it", uri);
    }

    fd = openat(e->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW
                                 | O_NONBLOCK | O_NOCTTY);

    if (fd == -1 || fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
        why = "a file that it names is not there";

    } else if ((uint64_t) st.st_size > XRW_EMBED_MAX - e->bin.len) {
        why = "its files are larger than 256 MiB";

    } else {
        *len = (size_t) st.st_size;
        data = xrw_alloc(e->p->arena, *len + 1);
        why = xrw_io_read(fd, data, *len, 0);

        xrw_bytes_pad(&e->bin, 4, 0);
        *at = e->bin.len;
        xrw_bytes_add(&e->bin, xr_str_of(data, *len));
    }

    if (fd != -1) {
        (void) close(fd);
    }

    return why == NULL || xrw_pack_fail(e->p, "gltf.external", why, name);
}


static bool
xrw_embed_buffers(xrw_embed_t *e)
{
    size_t       i, at, len;
    json_t      *buffers, *buffer, *kept;
    json_int_t   n;
    const char  *uri;

    buffers = json_object_get(e->root, "buffers");
    e->bases = xrw_alloc(e->p->arena, (json_array_size(buffers) + 1)
                                      * sizeof(size_t));
    e->places = xrw_alloc(e->p->arena, (json_array_size(buffers) + 1)
                                       * sizeof(json_int_t));
    kept = json_array();
    n = 1;

    json_array_foreach(buffers, i, buffer) {
        uri = json_string_value(json_object_get(buffer, "uri"));

        if (uri == NULL) {
            e->places[i] = n++;             /* what others unfold into */
            (void) json_array_append(kept, buffer);
            continue;
        }

        if (!xrw_embed_file(e, uri, &at, &len)) {
            json_decref(kept);
            return false;
        }

        if (json_integer_value(json_object_get(buffer, "byteLength"))
            > (json_int_t) len)
        {
            json_decref(kept);
            return xrw_pack_fail(e->p, "gltf.buffer", "a file of a buffer is "
                                 "shorter than the buffer", uri);
        }

        e->bases[i] = at;
    }

    (void) json_object_set_new(e->root, "buffers", kept);

    return true;
}


/* A view, or the compressed form of one, in its new place. */

static bool
xrw_embed_move(xrw_embed_t *e, json_t *view, size_t n)
{
    json_t      *buffer;
    json_int_t   i, offset;

    buffer = json_object_get(view, "buffer");
    i = json_integer_value(buffer);
    offset = json_integer_value(json_object_get(view, "byteOffset"));

    if (!json_is_integer(buffer) || i < 0 || (size_t) i >= n || offset < 0
        || offset > UINT32_MAX)
    {
        return xrw_pack_fail(e->p, "gltf.view", "a buffer view has no buffer",
                             NULL);
    }

    (void) json_object_set_new(view, "buffer", json_integer(e->places[i]));
    (void) json_object_set_new(view, "byteOffset", json_integer(
                               offset + (json_int_t) e->bases[i]));

    return true;
}


static bool
xrw_embed_views(xrw_embed_t *e, size_t n)
{
    size_t   i;
    json_t  *view, *packed;

    json_array_foreach(json_object_get(e->root, "bufferViews"), i, view) {

        if (!xrw_embed_move(e, view, n)) {
            return false;
        }

        packed = json_object_get(json_object_get(view, "extensions"),
                                 "EXT_meshopt_compression");

        if (packed != NULL && !xrw_embed_move(e, packed, n)) {
            return false;
        }
    }

    return true;
}


static bool
xrw_embed_images(xrw_embed_t *e)
{
    size_t       i, at, len;
    json_t      *image, *views;
    const char  *uri;

    views = json_object_get(e->root, "bufferViews");

    if (!json_is_array(views)) {
        views = json_array();
        (void) json_object_set_new(e->root, "bufferViews", views);
    }

    json_array_foreach(json_object_get(e->root, "images"), i, image) {
        uri = json_string_value(json_object_get(image, "uri"));

        if (uri == NULL) {
            continue;
        }

        if (!xrw_embed_file(e, uri, &at, &len)) {
            return false;
        }

        (void) json_object_del(image, "uri");
        (void) json_object_set_new(image, "bufferView", json_integer(
                                   (json_int_t) json_array_size(views)));
        (void) json_array_append_new(views, json_pack(
            "{s:i, s:I, s:I}", "buffer", 0, "byteOffset", (json_int_t) at,
            "byteLength", (json_int_t) len));
    }

    return true;
}


static bool
xrw_embed_all(xrw_embed_t *e)
{
    size_t   n, head;
    json_t  *buffers;

    n = json_array_size(json_object_get(e->root, "buffers"));

    if (!xrw_embed_buffers(e) || !xrw_embed_views(e, n)
        || !xrw_embed_images(e))
    {
        return false;
    }

    buffers = json_object_get(e->root, "buffers");

    if (e->bin.len > 0 || json_array_size(buffers) > 0) {

        if (buffers == NULL) {
            buffers = json_array();
            (void) json_object_set_new(e->root, "buffers", buffers);
        }

        (void) json_array_insert_new(buffers, 0, json_pack(
            "{s:I}", "byteLength", (json_int_t) e->bin.len));
    }

    e->p->source = xrw_glb_join(e->p->arena, e->root, xrw_bytes_str(&e->bin),
                                &head);

    return true;
}


bool
xrw_pack_embed(xrw_pack_t *p, const char *folder)
{
    bool          ok;
    xr_json_t     root;
    xrw_embed_t   e;

    static const xr_json_limits_t  limits = { XR_JSON_MAX_DEPTH, 0 };

    if (p->source.len > XR_GLTF_JSON_MAX
        || xr_json_check(p->source, &limits, &root, NULL) != XR_OK)
    {
        return xrw_pack_fail(p, "gltf.json", "its JSON is damaged, nested "
                             "deeper than 16 levels, or longer than 8 MiB",
                             NULL);
    }

    memset(&e, 0, sizeof(e));
    e.p = p;
    e.root = json_loadb((const char *) p->source.data, p->source.len,
                        JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);

    if (!json_is_object(e.root)) {
        json_decref(e.root);
        return xrw_pack_fail(p, "gltf.json", "its JSON has a member twice, or "
                             "a number that is too large", NULL);
    }

    e.folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    ok = (e.folder != -1) ? xrw_embed_all(&e)
         : xrw_pack_fail(p, "io", "its folder cannot be read", folder);

    if (e.folder != -1) {
        (void) close(e.folder);
    }

    json_decref(e.root);
    xrw_bytes_free(&e.bin);

    return ok;
}
