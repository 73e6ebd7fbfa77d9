#!/bin/sh
# Plays the human who presses Synchronize All on the primary: sync-all.sh DIR...  (the folders of all nodes)
# As in the product it needs the Transaction Manager on every node. behave/sync.stuck on a node: nothing reaches it.
set -eu
for dir in "$@"; do
    . "$dir/double/node.conf"
    echo "pressed" >>"$dir/counts/sync-all"
    if [ ! -e "$shared/$name.tm" ]; then
        echo "$name: offline, cannot be synchronised" >&2
        exit 1
    fi
done
for dir in "$@"; do
    . "$dir/double/node.conf"
    if [ "$(cat "$shared/primary")" = "$name" ]; then continue; fi
    if [ -e "$dir/behave/sync.stuck" ]; then
        echo "$name: no answer"
        continue
    fi
    date >"$dir/axway/SecureTransport/var/tmp/cluster_last_sync_timestamp"
    echo "$name: synchronised"
done
