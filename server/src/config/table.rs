//! The table of settings: help, parsing, and `config --effective` follow from it.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::public_url::PublicUrl;
use super::settings::{LogFormat, Set, Setting};
use super::values::{duration, size};
use crate::auth::{Secret, check_name, check_password};
use crate::enrich::EnrichmentFiles;
use crate::notify::{is_address, is_smtp_url};

const TIME: &str = "a time such as 30s, 5min, 12h, 90d or 1y";
const SIZE: &str = "a size such as 512KiB, 64MiB, 50GiB or 1TiB";
const COUNT: &str = "a whole number above 0";

fn count(text: &str) -> Option<usize> {
    text.parse().ok().filter(|count| *count > 0)
}

/// An address, or a network with its prefix length.
fn network(text: &str) -> Option<IpNet> {
    let text = text.trim();
    let address = || text.parse::<IpAddr>().map(IpNet::from).ok();
    text.parse().ok().or_else(address)
}

fn above_zero(text: &str) -> Option<Duration> {
    duration(text).filter(|time| !time.is_zero())
}

fn small_count(text: &str) -> Option<u32> {
    text.parse().ok().filter(|count| *count > 0)
}

fn put<T>(place: &mut T, value: Option<T>) -> Option<()> {
    *place = value?;
    Some(())
}

const fn plain(
    key: &'static str,
    default: &'static str,
    expected: &'static str,
    help: &'static str,
    set: Set,
) -> Setting {
    Setting {
        key,
        default,
        expected,
        help,
        secret: false,
        set,
    }
}

const fn secret(
    key: &'static str,
    default: &'static str,
    expected: &'static str,
    help: &'static str,
    set: Set,
) -> Setting {
    Setting {
        secret: true,
        ..plain(key, default, expected, help, set)
    }
}

/// Names and files, such as `tor=/path/tor.txt,vpn=/path/vpn.txt`.
fn lists(files: EnrichmentFiles, text: &str) -> Option<EnrichmentFiles> {
    text.split(',').try_fold(files, |files, list| {
        let (name, path) = list.trim().split_once('=')?;
        files.list(name, path).ok().filter(|_| !path.is_empty())
    })
}

