#!/bin/sh
# Every command in bin/ of the double: command.sh NAME ARGUMENTS, with NAME such as start_tm, stop_all, status_db.
#
# It misbehaves as the files in behave/ say:
#   start.fail        start_* ends with 1 and starts nothing      start.lie      the same, but ends with 0
#   stop.lie          stop_all ends with 0 and stops nothing      stop.fail      stop_all ends with 1 and stops nothing
#   stop.leave-pid    stop_all leaves tm.pid behind               stop.claim     stop_all stops everything, but ends with 1
#   come-back         so many seconds after stop_all the services come up by themselves (once)
#   no-promotion      its Transaction Manager never becomes primary
#   second-primary    it claims to be primary beside the real one
#   tm-dies           its Transaction Manager starts, and is down a moment later
#
# A Transaction Manager takes part in the cluster while Cluster.mode is not disabled and the servers file names members. On a
# core it is the one that touches the shared database: at another level than the schema it is refused, and written down in
# SHARED/database/violations.
. "$(dirname "$0")/node.conf"
command=$1
shift
home=$dir/axway/SecureTransport
run=$home/var/run
echo "$*" >>"$dir/counts/$command"

behaves() { [ -e "$dir/behave/$1" ]; }

pid_file() {
    case $1 in
        admin) echo "$run/admin/tomcat.pid" ;;
        *) echo "$run/$1.pid" ;;
    esac
}

# Whether a process runs; one that has ended but was not collected yet does not.
lives() {
    case $(ps -p "$1" -o args= 2>/dev/null) in
        '' | *'<defunct>'*) return 1 ;;
    esac
}

alive() {
    pid=$(cat "$(pid_file "$1")" 2>/dev/null) && [ -n "$pid" ] && lives "$pid"
}

# One writer at a time; a lock that nobody gives back is broken after ten seconds.
lock() {
    tries=0
    until mkdir "$shared/lock" 2>/dev/null; do
        tries=$((tries + 1))
        if [ "$tries" -gt 100 ]; then rmdir "$shared/lock" 2>/dev/null; fi
        sleep 0.1
    done
}
unlock() { rmdir "$shared/lock" 2>/dev/null; }

# Writes cluster_state on every member whose Transaction Manager is alive, as the real members do for each other.
# Members that are stopped keep the file that they had.
publish() {
    lock
    order=$(awk '{ print $1 }' "$home/lib/admin/config/servers")
    primary=$(cat "$shared/primary" 2>/dev/null)
    if [ -n "$primary" ] && [ ! -e "$shared/$primary.tm" ]; then primary=; fi
    for member in $order; do
        if [ -z "$primary" ] && [ -e "$shared/$member.tm" ] && [ ! -e "$shared/$member.no-promotion" ]; then
            primary=$member
        fi
    done
    echo "$primary" >"$shared/primary"
    {
        echo '<ClusterGroup name="STCluster">'
        for member in $order; do
            state=offline
            status=secondary
            if [ -e "$shared/$member.tm" ]; then state=online; fi
            if [ "$member" = "$primary" ] || [ -e "$shared/$member.second-primary" ]; then status=primary; fi
            printf '   <Member hostname="%s" state="%s" \n      status="%s"/>\n' "$member" "$state" "$status"
        done
        echo '</ClusterGroup>'
    } >"$shared/cluster_state"
    for member in $order; do
        if [ -e "$shared/$member.tm" ]; then
            cp "$shared/cluster_state" "$(cat "$shared/members/$member")/var/tmp/cluster_state"
        fi
    done
    unlock
}

# What the shared database makes of a Transaction Manager of this level.
touch_database() {
    level=$(cat "$dir/axway/Configuration/SecureTransport.level")
    if [ "$level" != "$(cat "$shared/database/schema")" ]; then
        echo "$name at $level" >>"$shared/database/violations"
        echo "tm: the schema is at another level" >&2
        return 1
    fi
}

clustered() {
    [ "$(cat "$dir/double/mode")" != disabled ] && [ -n "$(awk '!/^#/ && NF' "$home/lib/admin/config/servers")" ]
}

