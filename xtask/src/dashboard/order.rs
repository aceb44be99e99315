//! Puts functions that begin alike side by side: so the packer finds more that is the same, and the module is a fiftieth
//! less to load.

use std::convert::Infallible;

use wasm_encoder::{
    CodeSection, FunctionSection, Module,
    reencode::{Error, Reencode},
};
use wasmparser::{CodeSectionReader, FunctionBody, FunctionSectionReader, Parser, Payload};

/// Why a module cannot be read.
pub type Fault = Error<Infallible>;

/// The same module, with its functions in the order of their bytes.
pub fn sorted(module: &[u8]) -> Result<Vec<u8>, Fault> {
    let (mut imported, mut bodies) = (0, Vec::new());
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    imported += u32::from(matches!(import?.ty, wasmparser::TypeRef::Func(_)));
                }
            }
            Payload::CodeSectionEntry(body) => bodies.push(body),
            _ => {}
        }
    }
    let mut order: Vec<usize> = (0..bodies.len()).collect();
    order.sort_by_key(|at| bodies.get(*at).map(FunctionBody::as_bytes));
    let mut places = vec![0; order.len()];
    for (place, at) in (0..).zip(&order) {
        places.get_mut(*at).into_iter().for_each(|it| *it = place);
    }
    let mut sorted = Module::new();
    Order { imported, order, places }.parse_core_module(&mut sorted, Parser::new(0), module)?;
    Ok(sorted.finish())
}

/// Which function stands where; imported ones stay in front.
struct Order {
    imported: u32,
    /// The functions in their new order.
    order: Vec<usize>,
    /// The new place of each.
    places: Vec<u32>,
}

impl Order {
    fn all<T: Clone>(&self, list: &[T]) -> Vec<T> {
        self.order.iter().filter_map(|at| list.get(*at).cloned()).collect()
    }
}

impl Reencode for Order {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, Fault> {
        let own = function.checked_sub(self.imported).and_then(|own| usize::try_from(own).ok());
        let place = own.and_then(|own| self.places.get(own));
        Ok(place.map_or(function, |place| self.imported + place))
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), Fault> {
        let kinds = section.into_iter().collect::<Result<Vec<u32>, _>>()?;
        for kind in self.all(&kinds) {
            functions.function(self.type_index(kind)?);
        }
        Ok(())
    }

    fn parse_code_section(&mut self, codes: &mut CodeSection, section: CodeSectionReader<'_>) -> Result<(), Fault> {
        let bodies = section.into_iter().collect::<Result<Vec<FunctionBody<'_>>, _>>()?;
        for body in self.all(&bodies) {
            self.parse_function_body(codes, body)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_calls_a_function_still_calls_it() {
        // An imported function, one that calls the next one, one that calls the imported one; the second is offered.
        let module = |offered: u8, bodies: &[u8]| {
            let types_and_imports = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x02\x05\x01\0\0\0\0\x03\x03\x02\0\0";
            [types_and_imports, b"\x07\x05\x01\x01f\0".as_slice(), &[offered], b"\x0a\x0c\x02", bodies].concat()
        };
        let before = module(1, b"\x05\0\x10\x02\x01\x0b\x04\0\x10\0\x0b");
        assert_eq!(sorted(&before).unwrap(), module(2, b"\x04\0\x10\0\x0b\x05\0\x10\x01\x01\x0b"));
    }
}
