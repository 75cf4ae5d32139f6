//! Counts the types of a component, which can nest, with an explicit stack. Recursion could exhaust the thread's stack.

use wasmparser::{
    BinaryReader, ComponentAlias, ComponentExternName, ComponentImport, ComponentType, ComponentTypeRef, CoreType,
    FromReader,
};

use super::{MAX_NESTING, malformed, too_deep};
use crate::invalid_bytes::InvalidBytes;

/// First byte of component types and instance types. All other types have no declarations, and reading them does not
/// recurse.
const COMPONENT: u8 = 0x41;
const INSTANCE: u8 = 0x42;

/// Counts the types of a section, including nested ones.
pub(super) fn count_types(mut reader: BinaryReader<'_>) -> Result<u64, InvalidBytes> {
    let mut found = 0;
    // Number of unread declarations at each level, starting with the section.
    let mut remaining = vec![reader.read_var_u32().map_err(malformed)?];
    while let Some(count) = remaining.last_mut() {
        if *count == 0 {
            remaining.pop();
            continue;
        }
        *count -= 1;
        if remaining.len() > 1 && !is_type(&mut reader)? {
            continue;
        }
        found += 1;
        if let Some(inner) = declarations(&mut reader).map_err(malformed)? {
            if remaining.len() > MAX_NESTING {
                return Err(too_deep("types"));
            }
            remaining.push(inner);
        }
    }
    Ok(found)
}

/// Reads a declaration; returns whether it is a type, of which only the kind is read.
fn is_type(reader: &mut BinaryReader<'_>) -> Result<bool, InvalidBytes> {
    match reader.read_u8().map_err(malformed)? {
        0x00 => skip::<CoreType<'_>>(reader)?,
        0x01 => return Ok(true),
        0x02 => skip::<ComponentAlias<'_>>(reader)?,
        0x03 => skip::<ComponentImport<'_>>(reader)?,
        0x04 => {
            skip::<ComponentExternName<'_>>(reader)?;
            skip::<ComponentTypeRef>(reader)?;
        }
        other => return Err(InvalidBytes::Malformed(format!("invalid declaration 0x{other:x} in a type"))),
    }
    Ok(false)
}

fn skip<'a, T: FromReader<'a>>(reader: &mut BinaryReader<'a>) -> Result<(), InvalidBytes> {
    reader.read::<T>().map(drop).map_err(malformed)
}

/// Reads a type. If it has declarations, reads and returns only their number.
fn declarations(reader: &mut BinaryReader<'_>) -> wasmparser::Result<Option<u32>> {
    let mut ahead = reader.clone();
    if matches!(ahead.read_u8()?, COMPONENT | INSTANCE) {
        let count = ahead.read_var_u32()?;
        *reader = ahead;
        return Ok(Some(count));
    }
    reader.read::<ComponentType<'_>>()?;
    Ok(None)
}
