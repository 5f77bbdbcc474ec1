/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_path.h"
#include "xr_revoked.h"
#include "xr_tenant.h"


#define XR_REVOKED_MAGIC  0x78722d7265763031            /* "xr-rev01" */


/* The slots follow; there are twice as many as entries, or more. */

typedef struct {
    uint64_t  magic;
    uint64_t  slots;                /* a power of two */
    uint64_t  n;
    uint64_t  unused;
} xr_revoked_header_t;

#define XR_REVOKED_TENANT     0         /* besides what can be revoked */

#define XR_REVOKED_SLOT_SIZE  (2 * sizeof(uint64_t))

/*
 * Memory is slower than reading a line, so entries are put in their slots some
 * lines after the memory was asked for.
 */

#define XR_REVOKED_WAITING    16


static const xr_str_t  xr_revoked_names[] = {
    XR_STR(""), XR_STR("sub"), XR_STR("jti"), XR_STR("kid")
};

static const xr_str_t  xr_revoked_until = XR_STR("until=");


/* The list that lines are entered in. */

typedef struct {
    const uint8_t  *key;
    int64_t         now;
    uint64_t       *slots;
    size_t          mask;
    size_t          n;

    size_t          nwaiting;
    uint64_t        waiting[XR_REVOKED_WAITING][2];
} xr_revoked_list_t;


xr_str_t
xr_revoked_name(xr_revoked_kind_t kind)
{
    return xr_revoked_names[kind];
}


uint64_t
xr_revoked_tenant(const uint8_t key[XR_SIPHASH_KEY_SIZE], xr_str_t tenant)
{
    return xr_siphash_64(key, XR_REVOKED_TENANT, tenant);
}


uint64_t
xr_revoked_what(const uint8_t key[XR_SIPHASH_KEY_SIZE],
    xr_revoked_kind_t kind, xr_str_t value)
{
    uint64_t  n;

    n = xr_siphash_64(key, kind, value);

    return (n != 0) ? n : 1;
}


uint64_t
xr_revoked_join(uint64_t tenant, uint64_t value)
{
    uint64_t  n;

    n = xr_mix64(tenant + value);

    return (n != 0) ? n : 1;
}


/* Takes a line off "*rest"; empty where it says nothing. */

static xr_str_t
xr_revoked_line(xr_str_t *rest)
{
    xr_str_t  line;

    line = xr_str_trim(xr_str_cut(rest, '\n'));

    if (line.len > 0 && line.data[0] == '#') {
        line.len = 0;
    }

    return line;
}


/* Counts no further than to what is too much. */

static size_t
xr_revoked_slots(xr_str_t text)
{
    size_t  n, slots;

    n = 0;

    while (text.len > 0 && n <= XR_REVOKED_MAX_LINES) {

        if (xr_revoked_line(&text).len > 0) {
            n++;
        }
    }

    for (slots = 2; slots < 2 * n; slots *= 2) { /* void */ }

    return slots;
}


size_t
xr_revoked_room(xr_str_t text)
{
    return sizeof(xr_revoked_header_t)
           + xr_revoked_slots(text) * XR_REVOKED_SLOT_SIZE;
}


/* Takes a word off the front of "*s", and the white space after it. */

static xr_str_t
xr_revoked_word(xr_str_t *s)
{
    size_t    i;
    xr_str_t  word;

    for (i = 0; i < s->len; i++) {

        if (s->data[i] == ' ' || s->data[i] == '\t') {
            break;
        }
    }

    word = xr_str_of(s->data, i);
    *s = xr_str_trim(xr_str_of(s->data + i, s->len - i));

    return word;
}


xr_rc_t
xr_revoked_kind(xr_str_t name, xr_revoked_kind_t *kind)
{
    int  i;

    for (i = XR_REVOKED_SUBJECT; i <= XR_REVOKED_KEY; i++) {

        if (xr_str_eq(name, xr_revoked_names[i])) {
            *kind = (xr_revoked_kind_t) i;
            return XR_OK;
        }
    }

    return XR_NOT_FOUND;
}


/* "memory" is for values that are encoded; the others stay where they are. */

