//! The face of line mode: the line protocol on standard input and output. Data goes to standard output, talk to standard error.
//!
//! It folds the same events as every other observer, shows the hold point to answer first when the loop waits, and turns each
//! line into what the operator says. It judges nothing.

mod answer;
mod command;

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::sync::mpsc::{self, Receiver};

use tokio::sync::mpsc::UnboundedSender;

use super::settings::Face;
use super::stdin::{self, NoEcho};
use crate::driver::{Feed, FromOperator, Notice};
use crate::engine::brief::{Mode, Person};
use crate::engine::event::{Entry, Event};
use crate::engine::hold::{self, Hold, HoldKind};
use crate::engine::state::RunState;
use crate::engine::update::Update;
use crate::model::telemetry::Telemetry;
use crate::report::holds;
use crate::report::json;
use crate::report::lines::{self, Detail};

/// Where line mode puts events and hold points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    /// Standard output: they are the data.
    Out,
    /// Standard error: the data comes at the end.
    Err,
}

/// One operator at lines.
pub struct Lines {
    state: RunState,
    detail: Detail,
    by: Person,
    operators: UnboundedSender<FromOperator>,
    /// How the run can be resumed, if it can.
    run: Option<String>,
    json: bool,
    words: Words,
    interactive: bool,
    /// Time stands still at hold points, and goes on without waiting: nothing is read but there.
    stepped: bool,
    typed: VecDeque<String>,
    ended: bool,
    asking: Option<Asking>,
    sent: u64,
    heard: u64,
    /// Sequence number when something was said last, to see whether anything came of it.
    said_at: u64,
    commanded: bool,
    refusal: Option<String>,
    detached: bool,
}

/// The hold point that was shown last.
struct Asking {
    hold: Hold,
    answered: bool,
    quiet: Option<NoEcho>,
}

enum Item {
    Notice(Notice),
    Over,
    Line(Option<String>),
}

impl Lines {
    /// A face for what `state` knows already.
    pub fn new(
        state: RunState,
        mode: Mode,
        by: Person,
        operators: UnboundedSender<FromOperator>,
        run: Option<&str>,
    ) -> Lines {
        Lines {
            detail: Detail::of(mode),
            said_at: state.seq,
            state,
            by,
            operators,
            run: run.map(str::to_string),
            json: false,
            words: Words::Out,
            interactive: false,
            stepped: false,
            typed: VecDeque::new(),
            ended: false,
            asking: None,
            sent: 0,
            heard: 0,
            commanded: false,
            refusal: None,
            detached: false,
        }
    }

    /// In which form, and where to.
    pub fn form(mut self, face: Face, words: Words) -> Lines {
        self.json = match face {
            Face::Json => true,
            Face::Plain | Face::Screens => false,
        };
        self.words = words;
        self
    }

    /// How standard input is read. `interactive`: somebody types, so what was typed before it was asked for does not count.
    pub fn reading(mut self, interactive: bool, stepped: bool) -> Lines {
        self.interactive = interactive;
        self.stepped = stepped;
        self
    }

