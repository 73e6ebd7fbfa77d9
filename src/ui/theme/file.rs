//! One theme file: TOML text in, names and styles out, every complaint with its place.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use ratatui::style::{Color, Modifier};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Depth, Mode, Role};

/// What is wrong in a theme file and where. `line` and `column` count from 1; both are 0 when the file as a
/// whole could not be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    pub file: String,
    pub line: usize,
    pub column: usize,
    pub message: String,
    /// The line complained about, empty without a place.
    pub source: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            return write!(f, "{}: {}", self.file, self.message);
        }
        writeln!(
            f,
            "{}:{}:{}: {}",
            self.file, self.line, self.column, self.message
        )?;
        let gutter = self.line.to_string().len();
        writeln!(f, "{} | {}", self.line, self.source)?;
        write!(f, "{:gutter$} | {:>column$}", "", "^", column = self.column)
    }
}

impl std::error::Error for Complaint {}

/// A theme file as written, before parents and palette are looked up.
#[derive(Debug, Clone)]
pub(super) struct ThemeFile {
    pub(super) name: String,
    pub(super) inherits: Option<String>,
    pub(super) mode: Option<Mode>,
    pub(super) depth: Option<Depth>,
    pub(super) palette: BTreeMap<String, Color>,
    pub(super) styles: BTreeMap<Role, Spec>,
    /// Keys and values that this program does not understand; the rest is usable.
    pub(super) complaints: Vec<Complaint>,
}

/// What a file says about one role; colours are palette names.
#[derive(Debug, Clone, Default)]
pub(super) struct Spec {
    pub(super) fg: Option<Named>,
    pub(super) bg: Option<Named>,
    pub(super) add: Modifier,
}

/// A palette name with the place where it is used.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) place: Range<usize>,
}

/// Reads a theme file's text. Only text that is no TOML at all is an error; everything else is complained about
/// in [`ThemeFile::complaints`].
pub(super) fn read(file: &str, text: &str) -> Result<ThemeFile, Complaint> {
    let root = DeTable::parse(text).map_err(|error| {
        let place = error.span().unwrap_or(0..0);
        complaint(file, text, place, error.message().to_owned())
    })?;
    let mut reader = Reader {
        file,
        text,
        out: ThemeFile::empty(file),
    };
    for (key, value) in root.get_ref() {
        reader.table(key, value);
    }
    Ok(reader.out)
}

/// Makes a complaint about a place in a text, given in bytes.
pub(super) fn complaint(file: &str, text: &str, place: Range<usize>, message: String) -> Complaint {
    let before = text.get(..place.start).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    Complaint {
        file: file.to_owned(),
        line: before.matches('\n').count() + 1,
        column: before[start..].chars().count() + 1,
        message,
        source: text[start..].lines().next().unwrap_or("").to_owned(),
    }
}

impl ThemeFile {
    fn empty(file: &str) -> Self {
        let stem = file.rsplit('/').next().unwrap_or(file);
        Self {
            name: stem.strip_suffix(".toml").unwrap_or(stem).to_owned(),
            inherits: None,
            mode: None,
            depth: None,
            palette: BTreeMap::new(),
            styles: BTreeMap::new(),
            complaints: Vec::new(),
        }
    }
}

struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    out: ThemeFile,
}

type Key<'a> = Spanned<std::borrow::Cow<'a, str>>;
type Value<'a> = Spanned<DeValue<'a>>;