static const char *
xr_revoked_value(xr_str_t word, uint8_t memory[XR_REVOKED_VALUE_MAX],
    xr_str_t *value)
{
    xr_buf_t  decoded;

    if (word.len == 0) {
        return "no value";
    }

    if (xr_str_has_control(word)) {
        return "a control character in the value";
    }

    if (xr_str_find(word, '%') < word.len) {
        decoded = xr_buf(memory, XR_REVOKED_VALUE_MAX);

        if (xr_path_decode(word, &decoded, NULL) == XR_INVALID) {
            return "a \"%\" without two hexadecimal digits";
        }

        if (!xr_buf_ok(&decoded)) {
            return "the value is longer than 1024 bytes";
        }

        word = xr_buf_str(&decoded);
    }

    if (word.len > XR_REVOKED_VALUE_MAX) {
        return "the value is longer than 1024 bytes";
    }

    *value = word;

    return NULL;
}


static const char *
xr_revoked_time(xr_str_t word, uint64_t *until)
{
    *until = 0;

    if (word.len == 0) {
        return NULL;
    }

    if (!xr_str_starts(word, xr_revoked_until)) {
        return "not until= and a time";
    }

    word = xr_str_of(word.data + xr_revoked_until.len,
                     word.len - xr_revoked_until.len);

    if (xr_str_uint(&word, until) != XR_OK || word.len > 0 || *until == 0
        || *until > INT64_MAX)
    {
        return "the time is not a number of seconds above 0";
    }

    return NULL;
}


xr_rc_t
xr_revoked_parse(xr_str_t s, uint8_t memory[XR_REVOKED_VALUE_MAX],
    xr_revoked_line_t *line, xr_err_t *err)
{
    xr_str_t     rest, word;
    const char  *what;

    rest = s;
    word = xr_revoked_word(&rest);
    line->tenant = word;
    what = NULL;

    if (!xr_tenant_name_ok(word) && !xr_str_eq(word, xr_str("*"))) {
        what = "neither the name of a tenant nor \"*\"";
    }

    if (what == NULL) {
        word = xr_revoked_word(&rest);

        if (xr_revoked_kind(word, &line->kind) != XR_OK) {
            what = "not sub, jti or kid";
        }
    }

    if (what == NULL) {
        word = xr_revoked_word(&rest);
        what = xr_revoked_value(word, memory, &line->value);
    }

    if (what == NULL) {
        word = xr_revoked_word(&rest);
        what = xr_revoked_time(word, &line->until);
    }

    if (what == NULL && rest.len > 0) {
        word = rest;
        what = "more than a line takes";
    }

    if (what != NULL) {
        return xr_fail(err, XR_INVALID, (size_t) (word.data - s.data), what);
    }

    return XR_OK;
}


void
xr_revoked_put(const xr_revoked_line_t *line, xr_buf_t *out)
{
    size_t   i;
    uint8_t  c;

    xr_buf_put(out, line->tenant);
    xr_buf_putc(out, ' ');
    xr_buf_put(out, xr_revoked_names[line->kind]);
    xr_buf_putc(out, ' ');

    for (i = 0; i < line->value.len; i++) {
        c = line->value.data[i];

        if (c <= ' ' || c == '%' || c == 0x7f) {
            xr_buf_putc(out, '%');
            xr_buf_hex(out, xr_str_of(&c, 1));

        } else {
            xr_buf_putc(out, c);
        }
    }

    if (line->until != 0) {
        xr_buf_putc(out, ' ');
        xr_buf_put(out, xr_revoked_until);
        xr_buf_uint(out, line->until);
    }
}


/* Of lines for the same, the one that lasts longest counts. */

static void
xr_revoked_insert(xr_revoked_list_t *list, uint64_t hash, uint64_t until)
{
    size_t     i;
    uint64_t  *slot;

    i = (size_t) hash & list->mask;
    slot = &list->slots[2 * i];

    while (slot[0] != 0 && slot[0] != hash) {
        i = (i + 1) & list->mask;
        slot = &list->slots[2 * i];
    }

    if (slot[0] == 0) {
        slot[0] = hash;
        slot[1] = until;
        list->n++;

    } else if (slot[1] != 0 && (until == 0 || until > slot[1])) {
        slot[1] = until;
    }
}


static void
xr_revoked_flush(xr_revoked_list_t *list)
{
    size_t  i;

    for (i = 0; i < list->nwaiting; i++) {
        xr_revoked_insert(list, list->waiting[i][0], list->waiting[i][1]);
    }

    list->nwaiting = 0;
}


