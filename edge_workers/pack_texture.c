/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "pack_texture.h"
#include "io.h"
#include "pack_tool.h"
#include "xr_buf.h"
#include "xr_ktx2.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>


#define XRW_TEXTURE_FILE_MAX  (256 * 1024 * 1024)
#define XRW_TEXTURE_EDGE_MIN  64


static uint32_t
xrw_texture_edge(const xrw_texture_t *t)
{
    return (t->image.width > t->image.height) ? t->image.width
                                              : t->image.height;
}


static uint32_t
xrw_texture_scale(uint32_t n, uint32_t edge, uint32_t longest)
{
    uint64_t  scaled;

    if (longest <= edge) {
        return n;
    }

    scaled = ((uint64_t) n * edge + longest / 2) / longest;

    return (scaled > 0) ? (uint32_t) scaled : 1;
}


/* The power of two that is nearest, 4 to "edge": what levels are cut from. */

static uint32_t
xrw_texture_power(uint32_t n, uint32_t edge)
{
    uint32_t  power;

    for (power = 4; power * 2 <= edge && n >= power + power / 2; power *= 2) {
        /* void */
    }

    return power;
}


bool
xrw_texture_cut(xrw_arena_t *arena, xr_str_t data, uint32_t edge,
    xrw_texture_form_t *out)
{
    size_t           i;
    uint8_t         *copy;
    uint32_t         first;
    xr_buf_t         b;
    xr_ktx2_t        k;
    xr_ktx2_plan_t   plan;

    static const uint8_t  zeros[16];

    if (xr_ktx2_parse(data, data.len, &k, NULL) != XR_OK
        || xr_ktx2_level(k.edge, k.levels, edge, &first) != XR_OK)
    {
        return false;
    }

    *out = (xrw_texture_form_t) {
        .data = data, .kind = XR_IMAGE_KTX2, .width = k.width,
        .height = k.height, .etc1s = k.scheme == XR_KTX2_BASISLZ
    };

    if (first == 0) {
        return true;
    }

    xr_ktx2_plan(&k, first, &plan);

    copy = xrw_alloc(arena, plan.length);
    b = xr_buf(copy, plan.length);
    xr_ktx2_head(&k, &plan, data, &b);

    for (i = 0; i < plan.n; i++) {

        while (plan.pieces[i].zeros > 0) {
            xr_buf_put(&b, xr_str_of(zeros, 1));
            plan.pieces[i].zeros--;
        }

        xr_buf_put(&b, xr_str_of(data.data + plan.pieces[i].from,
                                 plan.pieces[i].length));
    }

    out->data = xr_buf_str(&b);
    out->width = (k.width >> first > 0) ? k.width >> first : 1;
    out->height = (k.height >> first > 0) ? k.height >> first : 1;

    return xr_buf_ok(&b);
}


/* What textures with edges of "edge" take of a GPU's memory, with mipmaps. */

static uint64_t
xrw_texture_memory(const xrw_textures_t *t, uint32_t edge, uint64_t bits)
{
    size_t    i;
    uint32_t  longest;
    uint64_t  pixels;

    pixels = 0;

    for (i = 0; i < t->n; i++) {
        longest = xrw_texture_edge(&t->list[i]);
        pixels += (uint64_t) xrw_texture_scale(t->list[i].image.width, edge,
                                               longest)
                  * xrw_texture_scale(t->list[i].image.height, edge, longest);
    }

    return pixels * bits / 8 * 4 / 3;
}


/*
 * The largest edge with which textures fit those that a level is for: the
 * strongest of them, and the weakest where there is no level below.
 */

static uint32_t
xrw_texture_fit(const xrw_pack_t *p, const xrw_textures_t *t, size_t level,
    xrw_pack_set_t set)
{
    uint32_t                 edge, classes;
    uint64_t                 budget, one;
    xr_class_t               class;
    xr_device_t              device;
    const xrw_pack_level_t  *l;

    l = &p->preset->levels[level];
    classes = l->classes[set];
    budget = 0;

    if (classes == 0) {
        classes = l->classes[XRW_PACK_WEBP] | l->classes[XRW_PACK_KTX2]
                  | l->classes[XRW_PACK_PLAIN];
    }

    for (class = XR_CLASS_X; class < XR_CLASSES; class++) {

        if ((classes & 1u << class) == 0) {
            continue;
        }

        xr_device_budgets(xr_devices_default(), class, &device);
        one = (uint64_t) device.gpu_kib * 1024;

        if (budget == 0
            || ((one < budget) == (level + 1 == p->preset->nlevels)))
        {
            budget = one;
        }
    }

    edge = l->edge;

    while (budget > 0 && edge > XRW_TEXTURE_EDGE_MIN
           && xrw_texture_memory(t, edge, set == XRW_PACK_KTX2 ? 8 : 32)
              > budget)
    {
        edge /= 2;
    }

    return edge;
}


