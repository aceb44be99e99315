//! The words that the host, its command line, its journal and the dashboard share, as JSON.
//!
//! This crate grows only: a field is added with a default, never renamed, retyped or removed, because journals and open
//! browser pages hold what older versions wrote. It refuses secrets, and knows no I/O.

mod decision;
mod entry;
mod paths;
mod request;

pub use decision::{Decision, Door, Failure, Opinion, Verdict};
pub use entry::{Entry, Event, Gap, Row};
pub use paths::{Path, Source, Traversal};
pub use request::{Operator, Request, Requirement, Resource, Target};
