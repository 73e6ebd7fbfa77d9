//! Finds theme files (built in, the user's folder, a path), follows parents, resolves every role.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use ratatui::style::{Color, Style};

pub use super::file::Complaint;
use super::file::{Spec, ThemeFile, complaint, read};
use super::{Depth, Mode, Role, Theme};

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/themes");

/// The parent of every theme that names none.
const ROOT: &str = "base";

/// What is shown when the wanted theme cannot be.
pub const DEFAULT: &str = "dusk";

/// Most parents in a row; more is taken for a mistake.
const DEEPEST: usize = 8;

/// Where themes come from: the built-in ones, then the user's folder. Built-in names cannot be replaced.
#[derive(Debug, Clone, Default)]
pub struct Themes {
    folder: Option<PathBuf>,
}

/// A file with its text, kept for complaints that show up after reading.
struct Loaded {
    file: ThemeFile,
    label: String,
    text: String,
}

impl Themes {
    /// Themes built in and, where there is a folder, `*.toml` files in it.
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    /// Names that can be asked for, built-in ones first; `base` is only a parent.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = BUILT_IN
            .files()
            .filter_map(|file| stem(file.path()))
            .filter(|name| name != ROOT)
            .collect();
        names.sort();
        let mut own: Vec<_> = self
            .folder
            .iter()
            .filter_map(|folder| std::fs::read_dir(folder).ok())
            .flatten()
            .filter_map(|entry| stem(&entry.ok()?.path()))
            .filter(|name| !names.contains(name) && name != ROOT)
            .collect();
        own.sort();
        names.extend(own);
        names
    }

    /// The wanted theme for a colour depth. Never fails: what cannot be used is complained about, and the
    /// default theme stands in. Too few colours for a theme give `ansi` or `mono`.
    pub fn get(&self, wanted: &str, depth: Depth) -> (Theme, Vec<Complaint>) {
        let (theme, mut complaints) = match self.chain(wanted) {
            Ok(chain) => self.for_depth(&chain, depth),
            Err(error) => {
                let (theme, _) = self.get_built_in(DEFAULT, depth);
                (theme, vec![error])
            }
        };
        complaints.dedup();
        (theme, complaints)
    }

    /// Everything that is wrong with a theme, or nothing. Stricter than [`Themes::get`] only in that the caller
    /// treats each complaint as an error.
    pub fn check(&self, wanted: &str) -> Vec<Complaint> {
        match self.chain(wanted) {
            Ok(chain) => resolve(&chain, Depth::TrueColor).1,
            Err(error) => vec![error],
        }
    }

    fn for_depth(&self, chain: &[Loaded], depth: Depth) -> (Theme, Vec<Complaint>) {
        let made_for = chain
            .iter()
            .find_map(|loaded| loaded.file.depth)
            .unwrap_or(Depth::TrueColor);
        let stand_in = match depth {
            Depth::None if made_for > Depth::None => Some("mono"),
            Depth::Sixteen if made_for > Depth::Sixteen => Some("ansi"),
            Depth::None | Depth::Sixteen | Depth::TwoFiftySix | Depth::TrueColor => None,
        };
        match stand_in {
            Some(name) => self.get_built_in(name, depth),
            None => resolve(chain, depth),
        }
    }

    fn get_built_in(&self, name: &str, depth: Depth) -> (Theme, Vec<Complaint>) {
        let chain = self
            .chain(name)
            .expect("built-in themes are read by a test");
        self.for_depth(&chain, depth)
    }

    /// The wanted file first, then its parents down to the root.
    fn chain(&self, wanted: &str) -> Result<Vec<Loaded>, Complaint> {
        let mut chain: Vec<Loaded> = Vec::new();
        let mut next = Some(wanted.to_owned());
        while let Some(name) = next {
            let loaded = self.find(&name)?;
            let again = chain.iter().any(|child| child.label == loaded.label);
            if again || chain.len() == DEEPEST {
                let child = chain.last().expect("a repeated file has a child");
                let message = if again {
                    format!("inherits \"{name}\", which inherits this theme: a circle")
                } else {
                    format!("inherits through more than {DEEPEST} files")
                };
                return Err(about_inherits(child, message));
            }
            next = match &loaded.file.inherits {
                Some(parent) => Some(parent.clone()),
                None => (loaded.label != label_of_built_in(ROOT)).then(|| ROOT.to_owned()),
            };
            chain.push(loaded);
        }
        Ok(chain)
    }

    fn find(&self, wanted: &str) -> Result<Loaded, Complaint> {
        let path = Path::new(wanted);
        if wanted.contains('/') || path.extension().is_some_and(|end| end == "toml") {
            return read_path(path);
        }
        if let Some(file) = BUILT_IN.get_file(format!("{wanted}.toml")) {
            let text = file
                .contents_utf8()
                .expect("built-in themes are UTF-8")
                .to_owned();
            return load(label_of_built_in(wanted), text);
        }
        let own = self
            .folder
            .as_ref()
            .map(|folder| folder.join(format!("{wanted}.toml")));
        match own.filter(|path| path.is_file()) {
            Some(path) => read_path(&path),
            None => Err(whole(
                wanted,
                format!(
                    "there is no such theme; known are {}",
                    self.names().join(", ")
                ),
            )),
        }
    }
}

