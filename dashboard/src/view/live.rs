//! Parts that change and lists, each of one type: the module holds their machinery once, and not once for each closure
//! and each kind of view.

use leptos::prelude::{AnyView, IntoAny, IntoView};

/// A part that follows its signals.
pub fn live<P: Part + 'static>(part: P) -> AnyView {
    drawn(Box::new(part))
}

fn drawn(part: Box<dyn Part>) -> AnyView {
    (move || part.draw()).into_any()
}

/// What can be drawn again: any closure that gives a view.
pub trait Part: Send {
    /// As it looks now.
    fn draw(&self) -> AnyView;
}

impl<V: IntoView, F: Fn() -> V + Send> Part for F {
    fn draw(&self) -> AnyView {
        self().into_any()
    }
}

/// Views one after the other.
pub trait Views: IntoIterator {
    /// All of them.
    fn views(self) -> Vec<AnyView>;
}

impl<I: IntoIterator<Item: IntoView>> Views for I {
    fn views(self) -> Vec<AnyView> {
        self.into_iter().map(IntoAny::into_any).collect()
    }
}
