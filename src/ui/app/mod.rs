//! What the wizard knows and how it answers: the run, folded from the same entries as everywhere, and how the operator
//! looks at it. Nothing here judges and nothing reads a clock.

mod act;
mod at_hand;
pub mod field;
mod keys;
pub mod logbook;
pub mod modal;
mod moves;
pub(crate) mod pane;
mod prepare;
pub mod programs;
mod strokes;
mod typing;
pub mod view;
mod walk;

pub(crate) use act::is_trouble;
pub(crate) use moves::step;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ratatui::layout::Rect;

use self::logbook::LogBook;
use self::modal::{HoldKey, Kind, Modal};
use self::pane::Pane;
use self::programs::Programs;
use self::view::Views;
use super::keymap::{Context, Moment};
use super::session::{Intent, Leave, Options, Speed};
use super::theme::Theme;
use super::{Look, screen};
use crate::engine::brief::{Brief, Mode};
use crate::engine::event::Event;
use crate::engine::hold::{self, Expect, Hold, HoldKind};
use crate::engine::state::{Part, RunState};
use crate::engine::update::Update;
use crate::model::ids::NodeId;
use crate::model::telemetry::Telemetry;
use crate::model::time::Stamp;

/// The wizard of one run.
pub struct App {
    pub run: RunState,
    pub look: Look,
    /// The moment of the run, as it was told last.
    pub now: Stamp,
    /// Everything that waits for a human, the one to answer first first.
    pub holds: Vec<Hold>,
    /// Dialogs, the one on top last.
    pub modals: Vec<Modal>,
    pub views: Views,
    pub log: LogBook,
    /// Where connection attempts stand.
    pub linking: BTreeMap<NodeId, String>,
    /// What programs that read something printed, and the one that is looked at.
    pub programs: Programs,
    pub pane: Option<Pane>,
    /// One line that the next key removes, or time, or what begins to wait.
    pub toast: Option<String>,
    pub speed: Speed,
    pub files: Vec<(String, String)>,
    /// Room on the screen, as it was told last.
    pub size: Rect,
    /// The operator leaves when nothing runs any more.
    pub leaves_at_rest: bool,
    /// The other side has ended.
    pub over: bool,
    themes: Vec<Theme>,
    theme: usize,
    told: BTreeSet<HoldKey>,
    /// The speed to go back to when the rehearsal has run to its next hold point.
    sprint: Option<Speed>,
    /// The speed to go back to when a held rehearsal is released.
    held: Option<Speed>,
}

/// What the wizard asks of its surroundings.
#[derive(Debug)]
pub enum Ask {
    Intent(Intent),
    /// Something new waits for the operator.
    Bell,
    /// A dialog opens: what was typed before is thrown away.
    DropTypedAhead,
    Redraw,
    Suspend,
    SaveScreen,
    Exit(Leave),
}

/// The screens of a run, in the order of the walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    Connect,
    Readiness,
    Plan,
    Execute,
    Report,
}

impl Screen {
    pub const ALL: [Screen; 5] = [
        Screen::Connect,
        Screen::Readiness,
        Screen::Plan,
        Screen::Execute,
        Screen::Report,
    ];

    /// Its name in the phase strip.
    pub fn name(self) -> &'static str {
        match self {
            Screen::Connect => "Connect",
            Screen::Readiness => "Checks",
            Screen::Plan => "Plan",
            Screen::Execute => "Execute",
            Screen::Report => "Report",
        }
    }
}

impl App {
    /// A wizard that knows nothing yet but the givens.
    pub fn new(brief: Arc<Brief>, options: Options) -> App {
        let theme = options.themes.first().cloned();
        let theme = theme.unwrap_or_else(|| {
            super::theme::Themes::default()
                .get("mono", super::theme::Depth::None)
                .0
        });
        App {
            run: RunState::new(brief),
            look: Look {
                theme,
                signs: options.signs,
            },
            now: Stamp::default(),
            holds: Vec::new(),
            modals: Vec::new(),
            views: Views::default(),
            log: LogBook::default(),
            linking: BTreeMap::new(),
            programs: Programs::default(),
            pane: None,
            toast: None,
            speed: options.speed,
            files: options.files,
            size: Rect::new(0, 0, 80, 24),
            leaves_at_rest: false,
            over: false,
            themes: options.themes,
            theme: 0,
            told: BTreeSet::new(),
            sprint: None,
            held: None,
        }
    }

