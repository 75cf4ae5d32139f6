//! Suggestions: the known name that is most similar to a wrong one.

/// Names longer than this get no suggestion. Known names are shorter, and the cost of a comparison grows with the
/// length.
const MAX_NAME_BYTES: usize = 160;

/// Returns the candidate that is most similar to `name`, if at most a third of its letters differ. Ignores case, and
/// `-` equals `_`.
pub fn nearest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    if name.len() > MAX_NAME_BYTES {
        return None;
    }
    let name = comparable(name);
    let tolerance = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&name, &comparable(candidate)), candidate))
        .filter(|(distance, _)| *distance <= tolerance)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn comparable(name: &str) -> String {
    name.to_lowercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn typing_errors_get_a_suggestion_and_other_words_do_not() {
        let known = ["process", "timeout", "worker_nums"];
        assert_eq!(nearest("proces", known), Some("process"));
        assert_eq!(nearest("Worker-Num", known), Some("worker_nums"));
        assert_eq!(nearest("tiemout", known), Some("timeout"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest(&"x".repeat(10_000), known), None);
    }
}
