#!/bin/sh
# The service script of the double: server.sh start | stop. There is no status.
#
# It misbehaves as the files in behave/ say:
#   start.fail          ends with 1 and starts nothing      start.lie     the same, but ends with 0
#   stop.lie            ends with 0 and stops nothing       stop.claim    stops everything, but ends with 1
#   stop.leave-pid      leaves server.pid behind            stop.stubborn (set before the start) the process ignores TERM
#   stop.leave-session  something unknown on this host stays connected to the database
. "$(dirname "$0")/node.conf"
home=$dir/ucd
file=$home/var/server.pid
echo "$*" >>"$dir/counts/server-$1"
echo "$name $1" >>"$shared/story"

behaves() { [ -e "$dir/behave/$1" ]; }
# Whether a process runs; one that has ended but was not collected yet does not.
lives() {
    case $(ps -p "$1" -o args= 2>/dev/null) in
        '' | *'<defunct>'*) return 1 ;;
    esac
}

start() {
    if behaves start.fail; then
        echo "server: cannot start" >&2
        return 1
    fi
    if behaves start.lie; then return 0; fi
    rm -f "$dir/double/ready"
    : >"$shared/sessions/$name"
    # In a session of its own, like a real daemon, and holding no file of the caller open.
    detach=
    if command -v setsid >/dev/null 2>&1; then detach=setsid; fi
    $detach sh "$home/opt/double/daemon.sh" "$dir" >>"$home/var/log/deployserver.out" 2>&1 </dev/null &
    waited=0
    until [ -e "$dir/double/ready" ]; do
        sleep 0.1
        waited=$((waited + 1))
        if [ "$waited" -gt 100 ]; then
            echo "server: did not start" >&2
            return 1
        fi
    done
    echo "server started"
}

stop() {
    if behaves stop.lie; then return 0; fi
    pid=$(cat "$file" 2>/dev/null)
    if [ -n "$pid" ] && lives "$pid"; then
        kill "$pid"
        waited=0
        while lives "$pid"; do
            sleep 0.1
            waited=$((waited + 1))
            if [ "$waited" -gt 30 ]; then
                echo "server: process $pid does not end" >&2
                return 1
            fi
        done
    fi
    if ! behaves stop.leave-pid; then rm -f "$file"; fi
    rm -f "$shared/sessions/$name"
    if behaves stop.leave-session; then
        perl "$dir/double/session.pl" "$database" 600 >/dev/null 2>&1 </dev/null &
        echo "$!" >>"$dir/double/pids"
        : >"$shared/sessions/$name"
    fi
    echo "server stopped" >>"$home/var/log/deployserver.out"
    if behaves stop.claim; then return 1; fi
}

case $1 in
    start) start ;;
    stop) stop ;;
    *)
        echo "usage: server start|stop|run" >&2
        exit 64
        ;;
esac