fn read_path(path: &Path) -> Result<Loaded, Complaint> {
    let label = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => load(label, text),
        Err(error) => Err(whole(&label, format!("the theme cannot be read: {error}"))),
    }
}

fn load(label: String, text: String) -> Result<Loaded, Complaint> {
    let file = read(&label, &text)?;
    Ok(Loaded { file, label, text })
}

fn label_of_built_in(name: &str) -> String {
    format!("themes/{name}.toml")
}

fn stem(path: &Path) -> Option<String> {
    path.extension().filter(|end| *end == "toml")?;
    path.file_stem()?.to_str().map(str::to_owned)
}

fn whole(file: &str, message: String) -> Complaint {
    Complaint {
        file: file.to_owned(),
        line: 0,
        column: 0,
        message,
        source: String::new(),
    }
}

fn about_inherits(child: &Loaded, message: String) -> Complaint {
    let at = child.text.find("inherits").unwrap_or(0);
    complaint(&child.label, &child.text, at..at, message)
}

/// Lays the files of a chain over each other and gives every role its style.
fn resolve(chain: &[Loaded], depth: Depth) -> (Theme, Vec<Complaint>) {
    let mut palette = BTreeMap::new();
    let mut specs: BTreeMap<Role, (&Loaded, &Spec)> = BTreeMap::new();
    for loaded in chain.iter().rev() {
        palette.extend(loaded.file.palette.clone());
        specs.extend(
            loaded
                .file
                .styles
                .iter()
                .map(|(role, spec)| (*role, (loaded, spec))),
        );
    }
    let mut complaints: Vec<_> = chain
        .iter()
        .flat_map(|loaded| loaded.file.complaints.clone())
        .collect();
    let mut said: BTreeMap<Role, Style> = BTreeMap::new();
    for (role, (loaded, spec)) in &specs {
        if let Some(style) = said_style(loaded, spec, &palette, &mut complaints) {
            said.insert(*role, depth.reduce(style));
        }
    }
    let own: Vec<_> = Role::ALL
        .iter()
        .map(|role| along_chain(*role, &said))
        .collect();
    let leaf = &chain[0].file;
    let theme = Theme {
        name: leaf.name.clone(),
        mode: chain
            .iter()
            .find_map(|loaded| loaded.file.mode)
            .unwrap_or(Mode::Any),
        base: own[Role::Base as usize],
        own,
    };
    (theme, complaints)
}

/// The style that a file gives, or `None` when none of its palette names is there and the role falls back. The
/// root file may name what a palette lacks; any other file has a mistake then.
fn said_style(
    loaded: &Loaded,
    spec: &Spec,
    palette: &BTreeMap<String, Color>,
    complaints: &mut Vec<Complaint>,
) -> Option<Style> {
    let mut missing = false;
    let mut color = |named: &Option<super::file::Named>| {
        let named = named.as_ref()?;
        let found = palette.get(&named.name).copied();
        if found.is_none() {
            missing = true;
            if loaded.label != label_of_built_in(ROOT) {
                let message = format!(
                    "\"{}\" is not a name in [palette] of this theme or its parents",
                    named.name
                );
                complaints.push(complaint(
                    &loaded.label,
                    &loaded.text,
                    named.place.clone(),
                    message,
                ));
            }
        }
        found
    };
    let (fg, bg) = (color(&spec.fg), color(&spec.bg));
    if missing && fg.is_none() && bg.is_none() {
        return None;
    }
    Some(
        Style {
            fg,
            bg,
            ..Style::new()
        }
        .add_modifier(spec.add),
    )
}

fn along_chain(role: Role, said: &BTreeMap<Role, Style>) -> Style {
    let mut at = role;
    loop {
        match (said.get(&at), at.fallback()) {
            (Some(style), _) => return *style,
            (None, Some(next)) => at = next,
            (None, None) => return Style::new(),
        }
    }
}
