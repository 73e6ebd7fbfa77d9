//! Patterns of ssh_config and known_hosts: `*`, `?`, comma lists, `!` (ssh_config(5), PATTERNS).

/// `*` and `?`; the case counts. The time is bounded by the product of the lengths.
pub(super) fn matches(text: &str, pattern: &str) -> bool {
    let (text, pattern) = (text.as_bytes(), pattern.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&wanted) if wanted == b'?' || wanted == text[t] => {
                p += 1;
                t += 1;
            }
            Some(_) | None => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// A comma list: one of it must match, and none with a `!` before it.
pub(in crate::transport::ssh) fn list_matches(text: &str, list: &str) -> bool {
    let mut found = false;
    for pattern in list.split(',') {
        match pattern.strip_prefix('!') {
            Some(negated) if matches(text, negated) => return false,
            Some(_) => {}
            None => found |= matches(text, pattern),
        }
    }
    found
}

/// As [`list_matches`] for host names, where the case does not count.
pub(super) fn host_matches(host: &str, list: &str) -> bool {
    list_matches(&host.to_ascii_lowercase(), &list.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_negations() {
        assert!(list_matches("st1.lab", "*.lab,!st2.*"));
        assert!(!list_matches("st2.lab", "*.lab,!st2.*"));
        assert!(!list_matches("st3", "!st2"));
        assert!(host_matches("ST1", "st?"));
        assert!(!matches("ST1", "st?"));
        assert!(matches("", "*") && !matches("", "?"));
    }
}
