/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_forwarded.h"


#define PEER  "203.0.113.1"


static xr_addr_t
addr(const char *s)
{
    xr_addr_t  a;

    XR_CHECK_EQ(xr_addr_parse(xr_str(s), &a), XR_OK, s);

    return a;
}


static void
test_last(void **state)
{
    size_t    i, k;
    xr_str_t  copy, list, item;

    static const struct {
        const char  *list;
        const char  *items[5];          /* from right to left */
    } cases[] = {
        { "", { "" } },
        { " \t", { "" } },
        { "a", { "a" } },
        { " a ", { "a" } },
        { "a,b", { "b", "a" } },
        { "a, b ,\tc", { "c", "b", "a" } },
        { ",", { "", "" } },
        { ",a", { "a", "" } },
        { "a,", { "", "a" } },
        { "a, ,b", { "b", "", "a" } },
        { ",,,", { "", "", "", "" } },
        { "a b", { "a b" } }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        copy = xr_test_copy(xr_str(cases[i].list));
        list = copy;

        for (k = 0; cases[i].items[k] != NULL; k++) {
            XR_CHECK(xr_forwarded_last(&list, &item), cases[i].list);
            XR_CHECK_STR(item, cases[i].items[k], cases[i].list);
        }

        XR_CHECK(!xr_forwarded_last(&list, &item), cases[i].list);
        XR_CHECK(list.data == NULL, cases[i].list);

        xr_test_copy_free(copy);
    }
}


static void
test_address(void **state)
{
    size_t     i;
    xr_str_t   copy;
    xr_addr_t  a, wanted;

    static const struct {
        const char  *item;
        const char  *address;           /* NULL: none */
    } cases[] = {
        { "192.0.2.1", "192.0.2.1" },
        { "192.0.2.1:8080", "192.0.2.1" },
        { "192.0.2.1:0", "192.0.2.1" },
        { "192.0.2.1:65535", "192.0.2.1" },
        { "2001:db8::1", "2001:db8::1" },
        { "[2001:db8::1]", "2001:db8::1" },
        { "[2001:db8::1]:443", "2001:db8::1" },
        { "::1", "::1" },
        { "[::ffff:192.0.2.1]:1", "192.0.2.1" },
        { "::ffff:192.0.2.1", "192.0.2.1" },

        { "", NULL },
        { "unknown", NULL },
        { "_hidden", NULL },
        { "localhost", NULL },
        { "192.0.2", NULL },
        { "192.0.2.1.", NULL },
        { "192.0.2.01", NULL },
        { "192.0.2.256", NULL },
        { "192.0.2.1:", NULL },
        { "192.0.2.1:65536", NULL },
        { "192.0.2.1:000080", NULL },
        { "192.0.2.1:80a", NULL },
        { "192.0.2.1:-1", NULL },
        { "192.0.2.1 :80", NULL },
        { "192.0.2.1/32", NULL },
        { ":80", NULL },
        { "[192.0.2.1]", NULL },
        { "[192.0.2.1]:80", NULL },
        { "[]", NULL },
        { "[", NULL },
        { "]", NULL },
        { "[2001:db8::1", NULL },
        { "2001:db8::1]", NULL },
        { "[2001:db8::1]443", NULL },
        { "[2001:db8::1]:", NULL },
        { "[2001:db8::1]:99999", NULL },
        { "[2001:db8::1]]", NULL },
        { "[[2001:db8::1]]", NULL },
        { "[2001:db8::1%eth0]", NULL },
        { "2001:db8:0:0:0:0:0:1:443", NULL },
        { "\"[2001:db8::1]\"", NULL },
        { "for=192.0.2.1", NULL }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        copy = xr_test_copy(xr_str(cases[i].item));

        XR_CHECK_EQ(xr_forwarded_address(copy, &a),
                    cases[i].address != NULL ? XR_OK : XR_INVALID,
                    cases[i].item);

        if (cases[i].address != NULL) {
            wanted = addr(cases[i].address);
            XR_CHECK(xr_addr_eq(&a, &wanted), cases[i].item);
        }

        xr_test_copy_free(copy);
    }
}


