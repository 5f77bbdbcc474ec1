#!/usr/bin/python3
# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause

"""swift_server.py rings DIR OBJECT_PORT CONTAINER_PORT ACCOUNT_PORT
swift_server.py proxy|account|container|object CONF

The first makes the three rings of a Swift that has one disk; the second runs
one of its servers, with the swift.conf that lies beside CONF.
"""

import os
import sys

import swift.common.utils as utils


def make_rings(folder, ports):
    from swift.common.ring import RingBuilder

    for name, port in ports.items():
        builder = RingBuilder(part_power=4, replicas=1, min_part_hours=0)
        builder.add_dev({
            "region": 1, "zone": 1, "weight": 1.0, "device": "disk",
            "ip": "127.0.0.1", "port": port, "meta": "",
            "replication_ip": "127.0.0.1", "replication_port": port,
        })
        builder.rebalance()
        builder.get_ring().save(os.path.join(folder, name + ".ring.gz"))


def run_server(name, conf):
    conf = os.path.abspath(conf)

    # Swift knows only /etc/swift/swift.conf, and other parts of it read that
    # as soon as they are imported.
    utils.SWIFT_CONF_FILE = os.path.join(os.path.dirname(conf), "swift.conf")

    from swift.common.wsgi import run_wsgi

    return run_wsgi(conf, name + "-server", default_port=0, verbose=True)


if __name__ == "__main__":
    if len(sys.argv) == 6 and sys.argv[1] == "rings":
        make_rings(sys.argv[2], dict(zip(("object", "container", "account"),
                                         map(int, sys.argv[3:]))))
    elif len(sys.argv) == 3:
        sys.exit(run_server(*sys.argv[1:]) or 0)
    else:
        sys.exit(__doc__)
