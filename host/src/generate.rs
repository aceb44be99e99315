//! Files that bring the gate into a cluster: text in Kubernetes' own words, with a comment on why each value is what it is.
//!
//! Pure, from checked values to text. What is printed is checked by whoever prints it, with the rules of
//! [`authorization`](crate::authorization); what cannot work is refused here with a sentence.

mod chain;
mod kubeadm;
mod pod;

pub use chain::{Api, Cache, Chain, authorization_configuration, legacy_flags};
pub use kubeadm::cluster_configuration;
pub use pod::{Pod, static_pod};

/// A string as YAML: plain where nothing in it has a meaning, else in double quotes.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '@') || c == ':';
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    if begins && !text.ends_with(':') && text.chars().all(plain) && !words.contains(&text.to_lowercase().as_str()) {
        text.to_owned()
    } else {
        // JSON's strings are YAML's, but for control characters that JSON lets stand.
        let quoted = serde_json::Value::from(text).to_string();
        let escaped = |c: char| if c.is_control() { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
        quoted.chars().map(escaped).collect()
    }
}

#[cfg(test)]
mod tests;
