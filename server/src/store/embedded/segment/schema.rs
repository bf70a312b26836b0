//! The columns of a segment.

use std::sync::LazyLock;

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::errors::ParquetError;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{Type, TypePtr};

use crate::store::filter::JsonField;

/// The version of the columns and their meaning, stored in the file under [`KEY_VERSION`].
pub(super) const SCHEMA_VERSION: &str = "3";

/// The versions that are read, each with how many of [`Column::ALL`] its segments have: the first ones.
pub(super) const VERSIONS: [(&str, usize); 2] = [("2", 25), (SCHEMA_VERSION, Column::ALL.len())];

/// The file's metadata: its schema version.
pub(super) const KEY_VERSION: &str = "sqreen.schema_version";
/// The file's metadata: the earliest event time.
pub(super) const KEY_MIN_TIME: &str = "sqreen.min_time";
/// The file's metadata: the latest event time.
pub(super) const KEY_MAX_TIME: &str = "sqreen.max_time";
/// The file's metadata: the latest time of receipt.
pub(super) const KEY_MAX_RECEIVED: &str = "sqreen.max_received";

/// The file's metadata: where the index of addresses lies.
pub(super) const KEY_IPS: &str = "sqreen.index.ip";
/// The file's metadata: where the index of users' identifiers lies.
pub(super) const KEY_USERS: &str = "sqreen.index.user";

const MESSAGE: &str = "message event {
    required fixed_len_byte_array(16) id (UUID);
    required int64 time (TIMESTAMP(MICROS,true));
    required int64 received (TIMESTAMP(MICROS,true));
    required binary app (STRING);
    required binary name (STRING);
    optional binary ip (STRING);
    optional binary user (STRING);
    optional binary method (STRING);
    optional binary path (STRING);
    optional binary route (STRING);
    optional binary host (STRING);
    optional binary scheme (STRING);
    optional binary user_agent (STRING);
    optional binary referer (STRING);
    optional binary request_id (STRING);
    optional int32 status (INTEGER(16,false));
    optional binary params (STRING);
    optional binary body (STRING);
    optional binary properties (STRING);
    optional binary traits (STRING);
    optional binary headers (STRING);
    optional binary agent (STRING);
    optional binary hostname (STRING);
    optional binary environment (STRING);
    required boolean aggregated;
    optional binary country (STRING);
    optional int32 asn (INTEGER(32,false));
    optional binary network (STRING);
}";

/// The columns that every segment of the present version has, as Parquet has them.
pub(super) static SCHEMA: LazyLock<TypePtr> = LazyLock::new(|| {
    parse_message_type(MESSAGE)
        .expect("the message is a constant, and tested")
        .into()
});

/// A column for a member of JSON: it holds the member's JSON, and is named `properties.<member>` or `user.<member>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shred {
    pub(super) field: JsonField,
    pub(super) member: String,
}

impl Shred {
    pub(super) fn name(&self) -> String {
        format!("{}.{}", self.field.name(), self.member)
    }

    pub(super) fn of_name(name: &str) -> Option<Self> {
        let (field, member) = name.split_once('.')?;
        let field = [JsonField::Properties, JsonField::User]
            .into_iter()
            .find(|known| known.name() == field)?;
        let member = member.to_owned();
        Some(Self { field, member })
    }
}

/// The schema with columns for members behind those that every segment has.
pub(super) fn schema(shreds: &[Shred]) -> Result<TypePtr, ParquetError> {
    let mut fields = SCHEMA.get_fields().to_vec();
    for shred in shreds {
        let name = shred.name();
        let column = Type::primitive_type_builder(&name, Physical::BYTE_ARRAY)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(Some(LogicalType::String));
        fields.push(column.build()?.into());
    }
    let schema = Type::group_type_builder(SCHEMA.name()).with_fields(fields);
    Ok(schema.build()?.into())
}

/// The columns that every segment of the present version has, in the order of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Id,
    Time,
    Received,
    App,
    Name,
    Ip,
    User,
    Method,
    Path,
    Route,
    Host,
    Scheme,
    UserAgent,
    Referer,
    RequestId,
    Status,
    Params,
    Body,
    Properties,
    Traits,
    Headers,
    Agent,
    Hostname,
    Environment,
    Aggregated,
    Country,
    Asn,
    Network,
}

impl Column {
    pub(super) const ALL: [Self; 28] = [
        Self::Id,
        Self::Time,
        Self::Received,
        Self::App,
        Self::Name,
        Self::Ip,
        Self::User,
        Self::Method,
        Self::Path,
        Self::Route,
        Self::Host,
        Self::Scheme,
        Self::UserAgent,
        Self::Referer,
        Self::RequestId,
        Self::Status,
        Self::Params,
        Self::Body,
        Self::Properties,
        Self::Traits,
        Self::Headers,
        Self::Agent,
        Self::Hostname,
        Self::Environment,
        Self::Aggregated,
        Self::Country,
        Self::Asn,
        Self::Network,
    ];

    /// The column's place in the file.
    pub(super) fn place(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_of_a_member_tells_which_it_is() {
        for (field, member) in [
            (JsonField::User, "email"),
            (JsonField::Properties, "a.b \u{e9}"),
        ] {
            let member = member.to_owned();
            let shred = Shred { field, member };
            assert_eq!(Shred::of_name(&shred.name()), Some(shred));
        }
        for name in ["user", "traits.a", "properties", ".a"] {
            assert_eq!(Shred::of_name(name), None, "{name}");
        }
    }

    #[test]
    fn the_columns_are_those_of_the_schema() {
        let fields = SCHEMA.get_fields();
        assert_eq!(fields.len(), Column::ALL.len());
        for (place, column) in Column::ALL.into_iter().enumerate() {
            assert_eq!(column.place(), place);
            assert_eq!(
                fields[place].name().replace('_', ""),
                format!("{column:?}").to_lowercase()
            );
        }
    }
}
