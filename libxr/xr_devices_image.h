/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef XR_DEVICES_IMAGE_H
#define XR_DEVICES_IMAGE_H


#include "xr_device.h"


/*
 * The inside of a compiled table: a header, and behind it arrays, each at an
 * offset that is a multiple of 8.  Conditions are in the order they are tried
 * in.  Made and read on little-endian machines.
 */

#define XR_DEVICES_MAGIC     UINT64_C(0x3263766564525858)

#define XR_DEVICES_RULES     512
#define XR_DEVICES_CONDS     1024
#define XR_DEVICES_PATTERNS  512
#define XR_DEVICES_NUMBERS   64         /* patterns that a number follows */
#define XR_DEVICES_PATTERN   48         /* bytes of one */
#define XR_DEVICES_NODES     16384
#define XR_DEVICES_WORDS     4          /* patterns of one condition */

#define XR_DEVICES_NONE      0xffff

#define XR_DEVICES_ROOT      0x01       /* of a byte: a pattern begins so */
#define XR_DEVICES_WORD      0x02

/*
 * So much of a text is looked at, in so many steps for all texts of a request:
 * real User-Agents have up to 220 bytes, and take up to 130.
 */
#define XR_DEVICES_TEXT      384
#define XR_DEVICES_WORK      160


/* What a condition is about. */

typedef enum {
    XR_DEVICES_UA = 0,
    XR_DEVICES_GPU,
    XR_DEVICES_MODEL,
    XR_DEVICES_PROFILE,
    XR_DEVICES_CLIENT,
    XR_DEVICES_CLOUDFRONT,
    XR_DEVICES_INPUTS
} xr_devices_input_t;


#define XR_DEVICES_CF_MOBILE   0x01
#define XR_DEVICES_CF_TABLET   0x02
#define XR_DEVICES_CF_DESKTOP  0x04
#define XR_DEVICES_CF_SMARTTV  0x08
#define XR_DEVICES_CF_ANDROID  0x10
#define XR_DEVICES_CF_IOS      0x20

#define XR_DEVICES_CH_XR       0x01
#define XR_DEVICES_CH_MOBILE   0x02     /* "?1" */
#define XR_DEVICES_CH_FIXED    0x04     /* "?0" */


typedef struct {
    uint8_t   input;
    uint8_t   flags;                    /* all have to be set */
    uint16_t  rule;
    uint16_t  all[XR_DEVICES_WORDS];    /* patterns, up to the first NONE; of a
                                           model, profile or platform: one */
    uint16_t  none[XR_DEVICES_WORDS];
    uint16_t  number;                   /* the pattern it follows, or NONE */
    uint16_t  has_memory;
    uint16_t  mem_min;
    uint16_t  mem_max;
    uint32_t  min;                      /* of the number */
    uint32_t  max;
} xr_devices_cond_t;


typedef struct {
    uint32_t  name;                     /* offset into the strings */
    uint8_t   name_len;
    uint8_t   class;
    uint8_t   use;
    uint8_t   session;
    uint32_t  tex;
    uint16_t  mem_gib;
    uint16_t  generic;                  /* names a kind, not a device */
} xr_devices_rule_t;


typedef struct {
    uint32_t  text;                     /* offset into the strings, folded */
    uint8_t   len;
    uint8_t   exact;                    /* a whole text, in no trie */
    uint8_t   number;                   /* a number follows: this slot + 1 */
    uint8_t   prefix;                   /* a word may go on behind it */
} xr_devices_pattern_t;


/* Children are next to each other, in the order of their bytes. */

typedef struct {
    uint16_t  child;
    uint8_t   nchild;
    uint8_t   byte;
    uint16_t  whole;                    /* patterns that end here, or NONE */
    uint16_t  prefix;
} xr_devices_node_t;


typedef struct {
    uint32_t  dim;
    uint32_t  tris;
    uint32_t  bytes_kib;
    uint32_t  gpu_kib;
    uint32_t  vr;                       /* the class as a headset */
    uint32_t  reserved;
} xr_devices_budget_t;


