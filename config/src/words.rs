//! Words for messages: what to quote, what was probably meant.

/// A text as a message quotes it: on one line and not longer than 60 characters.
pub(crate) fn shown(text: &str) -> String {
    let mut out: String = text.chars().take(60).map(|c| if c.is_control() { '␤' } else { c }).collect();
    if text.chars().nth(60).is_some() {
        out.push('…');
    }
    out
}

/// The candidate that was probably meant.
pub(crate) fn meant<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let found = found.to_lowercase();
    let near = |candidate: &str| {
        let candidate = candidate.to_lowercase();
        let short = candidate.len().min(found.len());
        let begins = short >= 3 && (candidate.starts_with(&found) || found.starts_with(&candidate));
        let distance = strsim::damerau_levenshtein(&found, &candidate);
        (begins || distance <= 1.max(short / 3)).then(|| (distance, strsim::jaro_winkler(&found, &candidate)))
    };
    known
        .into_iter()
        .filter_map(|candidate| near(candidate).map(|rank| (rank, candidate)))
        .min_by(|((a, alike_a), _), ((b, alike_b), _)| a.cmp(b).then(alike_b.total_cmp(alike_a)))
        .map(|(_, candidate)| candidate)
}

/// `did you mean `x`? Known keys: `a`, `b`.`: the help that follows an unknown name. `known` may be empty.
pub(crate) fn did_you_mean(found: &str, what: &str, known: &[&str]) -> String {
    let hint = meant(found, known.iter().copied()).map(|m| format!("did you mean `{m}`? ")).unwrap_or_default();
    if known.is_empty() { format!("{hint}there are none") } else { format!("{hint}{what}: {}", list(known)) }
}

/// `` `a`, `b`, `c` ``; at most 30 of them.
pub(crate) fn list(items: &[&str]) -> String {
    let mut out = items.iter().take(30).map(|i| format!("`{}`", shown(i))).collect::<Vec<_>>().join(", ");
    if items.len() > 30 {
        out.push_str(&format!(" and {} more", items.len() - 30));
    }
    out
}
