#!/bin/sh
# What the double's commands share. They set `here` to the folder double/ of their node before they read this.
. "$here/node.conf"
state=$dir/state
smc=$dir/smc

behaves() { [ -e "$dir/behave/$1" ]; }
counted() { printf '%s\n' "$2" >>"$dir/counts/$1"; }

# The folder of the server with this key.
server() { cat "$shared/servers/$1" 2>/dev/null; }

# Whether the server in this folder runs.
running() {
    pid=$(cat "$1/state/pid" 2>/dev/null) && [ -n "$pid" ] && lives "$pid"
}
# A process that has ended but was not collected yet does not live.
lives() {
    case $(cat "/proc/$1/stat" 2>/dev/null) in
        '' | *") Z "*) return 1 ;;
    esac
}

# Whether the Standby in folder $1 pulls from the Active in folder $2, which declares it under key $3.
streams() {
    [ -e "$1/state/subscribed" ] && [ ! -e "$1/behave/blocked" ] && [ -e "$2/state/subs/$3" ] && running "$1" && running "$2"
}
