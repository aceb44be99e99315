//! What is read from the gate by request: one state for waiting, one for failing with the text, one for having.

use crate::{steady::Steady, store::Store};
use gloo_net::http::{Request, Response};
use leptos::{prelude::*, task::spawn_local};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_wasm_bindgen::{Error, Serializer};
use std::{any::Any, marker::PhantomData, sync::Arc};

/// What a request came to.
#[derive(Debug, PartialEq)]
pub enum Load<T: ?Sized> {
    Waiting,
    Failed(String),
    Have(Arc<T>),
}

impl<T: ?Sized> Clone for Load<T> {
    fn clone(&self) -> Self {
        match self {
            Load::Waiting => Load::Waiting,
            Load::Failed(text) => Load::Failed(text.clone()),
            Load::Have(it) => Load::Have(Arc::clone(it)),
        }
    }
}

/// Something that is read, and read again.
pub struct Loaded<T> {
    source: Source,
    kind: PhantomData<fn() -> T>,
}

impl<T> Clone for Loaded<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Loaded<T> {}

impl<T: Send + Sync + 'static> Loaded<T> {
    /// What it came to, and again when it is read anew.
    pub fn get(self) -> Load<T> {
        known(self.source.state.get())
    }

    /// What it came to by now.
    pub fn get_untracked(self) -> Load<T> {
        known(self.source.state.get_untracked())
    }

    /// Why it could not be read again; what is shown is older than that.
    pub fn late(self) -> Option<String> {
        self.source.late.get()
    }

    /// Reads it again now.
    pub fn retry(self) {
        self.source.again.update(|times| *times = times.wrapping_add(1));
    }
}

/// Reads what is at `url`, again whenever it or `pulse` changes, and not while the page is paused.
pub fn load<T>(store: Store, url: Steady<String>, pulse: Steady<u64>) -> Loaded<T>
where
    T: DeserializeOwned + Send + Sync + 'static,
{
    let (state, late) = (RwSignal::new(Load::Waiting), RwSignal::new(None));
    let source = Source { store, url, pulse, state, late, again: RwSignal::new(0) };
    source.follow(|text| Ok(Arc::new(parse::<T>(text)?)));
    Loaded { source, kind: PhantomData }
}

type Anything = dyn Any + Send + Sync;
type Understand = fn(&str) -> Result<Arc<Anything>, String>;

/// How it is read: the same for all that is read, so that the module holds this once.
#[derive(Clone, Copy)]
struct Source {
    store: Store,
    url: Steady<String>,
    pulse: Steady<u64>,
    state: RwSignal<Load<Anything>>,
    late: RwSignal<Option<String>>,
    again: RwSignal<u64>,
}

impl Source {
    fn follow(self, understand: Understand) {
        let turn = StoredValue::new(0_u32);
        // The answer that is shown; empty for none.
        let shown = StoredValue::new(String::new());
        Effect::new(move |before: Option<String>| {
            let url = self.url.get();
            let _ = (self.pulse.get(), self.again.get());
            if before.as_ref() != Some(&url) {
                shown.set_value(String::new());
                self.state.set(Load::Waiting);
            } else if self.store.paused.get_untracked().is_some() {
                return url;
            }
            turn.update_value(|turn| *turn = turn.wrapping_add(1));
            let mine = turn.get_value();
            let asked = url.clone();
            spawn_local(async move {
                let answer = read(&asked).await;
                // Another question was asked meanwhile, or the page is gone.
                if turn.try_get_value() == Some(mine) {
                    self.take(answer, shown, understand);
                }
            });
            url
        });
    }

    fn take(self, answer: Result<String, String>, shown: StoredValue<String>, understand: Understand) {
        let before = shown.get_value();
        let taken = answer.and_then(|text| {
            if text != before {
                self.state.set(Load::Have(understand(&text)?));
                shown.set_value(text);
            }
            Ok(())
        });
        match taken {
            Ok(()) => self.late.set(None),
            Err(text) if before.is_empty() => self.state.set(Load::Failed(text)),
            Err(text) => self.late.set(Some(text)),
        }
    }
}

#[expect(clippy::expect_used, reason = "`load` is the only way in, and understands nothing but a T")]
fn known<T: Send + Sync + 'static>(load: Load<Anything>) -> Load<T> {
    match load {
        Load::Waiting => Load::Waiting,
        Load::Failed(text) => Load::Failed(text),
        Load::Have(it) => Load::Have(it.downcast().expect("of the kind that was read")),
    }
}

/// Reads JSON; a failure is a sentence.
pub async fn get<T: DeserializeOwned>(url: &str) -> Result<T, String> {
    parse(&read(url).await?)
}

/// Sends JSON, for nothing but the demo's controls.
pub async fn post<T: Serialize>(url: &str, body: &T) -> Result<(), String> {
    let body = body.serialize(&Serializer::json_compatible()).map_err(|error| error.to_string())?;
    let body = js_sys::JSON::stringify(&body).map_err(|_| UNREACHABLE.to_owned())?;
    let request = Request::post(url).header("content-type", "application/json").body(body);
    answer(request.map_err(|_| UNREACHABLE.to_owned())?.send().await).await.map(|_| ())
}

/// Understands what the gate wrote. The browser reads the JSON: it has a parser, and this module need not.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let value = js_sys::JSON::parse(text).map_err(Error::from);
    value
        .and_then(serde_wasm_bindgen::from_value)
        .map_err(|error| format!("this page does not understand the gate's answer; load it anew ({error})"))
}

async fn read(url: &str) -> Result<String, String> {
    answer(Request::get(url).send().await).await
}

async fn answer(response: Result<Response, gloo_net::Error>) -> Result<String, String> {
    let response = response.map_err(|_| UNREACHABLE.to_owned())?;
    let text = response.text().await.map_err(|_| "the gate's answer broke off; try again".to_owned())?;
    if response.ok() {
        return Ok(text);
    }
    Err(refusal(response.status(), parse(&text).ok()))
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

fn refusal(status: u16, told: Option<Refusal>) -> String {
    told.map_or_else(|| format!("the gate answered {status}; its log says why"), |refusal| refusal.error)
}

const UNREACHABLE: &str = "no answer from the gate; is pathgate running, and reachable at this address?";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_in_the_gates_own_words() {
        let told = Refusal { error: "query, byte 3: a quote is not closed".into() };
        assert_eq!(refusal(400, Some(told)), "query, byte 3: a quote is not closed");
        assert_eq!(refusal(502, None), "the gate answered 502; its log says why");
    }
}
