//! The full-screen wizard, joined to the driver: what the one tells goes to the screens, what the operator wants goes back.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::TryRecvError;

use tokio::sync::mpsc::UnboundedSender;

use super::args::Color;
use super::exit::{CliError, Kind};
use super::session::{Sight, person};
use super::settings::{self, Settings};
use crate::driver::{Feed, FromOperator, Notice, Speed};
use crate::engine::event::{Entry, Event};
use crate::engine::update::Update;
use crate::journal::RunDir;
use crate::ui::theme::{Depth, Theme, Themes};
use crate::ui::{self, Intent, Keep, Look, Next, Options, Signs, UiError};

/// Shows a session on the screens until it is over or left. The terminal is given back before this returns.
///
/// # Errors
/// The terminal cannot be used.
pub(super) fn show(settings: &Settings, sight: Sight, dir: Option<RunDir>) -> Result<(), CliError> {
    let Sight {
        brief,
        state: _,
        past,
        speed,
        feed,
        operators,
    } = sight;
    let (themes, signs) = look(settings);
    let to_driver = operators.clone();
    let session = ui::Session {
        brief,
        updates: Box::new(updates(past, feed)),
        intents: Box::new(move |intent| pass_on(&to_driver, intent)),
        options: Options {
            themes,
            signs,
            speed: speed_shown(speed.unwrap_or(settings.speed)),
            files: dir.as_ref().map(files).unwrap_or_default(),
            keep: dir.map(keep),
        },
    };
    let shown = ui::run(session);
    // Whatever the screens ended for, nobody answers any more. A driver that has ended does not hear it.
    let why = match &shown {
        Ok(ui::Leave::TerminalGone) => "the terminal has gone away",
        Ok(ui::Leave::Finished | ui::Leave::Left | ui::Leave::Over) => "the screens were left",
        Err(_) => "the screens broke",
    };
    let _ = operators.send(FromOperator::Detach { why: why.into() });
    shown.map(drop).map_err(trouble)
}

/// The look that the settings ask for: the wanted theme first, then the others that `T` goes through.
pub(super) fn look(settings: &Settings) -> (Vec<Theme>, &'static Signs) {
    let variable = |name: &str| std::env::var(name).ok();
    let flag = match settings.color {
        Color::Auto => None,
        Color::Always => Some(Depth::TrueColor),
        Color::Never => Some(Depth::None),
    };
    let depth = Depth::decide(flag, variable);
    let all = Themes::new(settings::config_folder().map(|folder| folder.join("themes")));
    let (wanted, complaints) = all.get(&settings.theme, depth);
    for complaint in &complaints {
        eprintln!("note: {complaint}");
    }
    let mut themes = vec![wanted];
    let others = all.names();
    let others = others
        .iter()
        .filter(|name| **name != settings.theme && *name != "base");
    themes.extend(others.map(|name| all.get(name, depth).0));
    (themes, Signs::choose(settings.ascii, variable))
}

/// The first theme and the signs, for screens without a session.
pub(super) fn first_look(settings: &Settings) -> Look {
    let (mut themes, signs) = look(settings);
    Look {
        theme: themes.remove(0),
        signs,
    }
}

/// A trouble of the screens as the command line tells it.
pub(super) fn trouble(error: UiError) -> CliError {
    CliError::new(Kind::Internal, anyhow::Error::new(error))
        .hint("the run can be resumed; `--plain` does everything without a screen")
}

/// What was told before, then what is told now.
fn updates(past: Vec<Arc<Entry>>, feed: Feed) -> impl FnMut() -> Next {
    // That an earlier session was left is no news: the screens would leave with it before this one is resumed.
    let news = past
        .into_iter()
        .filter(|entry| !matches!(entry.event, Event::Left { .. }));
    let mut past: VecDeque<Arc<Entry>> = news.collect();
    move || {
        if let Some(entry) = past.pop_front() {
            return Next::Update(Update::Entry(entry));
        }
        loop {
            match feed.try_next() {
                Ok(Notice::Update(update)) => return Next::Update(update),
                Ok(Notice::Refused(text) | Notice::Warning(text)) => return Next::Remark(text),
                Ok(Notice::Settled { .. }) => {}
                Err(TryRecvError::Empty) => return Next::Nothing,
                Err(TryRecvError::Disconnected) => return Next::Over,
            }
        }
    }
}

fn pass_on(operators: &UnboundedSender<FromOperator>, intent: Intent) {
    let by = person();
    let message = match intent {
        Intent::Says(says) => FromOperator::Says { by, says },
        Intent::Secret { node, text } => FromOperator::Secret {
            node,
            by,
            secret: text,
        },
        Intent::Fault(text) => FromOperator::Fault { by, text },
        Intent::Speed(ui::Speed::Times(times)) => FromOperator::Speed(Speed::Times(times)),
        Intent::Speed(ui::Speed::Max) => FromOperator::Speed(Speed::Max),
        Intent::Speed(ui::Speed::Still) => FromOperator::Speed(Speed::Still),
        Intent::Leave => FromOperator::Detach {
            why: "the terminal has gone away".into(),
        },
    };
    // The driver may have ended in this very moment; then the screens are told so next.
    let _ = operators.send(message);
}

fn speed_shown(speed: Speed) -> ui::Speed {
    match speed {
        Speed::Times(times) => ui::Speed::Times(times),
        Speed::Max => ui::Speed::Max,
        Speed::Still => ui::Speed::Still,
    }
}

fn files(dir: &RunDir) -> Vec<(String, String)> {
    let shown = |what: &str, path: PathBuf| (what.to_string(), path.display().to_string());
    vec![
        shown("report", dir.report("md")),
        shown("data", dir.report("json")),
        shown("journal", dir.journal()),
        shown("plan", dir.plan_text()),
    ]
}

fn keep(dir: RunDir) -> Keep {
    Box::new(move |name, contents| {
        let path = dir.path().join(name);
        dir.replace(&path, contents.as_bytes())
            .map_err(|trouble| trouble.to_string())?;
        Ok(path.display().to_string())
    })
}
