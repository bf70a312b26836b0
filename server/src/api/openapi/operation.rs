//! What is said of one operation, beside what the table of routes knows of it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use super::super::params::Given;
use super::super::problem::Problem;
use super::schema::StreamEvent;
use crate::routes::{Endpoint, Route};

/// A part of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    Events,
    Actions,
    Playbooks,
    Notifications,
    Access,
    Server,
}

impl Tag {
    pub(super) const ALL: [Self; 6] = [
        Self::Events,
        Self::Actions,
        Self::Playbooks,
        Self::Notifications,
        Self::Access,
        Self::Server,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Actions => "actions",
            Self::Playbooks => "playbooks",
            Self::Notifications => "notifications",
            Self::Access => "access",
            Self::Server => "server",
        }
    }

    pub(super) fn about(self) -> &'static str {
        match self {
            Self::Events => "What agents have told: searches, counts, exports and saved views",
            Self::Actions => "Security responses, and what none of them concerns",
            Self::Playbooks => "What abuse looks like, what is done about it, and what was done",
            Self::Notifications => "Where people are told, and what was told them",
            Self::Access => "People, tokens and the audit log",
            Self::Server => "Applications, agents, and what became of every event",
        }
    }
}

/// A parameter of the query.
#[derive(Debug)]
pub(crate) struct Param {
    pub(super) name: &'static str,
    pub(super) about: String,
    pub(super) required: bool,
    pub(super) schema: Value,
    pub(super) example: Value,
}

impl Param {
    /// A text.
    pub(crate) fn text(name: &'static str, about: &str, example: &str) -> Self {
        Self {
            name,
            about: about.to_owned(),
            required: false,
            schema: json!({"type": "string"}),
            example: example.into(),
        }
    }

    /// A text that is one of these.
    pub(crate) fn one_of(name: &'static str, about: &str, names: &[&'static str]) -> Self {
        Self {
            schema: json!({"type": "string", "enum": names}),
            ..Self::text(name, about, names.first().copied().unwrap_or_default())
        }
    }

    /// A number of 1 to `most`.
    pub(crate) fn number(name: &'static str, about: &str, most: usize, default: usize) -> Self {
        Self {
            schema: json!({"type": "integer", "minimum": 1, "maximum": most, "default": default}),
            example: default.into(),
            ..Self::text(name, about, "")
        }
    }

    /// The default is told by `about` instead of the schema.
    pub(crate) fn without_default(mut self) -> Self {
        if let Some(schema) = self.schema.as_object_mut() {
            schema.remove("default");
        }
        self
    }

    pub(crate) fn required(self) -> Self {
        Self {
            required: true,
            ..self
        }
    }
}

type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// The body of requests.
#[derive(Debug)]
pub(super) struct BodyOf {
    pub(super) schema: SchemaOf,
    pub(super) example: Value,
}

/// An answer that is no problem.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) about: &'static str,
    /// Content types with the schemas of their content.
    pub(super) content: Vec<(&'static str, SchemaOf)>,
}

/// An operation of the API, for its description.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(super) tag: Tag,
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) params: Vec<Param>,
    pub(super) body: Option<BodyOf>,
    pub(super) answers: Vec<Answer>,
    pub(super) conflict: Option<&'static str>,
}

impl Operation {
    /// An operation with an id for generated clients, in camel case, and what it is for.
    pub(crate) fn new(tag: Tag, id: &'static str, summary: &'static str) -> Self {
        Self {
            tag,
            id,
            summary,
            params: Vec::new(),
            body: None,
            answers: Vec::new(),
            conflict: None,
        }
    }

    /// The parameters that the query may have; any other is refused before the handler sees it.
    pub(crate) fn query(mut self, params: impl IntoIterator<Item = Param>) -> Self {
        self.params.extend(params);
        self
    }

    /// The JSON object that is sent.
    pub(crate) fn body<T: JsonSchema>(mut self, example: Value) -> Self {
        let schema = <T as JsonSchema>::json_schema;
        self.body = Some(BodyOf { schema, example });
        self
    }

    /// An answer of JSON.
    pub(crate) fn answer<T: JsonSchema>(self, status: u16, about: &'static str) -> Self {
        self.content(status, about, vec![("application/json", schema_for::<T>)])
    }

    /// An answer of text of these content types.
    pub(crate) fn text(self, about: &'static str, types: &[&'static str]) -> Self {
        let content = types
            .iter()
            .map(|media| (*media, schema_for::<String> as SchemaOf));
        let content = content.collect();
        self.content(200, about, content)
    }

    /// An answer of server-sent events.
    pub(crate) fn stream(self, about: &'static str) -> Self {
        let content = vec![("text/event-stream", schema_for::<StreamEvent> as SchemaOf)];
        self.content(200, about, content)
    }

    /// An answer of JSON, or of server-sent events to who accepts those.
    pub(crate) fn answer_or_stream<T: JsonSchema>(self, about: &'static str) -> Self {
        let content: Vec<(_, SchemaOf)> = vec![
            ("application/json", schema_for::<T>),
            ("text/event-stream", schema_for::<StreamEvent>),
        ];
        self.content(200, about, content)
    }

    fn content(
        mut self,
        status: u16,
        about: &'static str,
        content: Vec<(&'static str, SchemaOf)>,
    ) -> Self {
        self.answers.push(Answer {
            status,
            about,
            content,
        });
        self
    }

    /// An answer without a body.
    pub(crate) fn nothing(self, about: &'static str) -> Self {
        self.content(204, about, Vec::new())
    }

    /// When it is answered 409.
    pub(crate) fn conflict(mut self, about: &'static str) -> Self {
        self.conflict = Some(about);
        self
    }
}

fn schema_for<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// An endpoint of the API with its description. The API's table is made of these, so that no route is without.
#[derive(Debug)]
pub(crate) struct Described {
    endpoint: Endpoint,
    pub(super) operation: Operation,
}

impl Described {
    pub(super) fn route(&self) -> Route {
        self.endpoint.route
    }

    /// The endpoint, which takes no parameter of the query but those of its description.
    pub(crate) fn endpoint(self) -> Endpoint {
        let names = self.operation.params.iter().map(|param| param.name);
        let names: Arc<[&'static str]> = names.collect();
        let check = from_fn_with_state(names, check_query);
        self.endpoint.map(|handler| handler.route_layer(check))
    }
}

impl Endpoint {
    pub(crate) fn described(self, operation: Operation) -> Described {
        Described {
            endpoint: self,
            operation,
        }
    }
}

async fn check_query(
    State(names): State<Arc<[&'static str]>>,
    given: Given,
    request: Request,
    next: Next,
) -> Response {
    match given.unknown(&names) {
        Some(name) => Problem::unknown_parameter(name).into_response(),
        None => next.run(request).await,
    }
}
