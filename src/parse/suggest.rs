//! "Did you mean": the known word nearest to a wrong one.

/// The known word that `word` was most likely meant to be, if any is near.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = ((word.chars().count() + 1) / 3).max(1);
    let measured = |candidate| {
        let begun = word.len() >= 3 && str::starts_with(candidate, word);
        let distance = if begun { 1 } else { distance(word, candidate) };
        (distance, candidate)
    };
    known
        .into_iter()
        .map(measured)
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Advice for a wrong word: the nearest known one, else all of them. `none` is said where nothing is known at all.
pub(crate) fn advice<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
    none: &str,
) -> String {
    if let Some(near) = nearest(word, known.clone()) {
        return format!("did you mean `{near}`?");
    }
    let mut all: Vec<&str> = known.into_iter().collect();
    all.sort_unstable();
    all.dedup();
    if all.is_empty() {
        none.to_string()
    } else {
        format!("known here: {}", all.join(", "))
    }
}

/// How many letters must be put in, taken out, replaced or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised_and_another_word_is_not() {
        let known = ["title", "timeout", "typical"];
        assert_eq!(nearest("tiemout", known), Some("timeout"));
        assert_eq!(nearest("titel", known), Some("title"));
        assert_eq!(nearest("typ", known), Some("typical"));
        assert_eq!(nearest("banana", known), None);
        assert_eq!(
            advice("banana", known, ""),
            "known here: timeout, title, typical"
        );
    }
}
