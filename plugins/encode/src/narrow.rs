//! A component that only authorizes, out of one that does more.
//!
//! An import costs each fresh instance two more core instances and a table, a sixth of the time of a decision, and what
//! authorizes seldom needs it: a plugin imports `crypto` to verify peers. Without the import that time is saved.

use super::{
    EncodeError, PACKAGE, VERSION,
    rewrite::{copy, exports, is_cleanup},
    wiring::{plugin_module, sections},
    wrap,
};
use wasm_encoder::{CodeSection, Function, FunctionSection, Module};
use wasmparser::{BinaryReaderError, Parser, Payload, TypeRef};

/// The same plugin with `plugin` and `authorize` alone, where every import is a trap; for a snapshot of what
/// [`is_ours`](super::is_ours). Nothing, if it imports nothing, or not only functions.
///
/// What it answers is what the whole would answer. What reaches an import ends in a bare `unreachable`: ask the whole.
///
/// # Errors
/// When the component cannot be read, or not be wrapped again.
pub fn narrow(snapshot: &[u8]) -> Result<Option<Vec<u8>>, EncodeError> {
    let sections = sections(snapshot).map_err(EncodeError::Parse)?;
    let Some(module) = plugin_module(&sections) else { return Ok(None) };
    without_imports(module).map_err(EncodeError::Parse)?.as_deref().map(wrap).transpose()
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
                narrowed.section(&exports(section, is_kept)?);
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

/// Whether an export stays: what `plugin` and `authorize` are called by, and what belongs to no interface.
fn is_kept(export: &str) -> bool {
    let interface = export.split_once(PACKAGE).and_then(|(_, rest)| rest.split_once(VERSION));
    !is_cleanup(export) && interface.is_none_or(|(interface, _)| ["plugin", "authorize"].contains(&interface))
}
