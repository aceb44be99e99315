//! One binary, one module a promise.

mod cli;
mod demo;
mod kube;
mod linux;
mod pki;
mod plugins;
mod process;
mod webhook;
mod world;
