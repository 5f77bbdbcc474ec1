/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "coverage.h"
#include "explain.h"
#include "json.h"
#include "variants.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>


typedef struct {
    xrw_arena_t          arena;
    xrw_target_flags_t   flags;
    xrw_target_t         target;
    xrw_variants_t       variants;
    const char          *html;
    bool                 json;
} xrw_cmd_variants_t;


const char *
xrw_variants_textures(xrw_variants_t *v, const xr_manifest_variant_t *variant)
{
    size_t    n;
    char      names[128];
    xr_buf_t  buf;

    buf = xr_buf(names, sizeof(names));
    xr_device_tex_names(variant->need_tex, &buf);
    n = xr_buf_str(&buf).len;

    if (variant->maxdim == 0) {
        return n > 0 ? xrw_text(v->arena, xr_buf_str(&buf)) : "-";
    }

    return xrw_format(v->arena, "%.*s%s%u px", (int) n, names,
                      n > 0 ? ", " : "", variant->maxdim);
}


const char *
xrw_variants_encodings(xrw_variants_t *v,
    const xr_manifest_variant_t *variant)
{
    char            size[XRW_SIZE_TEXT];
    xr_str_t        name;
    const char     *text;
    xr_encoding_t   e;

    text = "";

    for (e = 0; e < XR_ENCODINGS; e++) {

        if (e == XR_ENCODING_IDENTITY || variant->encoded[e] == 0) {
            continue;
        }

        name = xr_encoding_name(e);
        xrw_size(variant->encoded[e], size);
        text = xrw_format(v->arena, "%s%s%.*s %s", text,
                          text[0] != '\0' ? ", " : "", (int) name.len,
                          (const char *) name.data, size);
    }

    return text[0] != '\0' ? text : "-";
}


static void
xrw_variants_print(xrw_variants_t *v, const xr_manifest_variant_t *variant)
{
    char      size[XRW_SIZE_TEXT], classes[XRW_COVERAGE_TEXT], hex[12];
    xr_buf_t  hash;

    xrw_size(variant->bytes, size);
    xrw_coverage_text(&v->manifest, variant->id, classes);
    hash = xr_buf(hex, sizeof(hex));
    xr_buf_hex(&hash, xr_str_of(variant->sha256, sizeof(hex) / 2));

    printf("%-20.*s %10s %9u  %-16s %-24s %.12s  %s\n",
           (int) variant->id.len, (const char *) variant->id.data, size,
           variant->tris, xrw_variants_textures(v, variant),
           xrw_variants_encodings(v, variant), hex,
           classes[0] != '\0' ? classes : "-");
}


static void
xrw_variants_json(xrw_variants_t *v, const xr_manifest_variant_t *variant)
{
    char            hex[2 * XR_SHA256_SIZE], classes[XRW_COVERAGE_TEXT];
    json_t         *line, *list, *enc;
    xr_buf_t        hash;
    xr_str_t        rest, word, name;
    xr_encoding_t   e;

    hash = xr_buf(hex, sizeof(hex));
    xr_buf_hex(&hash, xr_str_of(variant->sha256, XR_SHA256_SIZE));
    xrw_coverage_text(&v->manifest, variant->id, classes);
    list = json_array();
    enc = json_object();

    for (rest = xr_str(classes); rest.len > 0; ) {
        word = xr_str_cut(&rest, ' ');
        (void) json_array_append_new(list, xrw_json_text(word));
    }

    for (e = 0; e < XR_ENCODINGS; e++) {

        if (e != XR_ENCODING_IDENTITY && variant->encoded[e] > 0) {
            name = xr_encoding_name(e);
            (void) json_object_set_new(enc, xrw_text(v->arena, name),
                            json_integer((json_int_t) variant->encoded[e]));
        }
    }

    line = json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:s%}",
                     "id", xrw_json_text(variant->id),
                     "path", xrw_json_text(variant->path),
                     "bytes", (json_int_t) variant->bytes,
                     "tris", (json_int_t) variant->tris,
                     "draws", (json_int_t) variant->draws,
                     "maxdim", (json_int_t) variant->maxdim,
                     "q", (json_int_t) variant->q, "classes", list,
                     "enc", enc, "sha256", hex, sizeof(hex));
    xrw_json_print(line);
}


