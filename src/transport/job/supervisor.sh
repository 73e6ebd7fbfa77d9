# shellcheck shell=sh disable=SC2034,SC2154 # variables cross the files
# holdpoint job v1: runs the payload once and records how it ended. Read after library.sh and lock.sh, as a file of its own:
#   sh FILE supervise DIR HASH UMASK KIND RUN GENERATION
#                                          in a session of its own; standard input goes to the payload
#   sh FILE payload DIR HASH UMASK         in a second session, so that stopping the payload spares the supervisor
#   sh FILE terminal DIR HASH UMASK        the same with a terminal between: script(1) becomes the second session
#   sh FILE inside DIR HASH UMASK          what runs the payload on that terminal, in a third session
# KIND is empty, "asks" (the payload reads from a fifo that stays open) or "terminal" (the terminal does).

hp_supervise() {
  umask 077
  hp_incarnation || exit
  hp_stat "$$" || exit
  hp_claim "$$" "$hp_ticks" || exit
  # Another run has taken the lock over since the start was asked for: nothing has run, and the claim keeps it so.
  hp_lock_ours || exit
  # Handlers, not "ignore": what is ignored here would be ignored in the payload too.
  trap : HUP INT QUIT PIPE
  # Cancelled before it began: nothing has run, and the claim keeps it so.
  [ ! -e "$hp_dir/cancel" ] || exit
  hp_reserve rc.tmp || exit
  hp_reserve pg.tmp || exit
  [ "$hp_kind" != terminal ] || hp_reserve code || exit
  # Opened for both, the fifo never ends: not for the payload, and not while nobody answers.
  [ -z "$hp_kind" ] || exec 4<>"$hp_dir/in"
  : >>"$hp_dir/log" || exit
  : >"$hp_dir/exec" || exit
  hp_sync "$hp_dir/rc.tmp" "$hp_dir/pg.tmp" "$hp_dir/log" "$hp_dir/exec" "$hp_dir"
  # A background command would get the null device; descriptor 3 keeps our standard input for it.
  exec 3<&0 </dev/null
  case $hp_kind in
    '')
      setsid sh "$hp_self" payload "$hp_dir" "$hp_hash" "$hp_umask" <&3 3<&- >>"$hp_dir/log" 2>&1 &
      hp_child=$!
      ;;
    *) hp_begin_asking ;;
  esac
  exec 3<&-
  hp_await
  [ "$hp_kind" != terminal ] || hp_await_inside
  hp_record
}

# Descriptor 4 is the fifo.
hp_begin_asking() {
  hp_role=payload
  [ "$hp_kind" != terminal ] || hp_role=terminal
  setsid sh "$hp_self" "$hp_role" "$hp_dir" "$hp_hash" "$hp_umask" <&4 3<&- 4<&- >>"$hp_dir/log" 2>&1 &
  hp_child=$!
  # Not earlier: a terminal shows what it is fed until its echo is off.
  hp_napped=0
  while [ ! -e "$hp_dir/pg" ] && [ "$hp_napped" -lt 300 ]; do
    hp_stat "$hp_child" || break
    [ "$hp_st" != Z ] || break
    hp_nap
  done
  [ ! -e "$hp_dir/pg" ] || cat <&3 >&4
}

# Space for the result, so that it can be written on a full disk.
hp_reserve() {
  dd if=/dev/zero of="$hp_dir/$1" bs=4096 count=1 2>/dev/null
}

# Sets hp_code. A code above 128 may mean that a signal to us ended the wait, not the payload: then wait again.
hp_await() {
  wait "$hp_child"
  hp_code=$?
  while [ "$hp_code" -gt 128 ]; do
    if hp_stat "$hp_child" && [ "$hp_parent" = "$$" ]; then
      wait "$hp_child"
      hp_code=$?
      continue
    fi
    # Gone. Some shells still know its code, the others answer 127 and the one we have is right.
    wait "$hp_child" 2>/dev/null
    hp_again=$?
    [ "$hp_again" -eq 127 ] || hp_code=$hp_again
    break
  done
  hp_normalise
}

# ksh93 gives 256 plus the signal, the others 128 plus the signal.
hp_normalise() {
  [ "$hp_code" -le 256 ] || hp_code=$((hp_code - 128))
}

