//! The words that the host, its command line, its journal and the dashboard share, as JSON.
//!
//! This crate grows only: a field is added with a default, never renamed, retyped or removed, because journals and open
//! browser pages hold what older versions wrote. It refuses secrets, and knows no I/O.

mod csr;
mod decision;
mod demo;
mod entry;
pub mod feed;
mod finding;
mod join;
mod paths;
mod plugin;
pub mod query;
mod request;
mod state;
mod summary;
mod ticks;

#[cfg(feature = "csr")]
pub use csr::{CsrDecision, CsrNode, CsrOpinion, CsrQuestion, CsrVerdict};
#[cfg(not(feature = "csr"))]
pub use csr::{CsrDecision, CsrVerdict};
pub use decision::{Decision, Door, Failure, Opinion, Verdict};
pub use demo::{AttackCard, Caption, Control, Demo};
pub use entry::{Entry, Event, Gap, Row};
pub use finding::{Finding, Severity};
pub use join::Join;
pub use paths::{Path, Source, Traversal};
pub use plugin::{
    Certificate, DecisionDetail, DecisionPage, Explained, FailureCount, Hit, Link, PluginActs, PluginInfo,
    PluginLimits, RuleText, Verified,
};
pub use query::Query;
pub use request::{Operator, Request, Requirement, Resource, Target};
pub use state::{LaneId, Outcome, Part, Rung, State, Strength, Witness};
pub use summary::{
    Acts, Blind, Change, ChangeKind, Check, Counts, Instance, Lane, Minute, Named, PathDetail, Pool, Sentence,
    SourceStatus, Step, Summary, Todo,
};
pub use ticks::Ticks;

#[cfg(test)]
mod golden;
