/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "show.h"

#include <stdio.h>


/* How a claim is shown, and with which others it is judged. */

typedef enum {
    XRW_CLAIM_TEXT = 0,
    XRW_CLAIM_TIME,
    XRW_CLAIM_GROUP,                    /* judged with the rest of its group */
    XRW_CLAIM_CRITICAL                  /* judged with all that it may name */
} xrw_claim_kind_t;

typedef struct {
    const char        *name;
    const char        *label;
    xrw_claim_kind_t   kind;
} xrw_claim_t;


static const xrw_claim_t  xrw_claims[] = {
    { "iss", "issuer", XRW_CLAIM_TEXT },
    { "sub", "subject", XRW_CLAIM_TEXT },
    { "aud", "audience", XRW_CLAIM_TEXT },
    { "exp", "expires", XRW_CLAIM_TIME },
    { "nbf", "starts", XRW_CLAIM_TIME },
    { "iat", "issued", XRW_CLAIM_TIME },
    { "jti", "id", XRW_CLAIM_TEXT },
    { "path", "opens", XRW_CLAIM_TEXT },
    { "cdniip", "ip", XRW_CLAIM_TEXT },
    { "cdniuc", "opens", XRW_CLAIM_TEXT },
    { "cdniv", "version", XRW_CLAIM_TEXT },
    { "cdnicrit", "critical", XRW_CLAIM_CRITICAL },
    { "cdnistt", "renewal", XRW_CLAIM_GROUP },
    { "cdniets", "renewal", XRW_CLAIM_GROUP },
    { "cdnistd", "renewal", XRW_CLAIM_GROUP },
    { "xr_origin", "pages", XRW_CLAIM_TEXT },
    { "xr_country", "country", XRW_CLAIM_TEXT },
    { "xr_quality", "quality", XRW_CLAIM_TEXT },
    { "xr_rate", "rate", XRW_CLAIM_TEXT }
};


static const xrw_claim_t *
xrw_show_claim(const xr_json_t *name)
{
    size_t  i;

    for (i = 0; i < XR_COUNT(xrw_claims); i++) {

        if (xr_json_is(name, xr_str(xrw_claims[i].name))) {
            return &xrw_claims[i];
        }
    }

    return NULL;
}


/* Strings as they read, everything else as it is written. */

static xr_str_t
xrw_show_value(xrw_arena_t *arena, const xr_json_t *v)
{
    xr_buf_t  b;
    xr_str_t  text;

    b = xr_buf(xrw_alloc(arena, v->raw.len + 1), v->raw.len);

    return (xr_json_text(v, &b, &text) == XR_OK) ? text : v->raw;
}


static void
xrw_show_line(const xrw_show_t *show, const xrw_claim_t *claim,
    const xr_json_t *name, const xr_json_t *v)
{
    int64_t       t;
    xrw_arena_t  *arena;

    arena = show->j->arena;

    if (claim == NULL) {
        printf("claim    ");
        xrw_print(xrw_show_value(arena, name));
        printf(" = ");
        xrw_print(xrw_show_value(arena, v));
        (void) putchar('\n');

    } else if (claim->kind == XRW_CLAIM_TIME && xr_json_int(v, &t) == XR_OK) {
        xrw_show_time(show, claim->label, t);

    } else if (claim->kind == XRW_CLAIM_GROUP) {
        printf("%-8s %s ", claim->label, claim->name);
        xrw_print(xrw_show_value(arena, v));
        (void) putchar('\n');

    } else {
        xrw_show_text(claim->label, xrw_show_value(arena, v));
    }
}


static void
xrw_show_claims(const xrw_show_t *show)
{
    xr_json_t            name, value, item;
    xr_json_iter_t       it, items;
    const xrw_claim_t   *claim;

    it = xr_json_iter(&show->j->jwt.claims);

    while (xr_json_next(&it, &name, &value)) {
        claim = xrw_show_claim(&name);

        if (claim == NULL || value.type != XR_JSON_ARRAY) {
            xrw_show_line(show, claim, &name, &value);
            continue;
        }

        items = xr_json_iter(&value);

        while (xr_json_next(&items, NULL, &item)) {
            xrw_show_line(show, claim, &name, &item);
        }
    }
}


