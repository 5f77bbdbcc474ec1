/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "variants.h"
#include "bytes.h"
#include "coverage.h"
#include "io.h"

#include <stdio.h>


static const char  xrw_variants_style[] =
"<style>\n"
"body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color: #1c2330 }\n"
"table { border-collapse: collapse }\n"
"th, td { padding: .4rem .8rem; text-align: left; vertical-align: middle;\n"
"         border-bottom: 1px solid #d5dae3 }\n"
"td.n { text-align: right; font-variant-numeric: tabular-nums }\n"
"img, .none { width: 160px; height: 160px; background: #eef1f6 }\n"
".none { display: block }\n"
"code { font-size: 13px }\n"
"@media (prefers-color-scheme: dark) {\n"
"  body { background: #0d1117; color: #d7dee9 }\n"
"  th, td { border-color: #2c3542 }\n"
"  img, .none { background: #1c2330 }\n"
"}\n"
"</style>\n";


static void
xrw_page_raw(xrw_bytes_t *page, const char *text)
{
    xrw_bytes_add(page, xr_str(text));
}


static void
xrw_page_text(xrw_bytes_t *page, xr_str_t s)
{
    size_t       i;
    const char  *entity;

    for (i = 0; i < s.len; i++) {
        entity = (s.data[i] == '<') ? "&lt;" : (s.data[i] == '>') ? "&gt;"
                 : (s.data[i] == '&') ? "&amp;" : (s.data[i] == '"') ? "&quot;"
                 : NULL;

        if (entity != NULL) {
            xrw_page_raw(page, entity);

        } else {
            xrw_bytes_add(page, xr_str_of(s.data + i, 1));
        }
    }
}


static void
xrw_page_cell(xrw_bytes_t *page, const char *tag, xr_str_t text)
{
    xrw_page_raw(page, tag);
    xrw_page_text(page, text);
    xrw_page_raw(page, "</td>");
}


static void
xrw_page_row(xrw_bytes_t *page, xrw_variants_t *v,
    const xr_manifest_variant_t *variant, const char *picture)
{
    char        size[XRW_SIZE_TEXT], classes[XRW_COVERAGE_TEXT];
    char        tris[16], hex[2 * XR_SHA256_SIZE];
    xr_buf_t    hash;

    xrw_size(variant->bytes, size);
    xrw_coverage_text(&v->manifest, variant->id, classes);
    (void) snprintf(tris, sizeof(tris), "%u", variant->tris);
    hash = xr_buf(hex, sizeof(hex));
    xr_buf_hex(&hash, xr_str_of(variant->sha256, XR_SHA256_SIZE));

    xrw_page_raw(page, "<tr><td>");

    if (picture != NULL) {
        xrw_page_raw(page, "<img alt=\"\" src=\"");
        xrw_page_raw(page, picture);
        xrw_page_raw(page, "\">");

    } else {
        xrw_page_raw(page, "<span class=\"none\"></span>");
    }

    xrw_page_cell(page, "</td><td>", variant->id);
    xrw_page_cell(page, "<td>", xr_str(classes));
    xrw_page_cell(page, "<td class=\"n\">", xr_str(size));
    xrw_page_cell(page, "<td class=\"n\">", xr_str(tris));
    xrw_page_cell(page, "<td>", xr_str(xrw_variants_textures(v, variant)));
    xrw_page_cell(page, "<td>", xr_str(xrw_variants_encodings(v, variant)));
    xrw_page_raw(page, "<td><code>");
    xrw_page_text(page, xr_str_of(hex, 16));
    xrw_page_raw(page, "</code></td></tr>\n");
}


bool
xrw_variants_page(xrw_variants_t *v, const char *path,
    const char *const *pictures)
{
    bool                    ok;
    size_t                  i;
    xrw_bytes_t             page;
    xr_manifest_variant_t   variant;

    page = (xrw_bytes_t) { NULL, 0, 0 };

    xrw_page_raw(&page, "<!DOCTYPE html>\n<html lang=\"en\">\n"
                        "<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
                        "content=\"width=device-width, initial-scale=1\">\n"
                        "<title>");
    xrw_page_text(&page, xr_str(v->name));
    xrw_page_raw(&page, "</title>\n");
    xrw_page_raw(&page, xrw_variants_style);
    xrw_page_raw(&page, "<h1>");
    xrw_page_text(&page, xr_str(v->name));
    xrw_page_raw(&page, "</h1>\n<p>Source <code>");
    xrw_page_text(&page, v->manifest.rev);
    xrw_page_raw(&page, "</code></p>\n<table>\n<tr><th></th><th>Variant</th>"
                        "<th>Classes</th><th>Size</th><th>Triangles</th>"
                        "<th>Textures</th><th>Encodings</th><th>SHA-256</th>"
                        "</tr>\n");

    for (i = 0; i < v->manifest.n; i++) {
        if (xr_manifest_variant(&v->manifest, i, &variant)) {
            xrw_page_row(&page, v, &variant, pictures[i]);
        }
    }

    xrw_page_raw(&page, "</table>\n</html>\n");

    ok = xrw_io_replace(v->arena, path, xrw_bytes_str(&page));
    xrw_bytes_free(&page);

    if (!ok) {
        (void) xrw_error("%s: it cannot be written", path);
    }

    return ok;
}
