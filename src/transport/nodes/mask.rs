//! What a node prints never shows a secret that we know (rule 11).
//!
//! A vendor's installer may echo a password, `set -x` prints what a script read. Whatever arrives from a node passes here before
//! anybody judges, shows or keeps it, and known secrets in it become asterisks. Not found are secrets of fewer than
//! [`SHORTEST`] bytes, which would hide half of what a node says, those in another form (base64, quoted piece by piece), and
//! those that a limit on the length of a line has cut in two.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::watch;

use super::keys::{KeyRing, Keys};
use crate::model::ids::NodeId;
use crate::model::lines::Lines;
use crate::model::lock::LockReport;
use crate::model::reply::{JobReport, LinkReport};
use crate::model::telemetry::Telemetry;
use crate::model::value::Value;
use crate::transport::Arrival;
use crate::transport::ssh::Changes;

/// Bytes.
const SHORTEST: usize = 6;
/// Of one length, so that it does not tell that of the secret.
const MASK: &str = "********";

/// The masks of all nodes.
pub(super) struct Masks {
    of_node: BTreeMap<NodeId, Mask>,
    /// What the operator has typed at a program's question, hidden.
    typed: Vec<SecretString>,
    keys: watch::Receiver<KeyRing>,
    changes: Changes,
}

/// What is hidden in what one node says. It only grows: a password that was refused here may be good elsewhere.
#[derive(Default)]
struct Mask {
    /// The longest first, because one may contain another.
    secrets: Vec<SecretString>,
    is_up_to_date: bool,
}

impl std::fmt::Debug for Masks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Masks").finish_non_exhaustive()
    }
}

impl Masks {
    pub(super) fn new(keys: &Keys) -> Masks {
        Masks {
            of_node: BTreeMap::new(),
            typed: Vec::new(),
            changes: keys.borrow().credentials.vault().changes(),
            keys: keys.subscribe(),
        }
    }

    /// Hides from now on what the operator has typed.
    pub(super) fn hide(&mut self, typed: &str) {
        self.typed.push(SecretString::from(typed));
        self.forget_what_is_known();
    }

    /// Puts asterisks in place of every secret.
    pub(super) fn apply(&mut self, arrival: &mut Arrival) {
        let Some(node) = node_of(arrival).cloned() else {
            return;
        };
        let mask = self.of(&node);
        if !mask.secrets.is_empty() {
            mask.apply(arrival);
        }
    }

    fn of(&mut self, node: &NodeId) -> &Mask {
        let came = self.changes.came();
        if came || self.keys.has_changed().unwrap_or(false) {
            self.keys.mark_unchanged();
            self.forget_what_is_known();
        }
        let mask = self.of_node.entry(node.clone()).or_default();
        if !mask.is_up_to_date {
            mask.is_up_to_date = true;
            let keys = self.keys.borrow();
            let given = keys.credentials.passphrases();
            let passwords = keys.credentials.vault().passwords(node.as_str());
            let all = keys.secrets.of(node).chain(given).chain(&self.typed);
            all.chain(&passwords).for_each(|secret| mask.learn(secret));
        }
        mask
    }

    fn forget_what_is_known(&mut self) {
        for mask in self.of_node.values_mut() {
            mask.is_up_to_date = false;
        }
    }
}

impl Mask {
    /// Each line of its own: that is how a node prints it.
    fn learn(&mut self, secret: &SecretString) {
        for line in secret.expose_secret().lines().map(str::trim) {
            let is_known = |known: &SecretString| known.expose_secret() == line;
            if line.len() >= SHORTEST && !self.secrets.iter().any(is_known) {
                self.secrets.push(SecretString::from(line));
            }
        }
        let length = |secret: &SecretString| std::cmp::Reverse(secret.expose_secret().len());
        self.secrets.sort_by_key(length);
    }

    fn apply(&self, arrival: &mut Arrival) {
        match arrival {
            Arrival::Link { report, .. } => self.link(report),
            Arrival::Reading { reading, .. } => match reading {
                Ok(values) => values.values_mut().flatten().for_each(|v| self.value(v)),
                Err(why) => self.text(why),
            },
            Arrival::Check { output, .. } => match output {
                Ok(values) => values.values_mut().for_each(|value| self.value(value)),
                Err(why) => self.text(why),
            },
            Arrival::Job { report, .. } => self.job(report),
            Arrival::Lock { report, .. } => match report {
                LockReport::Unusable { why } => self.text(why),
                LockReport::Ours { .. } | LockReport::Held { .. } | LockReport::Free => {}
            },
            Arrival::Telemetry(telemetry) => self.telemetry(telemetry),
        }
    }

    fn link(&self, report: &mut LinkReport) {
        match report {
            LinkReport::Down { why } | LinkReport::Refused { why, .. } => self.text(why),
            LinkReport::WantsSecret { secret } => self.text(secret),
            // Who we are and what the servers have shown: nothing that a node prints.
            LinkReport::Up { .. }
            | LinkReport::JumpKey { .. }
            | LinkReport::UnknownHostKey { .. }
            | LinkReport::ChangedHostKey { .. } => {}
        }
    }

