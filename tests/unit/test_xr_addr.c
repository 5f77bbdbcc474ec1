/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "test.h"

#include "xr_addr.h"


static const struct {
    const char  *in;
    const char  *bytes;                 /* hexadecimal; NULL: refused */
} cases[] = {
    { "0.0.0.0",                "00000000000000000000ffff00000000" },
    { "192.0.2.1",              "00000000000000000000ffffc0000201" },
    { "255.255.255.255",        "00000000000000000000ffffffffffff" },

    /* RFC 4291, section 2.2 */

    { "ABCD:EF01:2345:6789:ABCD:EF01:2345:6789",
                                "abcdef0123456789abcdef0123456789" },
    { "2001:DB8:0:0:8:800:200C:417A",
                                "20010db80000000000080800200c417a" },
    { "2001:db8::8:800:200c:417a",
                                "20010db80000000000080800200c417a" },
    { "FF01::101",              "ff010000000000000000000000000101" },
    { "::1",                    "00000000000000000000000000000001" },
    { "::",                     "00000000000000000000000000000000" },
    { "0:0:0:0:0:0:13.1.68.3",  "0000000000000000000000000d014403" },
    { "::13.1.68.3",            "0000000000000000000000000d014403" },
    { "::FFFF:129.144.52.38",   "00000000000000000000ffff81903426" },
    { "::ffff:8190:3426",       "00000000000000000000ffff81903426" },
    { "0:0:0:0:0:ffff:192.0.2.1",
                                "00000000000000000000ffffc0000201" },
    { "64:ff9b::192.0.2.33",    "0064ff9b0000000000000000c0000221" },
    { "1::",                    "00010000000000000000000000000000" },
    { "1:2:3:4:5:6:7::",        "00010002000300040005000600070000" },
    { "::2:3:4:5:6:7:8",        "00000002000300040005000600070008" },
    { "1:2:3::5:6:7:8",         "00010002000300000005000600070008" },
    { "1:2:3:4:5::1.2.3.4",     "00010002000300040005000001020304" },
    { "0001:0:00:000:0000:0:0:1",
                                "00010000000000000000000000000001" },

    { "",                       NULL },
    { "1",                      NULL },
    { "1.2.3",                  NULL },
    { "1.2.3.4.5",              NULL },
    { "1.2.3.",                 NULL },
    { "1.2.3.4.",               NULL },
    { ".1.2.3",                 NULL },
    { "1..2.3",                 NULL },
    { "1.2.3.256",              NULL },
    { "1.2.3.1000",             NULL },
    { "1.2.3.18446744073709551617", NULL },
    { "01.2.3.4",               NULL },
    { "1.2.3.00",               NULL },
    { "0x7f.0.0.1",             NULL },
    { "2130706433",             NULL },
    { " 1.2.3.4",               NULL },
    { "1.2.3.4 ",               NULL },
    { "1.2.3.-4",               NULL },
    { "1.2.3.4:80",             NULL },
    { "1.2.3.4/32",             NULL },
    { ":",                      NULL },
    { ":::",                    NULL },
    { "1:",                     NULL },
    { ":1",                     NULL },
    { "1:2:3:4:5:6:7",          NULL },
    { "1:2:3:4:5:6:7:",         NULL },
    { "1:2:3:4:5:6:7:8:",       NULL },
    { "1:2:3:4:5:6:7:8:9",      NULL },
    { "1:2:3:4:5:6:7:8::",      NULL },
    { "::1:2:3:4:5:6:7:8",      NULL },
    { "1:2:3:4::5:6:7:8",       NULL },
    { "1::2::3",                NULL },
    { "1:::2",                  NULL },
    { "12345::",                NULL },
    { "00001::",                NULL },
    { "g::",                    NULL },
    { "::1.2.3",                NULL },
    { "::1.2.3.4.5",            NULL },
    { "::1.2.3.4:5",            NULL },
    { "::1.2.3.04",             NULL },
    { "1.2.3.4::",              NULL },
    { "1:2:3:4:5:6:7:1.2.3.4",  NULL },
    { "::a.2.3.4",              NULL },
    { "fe80::1%eth0",           NULL },
    { "[::1]",                  NULL },
    { "[::1]:443",              NULL },
    { "::1/128",                NULL },
    { "localhost",              NULL }
};


