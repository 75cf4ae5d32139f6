//! Sums and products over a whole component, and the limits for compiling it.

use super::body::BodyCost;
use crate::invalid_bytes::InvalidBytes;
use crate::limiter::{MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLE_ENTRIES, MAX_TABLES};

/// Functions in all modules. Each costs time and memory to compile. Interpreters have about 10,000.
const MAX_FUNCTIONS: u64 = 40_000;

/// Bytes of one function body. Compile time grows faster than the body: 600 KB of small branches take 8 s. The main
/// loops of interpreters have about 200 KB.
const MAX_BODY: u64 = 512 << 10;

/// Types in all modules and components.
const MAX_TYPES: u64 = 100_000;

/// Core modules of a component, each with its own code tables.
const MAX_MODULES: u64 = 200;

/// Memories in all modules. Each may have an image of its initial content, even if it is never instantiated.
const MAX_DEFINED_MEMORIES: u64 = 16;
/// Tables in all modules; see [`MAX_DEFINED_MEMORIES`].
const MAX_DEFINED_TABLES: u64 = 64;

/// Globals in all modules. Each costs some hundred bytes to compile; a Python component has 800.
const MAX_GLOBALS: u64 = 500_000;

/// Data and element segments. A JavaScript component has 10,000.
const MAX_SEGMENTS: u64 = 100_000;

/// Elements of all tables, and entries of their images: 4 bytes each. Interpreters have about 8,000.
const MAX_ELEMENTS: u64 = 1_000_000;

/// Definitions such as aliases, instances and types. A Python component has 3,000.
const MAX_ITEMS: u64 = 100_000;

/// Functions between components and modules. A Python component has 100. Each one between two components costs a
/// function that is as large as its types.
const MAX_ADAPTERS: u64 = 2_000;

/// Bytes between the first and the last initialized byte of each memory. A Python component has 13 MiB.
const MAX_IMAGE_BYTES: u64 = 128 << 20;

/// Locals of all functions. Interpreters have 50,000.
const MAX_LOCALS: u64 = 4_000_000;

/// Blocks of all functions. Interpreters have 190,000.
const MAX_BLOCKS: u64 = 4_000_000;

/// Compile time of nested loops grows with the square of their depth. Real code has 6.
const MAX_LOOP_DEPTH: u64 = 100;

/// Values passed by branches and calls, in one function and in all. Interpreters have 32,000 in one and 400,000 in all.
const MAX_EDGES_OF_ONE: u64 = 1_000_000;
/// See [`MAX_EDGES_OF_ONE`].
const MAX_EDGES: u64 = 10_000_000;

/// Locals times loops: how many values the compiler may have to track, in one function and in all. Interpreters have
/// 46,000 in one and 270,000 in all.
const MAX_LOCALS_BY_LOOPS_OF_ONE: u64 = 2_000_000;
/// See [`MAX_LOCALS_BY_LOOPS_OF_ONE`].
const MAX_LOCALS_BY_LOOPS: u64 = 20_000_000;

/// Locals times blocks: the same cost for branches that join. Interpreters have 200,000 in one and 3,000,000 in all.
const MAX_LOCALS_BY_BLOCKS_OF_ONE: u64 = 20_000_000;
/// See [`MAX_LOCALS_BY_BLOCKS_OF_ONE`].
const MAX_LOCALS_BY_BLOCKS: u64 = 200_000_000;

/// Component instances in one sandbox, including nested ones.
const MAX_COMPONENT_INSTANCES: u32 = 1_000;

/// Definitions of all instances in one sandbox, counted once per instance.
const MAX_INSTANTIATED_ITEMS: u32 = 200_000;

/// What an instance needs, including nested instances. Nested products can exceed 64 bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    pub(crate) core_instances: u128,
    pub(crate) component_instances: u128,
    pub(crate) memories: u128,
    pub(crate) tables: u128,
    /// Entries of the tables before any code has run.
    pub(crate) table_entries: u128,
    /// Aliases, adapters, types and the like. Each costs the compiler work per instance.
    pub(crate) items: u128,
}

impl Needs {
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            core_instances: self.core_instances.saturating_add(other.core_instances),
            component_instances: self.component_instances.saturating_add(other.component_instances),
            memories: self.memories.saturating_add(other.memories),
            tables: self.tables.saturating_add(other.tables),
            table_entries: self.table_entries.saturating_add(other.table_entries),
            items: self.items.saturating_add(other.items),
        }
    }
}

