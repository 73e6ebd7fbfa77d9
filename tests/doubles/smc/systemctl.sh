#!/bin/sh
# systemctl of a pretend node: it knows one unit, sgMgtServer. It misbehaves as the files in behave/ say:
#   start.fail     start ends with 1 and starts nothing       stop.lie    stop ends with 0 and stops nothing
#   come-back      so many seconds after a stop the server comes up by itself (once)
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
verb=$1
unit=$2
if [ "${unit%.service}" != sgMgtServer ]; then
    if [ "$verb" = is-active ]; then echo inactive; exit 4; fi
    echo "Failed to $verb $unit: Unit $unit not found." >&2
    exit 5
fi

start() {
    if running "$dir"; then return 0; fi
    if behaves start.fail; then
        echo "Job for sgMgtServer.service failed." >&2
        return 1
    fi
    rm -f "$state/ready"
    detach=
    if command -v setsid >/dev/null 2>&1; then detach=setsid; fi
    $detach sh "$smc/jre/bin/java" -Dapplication=MGTSRV "$dir" "$port" >/dev/null 2>&1 </dev/null &
    waited=0
    until running "$dir" && [ -e "$state/ready" ]; do
        sleep 0.05
        waited=$((waited + 1))
        if [ "$waited" -gt 200 ]; then return 1; fi
    done
    {
        echo "---- Security Management Center version $(cat "$state/installed") -----------------------------------"
        echo "Management Server is loading and will be ready soon"
        echo "   |> Server mode is: $(cat "$state/mode"),"
    } >>"$smc/tmp/mgtserver_ha_history.txt"
}

stop() {
    if behaves stop.lie; then return 0; fi
    pid=$(cat "$state/pid" 2>/dev/null)
    if [ -n "$pid" ]; then
        kill "$pid" 2>/dev/null
        waited=0
        while lives "$pid" && [ "$waited" -lt 200 ]; do
            sleep 0.05
            waited=$((waited + 1))
        done
    fi
    rm -f "$state/pid" "$state/ready"
    if behaves come-back; then
        delay=$(cat "$dir/behave/come-back")
        rm -f "$dir/behave/come-back"
        (
            sleep "${delay:-1}"
            sh "$here/systemctl.sh" start sgMgtServer
        ) >/dev/null 2>&1 </dev/null &
    fi
}

case $verb in
    is-active)
        if running "$dir"; then echo active; else echo inactive; exit 3; fi
        ;;
    start | stop)
        counted systemctl "$verb"
        "$verb"
        ;;
    *) exit 64 ;;
esac
