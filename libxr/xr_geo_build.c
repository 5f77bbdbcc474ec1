/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_geo_image.h"

#include "xr_forwarded.h"

#include <maxminddb.h>
#include <stdlib.h>


#define XR_GEO_BUILD_PATH   4           /* names, with the NULL behind them */
#define XR_GEO_BUILD_FREE   UINT64_MAX


/*
 * Where values stand: as MaxMind has them, then as other makers do.  The first
 * that is there counts.
 */

typedef enum {
    XR_GEO_BUILD_COUNTRY = 0,
    XR_GEO_BUILD_CONTINENT,
    XR_GEO_BUILD_REGION,
    XR_GEO_BUILD_CITY,
    XR_GEO_BUILD_ASN
} xr_geo_build_what_t;

typedef struct {
    xr_geo_build_what_t  what;
    const char          *path[XR_GEO_BUILD_PATH];
} xr_geo_build_value_t;

static const xr_geo_build_value_t  xr_geo_build_values[] = {
    { XR_GEO_BUILD_COUNTRY, { "country", "iso_code" } },
    { XR_GEO_BUILD_COUNTRY, { "country_code" } },
    { XR_GEO_BUILD_COUNTRY, { "country" } },
    { XR_GEO_BUILD_CONTINENT, { "continent", "code" } },
    { XR_GEO_BUILD_CONTINENT, { "continent_code" } },
    { XR_GEO_BUILD_CONTINENT, { "continent" } },
    { XR_GEO_BUILD_REGION, { "subdivisions", "0", "iso_code" } },
    { XR_GEO_BUILD_REGION, { "region_code" } },
    { XR_GEO_BUILD_CITY, { "city", "names", "en" } },
    { XR_GEO_BUILD_CITY, { "city" } },
    { XR_GEO_BUILD_ASN, { "autonomous_system_number" } },
    { XR_GEO_BUILD_ASN, { "asn" } }
};


/* Open addressing; a slot is a key of 32 bits and the number of a record. */

typedef struct {
    uint64_t  *slots;
    size_t     size;                    /* a power of two, or 0 */
    size_t     used;
} xr_geo_map_t;


typedef struct {
    MMDB_s             db;
    xr_geo_check_t     check;
    uint32_t          *nodes;

    xr_geo_record_t   *records;
    size_t             nrecords;
    size_t             room;

    uint8_t           *text;
    size_t             ntext;
    size_t             text_room;

    xr_geo_map_t       by_offset;       /* of the database */
    xr_geo_map_t       by_content;
    bool               countries;
    bool               networks;
    const char        *what;            /* is wrong */
} xr_geo_builder_t;


static size_t
xr_geo_map_slot(const xr_geo_map_t *map, uint32_t key)
{
    return (size_t) (key * 0x9e3779b1u) & (map->size - 1);
}


/* Room for one more; half of the slots stay free. */

static bool
xr_geo_map_reserve(xr_geo_map_t *map)
{
    size_t        i, at;
    xr_geo_map_t  new;

    if ((map->used + 1) * 2 <= map->size) {
        return true;
    }

    new.used = map->used;
    new.size = (map->size == 0) ? 1024 : map->size * 2;
    new.slots = malloc(new.size * sizeof(uint64_t));

    if (new.slots == NULL) {
        return false;
    }

    memset(new.slots, 0xff, new.size * sizeof(uint64_t));

    for (i = 0; i < map->size; i++) {

        if (map->slots[i] == XR_GEO_BUILD_FREE) {
            continue;
        }

        at = xr_geo_map_slot(&new, (uint32_t) (map->slots[i] >> 32));

        while (new.slots[at] != XR_GEO_BUILD_FREE) {
            at = (at + 1) & (new.size - 1);
        }

        new.slots[at] = map->slots[i];
    }

    free(map->slots);
    *map = new;

    return true;
}


/* The slot with that key from "*at" on, or the free one where it belongs. */

static uint64_t *
xr_geo_map_next(const xr_geo_map_t *map, uint32_t key, size_t *at)
{
    uint64_t  *slot;

    do {
        slot = &map->slots[*at];
        *at = (*at + 1) & (map->size - 1);

    } while (*slot != XR_GEO_BUILD_FREE && (uint32_t) (*slot >> 32) != key);

    return slot;
}


/* Memory that grows to hold "more" besides "used". */

static void *
xr_geo_build_grow(void *p, size_t used, size_t more, size_t *room,
    size_t element)
{
    size_t  wanted;

    wanted = (*room == 0) ? 1024 : *room;

    while (wanted - used < more) {
        wanted *= 2;
    }

    if (wanted == *room) {
        return p;
    }

    p = realloc(p, wanted * element);

    if (p != NULL) {
        *room = wanted;
    }

    return p;
}


