//! The palette: jump anywhere by typing a part of its name.

use crate::{
    app::Over,
    jumps::jumps,
    load::get,
    place::place,
    steady::Steady,
    store::store,
    view::{
        help::follow,
        live::{Views, live},
        sign::mute,
    },
};
use leptos::{ev, html, prelude::*, task::spawn_local};
use wire::{PluginInfo, Summary};

/// The dialog.
#[component]
pub fn Palette(over: RwSignal<Over>) -> impl IntoView {
    let store = store();
    let dialog = NodeRef::<html::Dialog>::new();
    let (text, picked) = (RwSignal::new(String::new()), RwSignal::new(0_usize));
    let plugins = RwSignal::new(Vec::<String>::new());
    follow(dialog, over, Over::Palette);
    Effect::new(move |_| {
        if over.get() == Over::Palette {
            text.set(String::new());
            picked.set(0);
            spawn_local(async move {
                // Without an answer the palette does without their names.
                if let Ok(all) = get::<Vec<PluginInfo>>("/api/v1/plugins").await {
                    plugins.try_set(all.into_iter().map(|it| it.name).collect());
                }
            });
        }
    });
    let found = Steady::new(move |_| {
        if over.get() != Over::Palette {
            return Vec::new();
        }
        let none = Summary::default();
        store.summary.with_untracked(|it| jumps(&text.get(), it.as_deref().unwrap_or(&none), &plugins.get()))
    });
    let place = place();
    let go = move |at: usize| {
        if let Some(jump) = found.with_untracked(|it| it.get(at).cloned()) {
            over.set(Over::Nothing);
            place.go(&jump.to);
        }
    };
    let keys = move |event: ev::KeyboardEvent| {
        let count = found.with_untracked(Vec::len).max(1);
        match event.key().as_str() {
            "ArrowDown" => picked.update(|at| *at = (*at + 1) % count),
            "ArrowUp" => picked.update(|at| *at = (*at + count - 1) % count),
            "Enter" => go(picked.get_untracked()),
            _ => return,
        }
        event.prevent_default();
    };
    let list = move || {
        let items = found.get().into_iter().enumerate().map(|(at, jump)| {
            view! {
                <li role="option" id=format!("jump-{at}") aria-selected=move || (picked.get() == at).to_string() data-to=jump.to
                    on:click=move |_| go(at)>{jump.name}<span class="faint">{jump.kind}</span></li>
            }
        });
        items.views()
    };
    view! {
        <dialog id="palette" node_ref=dialog aria-label="Jump to" on:close=move |_| over.set(Over::Nothing)>
            <div class="query">{mute("find")}
                <input id="jump" type="text" role="combobox" aria-label="Jump to a page, a path, a node or a plugin" aria-expanded="true" aria-controls="jumps"
                    aria-activedescendant=move || format!("jump-{}", picked.get()) autocomplete="off" spellcheck="false" placeholder="page, path, node, plugin, or a query"
                    prop:value=text on:input=move |event| { text.set(event_target_value(&event)); picked.set(0); } on:keydown=keys/></div>
            <ul class="jumps" id="jumps" role="listbox" aria-label="Places">{live(list)}</ul>
        </dialog>
    }
}