    fn job(&self, report: &mut JobReport) {
        match report {
            JobReport::Asks { text, .. } => self.text(text),
            JobReport::KeysInDoubt { why, .. }
            | JobReport::NotStarted { why }
            | JobReport::OutOfSight { why }
            | JobReport::Vanished { why } => self.text(why),
            JobReport::Accepted | JobReport::KeysKnown { .. } | JobReport::Ended { .. } => {}
        }
    }

    fn telemetry(&self, telemetry: &mut Telemetry) {
        match telemetry {
            Telemetry::Output { lines, .. } => {
                if self.is_in(lines.as_str()) {
                    let mut text = lines.as_str().to_owned();
                    self.text(&mut text);
                    *lines = Lines::new(&text);
                }
            }
            Telemetry::Printed { bytes, .. } => self.bytes(bytes),
            Telemetry::Linking { what, .. } => self.text(what),
            Telemetry::Seen { .. }
            | Telemetry::Heartbeat { .. }
            | Telemetry::Tick { .. }
            | Telemetry::Dropped { .. } => {}
        }
    }

    fn is_in(&self, text: &str) -> bool {
        let mut secrets = self.secrets.iter();
        secrets.any(|secret| text.contains(secret.expose_secret()))
    }

    fn text(&self, text: &mut String) {
        for secret in &self.secrets {
            if text.contains(secret.expose_secret()) {
                *text = text.replace(secret.expose_secret(), MASK);
            }
        }
    }

    fn value(&self, value: &mut Value) {
        let mut text = value.to_string();
        if self.is_in(&text) {
            self.text(&mut text);
            *value = Value::Text(text);
        }
    }

    /// As many asterisks as bytes: what stands behind it keeps its place on the screen.
    fn bytes(&self, bytes: &mut Arc<[u8]>) {
        let mut masked = bytes.to_vec();
        for secret in &self.secrets {
            let secret = secret.expose_secret().as_bytes();
            let mut from = 0;
            while let Some(at) = find(&masked[from..], secret) {
                masked[from + at..][..secret.len()].fill(b'*');
                from += at + secret.len();
            }
        }
        if **bytes != *masked {
            *bytes = masked.into();
        }
    }
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|piece| piece == word)
}

fn node_of(arrival: &Arrival) -> Option<&NodeId> {
    match arrival {
        Arrival::Link { node, .. }
        | Arrival::Reading { node, .. }
        | Arrival::Check { node, .. }
        | Arrival::Job { node, .. }
        | Arrival::Lock { node, .. } => Some(node),
        Arrival::Telemetry(telemetry) => match telemetry {
            Telemetry::Output { node, .. }
            | Telemetry::Printed { node, .. }
            | Telemetry::Seen { node, .. }
            | Telemetry::Linking { node, .. } => Some(node),
            Telemetry::Heartbeat { .. } | Telemetry::Tick { .. } | Telemetry::Dropped { .. } => {
                None
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(secrets: &[&str]) -> Mask {
        let mut mask = Mask::default();
        secrets
            .iter()
            .for_each(|secret| mask.learn(&SecretString::from(*secret)));
        mask
    }

    #[test]
    fn every_line_of_a_secret_is_hidden_wherever_it_stands() {
        let mask = mask(&["hunter2secret", "-----BEGIN\nMIIEvQIBADAN\n-----END"]);
        let mut text = String::from("+ login hunter2secret hunter2secret.\nMIIEvQIBADAN\n");
        mask.text(&mut text);
        assert_eq!(text, "+ login ******** ********.\n********\n");
    }

    #[test]
    fn a_secret_within_another_leaves_no_rest() {
        let mask = mask(&["secret", "secret-of-ana"]);
        let mut text = String::from("secret-of-ana and secret");
        mask.text(&mut text);
        assert_eq!(text, "******** and ********");
    }

    #[test]
    fn what_is_too_short_hides_nothing() {
        let mask = mask(&["yes", "12345"]);
        let mut text = String::from("yes, 12345");
        mask.text(&mut text);
        assert_eq!(text, "yes, 12345");
    }

    #[test]
    fn a_number_is_hidden_too_and_other_values_stay_what_they_are() {
        let mask = mask(&["123456"]);
        let (mut pin, mut other) = (Value::Number(123456), Value::Number(12345));
        mask.value(&mut pin);
        mask.value(&mut other);
        assert_eq!(pin, Value::text(MASK));
        assert_eq!(other, Value::Number(12345));
    }

    #[test]
    fn the_screen_keeps_its_columns() {
        let mask = mask(&["hunter2"]);
        let mut bytes: Arc<[u8]> = b"\x1b[1mhunter2hunter2\x1b[m|\xff".as_slice().into();
        mask.bytes(&mut bytes);
        assert_eq!(*bytes, *b"\x1b[1m**************\x1b[m|\xff");
    }
}