start_one() {
    if behaves start.fail; then
        echo "$1: cannot start" >&2
        return 1
    fi
    if behaves start.lie; then return 0; fi
    if [ ! -e "$home/bin/start_$1" ]; then return 0; fi
    if alive "$1"; then
        echo "$1 is already running"
        return 0
    fi
    if [ "$1" = tm ] && [ "$kind" = core ] && ! touch_database; then return 1; fi
    # In a session of its own, like a real daemon, and holding no file of the caller open.
    case $1 in
        admin) listens=$port ;;
        socks) listens=$stream ;;
        *) listens=0 ;;
    esac
    detach=
    if command -v setsid >/dev/null 2>&1; then detach=setsid; fi
    $detach sh "$home/lib/double/daemon.sh" "$1" "$dir" "$listens" >/dev/null 2>&1 </dev/null &
    file=$(pid_file "$1")
    waited=0
    until alive "$1" && [ -e "$file.ready" ]; do
        sleep 0.1
        waited=$((waited + 1))
        if [ "$waited" -gt 100 ]; then
            echo "$1: did not start" >&2
            return 1
        fi
    done
    if [ "$1" = tm ] && clustered; then
        for trait in no-promotion second-primary; do
            if behaves "$trait"; then : >"$shared/$name.$trait"; else rm -f "$shared/$name.$trait"; fi
        done
        : >"$shared/$name.tm"
        publish
    fi
    if [ "$1" = tm ] && behaves tm-dies; then stop_one tm; fi
    # Starting any service also starts the monitor.
    if [ "$1" != monitord ]; then start_one monitord; fi
    echo "$1 started"
}

stop_one() {
    file=$(pid_file "$1")
    pid=$(cat "$file" 2>/dev/null)
    if [ -n "$pid" ] && lives "$pid"; then
        kill "$pid"
        waited=0
        while lives "$pid" && [ "$waited" -lt 100 ]; do
            sleep 0.1
            waited=$((waited + 1))
        done
    fi
    rm -f "$file" "$file.ready"
    if [ "$1" = tm ] && [ -e "$shared/$name.tm" ]; then
        rm -f "$shared/$name.tm"
        publish
    fi
}

# A graceful stop, with the product's own manners: the monitor starts again what was not stopped for good, and the
# Transaction Manager stops only when protocol servers and monitor are down.
stop_gracefully() {
    if [ "$1" = tm ]; then
        for other in monitord ftpd httpd as2d sshd pesitd; do
            if alive "$other"; then
                echo "tm cannot be stopped gracefully: $other is running" >&2
                return 1
            fi
        done
    fi
    stop_one "$1"
    if alive monitord; then start_one "$1" >/dev/null; fi
    echo "$1 stopped"
}

stop_all() {
    if behaves stop.lie; then return 0; fi
    if behaves stop.fail; then
        echo "stop_all: cannot stop" >&2
        return 1
    fi
    left=$(cat "$run/tm.pid" 2>/dev/null)
    for service in monitord ftpd httpd as2d sshd pesitd socks tm admin db; do
        if [ -e "$(pid_file "$service")" ]; then stop_one "$service"; fi
    done
    if behaves stop.leave-pid; then echo "${left:-99999999}" >"$run/tm.pid"; fi
    if behaves come-back; then
        delay=$(cat "$dir/behave/come-back")
        rm -f "$dir/behave/come-back"
        (
            sleep "${delay:-1}"
            sh "$dir/double/command.sh" start_all
        ) >/dev/null 2>&1 </dev/null &
    fi
    if behaves stop.claim; then return 1; fi
}

start_all() {
    worst=0
    for service in db admin tm socks ftpd httpd as2d sshd pesitd; do
        start_one "$service" || worst=1
    done
    return "$worst"
}

case $command in
    start_all) start_all ;;
    stop_all)
        echo "Stopping all services"
        stop_all
        ;;
    start_*) start_one "${command#start_}" ;;
    stop_*)
        if [ "${1:-}" = -g ]; then
            stop_gracefully "${command#stop_}"
        else
            stop_one "${command#stop_}"
        fi
        ;;
    status_*)
        service=${command#status_}
        if [ -e "$home/bin/start_$service.disable" ]; then
            echo "$service is disabled"
        elif alive "$service"; then
            echo "$service is alive"
        else
            echo "$service is down"
        fi
        ;;
    *)
        echo "$command: unknown" >&2
        exit 64
        ;;
esac