static int
xrw_variants_local(xrw_cmd_variants_t *c, const char *path)
{
    char         *folder, *slash;
    struct stat   st;

    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        c->variants.folder = path;
        path = xrw_format(&c->arena, "%s/manifest.json", path);

    } else {
        folder = xrw_text(&c->arena, xr_str(path));
        slash = strrchr(folder, '/');
        c->variants.folder = (slash != NULL) ? folder : ".";

        if (slash != NULL) {
            slash[slash == folder ? 1 : 0] = '\0';
        }
    }

    return xrw_explain_manifest(&c->arena, path, &c->variants.manifest);
}


static int
xrw_variants_remote(xrw_cmd_variants_t *c, const xrw_command_t *cmd,
    const char *object)
{
    int            status;
    const char    *why;
    xrw_stored_t   stored;

    status = xrw_target_open(&c->arena, cmd, &c->flags, &c->target);

    if (status != XRW_OK) {
        return status;
    }

    c->variants.s3 = c->target.s3;
    c->variants.object = xr_str(object);

    why = xrw_history_load(&c->arena, c->target.s3,
                           xrw_history_manifest(&c->arena, xr_str(object)),
                           &stored, &c->variants.manifest);

    if (why == NULL && stored.text.data == NULL) {
        return xrw_error("%s: it has no variants", object);
    }

    return (why == NULL) ? XRW_OK
                         : xrw_error("%s: its manifest: %s", object, why);
}


static int
xrw_variants_show(xrw_cmd_variants_t *c)
{
    size_t                  i;
    const char            **pictures;
    xrw_variants_t         *v;
    xr_manifest_variant_t   variant;

    v = &c->variants;

    for (i = 0; i < v->manifest.n; i++) {

        if (!xr_manifest_variant(&v->manifest, i, &variant)) {
            return xrw_error("%s: variant %zu cannot be read", v->name, i);
        }

        if (c->json) {
            xrw_variants_json(v, &variant);

        } else {
            xrw_variants_print(v, &variant);
        }
    }

    (void) fflush(stdout);

    if (c->html == NULL) {
        return XRW_OK;
    }

    pictures = xrw_variants_pictures(v);

    return xrw_variants_page(v, c->html, pictures) ? XRW_OK : XRW_FAILED;
}


int
xrw_variants(const xrw_command_t *cmd, int argc, char **argv)
{
    int                  status;
    size_t               n;
    xrw_option_t         options[XRW_TARGET_OPTIONS + 2];
    xrw_cmd_variants_t   c;

    memset(&c, 0, sizeof(c));
    n = xrw_target_options(&c.flags, options);

    options[n++] = (xrw_option_t) { "html", "PAGE", XRW_OPTION_TEXT, &c.html,
        "a file for a page with pictures" };
    options[n++] = (xrw_option_t) { "json", NULL, XRW_OPTION_FLAG, &c.json,
        "one JSON object per line" };

    if (!xrw_options(cmd, options, n, &argc, &argv, &status)) {
        return status;
    }

    if (argc != 1 || argv[0][0] == '\0') {
        return xrw_usage(cmd, "one FILE, FOLDER or OBJECT");
    }

    xrw_stop_catch();
    c.variants.arena = &c.arena;
    c.variants.name = argv[0];

    status = (c.flags.name != NULL || c.flags.tenant.origin != NULL)
             ? xrw_variants_remote(&c, cmd, argv[0])
             : xrw_variants_local(&c, argv[0]);

    if (status == XRW_OK) {
        status = xrw_variants_show(&c);
    }

    xrw_target_close(&c.target);
    xrw_arena_free(&c.arena);

    return status;
}
