//! The moments that goldens and pictures show.

use holdpoint::engine::brief::Mode;
use holdpoint::engine::hold::HoldKind;
use holdpoint::model::cluster::Cluster;
use holdpoint::model::drill::{Effect, Fault, JobFault, KeyFault};
use holdpoint::model::ids::CheckId;
use holdpoint::model::procedure::Procedure;
use holdpoint::model::telemetry::Stream;
use holdpoint::model::time::Span;
use holdpoint::ui::{
    KnownCluster, KnownProcedure, Look, UnfinishedRun, Welcome, WelcomeScreen, signs,
};
use ratatui::crossterm::event::KeyCode;

use super::theatre::{Theatre, relay, secure_transport, theme};

/// What a scene plays with: a product, the node and the step that are in trouble.
pub struct Play {
    given: fn() -> (Procedure, Cluster),
    node: &'static str,
    action: &'static str,
    /// How long the step has run when the curtain opens, in seconds.
    runs: u64,
    lines: &'static [(u64, Stream, &'static str)],
    /// The first letters of the gate's phrase.
    typed: &'static str,
}

/// The made-up product: small, and as stable as the format itself.
pub const RELAY: Play = Play {
    given: relay,
    node: "r2",
    action: "upgrade/install@r2",
    runs: 72,
    lines: &[
        (3, Stream::Out, "verifying package signature ... ok"),
        (21, Stream::Out, "migrating store 118 -> 131"),
        (44, Stream::Err, "WARN table audit_log is large (41M rows)"),
        (70, Stream::Out, "  121 audit_log_partition   38%"),
    ],
    typed: "upgrade r2 of",
};

/// The product of the pictures.
pub const SECURE_TRANSPORT: Play = Play {
    given: secure_transport,
    node: "st2",
    action: "upgrade/update@st2",
    runs: 252,
    lines: &[
        (4, Stream::Out, "Installation path: /opt/axway"),
        (9, Stream::Out, "Checking disk space ... 41 GB free in /tmp"),
        (31, Stream::Out, "Unpacking UpgradeStep2.jar"),
        (74, Stream::Out, "Backing up configuration"),
        (122, Stream::Out, "Upgrading database schema, 118 -> 131"),
        (
            171,
            Stream::Out,
            "  119 add_transfer_index            ok   1.2s",
        ),
        (204, Stream::Err, "WARN table audit_log is large (41M rows)"),
        (239, Stream::Out, "  121 audit_log_partition           38%"),
    ],
    typed: "upgrade st2 of",
};

impl Play {
    fn open(&self, mode: Mode) -> Theatre {
        Theatre::new((self.given)(), mode).open()
    }

    fn at_gate(&self, mode: Mode) -> Theatre {
        let mut theatre = self.open(mode);
        theatre.walk_to(HoldKind::Gate, self.action);
        theatre
    }

    /// One node shows a key that nobody has seen before.
    pub fn connect(&self) -> Theatre {
        let mut theatre = self.open(Mode::Run);
        theatre
            .run
            .inflict(self.node, Fault::HostKey(KeyFault::Unknown));
        theatre.settle();
        theatre.run_for(Span::seconds(60));
        theatre
    }

    /// The checks, of which one stands in the way.
    pub fn readiness(&self) -> Theatre {
        let mut theatre = self.open(Mode::Run);
        let check = CheckId::new("disk");
        theatre.run.inflict(self.node, Fault::CheckFails { check });
        theatre.settle();
        theatre.run_for(Span::seconds(20));
        theatre
    }

    /// The plan waits for approval; a step that changes something is selected.
    pub fn plan(&self) -> Theatre {
        let mut theatre = self.open(Mode::Run);
        theatre.walk_to(HoldKind::Gate, "plan");
        let index = |stage: &holdpoint::engine::state::StageState| {
            stage
                .stage
                .actions
                .iter()
                .any(|action| action.id.as_str() == self.action)
        };
        let at = theatre
            .app
            .run
            .stages
            .iter()
            .position(index)
            .expect("the step is planned");
        (0..at).for_each(|_| theatre.press(KeyCode::Down));
        theatre
    }

