/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_devices_image.h"


#define XR_DEVICES_GAP     8            /* bytes between a name and a number */
#define XR_DEVICES_DIGITS  6
#define XR_DEVICES_BLOCK   64           /* bytes looked at in one go */


/* The patterns that are in a text. */

typedef struct {
    uint64_t  bits[XR_DEVICES_PATTERNS / 64];
    uint32_t  numbers[XR_DEVICES_NUMBERS];  /* only of what was found */
} xr_devices_found_t;


static bool
xr_devices_has(const xr_devices_found_t *f, unsigned id)
{
    return (f->bits[id / 64] >> (id % 64)) & 1;
}


/* Whether "n" items of "size" bytes at "offset" are in the image. */

static bool
xr_devices_fits(const xr_devices_t *d, uint32_t offset, uint32_t n,
    size_t size, size_t max)
{
    return n <= max
           && offset % XR_DEVICES_ALIGN == 0
           && offset >= sizeof(xr_devices_t)
           && offset <= d->size
           && n * size <= d->size - offset;
}


/* Offsets and counts; what is in the arrays is as it was compiled. */

const xr_devices_t *
xr_devices_open(xr_str_t image)
{
    size_t               i;
    const xr_devices_t  *d;

    if (image.len < sizeof(xr_devices_t)
        || (uintptr_t) image.data % XR_DEVICES_ALIGN != 0)
    {
        return NULL;
    }

    d = (const void *) image.data;

    if (d->magic != XR_DEVICES_MAGIC
        || d->size != image.len
        || !xr_devices_fits(d, d->rules, d->nrules,
                            sizeof(xr_devices_rule_t), XR_DEVICES_RULES)
        || !xr_devices_fits(d, d->conds, d->nconds,
                            sizeof(xr_devices_cond_t), XR_DEVICES_CONDS)
        || !xr_devices_fits(d, d->patterns, d->npatterns,
                            sizeof(xr_devices_pattern_t), XR_DEVICES_PATTERNS)
        || !xr_devices_fits(d, d->nodes, d->nnodes,
                            sizeof(xr_devices_node_t), XR_DEVICES_NODES)
        || !xr_devices_fits(d, d->strings, d->nstrings, 1,
                            XR_DEVICES_STRINGS))
    {
        return NULL;
    }

    for (i = 0; i < XR_DEVICES_INPUTS; i++) {

        if (d->start[i] > d->start[i + 1] || d->start[i + 1] > d->nconds) {
            return NULL;
        }
    }

    return d;
}


size_t
xr_devices_size(const xr_devices_t *devices)
{
    return devices->size;
}


size_t
xr_devices_rules(const xr_devices_t *devices)
{
    return devices->nrules;
}


/* "Adreno (TM) 650": the number behind a name; 0: there is none. */

static uint32_t
xr_devices_number(xr_str_t s)
{
    size_t    i;
    uint32_t  n;

    for (i = 0; i < s.len && (s.data[i] < '0' || s.data[i] > '9'); i++) {

        if (i == XR_DEVICES_GAP) {
            return 0;
        }
    }

    xr_str_skip(&s, i);
    n = 0;

    for (i = 0; i < s.len && s.data[i] >= '0' && s.data[i] <= '9'; i++) {

        if (i == XR_DEVICES_DIGITS) {
            return 0;
        }

        n = n * 10 + (uint32_t) (s.data[i] - '0');
    }

    return n;
}


static void
xr_devices_note(const xr_devices_t *d, unsigned id, xr_str_t rest,
    xr_devices_found_t *f)
{
    unsigned  slot;

    if (xr_devices_has(f, id)) {
        return;                         /* the first number counts */
    }

    f->bits[id / 64] |= UINT64_C(1) << (id % 64);
    slot = xr_devices_pattern(d)[id].number;

    if (slot != 0) {
        f->numbers[slot - 1] = xr_devices_number(rest);
    }
}


/* The patterns that "s" begins with; returns "work" less what that took. */

static unsigned
xr_devices_walk(const xr_devices_t *d, xr_str_t s, unsigned work,
    xr_devices_found_t *f)
{
    unsigned                  n;
    uint8_t                   c;
    const uint8_t            *p, *last;
    const xr_devices_node_t  *nodes, *node, *child;

    nodes = xr_devices_node(d);
    node = &nodes[d->roots[s.data[0]]];

    p = s.data;
    last = p + s.len;

    for ( ;; ) {

        p++;
        work--;

        c = (p != last) ? xr_devices_fold(*p) : 0;

        if ((node->prefix & node->whole) != XR_DEVICES_NONE) {

            if (node->prefix != XR_DEVICES_NONE) {
                xr_devices_note(d, node->prefix,
                                xr_str_of(p, (size_t) (last - p)), f);
            }

            if (node->whole != XR_DEVICES_NONE
                && !(xr_devices_is_word(node->byte) && xr_devices_is_word(c)))
            {
                xr_devices_note(d, node->whole, xr_str_of(NULL, 0), f);
            }
        }

        if (p == last) {
            return work;
        }

        child = &nodes[node->child];

        for (n = node->nchild; n > 0 && child->byte != c; n--, child++) {

            if (work == 0) {
                return 0;
            }

            work--;
        }

        if (n == 0 || work == 0) {
            return work;
        }

        node = child;
    }
}


