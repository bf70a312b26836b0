//! `/playbooks/new` and `/playbooks/{slug}/edit`: previewing and saving what the form says.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::Markup;
use serde_json::{Map, Value, json};

use super::super::access::{Reader, Sent, value};
use super::super::signin;
use super::editor::{Conflict, Editor};
use super::preview::{self, Preview};
use super::{document, fields, path, read, unknown};
use crate::api::Params;
use crate::fields::{FieldError, Fields};
use crate::playbooks::file::{self, PlaybookTest};
use crate::playbooks::{Current, PlaybookError, Stage, read_json, templates, write};
use crate::server::{App, blocking};
use crate::state::Source;

/// What is edited.
struct Subject {
    /// As it is now; `None` for a new one.
    current: Option<Arc<Current>>,
    tests: Vec<PlaybookTest>,
}

impl Subject {
    fn new(app: &App, slug: Option<&str>, given: &Params) -> Option<Self> {
        if let Some(slug) = slug {
            let current = app.playbooks.get(slug)?;
            let tests = current.tests.to_vec();
            return Some(Self {
                current: Some(current),
                tests,
            });
        }
        let template = value(given, "template");
        let template = templates()
            .iter()
            .find(|known| Some(known.entry.playbook.slug.as_str()) == template);
        let tests = template.map_or_else(Vec::new, |template| template.entry.tests.clone());
        Some(Self {
            current: None,
            tests,
        })
    }

    fn is_from_file(&self) -> bool {
        self.current
            .as_ref()
            .is_some_and(|current| current.record.source == Source::File)
    }
}

/// What there is to say of the form.
struct Said<'a> {
    wrong: Option<&'a FieldError>,
    conflict: Option<&'a Conflict>,
    preview: Preview,
}

impl Default for Said<'_> {
    fn default() -> Self {
        Self {
            wrong: None,
            conflict: None,
            preview: Preview::none(),
        }
    }
}

fn editor(
    reader: &Reader,
    subject: &Subject,
    given: &Params,
    version: i64,
    said: Said<'_>,
) -> Markup {
    let editor = Editor {
        reader,
        slug: subject
            .current
            .as_ref()
            .map(|current| current.record.slug.as_str()),
        given,
        version,
        from_file: subject.is_from_file(),
        tests: subject.tests.len(),
        wrong: said.wrong,
        conflict: said.conflict,
        preview: said.preview,
    };
    document("Playbook", reader, &editor.markup())
}

/// `GET /playbooks/new?template=…`.
pub(in super::super) async fn new(
    State(app): State<App>,
    Query(params): Query<Params>,
    reader: Reader,
) -> Result<Response, Response> {
    let template = value(&params, "template");
    let chosen = templates()
        .iter()
        .find(|known| Some(known.entry.playbook.slug.as_str()) == template);
    let mut given = match chosen {
        Some(chosen) => fields::write(&write(&chosen.entry.playbook, Stage::Draft)),
        None => vec![("notify".to_owned(), "yes".to_owned())],
    };
    if let (Some(_), Some(template)) = (chosen, template) {
        given.push(("template".to_owned(), template.to_owned()));
    }
    given.push(("keep_tests".to_owned(), "yes".to_owned()));
    let subject = Subject::new(&app, None, &given).ok_or_else(|| unknown(&reader))?;
    Ok(editor(&reader, &subject, &given, 0, Said::default()).into_response())
}

/// `GET /playbooks/{slug}/edit`.
pub(in super::super) async fn edit(
    State(app): State<App>,
    Path(slug): Path<String>,
    reader: Reader,
) -> Result<Response, Response> {
    let subject =
        Subject::new(&app, Some(&slug), &Params::new()).ok_or_else(|| unknown(&reader))?;
    let current = subject.current.as_ref().ok_or_else(|| unknown(&reader))?;
    let mut given = fields::write(&write(&current.playbook, current.stage));
    given.push(("keep_tests".to_owned(), "yes".to_owned()));
    let version = current.record.version;
    Ok(editor(&reader, &subject, &given, version, Said::default()).into_response())
}

/// `POST /playbooks/new`.
pub(in super::super) async fn add(
    State(app): State<App>,
    headers: HeaderMap,
    sent: Sent,
) -> Result<Response, Response> {
    take(&app, None, &headers, &sent).await
}

/// `POST /playbooks/{slug}/edit`.
pub(in super::super) async fn save(
    State(app): State<App>,
    Path(slug): Path<String>,
    headers: HeaderMap,
    sent: Sent,
) -> Result<Response, Response> {
    take(&app, Some(&slug), &headers, &sent).await
}