static void
xr_revoked_add(xr_revoked_list_t *list, const xr_revoked_line_t *line)
{
    uint64_t  hash;

    if (line->until != 0 && (int64_t) line->until <= list->now) {
        return;
    }

    hash = xr_revoked_join(xr_revoked_tenant(list->key, line->tenant),
                           xr_revoked_what(list->key, line->kind,
                                           line->value));

    __builtin_prefetch(&list->slots[2 * ((size_t) hash & list->mask)], 1);

    list->waiting[list->nwaiting][0] = hash;
    list->waiting[list->nwaiting][1] = line->until;

    if (++list->nwaiting == XR_REVOKED_WAITING) {
        xr_revoked_flush(list);
    }
}


static xr_rc_t
xr_revoked_read(xr_str_t text, xr_revoked_list_t *list, xr_err_t *err)
{
    size_t             n, at;
    uint8_t            memory[XR_REVOKED_VALUE_MAX];
    xr_rc_t            rc;
    xr_err_t           why;
    xr_str_t           rest, s;
    xr_revoked_line_t  line;

    rest = text;
    n = 0;

    while (rest.len > 0) {
        s = xr_revoked_line(&rest);

        if (s.len == 0) {
            continue;
        }

        at = (size_t) (s.data - text.data);

        if (++n > XR_REVOKED_MAX_LINES) {
            return xr_fail(err, XR_INVALID, at, "more than 10,000,000 lines");
        }

        rc = xr_revoked_parse(s, memory, &line, &why);

        if (rc != XR_OK) {
            return xr_fail(err, rc, at + why.pos, why.what);
        }

        xr_revoked_add(list, &line);
    }

    xr_revoked_flush(list);

    return XR_OK;
}


xr_rc_t
xr_revoked_build(xr_str_t text, const uint8_t key[XR_SIPHASH_KEY_SIZE],
    int64_t now, void *image, size_t size, size_t *used, xr_err_t *err)
{
    size_t                slots, room;
    xr_rc_t               rc;
    xr_revoked_list_t     list;
    xr_revoked_header_t  *header;

    slots = xr_revoked_slots(text);
    room = sizeof(xr_revoked_header_t) + slots * XR_REVOKED_SLOT_SIZE;

    if (size < room) {
        return xr_fail(err, XR_NO_SPACE, 0, "no room for the image");
    }

    memset(image, 0, room);
    header = image;

    list.key = key;
    list.now = now;
    list.slots = (uint64_t *) (header + 1);
    list.mask = slots - 1;
    list.n = 0;
    list.nwaiting = 0;

    rc = xr_revoked_read(text, &list, err);

    if (rc != XR_OK) {
        return rc;
    }

    header->magic = XR_REVOKED_MAGIC;
    header->slots = slots;
    header->n = list.n;

    *used = room;

    return XR_OK;
}


xr_rc_t
xr_revoked_open(xr_str_t image, xr_revoked_t *out)
{
    xr_revoked_header_t  header;

    if (image.len < sizeof(header)
        || (uintptr_t) image.data % sizeof(uint64_t) != 0)
    {
        return XR_INVALID;
    }

    memcpy(&header, image.data, sizeof(header));
    image.len -= sizeof(header);

    if (header.magic != XR_REVOKED_MAGIC
        || header.slots < 2 || (header.slots & (header.slots - 1)) != 0
        || header.slots != image.len / XR_REVOKED_SLOT_SIZE
        || image.len % XR_REVOKED_SLOT_SIZE != 0
        || header.n > header.slots / 2)
    {
        return XR_INVALID;
    }

    out->slots = (const uint64_t *) (const void *) (image.data
                                                    + sizeof(header));
    out->mask = (size_t) header.slots - 1;
    out->n = (size_t) header.n;

    return XR_OK;
}


bool
xr_revoked_has(const xr_revoked_t *r, uint64_t hash, int64_t now)
{
    size_t           i, tried;
    const uint64_t  *slot;

    if (r->n == 0) {
        return false;
    }

    i = (size_t) hash & r->mask;

    /* an image that was damaged might have no slot that is free */

    for (tried = 0; tried <= r->mask; tried++) {
        slot = &r->slots[2 * i];

        if (slot[0] == 0) {
            break;
        }

        if (slot[0] == hash) {
            return slot[1] == 0 || now < (int64_t) slot[1];
        }

        i = (i + 1) & r->mask;
    }

    return false;
}
