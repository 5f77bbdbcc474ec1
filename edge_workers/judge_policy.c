/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "judge.h"
#include "tenants.h"
#include "when.h"

#include <string.h>


/* The longest list: host names and the tenant's own. */

#define XRW_JUDGE_NAMES  (XRW_LIST_MAX + XR_TENANT_HOSTS + 1)

typedef struct {
    size_t    n;
    xr_str_t  list[XRW_JUDGE_NAMES];
} xrw_judge_names_t;


static void
xrw_judge_fill(const char **to, const char *from)
{
    if (*to == NULL) {
        *to = from;
    }
}


static void
xrw_judge_fill_list(xrw_list_t *to, const xrw_list_t *from)
{
    if (to->n == 0) {
        *to = *from;
    }
}


/* Options come before the configuration. */

static void
xrw_judge_merge(xrw_policy_t *p, const xrw_policy_t *config)
{
    xrw_judge_fill(&p->tenants, config->tenants);
    xrw_judge_fill(&p->jwks, config->jwks);
    xrw_judge_fill(&p->leeway, config->leeway);
    xrw_judge_fill(&p->max_lifetime, config->max_lifetime);

    xrw_judge_fill_list(&p->cloudfront_keys, &config->cloudfront_keys);
    xrw_judge_fill_list(&p->hosts, &config->hosts);
    xrw_judge_fill_list(&p->issuers, &config->issuers);
    xrw_judge_fill_list(&p->audiences, &config->audiences);
    xrw_judge_fill_list(&p->cloudfront_hosts, &config->cloudfront_hosts);

    p->cloudfront_sha1 = p->cloudfront_sha1 || config->cloudfront_sha1;
}


static void
xrw_judge_add(xrw_judge_names_t *names, const xr_str_t *list, size_t n)
{
    if (n > 0) {
        memcpy(names->list + names->n, list, n * sizeof(xr_str_t));
        names->n += n;
    }
}


static void
xrw_judge_add_list(xrw_judge_names_t *names, const xrw_list_t *list)
{
    size_t    i;
    xr_str_t  s;

    for (i = 0; i < list->n; i++) {
        s = xr_str(list->items[i]);
        xrw_judge_add(names, &s, 1);
    }
}


static xr_strs_t
xrw_judge_pack(xrw_arena_t *arena, const xrw_judge_names_t *names)
{
    size_t    i, size;
    xr_buf_t  b;

    size = 0;

    for (i = 0; i < names->n; i++) {
        size += XR_STRS_PACKED_SIZE(names->list[i].len);
    }

    b = xr_buf(xrw_alloc(arena, size), size);

    for (i = 0; i < names->n; i++) {
        xr_buf_packed(&b, names->list[i]);
    }

    return (xr_strs_t) { xr_buf_str(&b) };
}


/* Those of options or the configuration, or else the tenants file's. */

static xr_strs_t
xrw_judge_either(xrw_arena_t *arena, const xrw_list_t *list,
    const xr_tenant_names_t *names)
{
    xrw_judge_names_t  all;

    all.n = 0;
    xrw_judge_add_list(&all, list);

    if (all.n == 0) {
        xrw_judge_add(&all, names->list, names->n);
    }

    return xrw_judge_pack(arena, &all);
}


/* What a JWT may call the tenant. */

static void
xrw_judge_names(const char *tenant, const xrw_policy_t *p,
    const xr_tenant_t *t, xrw_judge_t *j)
{
    xr_str_t           name;
    xrw_judge_names_t  all;

    all.n = 0;

    xrw_judge_add_list(&all, &p->hosts);
    xrw_judge_add(&all, t->hosts, t->nhosts);

    if (tenant != NULL) {
        name = xr_str(tenant);
        xrw_judge_add(&all, &name, 1);
    }

    j->policy.names = xrw_judge_pack(j->arena, &all);
    j->has_tenant = (all.n > 0);
}


static int
xrw_judge_times(const xrw_command_t *cmd, const xrw_policy_t *p,
    const xr_tenant_t *t, xr_auth_policy_t *policy)
{
    policy->leeway = (t->leeway != -1) ? t->leeway : XR_TENANT_LEEWAY;
    policy->max_lifetime = t->max_lifetime;

    if (p->max_lifetime != NULL
        && !xrw_duration(p->max_lifetime, &policy->max_lifetime))
    {
        return xrw_usage(cmd, "--max-lifetime %s: not a time such as 7d",
                         p->max_lifetime);
    }

    if (p->leeway != NULL && !xrw_duration(p->leeway, &policy->leeway)) {
        return xrw_usage(cmd, "--leeway %s: not a time such as 30s",
                         p->leeway);
    }

    return XRW_OK;
}