async fn take(
    app: &App,
    slug: Option<&str>,
    headers: &HeaderMap,
    sent: &Sent,
) -> Result<Response, Response> {
    let given = &sent.fields;
    // One that was removed in the meantime is a new one.
    let subject = Subject::new(app, slug, given);
    let subject = subject
        .or_else(|| Subject::new(app, None, given))
        .ok_or_else(|| unknown(&sent.reader))?;
    let version = value(given, "version")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let mut written = fields::read(given);
    if let Some(slug) = slug {
        written.insert("slug".to_owned(), json!(slug));
    }
    if value(given, "keep_tests").is_some() && !subject.tests.is_empty() {
        written.insert("tests".to_owned(), file::written(&subject.tests));
    }
    let refuse = |error: &FieldError| {
        let said = Said {
            wrong: Some(error),
            ..Said::default()
        };
        let page = editor(&sent.reader, &subject, given, version, said);
        (StatusCode::BAD_REQUEST, page).into_response()
    };
    if value(given, "do") == Some("preview") {
        // A preview needs no name yet.
        written.entry("slug").or_insert_with(|| json!("preview"));
        let entry = file::entry(Fields::new(written));
        let accepts = headers.get(header::ACCEPT);
        if accepts.is_some_and(|accepts| accepts == "text/event-stream") {
            return Ok(match entry {
                Ok(entry) => preview::follow(app, entry.playbook, given).await,
                Err(error) => preview::wrong(&error),
            });
        }
        let entry = entry.map_err(|error| refuse(&error))?;
        let said = Said {
            preview: Preview::of(app, entry.playbook, given).await,
            ..Said::default()
        };
        return Ok(editor(&sent.reader, &subject, given, version, said).into_response());
    }
    if subject.is_from_file() && value(given, "overwrite").is_none() {
        let wrong = "check this to take the place of what came from a file";
        return Err(refuse(&FieldError::new("overwrite", wrong)));
    }
    let (shared, by) = (Arc::clone(app), sent.reader.caller.clone());
    let stored =
        blocking(move || shared.playbooks.put(written, version, Source::Edited, &by)).await;
    match stored {
        Ok(Ok(current)) => Ok(Redirect::to(&path(&current.record.slug)).into_response()),
        Ok(Err(PlaybookError::Field(error))) => Err(refuse(&error)),
        Ok(Err(PlaybookError::Changed(_))) if slug.is_none() => {
            let error = FieldError::new("slug", "another playbook has it");
            Err(refuse(&error))
        }
        Ok(Err(PlaybookError::Changed(found))) => {
            let conflict = conflict(app, slug.unwrap_or_default(), version, found).await?;
            let said = Said {
                conflict: Some(&conflict),
                ..Said::default()
            };
            let subject = Subject::new(app, slug, given).unwrap_or(subject);
            let page = editor(&sent.reader, &subject, given, conflict.version, said);
            Err((StatusCode::CONFLICT, page).into_response())
        }
        Ok(Err(PlaybookError::Full)) => {
            let reason = "There are as many playbooks as there may be. Remove one first.";
            Err(super::refuse(&sent.reader, StatusCode::CONFLICT, reason))
        }
        Ok(Err(PlaybookError::State(error))) => Err(signin::unavailable(&error)),
        Err(error) => Err(signin::unavailable(&error)),
    }
}

/// What changed since the version that was edited.
async fn conflict(app: &App, slug: &str, base: i64, found: i64) -> Result<Conflict, Response> {
    let of = slug.to_owned();
    let (was, is) = read(app, move |shared| {
        let version = |number| shared.state.playbook_version(&of, number);
        Ok((version(base)?, version(found)?))
    })
    .await?;
    let body = |body: &str| match read_json(body) {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    let by = is.as_ref().map_or_else(String::new, |is| is.by.clone());
    let was = was.map_or_else(Map::new, |was| body(&was.body));
    let is = is.map_or_else(Map::new, |is| body(&is.body));
    let names = was
        .keys()
        .chain(is.keys().filter(|name| !was.contains_key(*name)));
    let changed = names.filter(|name| was.get(*name) != is.get(*name));
    let changes = changed.map(|name| [name.clone(), shown(was.get(name)), shown(is.get(name))]);
    Ok(Conflict {
        version: found,
        by,
        changes: if found == 0 {
            Vec::new()
        } else {
            changes.collect()
        },
    })
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
