//! What the library tells us while a connection lives: the host key, banners, the end.

use std::io::ErrorKind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use russh::client::{DisconnectReason, Handler, Msg, Session};
use russh::keys::PublicKeyOrCertificate;
use russh::{Channel, ChannelOpenFailure, client::ChannelOpenHandle};
use tokio::sync::watch;

use super::failure::ConnectFailure;
use super::hostkey::HostKeyRule;

/// More banner text than this (bytes) is dropped: a server may send it without end.
const BANNER_LIMIT: usize = 64 << 10;

/// What a connection has told, shared between its task and us.
#[derive(Clone, Default)]
pub(super) struct Heard {
    notes: Arc<Mutex<Notes>>,
}

#[derive(Default)]
struct Notes {
    host_key: Option<Result<SeenKey, ConnectFailure>>,
    banner: String,
    said_at_end: Option<String>,
}

/// The host key that was accepted: what a run pins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenKey {
    /// Algorithm name.
    pub algorithm: String,
    /// SHA-256 fingerprint.
    pub fingerprint: String,
}

impl Heard {
    /// The judgement of the host key, once; `None` when it was accepted or never shown.
    pub(super) fn take_refusal(&self) -> Option<ConnectFailure> {
        let mut notes = self.notes();
        match notes.host_key.take() {
            Some(Err(refusal)) => Some(refusal),
            seen => {
                notes.host_key = seen;
                None
            }
        }
    }

    pub(super) fn seen_key(&self) -> Option<SeenKey> {
        match &self.notes().host_key {
            Some(Ok(key)) => Some(key.clone()),
            Some(Err(_)) | None => None,
        }
    }

    pub(super) fn banner(&self) -> String {
        self.notes().banner.clone()
    }

    /// What the server said when it hung up, if it said anything.
    pub(super) fn said_at_end(&self) -> Option<String> {
        self.notes().said_at_end.clone()
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The handler that the library calls; it lives in the connection's task and dies with it.
pub(super) struct Watcher {
    rule: HostKeyRule,
    heard: Heard,
    /// Holds why the connection ended; when the task dies without a word, the sender is dropped.
    end: watch::Sender<Option<String>>,
}

impl Watcher {
    pub(super) fn new(rule: HostKeyRule, heard: Heard) -> (Self, watch::Receiver<Option<String>>) {
        let (end, ended) = watch::channel(None);
        (Self { rule, heard, end }, ended)
    }

    fn judge(&self, shown: &PublicKeyOrCertificate) -> Result<SeenKey, ConnectFailure> {
        let key = match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => {
                self.rule.judge(key)?;
                key.clone()
            }
            // What is remembered is the key in it: a renewed certificate for the same key is no change.
            PublicKeyOrCertificate::Certificate(certificate) => self
                .rule
                .judge_certificate(certificate, SystemTime::now())?,
        };
        Ok(SeenKey {
            algorithm: key.algorithm().to_string(),
            fingerprint: super::known_hosts::fingerprint(&key),
        })
    }
}

impl Handler for Watcher {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        let judgement = self.judge(shown);
        let accepted = judgement.is_ok();
        self.heard.notes().host_key = Some(judgement);
        Ok(accepted)
    }

    async fn auth_banner(&mut self, text: &str, _: &mut Session) -> Result<(), Self::Error> {
        let mut notes = self.heard.notes();
        if notes.banner.len() + text.len() <= BANNER_LIMIT {
            notes.banner.push_str(text);
        }
        Ok(())
    }

    async fn disconnected(
        &mut self,
        reason: DisconnectReason<Self::Error>,
    ) -> Result<(), Self::Error> {
        let why = match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                self.heard.notes().said_at_end = Some(info.message.clone());
                format!("the server hung up: {:?}", info.message)
            }
            DisconnectReason::Error(error) => ended_by(&error),
        };
        self.end.send_replace(Some(why));
        Ok(())
    }

    // The library accepts channels that a server opens. We never asked for any.

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_unknown(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_x11(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }
}

/// More was under way when we asked for other keys than the library takes before the server's answer.
pub(super) const CROWDED: &str = "more was under way than fits while keys are exchanged; from now on one thing is asked at a time";

/// How a connection ended on which nobody said goodbye, for the operator.
pub(super) fn ended_by(error: &russh::Error) -> String {
    let words = match error {
        russh::Error::Pending => CROWDED,
        russh::Error::KeepaliveTimeout | russh::Error::InactivityTimeout => {
            "no life sign came any more"
        }
        russh::Error::HUP | russh::Error::Disconnect => "it was closed without a word",
        russh::Error::IO(error) => match error.kind() {
            ErrorKind::UnexpectedEof => "it was closed without a word",
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => "it was reset",
            ErrorKind::TimedOut => "nothing that was sent was acknowledged any more",
            _ => return error.to_string(),
        },
        other => return other.to_string(),
    };
    words.to_owned()
}

async fn refuse(reply: ChannelOpenHandle) -> Result<(), russh::Error> {
    reply
        .reject(ChannelOpenFailure::AdministrativelyProhibited)
        .await;
    Ok(())
}
