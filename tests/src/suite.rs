//! One binary, one module a promise.

mod cli;
mod kube;
mod linux;
mod pki;
mod plugins;
mod policy;
mod process;
mod webhook;
mod world;
