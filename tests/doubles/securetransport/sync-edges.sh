#!/bin/sh
# Plays the human who presses Synchronize All on the primary Edge: sync-edges.sh DIR...  (primary first)
# behave/sync.stuck on an Edge: nothing reaches it.
set -eu
shift
for dir in "$@"; do
    if [ -e "$dir/behave/sync.stuck" ]; then continue; fi
    date >"$dir/axway/SecureTransport/var/tmp/cluster_last_sync_timestamp"
done
