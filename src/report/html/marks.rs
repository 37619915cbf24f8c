//! Verdicts as symbol, word and colour; anchors; numbers with a true minus sign.

use maud::{Markup, html};

use crate::claims::{Judgement, Verdict};

/// The class that colours a verdict.
pub(super) fn class(word: &str) -> &'static str {
    match word {
        "reproduced" | "consistent" => "for",
        "not reproduced" | "inconsistent" => "against",
        "inconclusive" => "open",
        _ => "untested",
    }
}

/// A symbol for each word, told apart by shape alone.
pub(super) fn icon(word: &str) -> Markup {
    let path = match word {
        "reproduced" => "M3.2 6.3 5.2 8.4 8.9 3.9",
        "consistent" => "M3 5.2c1-1.4 2-1.4 3-.6s2 .8 3-.6M3 8.2c1-1.4 2-1.4 3-.6s2 .8 3-.6",
        "not reproduced" => "M3.8 3.8 8.2 8.2M8.2 3.8 3.8 8.2",
        "inconsistent" => "M3 4.9h6M3 7.2h6M7.6 2.9 4.4 9.1",
        "inconclusive" => "M4.3 4.6c0-2.6 3.5-2.5 3.5-.4 0 1.5-1.8 1.5-1.8 3M6 9v.3",
        _ => "M3.5 6h5",
    };
    html! {
        svg viewBox="0 0 12 12" aria-hidden="true" {
            circle cx="6" cy="6" r="6" fill="currentColor" {}
            path.icon-mark d=(path) fill="none" stroke-width="1.4" stroke-linecap="round"
                stroke-linejoin="round" {}
        }
    }
}

/// A word with its symbol in its colour.
pub(super) fn word(word: &str) -> Markup {
    html! { span class={ "verdict " (class(word)) } { (icon(word)) (word) } }
}

/// A verdict with what belongs to it: how many more seeds, that ours is better, that seeds are missing.
pub(super) fn judgement(judgement: &Judgement) -> Markup {
    let headline = judgement.headline();
    let short = judgement.verdict.word();
    let rest = headline.strip_prefix(short).unwrap_or_default();
    let rest = rest.trim_start_matches(':').trim();
    let bracketed = rest
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'));
    let rest = bracketed.unwrap_or(rest);
    html! {
        span {
            (word(short))
            // Why nothing was tested stands below, as a sentence.
            @if !rest.is_empty() && !matches!(judgement.verdict, Verdict::NotTested { .. }) {
                span.small { (rest) }
            }
        }
    }
}

/// A name as part of an id or a fragment: letters, digits and hyphens stay, other bytes become `_xx`.
/// Different names stay different.
pub(super) fn anchor(parts: &[&str]) -> String {
    let mut text = String::new();
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            text.push(':');
        }
        for byte in part.bytes() {
            if byte.is_ascii_alphanumeric() || byte == b'-' {
                text.push(char::from(byte));
            } else {
                text += &format!("_{byte:02x}");
            }
        }
    }
    text
}

/// A web address as a link; anything else, which might run a script, as text.
pub(super) fn web(address: &str) -> Markup {
    let is_web = address.starts_with("https://") || address.starts_with("http://");
    html! {
        @if is_web { a href=(address) { (address) } } @else { (address) }
    }
}

/// A number's text with a true minus sign.
pub(super) fn minus(text: &str) -> String {
    text.replace('-', "\u{2212}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_addresses_are_links() {
        assert!(
            web("https://example.org/?a&b")
                .into_string()
                .starts_with("<a href=\"https")
        );
        assert_eq!(
            web("javascript:alert(1)").into_string(),
            "javascript:alert(1)"
        );
    }

    #[test]
    fn anchors_are_safe_and_told_apart() {
        assert_eq!(anchor(&["run", "gamma=0.1"]), "run:gamma_3d0_2e1");
        assert_ne!(anchor(&["a_3d"]), anchor(&["a="]));
        assert_eq!(anchor(&["<&\" "]), "_3c_26_22_20");
    }
}
