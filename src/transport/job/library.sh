# shellcheck shell=sh disable=SC2034,SC2154 # variables cross the files
# holdpoint job v1: what the supervisor and the verbs share. Only definitions: nothing runs by being read.
# hp_dir is the job's directory. Functions leave their results in hp_ variables; none is exported.

# Splits what follows the name in a line of /proc/PID/stat (proc(5)): state, parent, group, start ticks.
hp_fields() {
  # shellcheck disable=SC2086 # to be split
  set -- $1
  [ $# -ge 20 ] || return 1
  hp_st=$1 hp_parent=$2 hp_group=$3
  shift 19
  hp_ticks=$1
}

# hp_stat PID: fails if there is no such process.
hp_stat() {
  # Without a process of its own, which costs a slow node more than all else here.
  { IFS= read -r hp_line <"/proc/$1/stat"; } 2>/dev/null || return 1
  hp_fields_alone "${hp_line##*) }" && return
  # The name of a process may hold a newline: then this was not all of it.
  hp_line=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  hp_fields "${hp_line##*) }"
}

# The same as hp_fields, for what may be the beginning of a name instead.
hp_fields_alone() {
  case $1 in *[!A-Za-z0-9\ -]*) return 1 ;; esac
  hp_fields "$1"
}

# hp_alive PID TICKS: the very process, not another one with its number. A zombie counts as gone.
hp_alive() {
  case $1 in '' | *[!0-9]*) return 1 ;; esac
  hp_stat "$1" || return 1
  [ "$hp_ticks" = "$2" ] || return 1
  case $hp_st in Z | X | x) return 1 ;; esac
}

# hp_group_alive GROUP TICKS: somebody lives in the group, and it is still the group of the leader with TICKS.
hp_group_alive() {
  case $1 in '' | *[!0-9]* | 0* | 1) return 1 ;; esac
  cat /proc/[0-9]*/stat 2>/dev/null | (
    found=1
    while IFS= read -r line; do
      hp_fields "${line##*) }" || continue
      [ "$hp_group" = "$1" ] || continue
      case $hp_st in Z | X | x) continue ;; esac
      [ "${line%% *}" != "$1" ] || [ "$hp_ticks" = "$2" ] || exit 1
      found=0
    done
    exit "$found"
  )
}

# hp_signal SIGNAL GROUP TICKS. A built-in kill takes -GROUP; the external one reads that as "every process"
# unless -- stands before it.
hp_signal() {
  hp_group_alive "$2" "$3" || return 1
  case $(command -v kill) in
    /*) kill "-$1" -- "-$2" 2>/dev/null ;;
    *) kill "-$1" "-$2" 2>/dev/null ;;
  esac
}

# Boot id and start ticks of process 1: containers share the first with their host. No process is started for it.
hp_incarnation() {
  hp_boot='' hp_line=''
  { read -r hp_boot </proc/sys/kernel/random/boot_id; } 2>/dev/null
  { read -r hp_line </proc/1/stat; } 2>/dev/null
  [ -n "$hp_boot" ] && hp_fields "${hp_line##*) }" || return 1
  hp_now=$hp_boot.$hp_ticks
}

# Onto the disk; an old sync takes no arguments and writes everything.
hp_sync() {
  sync "$@" 2>/dev/null || sync
}

hp_time() {
  date -u +%Y-%m-%dT%H:%M:%SZ
}

# Waits a little: a tenth of a second where sleep can, else one. hp_napped counts tenths.
hp_nap() {
  if sleep 0.1 2>/dev/null; then
    hp_napped=$((hp_napped + 1))
  else
    sleep 1
    hp_napped=$((hp_napped + 10))
  fi
}

# hp_claim WHO TICKS: the one atomic claim. Exactly one caller ever succeeds; its content is on disk before its name.
hp_claim() {
  printf '%s %s %s %s\n' "$1" "$2" "$hp_now" "$(hp_time)" >"$hp_dir/run.$$" || return 1
  hp_sync "$hp_dir/run.$$"
  ln "$hp_dir/run.$$" "$hp_dir/run" 2>/dev/null
  hp_won=$?
  rm -f "$hp_dir/run.$$"
  [ "$hp_won" -eq 0 ] || return 1
  hp_sync "$hp_dir"
}

# Who leads the payload's group; both are empty before the payload has begun.
hp_read_pg() {
  hp_pg='' hp_pg_ticks=''
  [ ! -e "$hp_dir/pg" ] || read -r hp_pg hp_pg_ticks <"$hp_dir/pg"
}

hp_measure() {
  hp_size=0
  [ ! -f "$hp_dir/log" ] || hp_size=$(($(wc -c <"$hp_dir/log")))
}
