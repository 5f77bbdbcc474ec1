/*
 * Copyright (c) the ngx_xr authors.
 * SPDX-License-Identifier: BSD-2-Clause
 */

#include "xr_country.h"


static const xr_str_t  xr_country_names[XR_CONTINENTS] = {
    [XR_CONTINENT_NONE] = XR_STR(""),
    [XR_CONTINENT_AF] = XR_STR("AF"),
    [XR_CONTINENT_AN] = XR_STR("AN"),
    [XR_CONTINENT_AS] = XR_STR("AS"),
    [XR_CONTINENT_EU] = XR_STR("EU"),
    [XR_CONTINENT_NA] = XR_STR("NA"),
    [XR_CONTINENT_OC] = XR_STR("OC"),
    [XR_CONTINENT_SA] = XR_STR("SA")
};


static const xr_str_t  xr_country_lists[XR_CONTINENTS] = {

    [XR_CONTINENT_AF] = XR_STR(
        "AOBFBIBJBWCDCFCGCICMCVDJDZEGEHERETGAGHGMGNGQGWKEKMLRLSLYMAMG"
        "MLMRMUMWMZNANENGRERWSCSDSHSLSNSOSSSTSZTDTGTNTZUGYTZAZMZW"),

    [XR_CONTINENT_AN] = XR_STR("AQBVGSHMTF"),

    [XR_CONTINENT_AS] = XR_STR(
        "AEAFAMAZBDBHBNBTCCCNCXGEHKIDILINIOIQIRJOJPKGKHKPKRKWKZLALBLK"
        "MMMNMOMVMYNPOMPHPKPSQASASGSYTHTJTMTRTWUZVNYE"),

    [XR_CONTINENT_EU] = XR_STR(
        "ADALATAXBABEBGBYCHCYCZDEDKEEESFIFOFRGBGGGIGRHRHUIEIMISITJELI"
        "LTLULVMCMDMEMKMTNLNOPLPTRORSRUSESISJSKSMUAVAXK"),

    [XR_CONTINENT_NA] = XR_STR(
        "AGAIAWBBBLBMBQBSBZCACRCUCWDMDOGDGLGPGTHNHTJMKNKYLCMFMQMSMXNI"
        "PAPMPRSVSXTCTTUSVCVGVI"),

    [XR_CONTINENT_OC] = XR_STR(
        "ASAUCKFJFMGUKIMHMPNCNFNRNUNZPFPGPNPWSBTKTLTOTVUMVUWFWS"),

    [XR_CONTINENT_SA] = XR_STR("ARBOBRCLCOECFKGFGYPEPYSRUYVE")
};


static bool
xr_country_in(xr_str_t list, xr_str_t country)
{
    size_t  i;

    for (i = 0; i < list.len; i += XR_COUNTRY_SIZE) {

        if (list.data[i] == country.data[0]
            && list.data[i + 1] == country.data[1])
        {
            return true;
        }
    }

    return false;
}


xr_continent_t
xr_country_continent(xr_str_t country)
{
    size_t  i;

    for (i = XR_CONTINENT_AF; i < XR_CONTINENTS; i++) {

        if (country.len == XR_COUNTRY_SIZE
            && xr_country_in(xr_country_lists[i], country))
        {
            return (xr_continent_t) i;
        }
    }

    return XR_CONTINENT_NONE;
}


xr_str_t
xr_country_continent_name(xr_continent_t continent)
{
    return xr_country_names[continent];
}


xr_continent_t
xr_country_continent_of(xr_str_t name)
{
    size_t  i;

    for (i = XR_CONTINENT_AF; i < XR_CONTINENTS; i++) {

        if (xr_str_eq(name, xr_country_names[i])) {
            return (xr_continent_t) i;
        }
    }

    return XR_CONTINENT_NONE;
}


/* The number of its bit; XR_COUNTRY_BITS: it has none. */

static size_t
xr_country_bit(xr_str_t country)
{
    size_t  a, b;

    if (country.len != XR_COUNTRY_SIZE) {
        return XR_COUNTRY_BITS;
    }

    a = (size_t) country.data[0] - 'A';
    b = (size_t) country.data[1] - 'A';

    return (a < XR_COUNTRY_LETTERS && b < XR_COUNTRY_LETTERS)
           ? a * XR_COUNTRY_LETTERS + b : XR_COUNTRY_BITS;
}


void
xr_country_set_add(xr_country_set_t *set, xr_str_t country)
{
    size_t  bit;

    bit = xr_country_bit(country);

    if (bit < XR_COUNTRY_BITS) {
        set->bits[bit / 8] |= (uint8_t) (1 << (bit % 8));
    }
}


bool
xr_country_set_has(const xr_country_set_t *set, xr_str_t country)
{
    size_t  bit;

    bit = xr_country_bit(country);

    return bit < XR_COUNTRY_BITS
           && (set->bits[bit / 8] & (1 << (bit % 8))) != 0;
}
