/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_devices_image.h"


/* Patterns of a trie that begin alike, as a part of the sorted list. */

typedef struct {
    uint16_t  first;
    uint16_t  n;
} xr_devices_span_t;


typedef struct {
    const xr_devices_builder_t  *b;
    uint16_t                    *sorted;    /* ids */
    size_t                       n;
    xr_devices_node_t           *nodes;
    xr_devices_span_t           *spans;     /* of each node */
    size_t                       nnodes;
} xr_devices_trie_t;


xr_rc_t
xr_devices_builder_init(xr_devices_builder_t *b, const xr_mem_t *mem)
{
    *b = (xr_devices_builder_t) { .mem = mem };

    b->strings = mem->alloc(mem->ctx, XR_DEVICES_STRINGS);
    b->rules = mem->alloc(mem->ctx,
                          XR_DEVICES_RULES * sizeof(xr_devices_rule_t));
    b->conds = mem->alloc(mem->ctx,
                          XR_DEVICES_CONDS * sizeof(xr_devices_cond_t));
    b->patterns = mem->alloc(mem->ctx, XR_DEVICES_PATTERNS
                                       * sizeof(xr_devices_pattern_t));

    return (b->strings == NULL || b->rules == NULL || b->conds == NULL
            || b->patterns == NULL)
           ? XR_NO_SPACE : XR_OK;
}


static const char *
xr_devices_builder_string(xr_devices_builder_t *b, xr_str_t s, uint32_t *out)
{
    if (s.len > XR_DEVICES_STRINGS - b->nstrings) {
        return "too many names and patterns";
    }

    *out = (uint32_t) b->nstrings;
    memcpy(b->strings + b->nstrings, s.data, s.len);
    b->nstrings += s.len;

    return NULL;
}


const char *
xr_devices_builder_rule(xr_devices_builder_t *b, xr_str_t name,
    const xr_devices_rule_t *rule)
{
    xr_devices_rule_t  *r;

    if (b->nrules == XR_DEVICES_RULES) {
        return "more than 512 rules";
    }

    r = &b->rules[b->nrules++];
    *r = *rule;
    r->name_len = (uint8_t) name.len;

    return xr_devices_builder_string(b, name, &r->name);
}


/* Of the rule that was added last. */

const char *
xr_devices_builder_cond(xr_devices_builder_t *b, const xr_devices_cond_t *cond)
{
    if (b->nconds == XR_DEVICES_CONDS) {
        return "more than 1024 conditions";
    }

    b->conds[b->nconds] = *cond;
    b->conds[b->nconds].rule = (uint16_t) (b->nrules - 1);
    b->nconds++;

    return NULL;
}


/* A "*" at the end: a word may go on behind it, as it does before a number. */

const char *
xr_devices_builder_pattern(xr_devices_builder_t *b, xr_str_t text, bool exact,
    bool number, uint16_t *id)
{
    bool                   prefix;
    size_t                 i, j;
    uint8_t                folded[XR_DEVICES_PATTERN];
    const char            *wrong;
    xr_devices_pattern_t  *p;

    prefix = number;

    if (!exact && text.len > 0 && text.data[text.len - 1] == '*') {
        prefix = true;
        text.len--;
    }

    if (text.len == 0 || text.len > XR_DEVICES_PATTERN) {
        return "a pattern is of 1 to 48 bytes";
    }

    for (i = 0; i < text.len; i++) {
        folded[i] = xr_devices_fold(text.data[i]);
    }

    for (i = 0; i < b->npatterns; i++) {
        p = &b->patterns[i];

        if (p->exact == exact && p->prefix == prefix && p->len == text.len
            && memcmp(b->strings + p->text, folded, text.len) == 0)
        {
            break;
        }
    }

    if (i == XR_DEVICES_PATTERNS) {
        return "more than 512 patterns";
    }

    p = &b->patterns[i];

    if (i == b->npatterns) {
        *p = (xr_devices_pattern_t) {
            .len = (uint8_t) text.len,
            .exact = exact,
            .prefix = prefix
        };

        wrong = xr_devices_builder_string(b, xr_str_of(folded, text.len),
                                          &p->text);
        if (wrong != NULL) {
            return wrong;
        }

        b->npatterns++;
    }

    if (number && p->number == 0) {
        j = b->nnumbers;

        if (j == XR_DEVICES_NUMBERS) {
            return "numbers behind more than 64 patterns";
        }

        b->nnumbers = j + 1;
        p->number = (uint8_t) (j + 1);
    }

    *id = (uint16_t) i;

    return NULL;
}


/* An id of another table as one of this. */

static const char *
xr_devices_builder_copy(xr_devices_builder_t *b, const xr_devices_t *base,
    uint16_t *id)
{
    xr_str_t                     text;
    uint8_t                      copy[XR_DEVICES_PATTERN + 1];
    const xr_devices_pattern_t  *p;

    if (*id == XR_DEVICES_NONE) {
        return NULL;
    }

    p = &xr_devices_pattern(base)[*id];
    text = xr_devices_string(base, p->text, p->len);

    memcpy(copy, text.data, text.len);

    if (p->prefix) {
        copy[text.len++] = '*';
    }

    return xr_devices_builder_pattern(b, xr_str_of(copy, text.len), p->exact,
                                      p->number != 0, id);
}


