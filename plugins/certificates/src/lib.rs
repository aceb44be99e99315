//! Certificates, for the plugins that verify peers. Owns the mechanics: path building by rustls-webpki over the host's
//! cryptography, and what Kubernetes asks beyond it. Whom a path accepts stands in the plugin of that path.
//!
//! A certificate is read twice, so the order is a rule: webpki decides first and alone grants, what is read here only refuses.
//! Time comes from the caller.

mod certificate;
mod checks;
mod crypto;
mod fault;
mod identity;
mod leaf;
mod names;
mod path;
mod shape;
mod shown;
mod trust;
mod verify;

pub use checks::{Book, Check, Objection, SHAPE, ids, told};
pub use identity::{NODE, node};
pub use leaf::Leaf;
pub use shown::{Shown, ready_serials};
pub use trust::{Peers, Sides};
pub use verify::{Question, note, verify};
