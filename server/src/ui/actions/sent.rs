//! Forms that change something, and where they come from.

use axum::extract::{Form, FromRequest, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::super::access::{self, Reader};
use super::page;
use crate::api::Params;
use crate::server::App;

/// A form from a page of the reader who sends it.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(in super::super) reader: Reader,
    pub(in super::super) fields: Params,
}

/// Why a form changes nothing.
#[derive(Debug)]
pub(crate) enum NotSent {
    /// Nobody is signed in.
    SignedOut,
    /// It does not come from a page of this session.
    Foreign,
}

impl FromRequest<App> for Sent {
    type Rejection = NotSent;

    async fn from_request(request: Request, app: &App) -> Result<Self, NotSent> {
        let reader = app.explorer.reader(request.headers());
        let reader = reader.ok_or(NotSent::SignedOut)?;
        // What is no form carries no token either.
        let Form(fields) = Form::<Params>::from_request(request, app)
            .await
            .map_err(|_| NotSent::Foreign)?;
        if reader.sent(&fields) {
            Ok(Self { reader, fields })
        } else {
            Err(NotSent::Foreign)
        }
    }
}

impl IntoResponse for NotSent {
    fn into_response(self) -> Response {
        match self {
            Self::SignedOut => {
                access::refuse("Your session has ended. Sign in, then send the form again.")
            }
            Self::Foreign => (StatusCode::FORBIDDEN, page::foreign()).into_response(),
        }
    }
}
