//! A file to requests: YAML or JSON; one, several documents, or lists.

use super::{Request, from_object};
use serde_json::Value;

/// Reads all of them, or says everything that is wrong.
pub fn parse_many(bytes: &[u8]) -> Result<Vec<Request>, Vec<String>> {
    if bytes.len() > MAX_BYTES {
        return Err(vec![format!(
            "{} bytes are more than the {MAX_BYTES} that are read at once; split the file",
            bytes.len()
        )]);
    }
    let text = std::str::from_utf8(bytes).map_err(|error| vec![format!("is no text: {error}")])?;
    let documents = if text.trim_start().starts_with(['{', '[']) { json(text) } else { yaml(text) }?;
    let (mut requests, mut faults) = (Vec::new(), Vec::new());
    for (at, document) in documents.iter().enumerate() {
        let place = format!("document {}", at.saturating_add(1));
        for (place, object) in objects(document, place) {
            match from_object(object, &place) {
                Ok(request) => requests.push(request),
                Err(more) => faults.extend(more),
            }
        }
    }
    if faults.is_empty() { Ok(requests) } else { Err(faults) }
}

fn json(text: &str) -> Result<Vec<Value>, Vec<String>> {
    serde_json::Deserializer::from_str(text)
        .into_iter()
        .collect::<Result<_, _>>()
        .map_err(|error| vec![format!("is not JSON that can be read: {error}")])
}

fn yaml(text: &str) -> Result<Vec<Value>, Vec<String>> {
    let (mut documents, mut faults) = (Vec::new(), Vec::new());
    for (line, document) in split(text) {
        match read(document) {
            Ok(Value::Null) => {}
            Ok(value) => documents.push(value),
            // Once more with the lines before it, so that the fault is told with its line in the file.
            Err(fault) => {
                let before = "\n".repeat(line.saturating_sub(1));
                faults.push(read(&(before + document)).err().unwrap_or(fault));
            }
        }
    }
    if faults.is_empty() { Ok(documents) } else { Err(faults) }
}

/// The documents of a stream, each with the number of its first line.
fn split(text: &str) -> Vec<(usize, &str)> {
    let (mut all, mut begin, mut line, mut first) = (Vec::new(), 0, 1_usize, 1);
    let mut at = 0;
    for row in text.split_inclusive('\n') {
        let end = at + row.len();
        line = line.saturating_add(1);
        if row.trim_end() == "---" {
            all.push((first, text.get(begin..at).unwrap_or_default()));
            (begin, first) = (end, line);
        }
        at = end;
    }
    all.push((first, text.get(begin..).unwrap_or_default()));
    all.retain(|(_, it)| it.lines().any(|row| !row.trim().is_empty() && !row.trim_start().starts_with('#')));
    all
}

fn read(document: &str) -> Result<Value, String> {
    let options = serde_saphyr::options! {
        // A request has some forty values. Aliases may save typing, not multiply.
        budget: serde_saphyr::budget! {
            max_depth: 64,
            max_nodes: 4_000_000,
            max_events: 8_000_000,
            max_anchors: 100,
            max_aliases: 100,
            max_documents: 1,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 10_000, max_replay_stack_depth: 8 },
        strict_booleans: true,
    };
    serde_saphyr::from_str_with_options(document, options).map_err(|error| {
        let message = error.without_snippet().to_string();
        format!("is not YAML that can be read: {}", message.lines().next().unwrap_or_default())
    })
}

/// What is in a list, or the document itself, each with its place.
fn objects(document: &Value, place: String) -> Vec<(String, &Value)> {
    let is_list =
        matches!(document.get("kind").and_then(Value::as_str), Some("List" | "CertificateSigningRequestList"));
    let (items, inside) = match document {
        Value::Array(items) => (items, String::new()),
        Value::Object(_) if is_list => match document.get("items") {
            Some(Value::Array(items)) => (items, ".items".to_owned()),
            Some(_) | None => return vec![(format!("{place}.items"), document)],
        },
        Value::Object(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            return vec![(place, document)];
        }
    };
    items.iter().enumerate().map(|(at, item)| (format!("{place}{inside}[{at}]"), item)).collect()
}

/// 10,000 requests with managed fields are half of it.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;