    /// Takes in what the run tells. Call [`App::settle`] when a batch of updates is in.
    pub fn take(&mut self, update: &Update) {
        match update {
            Update::Entry(entry) => {
                self.run.apply(entry);
                self.now = self.now.max(entry.at);
                self.log.event(&self.run, &entry.event, entry.at);
                if let Event::GateRefused { why, .. } = &entry.event {
                    self.refused(why);
                }
            }
            Update::Telemetry(telemetry) => self.passing(telemetry),
        }
    }

    /// What follows from the updates taken in: what waits, which dialogs are about nothing any more, whom to wake.
    pub fn settle(&mut self) -> Vec<Ask> {
        let mut asks = Vec::new();
        self.holds = hold::holds(&self.run);
        let open: BTreeSet<HoldKey> = self.holds.iter().map(HoldKey::of).collect();
        if open.iter().any(|key| !self.told.contains(key)) {
            asks.push(Ask::Bell);
            asks.extend(self.end_sprint());
        }
        // A remark never covers what begins to wait.
        let first = self.holds.first().map(HoldKey::of);
        if first.is_some_and(|key| !self.told.contains(&key)) {
            self.toast = None;
        }
        self.told = open;
        self.close_settled();
        self.settle_pane();
        if self.leaves_at_rest && !self.is_working() && self.run.left.is_none() {
            self.leaves_at_rest = false;
            asks.push(Ask::Intent(Intent::Says(crate::engine::input::Says::Leave)));
        }
        asks
    }

    /// One line that changes nothing and should be known.
    pub fn remark(&mut self, text: &str) {
        self.log.remark(self.now, text);
        self.say(text);
    }

    /// Shows one line until the next key.
    pub fn say(&mut self, text: impl Into<String>) {
        self.toast = Some(text.into());
    }

    /// The screen that belongs to where the run is.
    pub fn screen(&self) -> Screen {
        if self.run.ending.is_some() || self.run.left.is_some() {
            return Screen::Report;
        }
        match self.run.part {
            Part::Opening | Part::Connect => Screen::Connect,
            Part::Readiness => Screen::Readiness,
            Part::Review => Screen::Plan,
            Part::Execute => Screen::Execute,
            Part::Ended => Screen::Report,
        }
    }

    /// Which keys work now.
    pub fn context(&self) -> Context {
        let Some(modal) = self.modals.last() else {
            return self.screen_context();
        };
        match (modal.context(), modal.hold()) {
            // What is no step's has no log and no command to show.
            (Context::Failure, Some(key)) if !self.run.actions.contains_key(key.id.as_str()) => {
                Context::Hold
            }
            (context, _) => context,
        }
    }

    /// Which keys work on the screen below all dialogs.
    pub fn screen_context(&self) -> Context {
        match self.screen() {
            Screen::Connect => Context::Connect,
            Screen::Readiness => Context::Readiness,
            Screen::Plan => Context::Plan,
            Screen::Execute => Context::Execute,
            Screen::Report => Context::Report,
        }
    }

    /// What key table and footer must know.
    pub fn moment(&self) -> Moment {
        Moment {
            rehearsal: self.is_rehearsal(),
            working: self.is_working(),
            waiting: !self.holds.is_empty(),
            program: self.has_program(),
            panes: screen::panes(self.screen()),
        }
    }

    pub fn is_rehearsal(&self) -> bool {
        self.run.brief.mode == Mode::Rehearse
    }

    /// Whether something of ours is under way on some node.
    pub fn is_working(&self) -> bool {
        self.run
            .active
            .iter()
            .filter_map(|id| self.run.actions.get(id))
            .any(hold::is_under_way)
    }

    /// The wall clock at the run's beginning, milliseconds since the Unix epoch.
    pub fn wall(&self) -> Option<i64> {
        self.run.opening.as_ref().map(|opening| opening.wall)
    }

    /// The wall clock at a moment of the run.
    pub fn wall_at(&self, at: Stamp) -> Option<i64> {
        Some(self.wall()?.saturating_add_unsigned(at.0))
    }

