# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause
#
# Shell shared by the scripts that start servers.  They set DIR, the folder of
# the servers: pid files go to DIR/run, output to DIR/log.

PORTS_LOCKS=/tmp/ngx_xr-ports-$(id -u)


die()
{
    echo "${0##*/}: $*" >&2
    exit 1
}


# port_is_free PORT: neither TCP nor UDP
port_is_free()
{
    /usr/bin/python3 - "$1" <<'PYTHON' 2> /dev/null
import socket, sys
for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
    s = socket.socket(socket.AF_INET, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR,
                 int(kind == socket.SOCK_STREAM))
    s.bind(("127.0.0.1", int(sys.argv[1])))
PYTHON
}


# reserve_ports: sets BASE_PORT to the first of 16 free ports.
#
# The block is held by a lock on a file that is open here and in every server
# we start, so it is free again when the last of them has ended, however that
# came.  The blocks lie below the ports that the kernel gives to clients.
reserve_ports()
{
    local block i port

    # not one that another user has put there
    mkdir -p -m 700 "$PORTS_LOCKS"
    [ -O "$PORTS_LOCKS" ] || die "$PORTS_LOCKS belongs to another user"

    for (( i = 0; i < 700; i++ )); do
        block=$(( ($$ + i) % 700 ))
        exec {PORTS_FD}> "$PORTS_LOCKS/$block"

        if flock -n "$PORTS_FD"; then
            BASE_PORT=$(( 20000 + block * 16 ))

            if block_is_free "$BASE_PORT"; then
                return
            fi
        fi

        exec {PORTS_FD}>&-
    done

    die "no free ports between 20000 and 31200"
}


block_is_free()
{
    local port

    for (( port = $1; port < $1 + 16; port++ )); do
        port_is_free "$port" || return 1
    done
}


# lock_dir FILE: false if another has it.  As with the ports, the servers that
# are started afterwards keep the lock.
lock_dir()
{
    exec {LOCK_FD}> "$1"
    flock -n "$LOCK_FD"
}


# start NAME COMMAND...: a server in the background, in a session of its own,
# so that Ctrl-C reaches only the script
start()
{
    local name=$1

    shift
    mkdir -p "$DIR/run" "$DIR/log"
    (cd "$DIR" && exec setsid "$@") \
        > "$DIR/log/$name.log" 2>&1 < /dev/null &
    echo $! > "$DIR/run/$name.pid"
}


# is_ours PID: a process of DIR, not one that got a number from the past
is_ours()
{
    local command

    # with its status: in a trap, "return" has the one from before the trap
    [[ $(readlink "/proc/$1/cwd")/ = "$DIR"/* ]] && return 0

    command=$(tr '\0' ' ' < "/proc/$1/cmdline") &&
        [[ $command = *"$DIR"[/\ ]* ]]
} 2> /dev/null


# running NAME
running()
{
    local pid

    pid=$(cat "$DIR/run/$1.pid" 2> /dev/null) && [ -n "$pid" ] &&
        kill -0 "$pid" 2> /dev/null && is_ours "$pid"
}


# stop NAME [SIGNAL]: and wait for the end of it; by force after 10 seconds
stop()
{
    local pid signal=${2:-TERM} i

    if running "$1"; then
        pid=$(cat "$DIR/run/$1.pid")
        kill "-$signal" "$pid" 2> /dev/null || true

        for (( i = 0; i < 200; i++ )); do
            ended "$pid" && break
            sleep 0.05
        done

        ended "$pid" || kill -KILL "$pid" 2> /dev/null || true
    fi

    rm -f "$DIR/run/$1.pid"
}


# ended PID: gone, or a zombie that nobody has waited for
ended()
{
    local state

    state=$(sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$1/status" 2> /dev/null)
    [ -z "$state" ] || [ "$state" = Z ]
}


# wait_until SECONDS COMMAND...
wait_until()
{
    local end=$(( SECONDS + $1 ))

    shift

    until "$@" > /dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.05
    done
}


# accepts PORT
accepts()
{
    (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null
}


# render TEMPLATE FILE NAME=VALUE...: puts VALUE where TEMPLATE has @NAME@
render()
{
    local template=$1 file=$2 text pair

    shift 2
    text=$(cat "$template")

    for pair in "$@"; do
        text=${text//"@${pair%%=*}@"/"${pair#*=}"}
    done

    printf '%s\n' "$text" > "$file"
}
