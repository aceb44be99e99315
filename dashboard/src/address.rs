//! Where everything is: each view, selection and filter has an address, so that it can be sent, kept and gone back to.

use wire::LaneId;

/// Decisions that answer a query.
pub fn decisions(query: &str) -> String {
    with("/decisions", &[("q", query)])
}

/// One decision, in the list of a query.
pub fn decision(id: &str, query: &str) -> String {
    with(&format!("/decisions/{}", escape(id)), &[("q", query)])
}

/// Paths that answer a query, as `map` or `table`.
pub fn paths(query: &str, view: &str) -> String {
    with("/paths", &[("q", query), ("view", if view == "map" { "" } else { view })])
}

/// One lane; with a node, that node's path.
pub fn path(lane: LaneId, node: &str) -> String {
    with(&format!("/paths/{lane}"), &[("node", node)])
}

/// One lane and a caller or target that is no node.
pub fn subject(lane: LaneId, subject: &str) -> String {
    with(&format!("/paths/{lane}"), &[("subject", subject)])
}

/// One plugin; all of them without a name.
pub fn plugin(name: &str) -> String {
    if name.is_empty() { "/plugins".into() } else { format!("/plugins/{}", escape(name)) }
}

/// An address with those parameters that say something.
pub fn with(path: &str, parameters: &[(&str, &str)]) -> String {
    let said = parameters.iter().filter(|(_, value)| !value.is_empty());
    let pairs: Vec<_> = said.map(|(key, value)| format!("{key}={}", escape(value))).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

/// A query with one more term; nothing changes if it is there.
pub fn narrowed(query: &str, term: &str) -> String {
    if query.split_whitespace().any(|it| it == term) {
        return query.trim().to_owned();
    }
    format!("{query} {term}").trim().to_owned()
}

/// A term of the query language, quoted where a space would end it.
pub fn term(key: &str, value: &str) -> String {
    if value.contains(char::is_whitespace) {
        format!("{key}:\"{}\"", value.replace('"', ""))
    } else {
        format!("{key}:{value}")
    }
}

/// Bytes that may stand in an address as they are; `:` and `/` may in a query, and are easier to read.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b':' | b'/' | b'*' => {
                escaped.push(char::from(byte));
            }
            b' ' => escaped.push_str("%20"),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_what_was_asked() {
        assert_eq!(decisions("verdict:deny user:a&b c"), "/decisions?q=verdict:deny%20user:a%26b%20c");
        assert_eq!(decision("01J", ""), "/decisions/01J");
        assert_eq!(paths("state:unknown", "table"), "/paths?q=state:unknown&view=table");
        assert_eq!(paths("", "map"), "/paths");
        assert_eq!(path(LaneId::Kubelet, "gen-09"), "/paths/kubelet?node=gen-09");
        assert_eq!(plugin("tls_bootstrap"), "/plugins/tls_bootstrap");
    }

    #[test]
    fn a_term_is_added_once() {
        assert_eq!(narrowed("since:15m", "verdict:deny"), "since:15m verdict:deny");
        assert_eq!(narrowed("since:15m verdict:deny", "verdict:deny"), "since:15m verdict:deny");
        assert_eq!(narrowed("", "verdict:deny"), "verdict:deny");
    }

    #[test]
    fn a_name_with_a_space_stays_one_term() {
        assert_eq!(term("user", "a b"), "user:\"a b\"");
        assert!(wire::Query::parse(&term("user", "a \"b")).is_ok());
    }
}