/*
 * Patterns begin where words do, or at what is in no word: these places are
 * found without a branch, as a text may have one at each byte.  "before" says
 * whether a word goes on, and is 0 at first.
 */

static size_t
xr_devices_starts(const xr_devices_t *d, xr_str_t s, unsigned *before,
    uint8_t *starts)
{
    size_t    i, n;
    unsigned  kind, word;

    n = 0;
    word = *before;

    for (i = 0; i < s.len; i++) {
        kind = d->kinds[s.data[i]];
        starts[n] = (uint8_t) i;
        n += kind & ~word & XR_DEVICES_ROOT;
        word = kind >> 1;               /* no pattern begins in a word */
    }

    *before = word;

    return n;
}


/* What a text was made for, to take long, is not looked for to its end. */

static void
xr_devices_scan(const xr_devices_t *d, xr_str_t s, unsigned *work,
    xr_devices_found_t *f)
{
    size_t    i, n, pos, len;
    uint8_t   starts[XR_DEVICES_BLOCK];
    unsigned  before;

    memset(f->bits, 0, sizeof(f->bits));
    before = 0;

    for (pos = 0; pos < s.len; pos += len) {

        len = s.len - pos;
        len = (len < XR_DEVICES_BLOCK) ? len : XR_DEVICES_BLOCK;

        n = xr_devices_starts(d, xr_str_of(s.data + pos, len), &before,
                              starts);

        for (i = 0; i < n; i++) {

            if (*work == 0) {
                return;
            }

            *work = xr_devices_walk(d, xr_str_of(s.data + pos + starts[i],
                                                 s.len - pos - starts[i]),
                                    *work, f);
        }
    }
}


static bool
xr_devices_is(const xr_devices_t *d, unsigned id, xr_str_t s)
{
    const xr_devices_pattern_t  *p;

    p = &xr_devices_pattern(d)[id];

    return p->len == s.len
           && xr_str_eq_nocase(xr_devices_string(d, p->text, p->len), s);
}


static bool
xr_devices_words(const xr_devices_t *d, const xr_devices_cond_t *c,
    const xr_devices_found_t *f)
{
    size_t    i;
    uint32_t  n;

    for (i = 0; i < XR_DEVICES_WORDS && c->all[i] != XR_DEVICES_NONE; i++) {

        if (!xr_devices_has(f, c->all[i])) {
            return false;
        }
    }

    for (i = 0; i < XR_DEVICES_WORDS && c->none[i] != XR_DEVICES_NONE; i++) {

        if (xr_devices_has(f, c->none[i])) {
            return false;
        }
    }

    if (c->number == XR_DEVICES_NONE) {
        return true;
    }

    if (!xr_devices_has(f, c->number)) {
        return false;
    }

    n = f->numbers[xr_devices_pattern(d)[c->number].number - 1];

    return n >= c->min && n <= c->max;
}


static bool
xr_devices_met(const xr_devices_t *d, const xr_devices_cond_t *c,
    const xr_devices_facts_t *facts, const xr_devices_found_t *f)
{
    if (c->has_memory
        && (!facts->has_memory
            || facts->mem_gib < c->mem_min || facts->mem_gib > c->mem_max))
    {
        return false;
    }

    switch ((xr_devices_input_t) c->input) {

    case XR_DEVICES_UA:
    case XR_DEVICES_GPU:
        return xr_devices_words(d, c, f);

    case XR_DEVICES_CLOUDFRONT:
        return (facts->cloudfront & c->flags) == c->flags;

    case XR_DEVICES_CLIENT:
        return (facts->client & c->flags) == c->flags
               && (c->all[0] == XR_DEVICES_NONE
                   || xr_devices_is(d, c->all[0],
                                    facts->text[XR_DEVICES_CLIENT]));

    default:
        return xr_devices_is(d, c->all[0], facts->text[c->input]);
    }
}


const xr_devices_rule_t *
xr_devices_match(const xr_devices_t *d, xr_devices_input_t input,
    xr_devices_facts_t *facts)
{
    bool                      words;
    uint32_t                  i;
    xr_str_t                  s;
    xr_devices_found_t        found;
    const xr_devices_cond_t  *c;

    if (input == XR_DEVICES_UA || input == XR_DEVICES_GPU) {
        s = facts->text[input];

        if (s.len == 0) {
            return NULL;
        }

        if (s.len > XR_DEVICES_TEXT) {
            s.len = XR_DEVICES_TEXT;
        }

        xr_devices_scan(d, s, &facts->work, &found);
    }

    c = xr_devices_cond(d);
    words = (input == XR_DEVICES_UA || input == XR_DEVICES_GPU);

    for (i = d->start[input]; i < d->start[input + 1]; i++) {

        /* most of them are about another device, which is soon seen */

        if (words && c[i].all[0] != XR_DEVICES_NONE
            && !xr_devices_has(&found, c[i].all[0]))
        {
            continue;
        }

        if (xr_devices_met(d, &c[i], facts, &found)) {
            return &xr_devices_rule(d)[c[i].rule];
        }
    }

    return NULL;
}
