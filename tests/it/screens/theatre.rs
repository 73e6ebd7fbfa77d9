//! A run on the pure core with the wizard watching: what a story plays on and what the pictures are taken of.

use std::sync::Arc;

use holdpoint::engine::brief::{Brief, Goal, Mode};
use holdpoint::engine::event::Opening;
use holdpoint::engine::hold::{Hold, HoldKind};
use holdpoint::engine::input::{Input, Says};
use holdpoint::engine::state::RunState;
use holdpoint::engine::update::Update;
use holdpoint::model::cluster::Cluster;
use holdpoint::model::ids::{ActionId, NodeId, RunId};
use holdpoint::model::lines::Lines;
use holdpoint::model::procedure::Procedure;
use holdpoint::model::telemetry::{Stream, Telemetry};
use holdpoint::model::time::{Span, Stamp};
use holdpoint::sim::SimWorld;
use holdpoint::ui::app::{App, Ask};
use holdpoint::ui::theme::{Depth, Themes};
use holdpoint::ui::{Intent, Options, Speed, Theme, picture, screen, signs};
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;

use crate::support::pure::{PureRun, person, procedure};

pub struct Theatre {
    pub run: PureRun,
    pub app: App,
    /// Everything that the wizard asked for and that is not an answer to the run.
    pub asked: Vec<Ask>,
    told: usize,
    /// Time of the last key in milliseconds: a hand types slowly.
    clock: u64,
}

/// The sizes that are drawn by hand in the design.
pub const SIZES: [(u16, u16); 2] = [(80, 24), (120, 36)];