static json_t *
xrw_texture_out(const char *file, const char *kind, uint32_t width,
    uint32_t height, uint32_t quality, bool uastc)
{
    return json_pack("{s:s, s:s, s:i, s:i, s:i, s:b}", "file", file, "kind",
                     kind, "width", (int) width, "height", (int) height,
                     "quality", (int) quality, "uastc", (int) uastc);
}


static const char *
xrw_texture_file(xrw_arena_t *arena, size_t i, size_t level,
    xrw_pack_set_t set)
{
    static const char *const  sets[] = { "webp", "ktx2", "core" };

    return xrw_format(arena, "%zu-%zu-%s", i, level, sets[set]);
}


static bool
xrw_texture_write(const char *path, xr_str_t data)
{
    bool   ok;
    FILE  *file;

    file = fopen(path, "we");

    if (file == NULL) {
        return false;
    }

    ok = fwrite(data.data, 1, data.len, file) == data.len;

    return (fclose(file) == 0) && ok;
}


/* What the tool is to make of one image. */

static json_t *
xrw_texture_job(xrw_pack_t *p, const xrw_textures_t *t, size_t i,
    uint32_t edges[XRW_PACK_LEVELS][XRW_PACK_SETS])
{
    size_t                l;
    json_t               *outs;
    uint32_t              longest, edge, width, height;
    xrw_pack_set_t        set;
    const xrw_texture_t  *texture;

    texture = &t->list[i];
    longest = xrw_texture_edge(texture);
    outs = json_array();

    for (l = 0; l < p->preset->nlevels; l++) {

        for (set = XRW_PACK_WEBP; set < XRW_PACK_SETS; set++) {
            edge = edges[l][set];
            width = xrw_texture_scale(texture->image.width, edge, longest);
            height = xrw_texture_scale(texture->image.height, edge, longest);

            if (!t->sets[set] || (set == XRW_PACK_KTX2 && l > 0)) {
                continue;                       /* cut from the first */
            }

            if (set == XRW_PACK_KTX2) {
                width = xrw_texture_power(width, edge);
                height = xrw_texture_power(height, edge);
            }

            (void) json_array_append_new(outs, xrw_texture_out(
                xrw_texture_file(p->arena, i, l, set),
                (set == XRW_PACK_WEBP) ? "webp"
                : (set == XRW_PACK_KTX2) ? "ktx2" : "core",
                width, height,
                (set == XRW_PACK_KTX2) ? p->preset->etc1s
                                       : p->preset->levels[l].quality,
                texture->normal && p->preset->uastc));
        }
    }

    return json_pack("{s:o, s:b, s:b, s:b, s:o}", "file",
                     json_sprintf("%zu.in", i), "alpha",
                     (int) texture->alpha, "srgb", (int) texture->srgb,
                     "normal", (int) texture->normal, "outs", outs);
}


/* Nothing that the tool wrote is believed either. */

static bool
xrw_texture_read(xrw_pack_t *p, const char *path, xrw_texture_form_t *out)
{
    struct stat  st;
    xr_image_t   image;

    if (stat(path, &st) == -1 || st.st_size > XRW_TEXTURE_FILE_MAX
        || !xrw_io_text(p->arena, path, XRW_TEXTURE_FILE_MAX, &out->data)
        || xr_image_read(out->data, &image, NULL) != XR_OK)
    {
        return xrw_pack_fail(p, "texture.tool", "the texture tool wrote "
                             "something that is no image", path);
    }

    out->kind = image.kind;
    out->width = image.width;
    out->height = image.height;

    return true;
}


/* An image that was small enough may be best as it came. */

static void
xrw_texture_keep(const xrw_texture_t *texture, xrw_pack_set_t set,
    xrw_texture_form_t *form)
{
    xr_image_kind_t  kind;

    kind = texture->image.kind;

    if (form->width == texture->image.width
        && form->height == texture->image.height
        && texture->data.len <= form->data.len
        && (kind == XR_IMAGE_PNG || kind == XR_IMAGE_JPEG
            || (kind == XR_IMAGE_WEBP && set == XRW_PACK_WEBP)))
    {
        form->data = texture->data;
        form->kind = kind;
    }
}


static bool
xrw_texture_collect(xrw_pack_t *p, xrw_textures_t *t, size_t i,
    uint32_t edges[XRW_PACK_LEVELS][XRW_PACK_SETS])
{
    size_t               l;
    xrw_texture_t       *texture;
    xrw_pack_set_t       set;
    xrw_texture_form_t  *form;

    texture = &t->list[i];

    for (l = 0; l < p->preset->nlevels; l++) {

        for (set = XRW_PACK_WEBP; set < XRW_PACK_SETS; set++) {
            form = &texture->forms[l][set];

            if (!t->sets[set]) {
                continue;
            }

            if (set == XRW_PACK_KTX2 && l > 0) {

                if (!xrw_texture_cut(p->arena, texture->forms[0][set].data,
                                     edges[l][set], form))
                {
                    *form = texture->forms[0][set];
                }

                continue;
            }

            if (!xrw_texture_read(p, xrw_texture_file(p->arena, i, l, set),
                                  form))
            {
                return false;
            }

            if (set == XRW_PACK_KTX2) {
                (void) xrw_texture_cut(p->arena, form->data, UINT32_MAX, form);

            } else {
                xrw_texture_keep(texture, set, form);
            }
        }
    }

    return true;
}


