//! From a core module, as a compiler writes it for `wasm32-unknown-unknown`, to a policy component.
//!
//! The world of the component follows from what the module exports, so an author names it nowhere. Other targets are
//! refused: a module that imports anything but `crypto` cannot become a policy component.

mod cleanup;
mod direct;
mod wiring;

pub use direct::direct;

use std::{borrow::Cow, collections::BTreeSet};
use wasm_encoder::{ComponentSection, CustomSection, Encode};
use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The contract with plugins, version 1.
pub const WIT: &str = include_str!("../../../wit/policy.wit");

/// The custom section of a component that holds its cases.
pub const CASES: &str = "pathgate:cases";

/// Why a module does not become a component.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    #[error("read the module")]
    Parse(#[source] wasmparser::BinaryReaderError),
    #[error("the module exports no `{PACKAGE}plugin{VERSION}`: build it with the SDK's `plugin!` macro")]
    NoPlugin,
    #[error("read the contract")]
    Contract(#[source] anyhow::Error),
    #[error("wrap the module into a component")]
    Wrap(#[source] anyhow::Error),
}

/// Wraps a core module; a component is given back as it is.
pub fn encode(wasm: &[u8]) -> Result<Vec<u8>, EncodeError> {
    if Parser::is_component(wasm) {
        return Ok(wasm.to_vec());
    }
    wrap(&cleanup::without_cleanups(wasm).map_err(EncodeError::Parse)?)
}

/// Wraps a core module as it is.
fn wrap(wasm: &[u8]) -> Result<Vec<u8>, EncodeError> {
    let exports = interfaces(wasm)?;
    if !exports.contains("plugin") {
        return Err(EncodeError::NoPlugin);
    }
    let exports: String = exports.iter().map(|name| format!("export {name}; ")).collect();
    let contract = format!("{WIT}\nworld built {{ import crypto; {exports}}}\n");

    let mut resolve = Resolve::default();
    let package = resolve.push_source("policy.wit", &contract).map_err(EncodeError::Contract)?;
    let world = resolve.select_world(&[package], Some("built")).map_err(EncodeError::Contract)?;
    let mut module = wasm.to_vec();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).map_err(EncodeError::Wrap)?;
    let encoder = ComponentEncoder::default().validate(true).module(&module).map_err(EncodeError::Wrap)?;
    { encoder }.encode().map_err(EncodeError::Wrap)
}

/// Adds a plugin's own cases (a JSON array of what `cases/*.json` hold): a host runs them before it lets the plugin decide.
pub fn with_cases(mut component: Vec<u8>, cases: &str) -> Vec<u8> {
    let section = CustomSection { name: Cow::Borrowed(CASES), data: Cow::Borrowed(cases.as_bytes()) };
    component.push(section.id());
    section.encode(&mut component);
    component
}

/// The interfaces of the contract that a core module exports functions of.
fn interfaces(wasm: &[u8]) -> Result<BTreeSet<&str>, EncodeError> {
    let mut interfaces = BTreeSet::new();
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::ExportSection(section) = payload.map_err(EncodeError::Parse)? {
            for export in section {
                let name = export.map_err(EncodeError::Parse)?.name;
                let interface = name.strip_prefix(PACKAGE).and_then(|rest| rest.split_once(VERSION));
                interfaces.extend(interface.filter(|(_, rest)| rest.starts_with('#')).map(|(interface, _)| interface));
            }
        }
    }
    Ok(interfaces)
}

const PACKAGE: &str = "pathgate:policy/";
const VERSION: &str = "@1.0.0";
