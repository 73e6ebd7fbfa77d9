# shellcheck shell=sh
# What the double's commands share. $dir, $name and $shared come from node.conf.

# Inside, the system's own commands are meant, not those that stand before them.
PATH=${PATH#"$dir/double/bin:"}

behaves() { [ -e "$dir/behave/$1" ]; }
count() { echo "$2" >>"$dir/counts/$1"; }

# The members in the order of cluster.conf.
members() { awk -F'"' '/^\[cluster "/ { print $2 }' "$dir/etc/cluster.conf"; }
home_of() { cat "$shared/members/$1"; }
away() { [ -e "$shared/$1.away" ]; }

# A configuration run ends when its time has come, whoever looks first writes the end into the log.
config_run_of() {
    run=$1/state/config-run
    if [ ! -e "$run" ]; then return 1; fi
    if [ -e "$1/behave/config-run.stuck" ] || [ "$(date +%s)" -lt "$(cat "$run")" ]; then return 0; fi
    rm -f "$run"
    echo "ghe-config-apply: done" >>"$1/log/ghe-config.log"
    return 1
}

# Starts one that takes so many seconds.
start_config_run() {
    echo "ghe-config-apply: started" >>"$1/log/ghe-config.log"
    echo "$(($(date +%s) + $2))" >"$1/state/config-run"
}
