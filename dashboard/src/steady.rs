//! Values that are worked out from signals, and count as changed only when they are others than before.
//!
//! What a `Memo` is, but of one kind inside: each kind of `Memo` would bring 2 kB of machinery of its own.

use leptos::prelude::{Get, GetUntracked, Memo};
use std::{any::Any, marker::PhantomData, sync::Arc};

/// A value that stays until it is another one. Small, and copied freely.
pub struct Steady<T> {
    memo: Memo<Value>,
    kind: PhantomData<fn() -> T>,
}

impl<T> Clone for Steady<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Steady<T> {}

impl<T: PartialEq + Send + Sync + 'static> Steady<T> {
    /// Holds what this works out, from what it held before if anything.
    pub fn new(work: impl Fn(Option<&T>) -> T + Send + Sync + 'static) -> Steady<T> {
        Steady { memo: memo(Box::new(Of(work, PhantomData))), kind: PhantomData }
    }

    /// Asks the value, and again when it changes.
    pub fn with<U>(self, ask: impl FnOnce(&T) -> U) -> U {
        ask(of(&self.memo.get()))
    }

    /// Asks the value as it is now.
    pub fn with_untracked<U>(self, ask: impl FnOnce(&T) -> U) -> U {
        ask(of(&self.memo.get_untracked()))
    }
}

impl<T: Clone + PartialEq + Send + Sync + 'static> Steady<T> {
    /// The value, and again when it changes.
    pub fn get(self) -> T {
        self.with(T::clone)
    }

    /// The value as it is now.
    pub fn get_untracked(self) -> T {
        self.with_untracked(T::clone)
    }
}

type Value = Option<Arc<dyn Any + Send + Sync>>;

/// Works a value out from the one before; nothing if it is the same.
trait Work: Send + Sync {
    fn next(&self, before: &Value) -> Value;
}

/// A closure, and of what kind its values are.
struct Of<T, F>(F, PhantomData<fn() -> T>);

impl<T: PartialEq + Send + Sync + 'static, F: Fn(Option<&T>) -> T + Send + Sync> Work for Of<T, F> {
    fn next(&self, before: &Value) -> Value {
        let before = before.as_ref().and_then(|before| before.downcast_ref());
        let now = (self.0)(before);
        if before == Some(&now) { None } else { Some(Arc::new(now)) }
    }
}

fn memo(work: Box<dyn Work>) -> Memo<Value> {
    Memo::new_owning(move |before: Option<Value>| {
        let before = before.flatten();
        let now = work.next(&before);
        let changed = now.is_some();
        (now.or(before), changed)
    })
}

#[expect(clippy::expect_used, reason = "`Steady::new` is the only way in, and holds nothing but a T")]
fn of<T: 'static>(value: &Value) -> &T {
    value.as_ref().and_then(|value| value.downcast_ref()).expect("of the kind that was put in")
}
