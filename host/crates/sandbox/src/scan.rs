//! Checks the bytes of a component before any parser that recurses, or that trusts a count in the file and allocates
//! for it: the depth of nesting, the total number of instances, and sums and products that are expensive to compile.
//!
//! The scan is iterative: its stacks are bounded, and its memory grows with the bytes read. The validator checks next.
//! Components that are still expensive are stopped by the limits of the compiling process.

mod body;
mod nesting;
mod totals;

use wasmparser::{
    BinaryReader, ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind, ComponentTypeRef,
    ConstExpr, DataKind, Encoding, FuncType, Instance, Operator, Parser, Payload, SectionLimited, TypeSectionReader,
};

use crate::invalid_bytes::{InvalidBytes, refused};
use totals::{Needs, Totals};

/// Maximum depth of nested components and modules, and of nested types. Tools nest three or four levels deep.
pub(crate) const MAX_NESTING: usize = 100;

/// Checks all limits that can be checked by counting.
pub(crate) fn scan(bytes: &[u8]) -> Result<(), InvalidBytes> {
    totals(bytes)?.check()
}

fn totals(bytes: &[u8]) -> Result<Totals, InvalidBytes> {
    let mut scan = Scan { bytes, levels: Vec::new(), known: Vec::new(), totals: Totals::default() };
    for payload in Parser::new(0).parse_all(bytes) {
        scan.payload(payload.map_err(malformed)?)?;
    }
    Ok(scan.totals)
}

fn malformed(error: wasmparser::Error) -> InvalidBytes {
    refused(&error.to_string())
}

/// A definition that can be instantiated: its index in [`Scan::known`], or `None` if it is imported.
type Definition = Option<usize>;

/// A component or module whose end has not been read yet.
struct OpenDefinition {
    encoding: Encoding,
    /// What one instance of it needs.
    needs: Needs,
    components: Vec<Definition>,
    modules: Vec<Definition>,
    module: Module,
}

/// A core module that is being read.
#[derive(Default)]
struct Module {
    /// Number of parameters and results of each function type.
    arities: Vec<body::Arity>,
    /// Start and end of the initial data of each memory.
    images: Vec<(u64, u64)>,
    /// Number of initialized entries of each table.
    filled: Vec<u64>,
}

struct Scan<'a> {
    bytes: &'a [u8],
    levels: Vec<OpenDefinition>,
    /// What an instance of each finished component and module needs.
    known: Vec<Needs>,
    totals: Totals,
}

