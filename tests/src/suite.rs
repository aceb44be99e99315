//! One binary, one module a promise.

mod browser;
mod cli;
mod demo;
mod gate;
mod kube;
mod linux;
mod pki;
mod plugins;
mod policy;
mod process;
mod replay;
mod webhook;
mod world;
