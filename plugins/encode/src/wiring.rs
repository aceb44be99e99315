//! How a component's modules hang together.

use super::{interfaces, wrap};
use wasm_encoder::ComponentSectionId;
use wasmparser::{BinaryReaderError, Parser};

/// Whether a component is byte for byte, custom sections aside, what wrapping its core module makes. Then so are its snapshots, and
/// they may be wired anew; another wiring could give another meaning to the same code.
pub(crate) fn is_ours(component: &[u8]) -> bool {
    let Ok(wiring) = sections(component) else { return false };
    let again = plugin_module(&wiring).and_then(|module| wrap(module).ok());
    again.is_some_and(|again| sections(&again).is_ok_and(|again| again == wiring))
}

/// The core module that has the plugin's functions.
pub(crate) fn plugin_module<'a>(sections: &[(u8, &'a [u8])]) -> Option<&'a [u8]> {
    let modules = sections.iter().filter(|(id, _)| *id == u8::from(ComponentSectionId::CoreModule));
    modules.map(|(_, bytes)| *bytes).find(|module| interfaces(module).is_ok_and(|found| found.contains("plugin")))
}

/// What a component is made of, without its custom sections: ids and bytes, none of what is nested.
pub(crate) fn sections(component: &[u8]) -> Result<Vec<(u8, &[u8])>, BinaryReaderError> {
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