/* Of a kind that neither options nor the configuration have keys of. */

static int
xrw_judge_tenant_keys(const xr_tenant_t *t, xrw_judge_t *j)
{
    size_t           i;
    const xr_key_t  *key;

    for (i = 0; i < t->keys.n; i++) {
        key = &t->keys.keys[i];

        if (j->kinds & key->kind) {
            continue;
        }

        if (j->keys.n == XR_KEYSET_MAX) {
            return xrw_error("more than %d keys", XR_KEYSET_MAX);
        }

        j->keys.keys[j->keys.n++] = *key;
    }

    return XRW_OK;
}


static void
xrw_judge_kinds(xrw_judge_t *j)
{
    size_t  i;

    for (i = 0; i < j->keys.n; i++) {
        j->kinds |= j->keys.keys[i].kind;
    }
}


static int
xrw_judge_keys(const xrw_judge_flags_t *flags, const xrw_policy_t *p,
    const xrw_tenant_t *config, const xr_tenant_t *t, xrw_judge_t *j)
{
    int     status;
    size_t  i;

    status = xrw_token_key(j->arena, &flags->key, config, &j->keys);

    if (status == XRW_OK && p->jwks != NULL
        && xrw_keys_jwks(j->arena, p->jwks, &j->keys) != XR_OK)
    {
        status = XRW_FAILED;
    }

    for (i = 0; status == XRW_OK && i < p->cloudfront_keys.n; i++) {

        if (xrw_keys_cloudfront(j->arena, p->cloudfront_keys.items[i],
                                &j->keys)
            != XR_OK)
        {
            status = XRW_FAILED;
        }
    }

    if (status == XRW_OK) {
        xrw_judge_kinds(j);
        status = xrw_judge_tenant_keys(t, j);
    }

    if (status == XRW_OK && j->keys.n == 0) {
        status = xrw_token_environment(j->arena, &j->keys);
    }

    xrw_judge_kinds(j);

    return status;
}


/* The tenants file's tenant, or one that says nothing. */

static int
xrw_judge_tenant(const xrw_command_t *cmd, const char *name, const char *file,
    xrw_judge_t *j, xr_tenant_t *t)
{
    xr_rc_t  rc;

    memset(t, 0, sizeof(*t));
    t->leeway = -1;

    if (file == NULL) {
        return XRW_OK;
    }

    if (name == NULL) {
        return xrw_usage(cmd, "--tenants %s: which --tenant?", file);
    }

    rc = xrw_tenants_find(j->arena, file, name, t);

    if (rc == XR_NOT_FOUND) {
        return xrw_error("no tenant \"%s\" in %s", name, file);
    }

    return (rc == XR_OK) ? XRW_OK : XRW_FAILED;
}


int
xrw_judge_policy(const xrw_command_t *cmd, const xrw_judge_flags_t *flags,
    xrw_judge_t *j)
{
    int           status;
    xr_tenant_t   t;
    xrw_policy_t  p;
    xrw_tenant_t  config;

    p = flags->policy;
    memset(&config, 0, sizeof(config));

    /* a tenants file that is named is all that is asked about the tenant */

    status = (p.tenants != NULL) ? XRW_OK
             : xrw_token_tenant(j->arena, &flags->key, &config);

    if (status != XRW_OK) {
        return status;
    }

    xrw_judge_merge(&p, &config.policy);

    status = xrw_judge_tenant(cmd, flags->key.tenant, p.tenants, j, &t);

    if (status != XRW_OK) {
        return status;
    }

    j->policy.issuers = xrw_judge_either(j->arena, &p.issuers, &t.issuers);
    j->policy.audiences = xrw_judge_either(j->arena, &p.audiences,
                                           &t.audiences);
    j->policy.cloudfront_hosts = xrw_judge_either(j->arena,
                                                  &p.cloudfront_hosts,
                                                  &t.cloudfront_hosts);
    j->policy.cloudfront_sha1 = p.cloudfront_sha1 || t.cloudfront_sha1;

    xrw_judge_names(flags->key.tenant, &p, &t, j);

    status = xrw_judge_times(cmd, &p, &t, &j->policy);

    return (status == XRW_OK) ? xrw_judge_keys(flags, &p, &config, &t, j)
                              : status;
}