/// All settings, in the order of the help.
pub(crate) static TABLE: [Setting; 32] = [
    plain(
        "addr",
        "127.0.0.1:8620",
        "an IP address and port such as 127.0.0.1:8620",
        "IP address and port to listen on",
        |s, text| put(&mut s.addr, text.parse().ok()),
    ),
    plain(
        "public_url",
        "",
        "a URL such as https://sqreen.example.com, which has no more than http or https, a host and a port",
        "where people reach the server, such as by a proxy: what the links begin with that are printed and sent",
        |s, text| put(&mut s.server.public_url, PublicUrl::parse(text).map(Some)),
    ),
    plain(
        "data_dir",
        "sqreen-data",
        "a directory",
        "where everything is kept",
        |s, text| put(&mut s.server.data_dir, Some(text.into())),
    ),
    secret(
        "ingest_token",
        "",
        "a token",
        "a token that agents of any application log in with, beside those of `token`",
        |s, text| put(&mut s.server.ingest_token, Some(Some(text.to_owned()))),
    ),
    secret(
        "api_token",
        "",
        "a token",
        "an admin's token of /api/v1 and /metrics, beside those of `token`",
        |s, text| put(&mut s.server.api_token, Some(Some(text.to_owned()))),
    ),
    plain(
        "admin_name",
        "",
        "1 to 128 letters, digits and ._%+@-",
        "the name of the first admin, who is added where no admin can sign in; else a link makes one",
        |s, text| {
            check_name(text).ok()?;
            put(&mut s.admin_name, Some(Some(text.to_owned())))
        },
    ),
    secret(
        "admin_password",
        "",
        "12 characters or more, of 1024 bytes at most",
        "the first admin's password",
        |s, text| {
            check_password(text, "").ok()?;
            put(&mut s.admin_password, Some(Some(Secret(text.to_owned()))))
        },
    ),
    plain(
        "trusted_proxies",
        "",
        "addresses or networks such as 10.0.0.0/8, separated by commas",
        "proxies that are believed who the client is, and that it came by TLS",
        |s, text| {
            let networks = text.split(',').map(network).collect();
            put(&mut s.server.trusted_proxies, networks)
        },
    ),
    plain(
        "log",
        "info",
        "one of error, warn, info, debug, trace and off",
        "the least level that is told on standard error",
        |s, text| put(&mut s.log, text.parse().ok()),
    ),
    plain(
        "log_format",
        "text",
        "text or json",
        "text, or json: one object a line",
        |s, text| {
            put(
                &mut s.log_format,
                match text {
                    "text" => Some(LogFormat::Text),
                    "json" => Some(LogFormat::Json),
                    _ => None,
                },
            )
        },
    ),
    plain(
        "tls_cert",
        "",
        "a file",
        "PEM file with the certificate and its chain: serve HTTPS; read again when it changes",
        |s, text| put(&mut s.tls_cert, Some(Some(text.into()))),
    ),
    plain(
        "tls_key",
        "",
        "a file",
        "PEM file with the certificate's private key",
        |s, text| put(&mut s.tls_key, Some(Some(text.into()))),
    ),
    plain(
        "max_connections",
        "8192",
        COUNT,
        "connections that are served at a time; further ones wait",
        |s, text| put(&mut s.max_connections, count(text)),
    ),
    plain(
        "header_timeout",
        "30s",
        TIME,
        "time for a handshake, for the headers of a request, and between two requests",
        |s, text| put(&mut s.header_timeout, above_zero(text)),
    ),
    plain(
        "body_timeout",
        "30s",
        TIME,
        "time for the body of a request",
        |s, text| put(&mut s.server.ingest.body_timeout, above_zero(text)),
    ),
    plain(
        "rate_limit",
        "",
        COUNT,
        "events of one application per second; beyond it agents that can wait are told to",
        |s, text| put(&mut s.rate_limit, small_count(text).map(Some)),
    ),
    plain(
        "rate_burst",
        "",
        COUNT,
        "events that may come at once after silence; ten times rate_limit where it is not given",
        |s, text| put(&mut s.rate_burst, small_count(text).map(Some)),
    ),
    plain(
        "drain_delay",
        "0s",
        TIME,
        "after SIGTERM, how long it goes on serving while /readyz says 503",
        |s, text| put(&mut s.drain_delay, duration(text)),
    ),
    plain(
        "drain_time",
        "5s",
        TIME,
        "after that, how long requests under way get to finish",
        |s, text| put(&mut s.drain_time, duration(text)),
    ),
    plain(
        "retention_age",
        "",
        TIME,
        "events older than this are deleted, a whole segment at a time",
        |s, text| {
            put(
                &mut s.server.store.retention_age,
                above_zero(text).map(Some),
            )
        },
    ),
    plain(
        "retention_size",
        "",
        SIZE,
        "the oldest segments are deleted while all take more than this",
        |s, text| put(&mut s.server.store.retention_bytes, size(text).map(Some)),
    ),
    plain(
        "seal_rows",
        "100000",
        COUNT,
        "events in memory that make a segment",
        |s, text| put(&mut s.server.store.seal_rows, count(text)),
    ),
    plain(
        "seal_bytes",
        "64MiB",
        SIZE,
        "bytes of events in memory that make a segment",
        |s, text| {
            put(
                &mut s.server.store.seal_bytes,
                size(text).and_then(|size| usize::try_from(size).ok()),
            )
        },
    ),
    plain(
        "seal_age",
        "1h",
        TIME,
        "time after which events in memory make a segment, however few they are",
        |s, text| put(&mut s.server.store.seal_age, above_zero(text)),
    ),
    plain(
        "dedupe_window",
        "24h",
        TIME,
        "how long an event that is sent again is known by its id",
        |s, text| put(&mut s.server.store.dedupe_window, duration(text)),
    ),
    plain(
        "dedupe_ids",
        "4000000",
        COUNT,
        "the most ids that are remembered for that, at 11 to 15 bytes each",
        |s, text| put(&mut s.server.store.dedupe_ids, count(text)),
    ),
    secret(
        "smtp_url",
        "",
        "a URL such as smtps://user:password@mail.example.com or smtp://mail.example.com:587?tls=required",
        "the SMTP server that sends notifications by e-mail",
        |s, text| {
            let url = is_smtp_url(text).then(|| Secret(text.to_owned()));
            put(&mut s.smtp_url, url.map(Some))
        },
    ),
    plain(
        "smtp_from",
        "",
        "an address such as sqreen@example.com",
        "the address that these mails come from",
        |s, text| {
            let address = is_address(text).then(|| text.to_owned());
            put(&mut s.smtp_from, address.map(Some))
        },
    ),
    plain(
        "notify_internal",
        "false",
        "true or false",
        "whether webhooks may lead to addresses that are not on the Internet, and to plain HTTP",
        |s, text| put(&mut s.server.notify_internal, text.parse().ok()),
    ),
    plain(
        "geo_country_file",
        "",
        "a file",
        "MaxMind DB with countries of addresses; this file and the next ones are read again when they change",
        |s, text| {
            let files = s.server.enrichment.clone().country(text);
            put(&mut s.server.enrichment, Some(files))
        },
    ),
    plain(
        "geo_asn_file",
        "",
        "a file",
        "MaxMind DB with autonomous systems of addresses",
        |s, text| {
            let files = s.server.enrichment.clone().asn(text);
            put(&mut s.server.enrichment, Some(files))
        },
    ),
    plain(
        "ip_lists",
        "",
        "names and files such as tor=/path/tor.txt,vpn=/path/vpn.txt, each name of letters, digits and ._- and once",
        "lists of addresses and networks, one a line, whose names events have in `network`",
        |s, text| {
            let files = lists(s.server.enrichment.clone(), text);
            put(&mut s.server.enrichment, files)
        },
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    #[test]
    fn the_readme_tells_every_setting_and_its_default() {
        let readme = include_str!("../../../README.md");
        for setting in &TABLE {
            let key = format!("`{}`", setting.key);
            let told = readme.lines().find(|line| {
                line.starts_with("| ")
                    && line
                        .split('|')
                        .nth(1)
                        .is_some_and(|keys| keys.contains(&key))
            });
            let told = told.unwrap_or_else(|| panic!("{key} is not told"));
            let default = format!("`{}`", setting.default);
            assert!(
                setting.default.is_empty() || told.contains(&default),
                "{told}"
            );
        }
    }

    #[test]
    fn the_defaults_told_are_those_that_hold() {
        let mut told = Settings::new();
        for setting in TABLE.iter().filter(|setting| !setting.default.is_empty()) {
            assert!(
                (setting.set)(&mut told, setting.default).is_some(),
                "{}",
                setting.key
            );
        }
        assert_eq!(format!("{told:?}"), format!("{:?}", Settings::new()));
    }
}
