//! One binary, one module a promise.

mod break_glass;
mod browser;
mod cli;
mod csr;
mod demo;
mod drill;
mod gate;
mod generate;
mod kube;
mod linux;
mod pki;
mod plugins;
mod policy;
mod probe;
mod process;
mod replay;
mod revoke;
#[expect(clippy::indexing_slicing, reason = "a panic ends a test as well as an error does")]
mod verify;
mod webhook;
mod world;
