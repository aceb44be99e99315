//! How to read the map.

use super::lane::gate;
use crate::view::sign::mute;
use leptos::prelude::*;

/// The legend beside the map.
#[component]
pub fn Legend() -> impl IntoView {
    view! {
        <div class="legend">
            <h3>"How to read it"</h3>
            <ul>
                <li><span class="sw"><svg width="20" height="12" viewBox="0 0 20 12" aria-hidden="true"><path d="M4 0v12M10 0v12M16 0v12" stroke="var(--safe-mark)" stroke-width="3.5"/></svg></span>"proved safe"</li>
                <li><span class="sw"><svg width="20" height="12" viewBox="0 0 20 12" aria-hidden="true"><path d="M2.8.8v10.4h2.6V.8zM8.7.8v10.4h2.6V.8zM14.6.8v10.4h2.6V.8z" fill="none" stroke="var(--safe-mark)" stroke-width="1.2"/></svg></span>"asserted safe, not seen"</li>
                <li><span class="sw">{mute("unknown")}</span>"unknown: no valid evidence"</li>
                <li><span class="sw">{mute("unverified")}</span>"encrypted, peer unverified"</li>
                <li><span class="sw">{mute("exposed")}</span>"exposed"</li>
                <li><span class="sw">{mute("conflict")}</span>"sources disagree"</li>
                <li><span class="sw">{gate(false)}</span>"gate, open"</li>
                <li><span class="sw">{gate(true)}</span>"gate, refused in the last 15 min"</li>
                <li><span class="sw"><svg width="22" height="14" viewBox="0 0 22 14" aria-hidden="true"><path d="M0 1h22M0 13h22" stroke="var(--rule-2)" stroke-width="1.5"/><rect y="2" width="22" height="10" fill="var(--paper)"/><path d="M0 7h22" stroke="var(--ink-3)"/></svg></span>"shaded: inside a tunnel"</li>
                <li><span class="sw"><svg width="22" height="8" viewBox="0 0 22 8" aria-hidden="true"><path d="M0 2h9" stroke="var(--ink-3)" stroke-width="1"/><path d="M11 2h11" stroke="var(--ink-3)" stroke-width="4"/></svg></span>"thicker: more traffic"</li>
            </ul>
        </div>
    }
}
