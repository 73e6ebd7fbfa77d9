//! The lock verb: which run may start jobs in a jobs' folder.
//!
//! It lies beside the jobs, so it is seen by every run that uses the same folder as the same user, and by no other.

use super::answer::{line_of, value};
use super::protocol::{ANSWER_LIMIT, JobFailure, ROOM, Refusal, Request};
use crate::model::lock::{Holder, LockAsk, LockReport};
use crate::transport::ssh::{Limits, Session};

/// Who asks for a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimant {
    /// The run's id: one word.
    pub run: String,
    /// The operator and their machine.
    pub by: String,
}

/// Asks a node's lock. Safe to repeat at any point: whatever is asked twice is done once.
///
/// # Errors
/// The node keeps no lock ([`JobFailure::Refused`]), or no whole answer arrived: ask again.
pub async fn lock(
    session: &Session,
    claimant: &Claimant,
    ask: LockAsk,
) -> Result<LockReport, JobFailure> {
    let mut request = Request::of_folder(session.job_dir())?;
    let (act, generation) = match ask {
        LockAsk::Look => ("look", None),
        LockAsk::Take => ("take", None),
        LockAsk::TakeOver { generation } => ("over", Some(generation)),
        LockAsk::Release { generation } => ("release", generation),
    };
    request.set("hp_act", act);
    request.set("hp_run", &word(&claimant.run));
    request.set("hp_who", &claimant.by.replace(char::is_control, " "));
    request.set(
        "hp_generation",
        &generation.map_or(String::new(), |generation| generation.to_string()),
    );
    let (nonce, text) = request.seal("lock");
    let limits = Limits {
        time: ANSWER_LIMIT,
        bytes: ROOM,
    };
    let raw = session.run(text, limits).await;
    let raw = raw.map_err(JobFailure::NoAnswer)?;
    let Some((line, _)) = line_of(raw.stdout.first(), &nonce) else {
        return Err(JobFailure::NoAnswer(raw.no_answer()));
    };
    if let Some(refusal) = line.strip_prefix("error=") {
        return Err(JobFailure::refused(refusal));
    }
    report(line).ok_or_else(|| JobFailure::NoAnswer(raw.no_answer()))
}

/// Run ids are one word; whatever else would not be told apart from the word after it.
fn word(run: &str) -> String {
    run.replace(|c: char| c.is_control() || c == ' ', "_")
}

fn report(line: &str) -> Option<LockReport> {
    let holder = holder(line)?;
    Some(match (value(line, "lock")?, value(line, "mine")?) {
        ("held", "1") => LockReport::Ours {
            generation: holder.generation,
        },
        ("held", _) => LockReport::Held { by: holder },
        ("free", _) => LockReport::Free,
        _ => return None,
    })
}

/// The holder's words; they come last, and the operator's name may hold blanks.
fn holder(line: &str) -> Option<Holder> {
    let (before, by) = line.split_once(" by=")?;
    Some(Holder {
        run: value(before, "run")?.to_owned(),
        generation: value(before, "generation")?.parse().ok()?,
        by: by.to_owned(),
        since: value(before, "since")?.to_owned(),
        jobs: value(before, "jobs")?.parse().ok()?,
    })
}

impl Refusal {
    /// Who has the lock that a start does not have, if somebody has it.
    pub(super) fn holder_in(detail: &str) -> Option<Holder> {
        let held = value(detail, "lock") == Some("held");
        holder(detail).filter(|_| held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELD: &str = "lock=held mine=0 boot=x.1 generation=3 run=7k2m since=2026-11-21T14:00:00Z jobs=2 by=Ana B. @jump 1";

    #[test]
    fn a_holder_is_told_with_every_blank_of_its_name() {
        let by = Holder {
            run: "7k2m".into(),
            generation: 3,
            by: "Ana B. @jump 1".into(),
            since: "2026-11-21T14:00:00Z".into(),
            jobs: 2,
        };
        assert_eq!(report(HELD), Some(LockReport::Held { by }));
        let ours = HELD.replace("mine=0", "mine=1");
        assert_eq!(report(&ours), Some(LockReport::Ours { generation: 3 }));
        let free = HELD.replace("lock=held", "lock=free");
        assert_eq!(report(&free), Some(LockReport::Free));
        assert_eq!(Refusal::holder_in(&free), None);
    }

    #[test]
    fn what_is_not_whole_is_no_answer() {
        for (from, to) in [
            ("lock=held", "lock=bad"),
            ("generation=3", "generation="),
            (" jobs=2", ""),
            (" by=Ana", " Ana"),
        ] {
            assert_eq!(report(&HELD.replace(from, to)), None, "{from} -> {to}");
        }
    }
}
