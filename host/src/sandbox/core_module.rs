//! From a core module that carries its interface to a component; or why there is none to be made of it.

use std::path::Path;

use wasmparser::{ExternalKind, KnownCustom, Parser, Payload};

use super::component::LoadError;
use super::{foreign, preview1};

/// A component: the bytes themselves, or the one made of a core module that carries its interface.
///
/// # Errors
/// Where the bytes are neither.
pub fn componentize(bytes: Vec<u8>) -> Result<Vec<u8>, LoadError> {
    foreign::check(&bytes, Path::new(""))?;
    if Parser::is_component(&bytes) {
        return Ok(bytes);
    }
    let wrap = |error: anyhow::Error| LoadError::Wrap(format!("{error:#}"));
    let core = CoreModule::read(&bytes);
    if !core.describes_itself {
        return Err(LoadError::Wrap(core.why_not().to_owned()));
    }
    let mut encoder = wit_component::ComponentEncoder::default();
    let mut encoder = encoder.validate(true).module(&bytes).map_err(wrap)?;
    if core.wants_preview1 {
        encoder = preview1::module().and_then(|adapter| encoder.adapter(preview1::NAME, &adapter)).map_err(wrap)?;
    }
    encoder.encode().map_err(wrap)
}

/// What matters of a core module before it is made a component.
#[derive(Default)]
struct CoreModule {
    /// Whether it carries its interface.
    describes_itself: bool,
    /// Whether it imports anything of WASI preview 1.
    wants_preview1: bool,
    /// It has an entry point, as programs have.
    is_program: bool,
    /// It imports what a browser's glue code offers.
    is_for_browsers: bool,
    is_emscripten: bool,
    /// It is yet to be linked.
    is_object: bool,
}

impl CoreModule {
    /// Reads as far as the bytes are valid: what is wrong with them, their encoder says.
    fn read(bytes: &[u8]) -> CoreModule {
        let mut module = CoreModule::default();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload {
                Ok(Payload::CustomSection(section)) => {
                    module.describes_itself |= section.name().starts_with("component-type");
                    module.is_object |= matches!(section.as_known(), KnownCustom::Linking(_) | KnownCustom::Dylink0(_));
                }
                Ok(Payload::ImportSection(imports)) => {
                    for import in imports.into_imports().filter_map(Result::ok) {
                        module.wants_preview1 |= import.module == preview1::NAME;
                        module.is_for_browsers |=
                            matches!(import.module, "wbg" | "gojs") || import.module.starts_with("__wbindgen");
                        module.is_emscripten |= import.name.starts_with("emscripten_");
                    }
                }
                Ok(Payload::ExportSection(exports)) => {
                    for export in exports.into_iter().filter_map(Result::ok) {
                        module.is_program |= export.kind == ExternalKind::Func && export.name == "_start";
                        module.is_emscripten |= export.name.starts_with("emscripten_");
                    }
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
        module
    }

    /// Why no component can be made of one that does not carry its interface.
    fn why_not(&self) -> &'static str {
        if self.is_object {
            "it is an object file or a shared library, to be linked with others"
        } else if self.is_for_browsers {
            "it was made for a browser"
        } else if self.is_emscripten {
            "it was made by Emscripten, for a browser or Node"
        } else if self.is_program {
            "it is a program of its own (it exports `_start`), and a handler is a library: `-mexec-model=reactor` in C, \
             `-buildmode=c-shared` in Go, `crate-type = [\"cdylib\"]` in Rust"
        } else {
            "it does not say what its interface is"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_module_without_an_interface_is_told_what_it_is() {
        let cases = [
            (r#"(module (func (export "handle")))"#, "it does not say what its interface is"),
            (r#"(module (func (export "_start")))"#, "it is a program of its own (it exports `_start`)"),
            (r#"(module (import "wbg" "log" (func)))"#, "it was made for a browser"),
            (r#"(module (import "gojs" "runtime.wasmExit" (func)))"#, "it was made for a browser"),
            (r#"(module (import "env" "emscripten_resize_heap" (func)))"#, "it was made by Emscripten"),
            ("(module (@custom \"linking\" \"\\02\"))", "it is an object file or a shared library"),
        ];
        for (text, expected) in cases {
            let error = componentize(wat::parse_str(text).unwrap()).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        assert!(componentize(wat::parse_str("(component)").unwrap()).is_ok());
    }
}
