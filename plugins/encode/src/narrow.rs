//! A component that only authorizes, out of one that does more.
//!
//! An import costs each fresh instance two more core instances and a table, a fifth of the time of a decision, and what
//! authorizes seldom needs it: a plugin imports `crypto` to verify peers. Without the import that time is saved.

use super::{EncodeError, PACKAGE, VERSION, encode, exports};
use std::ops::Range;
use wasm_encoder::{CodeSection, ExportSection, Function, FunctionSection, Module, RawSection};
use wasmparser::{BinaryReaderError, Parser, Payload, TypeRef};

/// The same plugin with `plugin` and `authorize` alone, where every import is a trap. Nothing, if that saves nothing or
/// the component is not made like ours: of one core module with all the exports, which imports functions only.
///
/// What it answers is what the whole would answer. What traps may have wanted an import: ask the whole.
///
/// # Errors
/// When the component cannot be read, or not be wrapped again.
pub fn narrow(component: &[u8]) -> Result<Option<Vec<u8>>, EncodeError> {
    let Some(module) = plugin_module(component)? else { return Ok(None) };
    let Some(module) = without_imports(module).map_err(EncodeError::Parse)? else { return Ok(None) };
    encode(&module).map(Some)
}

/// The core module that the component's exports come from.
fn plugin_module(component: &[u8]) -> Result<Option<&[u8]>, EncodeError> {
    for payload in Parser::new(0).parse_all(component) {
        if let Payload::ModuleSection { unchecked_range, .. } = payload.map_err(EncodeError::Parse)? {
            let Some(module) = component.get(unchecked_range) else { continue };
            if ["plugin", "authorize"].into_iter().all(|it| exports(module).is_ok_and(|found| found.contains(it))) {
                return Ok(Some(module));
            }
        }
    }
    Ok(None)
}

/// Imported functions come first in the index space. Replaced by functions that stand first, they leave every index as it
/// is, and the rest of the module can be taken byte for byte.
fn without_imports(module: &[u8]) -> Result<Option<Vec<u8>>, BinaryReaderError> {
    let (mut narrowed, mut imported, mut code) = (Module::new(), Vec::new(), None);
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let TypeRef::Func(of) = import?.ty else { return Ok(None) };
                    imported.push(of);
                }
            }
            Payload::FunctionSection(section) => {
                let mut functions = FunctionSection::new();
                for of in &imported {
                    functions.function(*of);
                }
                for of in section {
                    functions.function(of?);
                }
                narrowed.section(&functions);
            }
            Payload::ExportSection(section) => {
                let mut exports = ExportSection::new();
                for export in section {
                    let export = export?;
                    if is_kept(export.name) {
                        exports.export(export.name, export.kind.into(), export.index);
                    }
                }
                narrowed.section(&exports);
            }
            Payload::CodeSectionStart { .. } => {
                let mut bodies = CodeSection::new();
                for _ in &imported {
                    let mut trap = Function::new([]);
                    trap.instructions().unreachable().end();
                    bodies.function(&trap);
                }
                code = Some(bodies);
            }
            Payload::CodeSectionEntry(body) => {
                if let (Some(code), Some(bytes)) = (&mut code, module.get(body.range())) {
                    code.raw(bytes);
                }
            }
            payload => {
                // The code's entries are over where another section begins.
                if let Some(code) = code.take() {
                    narrowed.section(&code);
                }
                copy(&mut narrowed, module, payload.as_section());
            }
        }
    }
    Ok(Some(narrowed.finish()).filter(|_| !imported.is_empty()))
}

fn copy(narrowed: &mut Module, module: &[u8], section: Option<(u8, Range<usize>)>) {
    if let Some((id, data)) = section.and_then(|(id, range)| Some((id, module.get(range)?))) {
        narrowed.section(&RawSection { id, data });
    }
}

/// Whether an export stays: what `plugin` and `authorize` are called by, and what belongs to no interface.
fn is_kept(export: &str) -> bool {
    let interface = export.split_once(PACKAGE).and_then(|(_, rest)| rest.split_once(VERSION));
    interface.is_none_or(|(interface, _)| ["plugin", "authorize"].contains(&interface))
}