/* What else a header says of keys is for nobody. */

static void
xrw_show_header(const xrw_show_t *show)
{
    size_t           len;
    uint8_t         *text;
    xr_str_t         part;
    xr_json_t        root, name, value;
    xrw_arena_t     *arena;
    xr_json_iter_t   it;

    static const xr_json_limits_t  limits = { XR_JSON_MAX_DEPTH, 0 };

    arena = show->j->arena;
    part = show->j->jwt.input;
    part = xr_str_cut(&part, '.');
    text = xrw_alloc(arena, XR_BASE64_DECODED(part.len) + 1);

    if (xr_base64url_decode(part, text, XR_BASE64_DECODED(part.len), &len)
        != XR_OK
        || xr_json_check(xr_str_of(text, len), &limits, &root, NULL) != XR_OK)
    {
        return;
    }

    it = xr_json_iter(&root);

    while (xr_json_next(&it, &name, &value)) {

        if (xr_json_is(&name, xr_str("alg"))) {
            continue;                   /* stands in the first line */
        }

        if (xr_json_is(&name, xr_str("kid"))) {
            xrw_show_text("key", xrw_show_value(arena, &value));
            continue;
        }

        printf("header   ");
        xrw_print(xrw_show_value(arena, &name));
        printf(" = ");
        xrw_print(xrw_show_value(arena, &value));
        printf("  (ignored)\n");
    }
}


static void
xrw_show_member(xr_buf_t *b, const xr_json_t *name, const xr_json_t *value)
{
    const char  *quote;

    quote = (value->type == XR_JSON_STRING) ? "\"" : "";

    xr_buf_puts(b, ",\"");
    xr_buf_put(b, name->raw);
    xr_buf_puts(b, "\":");
    xr_buf_puts(b, quote);
    xr_buf_put(b, value->raw);
    xr_buf_puts(b, quote);
}


/*
 * Judges some of the claims as if they were all, beside an expiry that is all
 * right: what refuses one is found whatever refuses the others.
 */

static xr_deny_t
xrw_show_only(const xrw_show_t *show, const xrw_claim_t *claim,
    const xr_auth_policy_t *policy)
{
    size_t              size;
    xr_buf_t            b, memory;
    xr_jwt_t            t;
    xr_json_t           name, value;
    xr_json_iter_t      it;
    xr_principal_t      who;
    const xrw_claim_t  *other;

    static const char              never[] = "{\"exp\":253402300799";
    static const xr_json_limits_t  limits = { XR_JSON_MAX_DEPTH, 0 };

    t = show->j->jwt;
    size = t.claims.raw.len + sizeof(never) + 2;
    b = xr_buf(xrw_alloc(show->j->arena, size), size);
    memory = xr_buf(xrw_alloc(show->j->arena, size), size);

    xr_buf_puts(&b, never);
    it = xr_json_iter(&t.claims);

    while (xr_json_next(&it, &name, &value)) {
        other = xrw_show_claim(&name);

        if (other != NULL && !xr_json_is(&name, xr_str("exp"))
            && (other == claim
                || (claim->kind == XRW_CLAIM_GROUP
                    && other->kind == XRW_CLAIM_GROUP)
                || claim->kind == XRW_CLAIM_CRITICAL))
        {
            xrw_show_member(&b, &name, &value);
        }
    }

    xr_buf_putc(&b, '}');

    if (xr_json_check(xr_buf_str(&b), &limits, &t.claims, NULL) != XR_OK) {
        return XR_DENY_TOKEN_CLAIM;
    }

    return xr_jwt_judge(&t, &show->j->req, policy, &memory, &who);
}


