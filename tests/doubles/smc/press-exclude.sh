#!/bin/sh
# The human who chooses Exclude from Replication: press-exclude.sh ACTIVE-DIR STANDBY-DIR
# It works for a Standby that is offline, too; then only the Active's half is done.
active=$1
standby=$2
key=$(. "$standby/double/node.conf" && echo "$key")
if [ ! -e "$active/state/subs/$key" ]; then
    echo "the entry Exclude from Replication is not shown" >&2
    exit 1
fi
rm -f "$active/state/subs/$key"
if sh "$standby/double/systemctl.sh" is-active sgMgtServer >/dev/null; then rm -f "$standby/state/subscribed"; fi
echo "excluded"
