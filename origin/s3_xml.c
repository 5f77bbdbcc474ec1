/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "s3_request.h"

#include <expat.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>


#define XR_S3_XML_DEPTH  8              /* S3's answers need 4 */
#define XR_S3_XML_NAME   64
#define XR_S3_XML_TEXT   65536          /* refusals quote whole requests */


typedef struct {
    XML_Parser         parser;
    xr_s3_element_pt   element;
    void              *ctx;
    size_t             depth;
    char               names[XR_S3_XML_DEPTH][XR_S3_XML_NAME];
    size_t             len;
    bool               refused;
    uint8_t            text[XR_S3_XML_TEXT];
} xr_s3_xml_t;


static void
xr_s3_xml_refuse(xr_s3_xml_t *xml)
{
    xml->refused = true;
    (void) XML_StopParser(xml->parser, XML_FALSE);
}


static void XMLCALL
xr_s3_xml_start(void *data, const XML_Char *name, const XML_Char **attributes)
{
    xr_s3_xml_t *xml = data;

    size_t  len;

    (void) attributes;

    len = strlen(name);

    if (xml->depth == XR_S3_XML_DEPTH || len >= XR_S3_XML_NAME) {
        xr_s3_xml_refuse(xml);
        return;
    }

    memcpy(xml->names[xml->depth], name, len + 1);
    xml->depth++;
    xml->len = 0;
}


static void XMLCALL
xr_s3_xml_end(void *data, const XML_Char *name)
{
    xr_s3_xml_t *xml = data;

    /* after a refusal expat may still deliver an event */

    if (xml->refused) {
        return;
    }

    xml->depth--;
    xml->element(xml->ctx, xml->depth > 0 ? xml->names[xml->depth - 1] : "",
                 name, xr_str_of(xml->text, xml->len));
    xml->len = 0;
}


static void XMLCALL
xr_s3_xml_characters(void *data, const XML_Char *s, int len)
{
    xr_s3_xml_t *xml = data;

    if (xml->refused) {
        return;
    }

    if ((size_t) len > XR_S3_XML_TEXT - xml->len) {
        xr_s3_xml_refuse(xml);
        return;
    }

    memcpy(xml->text + xml->len, s, (size_t) len);
    xml->len += (size_t) len;
}


/* No answer of S3 has a DTD; entities of one's own come with it. */

static void XMLCALL
xr_s3_xml_doctype(void *data, const XML_Char *name, const XML_Char *sysid,
    const XML_Char *pubid, int has_internal_subset)
{
    (void) name;
    (void) sysid;
    (void) pubid;
    (void) has_internal_subset;

    xr_s3_xml_refuse(data);
}


xr_rc_t
xr_s3_xml(xr_str_t text, xr_s3_element_pt element, void *ctx)
{
    xr_rc_t       rc;
    xr_s3_xml_t  *xml;

    if (text.len > INT_MAX) {
        return XR_INVALID;
    }

    xml = calloc(1, sizeof(xr_s3_xml_t));

    if (xml == NULL) {
        return XR_NO_SPACE;
    }

    xml->element = element;
    xml->ctx = ctx;
    xml->parser = XML_ParserCreate(NULL);

    if (xml->parser == NULL) {
        free(xml);
        return XR_NO_SPACE;
    }

    XML_SetUserData(xml->parser, xml);
    XML_SetElementHandler(xml->parser, xr_s3_xml_start, xr_s3_xml_end);
    XML_SetCharacterDataHandler(xml->parser, xr_s3_xml_characters);
    XML_SetStartDoctypeDeclHandler(xml->parser, xr_s3_xml_doctype);

    rc = XR_OK;

    if (XML_Parse(xml->parser, (const char *) text.data, (int) text.len, 1)
        != XML_STATUS_OK)
    {
        rc = XR_INVALID;
    }

    XML_ParserFree(xml->parser);
    free(xml);

    return rc;
}
