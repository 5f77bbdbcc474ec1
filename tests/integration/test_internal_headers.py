# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""X-XR-* request headers are ours alone, wherever they come in."""

import pytest

import servers

SPELLINGS = ["X-XR-Tenant", "x-xr-tenant", "X-Xr-Tenant", "X_XR_Tenant", "X-XR_Tenant",
             "X_XR-Tenant"]


@pytest.fixture(scope="module")
def edge(stack, edges):
    return edges({"acme": "", "other": ""}, server=f"""
        underscores_in_headers on;
        ignore_invalid_headers off;
        location /echo/ {{ return 200 "[$http_x_xr_tenant]"; }}
        location /pass/ {{ proxy_pass {stack['origin']}; }}
    """)


@pytest.mark.parametrize("name", SPELLINGS)
def test_not_seen_by_variables(stack, edge, name):
    key, body = stack.put()
    response = edge.fetch(f"/acme/{key}", headers={name: "other"})

    assert response.body == body
    entry = edge.logged(response)
    assert (entry["tenant"], entry["header"]) == ("acme", "")


@pytest.mark.parametrize("name", SPELLINGS)
def test_not_seen_in_other_locations_of_the_server(edge, name):
    assert edge.get("/echo/", headers={name: "other"}).body == b"[]"


@pytest.mark.parametrize("name", SPELLINGS)
def test_not_passed_on(stack, edge, name):
    marker = next(stack.names)
    edge.get(f"/pass/{marker}", headers={name: "forged", "X-Other": "kept"})

    [seen] = stack.faults.log(marker)
    assert seen["headers"]["x-other"] == "kept"
    assert "forged" not in str(seen["headers"])


def test_not_a_reason_to_refuse(stack, edge):
    key, body = stack.put()
    headers = {"X-XR-Auth": "GRANTED", "X-XR-Deny": "1", "X-XR-Subject": "root", "X-XRay": "1"}

    assert edge.get(f"/acme/{key}", headers=headers).status == 403
    response = edge.fetch(f"/acme/{key}", headers=headers)
    assert response.body == body
    assert edge.logged(response)["subject"] == ""