static const char *
xr_devices_builder_base_cond(xr_devices_builder_t *b,
    const xr_devices_t *base, const xr_devices_cond_t *cond)
{
    size_t             i;
    const char        *wrong;
    xr_devices_cond_t  c;

    c = *cond;
    wrong = xr_devices_builder_copy(b, base, &c.number);

    for (i = 0; i < XR_DEVICES_WORDS && wrong == NULL; i++) {

        wrong = xr_devices_builder_copy(b, base, &c.all[i]);

        if (wrong == NULL) {
            wrong = xr_devices_builder_copy(b, base, &c.none[i]);
        }
    }

    return (wrong == NULL) ? xr_devices_builder_cond(b, &c) : wrong;
}


/* The rules of another table, behind those that are here. */

const char *
xr_devices_builder_base(xr_devices_builder_t *b, const xr_devices_t *base)
{
    uint32_t                  i, j;
    const char               *wrong;
    const xr_devices_rule_t  *r;
    const xr_devices_cond_t  *c;

    wrong = NULL;
    r = xr_devices_rule(base);
    c = xr_devices_cond(base);

    for (i = 0; i < base->nrules && wrong == NULL; i++) {

        wrong = xr_devices_builder_rule(b, xr_devices_string(base, r[i].name,
                                                             r[i].name_len),
                                        &r[i]);

        for (j = 0; j < base->nconds && wrong == NULL; j++) {

            if (c[j].rule == i) {
                wrong = xr_devices_builder_base_cond(b, base, &c[j]);
            }
        }
    }

    return wrong;
}


static xr_str_t
xr_devices_builder_text(const xr_devices_trie_t *t, size_t i)
{
    const xr_devices_pattern_t  *p;

    p = &t->b->patterns[t->sorted[i]];

    return xr_str_of(t->b->strings + p->text, p->len);
}


static int
xr_devices_builder_compare(xr_str_t a, xr_str_t b)
{
    int  rc;

    rc = memcmp(a.data, b.data, (a.len < b.len) ? a.len : b.len);

    return (rc != 0) ? rc : (a.len > b.len) - (a.len < b.len);
}


static void
xr_devices_builder_sort(xr_devices_trie_t *t)
{
    size_t    i, j;
    uint16_t  id;

    for (i = 0; i < t->b->npatterns; i++) {

        if (t->b->patterns[i].exact) {
            continue;
        }

        id = (uint16_t) i;
        t->sorted[t->n] = id;

        for (j = t->n++; j > 0; j--) {

            if (xr_devices_builder_compare(xr_devices_builder_text(t, j - 1),
                                           xr_devices_builder_text(t, j))
                <= 0)
            {
                break;
            }

            t->sorted[j] = t->sorted[j - 1];
            t->sorted[j - 1] = id;
        }
    }
}


/* A node for each byte that the patterns of "span" have at "depth". */

static bool
xr_devices_builder_children(xr_devices_trie_t *t, xr_devices_span_t span,
    size_t depth)
{
    size_t              i, last;
    xr_str_t            s;
    xr_devices_node_t  *node;

    last = (size_t) span.first + span.n;
    node = NULL;

    for (i = span.first; i < last; i++) {
        s = xr_devices_builder_text(t, i);

        if (s.len <= depth) {
            continue;
        }

        if (node == NULL || node->byte != s.data[depth]) {

            if (t->nnodes == XR_DEVICES_NODES) {
                return false;
            }

            node = &t->nodes[t->nnodes];
            *node = (xr_devices_node_t) {
                .byte = s.data[depth],
                .whole = XR_DEVICES_NONE,
                .prefix = XR_DEVICES_NONE
            };

            t->spans[t->nnodes++] = (xr_devices_span_t) {
                .first = (uint16_t) i
            };
        }

        t->spans[t->nnodes - 1].n++;

        if (s.len != depth + 1) {
            continue;
        }

        if (t->b->patterns[t->sorted[i]].prefix) {
            node->prefix = t->sorted[i];

        } else {
            node->whole = t->sorted[i];
        }
    }

    return true;
}


/* Level by level, so that the children of a node are next to each other. */

static bool
xr_devices_builder_trie(xr_devices_trie_t *t)
{
    size_t             i, depth, level;
    xr_devices_span_t  all;

    xr_devices_builder_sort(t);

    all = (xr_devices_span_t) { .first = 0, .n = (uint16_t) t->n };

    t->nodes[0] = (xr_devices_node_t) {
        .whole = XR_DEVICES_NONE,
        .prefix = XR_DEVICES_NONE
    };
    t->spans[0] = all;
    t->nnodes = 1;

    depth = 0;
    level = 1;

    for (i = 0; i < t->nnodes; i++) {

        if (i == level) {
            depth++;
            level = t->nnodes;
        }

        t->nodes[i].child = (uint16_t) t->nnodes;

        if (!xr_devices_builder_children(t, t->spans[i], depth)) {
            return false;
        }

        t->nodes[i].nchild = (uint8_t) (t->nnodes - t->nodes[i].child);
    }

    return true;
}


