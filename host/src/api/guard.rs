//! Who may talk to this door: pages that it served itself. A browser reaches loopback for any site that asks it to, so the
//! names in the request must be loopback's own (DNS rebinding), and nothing from another site is answered.

use hyper::{
    HeaderMap, Method,
    header::{HOST, HeaderValue, ORIGIN},
};
use std::net::IpAddr;

/// A request that is not answered, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stranger {
    /// The name in `Host` is not one of this machine's own.
    Host,
    /// It comes from a page of another site.
    Site,
}

impl Stranger {
    pub(super) const fn sentence(self) -> &'static str {
        match self {
            Stranger::Host => {
                "the name in the Host header is not of loopback: open the page as http://127.0.0.1:PORT or http://localhost:PORT"
            }
            Stranger::Site => "the request comes from a page of another site",
        }
    }
}

/// Looks at a request's headers.
///
/// # Errors
/// When it is not from a page of this door, or from a program that says it is none.
pub(super) fn check(method: &Method, headers: &HeaderMap) -> Result<(), Stranger> {
    let host = single(headers, &HOST).filter(|host| is_loopback(host)).ok_or(Stranger::Host)?;
    let origin = headers.get(ORIGIN);
    if let Some(origin) = origin
        && origin.as_bytes().strip_prefix(b"http://") != Some(host.as_bytes())
    {
        return Err(Stranger::Site);
    }
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    let navigates = headers.get("sec-fetch-mode").map(HeaderValue::as_bytes) == Some(b"navigate");
    match site {
        None | Some(b"same-origin" | b"none") => {}
        // A link to this page, from anywhere, is followed; it carries nothing and changes nothing.
        Some(_) if navigates && *method == Method::GET => {}
        Some(_) => return Err(Stranger::Site),
    }
    // What changes something is asked for by a page, and by this one.
    if !matches!(*method, Method::GET | Method::HEAD) && origin.is_none() {
        return Err(Stranger::Site);
    }
    Ok(())
}

fn single<'a>(headers: &'a HeaderMap, name: &hyper::header::HeaderName) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (Some(one), None) => one.to_str().ok(),
        _ => None,
    }
}

/// `localhost` or a loopback address, with any port: a forwarded one may differ.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((name, "")) => name,
            Some((name, port)) if is_port(port) => name,
            Some(_) | None => return false,
        },
        None => match host.split_once(':') {
            Some((name, port)) if is_port(&format!(":{port}")) => name,
            Some(_) => return false,
            None => host,
        },
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_port(text: &str) -> bool {
    text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(method: &Method, headers: &[(&'static str, &'static str)]) -> Result<(), Stranger> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        check(method, &map)
    }

    #[test]
    fn loopback_is_known_by_all_its_names_and_nothing_else_is() {
        let rows = [
            ("127.0.0.1:7070", true),
            ("127.8.0.1", true),
            ("localhost:7070", true),
            ("LOCALHOST", true),
            ("[::1]:7070", true),
            ("[::1]", true),
            ("evil.example:7070", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example", false),
            ("192.0.2.1:7070", false),
            ("127.0.0.1:port", false),
            ("[::1]x", false),
            ("", false),
        ];
        let found: Vec<_> = rows.iter().map(|(host, _)| (*host, is_loopback(host))).collect();
        assert_eq!(found, rows);
    }

    #[test]
    fn a_rebound_name_is_refused() {
        assert_eq!(ask(&Method::GET, &[("host", "rebind.example:7070")]), Err(Stranger::Host));
        assert_eq!(ask(&Method::GET, &[]), Err(Stranger::Host));
        assert_eq!(ask(&Method::GET, &[("host", "localhost"), ("host", "localhost")]), Err(Stranger::Host));
    }

    #[test]
    fn another_site_is_refused_whatever_it_asks() {
        let host = ("host", "localhost:7070");
        assert_eq!(ask(&Method::GET, &[host, ("origin", "http://evil.example")]), Err(Stranger::Site));
        assert_eq!(ask(&Method::GET, &[host, ("origin", "null")]), Err(Stranger::Site));
        assert_eq!(ask(&Method::GET, &[host, ("sec-fetch-site", "cross-site")]), Err(Stranger::Site));
        assert_eq!(ask(&Method::GET, &[host, ("sec-fetch-site", "same-site")]), Err(Stranger::Site));
        assert_eq!(ask(&Method::POST, &[host]), Err(Stranger::Site));
    }

    #[test]
    fn its_own_page_a_link_and_a_program_are_answered() {
        let host = ("host", "localhost:7070");
        assert_eq!(ask(&Method::GET, &[host]), Ok(()));
        assert_eq!(ask(&Method::GET, &[host, ("sec-fetch-site", "same-origin")]), Ok(()));
        let link = [host, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
        assert_eq!(ask(&Method::GET, &link), Ok(()));
        assert_eq!(ask(&Method::POST, &[host, ("origin", "http://localhost:7070")]), Ok(()));
    }
}