static void
test_parse(void **state)
{
    size_t     i;
    uint8_t    wanted[16];
    xr_rc_t    rc;
    xr_str_t   in;
    xr_addr_t  a, before;

    (void) state;

    memset(&before, 0xee, sizeof(before));

    for (i = 0; i < XR_COUNT(cases); i++) {
        in = xr_test_copy(xr_str(cases[i].in));
        a = before;

        rc = xr_addr_parse(in, &a);

        xr_test_copy_free(in);

        if (cases[i].bytes == NULL) {
            XR_CHECK_EQ(rc, XR_INVALID, cases[i].in);
            XR_CHECK(xr_addr_eq(&a, &before), cases[i].in);
            continue;
        }

        assert_int_equal(xr_hex_decode(xr_str(cases[i].bytes), wanted, 16),
                         XR_OK);

        XR_CHECK_EQ(rc, XR_OK, cases[i].in);
        XR_CHECK(memcmp(a.bytes, wanted, 16) == 0, cases[i].in);
    }
}


static void
test_nul(void **state)
{
    xr_addr_t  a;

    (void) state;

    assert_int_equal(xr_addr_parse(xr_str_of("1.2.3.4\0", 8), &a), XR_INVALID);
    assert_int_equal(xr_addr_parse(xr_str_of("::1\0", 4), &a), XR_INVALID);
    assert_int_equal(xr_addr_parse(xr_str_of(NULL, 0), &a), XR_INVALID);
}


static void
test_eq(void **state)
{
    xr_addr_t  a, b;

    (void) state;

    assert_int_equal(xr_addr_parse(xr_str("192.0.2.1"), &a), XR_OK);
    assert_int_equal(xr_addr_parse(xr_str("::ffff:c000:201"), &b), XR_OK);
    assert_true(xr_addr_eq(&a, &b));

    assert_int_equal(xr_addr_parse(xr_str("::192.0.2.1"), &b), XR_OK);
    assert_false(xr_addr_eq(&a, &b));
}


