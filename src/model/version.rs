//! Versions and the paths between them. Each product orders its own; this order compares runs of digits as numbers and
//! everything between them as separators, which fits date-like builds (`5.5-20240627`) and dotted ones (`7.0.2.1`).

use std::cmp::Ordering;

/// Compares two versions, number by number; a missing number counts as zero.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (numbers(a), numbers(b));
    for i in 0..a.len().max(b.len()) {
        let by_number = a.get(i).unwrap_or(&0).cmp(b.get(i).unwrap_or(&0));
        if by_number.is_ne() {
            return by_number;
        }
    }
    Ordering::Equal
}

/// Whether `version` belongs to `series`: its numbers begin with the series' numbers.
pub fn in_series(version: &str, series: &str) -> bool {
    numbers(version).starts_with(&numbers(series))
}

/// The version as a text that sorts as the version does: each number at full width, zeros at the end left out.
pub fn sortable(version: &str) -> String {
    let mut numbers = numbers(version);
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    let wide = numbers.iter().map(|number| format!("{number:020}"));
    wide.collect::<Vec<_>>().join(".")
}

fn numbers(version: &str) -> Vec<u64> {
    version
        .split(|c: char| !c.is_ascii_digit())
        .filter(|part| !part.is_empty())
        .map(|part| part.parse().unwrap_or(u64::MAX))
        .collect()
}

/// Which versions a procedure takes where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VersionRules {
    /// Which fact holds a node's version.
    pub fact: Option<super::ids::FactId>,
    /// The oldest version that can go straight to the target.
    pub minimum: Option<String>,
    /// Allowed hops. None at all means that the vendor's rules are not known to the procedure.
    pub rules: Vec<PathRule>,
    /// Targets that the vendor warns of.
    pub refuse: Vec<RefusedTarget>,
    /// At most so many feature releases (the second number) behind the target.
    pub behind: Option<u64>,
    /// The target of a rehearsal that names none; without it the target of the first direct hop.
    pub rehearse_target: Option<String>,
}

/// One hop, or the route around a hop that is not allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathRule {
    /// Series that one comes from.
    pub from: String,
    /// Series that one goes to.
    pub to: String,
    /// Where one must stop in between; empty for a direct hop.
    pub via: Vec<String>,
    pub why: String,
}

/// A target that must not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedTarget {
    /// The series of the target.
    pub target: String,
    /// Only below this version of it; without one the whole series.
    pub below: Option<String>,
    pub why: String,
}

impl RefusedTarget {
    fn refuses(&self, target: &str) -> bool {
        let below = self.below.as_ref();
        in_series(target, &self.target) && below.is_none_or(|below| compare(target, below).is_lt())
    }
}

impl VersionRules {
    /// Why nobody should go to this version, whatever they come from.
    pub fn judge_target(&self, target: &str) -> Result<(), String> {
        let Some(refused) = self.refuse.iter().find(|refused| refused.refuses(target)) else {
            return Ok(());
        };
        let instead = refused.below.as_ref();
        let instead = instead.map_or(String::new(), |good| format!("; take {good} or newer"));
        Err(format!(
            "the target {target} must not be used: {}{instead}",
            refused.why
        ))
    }

    /// Whether a node is too many feature releases behind: both versions belong to one major release, or it is not told.
    fn too_far(&self, from: &str, to: &str) -> Option<String> {
        let behind = self.behind?;
        let (old, new) = (numbers(from), numbers(to));
        let (old, new) = (old.first().zip(old.get(1))?, new.first().zip(new.get(1))?);
        if old.0 == new.0 && new.1.saturating_sub(*old.1) <= behind {
            return None;
        }
        let between = match old.0 == new.0 {
            true => format!("{}.{}", old.0, old.1 + behind),
            false => format!("the last release of {}", old.0),
        };
        Some(format!(
            "{from} is more than {behind} feature releases behind {to}; the allowed route is {from} -> {between} -> {to}"
        ))
    }

