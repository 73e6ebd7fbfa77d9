# shellcheck shell=sh disable=SC2034,SC2154 # variables cross the files
# holdpoint job v1: runs the payload once and records how it ended. Read after library.sh, as a file of its own:
#   sh FILE supervise DIR HASH UMASK      in a session of its own; standard input goes to the payload
#   sh FILE payload DIR HASH UMASK        in a second session, so that stopping the payload spares the supervisor

hp_supervise() {
  umask 077
  hp_incarnation || exit
  hp_stat "$$" || exit
  hp_claim "$$" "$hp_ticks" || exit
  # Handlers, not "ignore": what is ignored here would be ignored in the payload too.
  trap : HUP INT QUIT PIPE
  # Cancelled before it began: nothing has run, and the claim keeps it so.
  [ ! -e "$hp_dir/cancel" ] || exit
  hp_reserve rc.tmp || exit
  hp_reserve pg.tmp || exit
  : >>"$hp_dir/log" || exit
  : >"$hp_dir/exec" || exit
  hp_sync "$hp_dir/rc.tmp" "$hp_dir/pg.tmp" "$hp_dir/log" "$hp_dir/exec" "$hp_dir"
  # A background command would get the null device; descriptor 3 keeps our standard input for it.
  exec 3<&0 </dev/null
  setsid sh "$hp_self" payload "$hp_dir" "$hp_hash" "$hp_umask" <&3 3<&- >>"$hp_dir/log" 2>&1 &
  hp_child=$!
  exec 3<&-
  hp_await
  hp_record
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
  # ksh93 gives 256 plus the signal, the others 128 plus the signal.
  [ "$hp_code" -le 256 ] || hp_code=$((hp_code - 128))
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

# Writes who we are before the payload begins, then becomes it.
hp_become_payload() {
  hp_stat "$$" || exit 125
  printf '%s %s\n' "$$" "$hp_ticks" 1<>"$hp_dir/pg.tmp" || exit 125
  mv "$hp_dir/pg.tmp" "$hp_dir/pg" || exit 125
  umask "$hp_umask"
  exec sh "$hp_dir/cmd.$hp_hash"
}

hp_self=$0
hp_dir=$2
hp_hash=$3
hp_umask=$4
case $1 in
  supervise) hp_supervise ;;
  payload) hp_become_payload ;;
esac
