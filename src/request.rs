//! What the layer keeps of a request: one copy of what may leave the app, nothing formatted.

use std::borrow::Cow;
use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, Method, Uri, header};

use crate::client_ip::ClientIpPolicy;

/// The headers that may leave the app, besides a configured one; cookies and credentials are not
/// among them.
const LISTED: [&str; 17] = [
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

/// What a part of [`RequestFacts::text`] is: a header of [`LISTED`] by its place, or one of these.
type Kind = u8;
const IP_HEADER: Kind = 0xff;
const TARGET: Kind = 0xfe;
const SCHEME: Kind = 0xfd;
const AUTHORITY: Kind = 0xfc;
const ROUTE: Kind = 0xfb;
const METHOD: Kind = 0xfa;
/// For the answer to a blocked request: stays in the app.
const ACCEPT: Kind = 0xf9;

/// Room for the headers that most requests have, so that one allocation does.
const USUAL_HEADERS: usize = 256;
/// The largest buffer that is kept for the next request.
const MAX_SPARE: usize = 1_024;

thread_local! {
    /// The buffer of a request that is over, for the next one of this thread.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Adds a part behind its kind and length.
fn add(text: &mut Vec<u8>, kind: Kind, part: &[u8]) {
    // Servers bound a request's head far below 4 GiB.
    let Ok(length) = u32::try_from(part.len()) else {
        return;
    };
    let [a, b, c, d] = length.to_le_bytes();
    text.extend_from_slice(&[kind, a, b, c, d]);
    text.extend_from_slice(part);
}

/// The place of a name in [`LISTED`]. The length decides first, and what is left to compare is of
/// a length known to the compiler.
fn listed(name: &str) -> Option<Kind> {
    Some(match (name.len(), name) {
        (3, "via") => 7,
        (4, "host") => 4,
        (7, "referer") => 5,
        (9, "forwarded") => 2,
        (9, "x-real-ip") => 14,
        (10, "user-agent") => 6,
        (11, "x-client-ip") => 8,
        (11, "x-forwarded") => 10,
        (12, "content-type") => 1,
        (12, "x-request-id") => 15,
        (13, "forwarded-for") => 3,
        (14, "content-length") => 0,
        (15, "x-forwarded-for") => 11,
        (16, "x-forwarded-host") => 12,
        (16, "x-requested-with") => 16,
        (17, "x-forwarded-proto") => 13,
        (19, "x-cluster-client-ip") => 9,
        _ => return None,
    })
}

/// The facts of one request.
///
/// The text is copied rather than shared: a server's header values and URI are slices of its read
/// buffer, so that one event in the queue would hold all of that, and the queue's bound in bytes
/// would say little.
#[derive(Debug)]
pub(crate) struct RequestFacts {
    pub(crate) peer: Option<SocketAddr>,
    /// Parts, each behind its kind and length.
    text: Vec<u8>,
}

/// What a request consists of, for [`RequestFacts::new`].
#[derive(Debug)]
pub(crate) struct Source<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) route: Option<&'a str>,
    /// Whether the answer may have to suit `Accept`.
    pub(crate) keep_accept: bool,
}

impl RequestFacts {
    pub(crate) fn new(source: &Source<'_>, policy: &ClientIpPolicy) -> Self {
        let uri = source.uri;
        let target = uri.path_and_query().map_or("", |target| target.as_str());
        let route = source.route.unwrap_or_default();
        let mut text = SPARE.try_with(Cell::take).unwrap_or_default();
        text.reserve(target.len() + route.len() + USUAL_HEADERS);
        add(&mut text, METHOD, source.method.as_str().as_bytes());
        add(&mut text, TARGET, target.as_bytes());
        if !route.is_empty() {
            add(&mut text, ROUTE, route.as_bytes());
        }
        if let Some(scheme) = uri.scheme_str() {
            add(&mut text, SCHEME, scheme.as_bytes());
        }
        if let Some(authority) = uri.authority() {
            add(&mut text, AUTHORITY, authority.as_str().as_bytes());
        }
        for (name, value) in source.headers {
            let other = || match name {
                _ if policy.header() == Some(name) => Some(IP_HEADER),
                &header::ACCEPT if source.keep_accept => Some(ACCEPT),
                _ => None,
            };
            if let Some(kind) = listed(name.as_str()).or_else(other) {
                add(&mut text, kind, value.as_bytes());
            }
        }
        Self {
            peer: source.peer,
            text,
        }
    }

    fn parts(&self) -> impl Iterator<Item = (Kind, &[u8])> {
        let mut rest = self.text.as_slice();
        std::iter::from_fn(move || {
            let (kind, after) = rest.split_first()?;
            let (length, after) = after.split_first_chunk()?;
            let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
            let (part, after) = after.split_at_checked(length)?;
            rest = after;
            Some((*kind, part))
        })
    }

    fn part(&self, wanted: Kind) -> Option<&[u8]> {
        let mut parts = self.parts();
        parts
            .find(|(kind, _)| *kind == wanted)
            .map(|(_, part)| part)
    }

