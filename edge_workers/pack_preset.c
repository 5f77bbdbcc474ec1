/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "pack.h"
#include "cli.h"
#include "io.h"

#include <stdio.h>
#include <string.h>


#define XRW_PRESET_FILE_MAX  (64 * 1024)

#define XRW_PRESET_BIT(class)  XR_MANIFEST_BIT(XR_CLASS_##class)

/*
 * docs/xr.md has them as a table.  Headsets prefer what stays compressed in
 * their memory, the others what is fewest bytes.
 */

#define XRW_PRESET_LEVELS                                                     \
    {                                                                         \
        { "l0", 1.0, 0.0f, 2048, 15, 80, 80,                                  \
          { XRW_PRESET_BIT(P2) | XRW_PRESET_BIT(P3) | XRW_PRESET_BIT(D1)      \
            | XRW_PRESET_BIT(D2) | XRW_PRESET_BIT(D3),                        \
            XRW_PRESET_BIT(H2) | XRW_PRESET_BIT(H3),                          \
            XRW_PRESET_BIT(SV) } },                                           \
        { "l1", 0.5, 0.005f, 1024, 14, 55, 75,                                \
          { XRW_PRESET_BIT(P1) | XRW_PRESET_BIT(X),                           \
            XRW_PRESET_BIT(H0) | XRW_PRESET_BIT(H1), 0 } },                   \
        { "l2", 0.15, 0.02f, 512, 12, 25, 70,                                 \
          { XRW_PRESET_BIT(P0) | XRW_PRESET_BIT(D0), 0, 0 } }                 \
    }

static const xrw_pack_preset_t  xrw_presets[] = {
    { "default", 3, XRW_PRESET_LEVELS, { true, true, true }, true, 128 },
    { "fast", 3, XRW_PRESET_LEVELS, { true, false, true }, false, 128 }
};

static const char *const  xrw_preset_sets[XRW_PACK_SETS] = {
    "webp", "ktx2", "plain"
};


/* An error of a file, at what it is about. */

static bool
xrw_preset_bad(const char *file, const char *preset, const char *what)
{
    (void) xrw_error("%s: preset \"%s\": %s", file, preset, what);

    return false;
}


static bool
xrw_preset_number(json_t *object, const char *name, double least, double most,
    double *out)
{
    json_t  *value;

    value = json_object_get(object, name);

    if (value == NULL) {
        return true;
    }

    *out = json_number_value(value);

    return json_is_number(value) && *out >= least && *out <= most;
}


static bool
xrw_preset_classes(json_t *list, uint32_t *out)
{
    size_t       i;
    json_t      *item;
    const char  *name;
    xr_class_t   class;

    *out = 0;

    json_array_foreach(list, i, item) {
        name = json_string_value(item);

        if (name == NULL || xr_device_class_of(xr_str(name), &class) != XR_OK)
        {
            return false;
        }

        *out |= XR_MANIFEST_BIT(class);
    }

    return list == NULL || json_is_array(list);
}


static const char *
xrw_preset_level(json_t *object, xrw_pack_level_t *out)
{
    size_t           i;
    double           edge, bits, q, quality, error;
    const char      *name;
    xrw_pack_set_t   set;

    name = json_string_value(json_object_get(object, "name"));

    if (name == NULL || name[0] == '\0' || strlen(name) >= XRW_PACK_NAME_MAX) {
        return "a level has no name of 1 to 15 characters";
    }

    for (i = 0; name[i] != '\0'; i++) {

        if (strchr("abcdefghijklmnopqrstuvwxyz0123456789", name[i]) == NULL) {
            return "a level has a name of other characters than a-z and 0-9";
        }
    }

    memset(out, 0, sizeof(*out));
    (void) snprintf(out->name, sizeof(out->name), "%s", name);

    out->ratio = 1;
    error = 0;
    edge = 2048;
    bits = 14;
    q = 50;
    quality = 80;

    if (!xrw_preset_number(object, "ratio", 0.001, 1, &out->ratio)
        || !xrw_preset_number(object, "error", 0, 0.5, &error)
        || !xrw_preset_number(object, "edge", 64, 4096, &edge)
        || !xrw_preset_number(object, "bits", 8, 20, &bits)
        || !xrw_preset_number(object, "q", 0, 100, &q)
        || !xrw_preset_number(object, "quality", 1, 100, &quality))
    {
        return "a level has a number that is out of bounds: ratio 0.001 to 1, "
               "error 0 to 0.5, edge 64 to 4096, bits 8 to 20, q 0 to 100, "
               "quality 1 to 100";
    }

    out->error = (float) error;
    out->edge = (uint32_t) edge;
    out->bits = (uint32_t) bits;
    out->q = (uint32_t) q;
    out->quality = (uint32_t) quality;

    for (set = XRW_PACK_WEBP; set < XRW_PACK_SETS; set++) {

        if (!xrw_preset_classes(json_object_get(object, xrw_preset_sets[set]),
                                &out->classes[set]))
        {
            return "a level is for a class that does not exist";
        }
    }

    return NULL;
}