static void
test_net(void **state)
{
    size_t         i;
    xr_rc_t        rc;
    xr_str_t       in;
    xr_addr_t      a;
    xr_addr_net_t  net, before;

    static const struct {
        const char  *in;
        int          bits;              /* -1: refused */
        const char  *inside;
        const char  *outside;
    } nets[] = {
        { "192.0.2.0/24",         120, "192.0.2.0",      "192.0.3.0" },
        { "192.0.2.0/24",         120, "192.0.2.255",    "192.0.1.255" },
        { "192.0.2.0/24",         120, "::ffff:192.0.2.7", "::192.0.2.7" },
        { "192.0.2.128/25",       121, "192.0.2.128",    "192.0.2.127" },
        { "192.0.2.2/31",         127, "192.0.2.3",      "192.0.2.4" },
        { "192.0.2.1/32",         128, "192.0.2.1",      "192.0.2.0" },
        { "192.0.2.1",            128, "192.0.2.1",      "192.0.2.2" },
        { "128.0.0.0/1",           97, "255.0.0.0",      "127.255.255.255" },
        { "10.0.0.0/8",           104, "10.255.255.255", "11.0.0.0" },
        { "10.64.0.0/10",         106, "10.127.0.1",     "10.128.0.0" },
        { "0.0.0.0/0",             96, "255.255.255.255", "::" },
        { "2001:db8::/32",         32, "2001:db8:ffff::1", "2001:db9::" },
        { "2001:db8:0:8000::/49",  49, "2001:db8:0:ffff::",
                                                     "2001:db8:0:7fff::" },
        { "2001:db8::1/128",      128, "2001:db8::1",    "2001:db8::" },
        { "2001:db8::1",          128, "2001:db8:0::1",  "2001:db8::2" },
        { "8000::/1",               1, "ffff::",         "7fff::" },
        { "::/0",                   0, "192.0.2.1",      NULL },
        { "::/128",               128, "::",             "::1" },
        { "::ffff:0.0.0.0/96",     96, "1.2.3.4",        "::1.2.3.4" },
        { "::ffff:c000:200/120",  120, "192.0.2.9",      "192.0.3.9" },

        { "",                      -1, NULL, NULL },
        { "/",                     -1, NULL, NULL },
        { "/24",                   -1, NULL, NULL },
        { "192.0.2.0/",            -1, NULL, NULL },
        { "192.0.2.0/33",          -1, NULL, NULL },
        { "192.0.2.0/128",         -1, NULL, NULL },
        { "192.0.2.0/024",         -1, NULL, NULL },
        { "192.0.2.0/00",          -1, NULL, NULL },
        { "192.0.2.0/+24",         -1, NULL, NULL },
        { "192.0.2.0/-1",          -1, NULL, NULL },
        { "192.0.2.0/24 ",         -1, NULL, NULL },
        { " 192.0.2.0/24",         -1, NULL, NULL },
        { "192.0.2.0 /24",         -1, NULL, NULL },
        { "192.0.2.0/ 24",         -1, NULL, NULL },
        { "192.0.2.0/24/24",       -1, NULL, NULL },
        { "192.0.2.0/255.255.255.0", -1, NULL, NULL },
        { "192.0.2.0/18446744073709551640", -1, NULL, NULL },
        { "192.0.2/24",            -1, NULL, NULL },
        { "192.0.2.1/24",          -1, NULL, NULL },
        { "192.0.2.1/31",          -1, NULL, NULL },
        { "192.0.2.0/22",          -1, NULL, NULL },
        { "1.0.0.0/0",             -1, NULL, NULL },
        { "2001:db8::1/32",        -1, NULL, NULL },
        { "2001:db8::/28",         -1, NULL, NULL },
        { "2001:db8::/129",        -1, NULL, NULL },
        { "::1/0",                 -1, NULL, NULL },
        { "::ffff:0.0.0.0/95",     -1, NULL, NULL },
        { "[2001:db8::]/32",       -1, NULL, NULL },
        { "localhost/8",           -1, NULL, NULL }
    };

    (void) state;

    memset(&before, 0xee, sizeof(before));

    for (i = 0; i < XR_COUNT(nets); i++) {
        in = xr_test_copy(xr_str(nets[i].in));
        net = before;

        rc = xr_addr_net_parse(in, &net);

        xr_test_copy_free(in);

        if (nets[i].bits == -1) {
            XR_CHECK_EQ(rc, XR_INVALID, nets[i].in);
            XR_CHECK(memcmp(&net, &before, sizeof(net)) == 0, nets[i].in);
            continue;
        }

        XR_CHECK_EQ(rc, XR_OK, nets[i].in);
        XR_CHECK_EQ(net.bits, nets[i].bits, nets[i].in);
        XR_CHECK(xr_addr_net_has(&net, &net.addr), nets[i].in);

        assert_int_equal(xr_addr_parse(xr_str(nets[i].inside), &a), XR_OK);
        XR_CHECK(xr_addr_net_has(&net, &a), nets[i].inside);

        if (nets[i].outside != NULL) {
            assert_int_equal(xr_addr_parse(xr_str(nets[i].outside), &a), XR_OK);
            XR_CHECK(!xr_addr_net_has(&net, &a), nets[i].outside);
        }
    }
}


/* For every prefix: what differs in its last bit is out, behind it is in. */

static void
test_net_bits(void **state)
{
    size_t         bits;
    uint8_t       *byte;
    xr_addr_t      a;
    xr_addr_net_t  net;

    (void) state;

    memset(&net, 0, sizeof(net));

    for (bits = 0; bits <= 128; bits++) {
        net.bits = (uint8_t) bits;

        if (bits < 128) {
            memset(&a, 0, sizeof(a));
            a.bytes[bits / 8] = (uint8_t) (0x80 >> bits % 8);
            assert_true(xr_addr_net_has(&net, &a));
        }

        if (bits > 0) {
            memset(&a, 0, sizeof(a));
            byte = &a.bytes[(bits - 1) / 8];
            *byte = (uint8_t) (0x80 >> (bits - 1) % 8);
            assert_false(xr_addr_net_has(&net, &a));
        }
    }
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_eq),
        cmocka_unit_test(test_net),
        cmocka_unit_test(test_net_bits)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
