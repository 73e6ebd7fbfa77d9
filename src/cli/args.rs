//! What may be typed.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use crate::driver::Speed;

const EXAMPLES: &str = "\
Examples:
  holdpoint rehearse                            try it: a simulated cluster, no network, nothing changed
  holdpoint init PROCEDURE > cluster.toml       write a cluster file, then edit it
  holdpoint check cluster.toml                  connect, look, run the checks; read-only
  holdpoint plan cluster.toml                   the plan as text, for the change board
  holdpoint dry-run cluster.toml                the whole walk; changes are shown, never sent
  holdpoint run cluster.toml                    for real
  holdpoint resume                              go on where the last run was left

Exit codes: 0 finished, 1 internal error, 2 bad usage or bad file, 3 checks block, 4 stopped by a person,
5 held on a failure, 6 node unreachable or login refused, 7 locked by another run, 8 an action is in doubt,
9 the plan no longer fits, 10 needs a human, 129/130/143 ended by a signal.";

/// Walks an operator through upgrading a clustered product over SSH, one hold point at a time.
#[derive(Debug, Parser)]
#[command(name = "holdpoint", version, before_help = EXAMPLES, max_term_width = 110)]
pub struct Args {
    #[command(flatten)]
    pub globals: Globals,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What every command takes.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Globals {
    /// Line mode on stdin and stdout; chosen by itself where there is no terminal
    #[arg(long, global = true, conflicts_with = "json")]
    pub plain: bool,
    /// Every event as one JSON line; hold points are answered on stdin as in line mode
    #[arg(long, global = true)]
    pub json: bool,
    /// Where runs are kept (default: the XDG state directory)
    #[arg(long, global = true, value_name = "DIR", env = "HOLDPOINT_STATE_DIR")]
    pub state_dir: Option<PathBuf>,
    /// Theme of the screens: a name, or the path of a theme file
    #[arg(long, global = true, value_name = "NAME", env = "HOLDPOINT_THEME")]
    pub theme: Option<String>,
    /// Only ASCII signs on the screens
    #[arg(long, global = true)]
    pub ascii: bool,
    /// Colours on the screens
    #[arg(long, global = true, value_name = "WHEN")]
    pub color: Option<Color>,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Walk an upgrade on a simulated cluster: no network, nothing changed
    Rehearse(Rehearse),
    /// Connect, look and run the checks; read-only
    Check(ClusterFile),
    /// Print the verified plan as text; read-only
    Plan(ClusterFile),
    /// Walk the whole upgrade on the real nodes; changes are shown, never sent
    DryRun(ClusterFile),
    /// Upgrade for real
    Run(ClusterFile),
    /// Continue an interrupted run
    Resume(Resume),
    /// List the runs
    Runs,
    /// Print the report of a run
    Report(Report),
    /// Check that the journal of a run was not altered
    Verify(Run),
    /// The built-in procedures; checks one of your own
    Procedures(Procedures),
    /// Say how a host, or the nodes of a cluster file, would be reached, and where that is said
    SshConfig(SshConfig),
    /// Print a commented cluster file
    Init(Init),
}

#[derive(Debug, clap::Args)]
pub struct Rehearse {
    /// A procedure of the catalogue, a procedure file or a cluster file
    #[arg(value_name = "PROCEDURE|FILE")]
    pub what: Option<String>,
    /// How many nodes to simulate; a cluster file brings its own
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub nodes: Option<u32>,
    /// Virtual seconds per second, or `max`
    #[arg(long, value_name = "X")]
    pub speed: Option<Speed>,
    /// The same seed and the same answers give the same transcript
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Disturbs the rehearsal: a drill's name or a drill file
    #[arg(long, value_name = "NAME|FILE")]
    pub drill: Option<String>,
}

impl Rehearse {
    /// A rehearsal of this, everything else as usual.
    pub fn of(what: String) -> Rehearse {
        Rehearse {
            what: Some(what),
            nodes: None,
            speed: None,
            seed: 1,
            drill: None,
        }
    }
}

#[derive(Debug, clap::Args)]
pub struct ClusterFile {
    /// The cluster file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

#[derive(Debug, clap::Args)]
pub struct Resume {
    /// The run; without it the latest that is not finished
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
    /// Why to go on although a file has changed since; printed in the report
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Virtual seconds per second of a rehearsal, or `max`
    #[arg(long, value_name = "X")]
    pub speed: Option<Speed>,
}

impl Resume {
    /// The resumption of this run, everything else as usual.
    pub fn of(run: String) -> Resume {
        Resume {
            run: Some(run),
            reason: None,
            speed: None,
        }
    }
}

#[derive(Debug, clap::Args)]
pub struct Run {
    /// The run, as `holdpoint runs` names it
    #[arg(value_name = "RUN")]
    pub run: String,
}

#[derive(Debug, clap::Args)]
pub struct Report {
    /// The run, as `holdpoint runs` names it
    #[arg(value_name = "RUN")]
    pub run: String,
    /// The form of the report
    #[arg(long, value_name = "FORM", default_value = "markdown")]
    pub format: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    #[value(alias = "md")]
    Markdown,
    Html,
    Json,
}

#[derive(Debug, clap::Args)]
pub struct Procedures {
    #[command(subcommand)]
    pub command: Option<OfProcedures>,
}

#[derive(Debug, Subcommand)]
pub enum OfProcedures {
    /// List the built-in procedures
    List,
    /// Say what a procedure does, needs and asks
    Show {
        /// Its id, or a file
        #[arg(value_name = "ID|FILE")]
        id: String,
    },
    /// Print the file of a built-in procedure
    Export {
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Print how to write a procedure of your own
    Guide,
    /// Check a procedure file
    Lint {
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
pub struct SshConfig {
    /// A host as a cluster file would name it, or a cluster file
    #[arg(value_name = "HOST|FILE", required_unless_present = "guide")]
    pub what: Option<String>,
    /// Read this ssh configuration only, as `ssh -F` does; `none` reads no file
    #[arg(short = 'F', long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print how nodes are reached: ssh_config, host keys, logins, jobs, limits, tested servers
    #[arg(long, conflicts_with_all = ["what", "config"])]
    pub guide: bool,
}

#[derive(Debug, clap::Args)]
pub struct Init {
    /// The procedure that the cluster file is for
    #[arg(value_name = "PROCEDURE")]
    pub procedure: Option<String>,
}
