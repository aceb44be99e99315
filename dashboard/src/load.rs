//! What is read from the gate by request: one state for waiting, one for failing with the text, one for having.

use crate::store::Store;
use gloo_net::http::Request;
use leptos::{prelude::*, task::spawn_local};
use serde::{Deserialize, de::DeserializeOwned};
use std::sync::Arc;

/// What a request came to.
#[derive(Debug, PartialEq)]
pub enum Load<T> {
    Waiting,
    Failed(String),
    Have(Arc<T>),
}

impl<T> Clone for Load<T> {
    fn clone(&self) -> Self {
        match self {
            Load::Waiting => Load::Waiting,
            Load::Failed(text) => Load::Failed(text.clone()),
            Load::Have(it) => Load::Have(Arc::clone(it)),
        }
    }
}

/// Something that is read, and read again.
pub struct Loaded<T: 'static> {
    pub state: RwSignal<Load<T>>,
    /// Why it could not be read again; what is shown is older than that.
    pub late: RwSignal<Option<String>>,
    again: RwSignal<u32>,
}

impl<T> Clone for Loaded<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Loaded<T> {}

impl<T: Send + Sync + 'static> Loaded<T> {
    /// Reads it again now.
    pub fn retry(self) {
        self.again.update(|times| *times = times.wrapping_add(1));
    }
}

/// Reads what is at `url`, again whenever it or `pulse` changes, and not while the page is paused.
pub fn load<T>(store: Store, url: Memo<String>, pulse: Memo<u64>) -> Loaded<T>
where
    T: DeserializeOwned + PartialEq + Send + Sync + 'static,
{
    let loaded = Loaded { state: RwSignal::new(Load::Waiting), late: RwSignal::new(None), again: RwSignal::new(0) };
    let turn = StoredValue::new(0_u32);
    Effect::new(move |before: Option<String>| {
        let url = url.get();
        let _ = (pulse.get(), loaded.again.get());
        let other = before.as_ref() != Some(&url);
        if other {
            loaded.state.set(Load::Waiting);
        } else if store.paused.get_untracked().is_some() {
            return url;
        }
        turn.update_value(|turn| *turn = turn.wrapping_add(1));
        let mine = turn.get_value();
        let asked = url.clone();
        spawn_local(async move {
            let answer = get::<T>(&asked).await;
            // Another question was asked meanwhile, or the page is gone.
            if turn.try_get_value() != Some(mine) {
                return;
            }
            match answer {
                Ok(it) => {
                    loaded.late.set(None);
                    if loaded.state.with_untracked(|state| !matches!(state, Load::Have(held) if **held == it)) {
                        loaded.state.set(Load::Have(Arc::new(it)));
                    }
                }
                Err(text) => match loaded.state.get_untracked() {
                    Load::Have(_) => loaded.late.set(Some(text)),
                    Load::Waiting | Load::Failed(_) => loaded.state.set(Load::Failed(text)),
                },
            }
        });
        url
    });
    loaded
}

/// Reads JSON; a failure is a sentence.
pub async fn get<T: DeserializeOwned>(url: &str) -> Result<T, String> {
    let response = Request::get(url).send().await.map_err(|_| UNREACHABLE.to_owned())?;
    let text = response.text().await.map_err(|_| "the gate's answer broke off; try again".to_owned())?;
    if response.ok() {
        return serde_json::from_str(&text)
            .map_err(|error| format!("this page does not understand the gate's answer; load it anew ({error})"));
    }
    Err(refusal(response.status(), &text))
}

/// Sends JSON, for nothing but the demo's controls.
pub async fn post<T: serde::Serialize>(url: &str, body: &T) -> Result<(), String> {
    let request = Request::post(url).json(body).map_err(|error| error.to_string())?;
    let response = request.send().await.map_err(|_| UNREACHABLE.to_owned())?;
    if response.ok() {
        return Ok(());
    }
    let text = response.text().await.unwrap_or_default();
    Err(refusal(response.status(), &text))
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

fn refusal(status: u16, text: &str) -> String {
    serde_json::from_str::<Refusal>(text)
        .map_or_else(|_| format!("the gate answered {status}; its log says why"), |refusal| refusal.error)
}

const UNREACHABLE: &str = "no answer from the gate; is pathgate running, and reachable at this address?";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_in_the_gates_own_words() {
        assert_eq!(
            refusal(400, r#"{"error":"query, byte 3: a quote is not closed"}"#),
            "query, byte 3: a quote is not closed"
        );
        assert_eq!(refusal(502, "<html>"), "the gate answered 502; its log says why");
    }
}
