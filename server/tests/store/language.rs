//! Random filters: printed, they parse to the same; and whatever is parsed, nothing panics.

use ipnet::IpNet;
use proptest::collection::vec;
use proptest::prelude::*;
use sqreen_server::store::{Check, Comparison, Dimension, Field, Filter, JsonField, Test};

/// Any text, and the characters that mean something more often than chance has it.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => "[a-c0-9./-]{1,3}",
        3 => "[ \"'\\\\(),:~^<>=!.\n\r\t-]",
        1 => Just("10.0.0.0/8".to_owned()),
        1 => Just("or".to_owned()),
        1 => any::<String>(),
    ];
    vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

fn json_field() -> impl Strategy<Value = Field> {
    let field = proptest::sample::select(JsonField::ALL.to_vec());
    (field, vec(text(), 0..3)).prop_map(|(field, path)| Field::Json(field, path))
}

fn dimension() -> impl Strategy<Value = Dimension> {
    proptest::sample::select(Dimension::ALL.to_vec())
}

fn field() -> impl Strategy<Value = Field> {
    prop_oneof![dimension().prop_map(Field::Dimension), json_field()]
}

fn networks() -> impl Strategy<Value = Check> {
    let net = prop_oneof![
        (any::<[u8; 4]>(), 0..=32_u8)
            .prop_map(|(ip, length)| IpNet::new(ip.into(), length).unwrap().trunc()),
        // Addresses that begin so are no IPv4 in IPv6.
        (any::<[u8; 15]>(), 0..=128_u8).prop_map(|(ip, length)| {
            let mut bytes = [0x20; 16];
            bytes[1..].copy_from_slice(&ip);
            IpNet::new(bytes.into(), length).unwrap().trunc()
        }),
    ];
    vec(net, 1..4).prop_map(Check::In)
}

fn number() -> impl Strategy<Value = Check> {
    let comparisons = [
        Comparison::Less,
        Comparison::AtMost,
        Comparison::More,
        Comparison::AtLeast,
    ];
    let number = any::<f64>().prop_filter("finite", |number| number.is_finite());
    let small = (-1000..1000).prop_map(f64::from);
    (
        proptest::sample::select(comparisons.to_vec()),
        prop_oneof![number, small],
    )
        .prop_map(|(comparison, number)| Check::Number(comparison, number))
}

/// What the field can be equal to.
fn equals(field: &Field) -> BoxedStrategy<Check> {
    let value = match field {
        Field::Dimension(Dimension::Ip) => any::<std::net::IpAddr>()
            .prop_map(|ip| ip.to_canonical().to_string())
            .boxed(),
        Field::Dimension(Dimension::Status) => any::<u16>().prop_map(|n| n.to_string()).boxed(),
        Field::Dimension(Dimension::Country) => "[A-Z]{2}".boxed(),
        Field::Dimension(Dimension::Asn) => any::<u32>().prop_map(|n| n.to_string()).boxed(),
        Field::Dimension(Dimension::Aggregated) => {
            any::<bool>().prop_map(|is| is.to_string()).boxed()
        }
        _ => text().boxed(),
    };
    vec(value, 1..4).prop_map(Check::Equals).boxed()
}

fn test() -> impl Strategy<Value = Filter> {
    field().prop_flat_map(|field| {
        let mut checks = vec![
            equals(&field),
            text().prop_map(Check::Contains).boxed(),
            text().prop_map(Check::Prefix).boxed(),
            Just(Check::Exists).boxed(),
        ];
        let json = matches!(field, Field::Json(..));
        if json || matches!(field, Field::Dimension(dimension) if dimension.is_number()) {
            checks.push(number().boxed());
        }
        if json || field == Field::Dimension(Dimension::Ip) {
            checks.push(networks().boxed());
        }
        proptest::strategy::Union::new(checks).prop_map(move |check| {
            let field = field.clone();
            Filter::Is(Test { field, check })
        })
    })
}

/// A filter with groups of `least` members or more.
fn filter(least: usize) -> impl Strategy<Value = Filter> {
    let leaf = prop_oneof![8 => test(), 1 => Just(Filter::default())];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let group = vec(inner.clone(), least..5);
        prop_oneof![
            group.clone().prop_map(Filter::All),
            group.prop_map(Filter::Any),
            inner.prop_map(|inner| Filter::Not(Box::new(inner))),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_parses_to_the_same_filter(filter in filter(2)) {
        prop_assert_eq!(filter.to_string().parse(), Ok(filter));
    }

    #[test]
    fn whatever_is_printed_stays_as_it_is(filter in filter(0)) {
        let printed = filter.to_string();
        let parsed: Filter = printed.parse().unwrap();
        prop_assert_eq!(parsed.to_string(), printed);
    }

    #[test]
    fn a_field_parses_to_itself(field in field()) {
        prop_assert_eq!(field.to_string().parse(), Ok(field));
    }

    #[test]
    fn random_text_is_parsed_or_refused_at_one_of_its_characters(
        pieces in vec(prop_oneof![
            text(),
            proptest::sample::select(vec![
                "name", "user.", "has:", "and ", " or ", "not ", "ip:", "status", ">=", ")", "(", "-",
            ]).prop_map(str::to_owned),
        ], 0..12),
    ) {
        let text = pieces.concat();
        match text.parse::<Filter>() {
            Ok(filter) => prop_assert_eq!(filter.to_string().parse(), Ok(filter)),
            Err(error) => prop_assert!(text.is_char_boundary(error.position()), "{error}"),
        }
    }
}