impl Scan<'_> {
    fn payload(&mut self, payload: Payload<'_>) -> Result<(), InvalidBytes> {
        match payload {
            Payload::Version { encoding, .. } => self.begin(encoding),
            Payload::End(_) => {
                self.end();
                Ok(())
            }
            Payload::ComponentTypeSection(section) => {
                let bytes = self.bytes.get(section.range()).unwrap_or_default();
                let types = nesting::count_types(BinaryReader::new(bytes, section.range().start))?;
                self.totals.types += types;
                self.item(types)
            }
            Payload::CoreTypeSection(section) => self.item(u64::from(section.count())),
            Payload::InstanceSection(section) => self.core_instances(section),
            Payload::ComponentInstanceSection(section) => self.component_instances(section),
            Payload::ComponentAliasSection(section) => self.aliases(section),
            Payload::ComponentImportSection(section) => {
                for import in section {
                    self.add_imported(import.map_err(malformed)?.ty)?;
                }
                Ok(())
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    let export = export.map_err(malformed)?;
                    self.add_alias(export.kind, 0, export.index)?;
                }
                Ok(())
            }
            Payload::ComponentCanonicalSection(section) => {
                self.totals.adapters += u64::from(section.count());
                self.item(u64::from(section.count()))
            }
            of_module => self.module_payload(of_module),
        }
    }

    fn module_payload(&mut self, payload: Payload<'_>) -> Result<(), InvalidBytes> {
        match payload {
            Payload::TypeSection(section) => self.function_types(section),
            Payload::FunctionSection(section) => {
                self.totals.functions += u64::from(section.count());
                Ok(())
            }
            Payload::MemorySection(section) => {
                self.totals.memories += u64::from(section.count());
                self.level()?.needs.memories += u128::from(section.count());
                Ok(())
            }
            Payload::TableSection(section) => self.tables(section),
            Payload::GlobalSection(section) => {
                self.totals.globals += u64::from(section.count());
                Ok(())
            }
            Payload::ElementSection(section) => self.elements(section),
            Payload::DataSection(section) => self.data(section),
            Payload::CodeSectionEntry(code) => {
                let arities = &self.levels.last().ok_or_else(no_component)?.module.arities;
                self.totals.add_body(code.range().len() as u64, &body::measure(&code, arities)?);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, encoding: Encoding) -> Result<(), InvalidBytes> {
        if self.levels.len() >= MAX_NESTING {
            return Err(too_deep("components and modules"));
        }
        if encoding == Encoding::Module {
            self.totals.modules += 1;
        }
        let (components, modules, needs, module) = (Vec::new(), Vec::new(), Needs::default(), Module::default());
        self.levels.push(OpenDefinition { encoding, needs, components, modules, module });
        Ok(())
    }

    fn end(&mut self) {
        let Some(OpenDefinition { encoding, needs, module, .. }) = self.levels.pop() else { return };
        let span = |(start, end): &(u64, u64)| end.saturating_sub(*start);
        self.totals.image_bytes = module.images.iter().map(span).fold(self.totals.image_bytes, u64::saturating_add);
        self.totals.filled_entries =
            module.filled.iter().copied().fold(self.totals.filled_entries, u64::saturating_add);
        let Some(outer) = self.levels.last_mut() else {
            self.totals.needs = needs;
            return;
        };
        let definition = Some(self.known.len());
        match encoding {
            Encoding::Module => outer.modules.push(definition),
            Encoding::Component => outer.components.push(definition),
        }
        self.known.push(needs);
    }

    fn level(&mut self) -> Result<&mut OpenDefinition, InvalidBytes> {
        self.levels.last_mut().ok_or_else(no_component)
    }

    /// Counts definitions, in the totals and per instance.
    fn item(&mut self, count: u64) -> Result<(), InvalidBytes> {
        self.totals.items = self.totals.items.saturating_add(count);
        let needs = &mut self.level()?.needs;
        needs.items = needs.items.saturating_add(count.into());
        Ok(())
    }

    fn core_instances(&mut self, section: SectionLimited<'_, Instance<'_>>) -> Result<(), InvalidBytes> {
        for instance in section {
            match instance.map_err(malformed)? {
                Instance::Instantiate { module_index, args } => {
                    let module = self.level()?.modules.get(module_index as usize).copied().flatten();
                    self.instantiate(module, args.len(), Needs { core_instances: 1, ..Needs::default() })?;
                }
                Instance::FromExports(exports) => self.item(1 + exports.len() as u64)?,
            }
        }
        Ok(())
    }

    fn component_instances(&mut self, section: SectionLimited<'_, ComponentInstance<'_>>) -> Result<(), InvalidBytes> {
        for instance in section {
            match instance.map_err(malformed)? {
                ComponentInstance::Instantiate { component_index, args } => {
                    let component = self.level()?.components.get(component_index as usize).copied().flatten();
                    self.instantiate(component, args.len(), Needs { component_instances: 1, ..Needs::default() })?;
                }
                ComponentInstance::FromExports(exports) => self.item(1 + exports.len() as u64)?,
            }
        }
        Ok(())
    }

    /// Counts an instance and everything in it.
    fn instantiate(&mut self, definition: Definition, args: usize, itself: Needs) -> Result<(), InvalidBytes> {
        let Some(inner) = definition.and_then(|at| self.known.get(at)).copied() else {
            return Err(InvalidBytes::Malformed(
                "it instantiates a component or module that is not defined in it, which compilers never do".to_owned(),
            ));
        };
        let needs = &mut self.level()?.needs;
        *needs = needs.and(inner).and(itself);
        self.item(1 + args as u64)
    }

    fn aliases(&mut self, section: SectionLimited<'_, ComponentAlias<'_>>) -> Result<(), InvalidBytes> {
        for alias in section {
            match alias.map_err(malformed)? {
                ComponentAlias::InstanceExport { kind: ComponentExternalKind::Component, .. } => {
                    self.level()?.components.push(None);
                }
                ComponentAlias::InstanceExport { kind: ComponentExternalKind::Module, .. } => {
                    self.level()?.modules.push(None)
                }
                ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index } => {
                    self.add_alias(ComponentExternalKind::Component, count, index)?;
                }
                ComponentAlias::Outer { kind: ComponentOuterAliasKind::CoreModule, count, index } => {
                    self.add_alias(ComponentExternalKind::Module, count, index)?;
                }
                ComponentAlias::InstanceExport { .. }
                | ComponentAlias::CoreInstanceExport { .. }
                | ComponentAlias::Outer { .. } => {}
            }
            self.item(1)?;
        }
        Ok(())
    }

    /// Adds another index for an existing definition, which is `out` levels further out.
    fn add_alias(&mut self, kind: ComponentExternalKind, out: u32, index: u32) -> Result<(), InvalidBytes> {
        let from = self.levels.len().checked_sub(1 + out as usize).and_then(|at| self.levels.get(at));
        let (index, level) = (index as usize, from.ok_or_else(no_component)?);
        match kind {
            ComponentExternalKind::Component => {
                let definition = level.components.get(index).copied().flatten();
                self.level()?.components.push(definition);
            }
            ComponentExternalKind::Module => {
                let definition = level.modules.get(index).copied().flatten();
                self.level()?.modules.push(definition);
            }
            _ => {}
        }
        self.item(1)
    }

    fn add_imported(&mut self, ty: ComponentTypeRef) -> Result<(), InvalidBytes> {
        match ty {
            ComponentTypeRef::Component(_) => self.level()?.components.push(None),
            ComponentTypeRef::Module(_) => self.level()?.modules.push(None),
            _ => {}
        }
        self.item(1)
    }

    fn function_types(&mut self, section: TypeSectionReader<'_>) -> Result<(), InvalidBytes> {
        let arity = |ty: &FuncType| body::Arity { params: ty.params().len(), results: ty.results().len() };
        for ty in section.into_iter_err_on_gc_types() {
            let arity = arity(&ty.map_err(malformed)?);
            self.totals.types += 1;
            self.level()?.module.arities.push(arity);
        }
        Ok(())
    }

    fn tables(&mut self, section: SectionLimited<'_, wasmparser::Table<'_>>) -> Result<(), InvalidBytes> {
        self.totals.tables += u64::from(section.count());
        let needs = &mut self.level()?.needs;
        needs.tables += u128::from(section.count());
        for table in section {
            needs.table_entries += u128::from(table.map_err(malformed)?.ty.initial);
        }
        Ok(())
    }

    fn data(&mut self, section: SectionLimited<'_, wasmparser::Data<'_>>) -> Result<(), InvalidBytes> {
        for data in section {
            let data = data.map_err(malformed)?;
            self.totals.segments += 1;
            let DataKind::Active { memory_index, offset_expr } = data.kind else { continue };
            let Some(start) = constant(&offset_expr).filter(|_| !data.data.is_empty()) else { continue };
            let images = &mut self.level()?.module.images;
            let Some(image) = entry(images, memory_index, (u64::MAX, 0)) else { continue };
            *image = (image.0.min(start), image.1.max(start + data.data.len() as u64));
        }
        Ok(())
    }

    fn elements(&mut self, section: SectionLimited<'_, wasmparser::Element<'_>>) -> Result<(), InvalidBytes> {
        for element in section {
            let element = element.map_err(malformed)?;
            let count = u64::from(match &element.items {
                wasmparser::ElementItems::Functions(items) => items.count(),
                wasmparser::ElementItems::Expressions(_, items) => items.count(),
            });
            self.totals.segments += 1;
            self.totals.elements = self.totals.elements.saturating_add(count);
            let wasmparser::ElementKind::Active { table_index, offset_expr } = element.kind else { continue };
            let Some(start) = constant(&offset_expr) else { continue };
            let Some(filled) = entry(&mut self.level()?.module.filled, table_index.unwrap_or(0), 0) else { continue };
            *filled = (*filled).max(start + count);
        }
        Ok(())
    }
}

/// Returns the value of an expression that is a single constant. Other values are known only at instantiation.
fn constant(expression: &ConstExpr<'_>) -> Option<u64> {
    match expression.get_operators_reader().read() {
        Ok(Operator::I32Const { value }) => Some(value.cast_unsigned().into()),
        _ => None,
    }
}

/// Returns the entry with this index, extending the list if necessary; `None` for an index that real modules never
/// have.
fn entry<T: Copy>(entries: &mut Vec<T>, index: u32, empty: T) -> Option<&mut T> {
    const MOST: usize = 1000;
    let index = index as usize;
    if index >= MOST {
        return None;
    }
    if index >= entries.len() {
        entries.resize(index + 1, empty);
    }
    entries.get_mut(index)
}

fn too_deep(what: &str) -> InvalidBytes {
    InvalidBytes::TooDeep { what: what.to_owned(), most: MAX_NESTING }
}

fn no_component() -> InvalidBytes {
    InvalidBytes::Malformed("a section is outside of every component".to_owned())
}

#[cfg(test)]
mod tests;