/// Counts of a whole component.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    /// What one sandbox needs.
    pub(super) needs: Needs,
    pub(super) modules: u64,
    pub(super) functions: u64,
    pub(super) types: u64,
    pub(super) memories: u64,
    pub(super) tables: u64,
    pub(super) globals: u64,
    pub(super) segments: u64,
    pub(super) elements: u64,
    pub(super) items: u64,
    pub(super) adapters: u64,
    /// Bytes between the first and the last initialized byte of each memory.
    pub(super) image_bytes: u64,
    /// Entries of each table up to the last initialized one.
    pub(super) filled_entries: u64,
    pub(super) largest_body: u64,
    pub(super) locals: u64,
    pub(super) most_locals: u64,
    pub(super) blocks: u64,
    pub(super) edges: u64,
    pub(super) most_edges: u64,
    pub(super) depth: u64,
    pub(super) loop_depth: u64,
    pub(super) loops_in_loops: u64,
    /// Sum over all functions of locals times loops, and the maximum.
    pub(super) locals_by_loops: u64,
    pub(super) most_locals_by_loops: u64,
    pub(super) locals_by_blocks: u64,
    pub(super) most_locals_by_blocks: u64,
}

impl Totals {
    pub(super) fn add_body(&mut self, bytes: u64, cost: &BodyCost) {
        self.largest_body = self.largest_body.max(bytes);
        self.locals = self.locals.saturating_add(cost.locals);
        self.most_locals = self.most_locals.max(cost.locals);
        self.blocks = self.blocks.saturating_add(cost.blocks);
        self.edges = self.edges.saturating_add(cost.edges);
        self.most_edges = self.most_edges.max(cost.edges);
        self.depth = self.depth.max(cost.depth);
        self.loop_depth = self.loop_depth.max(cost.loop_depth);
        self.loops_in_loops = self.loops_in_loops.saturating_add(cost.loops_in_loops);
        let by_loops = cost.locals.saturating_mul(cost.loops);
        self.locals_by_loops = self.locals_by_loops.saturating_add(by_loops);
        self.most_locals_by_loops = self.most_locals_by_loops.max(by_loops);
        let by_blocks = cost.locals.saturating_mul(cost.blocks);
        self.locals_by_blocks = self.locals_by_blocks.saturating_add(by_blocks);
        self.most_locals_by_blocks = self.most_locals_by_blocks.max(by_blocks);
    }

    /// Checks all limits.
    pub(super) fn check(&self) -> Result<(), InvalidBytes> {
        self.check_instances()?;
        for (what, found, most) in [
            ("functions", self.functions, MAX_FUNCTIONS),
            ("types", self.types, MAX_TYPES),
            ("core modules", self.modules, MAX_MODULES),
            ("memories in all modules", self.memories, MAX_DEFINED_MEMORIES),
            ("tables in all modules", self.tables, MAX_DEFINED_TABLES),
            ("globals", self.globals, MAX_GLOBALS),
            ("data and element segments", self.segments, MAX_SEGMENTS),
            ("table elements", self.elements, MAX_ELEMENTS),
            ("aliases, instances and other definitions", self.items, MAX_ITEMS),
            ("adapters", self.adapters, MAX_ADAPTERS),
            ("bytes in memory images", self.image_bytes, MAX_IMAGE_BYTES),
            ("entries in table images", self.filled_entries, MAX_ELEMENTS),
            ("bytes in one function", self.largest_body, MAX_BODY),
            ("locals", self.locals, MAX_LOCALS),
            ("blocks", self.blocks, MAX_BLOCKS),
            ("nested loops in one function", self.loop_depth, MAX_LOOP_DEPTH),
            ("values passed by branches and calls in one function", self.most_edges, MAX_EDGES_OF_ONE),
            ("values passed by branches and calls", self.edges, MAX_EDGES),
            ("locals times loops in one function", self.most_locals_by_loops, MAX_LOCALS_BY_LOOPS_OF_ONE),
            ("locals times loops in all functions", self.locals_by_loops, MAX_LOCALS_BY_LOOPS),
            ("locals times blocks in one function", self.most_locals_by_blocks, MAX_LOCALS_BY_BLOCKS_OF_ONE),
            ("locals times blocks in all functions", self.locals_by_blocks, MAX_LOCALS_BY_BLOCKS),
        ] {
            if found > most {
                return Err(InvalidBytes::TooMuch { what: what.to_owned(), most });
            }
        }
        Ok(())
    }

    fn check_instances(&self) -> Result<(), InvalidBytes> {
        for (what, found, most) in [
            ("core instances", self.needs.core_instances, MAX_CORE_INSTANCES),
            ("component instances", self.needs.component_instances, MAX_COMPONENT_INSTANCES),
            ("memories", self.needs.memories, MAX_MEMORIES),
            ("tables", self.needs.tables, MAX_TABLES),
            ("table entries", self.needs.table_entries, MAX_TABLE_ENTRIES),
            ("definitions in all instances", self.needs.items, MAX_INSTANTIATED_ITEMS),
        ] {
            if found > u128::from(most) {
                return Err(InvalidBytes::TooMany { what: what.to_owned(), found, most });
            }
        }
        Ok(())
    }
}
