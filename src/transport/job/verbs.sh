# shellcheck shell=sh disable=SC2034,SC2154 # variables cross the files
# holdpoint job v1: what a connection may ask for. Read after library.sh, lock.sh, session.sh and asking.sh. Only definitions.
# Set by the caller: hp_nonce hp_base hp_job hp_hash hp_bytes hp_offset hp_blocks hp_wait hp_known hp_grace hp_kind hp_run
# hp_generation, and the functions hp_payload_text, hp_helper_text and, if there are secrets, hp_secrets.

hp_say() {
  printf '@%s %s\n' "$hp_nonce" "$*"
}

hp_refuse() {
  hp_say "error=$*"
}

# --- places -----------------------------------------------------------------------------------------------------

hp_place() {
  hp_uid=$(id -u)
  if [ -z "$hp_base" ]; then
    case $hp_uid in
      0) hp_base=/var/lib/holdpoint/jobs ;;
      *) hp_base=$HOME/.holdpoint/jobs ;;
    esac
  fi
  hp_dir=$hp_base/$hp_job
}

# hp_trust DIRECTORY: a real directory, ours, that nobody else can write.
hp_trust() {
  if [ -L "$1" ] || [ ! -d "$1" ]; then
    hp_refuse base "$1 is not a directory"
    return 1
  fi
  hp_ls=$(ls -ldn "$1")
  case $hp_ls in
    d????-??-*) ;;
    *)
      hp_refuse base "$1 can be written by others: $hp_ls"
      return 1
      ;;
  esac
  # shellcheck disable=SC2086 # to be split
  set -- "$1" $hp_ls
  if [ "$4" != "$hp_uid" ]; then
    hp_refuse base "$1 belongs to user number $4"
    return 1
  fi
}

hp_make_place() {
  umask 077
  [ -e "$hp_base" ] || [ -L "$hp_base" ] || mkdir -p "$hp_base" 2>/dev/null
  hp_trust "$hp_base" || return 1
  [ -e "$hp_dir" ] || [ -L "$hp_dir" ] || mkdir "$hp_dir" 2>/dev/null
  hp_trust "$hp_dir"
}

# What is there already must be as trustworthy as what is made.
hp_look() {
  [ ! -e "$hp_dir" ] || {
    hp_trust "$hp_base" && hp_trust "$hp_dir"
  }
}

# --- state ------------------------------------------------------------------------------------------------------

hp_read_rc() {
  [ -e "$hp_dir/rc" ] || return 1
  hp_code='' hp_cancelled='' hp_logged='' hp_ok=''
  read -r hp_code hp_cancelled hp_logged hp_date hp_ok <"$hp_dir/rc"
  hp_state='done'
  [ "$hp_ok" = ok ] || hp_state=rcbad
}

# Sets hp_state. The order matters: the result first, then who should be writing it.
hp_judge() {
  ! hp_read_rc || return 0
  if [ ! -e "$hp_dir/run" ]; then
    hp_state=none
    [ ! -e "$hp_dir/spec" ] || hp_state=new
    return 0
  fi
  hp_who='' hp_who_ticks='' hp_then=''
  read -r hp_who hp_who_ticks hp_then hp_date <"$hp_dir/run"
  if [ "$hp_who" = poison ]; then
    hp_state=cancelled
  elif [ "$hp_then" != "$hp_now" ]; then
    hp_either rebooted rebooted-before-exec
  elif hp_alive "$hp_who" "$hp_who_ticks"; then
    hp_state=starting
    [ ! -e "$hp_dir/pg" ] || hp_state=running
  elif ! hp_read_rc; then
    hp_read_pg
    if hp_group_alive "$hp_pg" "$hp_pg_ticks"; then
      hp_state=orphaned
    else
      hp_either vanished died-before-exec
    fi
  fi
}

hp_either() {
  hp_state=$2
  [ ! -e "$hp_dir/exec" ] || hp_state=$1
}

# --- verbs ------------------------------------------------------------------------------------------------------

# The state is read before the log: a state that says done means that the log up to its size is complete.
hp_find() {
  hp_code='' hp_cancelled='' hp_logged=''
  hp_judge
  hp_measure
}

hp_tell() {
  hp_find
  hp_tell_found
}

hp_tell_found() {
  hp_acked=0
  [ ! -e "$hp_dir/done" ] || hp_acked=1
  hp_list_answered
  hp_read_hand
  hp_say "state=$hp_state size=$hp_size boot=$hp_now code=$hp_code cancelled=$hp_cancelled" \
    "logged=$hp_logged acked=$hp_acked answered=$hp_answered handed=$hp_handed hand=$hp_hand"
  if [ "$hp_blocks" -gt 0 ] && [ "$hp_size" -gt "$hp_offset" ]; then
    hp_say log
    dd if="$hp_dir/log" bs=4096 skip="$((hp_offset / 4096))" count="$hp_blocks" 2>/dev/null
  fi
}

