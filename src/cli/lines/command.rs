//! Lines that begin with `:`: what may be said at any time.

use super::Lines;
use crate::driver::{FromOperator, Speed};
use crate::engine::input::Says;
use crate::engine::{hold, summary};
use crate::model::ids::{BranchId, CheckId, NodeId};
use crate::report::holds;

const HELP: &str = "\
:pause            start nothing more
:go-on            take the pause back
:note TEXT        write something into the journal
:branch ID REASON take a declared way around
:recheck [CHECK[@NODE]]  run a check again; without one all that do not pass
:holds            show every open hold point
:status           show every node
:leave            end this session; running jobs go on, the run can be resumed
:wheel            say why there is no terminal pane here
:fault WHAT NODE  disturb a rehearsal
:speed X          how fast a rehearsal goes: 60, max, still
";

const NO_PANE: &str = "there is no terminal pane in line mode: a program that asks is a hold point `prompt`, \
answered line by line with `answer TEXT`; to type into it key by key, resume the run on the full screen";

impl Lines {
    pub(super) fn command(&mut self, line: &str) {
        let line = line.trim_start_matches(':').trim();
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        match (word, rest) {
            ("pause", "") => self.say(Says::Pause),
            ("go-on", "") => self.say(Says::GoOn),
            ("leave", "") => self.say(Says::Leave),
            ("note", text) if !text.is_empty() => self.say(Says::Note { text: text.into() }),
            ("branch", rest) if !rest.is_empty() => {
                let (id, reason) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                let (branch, reason) = (BranchId::new(id), reason.trim().to_string());
                self.say(Says::Branch { branch, reason });
            }
            ("recheck", rest) => self.recheck(rest),
            ("fault", text) if !text.is_empty() => {
                let (by, text) = (self.by.clone(), text.to_string());
                self.send(FromOperator::Fault { by, text });
            }
            ("speed", text) => match text.parse::<Speed>() {
                Ok(speed) => {
                    self.stepped &= speed == Speed::Max;
                    self.send(FromOperator::Speed(speed));
                }
                Err(why) => self.no_command(&why),
            },
            ("holds", "") => self.show_holds(),
            ("status", "") => self.show_status(),
            ("wheel", _) => self.no_command(NO_PANE),
            ("help", "") => eprint!("{HELP}"),
            (word, _) => self.no_command(&format!("`:{word}` is no command here; see :help")),
        }
    }

    fn no_command(&self, why: &str) {
        self.put(
            &format!("REFUSED {why}\n"),
            || serde_json::json!({ "event": "command-refused", "why": why }),
        );
    }

    fn recheck(&mut self, what: &str) {
        let (check, node) = match what.split_once('@') {
            Some((check, node)) => (check, Some(NodeId::new(node))),
            None => (what, None),
        };
        let check = (!check.is_empty()).then(|| CheckId::new(check));
        self.say(Says::Recheck { check, node });
    }

    fn show_holds(&self) {
        for hold in hold::holds(&self.state) {
            eprint!("{}", holds::text(&hold));
        }
    }

    fn show_status(&self) {
        for facts in self.state.facts.nodes() {
            let known = facts.known().iter();
            let known: Vec<String> = known
                .map(|(fact, seen)| format!("{fact}={}", seen.value))
                .collect();
            let now = summary::now_of(&self.state, &facts.name);
            eprintln!("{} {} | {now}", facts.name, known.join(" "));
        }
    }
}