static const char *
xrw_preset_sets_read(json_t *list, xrw_pack_preset_t *out)
{
    size_t           i;
    json_t          *item;
    const char      *name;
    xrw_pack_set_t   set;

    if (list == NULL) {
        return NULL;
    }

    memset(out->sets, 0, sizeof(out->sets));

    json_array_foreach(list, i, item) {
        name = json_string_value(item);

        for (set = XRW_PACK_WEBP; set < XRW_PACK_SETS; set++) {

            if (name != NULL && strcmp(name, xrw_preset_sets[set]) == 0) {
                break;
            }
        }

        if (set == XRW_PACK_SETS) {
            return "\"sets\" has something else than webp, ktx2 and plain";
        }

        out->sets[set] = true;
    }

    return (json_array_size(list) > 0) ? NULL : "\"sets\" is empty";
}


static bool
xrw_preset_read(const char *file, const char *name, json_t *object,
    xrw_pack_preset_t *out)
{
    size_t       i;
    double       etc1s;
    json_t      *levels, *level;
    const char  *wrong, *normals;

    *out = xrw_presets[0];
    (void) snprintf(out->name, sizeof(out->name), "%s", name);

    levels = json_object_get(object, "levels");

    if (levels != NULL
        && (json_array_size(levels) == 0
            || json_array_size(levels) > XRW_PACK_LEVELS))
    {
        return xrw_preset_bad(file, name, "\"levels\" are not 1 to 4");
    }

    json_array_foreach(levels, i, level) {
        wrong = xrw_preset_level(level, &out->levels[i]);

        if (wrong != NULL) {
            return xrw_preset_bad(file, name, wrong);
        }

        if (i > 0 && out->levels[i].edge > out->levels[i - 1].edge) {
            return xrw_preset_bad(file, name, "a level has larger textures "
                                  "than the one before");
        }

        out->nlevels = i + 1;
    }

    wrong = xrw_preset_sets_read(json_object_get(object, "sets"), out);

    if (wrong != NULL) {
        return xrw_preset_bad(file, name, wrong);
    }

    normals = json_string_value(json_object_get(object, "normals"));

    if (normals != NULL) {

        if (strcmp(normals, "uastc") != 0 && strcmp(normals, "etc1s") != 0) {
            return xrw_preset_bad(file, name, "\"normals\" is neither uastc "
                                  "nor etc1s");
        }

        out->uastc = strcmp(normals, "uastc") == 0;
    }

    etc1s = out->etc1s;

    if (!xrw_preset_number(object, "etc1s", 1, 255, &etc1s)) {
        return xrw_preset_bad(file, name, "\"etc1s\" is not 1 to 255");
    }

    out->etc1s = (uint32_t) etc1s;

    return true;
}


static const xrw_pack_preset_t *
xrw_preset_file(xrw_arena_t *arena, const char *file, const char *name)
{
    bool                 ok;
    json_t              *root, *object;
    xr_str_t             text;
    json_error_t         error;
    xrw_pack_preset_t   *out;

    if (!xrw_io_text(arena, file, XRW_PRESET_FILE_MAX, &text)) {
        return NULL;
    }

    root = json_loadb((const char *) text.data, text.len,
                      JSON_REJECT_DUPLICATES, &error);

    if (root == NULL) {
        (void) xrw_error("%s:%d: %s", file, error.line, error.text);
        return NULL;
    }

    out = xrw_alloc(arena, sizeof(*out));
    object = json_object_get(json_object_get(root, "presets"), name);

    if (!json_is_object(object) || strlen(name) >= XRW_PACK_NAME_MAX) {
        (void) xrw_error("%s: has no preset \"%s\"", file, name);
        ok = false;

    } else {
        ok = xrw_preset_read(file, name, object, out);
    }

    json_decref(root);

    return ok ? out : NULL;
}


const xrw_pack_preset_t *
xrw_pack_preset(xrw_arena_t *arena, const char *file, const char *name)
{
    size_t  i;

    if (file != NULL) {
        return xrw_preset_file(arena, file, name);
    }

    for (i = 0; i < XR_COUNT(xrw_presets); i++) {

        if (strcmp(xrw_presets[i].name, name) == 0) {
            return &xrw_presets[i];
        }
    }

    (void) xrw_error("there is no preset \"%s\": default, fast, or those of "
                     "--presets", name);

    return NULL;
}
