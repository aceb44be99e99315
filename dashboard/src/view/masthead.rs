//! The line on top: which cluster, which view, what the gate does, and whether the rest can be believed.

use crate::{
    address,
    model::Link,
    place::place,
    store::{east, store},
    view::{live::live, sign::mute},
    wording,
};
use leptos::prelude::*;

/// The masthead of every page.
#[component]
pub fn Masthead() -> impl IntoView {
    let store = store();
    let cluster =
        store.part(|it| if it.cluster.is_empty() { "unnamed cluster".to_owned() } else { it.cluster.clone() });
    let version = store.part(|it| it.version.clone());
    view! {
        <header class="masthead"><div>
            <a class="brand" href="/"><svg aria-hidden="true"><use href="#mark"/></svg>"Pathgate"</a>
            <div class="cluster">
                <b id="cluster">{live(move || cluster.get())}</b>
                <span class="faint v">{live(move || { let v = version.get(); (!v.is_empty()).then(|| format!("pathgate {v}")) })}</span>
            </div>
            <Views/>
            <div class="end">
                <span class="hint faint"><span class="key">"/"</span>" search "<span class="key">"?"</span>" keys"</span>
                <SchemeButton/>
                <Mode/>
                <Live/>
            </div>
        </div></header>
    }
}

#[component]
fn Views() -> impl IntoView {
    let refused = store().part(|it| it.acts.refused);
    let path = place().path;
    let here = move |beginning: &'static str| {
        let path = path.get();
        let is = if beginning == "/" { path == "/" } else { path.starts_with(beginning) };
        is.then_some("page")
    };
    let badge = move || {
        let refused = refused.get();
        (refused > 0).then(|| {
            let label = format!("{} refused in 15 minutes", wording::count(refused));
            view! { <span class="n" role="img" aria-label=label>{wording::count(refused)}</span> }
        })
    };
    view! {
        <nav class="views" aria-label="Views">
            <a id="nav-overview" href="/" aria-current=move || here("/")>"Overview"</a>
            <a id="nav-paths" href="/paths" aria-current=move || here("/paths")>"Paths"</a>
            <a id="nav-decisions" href=address::decisions(crate::RECENT) aria-current=move || here("/decisions")>"Decisions"{live(badge)}</a>
            <a id="nav-plugins" href="/plugins" aria-current=move || here("/plugins")>"Plugins"</a>
            <a id="nav-certificates" href="/certificates" aria-current=move || here("/certificates")>"Certificates"</a>
        </nav>
    }
}

#[component]
fn Mode() -> impl IntoView {
    let plugins = store().part(|it| (it.at > 0).then_some((it.enforcing, it.shadowed)));
    live(move || {
        let (enforcing, shadowed) = plugins.get()?;
        let title = format!(
            "{} enforce, {} run in shadow",
            wording::counted(enforcing.into(), "plugin", "plugins"),
            wording::count(shadowed.into())
        );
        let (class, sign, word) = if enforcing > 0 {
            ("mode", "denied", "Enforcing")
        } else {
            ("mode is-shadow", "shadow", "Shadow: nothing is refused")
        };
        Some(view! {
            <a id="mode" class=class href="/plugins" title=title data-mode=sign>
                {mute(sign)}<span>{word}</span>
            </a>
        })
    })
}

#[component]
fn Live() -> impl IntoView {
    let store = store();
    let silence = move || wording::age(store.silence.get());
    let class = move || match (store.link.get(), store.paused.get()) {
        (Link::Live, None) => "live",
        (Link::Live, Some(_)) => "live is-paused",
        (Link::Connecting | Link::Lost { .. }, _) => "live is-stale",
    };
    let says = move || {
        match (store.link.get(), store.paused.get()) {
        (Link::Connecting, _) => view! { <span class="w">"Connecting"</span> }.into_any(),
        (Link::Lost { .. }, _) => {
            view! { <span class="w">"No news for "<b>{live(silence)}</b><span class="wide">", trying again"</span></span> }
                .into_any()
        }
        (Link::Live, Some(at)) => {
            view! { <span class="w">"Paused at "<b>{wording::clock(at, east())}</b></span> }.into_any()
        }
        (Link::Live, None) => {
            view! { <span class="w"><span class="wide">"Live, "</span><b>{live(silence)}</b>" old"</span> }.into_any()
        }
    }
    };
    let link = move || match store.link.get() {
        Link::Connecting => "connecting",
        Link::Live => "live",
        Link::Lost { .. } => "lost",
    };
    view! {
        <span id="live" class=class data-link=link><i></i>{live(says)}</span>
        {live(move || store.paused.get().map(|_| view! {
            <button id="go-live" class="button" type="button" on:click=move |_| store.pause()>"Go live"</button>
        }))}
        <span class="hide" role="status">
            {live(move || matches!(store.link.get(), Link::Lost { .. }).then_some("The connection to the gate is lost. Nothing on this page is counted as safe."))}
        </span>
    }
}

/// Light, dark, or what the system says.
#[component]
fn SchemeButton() -> impl IntoView {
    let scheme = RwSignal::new(crate::scheme::stored());
    let next = move |_| {
        let next = scheme.get_untracked().next();
        crate::scheme::wear(next);
        scheme.set(next);
    };
    view! {
        <button id="scheme" class="icon" type="button" on:click=next
            aria-label=move || format!("Colours: {}. Change.", scheme.get().says()) title=move || format!("Colours: {}", scheme.get().says())>
            <svg class="sign" aria-hidden="true"><use href=move || format!("#scheme-{}", scheme.get().word())/></svg>
        </button>
    }
}
