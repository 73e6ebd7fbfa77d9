#!/bin/sh
# The human who chooses Initialize Standby Replication: press-init.sh ACTIVE-DIR STANDBY-DIR
# The Standby restarts twice. It misbehaves as files in the Standby's behave/ say:
#   unlicensed    monitoring does not see the server, so the entry is not shown
#   init.stuck    nothing comes of it                init.onhold   it comes up without a connection (writes behave/blocked)
active=$1
standby=$2
key=$(. "$standby/double/node.conf" && echo "$key")
for folder in "$active" "$standby"; do
    if [ -e "$folder/behave/unlicensed" ] || ! sh "$folder/double/systemctl.sh" is-active sgMgtServer >/dev/null; then
        echo "the entry Initialize Standby Replication is not shown: not all servers are online" >&2
        exit 1
    fi
done
if [ -e "$active/state/subs/$key" ]; then
    echo "the entry Initialize Standby Replication is not shown: exclude the server first" >&2
    exit 1
fi
if [ -e "$standby/behave/init.stuck" ]; then exit 0; fi
sh "$standby/double/systemctl.sh" stop sgMgtServer
if [ -e "$standby/behave/init.onhold" ]; then : >"$standby/behave/blocked"; fi
: >"$active/state/subs/$key"
(. "$active/double/node.conf" && echo "$key") >"$standby/state/knows"
: >"$standby/state/subscribed"
sh "$standby/double/systemctl.sh" start sgMgtServer
echo "initialised"
