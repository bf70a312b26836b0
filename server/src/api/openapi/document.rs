//! The document: paths, schemas and what all operations share.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::super::problem::ProblemView;
use super::operation::{Answer, Described, Operation, Param, Tag};
use crate::routes::{Needs, Route};
use crate::state::{Id, Role};
use crate::store::EventId;

/// The name of the security scheme.
const TOKEN: &str = "token";
const PROBLEM: &str = "application/problem+json";

/// Makes schemas. Those of requests differ: there, what may be null may be absent.
struct Generators {
    requests: SchemaGenerator,
    answers: SchemaGenerator,
}

/// The description of these endpoints.
pub(super) fn of(endpoints: &[Described]) -> Value {
    let settings = || {
        SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        })
    };
    let inline = |settings: &mut SchemaSettings| settings.inline_subschemas = true;
    let mut generators = Generators {
        requests: settings().for_deserialize().with(inline).into_generator(),
        answers: settings().for_serialize().into_generator(),
    };
    let problem = generators.answers.subschema_for::<ProblemView>();
    let mut paths = Map::new();
    for endpoint in endpoints {
        let Route { method, path, .. } = endpoint.route();
        let operation = operation(&mut generators, endpoint.route(), &endpoint.operation);
        let methods = paths.entry(path).or_insert_with(|| json!({}));
        if let Some(methods) = methods.as_object_mut() {
            methods.insert(method.to_ascii_lowercase(), operation);
        }
    }
    let tags = Tag::ALL.map(|tag| json!({"name": tag.name(), "description": tag.about()}));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "sqreen-server",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The self-hosted backend of sqreen. Times are RFC 3339, ids are texts. Errors are problems of \
                            RFC 9457 that name the `field` at fault. Whatever takes `filter` takes it in one language.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{TOKEN: []}],
        "tags": tags,
        "paths": paths,
        "components": {
            "securitySchemes": {TOKEN: {
                "type": "http",
                "scheme": "bearer",
                "description": "A token of the API: `sqreen-server token create api --role ROLE`, or `POST /api/v1/tokens`.",
            }},
            "responses": {"Problem": {
                "description": "A problem",
                "content": {PROBLEM: {"schema": problem}},
            }},
            "schemas": generators.answers.take_definitions(true),
        },
    })
}

fn operation(generators: &mut Generators, route: Route, operation: &Operation) -> Value {
    let mut parameters = path_parameters(generators, route.path);
    parameters.extend(operation.params.iter().map(parameter));
    let mut answers = Map::new();
    for answer in &operation.answers {
        answers.insert(answer.status.to_string(), self::answer(generators, answer));
    }
    answers.extend(problems(route, operation));
    let mut described = json!({
        "operationId": operation.id,
        "tags": [operation.tag.name()],
        "summary": operation.summary,
        "parameters": parameters,
        "responses": answers,
    });
    let Some(fields) = described.as_object_mut() else {
        return described;
    };
    if let Some(body) = &operation.body {
        let schema = (body.schema)(&mut generators.requests);
        let content = json!({"application/json": {"schema": schema, "example": body.example}});
        let body = json!({"required": true, "content": content});
        fields.insert("requestBody".to_owned(), body);
    }
    let security = match route.needs {
        Needs::Api(role) => {
            let needs = format!(
                "Needs a token with the role {} or a greater one.",
                role.name()
            );
            fields.insert("description".to_owned(), needs.into());
            json!([{TOKEN: [role.name()]}])
        }
        _ => json!([]),
    };
    fields.insert("security".to_owned(), security);
    described
}

/// The parameters in braces: ids, those of events among them, and slugs of playbooks.
fn path_parameters(generators: &mut Generators, path: &str) -> Vec<Value> {
    let names = path.split('/').filter_map(|segment| {
        let name = segment.strip_prefix('{')?;
        name.strip_suffix('}')
    });
    let schema = Id::json_schema(&mut generators.requests);
    let event = EventId::json_schema(&mut generators.requests);
    let parameter = |name: &str| match name {
        "slug" => json!({
            "name": name, "in": "path", "required": true, "example": "credential-stuffing",
            "schema": {"type": "string", "pattern": "^[a-z0-9-]{1,64}$"},
            "description": "The slug of a playbook",
        }),
        "event" => json!({
            "name": name, "in": "path", "required": true, "example": "00000000-0000-4000-8000-000000000001",
            "schema": event,
            "description": "The `id` of an event",
        }),
        _ => json!({
            "name": name, "in": "path", "required": true, "schema": schema, "example": "0123456789abcdef",
            "description": "The `id` of an answer before",
        }),
    };
    names.map(parameter).collect()
}

fn parameter(param: &Param) -> Value {
    json!({
        "name": param.name, "in": "query", "description": param.about, "required": param.required,
        "schema": param.schema, "example": param.example,
    })
}

fn answer(generators: &mut Generators, answer: &Answer) -> Value {
    let mut content = Map::new();
    for (media, schema) in &answer.content {
        let schema = schema(&mut generators.answers);
        content.insert((*media).to_owned(), json!({"schema": schema}));
    }
    json!({"description": answer.about, "content": content})
}

/// The problems that the operation may end with: those of every route, and those of what it takes.
fn problems(route: Route, operation: &Operation) -> Vec<(String, Value)> {
    let role = match route.needs {
        Needs::Api(role) => Some(role),
        _ => None,
    };
    let has_id = route.path.contains('{');
    let has_body = operation.body.is_some();
    let known = [
        (
            400,
            true,
            "A parameter or the body is wrong; `field` names it",
        ),
        (401, role.is_some(), "No token of the API"),
        (
            403,
            role > Some(Role::Viewer),
            "The token's role is too small",
        ),
        (404, has_id, "There is none of this id"),
        (408, has_body, "The body took too long"),
        (
            409,
            operation.conflict.is_some(),
            operation.conflict.unwrap_or_default(),
        ),
        (413, has_body, "The body is too large"),
        (
            503,
            role.is_some(),
            "A store cannot be used now, or too much runs; try again",
        ),
    ];
    let may_be = known.into_iter().filter(|(_, may_be, _)| *may_be);
    let problem = |(status, _, about): (u16, bool, &str)| {
        let reference = json!({"$ref": "#/components/responses/Problem", "description": about});
        (status.to_string(), reference)
    };
    may_be.map(problem).collect()
}