/* A string of the database; "size" is the most that is wanted of it. */

static xr_str_t
xr_geo_build_string(const MMDB_entry_data_s *data, size_t size)
{
    xr_str_t  s;

    s = xr_str_of(NULL, 0);

    if (data->type == MMDB_DATA_TYPE_UTF8_STRING && data->data_size <= size) {
        s = xr_str_of(data->utf8_string, data->data_size);
    }

    /* it ends up in logs and headers */

    return xr_str_has_control(s) ? xr_str_of(NULL, 0) : s;
}


/* "AS64500", or a number */

static uint32_t
xr_geo_build_asn(const MMDB_entry_data_s *data)
{
    uint64_t  n;
    xr_str_t  s;

    if (data->type == MMDB_DATA_TYPE_UINT32) {
        return data->uint32;
    }

    s = xr_geo_build_string(data, 12);

    if (xr_str_starts(s, xr_str("AS"))) {
        xr_str_skip(&s, 2);
    }

    return (xr_str_uint(&s, &n) == XR_OK && s.len == 0 && n <= UINT32_MAX)
           ? (uint32_t) n : 0;
}


/* Takes a value into a record, if it is one that can be. */

static void
xr_geo_build_take(xr_geo_record_t *r, xr_str_t *city,
    xr_geo_build_what_t what, const MMDB_entry_data_s *data)
{
    uint8_t   code[XR_COUNTRY_SIZE];
    xr_str_t  s;

    switch (what) {

    case XR_GEO_BUILD_COUNTRY:
        s = xr_geo_build_string(data, XR_COUNTRY_SIZE);

        /* "EU" and "AP" are none, and no policy could name them */

        if (r->country[0] == 0 && xr_forwarded_country(s, code) == XR_OK
            && xr_country_continent(xr_str_of(code, sizeof(code)))
               != XR_CONTINENT_NONE)
        {
            memcpy(r->country, code, sizeof(code));
        }

        return;

    case XR_GEO_BUILD_CONTINENT:
        s = xr_geo_build_string(data, XR_COUNTRY_SIZE);

        if (r->continent[0] == 0
            && xr_country_continent_of(s) != XR_CONTINENT_NONE)
        {
            memcpy(r->continent, s.data, XR_COUNTRY_SIZE);
        }

        return;

    case XR_GEO_BUILD_REGION:
        s = xr_geo_build_string(data, sizeof(r->region));

        if (r->region_len == 0 && s.len != 0) {
            memcpy(r->region, s.data, s.len);
            r->region_len = (uint8_t) s.len;
        }

        return;

    case XR_GEO_BUILD_CITY:

        if (city->len == 0) {
            *city = xr_geo_build_string(data, UINT8_MAX);
        }

        return;

    case XR_GEO_BUILD_ASN:

        if (r->asn == 0) {
            r->asn = xr_geo_build_asn(data);
        }

        return;
    }
}


static uint32_t
xr_geo_build_hash(const xr_geo_record_t *r, xr_str_t city)
{
    size_t          i;
    uint32_t        h;
    const uint8_t  *p;

    p = (const uint8_t *) r;
    h = 2166136261u;

    for (i = 0; i < sizeof(xr_geo_record_t); i++) {
        h = (h ^ p[i]) * 16777619u;
    }

    for (i = 0; i < city.len; i++) {
        h = (h ^ city.data[i]) * 16777619u;
    }

    return h;
}


static bool
xr_geo_build_same(const xr_geo_builder_t *b, const xr_geo_record_t *r,
    xr_str_t city, const xr_geo_record_t *other)
{
    xr_geo_record_t  copy;

    copy = *other;
    copy.city = 0;

    return memcmp(&copy, r, sizeof(copy)) == 0
           && xr_str_eq(xr_str_of(b->text + other->city, other->city_len),
                        city);
}


/* The number of a record, which is added unless there is one like it. */

