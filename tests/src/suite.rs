//! One binary, one module a promise.

mod kube;
mod linux;
mod pki;
mod plugins;
mod process;
mod world;
