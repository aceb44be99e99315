//! The keys, and how to read the page.

use crate::{app::Over, view::live::Views};
use leptos::{html, prelude::*};

/// Opens and closes a dialog with what stands over the page.
pub fn follow(dialog: NodeRef<html::Dialog>, over: RwSignal<Over>, mine: Over) {
    Effect::new(move |_| {
        let (over, Some(dialog)) = (over.get(), dialog.get()) else { return };
        if over == mine && !dialog.open() {
            let _ = dialog.show_modal();
        } else if over != mine && dialog.open() {
            dialog.close();
        }
    });
}

/// The dialog.
#[component]
pub fn Help(over: RwSignal<Over>) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    follow(dialog, over, Over::Help);
    let keys = [
        (&["/"][..], "go to the query"),
        (&["ctrl", "k"], "jump to a page, a lane, a node or a plugin"),
        (&["j"], "next decision, or next node of a path"),
        (&["k"], "previous one"),
        (&["enter"], "open"),
        (&["esc"], "close"),
        (&["p"], "stop the page, and let it go on"),
        (&["?"], "these keys"),
    ];
    let keys = keys.map(|(keys, does)| {
        let keys = keys.iter().map(|key| view! { <span class="key">{*key}</span> }).views();
        view! { <dt>{keys}</dt><dd>{does}</dd> }
    });
    view! {
        <dialog id="help" node_ref=dialog aria-labelledby="help-h" on:close=move |_| over.set(Over::Nothing)>
            <h2 id="help-h">"Keys"</h2>
            <dl class="keylist">{keys.views()}</dl>
            <h2>"A query"</h2>
            <dl class="keylist">
                <dt><code>"verdict:deny node:gen-09"</code></dt><dd>"a space means and"</dd>
                <dt><code>"-user:prom"</code></dt><dd>"a minus in front means not"</dd>
                <dt><code>"node:gen-*"</code></dt><dd>"the beginning of a name"</dd>
                <dt><code>"since:15m"</code></dt><dd>"s, m, h or d back from now"</dd>
                <dt><code>"exec"</code></dt><dd>"a bare word is looked for in user, target and reason"</dd>
            </dl>
            <div class="closing"><button class="button" type="button" on:click=move |_| over.set(Over::Nothing)>"Close"</button></div>
        </dialog>
    }
}
