//! One binary, one module a promise.

mod kube;
mod linux;
mod pki;
mod process;
mod world;