    /// Shows the session until it is over.
    pub fn show(mut self, feed: Feed) {
        let items = gather(feed);
        while let Ok(item) = items.recv() {
            match item {
                Item::Notice(notice) => self.notice(notice),
                Item::Line(Some(line)) => self.line(line),
                Item::Line(None) => self.ended = true,
                Item::Over => break,
            }
            self.answer_typed();
        }
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Update(Update::Entry(entry)) => self.entry(&entry),
            Notice::Update(Update::Telemetry(telemetry)) => self.telemetry(&telemetry),
            Notice::Settled { heard } => {
                self.heard = heard;
                if heard >= self.sent {
                    self.consult();
                }
            }
            Notice::Refused(why) => {
                self.commanded = false;
                self.put(
                    &format!("REFUSED {why}\n"),
                    || serde_json::json!({ "event": "command-refused", "why": why }),
                );
            }
            Notice::Warning(text) => eprintln!("warning: {text}"),
        }
    }

    fn entry(&mut self, entry: &Entry) {
        self.state.apply(entry);
        if let Event::GateRefused { why, .. } = &entry.event {
            self.refusal = Some(why.clone());
        }
        let detail = self.detail;
        let line = lines::line(entry, detail);
        self.put(&format!("{line}\n"), || json::event(entry, detail));
    }

    fn telemetry(&mut self, telemetry: &Telemetry) {
        match telemetry {
            Telemetry::Output {
                action,
                lines: printed,
                ..
            } if !self.stepped => {
                let text = lines::output(action, printed);
                // It is talk: a run does not end because nobody reads it any more.
                let _ = io::stderr().lock().write_all(text.as_bytes());
            }
            Telemetry::Seen { node, probe, at } => self.state.saw(node, probe, *at),
            Telemetry::Linking { node, what, .. } => eprintln!("{node} link: {what}"),
            Telemetry::Dropped { count } => eprintln!("warning: {count} lines were not shown"),
            Telemetry::Output { .. }
            | Telemetry::Printed { .. }
            | Telemetry::Heartbeat { .. }
            | Telemetry::Tick { .. } => {}
        }
    }

    /// The loop waits, and has heard everything that was said: look what is open now.
    fn consult(&mut self) {
        let commanded = std::mem::take(&mut self.commanded);
        if commanded && self.state.seq == self.said_at {
            self.put("REFUSED that changes nothing now\n", || {
                serde_json::json!({ "event": "command-refused", "why": "that changes nothing now" })
            });
        }
        let open = hold::holds(&self.state);
        if let Some(asking) = self.asking.take() {
            let same = |hold: &&Hold| hold.id == asking.hold.id && hold.kind == asking.hold.kind;
            // A command or an answer, such as taking a branch, may have put something in front of what was asked.
            // The gate of a branch may ask a while after the command, when its facts were read again: it alone comes before
            // what is wrong.
            let first_is = |kind| open.first().is_some_and(|first| first.kind == kind);
            let detour = asking.hold.kind == HoldKind::Failure && first_is(HoldKind::Gate);
            let overtaken = (commanded || asking.answered || detour)
                && self.refusal.is_none()
                && open.first().is_some_and(|first| !same(&first));
            match open.iter().find(same) {
                Some(_) if overtaken => {}
                Some(hold) if *hold == asking.hold => return self.ask_on(asking),
                Some(hold) => return self.ask(hold.clone()),
                None if asking.answered => {}
                None => self.release(&asking.hold),
            }
        }
        if let Some(first) = open.into_iter().next() {
            self.ask(first);
        }
    }

    /// The same hold point is still open. An answer to it was refused, or taken and did not settle it.
    fn ask_on(&mut self, mut asking: Asking) {
        if !asking.answered {
            self.asking = Some(asking);
            return;
        }
        let nothing =
            (self.state.seq == self.said_at).then(|| "that changes nothing now".to_string());
        match self.refusal.take().or(nothing) {
            Some(why) => {
                self.refuse(&asking.hold, &why);
                asking.answered = false;
                self.asking = Some(asking);
            }
            None => self.ask(asking.hold),
        }
    }

    fn ask(&mut self, hold: Hold) {
        self.refusal = None;
        if self.interactive {
            // What was typed before it was asked for cannot be its answer.
            self.typed.clear();
        }
        let state = &self.state;
        self.put(&holds::text(&hold), || holds::to_json(state, &hold));
        let secret = hold.expect == hold::Expect::Secret;
        self.asking = Some(Asking {
            hold,
            answered: false,
            quiet: secret.then(NoEcho::on_terminal),
        });
    }

    fn refuse(&self, hold: &Hold, why: &str) {
        self.put(&holds::refused(hold, why), || {
            holds::refused_json(&self.state, hold, why)
        });
    }

    fn release(&self, hold: &Hold) {
        let (seq, at) = (self.state.seq, self.state.at);
        self.put(&holds::released(&hold.id), || {
            holds::released_json(seq, at, &hold.id)
        });
    }

    /// Puts text, or the JSON that stands for it, where it belongs. If nobody reads it any more, nobody can answer either.
    fn put(&self, text: &str, value: impl FnOnce() -> serde_json::Value) {
        let owned;
        let bytes = if self.json {
            owned = json::one_line(value()) + "\n";
            owned.as_bytes()
        } else {
            text.as_bytes()
        };
        let put = match self.words {
            Words::Out => {
                let mut out = io::stdout().lock();
                out.write_all(bytes).and_then(|()| out.flush())
            }
            Words::Err => io::stderr().lock().write_all(bytes),
        };
        if put.is_err() {
            let why = "what was written is no longer read".into();
            // A loop that is over already needs no telling.
            let _ = self.operators.send(FromOperator::Detach { why });
        }
    }

    fn send(&mut self, message: FromOperator) {
        self.sent += 1;
        self.said_at = self.state.seq;
        // A loop that is over takes nothing; its end is on its way to us.
        let _ = self.operators.send(message);
    }
}

/// Most things that wait to be shown. Beyond that they stay with the loop, which drops telemetry and counts it.
const BACKLOG: usize = 64;

/// Brings the notices of the loop and the lines of standard input into one order.
fn gather(feed: Feed) -> Receiver<Item> {
    let (sender, items) = mpsc::sync_channel(BACKLOG);
    let typed = sender.clone();
    stdin::read_lines(move |line| typed.send(Item::Line(line)).is_ok());
    std::thread::spawn(move || {
        while let Some(notice) = feed.next() {
            if sender.send(Item::Notice(notice)).is_err() {
                return;
            }
        }
        // Whoever listened may be gone; then there is nobody to tell.
        let _ = sender.send(Item::Over);
    });
    items
}
