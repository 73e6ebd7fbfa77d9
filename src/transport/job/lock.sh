# shellcheck shell=sh disable=SC2034,SC2154 # variables cross the files
# holdpoint lock v1: which run may start changes on this node. Read after library.sh. Only definitions.
#
# The lock is a row of records in hp_base, _lock.1, _lock.2 and so on; the highest one holds. Each is made whole by one ln,
# so that exactly one of many callers makes the next one. Its number is the lock's generation: it only grows, and whoever
# held an earlier one is told from whoever holds it now. A record is one line:
#   v1 held RUN TIME WHO        v1 free RUN TIME WHO
# Set by the caller: hp_base hp_run hp_generation; for the verb also hp_act hp_who.

# Sets hp_lock_now (0: there never was one), hp_lock_kind (held, free, or something that is no record), hp_lock_run
# hp_lock_since hp_lock_who.
hp_lock_read() {
  for hp_try in 1 2 3 4 5; do
    hp_lock_now=0 hp_lock_kind=free hp_lock_run='' hp_lock_since='' hp_lock_who=''
    for hp_record in "$hp_base"/_lock.*; do
      hp_number=${hp_record##*_lock.}
      case $hp_number in '' | *[!0-9]* | 0*) continue ;; esac
      [ "$hp_number" -le "$hp_lock_now" ] || hp_lock_now=$hp_number
    done
    [ "$hp_lock_now" -gt 0 ] || return 0
    hp_version='' hp_lock_kind=''
    # Who has made a higher one takes the lower ones away: look again.
    if {
      read -r hp_version hp_lock_kind hp_lock_run hp_lock_since hp_lock_who <"$hp_base/_lock.$hp_lock_now"
    } 2>/dev/null; then
      [ "$hp_version" = v1 ] || hp_lock_kind=bad
      return 0
    fi
  done
  hp_lock_kind=bad
}

# Whether hp_run may start something: it holds the lock, in the generation that it was given. Who knows of no lock has none.
hp_lock_ours() {
  [ -n "$hp_generation" ] || return 0
  hp_lock_read
  [ "$hp_lock_kind $hp_lock_run $hp_lock_now" = "held $hp_run $hp_generation" ]
}

hp_lock_words() {
  printf '%s' "generation=$hp_lock_now run=$hp_lock_run since=$hp_lock_since jobs=$hp_jobs by=$hp_lock_who"
}

hp_refuse_locked() {
  hp_lock_count_jobs
  hp_refuse locked "lock=$hp_lock_kind $(hp_lock_words)"
}

# Jobs of whoever holds it that still run here.
hp_lock_count_jobs() {
  hp_jobs=0
  [ -n "$hp_lock_run" ] || return 0
  hp_kept=$hp_dir
  for hp_dir in "$hp_base/$hp_lock_run".*; do
    [ -d "$hp_dir" ] || continue
    hp_judge
    case $hp_state in starting | running | orphaned) hp_jobs=$((hp_jobs + 1)) ;; esac
  done
  hp_dir=$hp_kept
}

# hp_lock_append KIND: makes the next record. 1: somebody was quicker, look again; 2: refused.
hp_lock_append() {
  hp_next=$((hp_lock_now + 1)) hp_new=$hp_base/_lock-$$
  if ! printf 'v1 %s %s %s %s\n' "$1" "$hp_run" "$(hp_time)" "$hp_who" >"$hp_new"; then
    rm -f "$hp_new"
    hp_refuse write "cannot write to $hp_base; is the disk full?"
    return 2
  fi
  hp_sync "$hp_new"
  hp_said=$(ln "$hp_new" "$hp_base/_lock.$hp_next" 2>&1)
  hp_won=$?
  rm -f "$hp_new"
  hp_lock_read
  if [ "$hp_won" -ne 0 ]; then
    [ "$hp_lock_now" -lt "$hp_next" ] || return 1
    hp_refuse write "cannot make a hard link in $hp_base: $(printf '%s' "$hp_said" | tr '\n' ' ')"
    return 2
  fi
  # Somebody has made this one before, a higher one after it, and has taken this one away: ours came too late.
  [ "$hp_lock_now" -eq "$hp_next" ] || return 1
  hp_sync "$hp_base"
  # The one before stays, for those who are reading it.
  for hp_record in "$hp_base"/_lock.*; do
    hp_number=${hp_record##*_lock.}
    case $hp_number in '' | *[!0-9]* | 0*) continue ;; esac
    [ "$hp_number" -ge "$((hp_next - 1))" ] || rm -f "$hp_record"
  done
}

# hp_act is look, take, over (take it from whoever holds generation hp_generation) or release (what hp_run holds, in that
# generation if one is told). Whatever is asked twice is done once.
hp_lock() {
  umask 077
  if [ "$hp_act" != look ]; then
    [ -e "$hp_base" ] || [ -L "$hp_base" ] || mkdir -p "$hp_base" 2>/dev/null
  fi
  [ "$hp_act" = look ] && [ ! -e "$hp_base" ] || hp_trust "$hp_base" || return
  hp_done=1
  while [ "$hp_done" -eq 1 ]; do
    hp_lock_read
    hp_lock_act
    hp_done=$?
  done
  [ "$hp_done" -eq 0 ] || return
  hp_jobs=0
  [ "$hp_lock_kind" != held ] || [ "$hp_mine" -eq 1 ] || hp_lock_count_jobs
  hp_say "lock=$hp_lock_kind mine=$hp_mine boot=$hp_now $(hp_lock_words)"
}

# 0: hp_mine and the record say how it stands; 1: once more; 2: refused.
hp_lock_act() {
  hp_mine=0
  case $hp_lock_kind in
    free) ;;
    held) [ "$hp_lock_run $hp_lock_who" != "$hp_run $hp_who" ] || hp_mine=1 ;;
    *)
      hp_refuse lock "$hp_base/_lock.$hp_lock_now is no record of a lock; look at it, and remove it if no run is under way"
      return 2
      ;;
  esac
  case $hp_act.$hp_lock_kind.$hp_mine in
    take.free.* | over.free.*) hp_lock_append held || return ;;
    over.held.0)
      [ "$hp_lock_now" = "$hp_generation" ] || return 0
      hp_lock_append held || return
      ;;
    release.held.1)
      [ -z "$hp_generation" ] || [ "$hp_lock_now" = "$hp_generation" ] || return 0
      hp_lock_append free || return
      hp_mine=0
      return 0
      ;;
    *) return 0 ;;
  esac
  hp_mine=1
}
