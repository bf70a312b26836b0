//! Schemas of texts with a form of their own, and of server-sent events.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::playbooks::{ActorKind, Stage};
use crate::state::{Channel, DeliveryStatus, Id, Kind, Role, TokenKind};
use crate::store::{Cursor, EventId};

/// A time in answers; stands for [`Timestamp`](sqreen::protocol::Timestamp), which knows nothing of schemas.
#[derive(Debug)]
pub(crate) struct Time;

/// A time in bodies of requests: RFC 3339, or milliseconds since 1970.
#[derive(Debug)]
pub(crate) struct Moment;

/// One server-sent event.
#[derive(Debug)]
pub(super) struct StreamEvent;

/// Implements [`JsonSchema`] for a type by its name and a schema, which stands wherever the type does.
macro_rules! forms {
    ($($type:ident: $schema:expr;)*) => {$(
        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )*};
}

forms! {
    Time: json_schema!({"type": "string", "format": "date-time"});
    Moment: json_schema!({"type": ["string", "integer"]});
    StreamEvent: json_schema!({
        "type": "object",
        "properties": {"event": {"type": "string"}, "data": {"type": "string"}},
    });
    Id: json_schema!({"type": "string", "pattern": "^[0-9a-f]{16}$"});
    EventId: json_schema!({"type": "string", "format": "uuid"});
    Cursor: json_schema!({"type": "string"});
    Role: json_schema!({"type": "string", "enum": Self::ALL.map(Self::name)});
    Kind: json_schema!({"type": "string", "enum": Self::ALL.map(Self::name)});
    Stage: json_schema!({"type": "string", "enum": Self::ALL.map(Self::name)});
    ActorKind: json_schema!({"type": "string", "enum": Self::ALL.map(Self::name)});
    Channel: json_schema!({"type": "string", "enum": Self::ALL.map(Self::name)});
    DeliveryStatus: json_schema!({"type": "string", "enum": Self::ALL.map(Self::name)});
    TokenKind: json_schema!({"type": "string", "enum": Self::ALL.map(Self::name)});
}
