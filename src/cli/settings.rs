//! Settings: flag over environment over file over default.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use serde::Deserialize;

use super::args::{Color, Globals};
use super::exit::CliError;
use crate::driver::Speed;

/// How a run is shown and answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// The full-screen wizard.
    Screens,
    /// Line mode.
    Plain,
    /// Line mode with every event as JSON.
    Json,
}

/// What holds for this invocation.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub face: Face,
    /// Standard input is a terminal, so somebody types.
    pub interactive: bool,
    pub state_dir: Option<PathBuf>,
    pub theme: String,
    pub ascii: bool,
    pub color: Color,
    /// Speed of rehearsals on the screens.
    pub speed: Speed,
}

/// `config.toml`. A key that is not known is an error.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    pub state_dir: Option<PathBuf>,
    pub theme: Option<String>,
    pub ascii: Option<bool>,
    pub color: Option<Color>,
    pub plain: Option<bool>,
    pub speed: Option<String>,
}

/// What is known of the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    pub stdin: bool,
    pub stdout: bool,
    /// `TERM` is `dumb`, or a screen reader asked for lines by `ACCESSIBLE`.
    pub lines_only: bool,
}

/// Virtual seconds per second of a rehearsal that somebody watches.
const WATCHED: Speed = Speed::Times(60.0);

impl Settings {
    /// Reads the configuration and the environment.
    ///
    /// # Errors
    /// [`CliError`] with file, line and column of what is wrong.
    pub fn gather(globals: &Globals) -> Result<Settings, CliError> {
        let file = match config_path() {
            Some(path) => read(&path)?,
            None => ConfigFile::default(),
        };
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let terminal = Terminal {
            stdin: std::io::stdin().is_terminal(),
            stdout: std::io::stdout().is_terminal(),
            lines_only: std::env::var_os("TERM").is_some_and(|term| term == "dumb")
                || set("ACCESSIBLE"),
        };
        fold(globals, &file, terminal)
    }
}

/// The fold itself: pure. Flags already hold what the environment says (`HOLDPOINT_STATE_DIR`, `HOLDPOINT_THEME`).
///
/// # Errors
/// A value of the file that cannot be used.
pub fn fold(flags: &Globals, file: &ConfigFile, terminal: Terminal) -> Result<Settings, CliError> {
    let wants_lines = flags.plain || file.plain.unwrap_or(false) || terminal.lines_only;
    let screens = terminal.stdin && terminal.stdout && !wants_lines;
    let speed = match &file.speed {
        Some(text) => text
            .parse()
            .map_err(|why: String| CliError::usage(format!("use `speed` of config.toml: {why}")))?,
        None => WATCHED,
    };
    Ok(Settings {
        face: match (flags.json, screens) {
            (true, _) => Face::Json,
            (false, true) => Face::Screens,
            (false, false) => Face::Plain,
        },
        interactive: terminal.stdin,
        state_dir: flags.state_dir.clone().or_else(|| file.state_dir.clone()),
        theme: flags
            .theme
            .clone()
            .or_else(|| file.theme.clone())
            .unwrap_or_else(|| "dusk".into()),
        ascii: flags.ascii || file.ascii.unwrap_or(false),
        color: flags.color.or(file.color).unwrap_or_default(),
        speed,
    })
}

fn config_path() -> Option<PathBuf> {
    config_folder().map(|folder| folder.join("config.toml"))
}

/// Where the operator's configuration and themes are.
pub fn config_folder() -> Option<PathBuf> {
    let base = etcetera::base_strategy::Xdg::new().ok()?;
    Some(base.config_dir().join("holdpoint"))
}

fn read(path: &Path) -> Result<ConfigFile, CliError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if is_absent(&error) => return Ok(ConfigFile::default()),
        Err(error) => {
            return Err(CliError::usage(format!("read {}: {error}", path.display()))
                .hint("make it readable for you, or move it away"));
        }
    };
    toml::from_str(&text).map_err(|error| {
        CliError::usage(format!(
            "use {}: {}",
            path.display(),
            error.to_string().trim_end()
        ))
        .hint("known keys: state_dir, theme, ascii, color, plain, speed")
    })
}

fn is_absent(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMINAL: Terminal = Terminal {
        stdin: true,
        stdout: true,
        lines_only: false,
    };

    fn check(flags: Globals, file: &str, terminal: Terminal) -> Settings {
        let file = toml::from_str(file).expect("a good file");
        fold(&flags, &file, terminal).expect("good settings")
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let flags = Globals {
            theme: Some("paper".into()),
            ..Globals::default()
        };
        let file = "theme = 'mono'\ncolor = 'never'\nspeed = 'max'";
        let settings = check(flags, file, TERMINAL);
        assert_eq!(settings.theme, "paper");
        assert_eq!(settings.color, Color::Never);
        assert_eq!(settings.speed, Speed::Max);
        assert_eq!(settings.face, Face::Screens);
        assert_eq!(check(Globals::default(), "", TERMINAL).theme, "dusk");
    }

    #[test]
    fn lines_are_chosen_where_there_is_no_screen() {
        let pipe = Terminal {
            stdin: false,
            ..TERMINAL
        };
        let dumb = Terminal {
            lines_only: true,
            ..TERMINAL
        };
        for terminal in [pipe, dumb] {
            assert_eq!(check(Globals::default(), "", terminal).face, Face::Plain);
        }
        let json = Globals {
            json: true,
            ..Globals::default()
        };
        assert_eq!(check(json, "plain = true", TERMINAL).face, Face::Json);
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        assert!(toml::from_str::<ConfigFile>("colour = 'never'").is_err());
    }
}
