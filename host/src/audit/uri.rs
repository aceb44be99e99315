//! `requestURI`, read as kube-apiserver reads a URL.

use std::borrow::Cow;

/// A path and a query.
pub(super) struct Uri<'a> {
    path: String,
    query: &'a str,
}

impl<'a> Uri<'a> {
    /// None if it does not begin with a path, or the path has a bad escape: Go would not have taken it.
    pub(super) fn parse(text: &'a str) -> Option<Uri<'a>> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        if !path.starts_with('/') {
            return None;
        }
        Some(Uri { path: unescaped(path)?, query })
    }

    /// Without escapes and query.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Whether it is that of a resource: `/api/VERSION/…` or `/apis/GROUP/VERSION/…`.
    pub(super) fn is_resource(&self) -> bool {
        let mut parts = self.parts();
        let least = match parts.next() {
            Some("api") => 2,
            Some("apis") => 3,
            Some(_) | None => return false,
        };
        parts.nth(least - 1).is_some()
    }

    /// Whether it is one of the old paths, `/api/v1/watch/…`.
    pub(super) fn is_verb_in_path(&self) -> bool {
        let mut parts = self.parts();
        let before = if parts.next() == Some("api") { 1 } else { 2 };
        matches!(parts.nth(before), Some("watch" | "proxy"))
    }

    /// Whether these two parts follow each other.
    pub(super) fn holds(&self, first: &str, second: &str) -> bool {
        self.parts().zip(self.parts().skip(1)).any(|it| it == (first, second))
    }

    /// The first value of this key. Go leaves out pairs with a semicolon or a bad escape.
    pub(super) fn query(&self, key: &str) -> Option<String> {
        let pairs = self.query.split('&').filter(|pair| !pair.contains(';'));
        let mut values = pairs.filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let text = |it: &str| unescaped(&spaced(it));
            (text(name)? == key).then(|| text(value)).flatten()
        });
        values.next().filter(|value| !value.is_empty())
    }

    fn parts(&self) -> impl Iterator<Item = &str> {
        self.path.trim_matches('/').split('/')
    }
}

fn spaced(text: &str) -> Cow<'_, str> {
    if text.contains('+') { text.replace('+', " ").into() } else { text.into() }
}

/// What is not UTF-8 comes out as in the JSON of Go: replaced.
fn unescaped(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || char::from(bytes.next()?).to_digit(16).and_then(|it| u8::try_from(it).ok());
            out.push(digit()? * 16 + digit()?);
        } else {
            out.push(byte);
        }
    }
    Some(String::from_utf8_lossy(&out).into_owned())
}
