//! What a human says about a host key, and where it is kept.

use super::super::failed::{UnknownKey, refused};
use super::super::tell::one_line;
use super::Link;
use crate::model::reply::{HostKey, LinkReport, Refusal};
use crate::transport::ssh::{
    PinnedKey, ReplacedKey, append_known_host, fingerprint, hashed_name, moment, replace_known_host,
};

impl Link {
    /// Tells the keys of the hosts on the way, whatever became of the node behind them.
    pub(super) async fn tell_way(&self) {
        for (jump, pinned) in self.endpoint.route.keys() {
            let key = HostKey {
                algorithm: pinned.algorithm,
                fingerprint: pinned.fingerprint,
            };
            self.tell(LinkReport::JumpKey { jump, key }).await;
        }
    }

    /// Whether another attempt is worth while after an answer about an unknown key.
    pub(super) async fn key_answered(
        &self,
        unknown: &UnknownKey,
        shown: &str,
        accept: bool,
    ) -> bool {
        let fingerprint = &unknown.fingerprint;
        // An answer about another key than the one that was asked about is no answer.
        if shown != fingerprint {
            return false;
        }
        if !accept {
            let (refusal, whose) = match &unknown.jump {
                None => (Refusal::HostKey, "its host key".into()),
                Some(jump) => (
                    Refusal::JumpKey,
                    format!("the host key of the jump host {jump},"),
                ),
            };
            let why = format!("{whose} {fingerprint} was not accepted");
            self.tell(refused(refusal, why)).await;
            return false;
        }
        let own = self.endpoint.known_hosts.own.clone();
        let (name, key) = (unknown.name.clone(), unknown.key.clone());
        let file = own.display().to_string();
        let hashed = self.endpoint.tuning.hash_known_hosts;
        let write = move || {
            let name = if hashed { hashed_name(&name)? } else { name };
            append_known_host(&own, &name, &key)
        };
        let written = tokio::task::spawn_blocking(write);
        let why = match written.await {
            Ok(Ok(())) => {
                // Whoever waits with the same question, such as the other nodes behind a jump host, need not ask it.
                let accepted = (unknown.name.clone(), fingerprint.clone());
                self.keys.send_modify(|keys| {
                    keys.accepted.insert(accepted);
                });
                return true;
            }
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        self.tell(cannot_keep(&file, &why)).await;
        false
    }

    /// A human has let another key hold: it is the pinned one from now on. Whether another attempt is worth while.
    ///
    /// Only holdpoint's own file is ever written, and only where no other file knows the host: what the operator's files say
    /// is theirs to correct.
    pub(super) async fn new_key_accepted(&mut self, replaced: &ReplacedKey, shown: &str) -> bool {
        let print = fingerprint(&replaced.key);
        if shown != print {
            return false;
        }
        if replaced.is_only_ours() {
            let (own, name, key) = (
                self.endpoint.known_hosts.own.clone(),
                replaced.name.clone(),
                replaced.key.clone(),
            );
            let file = own.display().to_string();
            let hashed = self.endpoint.tuning.hash_known_hosts;
            let write = move || {
                let written_as = if hashed {
                    hashed_name(&name)?
                } else {
                    name.clone()
                };
                replace_known_host(&own, &name, &written_as, &key)
            };
            let written = tokio::task::spawn_blocking(write).await;
            let wrong = match written {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(error) => Some(error.to_string()),
            };
            if let Some(why) = wrong {
                self.tell(cannot_keep(&file, &why)).await;
                return false;
            }
        }
        let pinned = PinnedKey {
            algorithm: replaced.key.algorithm().to_string(),
            fingerprint: print,
            let_in: true,
            seen: Some(moment()),
        };
        // Others may be reached through this node.
        let ways = self.added.borrow().jump_keys.clone();
        ways.let_in(&replaced.name, &replaced.pinned.fingerprint, &pinned);
        self.endpoint.pinned = Some(pinned);
        true
    }
}

fn cannot_keep(file: &str, why: &str) -> LinkReport {
    let why = format!("the host key cannot be kept in {file}: {why}; make that file writable");
    refused(Refusal::Setup, one_line(&why))
}