impl Reader<'_> {
    fn complain(&mut self, place: Range<usize>, message: String) {
        self.out
            .complaints
            .push(complaint(self.file, self.text, place, message));
    }

    fn table(&mut self, key: &Key<'_>, value: &Value<'_>) {
        let name = key.get_ref().as_ref();
        let Some(table) = value.get_ref().as_table() else {
            return self.complain(
                key.span(),
                format!(
                    "\"{name}\" stands outside of a table; put it below [meta] or a table of roles"
                ),
            );
        };
        let known = matches!(name, "meta" | "palette")
            || Role::ALL.iter().any(|role| table_of(*role) == name);
        if !known {
            return self.complain(
                key.span(),
                format!("unknown table [{name}]; {}", known_tables()),
            );
        }
        for (key, value) in table {
            match name {
                "meta" => self.meta(key, value),
                "palette" => self.color(key, value),
                group => self.role(group, key, value),
            }
        }
    }

    fn meta(&mut self, key: &Key<'_>, value: &Value<'_>) {
        let Some(text) = self.string(value) else {
            return;
        };
        match key.get_ref().as_ref() {
            "name" => self.out.name = text,
            "inherits" => self.out.inherits = Some(text),
            "mode" => match text.as_str() {
                "dark" => self.out.mode = Some(Mode::Dark),
                "light" => self.out.mode = Some(Mode::Light),
                "any" => self.out.mode = Some(Mode::Any),
                other => self.complain(value.span(), format!("\"{other}\" is not a mode; use dark, light or any")),
            },
            "depth" => match text.parse() {
                Ok(depth) => self.out.depth = Some(depth),
                Err(message) => self.complain(value.span(), message),
            },
            "license" | "source" => {}
            other => self.complain(
                key.span(),
                format!("unknown key \"{other}\" in [meta]; known are name, inherits, mode, depth, license, source"),
            ),
        }
    }

    fn color(&mut self, key: &Key<'_>, value: &Value<'_>) {
        let Some(text) = self.string(value) else {
            return;
        };
        match parse_color(&text) {
            Some(color) => {
                self.out.palette.insert(key.get_ref().to_string(), color);
            }
            None => self.complain(
                value.span(),
                format!("\"{text}\" is not a colour; write \"#rrggbb\", \"default\" or one of the sixteen names"),
            ),
        }
    }

    fn role(&mut self, group: &str, key: &Key<'_>, value: &Value<'_>) {
        let name = format!("{group}.{}", key.get_ref());
        let Some(role) = Role::named(&name) else {
            let known: Vec<_> = Role::ALL
                .iter()
                .filter(|role| table_of(**role) == group)
                .map(|role| &role.name()[group.len() + 1..])
                .collect();
            return self.complain(
                key.span(),
                format!(
                    "unknown key \"{}\" in [{group}]; known are {}",
                    key.get_ref(),
                    known.join(", ")
                ),
            );
        };
        let spec = match value.get_ref() {
            DeValue::Table(table) => self.spec(table),
            DeValue::String(name) => Spec {
                fg: named(name, value),
                ..Spec::default()
            },
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_) => {
                return self.complain(
                    value.span(),
                    "a style is a palette name, \"default\" or a table with fg, bg, add".to_owned(),
                );
            }
        };
        self.out.styles.insert(role, spec);
    }

    fn spec(&mut self, table: &DeTable<'_>) -> Spec {
        let mut spec = Spec::default();
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "fg" => spec.fg = self.string(value).and_then(|name| named(&name, value)),
                "bg" => spec.bg = self.string(value).and_then(|name| named(&name, value)),
                "add" => spec.add = self.modifiers(value),
                other => self.complain(
                    key.span(),
                    format!("unknown key \"{other}\" in a style; known are fg, bg, add"),
                ),
            }
        }
        spec
    }

    fn modifiers(&mut self, value: &Value<'_>) -> Modifier {
        let mut all = Modifier::empty();
        let Some(list) = value.get_ref().as_array() else {
            self.complain(
                value.span(),
                "add takes a list, as in [\"bold\"]".to_owned(),
            );
            return all;
        };
        for item in list.iter() {
            match item.get_ref().as_str() {
                Some("bold") => all |= Modifier::BOLD,
                Some("dim") => all |= Modifier::DIM,
                Some("italic") => all |= Modifier::ITALIC,
                Some("underlined") => all |= Modifier::UNDERLINED,
                Some("reversed") => all |= Modifier::REVERSED,
                Some(_) | None => {
                    self.complain(
                        item.span(),
                        "not a text mark; known are bold, dim, italic, underlined, reversed"
                            .to_owned(),
                    );
                }
            }
        }
        all
    }

    fn string(&mut self, value: &Value<'_>) -> Option<String> {
        let text = value.get_ref().as_str().map(str::to_owned);
        if text.is_none() {
            self.complain(
                value.span(),
                format!(
                    "a {} where a text in quotes is wanted",
                    value.get_ref().type_str()
                ),
            );
        }
        text
    }
}

/// The word "default" is no palette name: the role then says nothing of its own.
fn named(name: &str, value: &Value<'_>) -> Option<Named> {
    (name != "default").then(|| Named {
        name: name.to_owned(),
        place: value.span(),
    })
}

fn table_of(role: Role) -> &'static str {
    role.name().split('.').next().unwrap_or("")
}

fn known_tables() -> String {
    let mut tables = vec!["meta", "palette"];
    tables.extend(Role::ALL.iter().map(|role| table_of(*role)));
    tables.dedup();
    format!("known are {}", tables.join(", "))
}

/// The sixteen names are those of the standard palette; "default" is what the terminal itself uses.
fn parse_color(text: &str) -> Option<Color> {
    if let Some(hex) = text.strip_prefix('#') {
        let value = u32::from_str_radix(hex, 16)
            .ok()
            .filter(|_| hex.len() == 6)?;
        let [_, r, g, b] = value.to_be_bytes();
        return Some(Color::Rgb(r, g, b));
    }
    Some(match text {
        "default" => Color::Reset,
        "black" => Color::Black,
        "red" => Color::Red,
        "green" => Color::Green,
        "yellow" => Color::Yellow,
        "blue" => Color::Blue,
        "magenta" => Color::Magenta,
        "cyan" => Color::Cyan,
        "white" => Color::Gray,
        "bright-black" => Color::DarkGray,
        "bright-red" => Color::LightRed,
        "bright-green" => Color::LightGreen,
        "bright-yellow" => Color::LightYellow,
        "bright-blue" => Color::LightBlue,
        "bright-magenta" => Color::LightMagenta,
        "bright-cyan" => Color::LightCyan,
        "bright-white" => Color::White,
        _ => return None,
    })
}