# Where in its output the payload was answered, and the last place where a human handed it back.
hp_list_answered() {
  hp_answered='' hp_handed=''
  [ -p "$hp_dir/in" ] || return 0
  for hp_mark in "$hp_dir"/answered.*; do
    [ ! -d "$hp_mark" ] || hp_answered=$hp_answered,${hp_mark##*.}
  done
  for hp_mark in "$hp_dir"/handed.*; do
    if [ -d "$hp_mark" ] && [ "${hp_mark##*.}" -ge "${hp_handed:-0}" ]; then
      hp_handed=${hp_mark##*.}
    fi
  done
}

# Holds the answer back until there is news: another state than hp_known, or bytes beyond hp_offset.
hp_report() {
  hp_look || return
  hp_napped=0 hp_span=1
  hp_find
  while [ "$hp_napped" -lt "$((hp_wait * 10))" ] && [ "$hp_state" = "$hp_known" ] && [ "$hp_size" -le "$hp_offset" ]; do
    hp_doze
    hp_find
  done
  hp_tell_found
}

# A second, less at first: what has just printed often prints again, or ends. For a job that asks less if there is output,
# because somebody waits for its next question. hp_span counts tenths.
hp_doze() {
  if [ ! -p "$hp_dir/in" ]; then
    if [ "$hp_span" -lt 10 ] && sleep "0.$hp_span" 2>/dev/null; then
      hp_napped=$((hp_napped + hp_span))
      hp_span=$((hp_span * 2))
    else
      sleep 1
      hp_napped=$((hp_napped + 10))
    fi
    return
  fi
  hp_dozed=$((hp_napped + 10))
  while [ "$hp_napped" -lt "$hp_dozed" ] && [ "$hp_size" -le "$hp_offset" ]; do
    hp_nap
    hp_nap
    hp_measure
  done
}

hp_start() {
  hp_mask=$(umask)
  command -v setsid >/dev/null || {
    hp_refuse tools "setsid is not installed"
    return
  }
  hp_make_place || return
  hp_judge
  case $hp_state in
    none | new)
      hp_lock_ours || {
        rmdir "$hp_dir" 2>/dev/null
        hp_refuse_locked
        return
      }
      ;;
  esac
  [ -e "$hp_dir/done" ] || [ -e "$hp_dir/spec" ] || hp_specify || return
  hp_spec=''
  [ ! -e "$hp_dir/spec" ] || read -r hp_spec <"$hp_dir/spec"
  # Without a spec it was cancelled before it was ever started.
  if [ -n "$hp_spec" ] && [ "$hp_spec" != "v1 $hp_hash" ]; then
    hp_refuse spec-mismatch "there is another job under this name: $hp_spec"
    return
  fi
  hp_judge
  if [ "$hp_state" = new ]; then
    hp_unlaunched=''
    hp_launch || return
    hp_napped=0
    while [ "$hp_napped" -lt 50 ] && [ "$hp_state" = new ]; do
      hp_nap
      hp_judge
    done
    if [ "$hp_state" = new ] && [ -n "$hp_unlaunched" ]; then
      # The claim is ours: it will not begin later, when nobody expects it.
      if hp_claim poison 0; then
        hp_refuse launch "$(printf '%s' "$hp_unlaunched" | tr -c '[:print:]' ' ')"
        return
      fi
      hp_judge
    fi
    # The lock was lost in between: the supervisor saw it and left.
    if [ "$hp_state" = died-before-exec ] && ! hp_lock_ours; then
      hp_refuse_locked
      return
    fi
  fi
  hp_tell
}

# Payload and helper first, then the spec that makes them a job.
hp_specify() {
  if ! hp_write_spec; then
    rm -f "$hp_dir/cmd.$$" "$hp_dir/helper.$$" "$hp_dir/spec.$$"
    hp_refuse write "cannot write to $hp_dir; is the disk full?"
    return 1
  fi
  ln "$hp_dir/spec.$$" "$hp_dir/spec" 2>/dev/null
  rm -f "$hp_dir/spec.$$"
  if [ ! -e "$hp_dir/spec" ]; then
    hp_refuse write "cannot make a hard link in $hp_dir"
    return 1
  fi
  hp_sync "$hp_dir"
}

hp_write_spec() {
  hp_payload_text >"$hp_dir/cmd.$$" || return 1
  hp_helper_text >"$hp_dir/helper.$$" || return 1
  [ "$(($(wc -c <"$hp_dir/cmd.$$")))" -eq "$hp_bytes" ] || return 1
  mv "$hp_dir/cmd.$$" "$hp_dir/cmd.$hp_hash" || return 1
  mv "$hp_dir/helper.$$" "$hp_dir/helper" || return 1
  printf 'v1 %s\n' "$hp_hash" >"$hp_dir/spec.$$" || return 1
  hp_sync "$hp_dir/cmd.$hp_hash" "$hp_dir/helper" "$hp_dir/spec.$$"
}

# Secrets go through a pipe: never on disk.
hp_launch() {
  hp_equip || return 1
  hp_find_apart || {
    hp_refuse session "logind ends the processes of $(id -un) at logout (KillUserProcesses=yes), and it does not linger"
    return 1
  }
  if [ -n "$hp_apart" ]; then
    hp_launch_apart
    return
  fi
  if command -v hp_secrets >/dev/null; then
    hp_can_hide || return 1
    hp_secrets | setsid sh "$hp_dir/helper" supervise "$hp_dir" "$hp_hash" "$hp_mask" "$hp_kind" \
      "$hp_run" "$hp_generation" >/dev/null 2>&1 &
  else
    setsid sh "$hp_dir/helper" supervise "$hp_dir" "$hp_hash" "$hp_mask" "$hp_kind" \
      "$hp_run" "$hp_generation" </dev/null >/dev/null 2>&1 &
  fi
}

# The same, started by systemd. Sets hp_unlaunched to what it says when it does not.
hp_launch_apart() {
  set -- sh "$hp_dir/helper" supervise "$hp_dir" "$hp_hash" "$hp_mask" "$hp_kind" "$hp_run" "$hp_generation"
  if command -v hp_secrets >/dev/null; then
    hp_can_hide || return 1
    hp_unlaunched=$(hp_secrets | hp_apart_feed "$@" 2>&1)
  else
    hp_unlaunched=$(hp_apart_run "$@" 2>&1)
  fi
  case $? in
    0) hp_unlaunched='' ;;
    *) hp_unlaunched="systemd-run: ${hp_unlaunched:-it failed without a word}" ;;
  esac
}