static bool
xrw_textures_tool(xrw_pack_t *p, xrw_textures_t *t,
    uint32_t edges[XRW_PACK_LEVELS][XRW_PACK_SETS])
{
    bool         ok, damaged;
    size_t       i;
    json_t      *job;
    const char  *wrong;

    ok = true;
    job = json_array();

    for (i = 0; i < t->n; i++) {
        ok = ok && xrw_texture_write(xrw_format(p->arena, "%zu.in", i),
                                     t->list[i].data);
        (void) json_array_append_new(job, xrw_texture_job(p, t, i, edges));
    }

    ok = ok && json_dump_file(job, "job.json", JSON_COMPACT) == 0;
    json_decref(job);

    if (!ok) {
        return xrw_pack_fail(p, "io", "files cannot be written", NULL);
    }

    wrong = xrw_tool_run(p->arena, p->tools, &damaged);

    if (wrong != NULL) {
        return xrw_pack_fail(p, damaged ? "gltf.image" : "texture.tool", wrong,
                             NULL);
    }

    for (i = 0; ok && i < t->n; i++) {
        ok = xrw_texture_collect(p, t, i, edges);
    }

    return ok;
}


/* Without the tool images stay as they are; those of KTX2 always do. */

static void
xrw_textures_kept(xrw_pack_t *p, xrw_textures_t *t,
    uint32_t edges[XRW_PACK_LEVELS][XRW_PACK_SETS])
{
    size_t               i, l;
    xrw_texture_t       *texture;
    xrw_pack_set_t       set;
    xrw_texture_form_t  *form;

    for (i = 0; i < t->n; i++) {
        texture = &t->list[i];

        for (l = 0; l < p->preset->nlevels; l++) {

            for (set = XRW_PACK_WEBP; set < XRW_PACK_SETS; set++) {
                form = &texture->forms[l][set];
                *form = (xrw_texture_form_t) {
                    texture->data, texture->image.kind, texture->image.width,
                    texture->image.height, false
                };

                if (form->kind == XR_IMAGE_KTX2) {
                    (void) xrw_texture_cut(p->arena, texture->data,
                                           edges[l][set], form);
                }
            }
        }
    }
}


/* Sets that no tool is needed for, by what the images are. */

static void
xrw_textures_sets(xrw_pack_t *p, xrw_textures_t *t, bool tool)
{
    bool    ktx2, webp;
    size_t  i;

    ktx2 = false;
    webp = false;

    for (i = 0; i < t->n; i++) {
        ktx2 |= t->list[i].image.kind == XR_IMAGE_KTX2;
        webp |= t->list[i].image.kind == XR_IMAGE_WEBP;
    }

    memcpy(t->sets, p->preset->sets, sizeof(t->sets));

    if (ktx2) {
        t->sets[XRW_PACK_WEBP] = false;
        t->sets[XRW_PACK_PLAIN] = false;
        t->sets[XRW_PACK_KTX2] = true;
        xrw_pack_warn(p, "textures are KTX2 already: no variants for viewers "
                      "that cannot decode Basis");

    } else if (!tool && t->n > 0) {
        t->sets[XRW_PACK_WEBP] = true;
        t->sets[XRW_PACK_KTX2] = false;
        t->sets[XRW_PACK_PLAIN] = !webp;
        xrw_pack_warn(p, "the texture tool is not installed: textures stay as "
                      "they are");
    }
}


bool
xrw_textures_make(xrw_pack_t *p, xrw_textures_t *t)
{
    bool            tool;
    size_t          i, l;
    uint32_t        edges[XRW_PACK_LEVELS][XRW_PACK_SETS];
    xrw_pack_set_t  set;

    tool = xrw_tool_there(p->arena, p->tools);
    xrw_textures_sets(p, t, tool);

    for (i = 0; i < t->n; i++) {
        tool = tool && t->list[i].image.kind != XR_IMAGE_KTX2;
    }

    for (l = 0; l < p->preset->nlevels; l++) {

        for (set = XRW_PACK_WEBP; set < XRW_PACK_SETS; set++) {
            edges[l][set] = xrw_texture_fit(p, t, l, set);
        }
    }

    if (t->n == 0) {
        return true;
    }

    if (tool) {
        return xrw_textures_tool(p, t, edges);
    }

    xrw_textures_kept(p, t, edges);

    return true;
}
