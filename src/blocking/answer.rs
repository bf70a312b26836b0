use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};

use super::verdict::Verdict;
use crate::context::RequestContext;

/// What an app answers to blocked requests; see
/// [`ConfigBuilder::block_answer`](crate::ConfigBuilder::block_answer).
pub(crate) type AnswerFn = Arc<dyn Fn(&BlockedRequest<'_>) -> Response<Bytes> + Send + Sync>;

/// A request that a security response stops, for apps that word the answer themselves.
///
/// ```
/// use http::{Response, StatusCode};
/// use sqreen::Config;
///
/// let config = Config::builder().block_answer(|blocked| {
///     let mut answer: Response<_> = blocked.default_answer();
///     if blocked.redirect_url().is_none() {
///         *answer.status_mut() = StatusCode::NOT_FOUND;
///     }
///     answer
/// });
/// ```
pub struct BlockedRequest<'a> {
    context: &'a RequestContext,
    verdict: &'a Verdict,
}

impl fmt::Debug for BlockedRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockedRequest")
            .field("method", &self.method())
            .field("path", &self.path())
            .field("reference", &self.reference())
            .finish_non_exhaustive()
    }
}

impl BlockedRequest<'_> {
    /// The request's method.
    #[must_use]
    pub fn method(&self) -> Cow<'_, str> {
        self.context.facts.method()
    }

    /// The request's path, as the client sent it.
    #[must_use]
    pub fn path(&self) -> Cow<'_, str> {
        self.context.facts.path()
    }

    /// The `Accept` header; `None` also if no action was in force when the request came.
    #[must_use]
    pub fn accept(&self) -> Option<Cow<'_, str>> {
        self.context.facts.accept()
    }

    /// The client's address, as far as it is known.
    #[must_use]
    pub fn client_ip(&self) -> Option<IpAddr> {
        self.context.client_ip()
    }

    /// What the client may quote to the operator; the event that reports the block carries it.
    #[must_use]
    pub fn reference(&self) -> &str {
        &self.verdict.reference
    }

    /// Where the client is sent instead, if it is redirected.
    #[must_use]
    pub fn redirect_url(&self) -> Option<&str> {
        self.verdict.redirect.as_deref()
    }

    /// The answer where the app has none of its own: 303 with `Location` for a redirect; else 403
    /// with a small page in HTML, JSON or plain text, whichever `Accept` prefers. gRPC calls get
    /// `PERMISSION_DENIED` for both.
    #[must_use]
    pub fn default_answer(&self) -> Response<Bytes> {
        let reference = self.reference();
        let content_type = self.context.facts.header("content-type");
        if content_type.is_some_and(|kind| kind.starts_with("application/grpc")) {
            let message = format!("access denied, reference {reference}");
            let mut answer = response(StatusCode::OK, "application/grpc", Bytes::new());
            let headers = answer.headers_mut();
            headers.insert(
                HeaderName::from_static("grpc-status"),
                HeaderValue::from_static("7"),
            );
            if let Ok(message) = HeaderValue::try_from(message) {
                headers.insert(HeaderName::from_static("grpc-message"), message);
            }
            return answer;
        }
        let location = self.redirect_url().map(HeaderValue::from_str);
        if let Some(Ok(location)) = location {
            let mut answer = response(StatusCode::SEE_OTHER, "text/plain", Bytes::new());
            answer.headers_mut().insert(header::LOCATION, location);
            return answer;
        }
        let accept = self.accept();
        let form = Form::preferred(accept.as_deref().unwrap_or_default());
        response(
            StatusCode::FORBIDDEN,
            form.content_type(),
            form.page(reference).into(),
        )
    }
}

/// The answer to a request that is stopped.
pub(crate) fn answer(context: &RequestContext, verdict: &Verdict) -> Response<Bytes> {
    let request = BlockedRequest { context, verdict };
    match &context.agent.config.block_answer {
        Some(answer) => answer(&request),
        None => request.default_answer(),
    }
}

fn response(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The forms of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Html,
    Json,
    Plain,
}

impl Form {
    /// The form that an `Accept` header weighs most, the first of equals (RFC 9110, section
    /// 12.5.1); plain text if it takes none of them.
    fn preferred(accept: &str) -> Self {
        let mut best = (0.0, Self::Plain);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
            let form = match kind.as_str() {
                "text/html" | "application/xhtml+xml" => Self::Html,
                "application/json" | "application/*" => Self::Json,
                kind if kind.ends_with("+json") => Self::Json,
                "text/plain" | "text/*" | "*/*" => Self::Plain,
                _ => continue,
            };
            let weight = parts.find_map(|part| part.strip_prefix("q="));
            let weight = weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0));
            if weight > best.0 {
                best = (weight, form);
            }
        }
        best.1
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Json => "application/json",
            Self::Plain => "text/plain; charset=utf-8",
        }
    }

    /// The reference is of hexadecimal digits: there is nothing to escape.
    fn page(self, reference: &str) -> String {
        match self {
            Self::Html => format!(
                "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
                 <meta name=\"viewport\" content=\"width=device-width\">\n\
                 <title>Access denied</title>\n<h1>Access denied</h1>\n\
                 <p>If you think that this is a mistake, quote this reference to the site's \
                 operator: <code>{reference}</code></p>\n</html>\n"
            ),
            Self::Json => {
                format!("{{\"error\":\"access_denied\",\"reference\":\"{reference}\"}}\n")
            }
            Self::Plain => format!("Access denied. Reference: {reference}\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_decides_the_form() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        for (accept, form) in [
            ("", Form::Plain),
            ("*/*", Form::Plain),
            (browser, Form::Html),
            ("application/json", Form::Json),
            ("application/json, text/html;q=0.9", Form::Json),
            ("application/json;q=0.5, text/html", Form::Html),
            ("application/problem+json", Form::Json),
            ("TEXT/HTML", Form::Html),
            ("text/html;q=0", Form::Plain),
            ("text/html;q=nonsense, application/json;q=0.1", Form::Json),
            ("image/png", Form::Plain),
            (",;,q=;text/html", Form::Plain),
        ] {
            assert_eq!(Form::preferred(accept), form, "{accept:?}");
        }
    }
}