hp_cancel() {
  hp_make_place || return
  hp_judge
  case $hp_state in
    none | new | starting | running | orphaned) hp_stop ;;
  esac
  hp_tell
}

hp_stop() {
  : >"$hp_dir/cancel" || return
  hp_sync "$hp_dir/cancel" "$hp_dir"
  # Taking the claim ourselves: from now on the job can never start.
  [ -e "$hp_dir/run" ] || hp_claim poison 0
  hp_until 50 starting
  hp_end_group TERM "$((hp_grace * 10))"
  hp_end_group KILL 50
}

# hp_end_group SIGNAL TENTHS
hp_end_group() {
  hp_judge
  case $hp_state in
    running | orphaned)
      hp_read_pg
      hp_signal "$1" "$hp_pg" "$hp_pg_ticks"
      hp_until "$2" "$hp_state"
      ;;
  esac
}

# hp_until TENTHS STATE: waits until the state is another one.
hp_until() {
  hp_napped=0
  hp_judge
  while [ "$hp_state" = "$2" ] && [ "$hp_napped" -lt "$1" ]; do
    hp_nap
    hp_judge
  done
}

# Frees the space and leaves a tombstone: spec, run, exec and rc still answer, and keep a late start from running.
hp_ack() {
  hp_look || return
  hp_judge
  case $hp_state in
    none) ;;
    new | starting | running | orphaned)
      hp_refuse not-finished "the job is $hp_state"
      return
      ;;
    *)
      : >"$hp_dir/done"
      hp_sync "$hp_dir/done" "$hp_dir"
      rm -f "$hp_dir"/cmd.* "$hp_dir/helper" "$hp_dir/log" "$hp_dir/pg" "$hp_dir/pg.tmp" "$hp_dir/rc.tmp" \
        "$hp_dir/in" "$hp_dir/code"
      rm -rf "$hp_dir"/answered.* "$hp_dir"/answering.* "$hp_dir"/handed.* "$hp_dir"/hand.*
      ;;
  esac
  hp_tell
}

# hp_main VERB: everything that is printed for the client, from the first mark to the last.
hp_main() {
  hp_say begin
  hp_place
  if hp_incarnation; then
    "hp_$1" </dev/null
  else
    hp_refuse tools "the boot identity cannot be read from /proc"
  fi
  printf '\n@%s end\n' "$hp_nonce"
}
