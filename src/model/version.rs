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

impl VersionRules {
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
            fact: None,
            minimum: Some("5.4".into()),
            rules: vec![
                rule("5.4", "5.5", &[]),
                rule("5.5", "5.5", &[]),
                rule("5.3.6", "5.5", &["5.4"]),
            ],
            rehearse_target: None,
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
}
