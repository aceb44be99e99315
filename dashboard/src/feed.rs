//! The gate's feed: opens it, reads it, and opens it again where it broke off. The only one that names an event source.
//!
//! The browser would connect again by itself, but silently; this page must show at once that it has lost the gate.

use crate::{
    address,
    board::PAGE,
    load::{get, parse},
    model::{Class, News},
    store::{Store, clock},
};
use leptos::{prelude::*, task::spawn_local};
use serde::de::DeserializeOwned;
use std::time::Duration;
use wasm_bindgen::{JsCast, prelude::Closure};
use web_sys::{EventSource, MessageEvent};
use wire::{DecisionPage, Summary, feed};

/// Follows the feed for as long as the page lives.
pub fn follow(store: Store) {
    let line = Line { store, turn: StoredValue::new(0), open: StoredValue::new_local(None) };
    Effect::new(move |_| {
        store.asked.track();
        store.listed.set(false);
        store.fault.set(None);
        store.update(crate::model::Model::ask);
        line.connect(0);
    });
    let tick = move || {
        store.tick();
        line.revive();
    };
    let _ = set_interval_with_handle(tick, Duration::from_secs(1));
}

#[derive(Clone, Copy)]
struct Line {
    store: Store,
    /// Which attempt counts; older ones end by themselves.
    turn: StoredValue<u32>,
    open: StoredValue<Option<Connection>, LocalStorage>,
}

/// An open event source; closed when it is let go.
struct Connection {
    source: EventSource,
    since: u64,
    _hears: Vec<Closure<dyn FnMut(MessageEvent)>>,
    _ends: Closure<dyn FnMut()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.source.close();
    }
}

impl Line {
    /// Connects after a while, unless something else began a connection before.
    fn connect(self, wait: u32) {
        self.turn.update_value(|turn| *turn = turn.wrapping_add(1));
        let mine = self.turn.get_value();
        self.open.set_value(None);
        let act = move || {
            if self.turn.try_get_value() == Some(mine) {
                spawn_local(self.attempt(mine));
            }
        };
        set_timeout(act, Duration::from_millis(u64::from(wait)));
    }

    fn again(self) {
        self.store.take(News::Lost);
        let wait = self.store.read(|model| model.patience());
        self.store.take(News::Trying);
        self.connect(wait);
    }

    /// A source that is open and silent is no connection.
    fn revive(self) {
        let silent = self.open.with_value(|open| {
            let heard = self.store.read(|model| model.heard);
            open.as_ref().is_some_and(|it| clock().saturating_sub(heard.max(it.since)) > crate::model::OVERDUE)
        });
        if silent {
            self.again();
        }
    }

    async fn attempt(self, mine: u32) {
        let asked = self.store.asked.get_untracked();
        if let Some(query) = &asked
            && !self.store.listed.get_untracked()
            && let Err(text) = self.list(query, mine).await
        {
            if self.turn.try_get_value() == Some(mine) {
                self.store.fault.set(Some(text));
                self.again();
            }
            return;
        }
        if self.turn.try_get_value() != Some(mine) {
            return;
        }
        let after = self.store.read(|model| model.place()).map(|row| row.to_string()).unwrap_or_default();
        let query = asked.as_deref().unwrap_or(QUIET);
        let url = address::with("/api/v1/events", &[("q", query), ("after", &after)]);
        match self.listen(&url) {
            Ok(connection) => self.open.set_value(Some(connection)),
            Err(_) => self.again(),
        }
    }

    /// Reads what the journal holds: each class by itself, so that refusals are not lost in what passed.
    async fn list(self, query: &str, mine: u32) -> Result<(), String> {
        for (class, limit) in [(Class::Refused, "500"), (Class::WouldRefuse, "300"), (Class::Passed, "200")] {
            let page = page(query, class, &[("limit", limit)]).await?;
            if self.turn.try_get_value() != Some(mine) {
                return Ok(());
            }
            self.store.update(|model| model.fill(page.rows, class, page.next.is_some(), page.last));
        }
        self.store.listed.set(true);
        self.store.fault.set(None);
        Ok(())
    }

    fn listen(self, url: &str) -> Result<Connection, wasm_bindgen::JsValue> {
        let source = EventSource::new(url)?;
        let mut hears = Vec::new();
        for name in NAMES {
            let hear = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| self.hear(name, &event));
            source.add_event_listener_with_callback(name, hear.as_ref().unchecked_ref())?;
            hears.push(hear);
        }
        let ends = Closure::<dyn FnMut()>::new(move || self.broken());
        source.set_onerror(Some(ends.as_ref().unchecked_ref()));
        Ok(Connection { source, since: clock(), _hears: hears, _ends: ends })
    }

    fn hear(self, name: &str, event: &MessageEvent) {
        let text = event.data().as_string().unwrap_or_default();
        let news = match name {
            feed::DECISION | feed::GAP | feed::EVENT | feed::CSR => read(&text).map(News::Row),
            feed::EXPIRED => read(&text).map(News::Expired),
            feed::REPLACED => read(&text).map(News::Replaced),
            feed::BEAT => read(&text).map(|beat| News::Beat(event.last_event_id().parse().ok(), beat)),
            feed::SUMMARY => read(&text).map(News::Summary),
            feed::DEMO => read(&text).map(News::Demo),
            feed::DROPPED => Some(News::Dropped),
            _ => None,
        };
        match news {
            Some(News::Dropped) => self.again(),
            Some(news) => self.store.take(news),
            // INVARIANT: what cannot be read is not shown as if it had been; the feed is a fault until it can be.
            None => self
                .store
                .fault
                .set(Some("the gate speaks a newer language than this page; load the page anew".to_owned())),
        }
    }

    fn broken(self) {
        self.again();
        if self.store.summary.with_untracked(Option::is_some) {
            return;
        }
        // An event source does not tell why; a request does.
        spawn_local(async move {
            if let Err(text) = get::<Summary>("/api/v1/summary").await {
                self.store.fault.try_set(Some(text));
            }
        });
    }
}

/// Reads the decisions of a class before a row, one page of the list.
pub async fn older(store: Store, query: &str, class: Class, before: u64) -> Result<(), String> {
    let page = page(query, class, &[("limit", &PAGE.to_string()), ("before", &before.to_string())]).await?;
    // Another question was asked meanwhile.
    if store.asked.with_untracked(|asked| asked.as_deref() == Some(query)) {
        store.update(|model| model.fill_older(page.rows, class, page.next.is_some()));
    }
    Ok(())
}

async fn page(query: &str, class: Class, more: &[(&str, &str)]) -> Result<DecisionPage, String> {
    let narrow = format!("{query} {}", class.term());
    let terms = [&[("q", narrow.trim())], more].concat();
    get(&address::with("/api/v1/decisions", &terms)).await
}

fn read<T: DeserializeOwned>(text: &str) -> Option<T> {
    parse(text).ok()
}

const NAMES: [&str; 10] = [
    feed::DECISION,
    feed::GAP,
    feed::EVENT,
    feed::CSR,
    feed::EXPIRED,
    feed::REPLACED,
    feed::BEAT,
    feed::SUMMARY,
    feed::DEMO,
    feed::DROPPED,
];
/// What a page without a list needs of the decisions: few.
const QUIET: &str = "verdict:deny";