    /// Whether a node at `from` may go straight to `to`; the reason and the allowed route if not.
    pub fn judge(&self, from: &str, to: &str) -> Result<(), String> {
        if compare(from, to).is_gt() {
            return Err(format!(
                "{from} is newer than the target {to}: this would be a downgrade"
            ));
        }
        if compare(from, to).is_eq() {
            return Ok(());
        }
        if let Some(why) = self.too_far(from, to) {
            return Err(why);
        }
        // The longest series that fits is the most special rule.
        let fits = |rule: &&PathRule| in_series(from, &rule.from) && in_series(to, &rule.to);
        let rule = self
            .rules
            .iter()
            .filter(fits)
            .max_by_key(|rule| numbers(&rule.from).len());
        let because = |why: &str| {
            if why.is_empty() {
                String::new()
            } else {
                format!(": {why}")
            }
        };
        match rule {
            Some(rule) if rule.via.is_empty() => Ok(()),
            Some(rule) => Err(format!(
                "{from} cannot go straight to {to}{}; the allowed route is {from} -> {} -> {to}",
                because(&rule.why),
                rule.via.join(" -> "),
            )),
            None => match &self.minimum {
                Some(minimum) if compare(from, minimum).is_lt() => Err(format!(
                    "{from} is older than {minimum}, the oldest version that can go straight to {to}"
                )),
                Some(_) | None if self.rules.is_empty() => Ok(()),
                Some(_) | None => Err(format!(
                    "no path from {from} to {to} is known to this procedure"
                )),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_their_numbers() {
        for (older, newer) in [
            ("5.4", "5.5-20240627"),
            ("5.5-20230101", "5.5-20240627"),
            ("7.0.2.9", "7.0.10.0"),
        ] {
            assert!(compare(older, newer).is_lt(), "{older} {newer}");
        }
        assert!(compare("5.4", "5.4.0").is_eq());
    }

    #[test]
    fn a_refused_hop_names_the_route() {
        let rule = |from: &str, to: &str, via: &[&str]| PathRule {
            from: from.into(),
            to: to.into(),
            via: via.iter().map(|v| (*v).to_string()).collect(),
            why: "vendor".into(),
        };
        let rules = VersionRules {
            minimum: Some("5.4".into()),
            rules: vec![
                rule("5.4", "5.5", &[]),
                rule("5.5", "5.5", &[]),
                rule("5.3.6", "5.5", &["5.4"]),
            ],
            ..VersionRules::default()
        };
        assert_eq!(rules.judge("5.4", "5.5-20240627"), Ok(()));
        assert_eq!(rules.judge("5.5-20230101", "5.5-20240627"), Ok(()));
        assert!(
            rules
                .judge("5.3.6", "5.5-20240627")
                .unwrap_err()
                .contains("5.3.6 -> 5.4 -> 5.5")
        );
        assert!(
            rules
                .judge("5.2.1", "5.5-20240627")
                .unwrap_err()
                .contains("older than 5.4")
        );
        assert!(
            rules
                .judge("5.6", "5.5-20240627")
                .unwrap_err()
                .contains("downgrade")
        );
    }

    #[test]
    fn sortable_texts_sort_as_versions_do() {
        for (a, b) in [
            ("6.1.1.4", "6.1.1.5"),
            ("7.0.2.9", "7.0.10.0"),
            ("5.4", "5.4.0"),
            ("", "0.1"),
            ("3.9", "3.15"),
        ] {
            assert_eq!(sortable(a).cmp(&sortable(b)), compare(a, b), "{a} {b}");
        }
    }

    #[test]
    fn a_bad_target_and_a_long_way_are_refused_with_what_to_do_instead() {
        let rules = VersionRules {
            behind: Some(2),
            refuse: vec![RefusedTarget {
                target: "3.15".into(),
                below: Some("3.15.12".into()),
                why: "it loses repositories".into(),
            }],
            ..VersionRules::default()
        };
        assert_eq!(rules.judge_target("3.15.12"), Ok(()));
        assert_eq!(rules.judge_target("3.14.1"), Ok(()));
        let why = rules.judge_target("3.15.3").unwrap_err();
        assert!(why.contains("take 3.15.12 or newer"), "{why}");
        assert_eq!(rules.judge("3.13.4", "3.15.12"), Ok(()));
        let why = rules.judge("3.12.9", "3.15.12").unwrap_err();
        assert!(why.contains("3.12.9 -> 3.14 -> 3.15.12"), "{why}");
    }
}
