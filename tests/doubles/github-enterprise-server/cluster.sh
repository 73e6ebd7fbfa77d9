#!/bin/sh
# The double's commands that speak of the whole cluster: cluster.sh NAME ARGUMENTS
#
# It misbehaves as the files in behave/ of a node say:
#   maintenance.miss      -s does not reach this node                  unset.refuse N   -u is refused N times (on the caller)
#   config-run.stuck      a configuration run of this node never ends  config-apply.fail, config-apply.lie
#   jobs                  background jobs are still running
# and in the shared folder: NAME.away (the node is down), unhealthy (services have errors).
. "$(dirname "$0")/node.conf"
. "$(dirname "$0")/lib.sh"
command=$1
shift
count "$command" "$*"

# Runs a command on each node, as through SSH; each line begins with the node's name.
each() {
    worst=0
    for member in $(members); do
        if away "$member"; then
            echo "$member: ssh: connect to host $member port 122: Connection refused"
            worst=255
            continue
        fi
        there=$(home_of "$member")
        # The same paths exist on every real node; here each has its own folder.
        line=$(printf '%s' "$1" | sed "s|$dir/|$there/|g")
        { PATH=$there/double/bin:$PATH sh -c "$line" 2>&1 </dev/null || echo "$?" >"$dir/state/each"; } | sed "s/^/$member: /"
        if [ -e "$dir/state/each" ]; then
            worst=$(cat "$dir/state/each")
            rm -f "$dir/state/each"
        fi
    done
    return "$worst"
}

maintenance() {
    case ${1:-} in
        -s)
            for member in $(members); do
                there=$(home_of "$member")
                if [ ! -e "$there/behave/maintenance.miss" ]; then echo "${2:-down}" >"$there/page/maintenance.html"; fi
            done
            ;;
        -u)
            refuse=$(cat "$dir/behave/unset.refuse" 2>/dev/null || echo 0)
            if [ "$refuse" -gt 0 ]; then echo "$((refuse - 1))" >"$dir/behave/unset.refuse"; fi
            for member in $(members); do
                if config_run_of "$(home_of "$member")"; then refuse=1; fi
            done
            if [ "$refuse" -gt 0 ]; then
                echo "A configuration run is currently in progress. Unable to unset maintenance mode. Please try again after the configuration run is completed."
                return 1
            fi
            for member in $(members); do rm -f "$(home_of "$member")/page/maintenance.html"; done
            ;;
        *)
            echo "usage: ghe-cluster-maintenance -s [MSG] | -u | -q" >&2
            return 64
            ;;
    esac
}

config_apply() {
    echo "Validating configuration"
    if behaves config-apply.fail; then
        echo "Error: a node cannot be configured" >&2
        return 1
    fi
    for member in $(members); do echo "ghe-cluster-config-apply: done" >>"$(home_of "$member")/log/ghe-config.log"; done
    if behaves config-apply.lie; then return 0; fi
    rm -f "$shared/unhealthy"
    echo "Finished cluster configuration"
}

case $command in
    ghe-version) echo "GitHub Enterprise Server $(cat "$dir/state/version") esx 2025-09-09 5e97c07602" ;;
    ghe-config)
        key=${1#cluster.}
        awk -v key="$key" '/^\[/ { inside = ($0 == "[cluster]") } inside && $1 == key { print $3; found = 1 } END { exit !found }' \
            "$dir/etc/cluster.conf"
        ;;
    ghe-cluster-each)
        while [ "$#" -gt 0 ] && [ "$1" != -- ]; do shift; done
        shift
        each "$*"
        ;;
    ghe-cluster-nodes) members ;;
    ghe-cluster-status)
        echo "mysql cluster: ok"
        for member in $(members); do
            if away "$member"; then echo "mysql-replication $member: error Stopped"; else echo "mysql-replication $member: ok"; fi
        done
        if [ -e "$shared/unhealthy" ]; then echo "elasticsearch cluster: error"; fi
        ;;
    ghe-cluster-host-check)
        for member in $(members); do
            if away "$member"; then
                echo "$member is offline"
                exit 1
            fi
        done
        echo "Cluster is ready to configure."
        ;;
    ghe-cluster-maintenance) maintenance "$@" ;;
    ghe-cluster-config-apply) config_apply ;;
    ghe-check-background-upgrade-jobs)
        if behaves jobs; then echo "2 background upgrade jobs are still running"; else echo "No background upgrade jobs are running"; fi
        ;;
    *)
        echo "$command: unknown" >&2
        exit 64
        ;;
esac
