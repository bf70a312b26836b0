//! What the layer keeps of a request: reference-counted parts, nothing formatted.

use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};

use crate::client_ip::ClientIpPolicy;

/// Whether a header is kept: those that may leave the app, cookies and credentials not among
/// them. `User-Agent` and `Referer` have fields of their own. The length decides first, so that
/// few names are compared.
fn is_allowed(name: &HeaderName) -> bool {
    let name = name.as_str();
    match name.len() {
        3 => name == "via",
        4 => name == "host",
        7 => name == "referer",
        9 => matches!(name, "forwarded" | "x-real-ip"),
        10 => name == "user-agent",
        11 => matches!(name, "x-client-ip" | "x-forwarded"),
        12 => matches!(name, "content-type" | "x-request-id"),
        13 => name == "forwarded-for",
        14 => name == "content-length",
        15 => name == "x-forwarded-for",
        16 => {
            matches!(name, "x-forwarded-host" | "x-requested-with")
        }
        17 => name == "x-forwarded-proto",
        19 => name == "x-cluster-client-ip",
        _ => false,
    }
}

/// The facts of one request.
#[derive(Debug)]
pub(crate) struct RequestFacts {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) peer: Option<SocketAddr>,
    headers: Vec<(HeaderName, HeaderValue)>,
    route: OnceLock<Route>,
    size: OnceLock<usize>,
}

/// The matched route, shared with the framework where that is possible.
#[derive(Debug)]
pub(crate) enum Route {
    #[cfg(feature = "axum")]
    Axum(axum::extract::MatchedPath),
    Text(Box<str>),
}

impl RequestFacts {
    pub(crate) fn new(
        method: Method,
        uri: Uri,
        peer: Option<SocketAddr>,
        headers: &HeaderMap,
        policy: &ClientIpPolicy,
    ) -> Self {
        // Few requests carry more of the listed headers than this: one allocation.
        let mut kept = Vec::with_capacity(headers.len().min(8));
        for (name, value) in headers {
            if is_allowed(name) || policy.header() == Some(name) {
                kept.push((name.clone(), value.clone()));
            }
        }
        Self {
            method,
            uri,
            peer,
            headers: kept,
            route: OnceLock::new(),
            size: OnceLock::new(),
        }
    }

    /// Notes the matched route; the first one told stays, since it is the outermost.
    pub(crate) fn set_route(&self, route: impl FnOnce() -> Route) {
        self.route.get_or_init(route);
    }

    pub(crate) fn route(&self) -> Option<&str> {
        Some(match self.route.get()? {
            #[cfg(feature = "axum")]
            Route::Axum(route) => route.as_str(),
            Route::Text(route) => route,
        })
    }

    pub(crate) fn header(&self, name: &HeaderName) -> Option<&HeaderValue> {
        let mut headers = self.headers.iter();
        headers.find(|(n, _)| n == name).map(|(_, value)| value)
    }

    /// The headers that go into `headers` of a record, which have no field of their own.
    pub(crate) fn listed_headers(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        let own_field = |name: &HeaderName| *name == header::REFERER || *name == header::USER_AGENT;
        let headers = self.headers.iter().map(|(name, value)| (name, value));
        headers.filter(move |(name, _)| !own_field(name))
    }

    pub(crate) fn client_ip(&self, policy: &ClientIpPolicy) -> Option<IpAddr> {
        policy.resolve(self.peer.map(|peer| peer.ip()), &self.headers)
    }

    /// Heap bytes, for the bound on the queue; added up once, however many events ask.
    pub(crate) fn size(&self) -> usize {
        *self.size.get_or_init(|| {
            let uri = self.uri.path_and_query();
            let uri = uri.map_or(0, |path| path.as_str().len());
            let headers = self.headers.iter().map(|(_, value)| value.len() + 72);
            size_of::<Self>() + uri + headers.sum::<usize>()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: [&str; 17] = [
        "content-length",
        "content-type",
        "forwarded",
        "forwarded-for",
        "host",
        "referer",
        "user-agent",
        "via",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-forwarded",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-real-ip",
        "x-request-id",
        "x-requested-with",
    ];

    #[test]
    fn keeps_the_allow_list_and_the_configured_header_only() {
        let mut headers = HeaderMap::new();
        for name in ALLOWED.into_iter().chain(["my-ip"]) {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static("v"));
        }
        for name in [
            "cookie",
            "authorization",
            "proxy-authorization",
            "x-api-key",
        ] {
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static("secret"),
            );
        }
        let policy = ClientIpPolicy::new(Vec::new(), Some(HeaderName::from_static("my-ip")));
        let facts = RequestFacts::new(Method::GET, Uri::from_static("/"), None, &headers, &policy);
        assert_eq!(facts.headers.len(), ALLOWED.len() + 1);
        assert!(facts.headers.iter().all(|(_, value)| value == "v"));
    }
}