static xr_rc_t
xr_geo_build_add(xr_geo_builder_t *b, xr_geo_record_t *r, xr_str_t city,
    uint32_t *number)
{
    void      *p;
    size_t     at;
    uint32_t   hash;
    uint64_t  *slot;

    r->city_len = (uint8_t) city.len;
    hash = xr_geo_build_hash(r, city);

    if (!xr_geo_map_reserve(&b->by_content)) {
        return XR_NO_SPACE;
    }

    at = xr_geo_map_slot(&b->by_content, hash);
    slot = xr_geo_map_next(&b->by_content, hash, &at);

    while (*slot != XR_GEO_BUILD_FREE) {
        *number = (uint32_t) *slot;

        if (xr_geo_build_same(b, r, city, &b->records[*number])) {
            return XR_OK;
        }

        slot = xr_geo_map_next(&b->by_content, hash, &at);
    }

    p = xr_geo_build_grow(b->records, b->nrecords, 1, &b->room,
                          sizeof(xr_geo_record_t));
    if (p == NULL) {
        return XR_NO_SPACE;
    }

    b->records = p;

    p = xr_geo_build_grow(b->text, b->ntext, city.len, &b->text_room, 1);
    if (p == NULL) {
        return XR_NO_SPACE;
    }

    b->text = p;

    if (city.len > 0) {
        memcpy(b->text + b->ntext, city.data, city.len);
    }

    r->city = (uint32_t) b->ntext;
    b->ntext += city.len;

    *number = (uint32_t) b->nrecords++;
    b->records[*number] = *r;

    *slot = (uint64_t) hash << 32 | *number;
    b->by_content.used++;

    return XR_OK;
}


static xr_rc_t
xr_geo_build_record(xr_geo_builder_t *b, MMDB_entry_s *entry,
    uint32_t *number)
{
    size_t                       i;
    xr_str_t                     city;
    xr_geo_record_t              r;
    MMDB_entry_data_s            data;
    const xr_geo_build_value_t  *v;

    if (xr_geo_check_value(&b->check, entry->offset) != XR_OK) {
        b->what = "a record is damaged";
        return XR_INVALID;
    }

    memset(&r, 0, sizeof(r));
    city = xr_str_of(NULL, 0);

    for (i = 0; i < XR_COUNT(xr_geo_build_values); i++) {
        v = &xr_geo_build_values[i];

        if (MMDB_aget_value(entry, &data, v->path) == MMDB_SUCCESS
            && data.has_data)
        {
            xr_geo_build_take(&r, &city, v->what, &data);
        }
    }

    b->countries |= (r.country[0] != 0);
    b->networks |= (r.asn != 0);

    return xr_geo_build_add(b, &r, city, number);
}


/* What a record of a node refers to. */

static xr_rc_t
xr_geo_build_ref(xr_geo_builder_t *b, uint64_t record, uint8_t type,
    MMDB_entry_s *entry, uint32_t *ref)
{
    size_t     at;
    xr_rc_t    rc;
    uint32_t   number;
    uint64_t  *slot;

    if (type == MMDB_RECORD_TYPE_SEARCH_NODE) {
        *ref = (uint32_t) record + 1;
        return XR_OK;
    }

    if (type == MMDB_RECORD_TYPE_EMPTY) {
        *ref = 0;
        return XR_OK;
    }

    if (!xr_geo_map_reserve(&b->by_offset)) {
        return XR_NO_SPACE;
    }

    at = xr_geo_map_slot(&b->by_offset, entry->offset);
    slot = xr_geo_map_next(&b->by_offset, entry->offset, &at);

    if (*slot == XR_GEO_BUILD_FREE) {
        rc = xr_geo_build_record(b, entry, &number);

        if (rc != XR_OK) {
            return rc;
        }

        *slot = (uint64_t) entry->offset << 32 | number;
        b->by_offset.used++;
    }

    *ref = XR_GEO_RECORD | (uint32_t) *slot;

    return XR_OK;
}


static xr_rc_t
xr_geo_build_tree(xr_geo_builder_t *b)
{
    xr_rc_t             rc;
    uint32_t            i;
    MMDB_search_node_s  node;

    rc = XR_OK;

    for (i = 0; rc == XR_OK && i < b->db.metadata.node_count; i++) {

        if (MMDB_read_node(&b->db, i, &node) != MMDB_SUCCESS) {
            b->what = "the search tree is damaged";
            return XR_INVALID;
        }

        rc = xr_geo_build_ref(b, node.left_record, node.left_record_type,
                              &node.left_record_entry, &b->nodes[2 * i]);

        if (rc == XR_OK) {
            rc = xr_geo_build_ref(b, node.right_record,
                                  node.right_record_type,
                                  &node.right_record_entry,
                                  &b->nodes[2 * i + 1]);
        }
    }

    return rc;
}


/* In a tree of IPv6 addresses those of IPv4 stand below 96 zeroes. */

static uint32_t
xr_geo_build_root4(const xr_geo_builder_t *b)
{
    size_t    i;
    uint32_t  ref;

    ref = 1;

    for (i = 0; b->db.metadata.ip_version == 6 && i < XR_GEO_BITS4; i++) {

        if (ref == 0 || (ref & XR_GEO_RECORD) != 0) {
            break;
        }

        ref = xr_geo_step(b->nodes, ref, 0);
    }

    return ref;
}


