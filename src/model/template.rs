//! Texts with holes: `Free space on {node}`. A hole is a name in braces; other braces stand for themselves.

use super::ids::is_name;

/// One hole of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hole<'a> {
    /// Byte offset of the opening brace.
    pub start: usize,
    /// Byte offset behind the closing brace.
    pub end: usize,
    pub name: &'a str,
}

/// The holes of a text, in order. `${name}` is shell and no hole.
pub fn holes(text: &str) -> Vec<Hole<'_>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(open) = text[from..].find('{').map(|at| from + at) {
        from = open + 1;
        let Some(close) = text[from..].find('}').map(|at| from + at) else {
            break;
        };
        let name = &text[from..close];
        let is_hole = is_name(name)
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && !text[..open].ends_with('$');
        if is_hole {
            found.push(Hole {
                start: open,
                end: close + 1,
                name,
            });
            from = close + 1;
        }
    }
    found
}

/// Fills the holes that `value` knows; the others stay as they are written.
pub fn fill(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut from = 0;
    for hole in holes(text) {
        if let Some(value) = value(hole.name) {
            filled.push_str(&text[from..hole.start]);
            filled.push_str(&value);
            from = hole.end;
        }
    }
    filled.push_str(&text[from..]);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_names_in_braces_and_nothing_else() {
        let names = |text| -> Vec<&str> { holes(text).iter().map(|hole| hole.name).collect() };
        assert_eq!(names("on {node}, at {target}"), ["node", "target"]);
        assert_eq!(names("awk '{print $1}' ${HOME} {} {a b} {{node}"), ["node"]);
        assert!(names("open { é").is_empty());
    }

    #[test]
    fn a_hole_that_is_not_known_stays() {
        let value = |name: &str| (name == "node").then(|| "st{2}".to_string());
        assert_eq!(fill("{node} is {mood}", value), "st{2} is {mood}");
    }
}
