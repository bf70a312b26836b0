//! Extractors and responses for axum.

use std::convert::Infallible;
use std::fmt;

use axum::extract::{FromRequestParts, MatchedPath, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::LOCATION;
use http::request::Parts;

use crate::blocking::Blocked;
use crate::context::SqreenCtx;
use crate::user::UserIdentifiers;

/// The layer is missing, so that there is nothing to extract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MissingLayer;

impl fmt::Display for MissingLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no `SqreenLayer` around this handler: add `.layer(sqreen.layer())` to the router, after its routes")
    }
}

impl std::error::Error for MissingLayer {}

impl IntoResponse for MissingLayer {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.to_string()).into_response()
    }
}

/// Finds the context, and tells it the route, which a layer around the router cannot see.
fn context(parts: &Parts) -> Option<SqreenCtx> {
    let context = parts.extensions.get::<SqreenCtx>()?;
    if let Some(route) = parts.extensions.get::<MatchedPath>() {
        context.set_route(route.as_str());
    }
    Some(context.clone())
}

impl<S: Sync> FromRequestParts<S> for SqreenCtx {
    type Rejection = MissingLayer;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, MissingLayer> {
        context(parts).ok_or(MissingLayer)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for SqreenCtx {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(context(parts))
    }
}

/// Extracts who is behind the request, and [identifies](SqreenCtx::identify) them.
///
/// `T` is the app's own extractor of its session or user, and `UserIdentifiers: From<&T>` says
/// how it is called. A blocked user does not get to the handler.
///
/// ```
/// use axum::extract::FromRequestParts;
/// use sqreen::{Identify, SqreenCtx, UserIdentifiers};
///
/// struct Session {
///     email: String,
/// }
///
/// impl From<&Session> for UserIdentifiers {
///     fn from(session: &Session) -> Self {
///         Self::new("email", session.email.clone())
///     }
/// }
///
/// # impl<S: Sync> FromRequestParts<S> for Session {
/// #     type Rejection = http::StatusCode;
/// #     async fn from_request_parts(_: &mut http::request::Parts, _: &S) -> Result<Self, Self::Rejection> {
/// #         Err(http::StatusCode::UNAUTHORIZED)
/// #     }
/// # }
/// async fn invoice(Identify(session): Identify<Session>, sqreen: SqreenCtx) -> String {
///     sqreen.track("invoice.viewed");
///     session.email
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(invoice));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Identify<T>(pub T);

/// Why [`Identify`] failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum IdentifyRejection<R> {
    /// The app's own extractor failed.
    User(R),
    /// The layer is missing.
    MissingLayer(MissingLayer),
    /// The user is blocked.
    Blocked(Blocked),
}

impl<R: IntoResponse> IntoResponse for IdentifyRejection<R> {
    fn into_response(self) -> Response {
        match self {
            Self::User(rejection) => rejection.into_response(),
            Self::MissingLayer(missing) => missing.into_response(),
            Self::Blocked(blocked) => blocked.into_response(),
        }
    }
}

impl<S, T> FromRequestParts<S> for Identify<T>
where
    S: Send + Sync,
    T: FromRequestParts<S> + Send,
    UserIdentifiers: for<'a> From<&'a T>,
{
    type Rejection = IdentifyRejection<T::Rejection>;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let user = T::from_request_parts(parts, state).await;
        let user = user.map_err(IdentifyRejection::User)?;
        let context = context(parts).ok_or(IdentifyRejection::MissingLayer(MissingLayer))?;
        let verdict = context.identify(UserIdentifiers::from(&user));
        verdict.map_err(IdentifyRejection::Blocked)?;
        Ok(Self(user))
    }
}

impl IntoResponse for Blocked {
    fn into_response(self) -> Response {
        // The layer puts its own answer in the place of this one.
        match self.redirect_url() {
            Some(url) => (StatusCode::SEE_OTHER, [(LOCATION, url)]).into_response(),
            None => (StatusCode::FORBIDDEN, "Access denied").into_response(),
        }
    }
}
