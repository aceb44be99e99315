//! A component that only authorizes, out of one that does more.
//!
//! An import costs each fresh instance two more core instances and a table, a sixth of the time of a decision, and what
//! authorizes seldom needs it: a plugin imports `crypto` to verify peers. Without the import that time is saved.

use super::{
    EncodeError, PACKAGE, VERSION, interfaces,
    rewrite::{copy, exports, is_cleanup},
    wrap,
};
use wasm_encoder::{CodeSection, ComponentSectionId, Function, FunctionSection, Module};
use wasmparser::{BinaryReaderError, Parser, Payload, TypeRef};

/// Whether [`narrow`] holds for a plugin and its snapshots: it imports something, and is byte for byte, custom sections
/// aside, what wrapping its core module makes. Another wiring could give another meaning to the same code.
pub fn can_narrow(component: &[u8]) -> bool {
    let Ok(wiring) = sections(component) else { return false };
    let Some(module) = plugin_module(&wiring) else { return false };
    let again = wrap(module);
    again.is_ok_and(|again| sections(&again).is_ok_and(|again| again == wiring))
        && without_imports(module).is_ok_and(|narrowed| narrowed.is_some())
}

/// The same plugin with `plugin` and `authorize` alone, where every import is a trap; for a snapshot of what
/// [`can_narrow`]. Nothing, if it imports nothing, or not only functions.
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

/// The core module that has the functions of both interfaces.
fn plugin_module<'a>(sections: &[(u8, &'a [u8])]) -> Option<&'a [u8]> {
    let modules = sections.iter().filter(|(id, _)| *id == u8::from(ComponentSectionId::CoreModule));
    modules.map(|(_, bytes)| *bytes).find(|module| {
        interfaces(module).is_ok_and(|found| ["plugin", "authorize"].into_iter().all(|it| found.contains(it)))
    })
}

/// What a component is made of, without its custom sections: ids and bytes, none of what is nested.
fn sections(component: &[u8]) -> Result<Vec<(u8, &[u8])>, BinaryReaderError> {
    let (mut sections, mut nested) = (Vec::new(), 0);
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload?;
        if let Some((id, range)) = payload.as_section()
            && range.start >= nested
            && let Some(bytes) = component.get(range.clone())
        {
            nested = range.end;
            sections.extend(Some((id, bytes)).filter(|(id, _)| *id != u8::from(ComponentSectionId::CoreCustom)));
        }
    }
    Ok(sections)
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
