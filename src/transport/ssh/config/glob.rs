//! Files that an `Include` names, in glob(3)'s order.

use std::fs;
use std::path::{Path, PathBuf};

/// Every file that the pattern names, sorted; none when nothing is there. The pattern is absolute.
pub(super) fn files(pattern: &str) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from("/")];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        found = found
            .iter()
            .flat_map(|folder| below(folder, part))
            .collect();
    }
    found
}

fn below(folder: &Path, part: &str) -> Vec<PathBuf> {
    if !part.contains(['*', '?', '[', '\\']) {
        let path = folder.join(part);
        return path.symlink_metadata().map(|_| path).into_iter().collect();
    }
    let names = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = names
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.') || part.starts_with('.'))
        .filter(|name| fits(name.as_bytes(), part.as_bytes()))
        .collect();
    names.sort();
    names.iter().map(|name| folder.join(name)).collect()
}

/// `*`, `?`, `[..]` and the backslash, within one part of a path.
fn fits(name: &[u8], pattern: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => (0..=name.len()).any(|at| fits(&name[at..], rest)),
        (Some((b'?', rest)), Some((_, left))) => fits(left, rest),
        (Some((b'[', rest)), Some((byte, left))) => match class(rest) {
            Some((set, rest)) => is_in(*byte, set) && fits(left, rest),
            None => *byte == b'[' && fits(left, rest),
        },
        (Some((b'\\', [wanted, rest @ ..])), Some((byte, left))) => {
            wanted == byte && fits(left, rest)
        }
        (Some((wanted, rest)), Some((byte, left))) => wanted == byte && fits(left, rest),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// The inside of a `[..]` and what follows it; a `]` that comes first belongs to the inside.
fn class(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let negation = usize::from(matches!(rest.first(), Some(b'!' | b'^')));
    let end = rest.iter().skip(negation + 1).position(|b| *b == b']')? + negation + 1;
    Some((&rest[..end], &rest[end + 1..]))
}

fn is_in(byte: u8, set: &[u8]) -> bool {
    let (negated, mut set) = match set.split_first() {
        Some((b'!' | b'^', set)) => (true, set),
        Some(_) | None => (false, set),
    };
    let mut found = false;
    while let Some((first, rest)) = set.split_first() {
        set = match rest {
            [b'-', last, rest @ ..] => {
                found |= (*first..=*last).contains(&byte);
                rest
            }
            _ => {
                found |= *first == byte;
                rest
            }
        };
    }
    found != negated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_name_files_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["b.conf", "a.conf", ".hidden.conf", "c.txt", "d1.conf"] {
            fs::write(root.join(name), "").unwrap();
        }
        let named = |pattern: &str| -> Vec<String> {
            files(&format!("{}/{pattern}", root.display()))
                .iter()
                .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
                .collect()
        };
        assert_eq!(named("*.conf"), ["a.conf", "b.conf", "d1.conf"]);
        assert_eq!(named("[ab].*"), ["a.conf", "b.conf"]);
        assert_eq!(named("[!a-b]?.conf"), ["d1.conf"]);
        assert_eq!(named(".*.conf"), [".hidden.conf"]);
        assert_eq!(named("c.txt"), ["c.txt"]);
        assert!(named("absent").is_empty());
    }
}