static xr_rc_t
xr_geo_build_image(const xr_geo_builder_t *b, xr_str_t *image)
{
    size_t            nodes, records, size;
    uint8_t          *p;
    xr_geo_header_t   h;

    memset(&h, 0, sizeof(h));

    h.magic = XR_GEO_MAGIC;
    h.built = b->db.metadata.build_epoch;
    h.nnodes = b->db.metadata.node_count;
    h.nrecords = (uint32_t) b->nrecords;
    h.ntext = (uint32_t) b->ntext;
    h.root = (b->db.metadata.ip_version == 6) ? 1 : 0;
    h.root4 = xr_geo_build_root4(b);

    nodes = (size_t) h.nnodes * 2 * sizeof(uint32_t);
    records = b->nrecords * sizeof(xr_geo_record_t);
    size = sizeof(h) + nodes + records + b->ntext;

    p = malloc(size);
    if (p == NULL) {
        return XR_NO_SPACE;
    }

    memcpy(p, &h, sizeof(h));
    memcpy(p + sizeof(h), b->nodes, nodes);

    if (records > 0) {
        memcpy(p + sizeof(h) + nodes, b->records, records);
    }

    if (b->ntext > 0) {
        memcpy(p + sizeof(h) + nodes + records, b->text, b->ntext);
    }

    *image = xr_str_of(p, size);

    return XR_OK;
}


static void
xr_geo_build_info(const xr_geo_builder_t *b, xr_geo_info_t *info)
{
    size_t       i;
    const char  *type;

    memset(info, 0, sizeof(xr_geo_info_t));

    info->built = b->db.metadata.build_epoch;
    info->nodes = b->db.metadata.node_count;
    info->records = (uint32_t) b->nrecords;
    info->ip_version = b->db.metadata.ip_version;
    info->countries = b->countries;

    type = b->db.metadata.database_type;

    for (i = 0; i < sizeof(info->type) - 1 && type[i] != '\0'; i++) {
        info->type[i] = (type[i] > ' ' && type[i] < 0x7f) ? type[i] : '?';
    }
}


/* The database is open. */

static xr_rc_t
xr_geo_build_open(xr_geo_builder_t *b, xr_str_t bytes, xr_str_t *image)
{
    size_t   nodes;
    xr_rc_t  rc;

    if (b->db.file_size < 0 || (size_t) b->db.file_size != bytes.len) {
        b->what = "it changes while it is read";
        return XR_INVALID;
    }

    if (b->db.metadata.binary_format_major_version != 2) {
        b->what = "it has another format than version 2";
        return XR_INVALID;
    }

    nodes = (size_t) b->db.metadata.node_count;

    b->check.data = xr_str_of(b->db.data_section, b->db.data_section_size);
    b->check.seen = calloc(1, b->check.data.len / 8 + 1);
    b->check.steps = 4 * (uint64_t) b->check.data.len + 65536;
    b->nodes = malloc(nodes * 2 * sizeof(uint32_t));

    if (b->check.seen == NULL || b->nodes == NULL) {
        return XR_NO_SPACE;
    }

    rc = xr_geo_build_tree(b);

    if (rc == XR_OK && !b->countries && !b->networks) {
        b->what = "it tells neither of countries nor of networks";
        return XR_INVALID;
    }

    return (rc == XR_OK) ? xr_geo_build_image(b, image) : rc;
}


xr_rc_t
xr_geo_build(const char *path, xr_str_t bytes, xr_str_t *image,
    xr_geo_info_t *info, xr_err_t *err)
{
    int               status;
    xr_rc_t           rc;
    xr_geo_builder_t  b;

    if (xr_geo_check_metadata(bytes) != XR_OK) {
        return xr_fail(err, XR_INVALID, 0, "it is no MaxMind database, or not "
                       "all of one");
    }

    memset(&b, 0, sizeof(b));

    status = MMDB_open(path, MMDB_MODE_MMAP, &b.db);

    if (status != MMDB_SUCCESS) {
        return xr_fail(err, XR_INVALID, 0, MMDB_strerror(status));
    }

    rc = xr_geo_build_open(&b, bytes, image);

    if (rc == XR_OK) {
        xr_geo_build_info(&b, info);

    } else {
        (void) xr_fail(err, rc, 0, (b.what != NULL) ? b.what
                                                    : "out of memory");
    }

    MMDB_close(&b.db);

    free(b.check.seen);
    free(b.nodes);
    free(b.records);
    free(b.text);
    free(b.by_offset.slots);
    free(b.by_content.slots);

    return rc;
}