struct xr_devices_s {
    uint64_t             magic;
    uint32_t             size;          /* of all */
    uint32_t             nrules;
    uint32_t             nconds;
    uint32_t             npatterns;
    uint32_t             nnodes;
    uint32_t             nstrings;      /* bytes */
    uint32_t             rules;         /* offsets */
    uint32_t             conds;
    uint32_t             patterns;
    uint32_t             nodes;
    uint32_t             strings;
    uint32_t             tex;           /* of who does not say: decoders */
    uint32_t             geo;
    uint32_t             reserved;
    uint32_t             start[XR_DEVICES_INPUTS + 2];   /* conditions of an
                                           input are from start[input] up to
                                           start[input + 1] */
    xr_devices_budget_t  budgets[XR_CLASSES];
    uint16_t             roots[256];    /* nodes by first byte, of both cases;
                                           0: none */
    uint8_t              kinds[256];    /* XR_DEVICES_ROOT, XR_DEVICES_WORD */
};


static inline uint8_t
xr_devices_fold(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') ? (uint8_t) (c | 0x20) : c;
}


static inline bool
xr_devices_is_word(uint8_t c)           /* "c" is folded */
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}


/* Typed views of the arrays. */

static inline const xr_devices_rule_t *
xr_devices_rule(const xr_devices_t *d)
{
    return (const void *) ((const uint8_t *) d + d->rules);
}


static inline const xr_devices_cond_t *
xr_devices_cond(const xr_devices_t *d)
{
    return (const void *) ((const uint8_t *) d + d->conds);
}


static inline const xr_devices_pattern_t *
xr_devices_pattern(const xr_devices_t *d)
{
    return (const void *) ((const uint8_t *) d + d->patterns);
}


static inline const xr_devices_node_t *
xr_devices_node(const xr_devices_t *d)
{
    return (const void *) ((const uint8_t *) d + d->nodes);
}


static inline xr_str_t
xr_devices_string(const xr_devices_t *d, uint32_t offset, size_t len)
{
    return xr_str_of((const uint8_t *) d + d->strings + offset, len);
}


/* What the conditions are compared with. */

typedef struct {
    xr_str_t  text[XR_DEVICES_INPUTS];  /* of a client: its platform */
    unsigned  client;                   /* XR_DEVICES_CH_* */
    unsigned  cloudfront;               /* XR_DEVICES_CF_* */
    bool      has_memory;
    uint32_t  mem_gib;
    unsigned  work;                     /* steps that are left */
} xr_devices_facts_t;

/* The first rule with a condition about "input" that is met; NULL: none. */
const xr_devices_rule_t *xr_devices_match(const xr_devices_t *d,
    xr_devices_input_t input, xr_devices_facts_t *facts);


/* xr_devices_builder.c */

typedef struct {
    const xr_mem_t        *mem;
    uint8_t               *strings;
    xr_devices_rule_t     *rules;
    xr_devices_cond_t     *conds;
    xr_devices_pattern_t  *patterns;
    size_t                 nrules;
    size_t                 nconds;
    size_t                 npatterns;
    size_t                 nstrings;
    size_t                 nnumbers;
    uint32_t               tex;
    uint32_t               geo;
    xr_devices_budget_t    budgets[XR_CLASSES];
} xr_devices_builder_t;

#define XR_DEVICES_STRINGS  65536


xr_rc_t xr_devices_builder_init(xr_devices_builder_t *b, const xr_mem_t *mem);

/* Each of them returns NULL on success, and otherwise what is wrong. */
const char *xr_devices_builder_rule(xr_devices_builder_t *b, xr_str_t name,
    const xr_devices_rule_t *rule);
const char *xr_devices_builder_cond(xr_devices_builder_t *b,
    const xr_devices_cond_t *cond);
const char *xr_devices_builder_pattern(xr_devices_builder_t *b, xr_str_t text,
    bool exact, bool number, uint16_t *id);
const char *xr_devices_builder_base(xr_devices_builder_t *b,
    const xr_devices_t *base);

xr_rc_t xr_devices_builder_finish(xr_devices_builder_t *b, xr_str_t *image,
    xr_err_t *err);


#endif /* XR_DEVICES_IMAGE_H */
