//! What every node must have before a job of ours may run on it: checks that belong to no procedure. They only look,
//! and several of them look together.

use std::collections::BTreeMap;

use crate::model::condition::Condition;
use crate::model::ids::CheckId;
use crate::model::procedure::{Check, CheckKind, Procedure, Severity, Undo};
use crate::model::time::Span;

/// The heading that they stand under.
const SECTION: &str = "nodes";

/// Sets hp_base, like the job verbs do. Whoever sends it may put `hp_job_dir=..` before it.
const PLACE: &str = r#"
hp_me=$(id -u)
hp_base=${hp_job_dir-}
if [ -z "$hp_base" ]; then
  case $hp_me in
    0) hp_base=/var/lib/holdpoint/jobs ;;
    *) hp_base=$HOME/.holdpoint/jobs ;;
  esac
fi
hp_near=$hp_base
while [ ! -e "$hp_near" ] && [ -n "$hp_near" ]; do hp_near=${hp_near%/*}; done
[ -n "$hp_near" ] || hp_near=/
"#;

/// One look for all that the node's own files and commands tell: a line `@ ID ..` says to which checks the next ones belong.
const LOOK: &str = r#"
echo '@ node-tools'
missing=
for tool in mkdir rmdir ln mv rm cat wc dd date ls tr id sync sleep df setsid; do
  command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
done
echo "missing=${missing# }"

echo '@ node-folder'
wrong=
if [ -e "$hp_base" ] || [ -L "$hp_base" ]; then
  if [ -L "$hp_base" ] || [ ! -d "$hp_base" ]; then
    wrong="$hp_base is not a directory"
  else
    listed=$(ls -ldn "$hp_base")
    case $listed in
      d????-??-*) ;;
      *) wrong="$hp_base can be written by others: ${listed%% *}" ;;
    esac
    set -- $listed
    [ "${3-}" = "$hp_me" ] || wrong="$hp_base belongs to user number ${3-}"
  fi
elif [ ! -d "$hp_near" ] || [ ! -w "$hp_near" ]; then
  wrong="$hp_near cannot be written by user number $hp_me"
fi
echo "wrong=$wrong"

echo '@ node-space node-space-share'
df=$(df -Pk "$hp_near")
set -- ${df#*
}
case ${2-}${4-} in
  '' | *[!0-9]*) ;;
  *)
    echo "free_kb=$4"
    [ "$2" -eq 0 ] || echo "free_percent=$(($4 * 100 / $2))"
    ;;
esac

echo '@ node-clock'
echo "node_epoch=$(date +%s)"

echo '@ node-lock'
highest=0
for record in "$hp_base"/_lock.*; do
  number=${record##*_lock.}
  case $number in '' | *[!0-9]* | 0*) continue ;; esac
  [ "$number" -le "$highest" ] || highest=$number
done
kind=free run= since= who=
[ "$highest" -eq 0 ] || read -r _ kind run since who <"$hp_base/_lock.$highest"
echo "lock=$kind"
[ "$kind" = free ] || echo "by=run $run of $who, since $since"
"#;

/// Apart from the rest, because a service manager in trouble may not answer. The jobs' own scripts find out the same before
/// each start.
const SESSION: &str = r#"
echo '@ node-session'
survives=yes
case $(loginctl show-user --property=KillUserProcesses 2>/dev/null) in
  *=yes)
    if ! command -v systemd-run >/dev/null 2>&1; then
      survives=no
    elif [ "$hp_me" -ne 0 ]; then
      case $(loginctl show-user "$hp_me" --property=Linger 2>/dev/null) in
        *=yes) ;;
        *) survives=no ;;
      esac
    fi
    ;;
esac
echo "survives=$survives"
"#;

/// Id, title, severity, script, what must hold, advice.
const CHECKS: &[(&str, &str, Severity, &str, &str, &str)] = &[
    (
        "node-tools",
        "The commands that a job needs are installed",
        Severity::Block,
        LOOK,
        "check.missing == ''",
        "Install what is missing on {node}: POSIX utilities, and setsid (util-linux or busybox).",
    ),
    (
        "node-folder",
        "The jobs' folder can be used",
        Severity::Block,
        LOOK,
        "check.wrong == ''",
        "On {node}, give the folder to the login alone, mode 0700, or set job_dir in the cluster file.",
    ),
    (
        "node-session",
        "A job outlives the login",
        Severity::Block,
        SESSION,
        "check.survives == 'yes'",
        "systemd on {node} ends a user's processes at logout (KillUserProcesses=yes in logind.conf): let the user linger (loginctl enable-linger), log in as root, or set it to no.",
    ),
    (
        "node-space",
        "64 MiB are free where jobs are kept",
        Severity::Block,
        LOOK,
        "check.free_kb >= 65536",
        "Free space on {node}, or set job_dir to another file system.",
    ),
    (
        "node-space-share",
        "5 % are free where jobs are kept",
        Severity::Warn,
        LOOK,
        "check.free_percent >= 5",
        "Free space on {node}: a file system that runs full while the product is upgraded stops it half way.",
    ),
    (
        "node-clock",
        "The clock agrees with this machine's within two minutes",
        Severity::Warn,
        // Whoever asks puts `apart` to it.
        LOOK,
        "check.apart <= 120",
        "Set the clock on {node}, or look at this machine's: times in logs and in the report will not fit together.",
    ),
    (
        "node-lock",
        "No other run has the lock",
        Severity::Info,
        LOOK,
        "check.lock == 'free'",
        "Another run has the lock of {node}: this one can start nothing there before it is given back or taken over.",
    ),
];

/// Puts the checks of the ground in front of the procedure's own, if it starts jobs at all. An id that the procedure uses
/// stays the procedure's.
pub fn add(procedure: &mut Procedure) {
    if !starts_jobs(procedure) {
        return;
    }
    let mut checks = Vec::new();
    for (id, title, severity, script, passes, advice) in CHECKS {
        // Every one of them is parsed by a story.
        let (Ok(passes), false) = (
            Condition::parse(passes),
            procedure.check(&CheckId::new(id)).is_some(),
        ) else {
            continue;
        };
        checks.push(Check {
            id: CheckId::new(id),
            title: (*title).into(),
            section: SECTION.into(),
            severity: *severity,
            kind: CheckKind::Script {
                script: format!("{PLACE}{script}"),
                passes,
                timeout: Span::seconds(30),
                rehearse: BTreeMap::new(),
            },
            on: None,
            why: String::new(),
            advice: (*advice).into(),
        });
    }
    procedure.checks.splice(0..0, checks);
}

fn starts_jobs(procedure: &Procedure) -> bool {
    let phases = procedure.phases.iter().flat_map(|phase| &phase.steps);
    let branches = procedure.branches.iter().flat_map(|branch| &branch.steps);
    phases
        .chain(branches)
        .any(|step| step.is_change() || matches!(step.undo, Some(Undo::Script { .. })))
}

/// Whether a check is one of these.
pub fn is_ours(check: &CheckId) -> bool {
    CHECKS.iter().any(|(id, ..)| *id == check.as_str())
}
