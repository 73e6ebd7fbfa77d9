#!/bin/sh
# bin/sgReplicationAdmin.sh of the double. It misbehaves as the files in behave/ say:
#   blocked         replication cannot reach the Active (port 8922): a Standby shows STB_ONHOLD
#   init.stuck      -init_standby stops at table 96 of 208 and never ends
#   init.onhold     after -init_standby the Standby is not connected (writes behave/blocked)
#   exclude.lie     -exclude ends with 0 and excludes nothing
#   status.fail     -status tells nothing
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
command=${1:-}
counted sgReplicationAdmin "$*"
shift

at() { date +%H:%M:%S; }
report() {
    echo "======================= COMMAND EXECUTION REPORT ==========================================="
    file=$smc/tmp/pg_replication_admin/$(date +%Y%m%d_%H%M%S)_$1.json
    echo "Report file: $file generated"
    echo "{ \"Command\" : \"$1\", $2 }" >"$file"
    echo "{ \"Command\" : \"$1\", $2 }"
}

servers() {
    for file in "$shared"/servers/*; do
        printf ' %s (%s)' "$(. "$(cat "$file")/double/node.conf" && echo "$name")" "${file##*/}"
    done
}

# Code and text of the replication state, and the declared and connected Standbys.
look() {
    mode=$(cat "$state/mode")
    declared=
    connected=
    if [ "$mode" = active ]; then
        for file in "$state"/subs/*; do
            if [ ! -e "$file" ]; then continue; fi
            standby=${file##*/}
            declared="$declared $standby"
            if streams "$(server "$standby")" "$dir" "$standby"; then connected="$connected $standby"; fi
        done
    fi
    # shellcheck disable=SC2086
    set -- $connected
    if [ -e "$state/code" ]; then
        code="$(cat "$state/code")|forced"
    elif [ "$mode" = standby ]; then
        if [ ! -e "$state/subscribed" ]; then
            code="STB_NO_REP|Standby database replication is not initialized"
        elif streams "$dir" "$(server "$(cat "$state/knows")")" "$key"; then
            code="STB_REP|Standby database replication is enabled"
        else
            code="STB_ONHOLD|Standby database replication is on hold, active server cannot be reached"
        fi
    elif [ -z "$declared" ]; then
        code="ACT_NO_REP|Active database replication is not initialized"
    elif [ "$#" -eq 0 ]; then
        code="ACT_ONHOLD|Active database replication started but no standby server connected"
    elif [ "$#" -eq "$((count - 1))" ]; then
        code="ACT_REP|Active database replication is enabled"
    else
        code="ACT_REP_EX|Active database replication partially enabled"
    fi
}

status() {
    if behaves status.fail; then
        echo "$(at)| Cannot start the local database"
        return 1
    fi
    look
    if running "$dir"; then was="already running"; else was="was stopped"; fi
    if [ "$mode" = active ]; then
        words="Active Server"
    else
        words="Standby Server (Known Active Server is $(cat "$state/knows"))"
    fi
    echo "{"
    echo "  \"Command\" : \"status\","
    echo "  \"Database\" : \"Database $was on startup and setup to listen on 127.0.0.1:6543\","
    echo "  \"Server $key Status\" : {"
    echo "    \"Replication mode\" : \"PostgreSQL mode\","
    echo "    \"Server mode (Local DB)\" : \"$words\","
    echo "    \"PostgreSQL replication setup\" : {"
    echo "      \"Table count\" : \"371\","
    echo "      \"Management Server Count\" : \"$count\","
    echo "      \"Management Servers\" : \"$(servers)\","
    echo "      \"Database Replication State\" : \"$code\","
    echo "      \"Server Switch\" : \"not requested\","
    if [ -n "$declared" ]; then
        echo "      \"Incremental Replication initialized\" : {"
        comma=
        for standby in $declared; do
            printf '%s        "sub_smc%s" : "Management Server with internal key %s"' "$comma" "$standby" "$standby"
            comma=",
"
        done
        printf '\n      },\n'
    fi
    echo "      \"Active Server - Active replication connection(s)\" : {"
    comma=
    for standby in $connected; do
        printf '%s        "sub_smc%s" : {\n          "IP" : "127.0.0.1",\n          "State" : "streaming"\n        }' "$comma" "$standby"
        comma=",
"
    done
    printf '\n      }\n    }\n  }\n}\n'
}

init_standby() {
    if [ "$(cat "$state/mode")" != standby ]; then
        report init_standby '"Error" : { "ERROR-1[NOT_STANDBY]" : "The local server is not a Standby Server" }'
        return 1
    fi
    active=
    for file in "$shared"/servers/*; do
        folder=$(cat "$file")
        if [ "$(cat "$folder/state/mode")" = active ] && running "$folder"; then active=$folder; fi
    done
    if [ -z "$active" ]; then
        report init_standby '"Error" : { "ERROR-1[REMOTE_DB_CONNECTION_KO]" : "Cannot connect to the Active Server" }'
        return 1
    fi
    echo "$(at)| STEP 1) Success -> Schema backup file replication.bkup retrieved from server 127.11.0.1, size: 146324 bytes"
    echo "$(at)| STEP 3) Wiping the local database content"
    rm -f "$state/subscribed"
    echo "$(at)|    --> Replication progress: 96/208 tables completed"
    rounds=0
    while behaves init.stuck && [ "$rounds" -lt 600 ]; do
        sleep 1
        rounds=$((rounds + 1))
    done
    echo "$(at)|    --> Initial replication completed"
    if behaves init.onhold; then : >"$dir/behave/blocked"; fi
    : >"$active/state/subs/$key"
    : >"$state/subscribed"
    (. "$active/double/node.conf" && echo "$key") >"$state/knows"
    report init_standby '"Success" : { "INFO-6[INCREMENTAL_REPLICATION_STARTED]" : "Database content has been reset and incremental replication is starting" }'
}

case $command in
    -status) status ;;
    -exclude)
        if behaves exclude.lie; then
            report exclude '"Success" : { }'
        else
            rm -f "$state/subs/${1#standby-server-key=}"
            report exclude '"Success" : { "INFO-1[EXCLUDED]" : "Server excluded" }'
        fi
        ;;
    -stop_replication)
        rm -f "$state/subscribed" "$state"/subs/*
        report stop_replication '"Success" : { }'
        ;;
    -force_standby)
        rm -f "$state/subscribed" "$state"/subs/*
        echo standby >"$state/mode"
        if [ ! -s "$state/knows" ]; then echo "$key" >"$state/knows"; fi
        report force_standby '"Success" : { }'
        ;;
    -init_standby) init_standby ;;
    -check) echo "Connection check: success" ;;
    *)
        echo "unknown command $command" >&2
        exit 64
        ;;
esac