    fn text(&self, wanted: Kind) -> Option<Cow<'_, str>> {
        self.part(wanted).map(String::from_utf8_lossy)
    }

    /// Path and query as the client sent them.
    fn target(&self) -> (Cow<'_, str>, Option<Cow<'_, str>>) {
        let target = self.part(TARGET).unwrap_or_default();
        let (path, query) = match target.iter().position(|byte| *byte == b'?') {
            Some(at) => (&target[..at], target.get(at + 1..)),
            None => (target, None),
        };
        (
            String::from_utf8_lossy(path),
            query.map(String::from_utf8_lossy),
        )
    }

    pub(crate) fn method(&self) -> Cow<'_, str> {
        self.text(METHOD).unwrap_or_default()
    }

    /// The path; `OPTIONS *` has none, or the star itself.
    pub(crate) fn path(&self) -> Cow<'_, str> {
        let (path, _) = self.target();
        if path.is_empty() { "/".into() } else { path }
    }

    pub(crate) fn query(&self) -> Option<Cow<'_, str>> {
        self.target().1
    }

    pub(crate) fn scheme(&self) -> Option<Cow<'_, str>> {
        self.text(SCHEME)
    }

    /// The URI's host and port, without user and password.
    pub(crate) fn authority(&self) -> Option<Cow<'_, str>> {
        let authority = self.part(AUTHORITY)?;
        let host = authority.rsplit(|byte| *byte == b'@').next();
        host.map(String::from_utf8_lossy)
    }

    /// The route that was known when the request came.
    pub(crate) fn route(&self) -> Option<Cow<'_, str>> {
        self.text(ROUTE)
    }

    /// The first value of a listed header.
    pub(crate) fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        self.text(listed(name)?)
    }

    pub(crate) fn accept(&self) -> Option<Cow<'_, str>> {
        self.text(ACCEPT)
    }

    /// The headers of a record, which have no field of their own.
    pub(crate) fn headers<'a>(
        &'a self,
        policy: &'a ClientIpPolicy,
    ) -> impl Iterator<Item = (&'a str, Cow<'a, str>)> {
        self.parts().filter_map(|(kind, part)| {
            let listed = LISTED.get(usize::from(kind)).copied();
            let name = listed.or_else(|| {
                let configured = policy.header().map(HeaderName::as_str);
                configured.filter(|_| kind == IP_HEADER)
            })?;
            let has_own_field = matches!(name, "referer" | "user-agent");
            (!has_own_field).then(|| (name, String::from_utf8_lossy(part)))
        })
    }

    pub(crate) fn client_ip(&self, policy: &ClientIpPolicy) -> Option<IpAddr> {
        policy.resolve(self.peer.map(|peer| peer.ip()), |name| {
            let wanted = listed(name.as_str()).unwrap_or(IP_HEADER);
            let lines = self.parts().filter(|(kind, _)| *kind == wanted);
            lines.map(|(_, line)| line).collect()
        })
    }

    /// Bytes held, for the bound on the queue.
    pub(crate) fn size(&self) -> usize {
        size_of::<Self>() + self.text.capacity()
    }
}

impl Drop for RequestFacts {
    fn drop(&mut self) {
        if self.text.capacity() <= MAX_SPARE {
            let mut text = std::mem::take(&mut self.text);
            text.clear();
            // A thread that is ending needs none.
            let _ = SPARE.try_with(|spare| spare.set(text));
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn facts(headers: &HeaderMap, policy: &ClientIpPolicy) -> RequestFacts {
        let source = Source {
            method: &Method::GET,
            uri: &Uri::from_static("/a?b=c"),
            peer: None,
            headers,
            route: Some("/{a}"),
            keep_accept: false,
        };
        RequestFacts::new(&source, policy)
    }

    #[test]
    fn every_listed_name_is_found() {
        for (place, name) in LISTED.iter().enumerate() {
            assert_eq!(listed(name).map(usize::from), Some(place), "{name}");
        }
        assert_eq!(listed("cookie"), None);
    }

    #[test]
    fn keeps_the_listed_headers_and_the_configured_one_only() {
        let mut headers = HeaderMap::new();
        for name in LISTED.into_iter().chain(["my-ip"]) {
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
        let facts = facts(&headers, &policy);
        let kept = facts.parts().filter(|(_, value)| *value == b"v").count();
        assert_eq!(kept, LISTED.len() + 1);
        assert!(!String::from_utf8_lossy(&facts.text).contains("secret"));
        let names: Vec<_> = facts.headers(&policy).map(|(name, _)| name).collect();
        assert!(names.contains(&"my-ip") && names.contains(&"via"));
        assert!(!names.contains(&"referer"));
    }

    #[test]
    fn reads_back_what_was_kept() {
        let facts = facts(&HeaderMap::new(), &ClientIpPolicy::default());
        assert_eq!(facts.path(), "/a");
        assert_eq!(facts.query().as_deref(), Some("b=c"));
        assert_eq!(facts.method(), "GET");
        assert_eq!(facts.route().as_deref(), Some("/{a}"));
        assert_eq!((facts.scheme(), facts.authority()), (None, None));
    }
}
