#!/bin/sh
# The double's update.sh: [-javaargument ARGUMENT] -i FILE. The file's first line is the product that it updates and its
# second line the level that it brings.
#
# It misbehaves as the files in behave/ say:
#   update.slow      works so many seconds          update.hang   works until that file is gone (half an hour at most)
#   update.fail      ends with 1, changes nothing   update.lie    ends with 0 and the usual summary, changes nothing
#   update.quiet     changes what it should, but ends with 0 and no summary
#   update.broken    starts nothing afterwards
#   update.owner     ends with 0 and the usual summary, but gives some files to another user (needs root)
#   update.hook      a script that runs at the end, after the services were started: what others do meanwhile
# Each may be narrowed to one step: update.fail.1, update.fail.2.
. "$(dirname "$0")/node.conf"
axway=$dir/axway
home=$axway/SecureTransport
echo "$*" >>"$dir/counts/update"

file=
java=
while [ $# -gt 0 ]; do
    case $1 in
        -javaargument)
            shift
            java=$1
            ;;
        -i)
            shift
            file=$1
            ;;
    esac
    shift
done
if [ ! -r "$file" ]; then
    echo "ERROR: cannot read the package $file" >&2
    exit 2
fi
product=$(sed -n 1p "$file")
level=$(sed -n 2p "$file")
case $product in
    Axway_Installer) step=1 ;;
    *) step=2 ;;
esac
echo "$*" >>"$dir/counts/update-step$step"
behaves() { [ -e "$dir/behave/$1" ] || [ -e "$dir/behave/$1.$step" ]; }
log() { echo "$*" | tee -a "$axway/install.log" >>"$axway/synInstall/synPatch/update.log"; }

if ! mkdir "$axway/double.installer-lock" 2>/dev/null; then
    echo "ERROR: another instance of the installer is running" >&2
    exit 3
fi
trap 'rmdir "$axway/double.installer-lock"' EXIT
trap 'exit 143' TERM INT HUP

echo "Please wait while execution process is being prepared!"
echo "Initialization in progress ...."
log "update of $product begins"
if [ -n "$(find "$home/var/run" -name '*.pid')" ]; then
    log "ERROR: services are running"
    echo "ERROR: services are running; stop them first"
    exit 4
fi
waited=0
while behaves update.hang && [ "$waited" -lt 1800 ]; do
    sleep 1
    waited=$((waited + 1))
done
if behaves update.slow; then
    seconds=$(cat "$dir/behave/update.slow" "$dir/behave/update.slow.$step" 2>/dev/null)
    sleep "${seconds:-2}"
fi
if behaves update.fail; then
    log "FAILED: java.lang.IllegalStateException: told to fail"
    echo "Update FAILED, see $axway/install.log"
    exit 1
fi
# Step 2 of the first node of an Enterprise Cluster migrates the database that all share. With database/role there the
# privileges come through a role, and the stored procedures cannot be changed.
if [ "$step" = 2 ] && [ "$kind" = core ]; then
    if [ -e "$shared/database/role" ] && [ "$java" != -DskipDBProcedure=true ]; then
        log "ERROR: ORA-01031: insufficient privileges"
        echo "Update FAILED: java.sql.SQLSyntaxErrorException: ORA-01031: insufficient privileges"
        exit 1
    fi
    if [ "$(cat "$shared/database/schema")" != "$level" ]; then
        echo "$name" >>"$shared/database/migrated-by"
        echo "$level" >"$shared/database/schema"
    fi
fi
if ! behaves update.lie; then
    if [ "$step" = 1 ]; then
        echo "$level" >"$axway/Configuration/Axway_Installer.level"
    else
        echo "$level" >"$axway/Configuration/SecureTransport.level"
        echo "$level" >"$home/conf/version.txt"
        # A successful update leaves everything running but the Transaction Manager.
        if ! behaves update.broken; then
            for service in db admin socks ftpd httpd sshd; do
                sh "$dir/double/command.sh" "start_$service" >/dev/null
            done
        fi
    fi
fi
if behaves update.owner; then chown -R 65534 "$home/conf"; fi
if behaves update.hook; then sh "$dir/behave/update.hook" >/dev/null 2>&1 </dev/null; fi
log "$product $level has been applied successfully."
if behaves update.quiet; then exit 0; fi
echo "------------------------------ Summary ------------------------------"
echo "${product}_${level%% *}"
echo "  Installed in $axway"
echo "  ${product}_$level has been applied successfully."