/* NumericDate, or 0 where there is none, or no number, which is a reason. */

static int64_t
xrw_show_date(xrw_show_t *show, const char *name)
{
    int64_t    t;
    xr_json_t  value;

    if (xr_json_get(&show->j->jwt.claims, xr_str(name), &value) != XR_OK) {
        return 0;
    }

    if (xr_json_int(&value, &t) != XR_OK || t < 0) {
        xrw_show_reason(show, XR_DENY_TOKEN_CLAIM, name);
        return 0;
    }

    return t;
}


static void
xrw_show_dates(xrw_show_t *show)
{
    int64_t  exp, nbf, iat;

    exp = xrw_show_date(show, "exp");
    nbf = xrw_show_date(show, "nbf");
    iat = xrw_show_date(show, "iat");

    if (exp == 0) {
        xrw_show_reason(show, XR_DENY_TOKEN_CLAIM, "exp");
        exp = INT64_MAX;
    }

    xrw_show_reason_times(show, nbf, iat, exp);
}


/* "about" is NULL where the reason itself says it. */

static void
xrw_show_judge(xrw_show_t *show, const xrw_claim_t *claim, const char *about)
{
    xr_deny_t          deny;
    xr_auth_policy_t   policy;

    policy = show->j->policy;
    policy.max_lifetime = 0;

    /* what other claims have to be is not this one's fault */

    if (!xr_str_eq(xr_str(claim->name), xr_str("iss"))) {
        policy.issuers.packed.len = 0;
    }

    if (!xr_str_eq(xr_str(claim->name), xr_str("aud"))) {
        policy.audiences.packed.len = 0;
    }

    deny = xrw_show_only(show, claim, &policy);

    if (deny == XR_DENY_TOKEN_CLAIM) {
        xrw_show_reason(show, deny, about);

    } else if (claim->kind == XRW_CLAIM_TEXT) {
        xrw_show_reason(show, deny, NULL);
    }
}


static bool
xrw_show_any_claim(const xrw_show_t *show)
{
    size_t  i;

    for (i = 0; i < show->n; i++) {

        if (show->reasons[i].deny == XR_DENY_TOKEN_CLAIM) {
            return true;
        }
    }

    return false;
}


static void
xrw_show_judges(xrw_show_t *show)
{
    size_t              i;
    const xrw_claim_t  *claim, *group, *critical;

    group = NULL;
    critical = NULL;

    for (i = 0; i < XR_COUNT(xrw_claims); i++) {
        claim = &xrw_claims[i];

        switch (claim->kind) {

        case XRW_CLAIM_TEXT:
            xrw_show_judge(show, claim, claim->name);
            break;

        case XRW_CLAIM_GROUP:
            group = claim;
            break;

        case XRW_CLAIM_CRITICAL:
            critical = claim;
            break;

        default: /* XRW_CLAIM_TIME */
            break;
        }
    }

    xrw_show_judge(show, group, "renewal");

    /* with others that are wrong it is not known which of them it was */

    if (!xrw_show_any_claim(show)) {
        xrw_show_judge(show, critical, critical->name);
    }
}


void
xrw_show_jwt(xrw_show_t *show)
{
    xr_str_t         alg;
    xr_json_t        value;
    const xr_jwt_t  *t;

    t = &show->j->jwt;
    alg = xr_alg_name(t->alg);

    printf("%-8s JSON Web Token, %.*s\n", "format", (int) alg.len,
           (const char *) alg.data);

    xrw_show_unescaped(show, "path", show->j->req.raw_path);
    xrw_show_header(show);
    xrw_show_claims(show);

    if (xr_json_get(&t->claims, xr_str("path"), &value) != XR_OK
        && xr_json_get(&t->claims, xr_str("cdniuc"), &value) != XR_OK)
    {
        printf("%-8s everything of the tenant\n", "opens");
    }

    xrw_show_hex("signed", t->signature);

    xrw_show_dates(show);
    xrw_show_judges(show);
}