# The terminal has ended; its code says little. What counts is what the payload's own shell wrote down.
hp_await_inside() {
  hp_read_pg
  while hp_alive "$hp_pg" "$hp_pg_ticks"; do
    hp_nap
  done
  hp_code='' hp_ok=''
  read -r hp_code hp_ok <"$hp_dir/code"
  [ "$hp_ok" != ok ] || return 0
  # Only what cannot be caught ends that shell. Without a group there never was a terminal.
  hp_code=137
  [ -n "$hp_pg" ] || hp_code=125
}

hp_record() {
  hp_cancelled=0
  [ ! -e "$hp_dir/cancel" ] || hp_cancelled=1
  hp_measure
  printf '%s %s %s %s ok\n' "$hp_code" "$hp_cancelled" "$hp_size" "$(hp_time)" 1<>"$hp_dir/rc.tmp"
  hp_sync "$hp_dir/log" "$hp_dir/rc.tmp"
  ln "$hp_dir/rc.tmp" "$hp_dir/rc"
  hp_sync "$hp_dir"
}

# Writes who we are, before the payload begins.
hp_enlist() {
  hp_stat "$$" || exit 125
  printf '%s %s\n' "$$" "$hp_ticks" 1<>"$hp_dir/pg.tmp" || exit 125
  mv "$hp_dir/pg.tmp" "$hp_dir/pg" || exit 125
}

hp_become_payload() {
  hp_enlist
  umask "$hp_umask"
  exec sh "$hp_dir/cmd.$hp_hash"
}

# script(1) runs its command with $SHELL, whatever that is: what the command needs travels in the environment, unquoted.
hp_become_terminal() {
  HP_SELF=$hp_self HP_DIR=$hp_dir HP_HASH=$hp_hash HP_UMASK=$hp_umask HP_SHELL=${SHELL-}
  SHELL=$(command -v sh)
  export HP_SELF HP_DIR HP_HASH HP_UMASK HP_SHELL SHELL
  # shellcheck disable=SC2016 # to be expanded in there
  exec script -q -f -c 'exec sh "$HP_SELF" inside "$HP_DIR" "$HP_HASH" "$HP_UMASK"' /dev/null
}

# Stays, so that the payload's code is known whatever the terminal makes of it: no script(1) but util-linux's has -e.
hp_inside() {
  # Nobody looks at the terminal while the program asks: an echo would only put passwords into the log.
  stty -echo rows 40 cols 120 || exit 125
  trap : HUP INT QUIT TERM
  hp_enlist
  hp_restore_environment
  (umask "$hp_umask" && hp_exec_interruptible sh "$hp_dir/cmd.$hp_hash")
  hp_code=$?
  hp_normalise
  printf '%s ok\n' "$hp_code" 1<>"$hp_dir/code"
}

# Who was begun with "&" ignores INT and QUIT, and no sh can undo that: Ctrl-C on the terminal would do nothing.
hp_exec_interruptible() {
  if env --default-signal=INT,QUIT true 2>/dev/null; then
    exec env --default-signal=INT,QUIT "$@"
  elif command -v perl >/dev/null; then
    # shellcheck disable=SC2016 # perl's variables
    exec perl -e '$SIG{INT} = $SIG{QUIT} = "DEFAULT"; exec @ARGV' "$@"
  fi
  exec "$@"
}

hp_restore_environment() {
  if [ -n "$HP_SHELL" ]; then
    SHELL=$HP_SHELL
  else
    unset SHELL
  fi
  unset HP_SELF HP_DIR HP_HASH HP_UMASK HP_SHELL
  # A login without a terminal has none, and programs that ask for one want to know which.
  case ${TERM-} in
    '' | dumb)
      TERM=vt100
      export TERM
      ;;
  esac
}

hp_self=$0
hp_dir=$2
hp_hash=$3
hp_umask=$4
hp_kind=${5-}
hp_run=${6-}
hp_generation=${7-}
hp_base=${hp_dir%/*}
case $1 in
  supervise) hp_supervise ;;
  payload) hp_become_payload ;;
  terminal) hp_become_terminal ;;
  inside) hp_inside ;;
esac