/// Compares one text with the golden of this name.
pub fn golden(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../screens");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// The made-up product of the format's tests.
pub fn relay() -> (Procedure, Cluster) {
    let text = include_str!("../../fixtures/relay.toml");
    let procedure = holdpoint::parse::procedure(text, "relay.toml")
        .expect("the fixture parses")
        .value;
    let text = include_str!("../../fixtures/relay-cluster.toml");
    let cluster = holdpoint::parse::cluster(text, "relay-cluster.toml")
        .expect("the fixture parses")
        .value;
    (procedure, cluster)
}

/// Three servers in production.
pub fn secure_transport() -> (Procedure, Cluster) {
    let text = include_str!("st-prod.toml");
    let cluster = holdpoint::parse::cluster(text, "st-prod.toml")
        .expect("the cluster parses")
        .value;
    (procedure("securetransport/standard-cluster"), cluster)
}

pub fn theme(name: &str) -> Theme {
    let depth = if name == "mono" {
        Depth::None
    } else {
        Depth::TrueColor
    };
    let (theme, complaints) = Themes::default().get(name, depth);
    assert_eq!(complaints, []);
    theme
}

impl Theatre {
    pub fn new(given: (Procedure, Cluster), mode: Mode) -> Theatre {
        Theatre::meant_for(given, mode, Goal::Walk)
    }

    /// A session that goes no further than its goal.
    pub fn meant_for(
        (procedure, cluster): (Procedure, Cluster),
        mode: Mode,
        goal: Goal,
    ) -> Theatre {
        let mut run = PureRun::new("securetransport/standard-cluster", 3, 7);
        run.world = SimWorld::new(Arc::new(procedure.clone()), &cluster, None, 7);
        let brief = Arc::new(Brief::new(procedure, cluster, mode, goal));
        run.state = RunState::new(Arc::clone(&brief));
        run.brief = Arc::clone(&brief);
        let options = Options {
            themes: vec![theme("dusk"), theme("paper")],
            signs: &signs::UNICODE,
            speed: Speed::Times(60.0),
            files: vec![
                (
                    "report".into(),
                    "~/.local/state/holdpoint/runs/7k2m/report.md".into(),
                ),
                (
                    "journal".into(),
                    "~/.local/state/holdpoint/runs/7k2m/journal".into(),
                ),
            ],
            keep: None,
        };
        Theatre {
            app: App::new(brief, options),
            run,
            asked: Vec::new(),
            told: 0,
            clock: 0,
        }
    }

    pub fn open(mut self) -> Theatre {
        let cluster = &self.run.brief.cluster;
        let opening = Opening {
            run: RunId::new("7k2m"),
            mode: self.run.brief.mode,
            goal: self.run.brief.goal,
            program: "holdpoint".into(),
            cluster: cluster.name.clone(),
            procedure: self.run.brief.procedure.id.clone(),
            target: cluster.target.clone(),
            procedure_hash: String::new(),
            cluster_hash: String::new(),
            by: person(),
            wall: cluster.window.map_or(0, |window| window.start),
            seed: None,
        };
        self.run.take(&Input::Open(Box::new(opening)));
        self.watch();
        self
    }

    /// The wizard learns what was told since.
    pub fn watch(&mut self) {
        for entry in &self.run.entries[self.told..] {
            self.app.take(&Update::Entry(Arc::new(entry.clone())));
        }
        self.told = self.run.entries.len();
        let at = self.run.now;
        self.app
            .take(&Update::Telemetry(Telemetry::Heartbeat { at }));
        for (node, probes) in self.run.state.sight.seen.clone() {
            for (probe, at) in probes {
                let node = node.clone();
                self.app
                    .take(&Update::Telemetry(Telemetry::Seen { node, probe, at }));
            }
        }
        self.app.take(&Update::Telemetry(Telemetry::Tick { at }));
        self.asked.extend(self.app.settle());
    }

    pub fn run_for(&mut self, span: Span) {
        self.run.run_for(span);
        self.watch();
    }

    /// Until something waits for a human.
    pub fn settle(&mut self) {
        self.run.settle();
        self.watch();
    }

    /// Answers patiently until a hold point of this kind and id waits.
    pub fn walk_to(&mut self, kind: HoldKind, id: &str) -> Hold {
        let wanted = |hold: &Hold| hold.kind == kind && hold.id == id;
        self.run.walk(|run| run.holds().iter().any(wanted));
        self.watch();
        let hold = self.run.holds().into_iter().find(wanted);
        hold.unwrap_or_else(|| panic!("no {} {id}; holds: {:?}", kind.name(), self.run.holds()))
    }

    /// Answers patiently until the run is over.
    pub fn finish(&mut self) {
        for _ in 0..10_000 {
            self.run.settle();
            if self.run.exit.is_some() {
                return self.watch();
            }
            let hold = self.run.holds().first().cloned().expect("something waits");
            let line = match hold.id.as_str() {
                "finish/keep" => "choose keep".to_string(),
                _ => PureRun::good_answer(&hold),
            };
            self.run.answer(&hold, &line);
        }
        panic!("the run never ends");
    }

    /// Opens the gate that waits, as a patient operator.
    pub fn answer(&mut self) {
        let hold = self.run.holds().first().cloned().expect("something waits");
        let line = PureRun::good_answer(&hold);
        self.run.answer(&hold, &line);
        self.watch();
    }

    /// A line that a script printed a while after its action began.
    pub fn prints(&mut self, action: &str, stream: Stream, after: u64, text: &str) {
        let action = ActionId::new(action);
        let record = &self.run.state.actions[&action];
        let node = record
            .action()
            .node
            .clone()
            .expect("a script runs on a node");
        let at = record.began.expect("it was begun") + Span::seconds(after);
        let output = Telemetry::Output {
            action,
            attempt: 1,
            node,
            stream,
            lines: Lines::one(text),
            at: Stamp(at.0),
        };
        self.app.take(&Update::Telemetry(output));
    }

    pub fn says(&mut self, says: Says) {
        self.run.says(says);
        self.watch();
    }

    /// A key, half a second after the one before; what it asks of the run reaches the run.
    pub fn press(&mut self, code: KeyCode) {
        self.press_with(code, KeyModifiers::NONE);
    }

    pub fn press_with(&mut self, code: KeyCode, held: KeyModifiers) {
        self.clock += 500;
        let asks = self.app.send_typed(self.clock);
        self.follow(asks);
        let asks = self.app.key(KeyEvent::new(code, held), self.clock);
        self.follow(asks);
        let asks = self.app.send_typed(self.clock + 400);
        self.follow(asks);
    }

    pub fn type_in(&mut self, text: &str) {
        text.chars().for_each(|c| self.press(KeyCode::Char(c)));
    }

    /// Keys as a terminal without bracketed paste delivers them.
    pub fn burst(&mut self, text: &str) {
        self.clock += 1000;
        for c in text.chars() {
            let asks = self.app.key(
                KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE),
                self.clock,
            );
            self.follow(asks);
        }
    }

    pub fn paste(&mut self, text: &str) {
        self.clock += 1000;
        let asks = self.app.paste(text, self.clock);
        self.follow(asks);
    }

    fn follow(&mut self, asks: Vec<Ask>) {
        for ask in asks {
            match ask {
                Ask::Intent(Intent::Says(says)) => self.says(says),
                other => self.asked.push(other),
            }
        }
    }

    pub fn size(&mut self, width: u16, height: u16) {
        self.app.size = Rect::new(0, 0, width, height);
    }

    pub fn buffer(&mut self, width: u16, height: u16) -> Buffer {
        self.size(width, height);
        let area = Rect::new(0, 0, width, height);
        let mut buf = Buffer::empty(area);
        screen::draw(&self.app, area, &mut buf);
        buf
    }

    pub fn text(&mut self, width: u16, height: u16) -> String {
        picture::text(&self.buffer(width, height))
    }

    /// Compares the screen with its goldens, at both sizes that are drawn by hand in the design.
    pub fn golden(&mut self, name: &str) {
        for (width, height) in SIZES {
            let text = self.text(width, height);
            golden(&format!("{name}-{width}x{height}"), &text);
        }
    }

    pub fn node(name: &str) -> NodeId {
        NodeId::new(name)
    }
}