static void
test_local(void **state)
{
    size_t     i;
    xr_addr_t  a;

    static const struct {
        const char  *address;
        bool         local;
    } cases[] = {
        { "0.0.0.0", true }, { "0.255.255.255", true }, { "1.0.0.0", false },
        { "9.255.255.255", false }, { "10.0.0.0", true },
        { "10.255.255.255", true }, { "11.0.0.0", false },
        { "100.63.255.255", false }, { "100.64.0.0", true },
        { "100.127.255.255", true }, { "100.128.0.0", false },
        { "126.255.255.255", false }, { "127.0.0.1", true },
        { "128.0.0.0", false },
        { "169.253.255.255", false }, { "169.254.169.254", true },
        { "169.255.0.0", false },
        { "172.15.255.255", false }, { "172.16.0.0", true },
        { "172.31.255.255", true }, { "172.32.0.0", false },
        { "192.167.255.255", false }, { "192.168.0.0", true },
        { "192.168.255.255", true }, { "192.169.0.0", false },
        { "223.255.255.255", false }, { "224.0.0.1", true },
        { "240.0.0.1", true }, { "255.255.255.255", true },

        { "::", true }, { "::1", true }, { "::2", false },
        { "::ffff:10.0.0.1", true }, { "::ffff:8.8.8.8", false },
        { "fbff::1", false }, { "fc00::1", true }, { "fdff::1", true },
        { "fe00::1", false }, { "fe7f::1", false }, { "fe80::1", true },
        { "febf::1", true }, { "fec0::1", false }, { "ff02::1", true },
        { "2001:db8::1", false }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        a = addr(cases[i].address);
        XR_CHECK_EQ(xr_forwarded_local(&a), cases[i].local, cases[i].address);
    }
}


static void
test_client(void **state)
{
    size_t         i, n;
    xr_str_t       lines[3];
    xr_addr_t      client, wanted, peer;
    xr_addr_net_t  trusted[3];

    static const struct {
        const char  *lines[3];
        const char  *client;            /* NULL: the peer */
    } cases[] = {
        { { NULL }, NULL },
        { { "" }, NULL },
        { { "192.0.2.1" }, "192.0.2.1" },
        { { "192.0.2.1:1234" }, "192.0.2.1" },
        { { "[2001:db8::1]:443" }, "2001:db8::1" },

        /* what stands to the left of the client is what he says himself */

        { { "8.8.8.8, 192.0.2.1" }, "192.0.2.1" },
        { { "203.0.113.9, 192.0.2.1" }, "192.0.2.1" },
        { { "8.8.8.8", "192.0.2.1" }, "192.0.2.1" },

        /* trusted hops are passed over, on one line or on several */

        { { "192.0.2.1, 203.0.113.9" }, "192.0.2.1" },
        { { "8.8.8.8, 192.0.2.1, 203.0.113.9, 10.1.2.3" }, "192.0.2.1" },
        { { "8.8.8.8, 192.0.2.1", "203.0.113.9,10.1.2.3" }, "192.0.2.1" },
        { { "8.8.8.8", "192.0.2.1,203.0.113.9", "10.1.2.3" }, "192.0.2.1" },
        { { "192.0.2.1, 2001:db8:1::5" }, "192.0.2.1" },
        { { "192.0.2.1, ::ffff:203.0.113.9" }, "192.0.2.1" },

        /* nobody but trusted ones: the first of them */

        { { "203.0.113.9" }, "203.0.113.9" },
        { { "203.0.113.8, 203.0.113.9" }, "203.0.113.8" },
        { { "10.1.2.3", "203.0.113.9" }, "10.1.2.3" },

        /* local addresses end the walk unless they are trusted */

        { { "192.168.0.1" }, NULL },
        { { "127.0.0.1" }, NULL },
        { { "10.2.0.1" }, NULL },
        { { "192.0.2.1, 192.168.0.1" }, NULL },
        { { "192.0.2.1, 192.168.0.1, 203.0.113.9" }, "203.0.113.9" },
        { { "192.0.2.1, fe80::1, 203.0.113.9" }, "203.0.113.9" },
        { { "192.0.2.1, 169.254.169.254" }, NULL },

        /* and so does what is no address */

        { { "unknown" }, NULL },
        { { "192.0.2.1, unknown" }, NULL },
        { { "192.0.2.1, unknown, 203.0.113.9" }, "203.0.113.9" },
        { { "192.0.2.1," }, NULL },
        { { "192.0.2.1, , 203.0.113.9" }, "203.0.113.9" },
        { { "192.0.2.1", ",203.0.113.9" }, "203.0.113.9" },
        { { "192.0.2.1", "", "203.0.113.9" }, "203.0.113.9" },
        { { "192.0.2.1, 203.0.113.9:99999" }, NULL },
        { { "192.0.2.1 203.0.113.9" }, NULL },
        { { "192.0.2.1;203.0.113.9" }, NULL }
    };

    (void) state;

    assert_int_equal(xr_addr_net_parse(xr_str("203.0.113.0/24"), &trusted[0]),
                     XR_OK);
    assert_int_equal(xr_addr_net_parse(xr_str("10.1.0.0/16"), &trusted[1]),
                     XR_OK);
    assert_int_equal(xr_addr_net_parse(xr_str("2001:db8:1::/48"), &trusted[2]),
                     XR_OK);

    peer = addr(PEER);

    for (i = 0; i < XR_COUNT(cases); i++) {

        for (n = 0; n < 3 && cases[i].lines[n] != NULL; n++) {
            lines[n] = xr_test_copy(xr_str(cases[i].lines[n]));
        }

        xr_forwarded_client(lines, n, trusted, 3, &peer, &client);

        wanted = addr(cases[i].client != NULL ? cases[i].client : PEER);
        XR_CHECK(xr_addr_eq(&client, &wanted),
                 n > 0 ? cases[i].lines[n - 1] : "no lines");

        while (n > 0) {
            xr_test_copy_free(lines[--n]);
        }
    }
}


