//! Where people reach the server.

use std::fmt;
use std::net::Ipv6Addr;

use axum::http::Uri;

/// Where people reach the server: scheme, host and perhaps port, without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicUrl(String);

impl PublicUrl {
    /// Reads `http://` or `https://`, a host and perhaps a port; a slash may follow, and nothing else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.strip_suffix('/').unwrap_or(text);
        let uri: Uri = text.parse().ok()?;
        let scheme = uri
            .scheme_str()
            .filter(|name| ["http", "https"].contains(name))?;
        let authority = uri.authority()?;
        let host = authority.host();
        let port = authority.port_u16();
        let port = port.map_or_else(String::new, |port| format!(":{port}"));
        let whole = format!("{scheme}://{host}{port}");
        // What is in neither, such as a user, a path or a query, makes a difference.
        (is_host(host) && whole == text).then_some(Self(whole))
    }
}

fn is_host(host: &str) -> bool {
    let v6 = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match v6 {
        Some(v6) => v6.parse::<Ipv6Addr>().is_ok(),
        None => {
            let of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            !host.is_empty() && host.bytes().all(of_name)
        }
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is no URL that people can reach a server under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrlError(pub(super) String);

impl fmt::Display for PublicUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(url) = self;
        let expected = "http or https, a host and perhaps a port, and nothing else";
        write!(f, "public_url: {url:?} is not {expected}")
    }
}

impl std::error::Error for PublicUrlError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_scheme_a_host_and_a_port_alone() {
        for (text, url) in [
            ("https://sqreen.example.com", "https://sqreen.example.com"),
            ("https://sqreen.example.com/", "https://sqreen.example.com"),
            ("http://10.0.0.1:8620", "http://10.0.0.1:8620"),
            ("https://[2001:db8::1]:8443/", "https://[2001:db8::1]:8443"),
        ] {
            assert_eq!(PublicUrl::parse(text).unwrap().to_string(), url);
        }
        for text in [
            "",
            "/",
            "sqreen.example.com",
            "ftp://sqreen.example.com",
            "https://",
            "https:///",
            "https://:443",
            "https://sqreen.example.com:",
            "https://sqreen.example.com:99999",
            "https://sqreen.example.com//",
            "https://sqreen.example.com/sqreen",
            "https://sqreen.example.com?a=b",
            "https://sqreen.example.com#a",
            "https://ann@sqreen.example.com",
            "https://sqreen example.com",
            "https://a|b",
            "https://<a>",
            "https://[2001:db8]",
        ] {
            assert_eq!(PublicUrl::parse(text), None, "{text:?}");
        }
    }
}