/* Room for "size" bytes more in the image; returns where. */

static uint32_t
xr_devices_builder_room(size_t *image, size_t size)
{
    size_t  at;

    at = *image;
    *image = (at + size + XR_DEVICES_ALIGN - 1)
             / XR_DEVICES_ALIGN * XR_DEVICES_ALIGN;

    return (uint32_t) at;
}


/* By input, and of one input in their order. */

static void
xr_devices_builder_conds(const xr_devices_builder_t *b, xr_devices_t *d)
{
    size_t              i;
    uint32_t            n;
    unsigned            input;
    xr_devices_cond_t  *out;

    out = (void *) ((uint8_t *) d + d->conds);
    n = 0;

    for (input = 0; input < XR_DEVICES_INPUTS; input++) {

        d->start[input] = n;

        for (i = 0; i < b->nconds; i++) {

            if (b->conds[i].input == input) {
                out[n++] = b->conds[i];
            }
        }
    }

    d->start[XR_DEVICES_INPUTS] = n;
}


static void
xr_devices_builder_byte(const xr_devices_trie_t *t, xr_devices_t *d,
    uint8_t byte)
{
    size_t   i;
    uint8_t  c;

    c = xr_devices_fold(byte);

    for (i = 0; i < t->nodes[0].nchild; i++) {

        if (t->nodes[t->nodes[0].child + i].byte == c) {
            d->roots[byte] = (uint16_t) (t->nodes[0].child + i);
            d->kinds[byte] = XR_DEVICES_ROOT;
        }
    }

    if (xr_devices_is_word(c)) {
        d->kinds[byte] |= XR_DEVICES_WORD;
    }
}


static void
xr_devices_builder_fill(const xr_devices_builder_t *b,
    const xr_devices_trie_t *t, xr_devices_t *d)
{
    size_t   i;
    uint8_t  *p;

    p = (uint8_t *) d;

    memcpy(d->budgets, b->budgets, sizeof(b->budgets));
    memcpy(p + d->rules, b->rules, b->nrules * sizeof(xr_devices_rule_t));
    memcpy(p + d->patterns, b->patterns,
           b->npatterns * sizeof(xr_devices_pattern_t));
    memcpy(p + d->nodes, t->nodes, t->nnodes * sizeof(xr_devices_node_t));
    memcpy(p + d->strings, b->strings, b->nstrings);

    xr_devices_builder_conds(b, d);

    for (i = 0; i < 256; i++) {
        xr_devices_builder_byte(t, d, (uint8_t) i);
    }
}


xr_rc_t
xr_devices_builder_finish(xr_devices_builder_t *b, xr_str_t *image,
    xr_err_t *err)
{
    size_t              size;
    xr_devices_t        head, *d;
    xr_devices_trie_t   t;
    const xr_mem_t     *mem;

    mem = b->mem;

    t = (xr_devices_trie_t) {
        .b = b,
        .sorted = mem->alloc(mem->ctx,
                             XR_DEVICES_PATTERNS * sizeof(uint16_t)),
        .nodes = mem->alloc(mem->ctx,
                            XR_DEVICES_NODES * sizeof(xr_devices_node_t)),
        .spans = mem->alloc(mem->ctx,
                            XR_DEVICES_NODES * sizeof(xr_devices_span_t))
    };

    if (t.sorted == NULL || t.nodes == NULL || t.spans == NULL) {
        return xr_fail(err, XR_NO_SPACE, 0, "out of memory");
    }

    if (!xr_devices_builder_trie(&t)) {
        return xr_fail(err, XR_INVALID, 0, "too many patterns");
    }

    memset(&head, 0, sizeof(head));
    size = sizeof(head);

    head.magic = XR_DEVICES_MAGIC;
    head.nrules = (uint32_t) b->nrules;
    head.nconds = (uint32_t) b->nconds;
    head.npatterns = (uint32_t) b->npatterns;
    head.nnodes = (uint32_t) t.nnodes;
    head.nstrings = (uint32_t) b->nstrings;
    head.rules = xr_devices_builder_room(&size, b->nrules
                                                * sizeof(xr_devices_rule_t));
    head.conds = xr_devices_builder_room(&size, b->nconds
                                                * sizeof(xr_devices_cond_t));
    head.patterns = xr_devices_builder_room(&size, b->npatterns
                                               * sizeof(xr_devices_pattern_t));
    head.nodes = xr_devices_builder_room(&size, t.nnodes
                                                * sizeof(xr_devices_node_t));
    head.strings = xr_devices_builder_room(&size, b->nstrings);
    head.size = (uint32_t) size;
    head.tex = b->tex;
    head.geo = b->geo;

    d = mem->alloc(mem->ctx, size);
    if (d == NULL) {
        return xr_fail(err, XR_NO_SPACE, 0, "out of memory");
    }

    *d = head;
    xr_devices_builder_fill(b, &t, d);

    *image = xr_str_of(d, size);

    return XR_OK;
}
