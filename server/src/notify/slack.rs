//! Messages for Slack's incoming webhooks, in its Block Kit: <https://docs.slack.dev/reference/block-kit>.

use serde_json::{Value, json};

use super::notice::Notice;
use crate::config::PublicUrl;

/// The most notices that are told one by one. A message has 50 blocks at most; a headline and a last word are two.
const MOST_TOLD: usize = 48;
/// The most characters of a block's text.
const MOST_TEXT: usize = 3_000;
/// The most characters of a headline.
const MOST_HEADER: usize = 150;

/// The body of a message. Links begin with `base`.
pub(super) fn body(
    headline: &str,
    notices: &[(String, Notice)],
    base: Option<&PublicUrl>,
) -> Vec<u8> {
    let mut blocks = vec![json!({
        "type": "header",
        "text": {"type": "plain_text", "text": cut(headline, MOST_HEADER), "emoji": false},
    })];
    blocks.extend(notices.iter().take(MOST_TOLD).map(|(id, notice)| {
        let details = notice.details().join("\n");
        // Nothing that apps sent can be a link or a mention.
        let title = cut(&escaped(&notice.title()), MOST_HEADER);
        let text = format!("*{title}*\n{}", escaped(&details));
        let links = links(id, notice, base);
        let text = cut(&text, MOST_TEXT - links.chars().count()) + &links;
        json!({"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": true}})
    }));
    if let Some(more) = notices
        .len()
        .checked_sub(MOST_TOLD)
        .filter(|more| *more > 0)
    {
        let text = format!("And {more} more.");
        blocks.push(json!({"type": "context", "elements": [{"type": "plain_text", "text": text}]}));
    }
    let body: Value = json!({"text": escaped(headline), "blocks": blocks});
    body.to_string().into_bytes()
}

/// A line of links, if there are any. Neither ids nor slugs hold what Slack's markup does.
fn links(id: &str, notice: &Notice, base: Option<&PublicUrl>) -> String {
    let Some(base) = base else {
        return String::new();
    };
    let links = notice.links(id).into_iter();
    let links: Vec<_> = links
        .map(|(name, path)| format!("<{base}{path}|{name}>"))
        .collect();
    match links.is_empty() {
        true => String::new(),
        false => format!("\n{}", links.join(" · ")),
    }
}

/// As Slack wants the three characters that control its markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// The start of a text that is too long, without half of an escaped character.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut start: String = text.chars().take(most - 1).collect();
    if let Some(place) = start
        .rfind('&')
        .filter(|place| !start[*place..].contains(';'))
    {
        start.truncate(place);
    }
    start + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöü!", 3), "äö…");
        assert_eq!(cut("a&amp;b", 5), "a…");
        assert_eq!(cut("a&amp;bcd", 8), "a&amp;b…");
    }
}
