# shellcheck shell=sh disable=SC2034,SC2154 # variables cross the files
# holdpoint job v1: out of the login's session, where that would take the job with it. Read after library.sh. Only definitions.
#
# With KillUserProcesses=yes (logind.conf(5)) everything that a login has started ends with it, whatever setsid says. There the
# supervisor is started by systemd: as root by the system's, else by the user's own, which outlives the login if it lingers.

# Sets hp_apart: empty where setsid is enough, else system or user. Fails where nothing would outlive the login.
hp_find_apart() {
  hp_apart=''
  case $(loginctl show-user --property=KillUserProcesses 2>/dev/null) in
    *=yes) ;;
    *) return 0 ;;
  esac
  command -v systemd-run >/dev/null || return 1
  hp_apart=system
  [ "$(id -u)" -ne 0 ] || return 0
  hp_apart=user
  case $(loginctl show-user "$(id -u)" --property=Linger 2>/dev/null) in
    *=yes) ;;
    *) return 1 ;;
  esac
}

# hp_apart_run COMMAND..: KillMode=process, because what a job has started (a product's own daemons) must outlive it.
hp_apart_run() {
  set -- --quiet --collect --unit="holdpoint-$hp_job" --property=KillMode=process --property=TasksMax=infinity -- "$@"
  for hp_name in PATH HOME USER LOGNAME SHELL LANG LC_ALL TZ; do
    eval "hp_value=\${$hp_name-}"
    [ -z "$hp_value" ] || set -- --setenv="$hp_name=$hp_value" "$@"
  done
  if [ "$hp_apart" = user ]; then
    XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/run/user/$(id -u)} systemd-run --user "$@" </dev/null
  else
    systemd-run "$@" </dev/null
  fi
}

# hp_apart_feed COMMAND..: the same, and the command gets our standard input, a pipe. It opens that by this process's name for it:
# systemd-run's own --pipe wants a message bus, and the managers of users often have none. Fails where that process is gone by
# then; nothing has run, and the start is asked for again.
hp_apart_feed() {
  { read -r hp_feeder hp_rest; } </proc/self/stat
  # shellcheck disable=SC2016 # to be expanded over there
  hp_apart_run sh -c 'exec "$@" <"$0"' "/proc/$hp_feeder/fd/0" "$@" || return
  hp_napped=0
  while [ ! -e "$hp_dir/run" ] && [ "$hp_napped" -lt 50 ]; do
    hp_nap
  done
}
