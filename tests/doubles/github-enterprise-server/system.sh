#!/bin/sh
# Stands before commands of the system in a node's PATH, so that one machine can be several: system.sh NAME ARGUMENTS
#
# behave/status CODE      the web service answers with this code    behave/root-disk KB   so much is free on /
# behave/cannot-unset     the Manage API says that maintenance mode may not be lifted
# behave/connections N    the Manage API counts so many open connections
. "$(dirname "$0")/node.conf"
. "$(dirname "$0")/lib.sh"
command=$1
shift

# The system's own command of that name.
real() {
    for folder in /bin /usr/bin /sbin /usr/sbin; do
        if [ -x "$folder/$command" ]; then exec "$folder/$command" "$@"; fi
    done
    echo "$command: not on this machine" >&2
    exit 127
}

web_code() {
    if [ -e "$1/behave/status" ]; then
        cat "$1/behave/status"
    elif [ -e "$1/page/maintenance.html" ]; then
        echo 503
    else
        echo 200
    fi
}

manage() {
    case $1 in
        */config/apply)
            if config_run_of "$dir"; then echo '{ "running": true, "successful": false, "nodes": [] }'; else echo '{ "running": false, "successful": true, "nodes": [] }'; fi
            ;;
        */checks/system-requirements) echo '{ "status": "OK" }' ;;
        */config/license/check) echo '{ "status": "valid" }' ;;
        */maintenance)
            allowed=true
            if behaves cannot-unset; then allowed=false; fi
            open=0
            if behaves connections; then open=$(cat "$dir/behave/connections"); fi
            separator='['
            for member in $(members); do
                status=off
                if [ -e "$(home_of "$member")/page/maintenance.html" ]; then status=on; fi
                printf '%s\n{ "hostname": "%s", "uuid": "0-%s", "status": "%s",\n' "$separator" "$member" "$member" "$status"
                printf '  "connection_services": [ { "name": "git", "number": %s }, { "name": "web", "number": 0 } ],\n' "$open"
                printf '  "can_unset_maintenance": %s }' "$allowed"
                separator=,
            done
            echo ']'
            ;;
    esac
}

curl_stand_in() {
    count curl "$*"
    output=
    netrc=
    url=
    while [ "$#" -gt 0 ]; do
        case $1 in
            -o) output=$2; shift ;;
            -m | -w) shift ;;
            --netrc-file) netrc=$2; shift ;;
            -*) ;;
            *) url=$1 ;;
        esac
        shift
    done
    if [ -n "$netrc" ]; then
        if [ ! -r "$netrc" ]; then exit 26; fi
        manage "$url"
        return
    fi
    case $url in
        https://localhost/status) web_code "$dir" | tr -d '\n' ;;
        */status)
            worst=200
            for member in $(members); do
                code=$(web_code "$(home_of "$member")")
                if [ "$code" != 200 ]; then worst=$code; fi
            done
            printf '%s' "$worst"
            ;;
        *)
            if [ ! -e "$shared/download/${url##*/}" ]; then
                echo "curl: (22) The requested URL returned error: 404" >&2
                exit 22
            fi
            echo "  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current" >&2
            cp "$shared/download/${url##*/}" "$output"
            if behaves download.short; then printf 'x' >"$output"; fi
            echo "100  496M  100  496M    0     0  24.2M      0  0:00:20  0:00:20 --:--:-- 27.4M" >&2
            ;;
    esac
}

case $command in
    curl) curl_stand_in "$@" ;;
    cat)
        case ${1:-} in
            /proc/stat) echo "btime $(cat "$dir/state/btime")" ;;
            *) real "$@" ;;
        esac
        ;;
    ps)
        case " $* " in
            *" -e "*) if config_run_of "$dir"; then echo " 4711 /bin/bash /usr/local/share/enterprise/ghe-config-apply"; fi ;;
            *) real "$@" ;;
        esac
        ;;
    df)
        free=121000000
        if behaves root-disk; then free=$(cat "$dir/behave/root-disk"); fi
        echo "Filesystem 1024-blocks Used Available Capacity Mounted on"
        for path in "$@"; do
            case $path in
                -*) ;;
                /) echo "$(cat "$dir/state/partition") 200000000 79000000 $free 40% /" ;;
                *) echo "/dev/xvdb 500000000 210000000 290000000 42% $path" ;;
            esac
        done
        ;;
    ping)
        for address in "$@"; do :; done
        count ping "$address"
        for member in $(members); do
            if [ "$(awk -F'"' -v want="$address" '/^\[/ { name = $2 } { split($0, part, " ") } part[1] == "ipv4" && part[3] == want { print name }' \
                "$dir/etc/cluster.conf")" = "$member" ] && away "$member"; then
                exit 1
            fi
        done
        ;;
    uname) if [ "${1:-}" = -n ]; then echo "$name"; else real "$@"; fi ;;
    sudo)
        count sudo "$*"
        if [ "$*" = reboot ]; then
            : >"$dir/state/reboot"
            exit 0
        fi
        exec "$@"
        ;;
    *)
        echo "$command: unknown" >&2
        exit 64
        ;;
esac