    /// The open hold point of this key.
    pub fn hold(&self, key: &HoldKey) -> Option<&Hold> {
        self.holds.iter().find(|hold| HoldKey::of(hold) == *key)
    }

    /// The window title: what it is, where, and what waits.
    pub fn title(&self) -> String {
        let cluster = &self.run.brief.cluster;
        let mode = match self.run.brief.mode {
            Mode::Rehearse => "REHEARSAL",
            Mode::DryRun => "DRY RUN",
            Mode::Run => screen::place_word(cluster.place),
        };
        let waits = if self.holds.is_empty() { "" } else { "! " };
        format!("{waits}[{mode}] {} - holdpoint", cluster.name)
    }

    fn passing(&mut self, telemetry: &Telemetry) {
        match telemetry {
            Telemetry::Output { at, .. } => {
                self.now = self.now.max(*at);
                self.log.output(&self.run, telemetry);
            }
            Telemetry::Printed { at, .. } => {
                self.now = self.now.max(*at);
                let news = self.programs.hear(telemetry);
                if let (Some((action, attempt, new, gap)), Some(pane)) = (news, &mut self.pane)
                    && (&action, attempt) == (&pane.action, pane.attempt)
                {
                    pane.screen.feed(&new);
                    pane.screen.gap |= gap;
                }
            }
            Telemetry::Seen { node, probe, at } => {
                self.now = self.now.max(*at);
                self.run.saw(node, probe, *at);
            }
            Telemetry::Heartbeat { at } => {
                self.now = self.now.max(*at);
                self.run.sight.heartbeat = Some(*at);
            }
            Telemetry::Linking { node, what, at } => {
                self.now = self.now.max(*at);
                self.linking.insert(node.clone(), what.clone());
            }
            Telemetry::Tick { at } => self.now = self.now.max(*at),
            Telemetry::Dropped { count } => {
                let lines = format!("{count} lines were left out here; the transcript has them");
                self.log.remark(self.now, &lines);
            }
        }
    }

    /// Dialogs whose hold point is gone are closed; the field of a gate that has changed is emptied.
    fn close_settled(&mut self) {
        let asking = self.run.gate.as_ref();
        let gate_is = |id: &str| {
            asking.is_some_and(|gate| gate.gate.as_str() == id)
                || self
                    .holds
                    .iter()
                    .any(|hold| hold.kind == HoldKind::Gate && hold.id == id)
        };
        let open = |modal: &Modal| match (&modal.kind, modal.hold()) {
            (Kind::Gate { id }, _) => gate_is(id),
            // A key that was unknown and one that has changed are asked about in different words.
            (Kind::HostKey { .. }, Some(key)) => self.holds.iter().any(|hold| {
                HoldKey::of(hold) == key && matches!(hold.expect, Expect::Fingerprint(_))
            }),
            (_, Some(key)) => self.holds.iter().any(|hold| HoldKey::of(hold) == key),
            (_, None) => true,
        };
        let keep: Vec<bool> = self.modals.iter().map(open).collect();
        let mut keep = keep.into_iter();
        self.modals.retain(|_| keep.next().unwrap_or(true));
        let bound = self
            .run
            .gate
            .as_ref()
            .and_then(|gate| gate.asking.as_ref())
            .map(|asking| asking.bound);
        for modal in &mut self.modals {
            if let (Kind::Gate { .. }, Some(bound)) = (&modal.kind, bound)
                && modal.bound != bound
            {
                modal.bound = bound;
                modal.field.clear();
                modal.guard.clear();
                modal.said =
                    Some("What is known has changed; read it again. The field was emptied.".into());
            }
        }
    }

    fn refused(&mut self, why: &str) {
        self.wheel_was_refused();
        match self.modals.last_mut() {
            Some(modal) if modal.types() => {
                modal.field.clear();
                modal.guard.clear();
                modal.said = Some(why.to_string());
            }
            Some(_) | None => self.say(why),
        }
    }

    fn end_sprint(&mut self) -> Option<Ask> {
        let speed = self.sprint.take()?;
        self.speed = speed;
        Some(Ask::Intent(Intent::Speed(speed)))
    }
}

impl HoldKey {
    /// The key of a hold point.
    pub fn of(hold: &Hold) -> HoldKey {
        HoldKey {
            kind: hold.kind,
            id: hold.id.clone(),
        }
    }
}
