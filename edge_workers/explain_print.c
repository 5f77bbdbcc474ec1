/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "explain.h"

#include <stdio.h>


#define XRW_EXPLAIN_COLUMN  17


static void
xrw_explain_print_text(json_t *value)
{
    xrw_print(xr_str_of(json_string_value(value),
                        json_string_length(value)));
}


/* Lists with spaces, objects as "name value" between commas. */

static void
xrw_explain_print_value(json_t *value)
{
    size_t       i;
    json_t      *member;
    const char  *name, *between;

    between = "";

    switch (json_typeof(value)) {

    case JSON_STRING:
        xrw_explain_print_text(value);
        return;

    case JSON_INTEGER:
        printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return;

    case JSON_ARRAY:

        json_array_foreach(value, i, member) {
            printf("%s", between);
            xrw_explain_print_value(member);
            between = " ";
        }

        break;

    case JSON_OBJECT:

        json_object_foreach(value, name, member) {
            printf("%s%s ", between, name);
            xrw_explain_print_value(member);
            between = ", ";
        }

        break;

    default:
        printf("%s", json_is_true(value) ? "yes" : "no");
        return;
    }

    if (*between == '\0') {
        printf("-");
    }
}


/* A line: the first member is its name; what is empty or false is left out. */

static void
xrw_explain_print_row(json_t *row)
{
    json_t      *member;
    const char  *name, *between;

    between = NULL;

    json_object_foreach(row, name, member) {

        if (between == NULL) {
            printf("  ");
            xrw_explain_print_text(member);
            printf("%*s", json_string_length(member) < XRW_EXPLAIN_COLUMN
                   ? XRW_EXPLAIN_COLUMN - (int) json_string_length(member) : 1,
                   "");
            between = "";
            continue;
        }

        if (json_is_false(member)
            || (json_is_array(member) && json_array_size(member) == 0))
        {
            continue;
        }

        printf("%s%s", between, name);
        between = ", ";

        if (!json_is_true(member)) {
            printf(" ");
            xrw_explain_print_value(member);
        }
    }

    printf("%s\n", (between == NULL || *between == '\0') ? "-" : "");
}


void
xrw_explain_print(json_t *out)
{
    size_t       i;
    json_t      *part, *member;
    const char  *title, *name;

    json_object_foreach(out, title, part) {
        printf("%s\n", title);

        if (json_is_array(part)) {

            json_array_foreach(part, i, member) {
                xrw_explain_print_row(member);
            }

            continue;
        }

        json_object_foreach(part, name, member) {
            printf("  %-*s", XRW_EXPLAIN_COLUMN, name);
            xrw_explain_print_value(member);
            (void) putchar('\n');
        }
    }
}
