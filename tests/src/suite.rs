//! One binary, one module a promise.

mod browser;
mod cli;
mod demo;
mod drill;
mod gate;
mod kube;
mod linux;
mod pki;
mod plugins;
mod policy;
mod process;
mod webhook;
mod world;
