use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::scrub::percent;

/// Every secret begins and ends with one of these, which occur in nothing else.
const HEAD: &str = "zqx";
const TAIL: &str = "yvz";

fn is_clean(text: &str) -> bool {
    !text.contains(HEAD) && !text.contains(TAIL)
}

fn secret() -> impl Strategy<Value = String> {
    "[a-z0-9 &=+%?#;:/@\"'\\\\{}\\[\\],<>é\u{4e00}]{0,16}".prop_map(|s| format!("{HEAD}{s}{TAIL}"))
}

fn plain() -> impl Strategy<Value = String> {
    "[a-h]{1,6}"
}

/// A default key, in any case, with any separators.
fn key() -> impl Strategy<Value = String> {
    let key = prop::sample::select(&DEFAULT_KEYS[..]);
    let separator = prop::sample::select(vec!["_", "-", "", " "]);
    let around = prop::sample::select(vec![
        ("", ""),
        ("X-", ""),
        ("x_", ""),
        ("a[", "]"),
        ("a.", ".b"),
    ]);
    (
        key,
        separator,
        around,
        prop::collection::vec(any::<bool>(), 24),
    )
        .prop_map(|(key, separator, (before, after), upper)| {
            let key: String = key
                .chars()
                .zip(upper.into_iter().cycle())
                .map(|(c, up)| if up { c.to_ascii_uppercase() } else { c })
                .collect();
            format!("{before}{}{after}", key.replace('_', separator))
        })
}

/// Percent-encodes what must be, and some of the rest.
fn encode(text: &str, more: &[bool]) -> String {
    text.chars()
        .zip(more.iter().cycle())
        .map(|(c, more)| match c {
            c if *more => c.to_string().bytes().map(|b| format!("%{b:02x}")).collect(),
            ' ' => "+".to_owned(),
            c => percent::encode(&c.to_string()),
        })
        .collect()
}

fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        plain().prop_map(Value::String),
        any::<u32>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
    ];
    leaf.prop_recursive(5, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(plain(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Puts a member somewhere into a tree, where `path` says.
fn plant(tree: &mut Value, path: &[usize], key: &str, value: Value) {
    match (tree, path) {
        (Value::Array(items), [at, path @ ..]) if !items.is_empty() => {
            let at = at % items.len();
            plant(&mut items[at], path, key, value);
        }
        (Value::Object(members), [at, path @ ..]) if !members.is_empty() && at % 3 > 0 => {
            let at = at % members.len();
            plant(members.values_mut().nth(at).unwrap(), path, key, value);
        }
        (Value::Object(members), _) => {
            members.insert(key.to_owned(), value);
        }
        (other, _) => *other = json!([other.take(), { key: value }]),
    }
}

/// A tree with a secret under a key, and the same as it should be scrubbed.
fn planted() -> impl Strategy<Value = (Value, Value)> {
    let value = (secret(), 0..4_u8).prop_map(|(secret, shape)| match shape {
        0 => json!([1, secret]),
        1 => json!({"a": {"b": secret}}),
        _ => Value::String(secret),
    });
    let path = prop::collection::vec(any::<usize>(), 0..6);
    (tree(), path, key(), value).prop_map(|(tree, path, key, value)| {
        let (mut dirty, mut clean) = (tree.clone(), tree);
        plant(&mut dirty, &path, &key, value);
        plant(&mut clean, &path, &key, json!(REDACTED));
        (dirty, clean)
    })
}

/// Pairs of a query with the one at an index secret.
fn pairs() -> impl Strategy<Value = (Vec<(String, String)>, usize)> {
    let others = prop::collection::vec((plain(), plain()), 0..5);
    (others, key(), secret(), any::<prop::sample::Index>()).prop_map(
        |(mut pairs, key, secret, at)| {
            let at = at.index(pairs.len() + 1);
            pairs.insert(at, (key, secret));
            (pairs, at)
        },
    )
}

fn noise() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-c=&?#;%+ \"\\\\:{}\\[\\],@/0-9é]{0,60}",
        prop::collection::vec(
            prop::sample::select(vec![
                "password",
                "token",
                "=",
                "\"",
                "\\\"",
                ":",
                "{",
                "}",
                "[",
                "]",
                ",",
                "&",
                "?",
                "%3D",
                "%22",
                "%25",
                "%",
                "+",
                " ",
                "://",
                "@",
                "4111111111111111",
                "é",
                "\n",
                REDACTED,
                "<",
                ";",
            ]),
            0..24,
        )
        .prop_map(|parts| parts.concat()),
    ]
}

proptest! {
    #[test]
    fn no_secret_survives_in_json((mut dirty, clean) in planted()) {
        scrubber().scrub_value(&mut dirty).unwrap();
        prop_assert_eq!(&dirty, &clean);
        scrubber().scrub_value(&mut dirty).unwrap();
        prop_assert_eq!(dirty, clean);
    }

    #[test]
    fn no_secret_survives_in_json_text((dirty, clean) in planted(), pretty in any::<bool>(), again in any::<bool>()) {
        let mut text = if pretty { format!("{dirty:#}") } else { dirty.to_string() };
        if again {
            text = json!({ "inner": text }).to_string();
        }
        let scrubbed = scrubber().scrub_str(&text).into_owned();
        prop_assert!(is_clean(&scrubbed), "{}", scrubbed);
        let mut found: Value = serde_json::from_str(&scrubbed).unwrap();
        if again {
            found = serde_json::from_str(found["inner"].as_str().unwrap()).unwrap();
        }
        prop_assert_eq!(found, clean);
    }

    #[test]
    fn no_secret_survives_in_json_cut_off((dirty, _) in planted(), again in any::<bool>(), cut in any::<prop::sample::Index>()) {
        let mut text = dirty.to_string();
        if again {
            text = json!({ "inner": text }).to_string();
        }
        let cut = cut.index(text.len() + 1);
        let text = &text[..text.floor_char_boundary(cut)];
        let scrubbed = scrubber().scrub_str(text);
        prop_assert!(is_clean(&scrubbed), "{} from {}", scrubbed, text);
    }

    #[test]
    fn no_secret_survives_in_a_query((pairs, at) in pairs(), more in prop::collection::vec(any::<bool>(), 7)) {
        let encoded = |(key, value): &(String, String)| format!("{}={}", encode(key, &more), encode(value, &more));
        let raw = pairs.iter().map(encoded).collect::<Vec<_>>().join("&");
        let mut expected = Map::new();
        for (index, (key, value)) in pairs.iter().enumerate() {
            let value = json!(if index == at { REDACTED } else { value.as_str() });
            match expected.get_mut(key) {
                None => { expected.insert(key.clone(), value); }
                Some(Value::Array(values)) => values.push(value),
                Some(single) => *single = json!([single.take(), value]),
            }
        }
        prop_assert_eq!(scrubber().scrub_query(&raw), expected);
    }

    #[test]
    fn no_secret_survives_in_a_url((pairs, at) in pairs(), more in prop::collection::vec(any::<bool>(), 7), start in 0..4_usize) {
        let start = ["/a/b?", "https://h:1/a?x=y&", "/#", "see https://h/?"][start];
        let url = |secret: Option<&str>| {
            let pairs = pairs.iter().enumerate().map(|(index, (key, value))| match secret {
                Some(marker) if index == at => format!("{}={marker}", encode(key, &more)),
                _ => format!("{}={}", encode(key, &more), encode(value, &more)),
            });
            format!("{start}{}", pairs.collect::<Vec<_>>().join("&"))
        };
        let (dirty, clean) = (url(None), url(Some(REDACTED)));
        prop_assert_eq!(scrubber().scrub_url(&dirty), clean.as_str());
        prop_assert_eq!(scrubber().scrub_str(&dirty), clean.as_str());
        // What was scrubbed stays as it is.
        prop_assert_eq!(scrubber().scrub_url(&clean), clean.as_str());
        prop_assert_eq!(scrubber().scrub_str(&clean), clean.as_str());

        // And as a parameter of another URL, in an object, in a text of JSON.
        let outer = format!("/in?next={}&a=b", percent::encode(&dirty));
        let scrubbed = scrubber().scrub_url(&outer).into_owned();
        let expected = format!("/in?next={}&a=b", percent::encode(&clean));
        prop_assert_eq!(&scrubbed, &expected);
        let mut value = json!({ "a": [json!({ "b": outer }).to_string()] });
        scrubber().scrub_value(&mut value).unwrap();
        prop_assert_eq!(value, json!({ "a": [json!({ "b": expected }).to_string()] }));
    }

    #[test]
    fn card_numbers_do_not_survive(start in 4000..7000_u64, rest in 0..100_000_000_000_u64, spaced in any::<bool>(), word in plain()) {
        let body = format!("{start}{rest:011}");
        let sum: u32 = body.chars().rev().enumerate().map(|(place, c)| {
            let digit = c.to_digit(10).unwrap() * if place % 2 == 0 { 2 } else { 1 };
            digit / 10 + digit % 10
        }).sum();
        let card = |check: u32| {
            let digits = format!("{body}{}", check % 10);
            if !spaced { return digits; }
            let groups: Vec<_> = (0..4).map(|n| &digits[n * 4..n * 4 + 4]).collect();
            groups.join(" ")
        };
        let right = (10 - sum % 10) % 10;
        let text = format!("{word} {} {word}", card(right));
        prop_assert_eq!(scrubber().scrub_str(&text), format!("{word} {REDACTED} {word}"));
        let wrong = format!("{word} {} {word}", card(right + 1));
        prop_assert_eq!(scrubber().scrub_str(&wrong), wrong.as_str());
    }

    #[test]
    fn text_without_secrets_is_borrowed(words in "[a-zA-Z ,.:!?'-]{0,80}", tree in tree()) {
        prop_assert!(matches!(scrubber().scrub_str(&words), std::borrow::Cow::Borrowed(_)));
        let text = format!("{tree:#}");
        prop_assert_eq!(scrubber().scrub_str(&text), text.as_str());
    }

    #[test]
    fn no_text_panics_or_changes_the_shape_of_a_value(text in noise()) {
        let mut value = json!({ text.as_str(): [text] });
        scrubber().scrub_value(&mut value).unwrap();
        prop_assert_eq!(value.as_object().map(Map::len), Some(1));
        // Each parameter has a pair in the query.
        let parameters = scrubber().scrub_query(&text);
        prop_assert!(parameters.len() <= text.split('&').count());
        // The whole of a URL is searched as any text is, and more of it taken for the value.
        let url = scrubber().scrub_url(&text);
        prop_assert!(text.is_empty() || !url.is_empty());
        let mut field = json!({ "a": text });
        scrubber().scrub_value(&mut field).unwrap();
        prop_assert_eq!(field, json!({ "a": scrubber().scrub_str(&text) }));
    }
}