    /// The step is under way on its node.
    pub fn execute(&self, mode: Mode) -> Theatre {
        let mut theatre = self.at_gate(mode);
        theatre.answer();
        theatre.run_for(Span::seconds(self.runs));
        for (after, stream, text) in self.lines {
            theatre.prints(self.action, *stream, *after, text);
        }
        theatre
    }

    /// A gate with the first half of its phrase typed.
    pub fn gate(&self, mode: Mode) -> Theatre {
        let mut theatre = self.at_gate(mode);
        theatre.press(KeyCode::Char('o'));
        theatre.type_in(self.typed);
        theatre
    }

    /// The step has ended badly and did nothing.
    pub fn failed(&self, mode: Mode) -> Theatre {
        self.ended(
            mode,
            Fault::Job(JobFault::Ends {
                code: 3,
                effect: Effect::Nothing,
            }),
        )
    }

    /// The step has claimed success and did nothing.
    pub fn lied(&self) -> Theatre {
        self.ended(
            Mode::Run,
            Fault::Job(JobFault::Ends {
                code: 0,
                effect: Effect::Nothing,
            }),
        )
    }

    fn ended(&self, mode: Mode, fault: Fault) -> Theatre {
        let mut theatre = self.at_gate(mode);
        theatre.run.inflict(self.node, fault);
        theatre.answer();
        theatre.settle();
        theatre.prints(
            self.action,
            Stream::Out,
            60,
            "  121 audit_log_partition           38%",
        );
        theatre.prints(
            self.action,
            Stream::Err,
            63,
            "ERROR 1114: audit_log_partition: no space left on device",
        );
        theatre.prints(
            self.action,
            Stream::Out,
            64,
            "rolling back migration 121 ... ok",
        );
        theatre
    }

    /// The failure, opened.
    pub fn failure(&self, mode: Mode) -> Theatre {
        let mut theatre = self.failed(mode);
        theatre.press(KeyCode::Char('o'));
        theatre
    }

    /// The node's power failed while the step ran: its end was not seen.
    pub fn power_cut(&self) -> Theatre {
        let mut theatre = self.execute(Mode::Run);
        let lasts = Span::seconds(90);
        theatre.run.inflict(
            self.node,
            Fault::PowerCut {
                lasts,
                effect: Effect::Nothing,
            },
        );
        theatre.run_for(Span::seconds(30));
        theatre
    }

    pub fn report(&self) -> Theatre {
        let mut theatre = self.open(Mode::Run);
        theatre.finish();
        theatre
    }
}

/// The first screen, with a run that was left and two clusters.
pub fn welcome(theme_name: &str) -> WelcomeScreen {
    let look = Look {
        theme: theme(theme_name),
        signs: &signs::UNICODE,
    };
    let cluster = |name: &str, nodes, last: &str| KnownCluster {
        name: name.into(),
        file: format!("{name}.toml"),
        nodes,
        product: "Axway SecureTransport".into(),
        last: last.into(),
    };
    let items = Welcome {
        unfinished: vec![UnfinishedRun {
            run: "7k2m".into(),
            cluster: "st-prod".into(),
            procedure: "securetransport/standard-cluster".into(),
            versions: "5.4 \u{2192} 5.5-20240627".into(),
            stopped: "stopped 21:35Z at step 13/33".into(),
            doubts: vec!["in doubt: upgrade step 2 on st2 (was sent, end not seen)".into()],
            rehearsal: false,
        }],
        clusters: vec![
            cluster("st-prod", 3, "unfinished (above)"),
            cluster("st-stage", 3, "2026-03-07 upgraded"),
        ],
        procedures: vec![KnownProcedure {
            id: "securetransport/standard-cluster".into(),
            title: "SecureTransport Standard Cluster, in place (option 1)".into(),
            product: "Axway SecureTransport".into(),
            steps: 33,
        }],
    };
    WelcomeScreen::new(look, items)
}