/* Without trusted networks the peer alone is believed. */

static void
test_client_untrusted(void **state)
{
    xr_str_t   line;
    xr_addr_t  client, peer, wanted;

    (void) state;

    line = xr_str("192.0.2.1, 203.0.113.9");
    peer = addr(PEER);
    wanted = addr("203.0.113.9");

    xr_forwarded_client(&line, 1, NULL, 0, &peer, &client);
    assert_true(xr_addr_eq(&client, &wanted));
}


static void
test_viewer(void **state)
{
    size_t     i;
    xr_str_t   copy;
    xr_addr_t  a, wanted;

    static const struct {
        const char  *value;
        const char  *address;           /* NULL: none */
    } cases[] = {
        { "198.51.100.10:46532", "198.51.100.10" },
        { "2001:0db8:85a3:0:0:8a2e:0370:7334:443",
          "2001:db8:85a3::8a2e:370:7334" },
        { "2001:db8::1:443", "2001:db8::1" },
        { "2001:db8:::443", "2001:db8::" },

        { "", NULL },
        { ":", NULL },
        { ":443", NULL },
        { "198.51.100.10", NULL },
        { "198.51.100.10:", NULL },
        { "198.51.100.10:x", NULL },
        { "198.51.100.10:65536", NULL },
        { "198.51.100.10:443 ", NULL },
        { "198.51.100.10:1:2", NULL },
        { "[2001:db8::1]:443", NULL },
        { "2001:0db8:85a3:0:0:8a2e:0370:7334", NULL },
        { "198.51.100.10:443, 198.51.100.11:443", NULL }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        copy = xr_test_copy(xr_str(cases[i].value));

        XR_CHECK_EQ(xr_forwarded_viewer(copy, &a),
                    cases[i].address != NULL ? XR_OK : XR_INVALID,
                    cases[i].value);

        if (cases[i].address != NULL) {
            wanted = addr(cases[i].address);
            XR_CHECK(xr_addr_eq(&a, &wanted), cases[i].value);
        }

        xr_test_copy_free(copy);
    }
}


static void
test_country(void **state)
{
    size_t    i;
    uint8_t   out[XR_FORWARDED_COUNTRY_SIZE];
    xr_str_t  copy;

    static const struct {
        const char  *value;
        xr_rc_t      rc;
        const char  *country;
    } cases[] = {
        { "DE", XR_OK, "DE" },
        { "de", XR_OK, "DE" },
        { "uS", XR_OK, "US" },
        { "AZ", XR_OK, "AZ" },
        { "za", XR_OK, "ZA" },
        { "XK", XR_OK, "XK" },

        { "XX", XR_NOT_FOUND, NULL },
        { "ZZ", XR_NOT_FOUND, NULL },
        { "T1", XR_NOT_FOUND, NULL },
        { "xx", XR_NOT_FOUND, NULL },
        { "t1", XR_NOT_FOUND, NULL },

        { "", XR_INVALID, NULL },
        { "D", XR_INVALID, NULL },
        { "DEU", XR_INVALID, NULL },
        { "D1", XR_INVALID, NULL },
        { "A@", XR_INVALID, NULL },
        { "A[", XR_INVALID, NULL },
        { "`a", XR_INVALID, NULL },
        { "a{", XR_INVALID, NULL },
        { " D", XR_INVALID, NULL },
        { "\xc3\xa9", XR_INVALID, NULL }
    };

    (void) state;

    for (i = 0; i < XR_COUNT(cases); i++) {
        copy = xr_test_copy(xr_str(cases[i].value));
        memset(out, '?', sizeof(out));

        XR_CHECK_EQ(xr_forwarded_country(copy, out), cases[i].rc,
                    cases[i].value);
        XR_CHECK_STR(xr_str_of(out, sizeof(out)),
                     cases[i].country != NULL ? cases[i].country : "?\?",
                     cases[i].value);

        xr_test_copy_free(copy);
    }
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_last),
        cmocka_unit_test(test_address),
        cmocka_unit_test(test_local),
        cmocka_unit_test(test_client),
        cmocka_unit_test(test_client_untrusted),
        cmocka_unit_test(test_viewer),
        cmocka_unit_test(test_country)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
