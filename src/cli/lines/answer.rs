//! What is done with the lines that were typed.

use secrecy::SecretString;

use super::Lines;
use crate::driver::FromOperator;
use crate::engine::hold::{self, Expect, Hold};
use crate::engine::input::Says;
use crate::model::ids::NodeId;

impl Lines {
    /// A line came. Commands are followed at once, unless time is stepped: then at the next hold point, so that the same
    /// lines give the same run. Where a secret is asked for it is the secret, whatever it begins with.
    pub(super) fn line(&mut self, line: String) {
        let open = self.asking.as_ref().filter(|asking| !asking.answered);
        let asked = open.is_some();
        let secret = open.is_some_and(|asking| asking.hold.expect == Expect::Secret);
        if line.starts_with(':') && !self.stepped && !secret {
            return self.command(&line);
        }
        if self.interactive && !asked {
            eprintln!("nothing is asked now; commands begin with `:`, try :help");
            return;
        }
        self.typed.push_back(line);
    }

    /// Answers the hold point that is shown, as far as lines are there.
    pub(super) fn answer_typed(&mut self) {
        while self.heard >= self.sent && !self.detached {
            let Some(asking) = self.asking.as_ref().filter(|asking| !asking.answered) else {
                return;
            };
            let hold = asking.hold.clone();
            match self.typed.pop_front() {
                Some(line) if line.starts_with(':') && hold.expect != Expect::Secret => {
                    self.command(&line);
                }
                Some(line) => self.answer(&hold, &line),
                None if self.ended => return self.give_up(&hold),
                None => return,
            }
        }
    }

    fn answer(&mut self, hold: &Hold, line: &str) {
        match hold::answer(hold, line) {
            Err(why) => self.refuse(hold, &why),
            Ok(says) => {
                if let Some(asking) = &mut self.asking {
                    asking.answered = true;
                    asking.quiet = None;
                }
                self.refusal = None;
                let by = self.by.clone();
                self.send(match (&hold.expect, says) {
                    (Expect::Secret, _) => FromOperator::Secret {
                        node: NodeId::new(&hold.id),
                        by,
                        secret: SecretString::from(line.to_string()),
                    },
                    (
                        Expect::Type(_)
                        | Expect::Fingerprint(_)
                        | Expect::TypeOr(..)
                        | Expect::Options(_),
                        says,
                    ) => FromOperator::Says { by, says },
                });
            }
        }
    }

    pub(super) fn say(&mut self, says: Says) {
        let by = self.by.clone();
        self.commanded = true;
        self.send(FromOperator::Says { by, says });
    }

    /// Standard input is at its end and something is asked: nobody will answer.
    fn give_up(&mut self, hold: &Hold) {
        self.detached = true;
        let (kind, id) = (hold.kind.name(), &hold.id);
        eprintln!("error: failed to go on: standard input ended at the hold point {kind} {id}");
        match &self.run {
            Some(run) => eprintln!("hint: nothing is lost; `holdpoint resume {run}` asks again"),
            None => eprintln!("hint: answer it on standard input, or run it in a terminal"),
        }
        let why = format!("nobody answered the hold point {kind} {id}");
        self.send(FromOperator::Detach { why });
    }
}
