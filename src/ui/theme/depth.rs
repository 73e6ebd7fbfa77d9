//! How many colours the terminal shows, decided once, and colours reduced to that.

use std::str::FromStr;

use ratatui::style::{Color, Style};

/// What a terminal can show, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    None,
    Sixteen,
    TwoFiftySix,
    TrueColor,
}

impl Depth {
    /// Decides once at start: flag, NO_COLOR (no-color.org), CLICOLOR_FORCE, TERM=dumb, COLORTERM, TERM.
    pub fn decide(flag: Option<Depth>, variable: impl Fn(&str) -> Option<String>) -> Depth {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        if let Some(depth) = flag {
            return depth;
        }
        if set("NO_COLOR").is_some() {
            return Depth::None;
        }
        let forced = set("CLICOLOR_FORCE").is_some_and(|value| value != "0");
        let told = Self::from_terminal(set("COLORTERM").as_deref(), set("TERM").as_deref());
        if forced {
            told.max(Depth::Sixteen)
        } else {
            told
        }
    }

    fn from_terminal(colorterm: Option<&str>, term: Option<&str>) -> Depth {
        let term = term.unwrap_or("");
        if matches!(term, "dumb" | "") {
            return Depth::None;
        }
        if matches!(colorterm, Some("truecolor" | "24bit")) || term.ends_with("-direct") {
            return Depth::TrueColor;
        }
        if term.contains("256color") {
            return Depth::TwoFiftySix;
        }
        // The Linux console, old serial terminals, a bare "screen": only what every terminal has.
        match term {
            "vt100" | "vt102" | "vt220" | "vt320" => Depth::None,
            _ => Depth::Sixteen,
        }
    }

    /// A style as this depth can show it. Sixteen colours are never made by reduction (green would turn
    /// into cyan): themes made for them say so, and only their named colours pass.
    pub fn reduce(self, mut style: Style) -> Style {
        style.fg = style.fg.map(|color| self.color(color));
        style.bg = style.bg.map(|color| self.color(color));
        style
    }

    fn color(self, color: Color) -> Color {
        match (self, color) {
            (Depth::None, _) => Color::Reset,
            (Depth::TwoFiftySix, Color::Rgb(r, g, b)) => Color::Indexed(nearest_256(r, g, b)),
            (Depth::Sixteen, Color::Rgb(..) | Color::Indexed(_)) => Color::Reset,
            (Depth::Sixteen | Depth::TwoFiftySix | Depth::TrueColor, same) => same,
        }
    }
}

impl FromStr for Depth {
    type Err = String;

    /// As in theme files and on the command line.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Depth::None),
            "16" => Ok(Depth::Sixteen),
            "256" => Ok(Depth::TwoFiftySix),
            "truecolor" => Ok(Depth::TrueColor),
            other => Err(format!(
                "\"{other}\" is not a colour depth: use none, 16, 256 or truecolor"
            )),
        }
    }
}

/// The levels of the 6x6x6 cube in xterm's palette of 256.
const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// The nearest fixed colour of the palette of 256 (cube or grey ramp; the first 16 belong to the user).
pub fn nearest_256(r: u8, g: u8, b: u8) -> u8 {
    let cube = [r, g, b].map(nearest_level);
    let cube_rgb = cube.map(|level| CUBE[usize::from(level)]);
    let average = (u16::from(r) + u16::from(g) + u16::from(b)) / 3;
    let step = u8::try_from((average.saturating_sub(3) / 10).min(23)).expect("at most 23");
    let grey = 8 + 10 * step;
    if distance([r, g, b], [grey; 3]) < distance([r, g, b], cube_rgb) {
        232 + step
    } else {
        16 + 36 * cube[0] + 6 * cube[1] + cube[2]
    }
}

fn nearest_level(value: u8) -> u8 {
    let at = (0..CUBE.len())
        .min_by_key(|at| CUBE[*at].abs_diff(value))
        .unwrap_or(0);
    u8::try_from(at).expect("below six")
}

fn distance(a: [u8; 3], b: [u8; 3]) -> u32 {
    a.into_iter()
        .zip(b)
        .map(|(x, y)| u32::from(x.abs_diff(y)).pow(2))
        .sum()
}

/// The red, green and blue of a colour; `None` where the terminal decides.
pub fn rgb(color: Color) -> Option<[u8; 3]> {
    match color {
        Color::Rgb(r, g, b) => Some([r, g, b]),
        Color::Indexed(at @ 16..=231) => {
            let at = at - 16;
            Some([at / 36, at / 6 % 6, at % 6].map(|level| CUBE[usize::from(level)]))
        }
        Color::Indexed(at @ 232..) => Some([8 + 10 * (at - 232); 3]),
        _ => None,
    }
}

/// Contrast of two colours, 1.0 to 21.0, as WCAG 2 defines it (relative luminance of sRGB).
pub fn contrast(a: [u8; 3], b: [u8; 3]) -> f64 {
    let (x, y) = (luminance(a), luminance(b));
    (x.max(y) + 0.05) / (x.min(y) + 0.05)
}

fn luminance(rgb: [u8; 3]) -> f64 {
    let [r, g, b] = rgb.map(|channel| {
        let c = f64::from(channel) / 255.0;
        if c <= 0.03928 {
            c / 12.92
        } else {
            ((c + 0.055) / 1.055).powf(2.4)
        }
    });
    0.2126 * r + 0.7152 * g + 0.0722 * b
}
